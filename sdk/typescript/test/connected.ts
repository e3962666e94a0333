// A client of the server in memory, over sockets that are function calls; and what the tests ask it.

import assert from "node:assert/strict";

import {
  type ClientOptions,
  command,
  createClient,
  rowQuery,
  type Socket,
  valueQuery,
} from "../src/index.js";
import type { FromServer, ToServer } from "../src/message.js";
import { ModelServer, type Note, type Session } from "./model_server.js";

export const All = rowQuery<object, Note>("All");
export const Heavy = rowQuery<object, Note>("Heavy");
export const Count = valueQuery<object, { notes: number }>("Count");
export const Denied = valueQuery<object, number>("Denied");
export const Write = command<Note, number, { code: "unlucky"; message: string }>("Write");

/** A client, its server, and the way between them, which can be cut. */
export function connected(options: Partial<ClientOptions> = {}, server = new ModelServer()) {
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
    ...options,
  });
  return { client, server, way, cut: () => cut() };
}

/** Waits until it holds, as often as something changes. */
export async function until(holds: () => boolean): Promise<void> {
  for (let turn = 0; turn < 2_000; turn += 1) {
    if (holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.fail(`never came about: ${holds}`);
}
