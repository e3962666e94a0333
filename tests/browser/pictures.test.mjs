// Every page at the widths of a phone, a tablet and a desk, in each state it can be in: full, empty, on its
// way, out of reach, and after a no. None is wider than its window; whether it is pleasant is for people to
// see, in target/screenshots. Last, the picture for the README, of the same pages.

import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { browse, picture, place, screenshots, serve } from "./food_bank.mjs";
import { aMorning } from "./morning.mjs";
import { holdable, visit } from "./people.mjs";

const WIDTHS = [390, 820, 1440];
/** Of what lasts for a moment only. */
const EXTREMES = [390, 1440];

/** Its name, who is where, and what is there when the page is. */
const PAGES = [
  ["sign-in", "", ".people"],
  ["shop", "nora#/shop", ".offer[data-sku]"],
  ["door", "nora#/warehouse", ".door"],
  ["warehouse", "vera#/warehouse", ".board"],
  ["print", "vera#/warehouse/print", ".sheet, .nothing"],
  ["overview", "ada#/admin/overview", ".tile .big"],
  ["stock", "ada#/admin/stock", "tr[data-sku]"],
  ["product", "ada#/admin/stock/APPLES-1KG", ".panel .lot"],
  ["new-product", "ada#/admin/stock/new", ".panel"],
  ["donations", "ada#/admin/donations", ".add-line"],
  ["orders", "ada#/admin/orders", ".lane"],
  ["people", "ada#/admin/people", "[data-member]"],
  ["refusals", "ada#/admin/refusals", "tr[data-position], .nothing"],
];

/** A new document each time: a part of the address after `#` alone would keep the old one. */
async function go(page, address, where, ready) {
  await page.goto("about:blank");
  await page.goto(where ? `${address}/?as=${where}` : address);
  await page.locator(ready).first().waitFor();
}

async function atEachWidth(page, name, fullPage, widths = WIDTHS) {
  for (const width of widths) await picture(page, name, width, fullPage);
}

test("every page fits its window, and can be looked at", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const page = await visit(t, directory, address, "nora", { prepare: holdable });
  for (const [name, where, ready] of PAGES) {
    await go(page, address, where, ready);
    await atEachWidth(page, `empty-${name}`);
  }
  await aMorning(address);
  for (const [name, where, ready] of PAGES) {
    await go(page, address, where, ready);
    // The catalogue is as long as a shelf: its first screens are enough.
    await atEachWidth(page, name, !["shop", "stock"].includes(name));
  }

  // On its way: nothing has been told yet.
  for (const [name, where] of PAGES.slice(1)) {
    page.way.held = [];
    await go(page, address, where, "[aria-busy=true], .ghosts");
    await atEachWidth(page, `loading-${name}`, false, EXTREMES);
    page.way.held = undefined;
  }
  // Out of reach: what is there stays, and says that it may be old.
  for (const [name, where, ready] of PAGES.slice(1)) {
    await go(page, address, where, ready);
    await page.context().setOffline(true);
    await page.way.cut();
    await page.locator(".away").waitFor();
    await atEachWidth(page, `away-${name}`, false, EXTREMES);
    page.way.isDown = false;
    await page.context().setOffline(false);
  }
  await refusals(page, address);
});

/** A no, where people meet one. */
async function refusals(page, address) {
  const press = (name) => page.getByRole("button", { name }).first().click();
  await page.setViewportSize({ width: 1440, height: 900 });
  await go(page, address, "nils#/warehouse", ".door");
  await page.getByLabel("Code").fill("000000");
  await page.locator(".door button.primary").click();
  await page.getByRole("alert").first().waitFor();
  await atEachWidth(page, "refused-door", false);
  await page.setViewportSize({ width: 1440, height: 900 });
  await go(page, address, "vera#/warehouse", ".board");
  await press(/^Short/);
  await atEachWidth(page, "short", false);
}

test("the picture of the README", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  await aMorning(address);
  const { page } = await browse(t, directory, { deviceScaleFactor: 1.25 });
  const shot = async (where, ready, width, height) => {
    await page.setViewportSize({ width, height });
    await go(page, address, where, ready);
    await page.evaluate(() => document.fonts.ready);
    return (await page.screenshot()).toString("base64");
  };
  const office = await shot("ada#/admin/overview", ".tile .big", 1180, 760);
  const tablet = await shot("vera#/warehouse", ".my-order", 820, 700);
  const phone = await shot("nora#/shop", ".offer[data-sku]", 390, 760);
  const image = (name, data) => `<img class="${name}" src="data:image/png;base64,${data}">`;
  const style = await readFile(new URL("readme_picture.css", import.meta.url), "utf8");
  await page.setViewportSize({ width: 1200, height: 720 });
  // The food bank's own pages let nothing be written into them.
  await page.goto("about:blank");
  await page.setContent(`<style>${style}</style>${image("office", office)}${image("tablet", tablet)}${image("phone", phone)}`);
  await page.waitForFunction(() => [...document.images].every((image) => image.complete));
  await page.screenshot({ path: join(screenshots, "food-bank.jpg"), quality: 86 });
});
