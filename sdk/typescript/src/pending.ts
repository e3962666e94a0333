// Commands on their way, and what they are expected to do: effects are run again over every confirmed
// state, so that what is shown is always what the server told, with one's own wishes on top.

import type { RowQuery, ValueQuery } from "./query.js";

/** A command that is on its way, or whose effect has not been seen yet. */
export interface Pending {
  readonly id: string;
  readonly name: string;
  readonly args: unknown;
  /** `sending` until it has its result; `durable` until the result is visible here. */
  readonly state: "sending" | "durable";
}

/** What an effect may change: the results of live queries, as they are shown. */
export interface Draft {
  /** The rows of a query; with these arguments, or with whichever it is watched. */
  rows<Args, Row>(query: RowQuery<Args, Row>, args?: Args): RowsDraft<Row>;
  /** Changes a value, where it is known. */
  value<Args, Value>(
    query: ValueQuery<Args, Value>,
    change: (value: Value) => Value,
    args?: Args,
  ): void;
}

/** Rows that an effect may change. */
export interface RowsDraft<Row> {
  /** Replaces the rows that match by what `change` makes of them. */
  update(matches: (row: Row) => boolean, change: (row: Row) => Row): void;
  /** Adds a row at the end. */
  insert(row: Row): void;
  /** Removes the rows that match. */
  remove(matches: (row: Row) => boolean): void;
  /** Whether a row matches. */
  some(matches: (row: Row) => boolean): boolean;
}

export type Effect = (draft: Draft) => void;

/** An effect that is run over what is shown. */
export interface Wish {
  readonly effect: Effect;
  /** The values that it has changed, by their keys. */
  readonly values: Set<string>;
  /** When what it did is seen but in these values, which are read later than rows: only they are changed. */
  readonly only?: ReadonlySet<string> | undefined;
}

/** One result that is shown: of which query, with which arguments. */
export interface Shown {
  readonly key: string;
  readonly query: string;
  readonly argsKey: string;
  data: unknown;
}

/** Runs effects over confirmed results; those that an effect changes get other data. */
export function overlay(
  shown: readonly Shown[],
  wishes: readonly Wish[],
  keyOf: (args: unknown) => string,
): void {
  const find = (name: string, args: unknown) =>
    shown.filter(
      (it) => it.query === name && it.data !== undefined && (!args || it.argsKey === keyOf(args)),
    );
  const draftOf = ({ values, only }: Wish): Draft => ({
    rows<Args, Row>(query: RowQuery<Args, Row>, args?: Args): RowsDraft<Row> {
      const results = only ? [] : find(query.name, args);
      const change = (make: (rows: Row[]) => Row[]) => {
        for (const result of results) result.data = make(result.data as Row[]);
      };
      return {
        update: (matches, to) =>
          change((rows) =>
            rows.some(matches) ? rows.map((row) => (matches(row) ? to(row) : row)) : rows,
          ),
        insert: (row) => change((rows) => [...rows, row]),
        remove: (matches) =>
          change((rows) => (rows.some(matches) ? rows.filter((row) => !matches(row)) : rows)),
        some: (matches) => results.some((result) => (result.data as Row[]).some(matches)),
      };
    },
    value(query, change, args) {
      for (const result of find(query.name, args)) {
        values.add(result.key);
        if (!only || only.has(result.key)) result.data = change(result.data as never);
      }
    },
  });
  for (const wish of wishes) {
    const before = shown.map(({ data }) => data);
    try {
      wish.effect(draftOf(wish));
    } catch (error) {
      // It is the app's own fault: said where people look for those, and nothing comes of the effect.
      shown.forEach((each, place) => (each.data = before[place]));
      report(error);
    }
  }
}

/** Tells of a fault in the app's own code, without stopping what is under way. */
export function report(error: unknown): void {
  if ("reportError" in globalThis) reportError(error);
  else console.error(error);
}
