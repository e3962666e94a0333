// The office in real browsers: two admins at one product, numbers that move, food that comes in.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, place, serve } from "./food_bank.mjs";
import { holdable, holds, says, sender, visit } from "./people.mjs";

const PAGES = ["overview", "stock", "donations", "orders", "people", "refusals"];

/** The office as an admin has it open. */
const office = (t, directory, address, person, page, prepare) =>
  visit(t, directory, address, `${person}#/admin/${page}`, { prepare, ready: ".admin main h2" });

const row = (page, sku) => page.locator(`tr[data-sku="${sku}"]`);
const limit = (page) => page.getByLabel("Household limit a week");
const save = (page) => page.getByRole("button", { name: "Save" });
const meanwhile = (page) => page.locator(".meanwhile");
const tile = (page, name) => page.locator(".tile", { hasText: name }).locator(".big");

const order = (send, who, lines) =>
  send(who, "PlaceOrder", { lines: Object.entries(lines).map(([sku, quantity]) => ({ sku, quantity })) });

/** The status of a refusal is 422; that it was refused is what is wanted. */
const refusedOrder = (send, who, lines) => assert.rejects(order(send, who, lines));

test("two admins edit the same product: the second is told, and both have their way", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const [ada, arne] = [
    await office(t, directory, address, "ada", "stock/APPLES-1KG", holdable),
    await office(t, directory, address, "arne", "stock/APPLES-1KG", holdable),
  ];
  for (const page of [ada, arne]) await holds(limit(page), "3");
  await ada.getByLabel("Name").fill("Apples, red");
  await limit(arne).fill("2");
  // Ada has saved; arne has not heard of it yet when he saves.
  arne.way.held = [];
  await save(ada).click();
  await says(row(ada, "APPLES-1KG"), "Apples, red");
  await save(arne).click();
  while (!arne.way.held.some((message) => message.includes('"edited_meanwhile"'))) await arne.waitForTimeout(5);
  arne.way.release();
  await says(meanwhile(arne), "ada changed this while you did");
  await says(meanwhile(arne), "Name: Apples → Apples, red");
  assert.equal(await save(arne).isDisabled(), true, "nothing is undone by mistake");
  await picture(arne, "admin-meanwhile", 1280, false);
  await arne.getByRole("button", { name: "Take that in and keep mine" }).click();
  await holds(arne.getByLabel("Name"), "Apples, red");
  await holds(limit(arne), "2");
  await save(arne).click();
  await says(arne.locator(".panel"), "Last changed by arne");
  // Whoever is not editing just sees it.
  await says(ada.locator(".panel"), "Last changed by arne");
  await holds(limit(ada), "2");
  assert.equal(await meanwhile(ada).count(), 0);
  assert.deepEqual([ada.complaints, arne.complaints], [[], []]);
});

test("a lot that somebody takes from while it is counted is counted again", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = sender(address);
  const ada = await office(t, directory, address, "ada", "stock/APPLES-1KG");
  const lot = ada.locator(".lot").first();
  await lot.getByRole("button", { name: "Count" }).click();
  await lot.getByLabel("Counted").fill("79");
  await order(send, "nora", { "APPLES-1KG": 1 });
  await send("vera", "ClaimOrder", { order: 1 });
  await send("vera", "PickLine", { order: 1, sku: "APPLES-1KG", quantity: 1 });
  await says(lot, "79");
  await lot.getByRole("button", { name: "Counted" }).click();
  await says(lot.getByRole("alert"), "The books said 80 when you began, and say 79 by now");
  await lot.getByRole("button", { name: "Count" }).click();
  await lot.getByLabel("Counted").fill("70");
  await lot.getByRole("button", { name: "Counted" }).click();
  await says(row(ada, "APPLES-1KG").locator(".available"), "70");
  assert.deepEqual(ada.complaints, []);
});

test("the overview moves with the day, and says what was refused and why", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = sender(address);
  const ada = await office(t, directory, address, "ada", "overview");
  const arne = await office(t, directory, address, "arne", "refusals");
  await says(arne.locator(".nothing"), "Nothing was refused today");
  await says(tile(ada, "Waiting"), /^0$/);
  await order(send, "nora", { "APPLES-1KG": 2 });
  await says(tile(ada, "Waiting"), /^1$/);
  await send("vera", "ClaimOrder", { order: 1 });
  await send("vera", "PickLine", { order: 1, sku: "APPLES-1KG", quantity: 1, short: "damaged" });
  await says(ada.locator(".card", { hasText: "Shelves to look at" }), "1 of 2 for order 1");
  await send("vera", "PackOrder", { order: 1 });
  await send("vera", "HandOver", { order: 1 });
  await says(ada.locator(".named-bars"), "Apples");
  await says(tile(ada, "Waiting"), /^0$/);
  await refusedOrder(send, "nora", { "APPLES-1KG": 3 });
  await says(arne.locator("tbody tr"), "One household may have 3 of APPLES-1KG");
  await refusedOrder(send, "nils", { "APPLES-1KG": 500 });
  await says(arne.locator("tbody tr").first(), "nils");
  await says(arne.locator(".named-bars"), "Household limit");
  await ada.getByRole("button", { name: "Open a shift" }).click();
  assert.match(await ada.locator(".shift-code").textContent(), /^\d{6}$/);
  assert.deepEqual([ada.complaints, arne.complaints], [[], []]);
});

test("a donation is taken in, a household registered, somebody let work here", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const ada = await office(t, directory, address, "ada", "donations");
  await ada.getByLabel("From").fill("Corner bakery");
  const line = async (product, quantity) => {
    await ada.getByLabel("Product").fill(product);
    await ada.getByLabel("How many").fill(String(quantity));
    await ada.getByLabel("Best before").fill("2099-01-31");
    await ada.getByRole("button", { name: "Add" }).click();
  };
  await line("2000000010014", 10);
  await line("pears", 5);
  await ada.getByRole("button", { name: "Take in 2 lines" }).click();
  await says(ada.getByRole("status"), "Taken in as donation 1");
  await says(ada.locator('[data-donation="1"]'), "15 items in 2 lots");
  await ada.getByRole("link", { name: "Stock" }).click();
  await says(row(ada, "APPLES-1KG").locator(".available"), "90");

  await ada.getByRole("link", { name: "People" }).click();
  await ada.getByText("Register a household").click();
  const form = ada.locator("details", { hasText: "Register a household" });
  await form.getByLabel("Name", { exact: true }).fill("Olga Sund");
  await form.getByLabel("Name to sign in with").fill("olga");
  await form.getByLabel("Address").fill("7 Hill Road");
  await form.getByLabel("Phone").fill("555 0199");
  await form.getByRole("button", { name: "Register" }).click();
  await says(ada.locator('[data-neighbor="olga"]'), "Olga Sund");
  await ada.getByText("Let somebody work here").click();
  await ada.locator("details", { hasText: "Let somebody work here" }).getByLabel("Name").fill("olga");
  await ada.getByRole("button", { name: "Grant" }).click();
  await says(ada.locator('[data-member="olga"]'), "Volunteer");
  await ada.getByRole("button", { name: "olga is no Volunteer any more" }).click();
  await ada.locator('[data-member="olga"]').waitFor({ state: "detached" });
  assert.deepEqual(ada.complaints, []);
});

test("the office at three widths", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = sender(address);
  await send("ada", "OpenShift", { name: "Saturday morning" });
  await order(send, "nora", { "APPLES-1KG": 2, "BANANAS-1KG": 2, "MILK-1L": 3, "RICE-1KG": 2 });
  await order(send, "nils", { "APPLES-1KG": 1, "EGGS-10": 1, "PASTA-SPAGHETTI-500G": 1 });
  await order(send, "nora", { "PEARS-1KG": 2, "NOODLES-EGG-500G": 1 });
  await order(send, "nils", { "ORANGES-1KG": 2 });
  await send("nora", "CancelOrder", { order: 3 });
  await send("vera", "ClaimOrder", { order: 1 });
  await send("vera", "PickLine", { order: 1, sku: "APPLES-1KG", quantity: 1, short: "damaged" });
  await send("vera", "PickLine", { order: 1, sku: "BANANAS-1KG", quantity: 0, short: "not_found" });
  for (let times = 0; times < 3; times += 1) await refusedOrder(send, "nora", { "RICE-1KG": 1 });
  await refusedOrder(send, "nils", { "CHOCOLATE-MILK-100G": 400 });
  await send("vera", "ReceiveDonation", {
    from: "Corner bakery", food: [{ sku: "APPLES-1KG", quantity: 20, best_before: "2099-01-31" }],
  });
  const ada = await office(t, directory, address, "ada", "overview");
  for (const name of PAGES) {
    await ada.goto(`${address}/?as=ada#/admin/${name}`);
    await ada.locator(".ghost").first().waitFor({ state: "detached" });
    await ada.locator(".admin main h2").first().waitFor();
    for (const width of [1280, 820, 390]) await picture(ada, `admin-${name}`, width, name !== "stock");
  }
  await ada.goto(`${address}/?as=ada#/admin/stock/APPLES-1KG`);
  await ada.locator(".panel").waitFor();
  for (const width of [1280, 820, 390]) await picture(ada, "admin-product", width, width < 1000);
  assert.deepEqual(ada.complaints, []);
});

test("long lists are looked through page by page, by keyboard, and each page is live", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = sender(address);
  const names = Array.from({ length: 70 }, (_, place) => `guest-${String(place).padStart(2, "0")}`);
  for (const neighbor of names) {
    const household = { name: `The ${neighbor} family`, phone: "1", address: "Mill Lane" };
    await send("ada", "RegisterNeighbor", { neighbor, ...household });
    const receipt = await order(send, neighbor, { "BANANAS-1KG": 1 });
    await send("ada", "CancelOrder", { order: receipt.order });
  }

  const people = await office(t, directory, address, "ada", "people");
  const households = people.getByRole("region", { name: "Households" });
  const shown = households.locator("[data-neighbor]");
  const where = households.locator(".pages .number");
  await says(where, "1–50 of 7");
  assert.equal(await shown.count(), 50);
  await households.getByRole("button", { name: "After" }).focus();
  await people.keyboard.press("Enter");
  await says(where, "51–7");
  await says(households.getByRole("status"), "51–7");
  await people.keyboard.press("Enter");
  const focused = await people.evaluate(() => document.activeElement?.textContent);
  assert.equal(focused, "After", "who pressed it is not thrown off it at the end");
  await people.getByLabel("Search households").fill("guest-1");
  await says(households.getByRole("status"), "1–10 of 10");
  await send("ada", "RegisterNeighbor", { neighbor: "guest-1x", name: "New", phone: "1", address: "-" });
  await says(households.getByRole("status"), "1–11 of 11");
  await picture(people, "admin-people-found", 1280, false);

  const orders = await office(t, directory, address, "ada", "orders");
  const all = orders.getByRole("region", { name: "All orders" });
  await says(all.locator(".pages .number"), "1–50 of 70");
  await all.getByRole("button", { name: "Older" }).click();
  await says(all.locator(".pages .number"), "51–70 of 70");
  await says(all.locator("tbody tr").first(), "The guest-19 family");
  // What is new comes before this page, and moves nothing on it.
  await order(send, "guest-00", { "BANANAS-1KG": 1 });
  await says(all.locator(".pages .number"), "52–71 of 71");
  await says(all.locator("tbody tr").first(), "The guest-19 family");
  await picture(orders, "admin-orders-older", 1280, false);
  await all.getByLabel("Status").selectOption("placed");
  await says(all.getByRole("status"), "1–1 of 1");
  assert.deepEqual([people.complaints, orders.complaints], [[], []]);
});
