// The rows of one row query, as the server has told them: by key, and in the query's order.

import type { SubTick } from "./message.js";

/** See the file. Immutable: a tick makes another. */
export class Rows {
  private sorted: readonly unknown[] | undefined;

  private constructor(
    private readonly byKey: ReadonlyMap<string, readonly [place: string, row: unknown]>,
    /** Of a window: how many rows there are in all, and before these. */
    readonly total: number,
    readonly before: number,
  ) {}

  static readonly none = new Rows(new Map(), 0, 0);

  /** These rows after a tick. */
  after(tick: SubTick): Rows {
    const byKey = new Map(tick.reset ? [] : this.byKey);
    for (const [key, order, row] of tick.put ?? []) byKey.set(key, [order || key, row]);
    for (const key of tick.del ?? []) byKey.delete(key);
    return new Rows(byKey, tick.total ?? this.total, tick.before ?? this.before);
  }

  /** The place of the last row. */
  get end(): string | undefined {
    let end: string | undefined;
    for (const [place] of this.byKey.values()) if (!end || place > end) end = place;
    return end;
  }

  /** The rows in their order. The same list as long as nothing changes. */
  get list(): readonly unknown[] {
    this.sorted ??= [...this.byKey.values()]
      .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
      .map(([, row]) => row);
    return this.sorted;
  }
}
