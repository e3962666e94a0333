// A long list, a page at a time: where one is, and the way to the pages before and after.

import type { WindowSnapshot } from "deeds";
import type { ReactNode } from "react";

type Paged<Row> = WindowSnapshot<Row> & Record<"next" | "previous", () => void>;

/**
 * What `children` makes of a page, and below it the way on. The buttons stay where they are, also when
 * there is nothing more their way: whoever pressed one by keyboard is not thrown off it.
 */
export function Paged<Row>({
  of,
  ghost,
  words: [before, after],
  children,
}: {
  of: Paged<Row>;
  ghost: ReactNode;
  /** What the pages before and after this one are called. */
  words: [before: string, after: string];
  children: (rows: readonly Row[]) => ReactNode;
}) {
  if (of.status === "error") {
    return (
      <p className="refusal" role="alert">
        {of.error?.message}
      </p>
    );
  }
  const { rows, total, before: skipped, hasPrevious, hasNext } = of;
  const isLoading = of.status === "loading";
  const where = `${skipped + 1}–${skipped + rows.length} of ${total.toLocaleString("en")}`;
  return (
    <div className={of.status} aria-busy={isLoading || of.isMoving}>
      {isLoading ? ghost : children(rows)}
      <p className="unseen" role="status">
        {isLoading ? "One moment …" : total === 0 ? "None" : where}
      </p>
      {(hasPrevious || hasNext) && (
        <p className="actions pages">
          <button aria-disabled={!hasPrevious} onClick={of.previous}>
            {before}
          </button>
          <span className="number quiet" aria-hidden="true">
            {where}
          </span>
          <button aria-disabled={!hasNext} onClick={of.next}>
            {after}
          </button>
        </p>
      )}
    </div>
  );
}
