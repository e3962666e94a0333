// The client against a server in memory, over sockets that are function calls.

import assert from "node:assert/strict";
import { test } from "node:test";

import {
  command,
  createClient,
  type Draft,
  rowQuery,
  type Socket,
  valueQuery,
} from "../src/index.js";
import type { FromServer, ToServer } from "../src/message.js";
import { ModelServer, type Note, type Session } from "./model_server.js";

const All = rowQuery<object, Note>("All");
const Heavy = rowQuery<object, Note>("Heavy");
const Count = valueQuery<object, { notes: number }>("Count");
const Denied = valueQuery<object, number>("Denied");
const Write = command<Note, number, { code: "unlucky"; message: string }>("Write");

/** A client, its server, and the way between them, which can be cut. */
function connected() {
  const server = new ModelServer();
  let cut = () => {};
  const way = { isUp: true, sent: [] as ToServer[], held: undefined as FromServer[] | undefined };
  const openSocket = (): Socket => {
    const socket: Socket = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (text) => {
        const message = JSON.parse(text) as ToServer;
        way.sent.push(message);
        server.hear(session, message);
      },
      close: () => server.sessions.delete(session),
    };
    const session: Session = {
      send: (message) => {
        const data = JSON.stringify(message);
        if (way.held) way.held.push(message);
        else queueMicrotask(() => socket.onmessage?.({ data }));
      },
      subs: new Map(),
      position: 0,
      isGreeted: false,
      isStalled: false,
    };
    cut = () => {
      server.sessions.delete(session);
      socket.onclose?.();
    };
    queueMicrotask(() => {
      if (!way.isUp) return socket.onclose?.();
      server.sessions.add(session);
      socket.onopen?.();
    });
    return socket;
  };
  const client = createClient({
    app: { name: "notes", schema: "" },
    url: "http://notes.example",
    token: () => "token",
    openSocket,
    timing: { backoffMs: 1, backoffMaxMs: 5, offlineMs: 200 },
  });
  return { client, server, way, cut: () => cut() };
}

/** Waits until it holds, as often as something changes. */
async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.fail(`never came about: ${holds}`);
}

test("a query is shown live, and a command's two promises come in turn", async () => {
  const { client } = connected();
  const all = client.live(All);
  assert.equal(all.current.status, "loading");
  let changes = 0;
  const end = all.follow(() => (changes += 1));
  await until(() => all.current.status === "live");
  const sent = client.send(Write, { id: 1, weight: 2 });
  assert.match(sent.id, /^[0-9a-f]{8}-[0-9a-f]{4}-7/);
  assert.deepEqual(await sent.durable, { ok: true, answer: 1, position: 1 });
  await sent.visible;
  assert.deepEqual(all.current.data, [{ id: 1, weight: 2 }]);
  assert.equal(changes, 2, "once at first, once for the tick");
  assert.deepEqual(await client.ask(Count), { notes: 1 });
  end();
  client.close();
});

test("a refusal is an outcome, and what was expected of it goes", async () => {
  const { client, way } = connected();
  const all = client.live(All);
  all.follow(() => {});
  await until(() => all.current.status === "live");
  way.held = [];
  const note = { id: 1, weight: 7 };
  const sent = client.send(Write, note, {
    optimistic: (draft) => draft.rows(All).insert(note),
  });
  assert.deepEqual(all.current.data, [note], "shown before the server knows of it");
  assert.equal(client.pending.current[0]?.state, "sending");
  const held = way.held;
  way.held = undefined;
  client["link"].happen({ type: "message", message: held[0]! });
  const outcome = await sent.durable;
  assert.equal(!outcome.ok && outcome.refusal.code, "unlucky");
  assert.deepEqual(all.current.data, []);
  assert.deepEqual(client.pending.current, []);
  client.close();
});

test("effects are run again over every tick until theirs is seen", async () => {
  const { client, server } = connected();
  const [all, count] = [client.live(All), client.live(Count)];
  all.follow(() => {});
  count.follow(() => {});
  await until(() => all.current.status === "live" && count.current.status === "live");
  const session = [...server.sessions][0]!;
  const double = (draft: Draft) => {
    draft.rows(All).update(
      (note) => note.id === 1,
      (note) => ({ ...note, weight: note.weight * 2 }),
    );
    draft.value(Count, ({ notes }) => ({ notes: notes + 1 }));
  };
  await client.send(Write, { id: 1, weight: 3 }).visible;
  session.isStalled = true;
  const sent = client.send(Write, { id: 2, weight: 1 }, { optimistic: double });
  assert.deepEqual(all.current.data, [{ id: 1, weight: 6 }]);
  assert.deepEqual(count.current.data, { notes: 2 });
  await sent.durable;
  assert.deepEqual(all.current.data, [{ id: 1, weight: 6 }], "recorded, but not seen yet");
  assert.equal(client.pending.current[0]?.state, "durable");
  session.isStalled = false;
  server.tick(session);
  await sent.visible;
  assert.deepEqual(all.current.data, [
    { id: 1, weight: 3 },
    { id: 2, weight: 1 },
  ]);
  client.close();
});

test("what was shown stays, as stale, while the connection is away", async () => {
  const { client, way, cut } = connected();
  const all = client.live(All);
  all.follow(() => {});
  await client.send(Write, { id: 1, weight: 2 }).visible;
  way.isUp = false;
  cut();
  assert.equal(all.current.status, "stale");
  assert.deepEqual(all.current.data, [{ id: 1, weight: 2 }]);
  const waiting = client.send(Write, { id: 2, weight: 2 });
  await until(() => client.connectionStatus.current.status === "offline");
  way.isUp = true;
  assert.equal((await waiting.visible).ok, true);
  assert.equal(all.current.status, "live");
  assert.equal(client.connectionStatus.current.resumptions, 1);
  way.isUp = false;
  cut();
  await assert.rejects(client.send(Write, { id: 3, weight: 2 }).durable, { code: "offline" });
  client.close();
});

test("readers share one subscription, and a query may fail alone", async () => {
  const { client, way } = connected();
  const ends = [client.live(Heavy), client.live(Heavy)].map((live) => live.follow(() => {}));
  const denied = client.live(Denied);
  denied.follow(() => {});
  await until(() => denied.current.status === "error");
  assert.equal(denied.current.error?.kind, "denied");
  await until(() => client.live(Heavy).current.status === "live");
  const subs = way.sent.flatMap((message) =>
    message.type === "hello" ? message.subs : message.type === "sub" ? [message] : [],
  );
  assert.equal(subs.filter((sub) => sub.query === "Heavy").length, 1);
  ends.forEach((end) => end());
  client.close();
});
