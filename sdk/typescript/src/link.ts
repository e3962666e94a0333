// The link: a WebSocket and the timer around a connection. Everything that is decided is decided in
// connection.ts; here it is only done.

import { type Action, Connection, type Event } from "./connection.js";
import { type FromServer, SUBPROTOCOL } from "./message.js";

/** Gives a token that counts, or rejects when nobody is signed in. */
export type TokenProvider = () => string | Promise<string>;

/** What a link needs of a WebSocket. */
export interface Socket {
  onopen: (() => void) | null;
  onmessage: ((event: { data: unknown }) => void) | null;
  onclose: (() => void) | null;
  onerror: (() => void) | null;
  send(text: string): void;
  close(): void;
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

  constructor(
    readonly connection: Connection,
    private readonly url: string,
    private readonly token: TokenProvider,
    /** Told of what is not the link's own. */
    private readonly tell: (action: Action) => void,
    private readonly openSocket: OpenSocket = openWebSocket,
    private readonly now: () => number = Date.now,
  ) {
    // Timers are throttled or frozen in the background: coming back is a reason to look.
    const look = () => this.happen({ type: "online" });
    const target = globalThis as Partial<Pick<Window, "addEventListener">>;
    for (const event of ["online", "pageshow", "focus"]) target.addEventListener?.(event, look);
  }

  /** Something happened. */
  happen(event: Event): void {
    this.queue.push(event);
    // What an action brings about comes after the actions of its own event.
    if (this.isBusy) return;
    this.isBusy = true;
    for (let next = this.queue.shift(); next; next = this.queue.shift()) {
      for (const action of this.connection.step(next, this.now())) this.act(action);
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
    let token: string;
    try {
      token = await this.token();
    } catch {
      return this.happen({ type: "no-token" });
    }
    if (this.connection.phase !== "opening") return;
    let socket: Socket;
    try {
      socket = this.openSocket(this.url, SUBPROTOCOL);
    } catch {
      return this.happen({ type: "lost" });
    }
    this.socket = socket;
    const lost = () => {
      if (this.socket !== socket) return;
      this.socket = undefined;
      this.happen({ type: "lost" });
    };
    socket.onopen = () => {
      if (this.socket === socket) this.happen({ type: "opened", token });
    };
    socket.onmessage = ({ data }) => {
      if (this.socket !== socket) return;
      const told = JSON.parse(String(data)) as FromServer | FromServer[];
      for (const message of Array.isArray(told) ? told : [told]) {
        this.happen({ type: "message", message });
      }
    };
    socket.onclose = lost;
    socket.onerror = lost;
  }

  private async renew(): Promise<void> {
    try {
      this.happen({ type: "token", token: await this.token() });
    } catch {
      // The old one still counts for a while; when it ends the server says so.
    }
  }

  private hangUp(): void {
    const socket = this.socket;
    this.socket = undefined;
    socket?.close();
  }
}
