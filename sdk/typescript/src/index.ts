// `deeds`: live queries and commands of a Deeds app. Start reading at client.ts; what is decided about
// the connection is in connection.ts.

export {
  Client,
  type ClientOptions,
  type ConnectionStatus,
  createClient,
  type Followed,
  type Outcome,
  type RecordedRefusal,
  type Restored,
  type SendOptions,
  type Sent,
  type Snapshot,
} from "./client.js";
export { DeedsError, type ErrorKind } from "./error.js";
export { newId } from "./id.js";
export type { OpenSocket, Socket, TokenProvider } from "./link.js";
export { indexedDbOutbox, type Kept, type Outbox } from "./outbox.js";
export type { Draft, Effect, Pending, RowsDraft } from "./pending.js";
export {
  type AnswerOf,
  type AnyCommand,
  type AnyQuery,
  type ArgsOf,
  command,
  type CommandType,
  type DataOf,
  type RefusalOf,
  rowQuery,
  type RowQuery,
  valueQuery,
  type ValueQuery,
} from "./query.js";
export type { Window, WindowOptions, WindowSnapshot } from "./window.js";
