// The outbox: what was on its way when a page went is sent by the next one, and runs once.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Kept, Outbox, Restored } from "../src/index.js";
import { connected, until, Write } from "./connected.js";

/** A database that outlives the clients of a test. */
function shelf(): Outbox & { kept: Map<string, Kept> } {
  const kept = new Map<string, Kept>();
  return {
    kept,
    load: async () => [...kept.values()],
    keep: (command) => void kept.set(command.id, command),
    forget: (id) => void kept.delete(id),
  };
}

const note = (id: number) => ({ id, weight: 1 });

/** A client whose way is cut: nothing it sends arrives. */
function stranded(outbox: Outbox) {
  const it = connected({ outbox });
  it.way.isUp = false;
  return it;
}

test("a command has left the outbox when it has its outcome", async () => {
  const outbox = shelf();
  const { client } = connected({ outbox });
  const accepted = client.send(Write, note(1));
  const refused = client.send(Write, { id: 2, weight: 7 });
  assert.deepEqual([...outbox.kept.keys()], [accepted.id, refused.id]);
  assert.equal((await accepted.durable).ok, true);
  assert.equal((await refused.durable).ok, false);
  assert.equal(outbox.kept.size, 0);
  client.close();
});

test("what a page had on its way is sent by the next one, first and in its order", async () => {
  const outbox = shelf();
  const before = stranded(outbox);
  const ids = [1, 2, 3].map((id) => before.client.send(Write, note(id)).id);
  before.client.close();
  assert.equal(outbox.kept.size, 3, "closing is not giving up");

  const restored: Restored[] = [];
  const { client, way } = connected({ outbox, onRestored: (one) => restored.push(one) });
  const own = client.send(Write, note(4));
  await own.durable;
  const commands = way.sent.filter((message) => message.type === "command");
  assert.deepEqual(
    commands.map((message) => message.id),
    [...ids, own.id],
  );
  assert.deepEqual(
    restored.map(({ id, name, args }) => [id, name, args]),
    ids.map((id, place) => [id, "Write", note(place + 1)]),
  );
  for (const { durable } of restored) assert.equal((await durable).ok, true);
  assert.equal(outbox.kept.size, 0);
  client.close();
});

test("what the server has run already is not run again, and its outcome is told", async () => {
  const outbox = shelf();
  const before = connected({ outbox });
  await until(() => before.client.connectionStatus.current.status === "live");
  before.way.held = [];
  const { id } = before.client.send(Write, note(1));
  await until(() => before.server.runs.get(id) === 1);
  before.client.close();
  assert.equal(outbox.kept.size, 1, "its result never arrived");

  const restored: Restored[] = [];
  const onRestored = (one: Restored) => restored.push(one);
  const after = connected({ outbox, onRestored }, before.server);
  await until(() => restored.length === 1);
  assert.equal((await restored[0]!.durable).ok, true);
  assert.equal(before.server.runs.get(id), 1);
  after.client.close();
});

test("what is older than a command is tried is given up, and nobody knows what became of it", async () => {
  const outbox = shelf();
  const before = stranded(outbox);
  const { id } = before.client.send(Write, note(1));
  before.client.close();
  outbox.kept.set(id, { ...outbox.kept.get(id)!, at: Date.now() - 1_000 });

  const restored: Restored[] = [];
  const { client } = connected({ outbox, onRestored: (one) => restored.push(one) });
  await until(() => restored.length === 1);
  await assert.rejects(restored[0]!.durable, { code: "unknown" });
  assert.equal(outbox.kept.size, 0);
  client.close();
});

test("an outbox that cannot be read keeps nothing from being sent", async () => {
  const outbox: Outbox = {
    load: () => Promise.reject(new Error("no storage")),
    keep: () => {},
    forget: () => {},
  };
  const { client } = connected({ outbox });
  assert.equal((await client.send(Write, note(1)).durable).ok, true);
  client.close();
});
