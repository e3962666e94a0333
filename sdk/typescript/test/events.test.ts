// Where no socket opens: events stand in, and a socket is tried again.

import assert from "node:assert/strict";
import { createServer, type ServerResponse } from "node:http";
import { test } from "node:test";

import { fallingBack, openEvents } from "../src/events.js";
import type { Socket } from "../src/index.js";
import { until } from "./connected.js";

/** A socket that a test opens and closes, and what was said on it. */
function pretended(via?: "events") {
  const opened: (Socket & { said: string[]; isClosed: boolean })[] = [];
  const open = () => {
    const said: string[] = [];
    const socket = {
      onopen: null,
      onmessage: null,
      onclose: null,
      onerror: null,
      send: (text: string) => void said.push(text),
      close: () => void (socket.isClosed = true),
      said,
      isClosed: false,
      via,
    } as unknown as (typeof opened)[number];
    opened.push(socket);
    return socket;
  };
  return { opened, open };
}

/** What falls back from one to the other, with what a link hears of it. */
function fallen(socketMs = 1_000, againMs = 1_000) {
  const [sockets, events] = [pretended(), pretended()];
  const open = fallingBack(sockets.open, events.open, { socketMs, againMs });
  const heard: string[] = [];
  const link = () => {
    const socket = open("ws://x", "p");
    socket.onopen = () => heard.push(`opened ${socket.via ?? "socket"}`);
    socket.onmessage = ({ data }) => heard.push(String(data));
    socket.onclose = () => heard.push("closed");
    return socket;
  };
  return { sockets: sockets.opened, events: events.opened, heard, link };
}

test("a socket that opens is used, and nothing else is tried", () => {
  const { sockets, events, heard, link } = fallen();
  const socket = link();
  sockets[0]!.onopen!();
  socket.send("hello");
  sockets[0]!.onmessage!({ data: "welcome" });
  sockets[0]!.onclose!();
  assert.deepEqual(heard, ["opened socket", "welcome", "closed"]);
  assert.deepEqual([sockets[0]!.said, events.length], [["hello"], 0]);
});

test("where a socket fails before it opens, events stand in and say so", () => {
  const { sockets, events, heard, link } = fallen();
  const socket = link();
  sockets[0]!.onclose!();
  events[0]!.onopen!();
  socket.send("hello");
  assert.deepEqual(heard, ["opened events"]);
  assert.deepEqual(events[0]!.said, ["hello"]);
  socket.close();
  assert.equal(events[0]!.isClosed, true);
});

test("a socket that tells of its end while it is being closed is given up once", async () => {
  const { sockets, events, heard, link } = fallen(5);
  link();
  const [socket] = sockets;
  socket!.close = () => socket!.onerror!();
  await until(() => events.length > 0);
  assert.equal(events.length, 1);
  events[0]!.onopen!();
  assert.deepEqual(heard, ["opened events"]);
});

test("a socket that says nothing at all is given up for events", async () => {
  const { sockets, events, link } = fallen(5);
  const socket = link();
  await until(() => events.length === 1);
  assert.equal(sockets[0]!.isClosed, true);
  socket.close();
});

test("where neither opens it is lost, and a socket is tried first the next time", () => {
  const { sockets, events, heard, link } = fallen();
  link();
  sockets[0]!.onclose!();
  events[0]!.onclose!();
  assert.deepEqual(heard, ["closed"]);
  link();
  assert.deepEqual([sockets.length, events.length], [2, 1]);
});

test("who comes back soon is not kept waiting for a socket again", async () => {
  const { sockets, events, link } = fallen();
  const first = link();
  sockets[0]!.onclose!();
  events[0]!.onopen!();
  first.close();
  const second = link();
  await until(() => events.length === 2);
  assert.equal(sockets.length, 1);
  second.close();
});

test("a socket that opens later is gone over to", async () => {
  const { sockets, events, heard, link } = fallen(1_000, 5);
  link();
  sockets[0]!.onclose!();
  events[0]!.onopen!();
  await until(() => sockets.length === 2);
  sockets[1]!.onclose!();
  await until(() => sockets.length === 3);
  sockets[2]!.onopen!();
  assert.deepEqual(heard, ["opened events", "closed"]);
  assert.deepEqual([events[0]!.isClosed, sockets[2]!.isClosed], [true, true]);
  link();
  assert.equal(sockets.length, 4, "the link opens its own");
  sockets[3]!.onopen!();
});

test("events are heard however they are cut up, and what is said is said in order", async (t) => {
  let events: ServerResponse | undefined;
  const said: unknown[] = [];
  const server = createServer((request, response) => {
    if (request.url === "/v1/live/events") {
      events = response.writeHead(200, { "content-type": "text/event-stream" });
      events.write('data: {"type":"stream","stream":"s1"}\n\n');
      return;
    }
    assert.equal(request.headers["deeds-stream"], "s1");
    let body = "";
    request.on("data", (piece) => (body += piece));
    request.on("end", () => {
      said.push(...(JSON.parse(body) as unknown[]));
      response.writeHead(204).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as { port: number };
  const heard: string[] = [];
  const socket = openEvents(`ws://127.0.0.1:${port}/v1/live`, "");
  socket.onopen = () => {
    for (let n = 1; n <= 20; n += 1) socket.send(`{"n":${n}}`);
  };
  socket.onmessage = ({ data }) => heard.push(String(data));
  socket.onclose = () => heard.push("closed");
  await until(() => said.length === 20);
  assert.deepEqual(
    said.map((message) => (message as { n: number }).n),
    Array.from({ length: 20 }, (_, place) => place + 1),
  );
  events!.write('data: {"a":');
  await new Promise((resolve) => setTimeout(resolve, 5));
  events!.write('"ä"}\n\ndata: 2\n\nda');
  await until(() => heard.length === 2);
  events!.end();
  await until(() => heard.length === 3);
  assert.deepEqual(heard, ['{"a":"ä"}', "2", "closed"]);
});
