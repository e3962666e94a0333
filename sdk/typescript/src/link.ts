// The link: a WebSocket and the timer around a connection. Everything that is decided is decided in
// connection.ts; here it is only done.

import { type Action, Connection, type Event } from "./connection.js";
import { fallingBack, openEvents } from "./events.js";
import { type FromServer, SUBPROTOCOL } from "./message.js";

/** Gives a token that counts, or null when nobody is signed in; when it rejects it is asked again. */
export type TokenProvider = () => string | null | Promise<string | null>;

/** What a link needs of a WebSocket. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(): void;
  /** Said by what stands in for a socket, once it is open. */
  via?: "events";
}

/** Opens a socket. */
export type OpenSocket = (url: string, protocol: string) => Socket;

/** The WebSocket of the browser, or of Node from version 22 on. */
const openWebSocket: OpenSocket = (url, protocol) => new WebSocket(url, protocol) as Socket;

/** See the file. */
export class Link {
  private socket: Socket | undefined;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly queue: Event[] = [];
  private isBusy = false;
  /** Which attempt at opening a socket this is: earlier ones are over, whatever comes of them. */
  private attempt = 0;
  private readonly unhear: () => void;

  constructor(
    readonly connection: Connection,
    private readonly url: string,
    private readonly token: TokenProvider,
    /** Told of what is not the link's own. */
    private readonly tell: (action: Action) => void,
    private readonly openSocket: OpenSocket = fallingBack(openWebSocket, openEvents),
    private readonly now: () => number = Date.now,
  ) {
    // Timers are throttled or frozen in the background: coming back is a reason to look.
    const look = () => {
      if (globalThis.document?.visibilityState !== "hidden") this.happen({ type: "online" });
    };
    const heard: [Partial<EventTarget> | undefined, string][] = [
      [globalThis as Partial<EventTarget>, "online"],
      [globalThis as Partial<EventTarget>, "pageshow"],
      [globalThis.document, "visibilitychange"],
    ];
    for (const [target, event] of heard) target?.addEventListener?.(event, look);
    this.unhear = () => {
      for (const [target, event] of heard) target?.removeEventListener?.(event, look);
    };
  }

  /** What carries it: events, where no socket gets through. */
  get via(): "socket" | "events" {
    return this.socket?.via ?? "socket";
  }

  /** Something happened. */
  happen(event: Event): void {
    this.queue.push(event);
    // What an action brings about comes after the actions of its own event.
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      for (const action of this.connection.step(next, this.now())) this.act(action);
      if (next.type === "close") this.unhear();
    }
    this.isBusy = false;
    clearTimeout(this.timer);
    const at = this.connection.wakesAt();
    if (at === undefined) return;
    this.timer = setTimeout(() => this.happen({ type: "wake" }), Math.max(0, at - this.now()));
  }

  private act(action: Action): void {
    switch (action.do) {
      case "open":
        return void this.open();
      case "hang-up":
        return this.hangUp();
      case "say":
        return this.socket?.send(JSON.stringify(action.message));
      case "renew":
        return void this.renew();
      default:
        return this.tell(action);
    }
  }

  private async open(): Promise<void> {
    const attempt = ++this.attempt;
    let token: string | null;
    let socket: Socket;
    try {
      token = await this.token();
      if (attempt !== this.attempt) return;
      if (token === null) return this.happen({ type: "no-token" });
      socket = this.openSocket(this.url, SUBPROTOCOL);
    } catch {
      if (attempt === this.attempt) this.happen({ type: "lost" });
      return;
    }
    this.socket = socket;
    const lost = () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.happen({ type: "lost" });
    };
    socket.onopen = () => {
      if (this.socket === socket) this.happen({ type: "opened", token: token! });
    };
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      const told = JSON.parse(String(data)) as FromServer | FromServer[];
      for (const message of Array.isArray(told) ? told : [told]) {
        // One of them may end it.
        if (this.socket === socket) this.happen({ type: "message", message });
      }
    };
    socket.onclose = lost;
    socket.onerror = lost;
  }

  private async renew(): Promise<void> {
    const attempt = this.attempt;
    try {
      const token = await this.token();
      if (token !== null && attempt === this.attempt) this.happen({ type: "token", token });
    } catch {
      // The old one still counts for a while; when it ends the server says so.
    }
  }

  private hangUp(): void {
    const socket = this.socket;
    this.socket = undefined;
    this.attempt += 1;
    socket?.close();
  }
}
