// The connection, event by event.

import assert from "node:assert/strict";
import { test } from "node:test";

import { type Action, Connection, type Event, TIMING } from "../src/connection.js";
import type { FromServer, Welcome } from "../src/message.js";
import { Rows } from "../src/rows.js";

const welcome = (position: number, resumed = false): Welcome => ({
  type: "welcome",
  protocol: 1,
  app: "notes",
  lineage: "1111111111111111",
  position,
  time: "2026-11-21T05:00:00Z",
  schema: "abcd",
  who: "me",
  resumed,
  expires: "2026-11-21T06:00:00Z",
});
const START = Date.parse("2026-11-21T05:00:00Z");

/** What a connection does, in short: `say hello`, `open`. */
function words(actions: Action[]): string[] {
  const told = actions.filter((action) => action.do !== "show");
  return told.map((action) => (action.do === "say" ? `say ${action.message.type}` : action.do));
}

const message = (message: FromServer): Event => ({ type: "message", message });
const opened: Event = { type: "opened", token: "t" };
const watch: Event = { type: "watch", key: "All", query: "All", args: {}, kind: "rows" };
const send: Event & { type: "send" } = { type: "send", id: "1", name: "Write", args: {} };
const ask: Event = { type: "ask", ask: 1, query: "All", args: {} };
const DENIED = { kind: "denied", code: "denied", message: "Not for you." } as const;
const lost: Event = { type: "lost" };
const bye = (reason: string, retry_ms: number | null = null) =>
  message({ type: "bye", reason, retry_ms });

// Each row: what happens, what is done about it, and the phase after it.
const TABLE: [what: string, ...steps: [Event, string[], string][]][] = [
  [
    "greets, is welcome, hangs up",
    [{ type: "start" }, ["open"], "opening"],
    [watch, [], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [{ type: "close" }, ["hang-up", "forsake"], "closed"],
    [{ type: "start" }, [], "closed"],
  ],
  [
    "commands wait for the welcome, and are sent again after a break",
    [{ type: "start" }, ["open"], "opening"],
    [send, [], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), ["say command"], "live"],
    [lost, [], "waiting"],
    [{ type: "online" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5, true)), ["say command"], "live"],
    [message({ type: "result", id: "1", position: 6, answer: null }), ["settle"], "live"],
    [message({ type: "result", id: "1", position: 6, answer: null }), [], "live"],
  ],
  [
    "a token that does not count ends it until somebody signs in",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [bye("signin"), ["hang-up", "forsake"], "signed-out"],
    [{ type: "online" }, [], "signed-out"],
    [{ type: "start" }, ["open"], "opening"],
    [{ type: "no-token" }, ["hang-up", "forsake"], "signed-out"],
  ],
  [
    "a tick that does not begin here begins everything anew",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [message({ type: "tick", from: 4, to: 9, time: "", subs: [] }), ["hang-up"], "waiting"],
  ],
  [
    "a server that speaks another version is not asked again",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [bye("version"), ["hang-up", "forsake"], "outdated"],
    [{ type: "online" }, [], "outdated"],
  ],
  [
    "a server that stops is asked again, not before it said",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [bye("stopping", 60_000), ["hang-up"], "waiting"],
    [{ type: "wake" }, [], "waiting"],
  ],
  [
    "a token that ends is followed by the next one at once; one that has ended is none",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [bye("expired"), ["hang-up"], "waiting"],
    [{ type: "wake" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [bye("expired"), ["hang-up", "forsake"], "signed-out"],
  ],
  [
    "who signs out takes no command along, and is not sent another's",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [send, ["say command"], "live"],
    [{ type: "no-token" }, ["hang-up", "settle", "forsake"], "signed-out"],
    [send, ["settle"], "signed-out"],
    [ask, ["answer"], "signed-out"],
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(9)), [], "live"],
  ],
  [
    "what failed is asked for again after a break",
    [{ type: "start" }, ["open"], "opening"],
    [watch, [], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [message({ type: "fail", sub: 1, error: DENIED }), [], "live"],
    [lost, [], "waiting"],
    [{ type: "online" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5, true)), ["say sub"], "live"],
  ],
  [
    "after a restore what was recorded is not waited for",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [lost, [], "waiting"],
    [{ type: "online" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message({ ...welcome(3), lineage: "2222222222222222" }), ["forsake"], "live"],
  ],
  [
    "what is too large is not sent at all",
    [{ type: "start" }, ["open"], "opening"],
    [opened, ["say hello"], "greeting"],
    [message(welcome(5)), [], "live"],
    [{ ...send, args: "x".repeat(1024 * 1024) }, ["settle"], "live"],
  ],
  [
    "what is of no socket is not heard",
    [message(welcome(5)), [], "idle"],
    [opened, [], "idle"],
    [lost, [], "idle"],
  ],
];

for (const [what, ...steps] of TABLE) {
  test(what, () => {
    const connection = new Connection(TIMING, () => 0.5);
    for (const [place, [event, expected, phase]] of steps.entries()) {
      const actions = words(connection.step(event, START));
      assert.deepEqual([actions, connection.phase], [expected, phase], `step ${place + 1}`);
    }
  });
}

function live(connection: Connection): void {
  for (const event of [{ type: "start" } as Event, opened, message(welcome(5))]) {
    connection.step(event, START);
  }
}

test("rows are in the order that the server gives them", () => {
  const connection = new Connection();
  live(connection);
  connection.step(watch, START);
  const put: [string, string, unknown][] = [
    ["a", "2", "second"],
    ["b", "1", "first"],
    ["c", "", "by its key"],
  ];
  const tick = (from: number, sub: object): FromServer => ({
    type: "tick",
    from,
    to: from + 1,
    time: "",
    subs: [{ sub: 1, ...sub }],
  });
  const shown = () => (connection.watches.get("All")!.data as Rows).list;
  connection.step(message(tick(5, { reset: true, put, del: [] })), START);
  assert.deepEqual(shown(), ["first", "second", "by its key"]);
  connection.step(message(tick(6, { put: [["b", "3", "third"]], del: ["c", "none"] })), START);
  assert.deepEqual(shown(), ["second", "third"]);
});

test("a quiet server is asked whether it is there, and given up when it is silent", () => {
  const connection = new Connection(TIMING, () => 0.5);
  live(connection);
  const quiet = START + TIMING.quietMs;
  assert.equal(connection.wakesAt(), quiet);
  assert.deepEqual(words(connection.step({ type: "wake" }, quiet)), ["say ping"]);
  assert.deepEqual(words(connection.step({ type: "wake" }, quiet + TIMING.deadMs)), ["hang-up"]);
  assert.equal(connection.phase, "waiting");
});

test("a socket that does not open in time is given up", () => {
  const connection = new Connection(TIMING, () => 0.5);
  connection.step({ type: "start" }, START);
  assert.equal(connection.wakesAt(), START + TIMING.openMs);
  const late = connection.step({ type: "wake" }, START + TIMING.openMs);
  assert.deepEqual([words(late), connection.phase], [["hang-up"], "waiting"]);
});

test("a newer token is asked for before the old one ends", () => {
  const connection = new Connection();
  live(connection);
  const soon = Date.parse("2026-11-21T06:00:00Z") - TIMING.renewMs;
  assert.deepEqual(words(connection.step({ type: "wake" }, soon)), ["renew", "say ping"]);
  const renewed = connection.step({ type: "token", token: "newer" }, soon);
  assert.deepEqual(renewed, [{ do: "say", message: { type: "token", token: "newer" } }]);
});

test("somebody else never sees what was shown before", () => {
  const connection = new Connection();
  connection.step(watch, START);
  live(connection);
  const subs = [{ sub: 1, reset: true, put: [["a", "", "mine"]] as [string, string, unknown][] }];
  connection.step(message({ type: "tick", from: 5, to: 5, time: "", subs }), START);
  for (const event of [lost, { type: "online" } as Event, opened]) connection.step(event, START);
  assert.ok(connection.watches.get("All")!.data, "while nobody else is known it stays");
  connection.step(message({ ...welcome(5), who: "another" }), START);
  assert.equal(connection.watches.get("All")!.data, undefined);
});

test("attempts are further and further apart, by chance and up to a limit", () => {
  const pauses = (random: number) => {
    const connection = new Connection(TIMING, () => random);
    connection.step({ type: "start" }, 0);
    return Array.from({ length: 9 }, () => {
      connection.step(lost, 0);
      const pause = connection.wakesAt()!;
      connection.step({ type: "online" }, 0);
      return pause;
    });
  };
  assert.deepEqual(pauses(1), [250, 500, 1_000, 2_000, 4_000, 8_000, 15_000, 15_000, 15_000]);
  assert.deepEqual(pauses(0), [0, 0, 0, 0, 0, 0, 0, 0, 0]);
});

test("a command is given up in time: not sent, or not known", () => {
  const settled = (connection: Connection) => {
    const actions = connection.step({ type: "wake" }, START + TIMING.offlineMs);
    return actions.flatMap((action) => (action.do === "settle" ? [action.result] : []));
  };
  const offline = new Connection();
  offline.step(send, START);
  assert.equal((settled(offline)[0] as { error: { code: string } }).error.code, "offline");
  const broken = new Connection();
  live(broken);
  broken.step(send, START);
  broken.step(lost, START);
  assert.equal((settled(broken)[0] as { error: { code: string } }).error.code, "unknown");
  assert.equal(broken.unsettled.size, 0, "it is not sent any more");
});

test("a busy server is sent the same command again after a while", () => {
  const connection = new Connection();
  live(connection);
  connection.step(send, START);
  const error = { kind: "busy", code: "busy", message: "Not now.", retry_ms: 1_000 } as const;
  assert.deepEqual(connection.step(message({ type: "result", id: "1", error }), START), []);
  assert.deepEqual(words(connection.step({ type: "wake" }, START + 1_000)), ["say command"]);
  const late = START + TIMING.offlineMs;
  const actions = connection.step(message({ type: "result", id: "1", error }), late);
  assert.deepEqual(actions, [{ do: "settle", id: "1", result: { error } }], "not for ever");
});
