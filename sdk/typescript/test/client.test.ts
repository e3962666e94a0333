// The client against a server in memory, over sockets that are function calls.

import assert from "node:assert/strict";
import { test } from "node:test";

import type { Draft } from "../src/index.js";
import type { FromServer } from "../src/message.js";
import { All, connected, Count, Denied, Heavy, until, Write } from "./connected.js";

test("a query is shown live, and a command's two promises come in turn", async () => {
  const { client } = connected();
  const all = client.live(All);
  assert.equal(all.current.status, "loading");
  let changes = 0;
  const end = all.subscribe(() => (changes += 1));
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
  all.subscribe(() => {});
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
  all.subscribe(() => {});
  count.subscribe(() => {});
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
  all.subscribe(() => {});
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
  const ends = [client.live(Heavy), client.live(Heavy)].map((live) => live.subscribe(() => {}));
  const denied = client.live(Denied);
  denied.subscribe(() => {});
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

test("a token that cannot be had is asked for again; without one nobody is signed in", async () => {
  const tokens: (string | null | Error)[] = [new Error("not now"), null, "token"];
  const { client } = connected({
    token: () => {
      const token = tokens.shift()!;
      if (token instanceof Error) throw token;
      return token;
    },
  });
  const status = () => client.connectionStatus.current.status;
  await until(() => status() === "signed-out");
  await assert.rejects(client.ask(Count), { kind: "signin" });
  await assert.rejects(client.send(Write, { id: 1, weight: 1 }).visible, { kind: "signin" });
  client.signIn();
  await until(() => status() === "live");
  assert.deepEqual(tokens, []);
  client.close();
});

test("a client that is closed while its token is fetched opens no socket", async () => {
  let give = (_: string) => {};
  const { client, server } = connected({ token: () => new Promise((resolve) => (give = resolve)) });
  client.close();
  give("token");
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(server.sessions.size, 0);
  assert.equal(client.connectionStatus.current.status, "closed");
});

test("an effect or a reader that throws harms nobody else", async (t) => {
  const { client } = connected();
  const complaints = t.mock.method(console, "error", () => {});
  const all = client.live(All);
  let told = 0;
  all.subscribe(() => {
    throw new Error("a reader of the app");
  });
  all.subscribe(() => (told += 1));
  await until(() => all.current.status === "live");
  const note = { id: 1, weight: 2 };
  const sent = client.send(Write, note, {
    optimistic: (draft) => {
      draft.rows(All).insert(note);
      throw new Error("an effect of the app");
    },
  });
  assert.deepEqual(all.current.data, [], "half an effect is none");
  await sent.visible;
  assert.deepEqual(all.current.data, [note]);
  assert.ok(told >= 2);
  assert.ok(complaints.mock.callCount() >= 2);
  client.close();
});

test("after a restore what was recorded may be gone, and whoever waits hears of it", async () => {
  const { client, server, cut } = connected();
  const all = client.live(All);
  all.subscribe(() => {});
  await client.send(Write, { id: 1, weight: 2 }).visible;
  [...server.sessions][0]!.isStalled = true;
  const sent = client.send(Write, { id: 2, weight: 2 });
  await sent.durable;
  server.restore("2222222222222222", 1);
  cut();
  await assert.rejects(sent.visible, { kind: "version", code: "other-lineage" });
  await until(() => all.current.status === "live");
  assert.deepEqual(all.current.data, [{ id: 1, weight: 2 }]);
  client.close();
});

test("what was expected of a value stays until the value comes, and is not done twice to rows", async () => {
  const { client, way } = connected();
  const [all, count] = [client.live(All), client.live(Count)];
  all.subscribe(() => {});
  count.subscribe(() => {});
  await until(() => all.current.status === "live" && count.current.status === "live");
  way.held = [];
  const note = { id: 1, weight: 2 };
  const seen: unknown[] = [];
  count.subscribe(() => seen.push(count.current.data));
  const sent = client.send(Write, note, {
    optimistic: (draft) => {
      draft.rows(All).insert(note);
      draft.value(Count, ({ notes }) => ({ notes: notes + 1 }));
    },
  });
  const tell = (message: FromServer) => client["link"].happen({ type: "message", message });
  for (const message of way.held) {
    if (message.type !== "tick") {
      tell(message);
      continue;
    }
    // As the server may: rows at once, the value when it has been read again.
    const { to, subs } = message;
    tell({ ...message, subs: subs.filter((sub) => sub.value === undefined) });
    assert.deepEqual(all.current.data, [note], "once");
    assert.deepEqual(count.current.data, { notes: 1 }, "still as expected");
    assert.equal(client.pending.current.length, 1);
    tell({ ...message, from: to, subs: subs.filter((sub) => sub.value !== undefined) });
  }
  await sent.visible;
  assert.deepEqual(count.current.data, { notes: 1 });
  assert.ok(
    seen.every((value) => (value as { notes: number }).notes === 1),
    "it never went back",
  );
  assert.deepEqual(client.pending.current, []);
  client.close();
});
