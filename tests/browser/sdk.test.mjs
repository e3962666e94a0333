// The SDK in Node against the real food bank, killed and restarted while commands are on their way.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { createClient, command, rowQuery } from "../../sdk/typescript/dist/src/index.js";
import { place, serve } from "./food_bank.mjs";

const Catalogue = rowQuery("Catalogue");
const MyCart = rowQuery("MyCart");
const AddProduct = command("AddProduct");
const ReceiveLot = command("ReceiveLot");
const AddToCart = command("AddToCart");

/** How many commands there are, and how many of them are sent when the server is dead. */
const [LOTS, LATE] = [300, 50];
const PRODUCT = { sku: "OATS-1KG", name: "Oats", category: "grains", size: "1 kg", barcode: "2000000099996" };

/** Somebody's token, as development gives it to everybody. */
async function tokenOf(url, actor) {
  const response = await fetch(`${url}/v1/dev/token`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ actor }),
  });
  return (await response.json()).token;
}

/** A client of somebody, who signs in anew for every connection. */
function clientOf(t, url, actor) {
  const client = createClient({ app: { name: "food-bank", schema: "" }, url, token: () => tokenOf(url, actor) });
  t.after(() => client.close());
  return client;
}

/** Waits until what is followed is such. */
function until(followed, holds) {
  return new Promise((resolve) => {
    const look = () => {
      if (!holds(followed.current)) return;
      end();
      resolve(followed.current);
    };
    const end = followed.subscribe(look);
    look();
  });
}

const offer = ({ data }) => data?.find(({ sku }) => sku === PRODUCT.sku);

test("commands in flight when the server is killed are each done once, and what is shown is so", async (t) => {
  const directory = await place(t);
  const first = await serve(t, directory, "--dev");
  const [ada, nora] = ["ada", "nora"].map((who) => clientOf(t, first.address, who));
  const shelves = nora.live(Catalogue, {});
  t.after(shelves.subscribe(() => {}));
  assert.ok((await ada.send(AddProduct, PRODUCT).durable).ok);
  await until(shelves, (shown) => offer(shown)?.available === 0);

  const lot = { sku: PRODUCT.sku, quantity: 1, best_before: "2099-01-01" };
  const sent = Array.from({ length: LOTS - LATE }, () => ada.send(ReceiveLot, lot));
  await sent[0].durable;
  const killed = first.stop("SIGKILL");
  // Some are answered by now, some the server has, and these it never saw.
  for (let count = 0; count < LATE; count += 1) sent.push(ada.send(ReceiveLot, lot));
  await killed;
  assert.ok(ada.pending.current.length >= LATE, "not all were answered");
  await until(shelves, ({ status }) => status === "stale");
  assert.ok(offer(shelves.current).available > 0, "what was shown stays");

  const { port } = new URL(first.address);
  await serve(t, directory, "--dev", "--listen", `127.0.0.1:${port}`);
  const outcomes = await Promise.all(sent.map(({ visible }) => visible));
  assert.ok(outcomes.every(({ ok }) => ok));
  const positions = new Set(outcomes.map(({ position }) => position));
  assert.equal(positions.size, LOTS, "each is recorded at a position of its own");
  const shown = await until(shelves, (shown) => shown.status === "live" && offer(shown).available === LOTS);
  assert.deepEqual(await nora.ask(Catalogue, {}), shown.data, "what is live is what is answered");
});

test("types that were generated from another schema are outdated, and the pages' are not", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev", "--no-seed");
  const generated = new URL("../../examples/food-bank/web/src/deeds-api.ts", import.meta.url);
  const [, schema] = /schema: "(\w+)"/.exec(await readFile(generated, "utf8"));
  const isOutdated = async (schema) => {
    const client = createClient({
      app: { name: "food-bank", schema },
      url: address,
      token: () => tokenOf(address, "nora"),
    });
    t.after(() => client.close());
    return (await until(client.connectionStatus, ({ status }) => status === "live")).isOutdated;
  };
  assert.deepEqual([await isOutdated(schema), await isOutdated("another")], [false, true]);
});

test("who signs out is cut off, and sees nothing of what was shown", async (t) => {
  const directory = await place(t);
  const { address } = await serve(t, directory, "--dev");
  const token = await tokenOf(address, "nora");
  const clients = [1, 2].map(() =>
    createClient({ app: { name: "food-bank", schema: "" }, url: address, token: () => token }),
  );
  t.after(() => clients.forEach((client) => client.close()));
  const carts = clients.map((client) => client.live(MyCart));
  carts.forEach((cart) => t.after(cart.subscribe(() => {})));
  const sent = clients[0].send(AddToCart, { sku: "APPLES-1KG", quantity: 1 });
  assert.ok((await sent.visible).ok);
  await until(carts[1], ({ data }) => data?.length === 1);

  await clients[0].signOut();
  for (const client of clients) {
    await until(client.connectionStatus, ({ status }) => status === "signed-out");
  }
  for (const cart of carts) assert.deepEqual(cart.current, { status: "loading" });
  await assert.rejects(clients[1].ask(MyCart), { kind: "signin" });
  clients[1].signIn();
  await until(clients[1].connectionStatus, ({ status }) => status === "connecting");
  await until(clients[1].connectionStatus, ({ status }) => status === "signed-out");
});
