// Errors: what went wrong that is no answer and no refusal, in ten fixed kinds.

/** What to do about it. `refused` never is an error here: a refusal is an outcome. */
export type ErrorKind =
  | "refused"
  | "denied"
  | "signin"
  | "invalid"
  | "conflict"
  | "busy"
  | "too_large"
  | "gone"
  | "version"
  | "bug";

/** An error as the server tells it. */
export interface ErrorMessage {
  kind: ErrorKind;
  code: string;
  message: string;
  field?: string;
  suggestion?: string;
  reference?: string;
  position?: number;
  retry_ms?: number;
}

/** An error of the server, or of the way to it. */
export class DeedsError extends Error {
  override readonly name = "DeedsError";
  readonly kind: ErrorKind;
  /** A word that never changes: `arguments`, `unknown`, `offline`. */
  readonly code: string;
  /** The argument that is wrong, if it is one. */
  readonly field: string | undefined;
  /** What to name to the operators, if it is a bug. */
  readonly reference: string | undefined;
  /** When to try again, in milliseconds, if that may help. */
  readonly retryMs: number | undefined;

  constructor(told: ErrorMessage) {
    super(told.message);
    this.kind = told.kind;
    this.code = told.code;
    this.field = told.field;
    this.reference = told.reference;
    this.retryMs = told.retry_ms;
  }
}

/** Not reached in time: nothing was sent, or nobody knows what became of it. */
export const OFFLINE: ErrorMessage = {
  kind: "busy",
  code: "offline",
  message: "The server could not be reached. Nothing was sent.",
};

export const UNKNOWN: ErrorMessage = {
  kind: "busy",
  code: "unknown",
  message: "The server could not be reached again. It may have been done or not.",
};

export const TOO_LARGE: ErrorMessage = {
  kind: "too_large",
  code: "too-large",
  message: "This is more than the server takes at once. Nothing was sent.",
};

export const NOT_SIGNED_IN: ErrorMessage = {
  kind: "signin",
  code: "unauthenticated",
  message: "Nobody is signed in.",
};

export const OUTDATED: ErrorMessage = {
  kind: "version",
  code: "version",
  message: "The server speaks another version. Load the page again.",
};

/** The position of what was recorded stands for another record now. */
export const RESTORED: ErrorMessage = {
  kind: "version",
  code: "other-lineage",
  message: "The server was restored from a copy, which may not hold this.",
};

export const CLOSED: ErrorMessage = {
  kind: "busy",
  code: "closed",
  message: "The client was closed.",
};
