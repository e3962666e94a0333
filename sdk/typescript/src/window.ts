// A window: a long list, looked through page by page, each page live. It knows where the pages before
// this one began, so that going back is to where one was, whatever has come and gone meanwhile.

import type { Followed, Snapshot } from "./client.js";
import type { DeedsError } from "./error.js";
import type { Part } from "./message.js";
import type { Rows } from "./rows.js";

/** How a list is looked through. */
export interface WindowOptions {
  /** How many rows are on a page: 50 unless said, 500 at most. */
  size?: number;
  /** The index that gives the order, for queries of a whole table that are written as functions. */
  sort?: string;
  /** The last row first. */
  reverse?: boolean;
}

/** What a window shows. */
export interface WindowSnapshot<Row> {
  /** As of a live query; what was shown last is still there while the next page is on its way. */
  status: Snapshot<Row[]>["status"];
  /** The rows of this page. */
  rows: readonly Row[];
  /** How many rows there are, and how many of them come before this page. */
  total: number;
  before: number;
  /** Whether another page is on its way. */
  isMoving: boolean;
  hasPrevious: boolean;
  hasNext: boolean;
  error: DeedsError | undefined;
}

/** A page as the client follows it: with its rows comes which part they are. */
export type Page<Row> = Snapshot<Row[]> & { readonly part?: Rows };

const SIZE = 50;

/** See the file. Made by `client.window`. */
export class Window<Row> implements Followed<WindowSnapshot<Row>> {
  /** The places after which the pages up to this one begin. */
  private begins: (string | undefined)[] = [undefined];
  private page: Followed<Page<Row>>;
  private shown: WindowSnapshot<Row> = {
    status: "loading",
    rows: [],
    total: 0,
    before: 0,
    isMoving: false,
    hasPrevious: false,
    hasNext: false,
    error: undefined,
  };
  private end: string | undefined;
  private readonly readers = new Set<() => void>();
  private leave = () => {};

  constructor(
    private readonly open: (part: Part) => Followed<Page<Row>>,
    private readonly options: WindowOptions,
  ) {
    this.page = this.turned();
  }

  get current(): WindowSnapshot<Row> {
    return this.shown;
  }

  subscribe(call: () => void): () => void {
    const reader = () => call();
    this.readers.add(reader);
    if (this.readers.size === 1) this.follow();
    return () => {
      if (this.readers.delete(reader) && this.readers.size === 0) this.leave();
    };
  }

  /** To the page after this one. */
  readonly next = () => {
    if (this.shown.hasNext && !this.shown.isMoving) this.turn([...this.begins, this.end]);
  };

  /** To the page before this one. */
  readonly previous = () => {
    if (this.begins.length > 1) this.turn(this.begins.slice(0, -1));
  };

  /** To the first page. */
  readonly first = () => {
    if (this.begins.length > 1) this.turn([undefined]);
  };

  private turned(): Followed<Page<Row>> {
    const { size = SIZE, sort, reverse } = this.options;
    return this.open({ size, after: this.begins.at(-1), sort, reverse });
  }

  private turn(begins: (string | undefined)[]): void {
    this.begins = begins;
    this.page = this.turned();
    if (this.readers.size > 0) this.follow();
  }

  /** Follows the page of now, and then leaves the one before. */
  private follow(): void {
    const { leave, page } = this;
    this.leave = page.subscribe(() => this.look());
    leave();
    this.look();
  }

  private look(): void {
    const page = this.page.current;
    const hasPrevious = this.begins.length > 1;
    if (page.data && page.part) {
      const { data: rows, status, part } = page;
      // Nothing is left on this page.
      if (rows.length === 0 && hasPrevious && part.before > 0) return this.previous();
      const { total, before } = part;
      this.end = part.end;
      const hasNext = before + rows.length < total;
      const error = undefined;
      this.shown = { status, rows, total, before, isMoving: false, hasPrevious, hasNext, error };
    } else {
      const { status, error } = page;
      const isMoving = status === "loading" && this.shown.rows.length > 0;
      this.shown = {
        ...this.shown,
        status: isMoving ? this.shown.status : status,
        isMoving,
        error,
      };
    }
    for (const reader of [...this.readers]) reader();
  }
}
