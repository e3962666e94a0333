// The client: live queries, questions and commands of one app, over one connection.

import {
  type Action,
  Connection,
  type Event,
  type Phase,
  type Settled,
  TIMING,
  type Timing,
} from "./connection.js";
import { DeedsError, type ErrorMessage } from "./error.js";
import { newId } from "./id.js";
import { Link, type OpenSocket, type TokenProvider } from "./link.js";
import type { Kept, Outbox } from "./outbox.js";
import { type Effect, overlay, type Pending, report, type Shown } from "./pending.js";
import type {
  AnswerOf,
  AnyCommand,
  AnyQuery,
  ArgsOf,
  ArgsParameter,
  DataOf,
  RefusalOf,
  RowQuery,
} from "./query.js";
import type { Part } from "./message.js";
import { Rows } from "./rows.js";
import { type Page, Window, type WindowOptions } from "./window.js";

/** How a client is made. */
export interface ClientOptions {
  /** The app that the types were generated from. */
  app: { readonly name: string; readonly schema: string };
  /** A token that counts, whenever one is needed; null when nobody is signed in. */
  token: TokenProvider;
  /** Where the server is, like `https://bank.example`; in a browser the page's own by default. */
  url?: string;
  /** Where commands on their way survive a reload of the page. */
  outbox?: Outbox;
  /** Told of each command that the page before this one had on its way, and is sent again. */
  onRestored?: (restored: Restored) => void;
  /** How long a result is kept up to date after its last reader has gone, in milliseconds. */
  keepMs?: number;
  timing?: Partial<Timing>;
  openSocket?: OpenSocket;
}

/** What a live query shows. */
export type Snapshot<Data> =
  | { status: "loading"; data?: undefined; error?: undefined }
  /** `live`: as the server has it. `stale`: as it was when the connection was lost. */
  | {
      status: "live" | "stale";
      data: Data;
      /** Where the data became what it is. */
      position: number;
      error?: undefined;
    }
  | { status: "error"; error: DeedsError; data?: undefined };

/** Something that changes and can be followed. */
export interface Followed<Value> {
  readonly current: Value;
  /** Calls back after each change; gives what ends it. */
  subscribe(call: () => void): () => void;
}

/** What became of a command: an answer or a refusal, both recorded. */
export type Outcome<Answer, Refusal> =
  | { ok: true; answer: Answer; position: number }
  | { ok: false; refusal: Refusal; position: number };

/** A command that was sent. */
export interface Sent<Answer, Refusal> {
  readonly id: string;
  /** Resolves when it is recorded. Rejects with a `DeedsError` when it was not, or nobody knows. */
  readonly durable: Promise<Outcome<Answer, Refusal>>;
  /** Resolves when everything that is live here shows what it did. */
  readonly visible: Promise<Outcome<Answer, Refusal>>;
}

/** A command of a page before this one. Effects are not kept, and its types are the app's to know. */
export interface Restored extends Sent<unknown, RecordedRefusal> {
  readonly name: string;
  readonly args: unknown;
}

/** A refusal as it is recorded. */
export interface RecordedRefusal {
  code: string;
  message: string;
  data?: unknown;
}

/** How the connection is. */
export interface ConnectionStatus {
  /** `reconnecting` is for a moment, `offline` when trying has failed more than once. */
  status: "connecting" | "live" | "reconnecting" | "offline" | "signed-out" | "outdated" | "closed";
  /** Whether the server's interface is another than the one the types were generated from. */
  isOutdated: boolean;
  /** What carries it: `events` where no socket gets through. They show the same, somewhat later. */
  via: "socket" | "events";
  position: number;
  /** Ticks that were applied since the client was made, and times it went on where it stood. */
  ticks: number;
  resumptions: number;
}

/** What a command may say besides its arguments. */
export interface SendOptions {
  /** What it is expected to do to what is shown, until it is seen. */
  optimistic?: Effect | undefined;
  /** Its id, if it was minted before. */
  id?: string | undefined;
}

interface Tracked {
  readonly pending: { id: string; name: string; args: unknown; state: "sending" | "durable" };
  readonly effect: Effect | undefined;
  position: number | undefined;
  /** The values that its effect has changed, by their keys. */
  readonly values: Set<string>;
  /** Those that are read further back than where it was recorded; undefined before it is seen in rows. */
  behind: Set<string> | undefined;
  /** When they are not waited for any more. */
  waiting: ReturnType<typeof setTimeout> | undefined;
  settle(result: Settled): void;
  see(): void;
  /** It will not be seen. */
  forsake(error: ErrorMessage): void;
}

/** A result that somebody reads. */
class Entry {
  readers = new Set<() => void>();
  snapshot: Snapshot<unknown> = { status: "loading" };
  dropping: ReturnType<typeof setTimeout> | undefined;

  constructor(
    readonly key: string,
    readonly query: AnyQuery,
    readonly args: unknown,
    readonly argsKey: string,
  ) {}
}

/** See the file. Made by `createClient`. */
export class Client {
  private readonly connection: Connection;
  private readonly link: Link;
  private readonly entries = new Map<string, Entry>();
  private readonly tracked: Tracked[] = [];
  private readonly answers = new Map<number, (action: Action & { do: "answer" }) => void>();
  private nextAsk = 1;
  private readonly keepMs: number;
  private status: ConnectionStatus;
  private readonly statusReaders = new Set<() => void>();
  private pendingNow: readonly Pending[] = [];
  private readonly pendingReaders = new Set<() => void>();
  /** What is sent before the outbox was looked into: it comes after what is in there. */
  private early: (Event & { type: "send" })[] | undefined;
  private isClosed = false;

  constructor(private readonly options: ClientOptions) {
    this.keepMs = options.keepMs ?? 5_000;
    this.connection = new Connection({ ...TIMING, ...options.timing });
    const url = socketUrl(options.url);
    this.link = new Link(
      this.connection,
      url,
      options.token,
      (action) => this.act(action),
      options.openSocket,
    );
    this.status = this.statusNow();
    if (options.outbox) void this.restore(options.outbox);
    this.link.happen({ type: "start" });
  }

  /** A query, live. It is read from the server as long as somebody follows it, and a while longer. */
  live<Q extends AnyQuery>(
    query: Q,
    ...[args]: ArgsParameter<ArgsOf<Q>>
  ): Followed<Snapshot<DataOf<Q>>> {
    return this.follow(query, args);
  }

  /** A part of a row query's rows, live: a long list is looked through page by page. */
  window<Args, Row>(
    query: RowQuery<Args, Row>,
    args: Args,
    options: WindowOptions = {},
  ): Window<Row> {
    return new Window((part) => this.follow(query, args, part) as Followed<Page<Row>>, options);
  }

  private follow<Q extends AnyQuery>(
    query: Q,
    args: unknown,
    window?: Part,
  ): Followed<Snapshot<DataOf<Q>>> {
    const argsKey = keyOf(args ?? {});
    const key = `${query.name}${argsKey}${window ? keyOf(window) : ""}`;
    const entry = () => {
      let entry = this.entries.get(key);
      if (!entry) {
        entry = new Entry(key, query, args ?? {}, argsKey);
        this.entries.set(key, entry);
      }
      return entry;
    };
    const client = this;
    return {
      get current() {
        return (client.entries.get(key)?.snapshot ?? LOADING) as Snapshot<DataOf<Q>>;
      },
      subscribe: (call) => {
        const followed = entry();
        const reader = () => call();
        followed.readers.add(reader);
        clearTimeout(followed.dropping);
        const { name, kind } = query;
        this.link.happen({ type: "watch", key, query: name, args: followed.args, kind, window });
        return () => {
          if (!followed.readers.delete(reader) || followed.readers.size > 0) return;
          followed.dropping = setTimeout(() => this.drop(followed), this.keepMs);
          (followed.dropping as { unref?: () => void }).unref?.();
        };
      },
    };
  }

  /** A query, once. Waits for the connection if there is none. */
  ask<Q extends AnyQuery>(query: Q, ...[args]: ArgsParameter<ArgsOf<Q>>): Promise<DataOf<Q>> {
    const ask = this.nextAsk++;
    return new Promise((resolve, reject) => {
      this.answers.set(ask, (action) => {
        if (action.error) reject(new DeedsError(action.error));
        else resolve(action.answer as DataOf<Q>);
      });
      this.link.happen({ type: "ask", ask, query: query.name, args: args ?? {} });
    });
  }

  /** Sends a command. It is sent again, with the same id, until it has an outcome or time is up. */
  send<C extends AnyCommand>(
    command: C,
    args: ArgsOf<C>,
    options: SendOptions = {},
  ): Sent<AnswerOf<C>, RefusalOf<C>> {
    const id = options.id ?? newId(Date.now() + this.connection.clockAheadMs);
    this.options.outbox?.keep({ id, name: command.name, args, at: Date.now() });
    return this.track({ type: "send", id, name: command.name, args }, options.optimistic);
  }

  private track<Answer, Refusal>(
    event: Event & { type: "send" },
    effect: Effect | undefined,
  ): Sent<Answer, Refusal> {
    type Told = Outcome<Answer, Refusal>;
    const { id, name, args } = event;
    const durable = deferred<Told>();
    const visible = deferred<Told>();
    // Whoever does not look at one of them need not hear that it failed.
    visible.promise.catch(() => {});
    durable.promise.catch(() => {});
    let outcome: Told | undefined;
    const tracked: Tracked = {
      pending: { id, name, args, state: "sending" },
      effect,
      position: undefined,
      values: new Set(),
      behind: undefined,
      waiting: undefined,
      settle: (result) => {
        if ("error" in result) {
          durable.reject(new DeedsError(result.error));
          visible.reject(new DeedsError(result.error));
          return;
        }
        const { position } = result;
        outcome =
          "refusal" in result
            ? { ok: false, refusal: result.refusal as Refusal, position }
            : { ok: true, answer: result.answer as Answer, position };
        durable.resolve(outcome);
      },
      see: () => visible.resolve(outcome!),
      forsake: (error) => visible.reject(new DeedsError(error)),
    };
    this.tracked.push(tracked);
    if (this.early) this.early.push(event);
    else this.link.happen(event);
    this.show();
    return { id, durable: durable.promise, visible: visible.promise };
  }

  /** Sends what an earlier page had on its way, before anything else. */
  private async restore(outbox: Outbox): Promise<void> {
    const early: (Event & { type: "send" })[] = (this.early = []);
    const kept = await outbox.load().catch((): Kept[] => []);
    this.early = undefined;
    const { offlineMs } = { ...TIMING, ...this.options.timing };
    for (const { id, name, args, at } of kept) {
      if (early.some((event) => event.id === id)) continue;
      const sent = this.track<unknown, RecordedRefusal>(
        { type: "send", id, name, args, until: at + offlineMs },
        undefined,
      );
      this.options.onRestored?.({ ...sent, name, args });
    }
    for (const event of early) this.link.happen(event);
  }

  /** How the connection is. */
  get connectionStatus(): Followed<ConnectionStatus> {
    const client = this;
    return {
      get current() {
        return client.status;
      },
      subscribe: (call) => heardBy(this.statusReaders, call),
    };
  }

  /** Commands that are on their way. */
  get pending(): Followed<readonly Pending[]> {
    const client = this;
    return {
      get current() {
        return client.pendingNow;
      },
      subscribe: (call) => heardBy(this.pendingReaders, call),
    };
  }

  /** Connects again after signing in. */
  signIn(): void {
    this.link.happen({ type: "start" });
  }

  /** Hangs up, forgets what was shown, and tells the server that the token counts no more. */
  async signOut(): Promise<void> {
    const told = (async () => this.options.token())();
    this.link.happen({ type: "no-token" });
    const token = await told;
    if (token === null) return;
    const headers = { authorization: `Bearer ${token}` };
    const response = await fetch(signOutUrl(this.options.url), { method: "POST", headers });
    // 401: it did not count before.
    if (!response.ok && response.status !== 401) throw new DeedsError(NOT_SIGNED_OUT);
  }

  /** Hangs up for good. */
  close(): void {
    this.isClosed = true;
    for (const entry of this.entries.values()) clearTimeout(entry.dropping);
    this.link.happen({ type: "close" });
  }

  private drop(entry: Entry): void {
    this.entries.delete(entry.key);
    this.link.happen({ type: "unwatch", key: entry.key });
  }

  private act(action: Action): void {
    switch (action.do) {
      case "show":
        return this.show();
      case "settle":
        return this.settle(action.id, action.result);
      case "forsake":
        return this.forsake(action.error);
      case "answer": {
        const answer = this.answers.get(action.ask);
        this.answers.delete(action.ask);
        return answer?.(action);
      }
    }
  }

  private settle(id: string, result: Settled): void {
    const place = this.tracked.findIndex((tracked) => tracked.pending.id === id);
    const tracked = this.tracked[place];
    if (!tracked) return;
    // What is given up only because this client is closed is the next one's to send.
    if (!this.isClosed) this.options.outbox?.forget(id);
    tracked.settle(result);
    if ("answer" in result) {
      tracked.position = result.position;
      tracked.pending.state = "durable";
    } else {
      // What was refused or failed does nothing: its effect goes at once.
      this.tracked.splice(place, 1);
      if ("refusal" in result) tracked.see();
    }
    this.show();
  }

  private forsake(error: ErrorMessage): void {
    for (let place = this.tracked.length - 1; place >= 0; place -= 1) {
      const tracked = this.tracked[place]!;
      if (tracked.position === undefined) continue;
      this.tracked.splice(place, 1);
      clearTimeout(tracked.waiting);
      tracked.forsake(error);
    }
    this.show();
  }

  /** Makes what is shown anew, and tells those whose part of it has changed. */
  private show(): void {
    for (let place = this.tracked.length - 1; place >= 0; place -= 1) {
      const tracked = this.tracked[place]!;
      const isSeen = tracked.position !== undefined && tracked.position <= this.connection.position;
      if (!isSeen || this.waitsForValues(tracked)) continue;
      clearTimeout(tracked.waiting);
      this.tracked.splice(place, 1);
      tracked.see();
    }
    const wishes = this.tracked.flatMap(({ effect, values, behind: only }) =>
      effect ? { effect, values, only } : [],
    );
    const shown = new Map<string, Shown>();
    for (const entry of this.entries.values()) {
      const data = this.connection.watches.get(entry.key)?.data;
      const list = data instanceof Rows ? data.list : data?.value;
      shown.set(entry.key, {
        key: entry.key,
        query: entry.query.name,
        argsKey: entry.argsKey,
        data: list,
      });
    }
    if (wishes.length > 0) overlay([...shown.values()], wishes, keyOf);
    const told: Entry[] = [];
    for (const entry of this.entries.values()) {
      const next = this.snapshotOf(entry, shown.get(entry.key)?.data);
      const before = entry.snapshot;
      const isSame =
        before.status === next.status &&
        before.data === next.data &&
        before.error?.message === next.error?.message;
      if (isSame) continue;
      entry.snapshot = next;
      told.push(entry);
    }
    const status = this.statusNow();
    const statusChanged = JSON.stringify(status) !== JSON.stringify(this.status);
    if (statusChanged) this.status = status;
    const pending = this.tracked.map((tracked) => ({ ...tracked.pending }));
    const pendingChanged = JSON.stringify(pending) !== JSON.stringify(this.pendingNow);
    if (pendingChanged) this.pendingNow = pending;
    for (const entry of told) tellAll(entry.readers);
    if (statusChanged) tellAll(this.statusReaders);
    if (pendingChanged) tellAll(this.pendingReaders);
  }

  /**
   * Whether a value that a command was expected to change is behind it. Rows come with the tick in which
   * the command is seen, values a moment later; taking the effect away between them would flicker.
   */
  private waitsForValues(tracked: Tracked): boolean {
    const behind = [...tracked.values].filter((key) => {
      const watch = this.connection.watches.get(key);
      return watch !== undefined && watch.position < tracked.position!;
    });
    tracked.behind = new Set(behind);
    if (behind.length === 0) return false;
    tracked.waiting ??= setTimeout(() => {
      tracked.values.clear();
      this.show();
    }, VALUES_MS);
    (tracked.waiting as { unref?: () => void }).unref?.();
    return tracked.values.size > 0;
  }

  private snapshotOf(entry: Entry, data: unknown): Snapshot<unknown> {
    const watch = this.connection.watches.get(entry.key);
    if (watch?.error) return { status: "error", error: new DeedsError(watch.error) };
    if (data === undefined || !watch) return LOADING;
    const status = watch.isLive ? "live" : "stale";
    const part = watch.window && watch.data;
    return { status, data, position: watch.position, ...(part && { part }) };
  }

  private statusNow(): ConnectionStatus {
    const { phase, failures, position, ticks, resumptions, schema } = this.connection;
    const isOutdated = schema !== undefined && schema !== this.options.app.schema;
    const { via } = this.link;
    return { status: word(phase, failures), isOutdated, via, position, ticks, resumptions };
  }
}

/** How long after rows a value may come: the server reads it at most ten times as seldom as it takes. */
const VALUES_MS = 2_000;

const LOADING: Snapshot<never> = { status: "loading" };

const NOT_SIGNED_OUT: ErrorMessage = {
  kind: "busy",
  code: "offline",
  message: "The server did not hear of it: the token counts until it ends.",
};

function tellAll(readers: Set<() => void>): void {
  for (const reader of [...readers]) {
    try {
      reader();
    } catch (error) {
      report(error);
    }
  }
}

function word(phase: Phase, failures: number): ConnectionStatus["status"] {
  if (phase === "live" || phase === "signed-out" || phase === "outdated" || phase === "closed") {
    return phase;
  }
  return failures === 0 ? "connecting" : failures < 3 ? "reconnecting" : "offline";
}

function heardBy(readers: Set<() => void>, call: () => void): () => void {
  const reader = () => call();
  readers.add(reader);
  return () => void readers.delete(reader);
}

/** The same text for the same arguments, in whatever order their members were written. */
function keyOf(args: unknown): string {
  return JSON.stringify(args, (_, value: unknown) =>
    value && typeof value === "object" && !Array.isArray(value)
      ? Object.fromEntries(Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1)))
      : value,
  );
}

function origin(url: string | undefined): string {
  const base = url ?? (globalThis as { location?: { origin: string } }).location?.origin;
  if (base === undefined) throw new TypeError("outside of a browser a client needs `url`");
  return base.replace(/\/$/, "");
}

const socketUrl = (url: string | undefined) => `${origin(url).replace(/^http/, "ws")}/v1/live`;

const signOutUrl = (url: string | undefined) => `${origin(url)}/v1/sign-out`;

function deferred<Value>() {
  let resolve!: (value: Value) => void;
  let reject!: (error: Error) => void;
  const promise = new Promise<Value>((...both) => ([resolve, reject] = both));
  return { promise, resolve, reject };
}

/** Makes a client; it connects at once. */
export const createClient = (options: ClientOptions): Client => new Client(options);
