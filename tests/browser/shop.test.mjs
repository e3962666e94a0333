// The shop in real browsers: several people at once, a server that dies, a page that is offline.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, place, run, serve } from "./food_bank.mjs";
import { atOnce, holdable, isOurs, loserAndWinner, says, sender, visit } from "./people.mjs";

const offer = (page, sku) => page.locator(`.offer[data-sku="${sku}"]`);
const stock = (page, sku) => offer(page, sku).locator(".stock");
const add = (page, sku) => offer(page, sku).locator(".add").click();
const ticks = async (page) => Number(await page.locator(".connection").getAttribute("data-ticks"));

/** A product of which exactly one is left, without a limit. */
async function theLastOne(address) {
  const send = sender(address);
  await send("ada", "AddProduct", {
    sku: "LAST-ONE", name: "Aardvark biscuits", category: "bakery", size: "1 pack", barcode: "2000000099996",
  });
  await send("ada", "ReceiveLot", { sku: "LAST-ONE", quantity: 1, best_before: "2099-01-01" });
  return "LAST-ONE";
}

test("two people race for the last item: one has it, the other sees why not", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const nora = await visit(t, directory, address, "nora", { prepare: holdable });
  const nils = await visit(t, directory, address, "nils", { prepare: holdable });
  const sku = await theLastOne(address);
  for (const page of [nora, nils]) await says(stock(page, sku), "1 left");

  await atOnce([nora, nils], (page) => add(page, sku));
  for (const page of [nora, nils]) await says(stock(page, sku), "None left");
  for (const page of [nora, nils]) page.way.release();
  const refusal = (page) => offer(page, sku).getByRole("alert");
  const [loser, winner] = await loserAndWinner([nora, nils], refusal);
  for (const page of [nora, nils]) await says(stock(page, sku), "None left");
  assert.equal(await refusal(loser).textContent(), "Somebody was quicker: no Aardvark biscuits left.");
  await says(winner.locator(".cart"), "1 × Aardvark biscuits");
  assert.equal(await loser.locator(".cart").getByText("Aardvark").count(), 0, "nothing stays of what was expected");
  await picture(loser, "shop-refused", 1280, false);

  // The winner gives it back; the other sees it at once, without doing anything.
  await winner.getByRole("button", { name: "Give back Aardvark biscuits" }).click();
  await says(stock(loser, sku), "1 left");
  assert.deepEqual([nora.complaints, nils.complaints], [[], []]);
});

test("an order is placed and moves on the page as the warehouse works", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const nora = await visit(t, directory, address, "nora");
  await add(nora, "APPLES-1KG");
  await says(nora.locator(".cart"), "1 × Apples");
  await says(stock(nora, "APPLES-1KG"), "you have 1 of 3 a week");
  await nora.getByRole("button", { name: "Order this" }).click();
  await says(nora.locator(".cart"), "It is order 1");
  await says(nora.locator('[data-order="1"] .status'), "Waiting to be picked");
  await run(directory, "command", "ClaimOrder", "order=1", "--as", "vera", "--url", address);
  await says(nora.locator('[data-order="1"] .status'), "Being picked");
  await nora.getByLabel("Search").fill("apple");
  await nora.locator('.offer[data-sku="BANANAS-1KG"]').waitFor({ state: "detached" });
  assert.deepEqual(nora.complaints, []);
});

test("the server is killed and restarted, and both pages recover by themselves", async (t) => {
  const directory = await place(t);
  const first = await serve(t, directory, "--dev");
  const nora = await visit(t, directory, first.address, "nora");
  const nils = await visit(t, directory, first.address, "nils");
  await add(nora, "APPLES-1KG");
  await says(nora.locator(".cart"), "1 × Apples");
  await says(nora.locator(".waiting"), /^$/);
  await first.stop("SIGKILL");
  for (const page of [nora, nils]) {
    await page.locator(".connection:not(.live)").waitFor();
    assert.ok((await page.locator(".offer[data-sku]").count()) > 50, "what was shown stays");
  }
  // Done while the server is away: it waits, and is done once.
  await add(nora, "BANANAS-1KG");
  await says(nora.locator(".waiting"), "1 on the way");
  const { port } = new URL(first.address);
  await serve(t, directory, "--dev", "--listen", `127.0.0.1:${port}`);
  for (const page of [nora, nils]) await page.locator(".connection.live").waitFor();
  await says(nora.locator(".cart"), "1 × Bananas");
  await says(nora.locator(".waiting"), /^$/);
  await says(stock(nils, "BANANAS-1KG"), "89 left");
  await add(nils, "BANANAS-1KG");
  await says(stock(nora, "BANANAS-1KG"), "88 left");
  assert.deepEqual([nora, nils].flatMap((page) => page.complaints).filter(isOurs), []);
});

test("a page that was offline for 20 s catches up in one tick", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const nora = await visit(t, directory, address, "nora", { prepare: holdable });
  const nils = await visit(t, directory, address, "nils", { prepare: holdable });
  const before = await ticks(nora);
  const left = async (sku) => parseInt(await stock(nora, sku).textContent());
  const [apples, bananas] = [await left("APPLES-1KG"), await left("BANANAS-1KG")];
  // Setting a page offline leaves a socket that is open as it is: it is cut as well.
  await nora.context().setOffline(true);
  await nora.way.cut();
  const until = Date.now() + 20_000;
  for (const sku of ["APPLES-1KG", "PEARS-1KG", "BANANAS-1KG"]) {
    await add(nils, sku);
    await says(nils.locator(".waiting"), /^$/);
  }
  assert.equal(await ticks(nora), before, "nothing reaches it");
  await nora.waitForTimeout(until - Date.now());
  nora.way.isDown = false;
  await nora.context().setOffline(false);
  await says(stock(nora, "BANANAS-1KG"), `${bananas - 1} left`);
  await says(stock(nora, "APPLES-1KG"), `${apples - 1} left`);
  assert.equal(await ticks(nora), before + 1, "all of it in one tick");
  assert.equal(await nora.locator(".connection").getAttribute("data-resumptions"), "1");
  assert.deepEqual(nora.complaints.filter(isOurs), []);
});

test("a limit is explained before it bites, and the same is ordered again as far as it goes", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const send = sender(address);
  const lines = [{ sku: "RICE-1KG", quantity: 2 }, { sku: "APPLES-1KG", quantity: 1 }];
  await send("nora", "PlaceOrder", { lines });
  const nora = await visit(t, directory, address, "nora");
  const weekday = new Intl.DateTimeFormat("en", { weekday: "long" }).format(Date.now());
  await says(stock(nora, "RICE-1KG"), `you have 2 of 2 a week, more from ${weekday}`);
  assert.equal(await offer(nora, "RICE-1KG").locator(".add").isDisabled(), true);
  await says(stock(nora, "RICE-BASMATI-1KG"), "1 a week for each household");
  await add(nora, "RICE-BASMATI-1KG");
  await says(stock(nora, "RICE-BASMATI-1KG"), "you have 1 of 1 a week, in your cart");

  await send("vera", "ClaimOrder", { order: 1 });
  for (const line of lines) await send("vera", "PickLine", { order: 1, ...line });
  await send("vera", "PackOrder", { order: 1 });
  await send("vera", "HandOver", { order: 1 });
  await nora.getByRole("button", { name: "Order the same again" }).click();
  await says(nora.locator('[data-order="1"] .done'), "1 product is in your cart. Not: Long-grain rice (all for this week).");
  await says(nora.locator(".cart"), "1 × Apples");
  await picture(nora, "shop-again", 1280, false);

  // What is not fit is not shown, also the next time.
  await nora.locator(".fit summary").click();
  await nora.getByRole("button", { name: "halal" }).click();
  await offer(nora, "APPLES-1KG").waitFor({ state: "detached" });
  await nora.reload();
  await nora.locator(".fit", { hasText: "halal" }).waitFor();
  assert.deepEqual(nora.complaints, []);
});

test("an order is cancelled while nobody picks it, and somebody new registers and orders", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const otto = await visit(t, directory, address, "otto");
  assert.equal(await otto.locator(".add").count(), 0, "who is not registered may look");
  await picture(otto, "shop-guest", 390, false);
  await otto.getByLabel("Name").fill("Otto Dahl");
  await otto.getByLabel("Phone").fill("555 0177");
  await otto.getByLabel("Address").fill("9 Lake Street");
  await otto.getByRole("button", { name: "Register" }).click();
  await otto.setViewportSize({ width: 1280, height: 900 });
  await add(otto, "PEARS-1KG");
  await says(otto.locator(".cart"), "1 × Pears");
  await otto.getByRole("button", { name: "Order this" }).click();
  await says(otto.locator('[data-order="1"] .status'), "Waiting to be picked");
  await otto.getByRole("button", { name: "Cancel order 1" }).click();
  await otto.getByRole("button", { name: "Yes, cancel it" }).click();
  await says(otto.locator('[data-order="1"] .status'), "Cancelled");
  assert.deepEqual(otto.complaints, []);
});

test("the shop at three widths, and by keyboard", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const page = await visit(t, directory, address, "nora");
  await add(page, "APPLES-1KG");
  await says(page.locator(".cart"), "1 × Apples");
  await page.getByLabel("Search").fill("ap");
  await says(page.locator(".offers"), "Apples");
  for (const width of [1280, 820, 390]) await picture(page, "shop", width, false);
  await page.getByRole("button", { name: /^Cart: 1 item/ }).click();
  await picture(page, "shop-cart", 390, false);
  await page.getByRole("button", { name: "Back to the catalogue" }).click();
  await page.setViewportSize({ width: 1280, height: 900 });
  await page.getByLabel("Search").fill("");
  await page.getByLabel("Search").focus();
  await page.keyboard.type("rice");
  const put = page.getByRole("button", { name: "Add Basmati rice to the cart" });
  await put.focus();
  await page.keyboard.press("Enter");
  await says(page.locator(".cart"), "1 × Basmati rice");
  await page.goto(address);
  await page.locator(".people").waitFor();
  await picture(page, "shop-sign-in", 1280);
});
