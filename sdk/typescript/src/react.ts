// Hooks for React: what a client shows, as components read it. One internal hook over
// `useSyncExternalStore` does all of it.

import {
  createContext,
  createElement,
  type ReactNode,
  useCallback,
  useContext,
  useMemo,
  useState,
  useSyncExternalStore,
} from "react";

import type { Client, ConnectionStatus, Followed, Outcome, Sent, Snapshot } from "./client.js";
import { DeedsError } from "./error.js";
import type { Draft, Pending } from "./pending.js";
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
import type { Window, WindowOptions, WindowSnapshot } from "./window.js";

const Context = createContext<Client | undefined>(undefined);

/** Gives a client to all components within. */
export function DeedsProvider({ client, children }: { client: Client; children?: ReactNode }) {
  return createElement(Context.Provider, { value: client }, children);
}

/** The client. */
export function useClient(): Client {
  const client = useContext(Context);
  if (!client) throw new Error("put a DeedsProvider around components that use Deeds");
  return client;
}

function useFollowed<Value>(followed: Followed<Value>): Value {
  const follow = useCallback((call: () => void) => followed.subscribe(call), [followed]);
  const current = () => followed.current;
  return useSyncExternalStore(follow, current, current);
}

/** A query, live. */
export function useQuery<Q extends AnyQuery>(
  query: Q,
  ...args: ArgsParameter<ArgsOf<Q>>
): Snapshot<DataOf<Q>> {
  const client = useClient();
  const key = JSON.stringify(args[0] ?? {});
  // The arguments are compared by what they say, so that they may be written in place.
  const live = useMemo(() => client.live(query, ...args), [client, query, key]);
  return useFollowed(live);
}

/** A long list, page by page: a part of a row query's rows, live, and how to get to the others. */
export function useWindow<Args, Row>(
  query: RowQuery<Args, Row>,
  args: Args,
  options: WindowOptions = {},
): WindowSnapshot<Row> & Pick<Window<Row>, "next" | "previous" | "first"> {
  const client = useClient();
  const key = JSON.stringify([args, options]);
  const window = useMemo(() => client.window(query, args, options), [client, query, key]);
  const { next, previous, first } = window;
  return { ...useFollowed(window), next, previous, first };
}

/** How one command of a component is doing. */
export interface CommandState<C extends AnyCommand> {
  /** Whether the last one is on its way. */
  isPending: boolean;
  /** What became of the last one. */
  outcome: Outcome<AnswerOf<C>, RefusalOf<C>> | undefined;
  /** Why it has no outcome. */
  error: DeedsError | undefined;
  /** Forgets the last one. */
  clear(): void;
}

/** A function that sends a command, and how the last one is doing. */
export function useCommand<C extends AnyCommand>(
  command: C,
  options: { optimistic?: (draft: Draft, args: ArgsOf<C>) => void } = {},
): [send: (args: ArgsOf<C>) => Sent<AnswerOf<C>, RefusalOf<C>>, state: CommandState<C>] {
  const client = useClient();
  type State = Omit<CommandState<C>, "clear"> & { id?: string };
  const idle: State = { isPending: false, outcome: undefined, error: undefined };
  const [state, setState] = useState(idle);
  const { optimistic } = options;
  const send = useCallback(
    (args: ArgsOf<C>) => {
      const effect = optimistic && ((draft: Draft) => optimistic(draft, args));
      const sent = client.send(command, args, { optimistic: effect });
      const told = (next: Partial<State>) =>
        setState((now) => (now.id === sent.id ? { ...now, isPending: false, ...next } : now));
      setState({ isPending: true, outcome: undefined, error: undefined, id: sent.id });
      sent.durable.then(
        (outcome) => told({ outcome }),
        (error: unknown) => told({ error: error as DeedsError }),
      );
      return sent;
    },
    [client, command, optimistic],
  );
  const clear = useCallback(() => setState(idle), []);
  return [send, { ...state, clear }];
}

/** Commands that are on their way. */
export function usePending(): readonly Pending[] {
  const client = useClient();
  return useFollowed(useMemo(() => client.pending, [client]));
}

/** How the connection is. */
export function useConnection(): ConnectionStatus {
  const client = useClient();
  return useFollowed(useMemo(() => client.connectionStatus, [client]));
}
