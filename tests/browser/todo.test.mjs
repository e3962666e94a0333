// The smallest example: one list, and two people who have it open.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { join } from "node:path";
import { test } from "node:test";
import { browse, picture, place, serveApp } from "./food_bank.mjs";
import { isOurs, says } from "./people.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const top = new URL("../../", import.meta.url).pathname;
const program = process.env.DEEDS_TODO ?? join(top, "target/debug/todo");

/** The list on the screen of one person. */
async function open(t, directory, address, person) {
  const { page, complaints } = await browse(t, directory);
  await page.goto(`${address}/?as=${person}`);
  await page.locator("[data-connection=live]").waitFor();
  const add = async (title) => {
    await page.getByLabel("What is to be done").fill(title);
    await page.getByRole("button", { name: "Add" }).click();
  };
  const task = (title) => page.getByRole("listitem").filter({ hasText: title });
  return Object.assign(page, { complaints, add, task });
}

test("a list is the same for two people, at once, and is there after a restart", async (t) => {
  const directory = await place(t);
  const first = await serveApp(t, program, directory, "--dev");
  const ada = await open(t, directory, first.address, "ada");
  const ben = await open(t, directory, first.address, "ben");
  await says(ada.locator("main"), "Nothing to do");
  await ada.add("Buy milk");
  await ben.task("Buy milk").waitFor();
  await ben.add("Water the plants");
  await ada.task("Water the plants").getByRole("checkbox").click();
  await says(ben.task("Water the plants"), "done by ada");
  assert.ok(await ben.task("Water the plants").getByRole("checkbox").isChecked());

  await ben.add(" Buy milk ");
  await says(ben.getByRole("alert"), "“Buy milk” is on the list already.");
  await ben.add("  ");
  await says(ben.getByRole("alert"), "Say what there is to do.");
  await picture(ben, "todo", 1280);
  await picture(ben, "todo", 390);
  await ben.evaluate(await readFile(AXE, "utf8"));
  const { violations } = await ben.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`), []);

  await ada.getByRole("button", { name: "Delete Buy milk" }).click();
  await ben.task("Buy milk").waitFor({ state: "detached" });
  await ben.add("Call Grandma");
  await says(ben.getByRole("alert"), /^$/);

  await first.stop();
  const [, port] = /:(\d+)$/.exec(first.address);
  await serveApp(t, program, directory, "--dev", "--listen", `127.0.0.1:${port}`);
  await ada.locator("[data-connection=live]").waitFor();
  await ada.add("Rest");
  await ben.task("Rest").waitFor();
  assert.equal(await ben.getByRole("listitem").count(), 3);
  assert.deepEqual([...ada.complaints, ...ben.complaints].filter(isOurs), []);
});
