// A Saturday: a neighbor, two tablets and two admins at once, with a server that dies in the middle and
// a tablet that is out of reach for a while. Nobody loads a page again.

import assert from "node:assert/strict";
import { test } from "node:test";
import { picture, place, serve } from "./food_bank.mjs";
import { atOnce, holdable, isOurs, loserAndWinner, says, visit } from "./people.mjs";

/** How long a tablet is out of reach. */
const AWAY_MS = 20_000;

const offer = (page, sku) => page.locator(`.offer[data-sku="${sku}"]`);
const card = (page, order) => page.locator(`.order-card[data-order="${order}"]`);
const status = (page, order) => page.locator(`[data-order="${order}"] .status`);
const tile = (page, name) => page.locator(".tile", { hasText: name }).locator(".big");
const press = (page, name) => page.getByRole("button", { name }).click();

test("five people at once, a server that dies, a tablet that is away", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--dev");
  const { address } = server;
  const come = (person, ready) => visit(t, directory, address, person, { prepare: holdable, ready });
  const nora = await come("nora#/shop", ".offer[data-sku]");
  const [vera, viktor] = [await come("vera#/warehouse", ".board"), await come("viktor#/warehouse", ".board")];
  const ada = await come("ada#/admin/overview", ".tile .big");
  const arne = await come("arne#/admin/stock/APPLES-1KG", ".panel");
  const all = [nora, vera, viktor, ada, arne];

  // Nora orders, and both tablets and the office hear of it.
  for (const sku of ["APPLES-1KG", "APPLES-1KG", "BANANAS-1KG"]) await offer(nora, sku).locator(".add").click();
  await says(nora.locator(".cart"), "2 × Apples");
  await press(nora, "Order this");
  for (const page of [vera, viktor]) await says(card(page, 1), "Nora Lind");
  await says(tile(ada, "Waiting"), /^1$/);

  // Both volunteers reach for it.
  await atOnce([vera, viktor], (page) => press(page, "Pick order 1"));
  for (const page of [vera, viktor]) page.way.release();
  const [loser, winner] = await loserAndWinner([vera, viktor], (page) => page.getByRole("alert"));
  await says(status(nora, 1), "Being picked");

  // An apple is damaged: nora reads it, and the office knows which shelf to look at.
  await press(winner, "Short: less than 2 of Apples");
  await winner.getByLabel("damaged").check();
  await press(winner, "Put 1 in");
  await says(nora.locator('[data-order="1"]'), "1 found, the rest was damaged");
  await says(ada.locator(".card", { hasText: "Shelves to look at" }), "1 of 2 for order 1");

  // Ada changes the limit of apples while arne renames them.
  await arne.getByLabel("Name").fill("Apples, red");
  await ada.getByRole("link", { name: "Apples" }).click();
  await ada.getByLabel("Household limit a week").fill("5");
  await press(ada, "Save");
  await says(arne.locator(".meanwhile"), "ada changed this while you did");
  await says(arne.locator(".meanwhile"), "Household limit a week: 3 → 5");
  await press(arne, "Take that in and keep mine");
  await press(arne, "Save");
  await says(offer(nora, "APPLES-1KG"), "Apples, red");
  await says(offer(nora, "APPLES-1KG"), "you have 1 of 5 a week");

  // The server dies. What is done meanwhile waits, and nobody's page is empty.
  await server.stop("SIGKILL");
  for (const page of all) await page.locator(".away").waitFor();
  await press(winner, "Picked 1 Bananas");
  await offer(nora, "PEARS-1KG").locator(".add").click();
  await says(nora.locator(".away"), "one thing waits");
  await picture(winner, "saturday-away", 820, false);
  await serve(t, directory, "--dev", "--listen", `127.0.0.1:${new URL(address).port}`);
  for (const page of all) await page.locator(".connection.live").waitFor();
  await says(nora.locator(".cart"), "1 × Pears");
  await says(card(loser, 1), "has 2 of 2");

  // The other tablet is out of reach while the order is packed, and catches up by itself.
  await loser.context().setOffline(true);
  await loser.way.cut();
  const back = Date.now() + AWAY_MS;
  await press(winner, "Packed: it stands at the counter");
  await says(status(nora, 1), "Ready at the counter");
  await loser.waitForTimeout(back - Date.now());
  await says(card(loser, 1), "has 2 of 2");
  loser.way.isDown = false;
  await loser.context().setOffline(false);
  await says(card(loser, 1), "2 items");

  // The neighbor fetches it, and the day is counted.
  await press(loser, "Hand over order 1");
  await press(loser, "They have it");
  await says(status(nora, 1), "Handed over");
  await ada.getByRole("link", { name: "Overview" }).click();
  await says(tile(ada, "Waiting"), /^0$/);
  await says(tile(ada, "Orders in seven days"), /^1$/);
  assert.deepEqual(all.flatMap((page) => page.complaints).filter(isOurs), []);
});
