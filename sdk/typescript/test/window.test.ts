// Windows: a long list page by page, each page live.

import assert from "node:assert/strict";
import { test } from "node:test";

import { All, connected, until, Write } from "./connected.js";

/** A client of a server with so many notes. */
async function withNotes(count: number) {
  const all = connected();
  for (let id = 1; id <= count; id += 1) await all.client.send(Write, { id, weight: 1 }).durable;
  const window = all.client.window(All, {}, { size: 3 });
  const leave = window.subscribe(() => {});
  const ids = () => window.current.rows.map(({ id }) => id);
  const shows = (...wanted: number[]) =>
    until(() => String(ids()) === String(wanted) && !window.current.isMoving);
  return { ...all, window, leave, ids, shows };
}

test("a list is looked through page by page, and says where one is", async () => {
  const { client, window, shows } = await withNotes(7);
  await shows(1, 2, 3);
  const where = () => {
    const { total, before, hasPrevious, hasNext } = window.current;
    return [total, before, hasPrevious, hasNext];
  };
  assert.deepEqual(where(), [7, 0, false, true]);
  window.previous();
  window.next();
  await shows(4, 5, 6);
  assert.deepEqual(where(), [7, 3, true, true]);
  window.next();
  await shows(7);
  assert.deepEqual(where(), [7, 6, true, false]);
  window.next();
  window.previous();
  await shows(4, 5, 6);
  window.first();
  await shows(1, 2, 3);
  client.close();
});

test("a page is live, and what comes before it moves no row", async () => {
  const { client, server, window, shows } = await withNotes(6);
  await shows(1, 2, 3);
  window.next();
  await shows(4, 5, 6);
  await client.send(Write, { id: 0, weight: 1 }).visible;
  await shows(4, 5, 6);
  assert.deepEqual([window.current.before, window.current.total], [4, 7]);
  await client.send(Write, { id: 5, weight: 9 }).visible;
  assert.equal(window.current.rows[1]?.weight, 9);
  assert.equal(server.sessions.size, 1);
  client.close();
});

test("the page before is shown until the next one is there", async () => {
  const { client, window, way, ids, shows } = await withNotes(4);
  await shows(1, 2, 3);
  way.held = [];
  window.next();
  assert.deepEqual([window.current.isMoving, ids()], [true, [1, 2, 3]]);
  assert.equal(window.current.status, "live");
  const held = way.held;
  way.held = undefined;
  for (const message of held) client["link"].happen({ type: "message", message });
  await shows(4);
  client.close();
});

test("a page that nothing is left on gives way to the one before", async () => {
  const { client, server, window, shows } = await withNotes(4);
  await shows(1, 2, 3);
  window.next();
  await shows(4);
  server.hear([...server.sessions][0]!, {
    type: "command",
    id: "erase",
    name: "Erase",
    args: { id: 4 },
  });
  await shows(1, 2, 3);
  assert.equal(window.current.hasNext, false);
  client.close();
});

test("a window goes on where it was after the connection was lost", async () => {
  const { client, window, shows, cut } = await withNotes(5);
  await shows(1, 2, 3);
  window.next();
  await shows(4, 5);
  cut();
  await until(() => window.current.status === "stale");
  await until(() => window.current.status === "live");
  await client.send(Write, { id: 6, weight: 1 }).visible;
  await shows(4, 5, 6);
  client.close();
});
