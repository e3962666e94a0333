// What stands in for a socket where none gets through: a stream of events from the server, and requests
// to it (docs/protocol.md). To a link it is a socket like any other.

import type { OpenSocket, Socket } from "./link.js";

/** How long a socket has to open before events are tried, and how long after that one is tried again. */
const SOCKET_MS = 4_000;
const AGAIN_MS = 60_000;

/** What is said in one request at most: below what the server takes, with room for one more message. */
const REQUEST_CHARS_MAX = 64 * 1024;

const silent = (): Socket => ({
  onopen: null,
  onmessage: null,
  onclose: null,
  onerror: null,
  send() {},
  close() {},
});

/** A stream of events, for a link. */
export const openEvents: OpenSocket = (url) => {
  const path = url.replace(/^ws/, "http");
  const ended = new AbortController();
  const { signal } = ended;
  const socket = silent();
  let stream: string | undefined;
  let waiting: string[] = [];
  let isSaying = false;
  const lost = () => {
    if (signal.aborted) return;
    ended.abort();
    socket.onclose?.();
  };
  const say = async () => {
    if (isSaying) return;
    isSaying = true;
    while (waiting.length > 0) {
      let [count, chars] = [0, 0];
      while (count < waiting.length && chars < REQUEST_CHARS_MAX) chars += waiting[count++]!.length;
      const body = waiting.slice(0, count);
      // One alone may be as long as the server takes.
      if (count > 1 && body.at(-1)!.length > REQUEST_CHARS_MAX) body.pop();
      waiting = waiting.slice(body.length);
      const headers = { "content-type": "application/json", "deeds-stream": stream! };
      const request = { method: "POST", headers, signal };
      const told = await fetch(`${path}/send`, { ...request, body: `[${body.join()}]` });
      if (!told.ok) throw new Error("it was not heard");
    }
    isSaying = false;
  };
  const hear = async () => {
    const { ok, body } = await fetch(`${path}/events`, { signal, cache: "no-store" });
    if (!ok || !body) return;
    const reader = body.pipeThrough(new TextDecoderStream()).getReader();
    for (let rest = ""; ;) {
      const { done, value } = await reader.read();
      if (done) return;
      const events = (rest + value).split("\n\n");
      rest = events.pop()!;
      for (const event of events) {
        const data = event.replace(/^data: /gm, "");
        if (stream !== undefined) socket.onmessage?.({ data });
        else {
          ({ stream } = JSON.parse(data) as { stream: string });
          socket.onopen?.();
        }
      }
    }
  };
  hear().then(lost, lost);
  socket.send = (text) => {
    waiting.push(text);
    say().catch(lost);
  };
  socket.close = () => ended.abort();
  return socket;
};

/**
 * Opens a socket; where none opens, events, if these do. While it is on events it tries a socket now and
 * then, and lets the link come back by it.
 */
export function fallingBack(
  openSocket: OpenSocket,
  openEvents: OpenSocket,
  { socketMs = SOCKET_MS, againMs = AGAIN_MS } = {},
): OpenSocket {
  let blockedUntil = 0;
  return (url, protocol) => {
    const outer = silent();
    let inner: Socket | undefined;
    let timer: ReturnType<typeof setTimeout>;
    const wait = (call: () => void, ms: number) => {
      timer = setTimeout(call, ms);
      (timer as { unref?: () => void }).unref?.();
    };
    const end = () => {
      clearTimeout(timer);
      // Node tells of the end of a socket that is not open yet while it is being closed: it is none of
      // ours by then.
      const closing = inner;
      inner = undefined;
      closing?.close();
    };
    const lost = () => {
      end();
      outer.onclose?.();
    };
    const use = (open: OpenSocket, opened: () => void, failed: () => void) => {
      let next: Socket;
      try {
        next = inner = open(url, protocol);
      } catch {
        return failed();
      }
      let fail = failed;
      next.onopen = () => {
        if (inner !== next) return;
        fail = lost;
        clearTimeout(timer);
        opened();
        outer.onopen?.();
      };
      next.onmessage = (event) => inner === next && outer.onmessage?.(event);
      next.onclose = next.onerror = () => inner === next && fail();
    };
    const byEvents = () => {
      end();
      const opened = () => {
        outer.via = "events";
        blockedUntil = Date.now() + againMs;
        wait(tryAgain, againMs);
      };
      use(openEvents, opened, lost);
    };
    /** Whether a socket opens by now: then the link is to open one. */
    const tryAgain = () => {
      const events = inner;
      const probe = openSocket(url, protocol);
      const over = () => {
        probe.onopen = probe.onclose = probe.onerror = null;
        probe.close();
        if (inner === events && events) wait(tryAgain, againMs);
      };
      probe.onopen = () => {
        blockedUntil = 0;
        if (inner === events && events) lost();
        over();
      };
      probe.onclose = probe.onerror = over;
    };
    outer.send = (text) => inner?.send(text);
    outer.close = end;
    if (Date.now() < blockedUntil) queueMicrotask(byEvents);
    else {
      wait(byEvents, socketMs);
      use(openSocket, () => {}, byEvents);
    }
    return outer;
  };
}
