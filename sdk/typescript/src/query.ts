// Queries and commands of an app, as generated code names them. The types exist for the compiler
// alone: at run time each is a name.

/** A query that picks rows: live readers are told of each row that comes, changes or goes. */
export interface RowQuery<Args, Row> {
  readonly kind: "rows";
  readonly name: string;
  /** Never there; it carries the types. */
  readonly types?: (args: Args) => Row[];
}

/** A query that computes its answer: live readers get the whole answer when it has changed. */
export interface ValueQuery<Args, Value> {
  readonly kind: "value";
  readonly name: string;
  readonly types?: (args: Args) => Value;
}

export type Query<Args, Data> =
  ValueQuery<Args, Data> | (Data extends (infer Row)[] ? RowQuery<Args, Row> : never);

/** What a query's answer is. */
export type DataOf<Q> =
  Q extends RowQuery<never, infer Row> ? Row[] : Q extends ValueQuery<never, infer V> ? V : never;

/** What a query or a command is asked with. */
export type ArgsOf<Q> = Q extends { readonly types?: (args: infer Args) => unknown } ? Args : never;

/** Any query. */
export type AnyQuery = RowQuery<never, unknown> | ValueQuery<never, unknown>;

/** A command: what it takes, what it answers, what it may be refused with. */
export interface CommandType<Args, Answer, Refusal> {
  readonly name: string;
  readonly types?: (args: Args) => { answer: Answer; refusal: Refusal };
}

/** Any command. */
export type AnyCommand = CommandType<never, unknown, unknown>;

/** The answer of a command. */
export type AnswerOf<C> = C extends CommandType<never, infer Answer, unknown> ? Answer : never;

/** What a command may be refused with. */
export type RefusalOf<C> = C extends CommandType<never, unknown, infer Refusal> ? Refusal : never;

/** The arguments as a parameter: to be left out where every one of them may be. */
export type ArgsParameter<Args> = {} extends Args ? [args?: Args] : [args: Args];

export const rowQuery = <Args, Row>(name: string): RowQuery<Args, Row> => ({ kind: "rows", name });

export const valueQuery = <Args, Value>(name: string): ValueQuery<Args, Value> => ({
  kind: "value",
  name,
});

export const command = <Args, Answer, Refusal>(
  name: string,
): CommandType<Args, Answer, Refusal> => ({ name });
