// People at the food bank, each with a browser of their own, and what is waited for on their pages.

import assert from "node:assert/strict";
import { browse } from "./food_bank.mjs";

/** One person in a browser of their own: `nora`, or `vera#/warehouse` to be somewhere at once. */
export async function visit(t, directory, address, person, { prepare, ready = ".offer[data-sku]" } = {}) {
  const { page, complaints } = await browse(t, directory);
  await prepare?.(page);
  await page.goto(`${address}/?as=${person}`);
  await page.locator(".connection.live").waitFor();
  await page.locator(ready).first().waitFor();
  return Object.assign(page, { complaints });
}

/** Lets the way to a page be held up for a moment, or be cut: `page.way`. */
export async function holdable(page) {
  page.way = { held: undefined, isDown: false };
  // Nor does what stands in for a socket get through.
  await page.route(/\/v1\/live\/(events|send)$/, (route) => (page.way.isDown ? route.abort() : route.continue()));
  await page.routeWebSocket(/\/v1\/live$/, (socket) => {
    const { way } = page;
    if (way.isDown) return socket.close();
    const server = socket.connectToServer();
    socket.onMessage((message) => server.send(message));
    server.onMessage((message) => (way.held ? way.held.push(message) : socket.send(message)));
    way.release = () => {
      const held = way.held;
      way.held = undefined;
      for (const message of held) socket.send(message);
    };
    way.cut = async () => {
      way.isDown = true;
      await Promise.all([socket.close(), server.close()]);
    };
  });
}

/** All act before anybody can hear of another, and hear of it when the server has decided all of it. */
export async function atOnce(pages, act, word = '"result"') {
  for (const page of pages) page.way.held = [];
  for (const page of pages) await act(page);
  for (const { way } of pages) {
    while (!way.held.some((message) => message.includes(word))) await pages[0].waitForTimeout(5);
  }
}

/** Which of them is told no, once all may hear: exactly one. The loser comes first. */
export async function loserAndWinner(pages, told) {
  await Promise.race(pages.map((page) => told(page).waitFor()));
  const refused = await Promise.all(pages.map((page) => told(page).isVisible()));
  assert.equal(refused.filter(Boolean).length, 1, "exactly one is refused");
  return refused[0] ? pages : pages.toReversed();
}

/** That the network was away is the browser's complaint and no fault of the page. */
export const isOurs = (complaint) => !/WebSocket|ERR_|Failed to (load|fetch)/.test(complaint);

/** Waits until an element says this. */
export async function says(locator, words) {
  await locator.filter({ hasText: words }).waitFor();
}

/** Waits until a field holds this. */
export async function holds(field, value) {
  const until = Date.now() + 10_000;
  while ((await field.inputValue()) !== value) {
    assert.ok(Date.now() < until, `it holds ${await field.inputValue()}, and should ${value}`);
    await field.page().waitForTimeout(10);
  }
}

/** Sends commands and asks without a page, as whoever is named; gives the answers. */
export function sender(address) {
  const post = (path, headers, body) =>
    fetch(`${address}${path}`, {
      method: "POST",
      headers: { "content-type": "application/json", ...headers },
      body: JSON.stringify(body),
    });
  const token = async (actor) => (await (await post("/v1/dev/token", {}, { actor })).json()).token;
  const answer = async (response) => {
    assert.equal(response.status, 200, await response.clone().text());
    return (await response.json()).answer;
  };
  const bearer = async (actor) => ({ authorization: `Bearer ${await token(actor)}` });
  const send = async (actor, name, args) => answer(await post(`/v1/commands/${name}`, await bearer(actor), args));
  const ask = async (actor, name, args = {}) => {
    const path = `/v1/queries/${name}?args=${encodeURIComponent(JSON.stringify(args))}`;
    return answer(await fetch(`${address}${path}`, { headers: await bearer(actor) }));
  };
  return Object.assign(send, { token, ask });
}
