// What people are told of: what was refused or failed, what is not there yet, what may be old.

import type { DeedsError, Outcome, Snapshot } from "deeds";
import type { ReactNode } from "react";

interface Sending {
  outcome: Outcome<unknown, { message: string }> | undefined;
  error: DeedsError | undefined;
}

/** Why a command did nothing, if it did nothing. */
export function Refused({ of, words }: { of: Sending; words?: string | undefined }) {
  const { outcome, error } = of;
  const told = outcome && !outcome.ok ? (words ?? outcome.refusal.message) : error?.message;
  if (!told) return null;
  return (
    <p className="refusal" role="alert">
      {told}
    </p>
  );
}

/** A live result: a ghost of it before it is there, what went wrong, or what `children` makes of it. */
export function Live<Data>({
  of,
  ghost,
  children,
}: {
  of: Snapshot<Data>;
  ghost: ReactNode;
  children: (data: Data) => ReactNode;
}) {
  switch (of.status) {
    case "loading":
      return (
        <div aria-busy="true">
          <span className="unseen" role="status">
            One moment …
          </span>
          {ghost}
        </div>
      );
    case "error":
      return (
        <p className="refusal" role="alert">
          {of.error.message}
        </p>
      );
    case "live":
    case "stale":
      return <div className={of.status}>{children(of.data)}</div>;
  }
}

/** So many empty shapes of what is going to be there. */
export function Ghosts({ count, className = "card" }: { count: number; className?: string }) {
  return (
    <div className="ghosts" aria-hidden="true">
      {Array.from({ length: count }, (_, place) => (
        <div key={place} className={`${className} ghost`} />
      ))}
    </div>
  );
}

/** Nothing is there, and that is all right. */
export function Nothing({ title, children }: { title: string; children?: ReactNode }) {
  return (
    <div className="nothing">
      <Basket />
      <p>
        <strong>{title}</strong>
      </p>
      {children && <p className="quiet">{children}</p>}
    </div>
  );
}

/** The food bank's mark. */
export function Basket() {
  return (
    <svg className="basket" viewBox="0 0 32 32" aria-hidden="true">
      <path d="M4 14h24l-2.6 11.2a2.4 2.4 0 0 1-2.3 1.8H8.9a2.4 2.4 0 0 1-2.3-1.8Z" />
      <path className="stroke" d="M9 14 13 6M23 14 19 6M12 18.5v4M16 18.5v4M20 18.5v4" />
    </svg>
  );
}
