// The warehouse in real browsers: tablets that race, a line that is short, a Wi-Fi that drops.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, place, serve } from "./food_bank.mjs";
import { atOnce, holdable, isOurs, loserAndWinner, says, sender, visit } from "./people.mjs";

const card = (page, order) => page.locator(`.order-card[data-order="${order}"]`);
const mine = (page, order) => page.locator(`.my-order[data-order="${order}"]`);
const line = (page, sku) => page.locator(`.line[data-sku="${sku}"]`);

/** A tablet in the hands of a volunteer. */
const tablet = (t, directory, address, person, prepare) =>
  visit(t, directory, address, `${person}#/warehouse`, { prepare, ready: ".board" });

/** Orders by nora: number 1, and so on. */
async function ordered(address, ...orders) {
  const send = sender(address);
  for (const lines of orders) {
    await send("nora", "PlaceOrder", { lines: Object.entries(lines).map(([sku, quantity]) => ({ sku, quantity })) });
  }
  return send;
}

const BREAKFAST = { "APPLES-1KG": 2, "BANANAS-1KG": 1, "RICE-BASMATI-1KG": 1 };

test("an order appears on every tablet, two reach for it, and one has it", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const vera = await tablet(t, directory, address, "vera", holdable);
  const viktor = await tablet(t, directory, address, "viktor", holdable);
  await says(vera.locator(".nothing"), "Nothing waits to be picked");
  await ordered(address, BREAKFAST);
  for (const page of [vera, viktor]) await says(card(page, 1), "Nora Lind");

  await atOnce([vera, viktor], (page) => page.getByRole("button", { name: "Pick order 1" }).click());
  for (const page of [vera, viktor]) await mine(page, 1).waitFor();
  for (const page of [vera, viktor]) page.way.release();
  const told = (page) => page.getByRole("alert");
  const [loser, winner] = await loserAndWinner([vera, viktor], told);
  const name = winner === vera ? "vera" : "viktor";
  assert.equal(await told(loser).textContent(), `${name} was quicker: order 1 is in their hands.`);
  await mine(loser, 1).waitFor({ state: "detached" });
  await says(card(loser, 1), `${name} has 0 of 3`);
  await mine(winner, 1).waitFor();
  await picture(loser, "warehouse-refused", 820);
  assert.deepEqual([vera.complaints, viktor.complaints], [[], []]);
});

test("two tablets of one volunteer never pick the same item", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = await ordered(address, BREAKFAST);
  await send("vera", "ClaimOrder", { order: 1 });
  const [left, right] = [
    await tablet(t, directory, address, "vera", holdable),
    await tablet(t, directory, address, "vera", holdable),
  ];
  await atOnce([left, right], (page) => page.getByRole("button", { name: "Picked 2 Apples" }).click());
  for (const page of [left, right]) page.way.release();
  const told = (page) => line(page, "APPLES-1KG").getByRole("alert");
  const [loser] = await loserAndWinner([left, right], told);
  assert.equal(await told(loser).textContent(), "Another tablet has picked this already.");
  for (const page of [left, right]) await says(line(page, "APPLES-1KG"), "Picked");
  assert.deepEqual([left.complaints, right.complaints], [[], []]);
});

test("what is short is said why, seen by the neighbor, and packed and handed over", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  await ordered(address, BREAKFAST);
  const nora = await visit(t, directory, address, "nora");
  const vera = await tablet(t, directory, address, "vera");
  await vera.getByRole("button", { name: "Pick order 1" }).click();
  // The lines stand in the order of the shelves, each with its mark.
  await mine(vera, 1).waitFor();
  const marks = await mine(vera, 1).locator(".shelf-mark").allTextContents();
  assert.deepEqual(marks, [...marks].sort());
  assert.match(marks[0], /^[A-N]-\d\d$/);
  await vera.getByRole("button", { name: "Short: less than 2 of Apples" }).click();
  await vera.getByLabel("damaged").check();
  await picture(vera, "warehouse-short", 820);
  await vera.getByRole("button", { name: "Put 1 in" }).click();
  await says(line(vera, "APPLES-1KG"), "1 of 2 · damaged");
  await says(nora.locator('[data-order="1"]'), "1 found, the rest was damaged");
  // With the keyboard alone: what is next has the focus.
  await vera.keyboard.press("Enter");
  await says(line(vera, "BANANAS-1KG"), "✓ Picked");
  await vera.keyboard.press("Enter");
  await vera.getByRole("button", { name: "Packed: it stands at the counter" }).waitFor();
  await vera.keyboard.press("Enter");
  await says(card(vera, 1), "3 items");
  await says(nora.locator('[data-order="1"] .status'), "Ready at the counter");
  await vera.getByRole("button", { name: "Hand over order 1" }).click();
  await vera.getByRole("button", { name: "They have it" }).click();
  await says(nora.locator('[data-order="1"] .status'), "Handed over");
  await card(vera, 1).waitFor({ state: "detached" });
  assert.deepEqual([nora.complaints, vera.complaints], [[], []]);
});

test("a tablet goes on through a Wi-Fi drop, and all it did arrives once", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = await ordered(address, BREAKFAST);
  await send("vera", "ClaimOrder", { order: 1 });
  const vera = await tablet(t, directory, address, "vera", holdable);
  await vera.context().setOffline(true);
  await vera.way.cut();
  await vera.locator(".away").waitFor();
  for (const name of ["Picked 2 Apples", "Picked 1 Bananas", "Picked 1 Basmati rice"]) {
    await vera.getByRole("button", { name }).click();
  }
  await vera.getByRole("button", { name: "Packed: it stands at the counter" }).click();
  await says(vera.locator(".away"), "4 things wait");
  await picture(vera, "warehouse-away", 820);
  vera.way.isDown = false;
  await vera.context().setOffline(false);
  await vera.locator(".connection.live").waitFor();
  await says(card(vera, 1), "4 items");
  const viktor = await tablet(t, directory, address, "viktor");
  await says(card(viktor, 1), "4 items");
  assert.deepEqual(vera.complaints.filter(isOurs), []);
});

test("what a tablet did without Wi-Fi survives a reload, and what came of it is told", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = await ordered(address, BREAKFAST);
  await send("vera", "ClaimOrder", { order: 1 });
  const vera = await tablet(t, directory, address, "vera", holdable);
  // The page can still be loaded; only the live connection is away.
  await vera.way.cut();
  await vera.locator(".away").waitFor();
  for (const name of ["Picked 2 Apples", "Picked 1 Bananas"]) {
    await vera.getByRole("button", { name }).click();
  }
  await says(vera.locator(".away"), "2 things wait");
  // Somebody was quicker with one of them.
  await send("vera", "PickLine", { order: 1, sku: "BANANAS-1KG", quantity: 1 });
  await vera.reload();
  await vera.locator(".away").waitFor();
  vera.way.isDown = false;
  await vera.locator(".connection.live").waitFor();
  await says(line(vera, "APPLES-1KG"), "✓ Picked");
  await says(vera.getByRole("alert"), "Pick line: BANANAS-1KG is picked already.");
  await vera.getByRole("button", { name: "I have read it" }).click();
  // It is done, and not again after the next reload.
  await vera.reload();
  await says(line(vera, "APPLES-1KG"), "✓ Picked");
  await vera.locator(".connection.live").waitFor();
  assert.equal(await vera.getByRole("alert").count(), 0);
  assert.deepEqual(vera.complaints.filter(isOurs), []);
});

test("whoever knows the code of the shift may help until it is over", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = await ordered(address, BREAKFAST);
  const code = await send("ada", "OpenShift", { name: "Saturday morning" });
  const nils = await visit(t, directory, address, "nils#/warehouse", { ready: ".door" });
  const field = nils.getByLabel("Code of the shift");
  await field.fill(code === "000000" ? "000001" : "000000");
  await nils.getByRole("button", { name: "Sign in" }).click();
  await says(nils.getByRole("alert"), "That is not the code of this shift");
  await picture(nils, "warehouse-door", 820);
  await field.fill(code);
  await nils.getByRole("button", { name: "Sign in" }).click();
  await says(nils.locator(".shift"), "Saturday morning");
  await nils.getByRole("button", { name: "Pick order 1" }).click();
  await nils.getByRole("button", { name: "Sign out of the shift" }).click();
  await says(nils.getByRole("alert"), "is still picking order 1");
  await nils.getByRole("button", { name: "I cannot go on with it" }).click();
  await nils.getByRole("button", { name: "Everything back on the shelves" }).click();
  await send("ada", "CloseShift", {});
  await nils.locator(".door").waitFor();
  assert.deepEqual(nils.complaints, []);
});

test("the warehouse at three widths, and on paper", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = await ordered(
    address,
    { ...BREAKFAST, "MILK-1L": 1, "EGGS-10": 1 },
    { "PASTA-SPAGHETTI-500G": 2 },
    { "PEARS-1KG": 1, "ORANGES-1KG": 1 },
    { "PEARS-1KG": 1 },
    { "ORANGES-1KG": 1 },
  );
  await send("ada", "OpenShift", { name: "Saturday morning" });
  await send("vera", "ClaimOrder", { order: 1 });
  await send("vera", "PickLine", { order: 1, sku: "APPLES-1KG", quantity: 2 });
  await send("vera", "PickLine", { order: 1, sku: "BANANAS-1KG", quantity: 0, short: "not_found" });
  await send("viktor", "ClaimOrder", { order: 2 });
  await send("viktor", "ClaimOrder", { order: 3 });
  for (const sku of ["PEARS-1KG", "ORANGES-1KG"]) {
    await send("viktor", "PickLine", { order: 3, sku, quantity: 1 });
  }
  await send("viktor", "PackOrder", { order: 3 });
  const vera = await tablet(t, directory, address, "vera");
  for (const width of [1280, 820, 390]) await picture(vera, "warehouse", width);
  await vera.goto(`${address}/?as=viktor#/warehouse/print`);
  await vera.locator(".sheet").first().waitFor();
  assert.equal(await vera.locator(".sheet").count(), 2, "a sheet for each that waits");
  await picture(vera, "warehouse-print", 820);
  await vera.emulateMedia({ media: "print" });
  await picture(vera, "warehouse-paper", 820);
});
