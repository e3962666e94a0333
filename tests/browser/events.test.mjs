// A network that lets no WebSocket through: the pages work all the same.

import assert from "node:assert/strict";
import { test } from "node:test";
import { place, serve } from "./food_bank.mjs";
import { says, visit } from "./people.mjs";

/** As a proxy does that knows nothing of WebSockets: each fails before it opens. */
const withoutSockets = (page) =>
  page.addInitScript(() => {
    globalThis.WebSocket = class {
      constructor() {
        setTimeout(() => this.onclose?.());
      }
      close() {}
    };
  });

test("a neighbor behind such a proxy orders, and sees the order picked", async (t) => {
  const directory = await place(t);
  const { address, stop } = await serve(t, directory, "--dev");
  const asked = [];
  const prepare = async (page) => {
    page.on("request", (request) => asked.push(new URL(request.url()).pathname));
    await withoutSockets(page);
  };
  const nora = await visit(t, directory, address, "nora#/shop", { prepare });
  const vera = await visit(t, directory, address, "vera#/warehouse", { ready: ".board" });
  assert.ok(asked.includes("/v1/live/events"), "by events");
  await nora.locator('.offer[data-sku="APPLES-1KG"] .add').click();
  await says(nora.locator(".cart"), "1 × Apples");
  await nora.getByRole("button", { name: "Order this" }).click();
  await vera.getByRole("button", { name: "Pick order 1" }).click();
  await says(nora.locator('[data-order="1"] .status'), "Being picked");
  assert.ok(asked.filter((path) => path === "/v1/live/send").length >= 3, "and by requests");
  assert.deepEqual([nora.complaints, vera.complaints], [[], []]);
  assert.equal(await stop(), 0, "a server that stops does not wait for who follows events");
});
