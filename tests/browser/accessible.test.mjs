// Every page, on a desk and on a phone, held against what people need who cannot see, or use keys alone.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { test } from "node:test";
import { place, serve } from "./food_bank.mjs";
import { sender, visit } from "./people.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/** Who is where, what is there when the page is, and whether it is another one on a phone. */
const PAGES = [
  ["", ".people"],
  ["nora#/shop", ".offer[data-sku]", "phone"],
  ["nora#/warehouse", ".door"],
  ["vera#/warehouse", ".my-order", "phone"],
  ["vera#/warehouse/print", ".sheet"],
  ["ada#/admin/overview", ".tile .big", "phone"],
  ["ada#/admin/stock", "tr[data-sku]"],
  ["ada#/admin/stock/APPLES-1KG", ".panel .lot", "phone"],
  ["ada#/admin/stock/new", ".panel"],
  ["ada#/admin/donations", ".add-line"],
  ["ada#/admin/orders", ".lane [data-order]"],
  ["ada#/admin/people", "[data-member]"],
  ["ada#/admin/refusals", "tr[data-position]"],
];

/** Of long lists the first few are looked at: the others are made of the same, and each takes its time. */
const MORE = [".offer:nth-child(n+6)", "tbody tr:nth-child(n+6)"].map((selector) => [selector]);

/** A morning on which every page has something to show. */
async function aMorning(address) {
  const send = sender(address);
  const order = (lines) =>
    send("nora", "PlaceOrder", { lines: Object.entries(lines).map(([sku, quantity]) => ({ sku, quantity })) });
  await send("ada", "OpenShift", { name: "Saturday morning" });
  await order({ "APPLES-1KG": 2, "BANANAS-1KG": 1 });
  await order({ "PEARS-1KG": 2 });
  await order({ "PEARS-1KG": 1 });
  await assert.rejects(order({ "PEARS-1KG": 1 }));
  await send("vera", "ClaimOrder", { order: 1 });
  await send("vera", "PickLine", { order: 1, sku: "APPLES-1KG", quantity: 1, short: "damaged" });
  await send("viktor", "ClaimOrder", { order: 2 });
  await send("nora", "AddToCart", { sku: "RICE-1KG", quantity: 1 });
}

test("nothing on any page keeps anybody out", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  await aMorning(address);
  const axe = await readFile(AXE, "utf8");
  const page = await visit(t, directory, address, "nora");
  for (const width of [1280, 390]) {
    await page.setViewportSize({ width, height: 900 });
    for (const [where, ready, phone] of PAGES) {
      if (width < 400 && !phone) continue;
      // A new document each time: a part of the address after `#` alone would keep the old one.
      await page.goto("about:blank");
      await page.goto(where ? `${address}/?as=${where}` : address);
      await page.locator(ready).first().waitFor();
      await page.evaluate(axe);
      const { violations } = await page.evaluate((more) => globalThis.axe.run({ exclude: more }), MORE);
      const told = violations.map(({ impact, id, nodes }) => `${impact} ${id}: ${nodes[0].html}`);
      assert.deepEqual(told, [], `${where || "signing in"} at ${width}`);
    }
  }
});

test("the first key on a page leads past what is on every page", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const page = await visit(t, directory, address, "ada#/admin/people", { ready: "[data-member]" });
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  assert.equal(await page.evaluate(() => document.activeElement.tagName), "MAIN");
  assert.match(page.url(), /#\/admin\/people$/, "and one stays where one was");
  await page.keyboard.press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.type), "search");
});
