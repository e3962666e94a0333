// The messages of the live protocol (docs/protocol.md), version 1.

import type { ErrorMessage } from "./error.js";

export const PROTOCOL = 1;

/** The subprotocol that is spoken here. */
export const SUBPROTOCOL = "deeds.v1.json";

export interface Stood {
  lineage: string;
  position: number;
  who: string;
}

/** A part of a row query's rows. */
export interface Part {
  /** How many rows at most. */
  size: number;
  /** The place after which it begins; left out, it begins with the first row. */
  after?: string | undefined;
  /** The index that gives the order, where the query lets its readers choose. */
  sort?: string | undefined;
  /** The last row first. */
  reverse?: boolean | undefined;
}

export interface Wanted {
  sub: number;
  query: string;
  args: unknown;
  window?: Part | undefined;
}

export type ToServer =
  | { type: "hello"; protocol: number; token: string; resume?: Stood; subs: Wanted[] }
  | ({ type: "sub" } & Wanted)
  | { type: "unsub"; sub: number }
  | { type: "ask"; ask: number; query: string; args: unknown }
  | { type: "command"; id: string; name: string; args: unknown }
  | { type: "token"; token: string }
  | { type: "ping"; n: number }
  | { type: "bye" };

export interface Welcome {
  type: "welcome";
  protocol: number;
  app: string;
  lineage: string;
  position: number;
  time: string;
  schema: string;
  who: string;
  resumed: boolean;
  expires: string;
}

export interface SubTick {
  sub: number;
  reset?: boolean;
  put?: [key: string, order: string, row: unknown][];
  del?: string[];
  /** Of a window: the rows there are, and those before it. */
  total?: number;
  before?: number;
  at?: number;
  value?: unknown;
}

export interface Tick {
  type: "tick";
  from: number;
  to: number;
  time: string;
  subs: SubTick[];
}

export interface Result {
  type: "result";
  id: string;
  position?: number;
  answer?: unknown;
  refusal?: { code: string; message: string; data?: unknown };
  error?: ErrorMessage;
}

export type FromServer =
  | Welcome
  | Tick
  | Result
  | { type: "answer"; ask: number; position?: number; answer?: unknown; error?: ErrorMessage }
  | { type: "fail"; sub: number; error: ErrorMessage }
  | { type: "pong"; n: number }
  | { type: "bye"; reason: string; retry_ms: number | null; error?: ErrorMessage };
