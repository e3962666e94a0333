// The rows of one row query, as the server has told them: by key, and in the query's order.

import type { SubTick } from "./message.js";

/** See the file. Immutable: a tick makes another. */
export class Rows {
  private sorted: readonly unknown[] | undefined;

  private constructor(private readonly byKey: ReadonlyMap<string, readonly [string, unknown]>) {}

  static readonly none = new Rows(new Map());

  /** These rows after a tick. */
  after(tick: SubTick): Rows {
    const byKey = new Map(tick.reset ? [] : this.byKey);
    for (const [key, order, row] of tick.put ?? []) byKey.set(key, [order || key, row]);
    for (const key of tick.del ?? []) byKey.delete(key);
    return new Rows(byKey);
  }

  /** The rows in their order. The same list as long as nothing changes. */
  get list(): readonly unknown[] {
    this.sorted ??= [...this.byKey.values()]
      .sort(([one], [other]) => (one < other ? -1 : one > other ? 1 : 0))
      .map(([, row]) => row);
    return this.sorted;
  }
}
