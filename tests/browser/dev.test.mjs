// An app of one's own while it is written: what is changed in its page or its code is on the screen.

import assert from "node:assert/strict";
import { spawn, spawnSync } from "node:child_process";
import { readFile, symlink, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { atTheEnd, browse, place } from "./food_bank.mjs";
import { says } from "./people.mjs";

const top = new URL("../../", import.meta.url).pathname;
const deeds = process.env.DEEDS_CLI ?? join(top, "target/debug/deeds");

/** A build of the app, and of Deeds for it if nobody has built that yet: minutes on a busy machine. */
const BUILD_MS = 600_000;

/** `deeds dev` in an app; `says(words)` waits for a line from here on, and gives it. */
function dev(t, app) {
  const child = spawn(deeds, ["dev"], {
    cwd: app,
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, CARGO_TARGET_DIR: join(deeds, "../.."), CARGO_NET_OFFLINE: "true" },
  });
  const lines = [];
  let wake = () => {};
  for (const stream of [child.stdout, child.stderr]) {
    createInterface({ input: stream }).on("line", (line) => wake(lines.push(line)));
  }
  const ended = new Promise((resolve) => child.once("exit", resolve));
  atTheEnd(t, () => child.kill("SIGTERM") && ended);
  let from = 0;
  return async (words) => {
    const late = Date.now() + BUILD_MS;
    for (;;) {
      const at = lines.findIndex((line, index) => index >= from && line.includes(words));
      if (at >= 0) return lines[(from = at + 1) - 1];
      assert.ok(Date.now() < late && child.exitCode === null, `not \`${words}\`:\n${lines.join("\n")}`);
      await Promise.race([new Promise((resolve) => (wake = resolve)), ended, new Promise((r) => setTimeout(r, 1000))]);
    }
  };
}

async function edit(file, old, now) {
  const text = await readFile(file, "utf8");
  assert.ok(text.includes(old), old);
  await writeFile(file, text.replace(old, now));
}

test("what is changed in an app's page or code is on the screen", async (t) => {
  const directory = await place(t);
  const app = join(directory, "my-app");
  assert.equal(spawnSync(deeds, ["new", app], { stdio: "ignore" }).status, 0);
  // What the page is made with is there already, for the example.
  await symlink(join(top, "examples/todo/web/node_modules"), join(app, "web/node_modules"));
  const told = dev(t, app);
  await told(" runs at ");
  const [, address] = /(http:\S+),/.exec(await told("its page is at"));
  const { page } = await browse(t, directory);
  await page.goto(address);
  await page.locator("[data-connection=live]").waitFor();
  const add = async (title) => {
    await page.getByLabel("What is to be done").fill(title);
    await page.getByRole("button", { name: "Add" }).click();
  };
  await add("Buy milk");
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();

  await edit(join(app, "web/src/main.tsx"), "<h1>To do</h1>", "<h1>To do today</h1>");
  await page.getByRole("heading", { name: "To do today" }).waitFor();

  await edit(join(app, "src/main.rs"), "Say what there is to do.", "Say what it is.");
  await told("makes the same state as before (1 rows)");
  await told(" runs at ");
  await page.locator("[data-connection=live]").waitFor();
  await page.getByRole("listitem").filter({ hasText: "Buy milk" }).waitFor();
  await add(" ");
  await says(page.getByRole("alert"), "Say what it is.");
});
