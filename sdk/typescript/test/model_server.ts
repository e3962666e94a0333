// A server of the live protocol in memory, small enough to be believed: notes by id, changed by
// commands. Every state it ever had is kept, so that what a client shows at a position can be checked.

import type { FromServer, Part, SubTick, ToServer, Wanted } from "../src/message.js";

export interface Note {
  id: number;
  weight: number;
}

type Notes = ReadonlyMap<number, Note>;

/** What an actor sees with a query, at one state. */
export const seen = (notes: Notes, query: string): unknown => {
  const all = [...notes.values()].sort((one, other) => one.id - other.id);
  if (query === "Heavy") return all.filter((note) => note.weight >= 5);
  if (query === "Count") return { notes: all.length };
  return all;
};

const keyOf = (id: number) => String(id).padStart(6, "0");

interface Subscription {
  query: string;
  window: Part | undefined;
  told: Map<string, string> | undefined;
  value?: string;
}

/** A client's end, as the server has it. */
export interface Session {
  send(message: FromServer): void;
  subs: Map<number, Subscription>;
  position: number;
  isGreeted: boolean;
  /** Ticks are held back while it is stalled: they are merged. */
  isStalled: boolean;
}

export class ModelServer {
  lineage = "1111111111111111";
  /** The states by position; the last is the current one. */
  states: Notes[] = [new Map()];
  /** Outcomes by command id. */
  readonly outcomes = new Map<string, FromServer & { type: "result" }>();
  /** How often each command was run. */
  readonly runs = new Map<string, number>();
  /** From which position on it can be resumed. */
  ring = 0;
  sessions = new Set<Session>();

  get position(): number {
    return this.states.length - 1;
  }

  hear(session: Session, message: ToServer): void {
    switch (message.type) {
      case "hello": {
        const { resume } = message;
        const resumed =
          resume !== undefined && resume.lineage === this.lineage && resume.position >= this.ring;
        session.position = resumed ? resume.position : this.position;
        session.isGreeted = true;
        session.send({
          type: "welcome",
          protocol: 1,
          app: "notes",
          lineage: this.lineage,
          position: session.position,
          time: "",
          schema: "",
          who: "somebody",
          resumed,
          expires: "2100-01-01T00:00:00Z",
        });
        for (const wanted of message.subs) this.subscribe(session, wanted, resumed);
        return this.tick(session);
      }
      case "sub":
        this.subscribe(session, message, false);
        return this.tick(session);
      case "unsub":
        return void session.subs.delete(message.sub);
      case "command":
        return this.run(session, message.id, message.name, message.args as Note);
      case "ping":
        this.tick(session);
        return session.send({ type: "pong", n: message.n });
      case "ask": {
        const answer = seen(this.states[this.position]!, message.query);
        return session.send({ type: "answer", ask: message.ask, position: this.position, answer });
      }
      default:
        return;
    }
  }

  private subscribe(session: Session, { sub, query, window }: Wanted, resumed: boolean): void {
    if (query === "Denied") {
      const error = { kind: "denied", code: "denied", message: "Not for you." } as const;
      return session.send({ type: "fail", sub, error });
    }
    const before = this.states[session.position]!;
    const told = resumed && !window ? rowsOf(before, query) : undefined;
    session.subs.set(sub, { query, window, told });
  }

  private run(session: Session, id: string, name: string, { id: note, weight }: Note): void {
    const known = this.outcomes.get(id);
    if (known) return session.send(known);
    this.runs.set(id, (this.runs.get(id) ?? 0) + 1);
    const notes = new Map(this.states[this.position]);
    let result: FromServer & { type: "result" };
    if (weight === 7) {
      const refusal = { code: "unlucky", message: "Not seven." };
      result = { type: "result", id, position: this.position + 1, refusal };
    } else {
      if (name === "Erase") notes.delete(note);
      else notes.set(note, { id: note, weight });
      result = { type: "result", id, position: this.position + 1, answer: notes.size };
    }
    this.states.push(notes);
    this.outcomes.set(id, result);
    session.send(result);
    for (const each of this.sessions) this.tick(each);
  }

  /** Moves a client to the current position, unless it is stalled. */
  tick(session: Session): void {
    if (!session.isGreeted || session.isStalled) return;
    const notes = this.states[this.position]!;
    const subs: SubTick[] = [];
    for (const [sub, state] of session.subs) {
      if (state.query === "Count") {
        const value = seen(notes, state.query);
        if (state.value === JSON.stringify(value)) continue;
        state.value = JSON.stringify(value);
        subs.push({ sub, at: this.position, value });
        continue;
      }
      const { now, ...counts } = partOf(rowsOf(notes, state.query), state.window);
      const put = [...now].filter(([key, row]) => state.told?.get(key) !== row);
      const del = [...(state.told?.keys() ?? [])].filter((key) => !now.has(key));
      if (state.told && put.length + del.length === 0 && !state.window) continue;
      const puts = put.map(([key, row]): [string, string, unknown] => [key, "", JSON.parse(row)]);
      subs.push({ sub, ...(state.told ? {} : { reset: true }), put: puts, del, ...counts });
      state.told = now;
    }
    if (subs.length === 0 && session.position === this.position) return;
    session.send({ type: "tick", from: session.position, to: this.position, time: "", subs });
    session.position = this.position;
  }

  /** Starts again: nothing in memory is left of what clients were told. */
  restart(): void {
    this.ring = this.position;
    this.sessions.clear();
  }

  /** Is restored from a copy that ends earlier, into a new lineage. */
  restore(lineage: string, keep: number): void {
    this.lineage = lineage;
    const lost = [...this.outcomes].filter(([, result]) => result.position! > keep);
    for (const [id] of lost) {
      this.outcomes.delete(id);
      this.runs.delete(id);
    }
    this.states = this.states.slice(0, keep + 1);
    this.restart();
  }
}

/** What is in a window, and how many rows there are. */
function partOf(all: Map<string, string>, window: Part | undefined) {
  if (!window) return { now: all };
  const past = [...all].filter(([key]) => key > (window.after ?? ""));
  const counts = { total: all.size, before: all.size - past.length };
  return { now: new Map(past.slice(0, window.size)), ...counts };
}

function rowsOf(notes: Notes, query: string): Map<string, string> {
  if (query === "Count") return new Map();
  const rows = seen(notes, query) as Note[];
  return new Map(rows.map((note) => [keyOf(note.id), JSON.stringify(note)]));
}
