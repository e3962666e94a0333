// The connection: what to do when something happens. A pure state machine: it holds no socket, no
// timer and no clock; every event says when it happens, and what is to be done comes out as actions.
//
//   idle ─start─▶ opening ─opened─▶ greeting ─welcome─▶ live
//                    ▲                                    │ closed, dead, bye
//                    └──────── waiting ◀──────────────────┘
//   any ─▶ signed-out (a token that does not count), outdated (another protocol), closed

import {
  CLOSED,
  type ErrorMessage,
  NOT_SIGNED_IN,
  OFFLINE,
  OUTDATED,
  RESTORED,
  TOO_LARGE,
  UNKNOWN,
} from "./error.js";
import {
  type FromServer,
  type Part,
  PROTOCOL,
  type Stood,
  type Tick,
  type ToServer,
  type Wanted,
} from "./message.js";
import { Rows } from "./rows.js";

export type Phase =
  "idle" | "opening" | "greeting" | "live" | "waiting" | "signed-out" | "outdated" | "closed";

/** A query that somebody watches. */
export interface Watch {
  readonly key: string;
  readonly query: string;
  readonly args: unknown;
  readonly kind: "rows" | "value";
  /** The part of its rows that is wanted, if not all. */
  readonly window: Part | undefined;
  /** Its number on this socket; none while there is no socket, or after it failed. */
  sub: number | undefined;
  /** What the server has told; undefined before the first result. */
  data: Rows | { value: unknown } | undefined;
  /** Where it was told: of a value, the position it was read at. */
  position: number;
  /** Whether the data is that of where the client stands: it may go on from there. */
  isCurrent: boolean;
  /** Whether the data is kept up to date now. */
  isLive: boolean;
  error: ErrorMessage | undefined;
}

/** A command without a result. */
export interface Unsettled {
  readonly id: string;
  readonly name: string;
  readonly args: unknown;
  /** When it is given up, in milliseconds; not while the server has it. */
  deadline: number;
  /** Whether it has ever left. */
  wasSent: boolean;
}

export type Event =
  | { type: "start" }
  | { type: "opened"; token: string }
  /** Nobody is signed in. */
  | { type: "no-token" }
  | { type: "message"; message: FromServer }
  | { type: "lost" }
  | { type: "wake" }
  | { type: "online" }
  | ({ type: "watch"; window?: Part | undefined } & Pick<Watch, "key" | "query" | "args" | "kind">)
  | { type: "unwatch"; key: string }
  | { type: "ask"; ask: number; query: string; args: unknown }
  /** `until`: an earlier page sent it, or may have, and it is given up then. */
  | { type: "send"; id: string; name: string; args: unknown; until?: number }
  | { type: "token"; token: string }
  | { type: "close" };

export type Action =
  /** Open a socket with a token, and say `opened` or `lost`. */
  | { do: "open" }
  | { do: "hang-up" }
  | { do: "say"; message: ToServer }
  /** A newer token is needed: say `token`. */
  | { do: "renew" }
  /** Something that is shown has changed. */
  | { do: "show" }
  | { do: "settle"; id: string; result: Settled }
  /** What has been recorded so far and not been seen will not be seen here. */
  | { do: "forsake"; error: ErrorMessage }
  | { do: "answer"; ask: number; answer?: unknown; error?: ErrorMessage };

/** What became of a command. */
export type Settled =
  | { answer: unknown; position: number }
  | { refusal: { code: string; message: string; data?: unknown }; position: number }
  | { error: ErrorMessage };

export interface Timing {
  /** The first and the longest pause between attempts. */
  backoffMs: number;
  backoffMaxMs: number;
  /** Silence after which the server is asked whether it is there, and how long it has to say so. */
  quietMs: number;
  deadMs: number;
  /** How long a socket has to open, with the token before it. */
  openMs: number;
  /** How long a command is tried to be delivered while there is no connection. */
  offlineMs: number;
  /** How long before a token ends a newer one is asked for. */
  renewMs: number;
}

export const TIMING: Timing = {
  backoffMs: 250,
  backoffMaxMs: 15_000,
  quietMs: 15_000,
  deadMs: 10_000,
  openMs: 20_000,
  offlineMs: 30_000,
  renewMs: 60_000,
};

/** Reasons of a `bye` after which trying again is no use before a person signs in. */
const SIGNED_OUT = ["signin", "revoked", "signed-out"];

/** What the server takes in one message, less what stands around a command's arguments. */
const ARGS_BYTES_MAX = 1024 * 1024;

/** Failures that a connection counts as, after which coming back quickly would be no use. */
const NO_USE_FAILURES = 6;

/** Errors after which a command was not run, or may have been, and can be sent again with its id. */
const AGAIN = ["busy", "actor-busy", "stopping", "not-yet", "unknown"];

export class Connection {
  phase: Phase = "idle";
  /** Where the client stands. */
  position = 0;
  /** When the last tick's record was made. */
  time: string | undefined;
  schema: string | undefined;
  readonly watches = new Map<string, Watch>();
  readonly unsettled = new Map<string, Unsettled>();
  /** How many attempts have failed since it was live. */
  failures = 0;
  /** Ticks applied, and times it went on where it stood. */
  ticks = 0;
  resumptions = 0;
  /** How far the server's clock is ahead of this one, as the last tick told, in milliseconds. */
  clockAheadMs = 0;

  private stood: Stood | undefined;
  /** Why nothing can be asked any more, before somebody signs in. */
  private ended: ErrorMessage | undefined;
  private nextSub = 1;
  private readonly bySub = new Map<number, Watch>();
  private readonly asks = new Map<number, { query: string; args: unknown }>();
  /** When to try again, when waiting. */
  private retryAt = 0;
  private spokenAt = 0;
  /** When the server is given up unless it says something; none while nothing is asked of it. */
  private deadAt: number | undefined;
  private renewAt: number | undefined;
  private pings = 0;
  /** Commands to send again later: id and when. */
  private readonly again = new Map<string, number>();

  constructor(
    private readonly timing: Timing = TIMING,
    /** 0 to 1, for jitter. */
    private readonly random: () => number = Math.random,
  ) {}

  /** What to do about an event that happens now. */
  step(event: Event, now: number): Action[] {
    switch (event.type) {
      case "start":
        return this.phase === "idle" || this.phase === "signed-out" ? this.open(now) : [];
      case "opened":
        return this.phase === "opening" ? this.greet(event.token, now) : [];
      case "no-token":
        return this.end("signed-out", NOT_SIGNED_IN);
      case "message":
        return this.hear(event.message, now);
      case "lost":
        return this.lost(now);
      case "wake":
        return this.wake(now);
      case "online":
        if (this.phase === "waiting") return this.open(now);
        return this.phase === "live" ? [this.ping(now)] : [];
      case "watch":
        return this.watch(event, now);
      case "unwatch":
        return this.unwatch(event.key, now);
      case "ask":
        if (this.ended) return [{ do: "answer", ask: event.ask, error: this.ended }];
        this.asks.set(event.ask, event);
        return this.phase === "live" ? [this.say({ ...event, type: "ask" }, now)] : [];
      case "send":
        return this.send(event, now);
      case "token":
        this.renewAt = undefined;
        return this.phase === "live" ? [this.say({ type: "token", token: event.token }, now)] : [];
      case "close":
        return this.end("closed", CLOSED);
    }
  }

  /** When it wants to be woken, if nothing happens before. */
  wakesAt(): number | undefined {
    const times = [...this.again.values()];
    if (this.phase === "waiting") times.push(this.retryAt);
    if (this.phase === "live") times.push(this.spokenAt + this.timing.quietMs);
    if (this.deadAt !== undefined) times.push(this.deadAt);
    if (this.renewAt !== undefined && this.phase === "live") times.push(this.renewAt);
    for (const command of this.unsettled.values()) {
      if (this.isWaiting(command)) times.push(command.deadline);
    }
    return times.length === 0 ? undefined : Math.min(...times);
  }

  /** Whether it waits for a connection: the server does not have it. */
  private isWaiting(command: Unsettled): boolean {
    return !(this.phase === "live" && command.wasSent);
  }

  private open(now: number): Action[] {
    this.phase = "opening";
    this.ended = undefined;
    this.deadAt = now + this.timing.openMs;
    return [{ do: "open" }, { do: "show" }];
  }

  private greet(token: string, now: number): Action[] {
    this.phase = "greeting";
    this.deadAt = now + this.timing.deadMs;
    this.bySub.clear();
    this.nextSub = 1;
    // Coming back, only what was shown goes on; what was not is asked for after the welcome.
    const goesOn = (watch: Watch) => this.stood === undefined || watch.isCurrent;
    const subs = [...this.watches.values()]
      .filter((watch) => watch.error === undefined && goesOn(watch))
      .map((watch) => this.wanted(watch));
    const hello: ToServer = { type: "hello", protocol: PROTOCOL, token, subs };
    if (this.stood) hello.resume = this.stood;
    return [this.say(hello, now)];
  }

  /** Gives a watch a number, and says what it wants. */
  private wanted(watch: Watch): Wanted {
    watch.sub = this.nextSub++;
    this.bySub.set(watch.sub, watch);
    const { sub, query, args, window } = watch;
    return { sub, query, args, window };
  }

  private say(message: ToServer, now: number): Action {
    this.spokenAt = now;
    return { do: "say", message };
  }

  private hear(message: FromServer, now: number): Action[] {
    if (this.phase !== "greeting" && this.phase !== "live") return [];
    this.deadAt = undefined;
    switch (message.type) {
      case "welcome":
        return this.phase === "greeting" ? this.welcome(message, now) : [];
      case "tick":
        return this.apply(message, now);
      case "result":
        return this.result(message, now);
      case "answer":
        if (!this.asks.delete(message.ask)) return [];
        return [
          message.error
            ? { do: "answer", ask: message.ask, error: message.error }
            : { do: "answer", ask: message.ask, answer: message.answer },
        ];
      case "fail": {
        const watch = this.bySub.get(message.sub);
        if (!watch) return [];
        this.bySub.delete(message.sub);
        watch.sub = undefined;
        watch.isLive = watch.isCurrent = false;
        watch.error = message.error;
        watch.data = undefined;
        return [{ do: "show" }];
      }
      case "bye":
        return this.bye(message, now);
      default:
        return [];
    }
  }

  private welcome(welcome: Extract<FromServer, { type: "welcome" }>, now: number): Action[] {
    this.phase = "live";
    this.failures = 0;
    const actions: Action[] = [];
    const isOther = this.stood !== undefined && this.stood.lineage !== welcome.lineage;
    if (isOther) actions.push({ do: "forsake", error: RESTORED });
    if (isOther || (this.stood && this.stood.who !== welcome.who)) {
      // Positions stand for other records now, or somebody else is there: nothing that was shown holds.
      for (const watch of this.watches.values()) [watch.data, watch.isCurrent] = [undefined, false];
    }
    if (welcome.resumed) this.resumptions += 1;
    for (const watch of this.watches.values()) {
      // What was shown before may still be shown, but is of another position than this.
      watch.isCurrent &&= welcome.resumed;
      watch.isLive = watch.isCurrent && watch.sub !== undefined;
    }
    this.position = welcome.position;
    this.time = welcome.time;
    this.schema = welcome.schema;
    this.stood = { lineage: welcome.lineage, position: welcome.position, who: welcome.who };
    this.renewAt = Math.max(now + 1_000, Date.parse(welcome.expires) - this.timing.renewMs);
    actions.push({ do: "show" });
    for (const [ask, { query, args }] of this.asks) {
      actions.push(this.say({ type: "ask", ask, query, args }, now));
    }
    this.again.clear();
    for (const command of this.unsettled.values()) actions.push(this.deliver(command, now));
    // What was asked for while it was greeting; and what failed, which may be otherwise by now.
    for (const watch of this.watches.values()) {
      if (watch.sub === undefined) actions.push(this.ask(watch, now));
    }
    return actions;
  }

  private apply(tick: Tick, now: number): Action[] {
    if (tick.from !== this.position || !this.stood) {
      // Something was missed: begin anew.
      this.forget();
      return [{ do: "hang-up" }, ...this.lost(now)];
    }
    for (const told of tick.subs) {
      const watch = this.bySub.get(told.sub);
      if (!watch) continue;
      if ("value" in told) {
        watch.data = { value: told.value };
        watch.position = told.at ?? tick.to;
      } else {
        watch.data = (watch.data instanceof Rows ? watch.data : Rows.none).after(told);
      }
      watch.isLive = watch.isCurrent = true;
      watch.error = undefined;
    }
    // A record that is new here was made just now, unless the client comes from further back.
    if (tick.to === tick.from + 1) this.clockAheadMs = Date.parse(tick.time) - now || 0;
    this.position = tick.to;
    this.time = tick.time;
    this.stood = { ...this.stood, position: tick.to };
    this.ticks += 1;
    for (const watch of this.bySub.values()) if (watch.kind === "rows") watch.position = tick.to;
    return [{ do: "show" }];
  }

  private result(result: Extract<FromServer, { type: "result" }>, now: number): Action[] {
    const command = this.unsettled.get(result.id);
    if (!command) return [];
    const position = result.position ?? this.position;
    if (result.error) {
      if (AGAIN.includes(result.error.code)) {
        const at = now + (result.error.retry_ms ?? 1_000);
        command.deadline = Math.min(command.deadline, now + this.timing.offlineMs);
        if (at < command.deadline) {
          this.again.set(command.id, at);
          return [];
        }
      }
      return [this.settle(command, { error: result.error })];
    }
    return [
      this.settle(
        command,
        result.refusal
          ? { refusal: result.refusal, position }
          : { answer: result.answer, position },
      ),
    ];
  }

  private settle(command: Unsettled, result: Settled): Action {
    this.unsettled.delete(command.id);
    this.again.delete(command.id);
    return { do: "settle", id: command.id, result };
  }

  private bye(bye: Extract<FromServer, { type: "bye" }>, now: number): Action[] {
    const { reason, retry_ms: retryMs } = bye;
    // A token that ended while it was live is followed by the next; one that begins ended is none.
    const isOver = reason === "expired" && this.phase === "greeting";
    if (isOver || SIGNED_OUT.includes(reason)) return this.end("signed-out", NOT_SIGNED_IN);
    if (reason === "version") return this.end("outdated", OUTDATED);
    const isRefused = reason === "invalid" || reason === "too-large";
    if (isRefused) {
      this.forget();
      this.failures = NO_USE_FAILURES;
    }
    const actions = this.lost(now);
    if (reason === "expired") this.retryAt = now;
    else this.retryAt = Math.max(this.retryAt, now + (retryMs ?? 0));
    return [{ do: "hang-up" }, ...actions];
  }

  /** There is no socket any more, or there never was one. */
  private lost(now: number): Action[] {
    if (this.phase !== "opening" && this.phase !== "greeting" && this.phase !== "live") return [];
    this.phase = "waiting";
    this.deadAt = undefined;
    this.again.clear();
    const most = Math.min(this.timing.backoffMaxMs, this.timing.backoffMs * 2 ** this.failures);
    this.failures += 1;
    this.retryAt = now + this.random() * most;
    for (const command of this.unsettled.values()) {
      command.deadline = Math.min(command.deadline, now + this.timing.offlineMs);
    }
    this.unnumber();
    return [{ do: "show" }];
  }

  /** What is shown may be behind from now on. */
  private unnumber(): void {
    this.bySub.clear();
    for (const watch of this.watches.values()) {
      watch.sub = undefined;
      watch.isLive = false;
    }
  }

  /** The next greeting begins anew. */
  private forget(): void {
    this.stood = undefined;
    for (const watch of this.watches.values()) watch.isCurrent = false;
  }

  /** No more before somebody signs in, or the page is loaded anew, or ever. */
  private end(phase: "signed-out" | "outdated" | "closed", error: ErrorMessage): Action[] {
    if (this.phase === "closed") return [];
    const hasSocket = ["opening", "greeting", "live"].includes(this.phase);
    this.phase = phase;
    this.ended = error;
    this.deadAt = undefined;
    const actions: Action[] = hasSocket ? [{ do: "hang-up" }] : [];
    if (phase === "signed-out") {
      // Whoever comes next may see other rows.
      this.forget();
      for (const watch of this.watches.values()) {
        [watch.data, watch.error, watch.isCurrent] = [undefined, undefined, false];
      }
    }
    this.unnumber();
    // Commands go, too: whoever signs in next would send them in another's name.
    return [...actions, ...this.giveUp(error), { do: "forsake", error }, { do: "show" }];
  }

  private wake(now: number): Action[] {
    const actions: Action[] = [];
    for (const command of [...this.unsettled.values()]) {
      if (now < command.deadline || !this.isWaiting(command)) continue;
      actions.push(this.settle(command, { error: command.wasSent ? UNKNOWN : OFFLINE }));
    }
    if (this.deadAt !== undefined && now >= this.deadAt) {
      return [...actions, { do: "hang-up" }, ...this.lost(now)];
    }
    if (this.phase === "waiting" && now >= this.retryAt) return [...actions, ...this.open(now)];
    if (this.phase !== "live") return actions;
    for (const [id, at] of [...this.again]) {
      const command = this.unsettled.get(id);
      if (now < at || !command) continue;
      this.again.delete(id);
      actions.push(this.deliver(command, now));
    }
    if (this.renewAt !== undefined && now >= this.renewAt) {
      this.renewAt = undefined;
      actions.push({ do: "renew" });
    }
    if (now >= this.spokenAt + this.timing.quietMs) actions.push(this.ping(now));
    return actions;
  }

  private ping(now: number): Action {
    this.deadAt ??= now + this.timing.deadMs;
    return this.say({ type: "ping", n: ++this.pings }, now);
  }

  private watch(event: Extract<Event, { type: "watch" }>, now: number): Action[] {
    const { key, query, args, kind, window } = event;
    if (this.watches.has(key)) return [];
    const watch: Watch = {
      key,
      query,
      args,
      kind,
      window,
      sub: undefined,
      data: undefined,
      position: 0,
      isCurrent: false,
      isLive: false,
      error: undefined,
    };
    this.watches.set(key, watch);
    return this.phase === "live" ? [this.ask(watch, now)] : [];
  }

  private ask(watch: Watch, now: number): Action {
    return this.say({ type: "sub", ...this.wanted(watch) }, now);
  }

  private unwatch(key: string, now: number): Action[] {
    const watch = this.watches.get(key);
    this.watches.delete(key);
    if (watch?.sub === undefined) return [];
    this.bySub.delete(watch.sub);
    return this.phase === "live" ? [this.say({ type: "unsub", sub: watch.sub }, now)] : [];
  }

  private send(event: Extract<Event, { type: "send" }>, now: number): Action[] {
    const { id, name, args, until } = event;
    if (this.ended) return [{ do: "settle", id, result: { error: this.ended } }];
    if (new TextEncoder().encode(JSON.stringify(args)).length > ARGS_BYTES_MAX) {
      return [{ do: "settle", id, result: { error: TOO_LARGE } }];
    }
    if (until !== undefined && now >= until) {
      return [{ do: "settle", id, result: { error: UNKNOWN } }];
    }
    const isLive = this.phase === "live";
    const deadline = isLive ? Infinity : (until ?? now + this.timing.offlineMs);
    const command: Unsettled = { id, name, args, deadline, wasSent: until !== undefined };
    this.unsettled.set(id, command);
    return isLive ? [this.deliver(command, now)] : [];
  }

  private deliver(command: Unsettled, now: number): Action {
    command.wasSent = true;
    const { id, name, args } = command;
    return this.say({ type: "command", id, name, args }, now);
  }

  private giveUp(error: ErrorMessage): Action[] {
    const commands = [...this.unsettled.values()];
    const settled = commands.map((command) =>
      this.settle(command, { error: command.wasSent ? UNKNOWN : error }),
    );
    const asked = [...this.asks.keys()];
    this.asks.clear();
    return [...settled, ...asked.map((ask): Action => ({ do: "answer", ask, error }))];
  }
}
