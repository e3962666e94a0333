// At the door: signing in to a shift with the code on the board, and out of it again.

import { useCommand, useQuery } from "deeds/react";
import { useState } from "react";

import { commands, queries } from "../deeds-api";
import { Basket, Refused } from "../told";
import { whenExactly } from "../words";

/** For somebody who does not work here yet. */
export function AtTheDoor() {
  return (
    <main id="main" className="door">
      <div className="card">
        <Basket />
        <h2>Here to help?</h2>
        <p className="quiet">
          The code of the shift stands on the board at the door. With it you can pick orders until
          the shift is over.
        </p>
        <CodeForm />
      </div>
    </main>
  );
}

function CodeForm() {
  const [join, joining] = useCommand(commands.JoinShift);
  const [code, setCode] = useState("");
  return (
    <form
      className="code"
      onSubmit={(event) => {
        event.preventDefault();
        join({ code });
      }}
    >
      <label className="field">
        <span>Code of the shift</span>
        <input
          value={code}
          onChange={(event) => setCode(event.target.value.replace(/\D/g, "").slice(0, 6))}
          inputMode="numeric"
          autoComplete="one-time-code"
          pattern="[0-9]{6}"
          placeholder="six digits"
          required
        />
      </label>
      <button className="primary" disabled={joining.isPending || code.length < 6}>
        {joining.isPending ? "Signing in …" : "Sign in"}
      </button>
      <Refused of={joining} />
    </form>
  );
}

/** The shift that is on, for those who work here: who is in it, and the way in and out. */
export function ShiftLine({ me }: { me: string }) {
  const current = useQuery(queries.CurrentShift);
  const [leave, leaving] = useCommand(commands.LeaveShift);
  if (current.status === "loading" || current.status === "error") return null;
  if (!current.data) return <p className="shift quiet">No shift is on.</p>;
  const { shift, present } = current.data;
  const mine = present.find((one) => one.volunteer === me);
  return (
    <section className="shift" aria-label="Shift">
      <p>
        <strong>{shift.name}</strong>{" "}
        <span className="quiet">
          since {whenExactly(shift.opened)} ·{" "}
          {present.length === 0 ? "nobody has signed in yet" : `${present.length} signed in`}
          {mine && mine.packed > 0 && ` · you packed ${mine.packed}`}
        </span>
      </p>
      {mine ? (
        <button className="plain" disabled={leaving.isPending} onClick={() => leave({})}>
          Sign out of the shift
        </button>
      ) : (
        <details>
          <summary>Sign in to it</summary>
          <CodeForm />
        </details>
      )}
      <Refused of={leaving} />
    </section>
  );
}
