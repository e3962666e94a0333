// The shift: opened here, its code written on the board, closed when everybody goes home.

import { useCommand, useQuery } from "deeds/react";
import { useState } from "react";

import { commands, queries } from "../deeds-api";
import { Ghosts, Live, Refused } from "../told";
import { whenExactly } from "../words";

export function ShiftCard() {
  const current = useQuery(queries.CurrentShift);
  const [close, closing] = useCommand(commands.CloseShift);
  return (
    <section className="card shift-card" aria-labelledby="shift-title">
      <h3 id="shift-title">Shift</h3>
      <Live of={current} ghost={<Ghosts count={1} />}>
        {(current) =>
          current ? (
            <>
              <p>
                <strong>{current.shift.name}</strong>{" "}
                <span className="quiet">since {whenExactly(current.shift.opened)}</span>
              </p>
              <p className="quiet">The code for the board:</p>
              <p className="shift-code">{current.shift.code}</p>
              {current.present.length === 0 ? (
                <p className="quiet">Nobody has signed in yet.</p>
              ) : (
                <ul className="plain-list" aria-label="Signed in">
                  {current.present.map(({ volunteer, since, packed }) => (
                    <li key={volunteer}>
                      {volunteer}{" "}
                      <span className="quiet">
                        since {whenExactly(since)}, {packed} packed
                      </span>
                    </li>
                  ))}
                </ul>
              )}
              <button disabled={closing.isPending} onClick={() => close({})}>
                Close the shift
              </button>
            </>
          ) : (
            <OpenShift />
          )
        }
      </Live>
      <Refused of={closing} />
    </section>
  );
}

/** `Saturday morning`. */
function usualName(now: Date): string {
  const day = new Intl.DateTimeFormat("en", { weekday: "long" }).format(now);
  const hour = now.getHours();
  return `${day} ${hour < 12 ? "morning" : hour < 17 ? "afternoon" : "evening"}`;
}

function OpenShift() {
  const [open, opening] = useCommand(commands.OpenShift);
  const [name, setName] = useState(() => usualName(new Date()));
  return (
    <form
      className="stack"
      onSubmit={(event) => {
        event.preventDefault();
        open({ name });
      }}
    >
      <p className="quiet">No shift is on. Who signs in to one may pick orders until it is over.</p>
      <label className="field">
        <span>Name</span>
        <input value={name} onChange={(event) => setName(event.target.value)} required />
      </label>
      <button className="primary" disabled={opening.isPending}>
        Open a shift
      </button>
      <Refused of={opening} />
    </form>
  );
}
