// What was refused today, and why: the chronicle keeps what people wanted also when they did not get it.

import { useEffect, useMemo, useState } from "react";

import { type Person, tokensOf } from "../person";
import { Ghosts, Nothing } from "../told";
import { count, sentence, whenExactly, wish } from "../words";
import { BarsByName } from "./charts";
import { followRefused, type Refused } from "./records";

/** How long after the way to the records broke it is tried again. */
const AGAIN_MS = 3_000;

/** As many as one looks through. */
const SHOWN_MAX = 200;

function midnight(): Date {
  const day = new Date();
  day.setHours(0, 0, 0, 0);
  return day;
}

/** What was refused today, as far as it is known; undefined before the first answer. */
function useRefused(person: Person): { refused: Refused[] | undefined; error: string | undefined } {
  const [refused, setRefused] = useState<Refused[]>();
  const [error, setError] = useState<string>();
  useEffect(() => {
    const stopped = new AbortController();
    let again: ReturnType<typeof setTimeout>;
    const token = tokensOf(person);
    const begin = async () => {
      let isFirst = true;
      try {
        await followRefused(midnight(), token, stopped.signal, (more) => {
          setError(undefined);
          const isFresh = isFirst;
          isFirst = false;
          setRefused((before) => (isFresh ? more : [...(before ?? []), ...more]));
        });
      } catch (error) {
        if (!stopped.signal.aborted) setError((error as Error).message);
      }
      if (!stopped.signal.aborted) again = setTimeout(begin, AGAIN_MS);
    };
    void begin();
    return () => {
      clearTimeout(again);
      stopped.abort();
    };
  }, [person]);
  return { refused, error };
}

export function Refusals({ person }: { person: Person }) {
  const { refused, error } = useRefused(person);
  const bars = useMemo(() => byReason(refused ?? []), [refused]);
  return (
    <>
      <h2>Refused today</h2>
      {error && (
        <p className="refusal" role="alert">
          {error}
        </p>
      )}
      {!refused ? (
        !error && <Ghosts count={5} className="card row-ghost" />
      ) : refused.length === 0 ? (
        <Nothing title="Nothing was refused today">
          Whoever asked for something that could be had has it.
        </Nothing>
      ) : (
        <div className="columns">
          <section className="column" aria-label="Each of them">
            <p className="unseen" role="status">
              {count(refused.length, "refusal", "refusals")}
            </p>
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">When</th>
                  <th scope="col">Who</th>
                  <th scope="col" className="wide">
                    Wanted
                  </th>
                  <th scope="col">Why not</th>
                </tr>
              </thead>
              <tbody>
                {refused
                  .slice(-SHOWN_MAX)
                  .reverse()
                  .map(({ position, time, actor, command, refusal }) => (
                    <tr key={position} data-position={position}>
                      <td className="number">{whenExactly(time)}</td>
                      <td>{actor}</td>
                      <td className="wide short-words">{wish(command)}</td>
                      <td>{refusal.message}</td>
                    </tr>
                  ))}
              </tbody>
            </table>
          </section>
          <div className="column">
            <BarsByName title="Why" bars={bars} />
          </div>
        </div>
      )}
    </>
  );
}

function byReason(refused: Refused[]) {
  const reasons = new Map<string, number>();
  for (const { refusal } of refused) {
    reasons.set(refusal.code, (reasons.get(refusal.code) ?? 0) + 1);
  }
  return [...reasons]
    .sort(([, one], [, other]) => other - one)
    .map(([code, value]) => ({
      label: sentence(code.replaceAll("_", " ")),
      value,
      about: count(value, "time", "times"),
    }));
}
