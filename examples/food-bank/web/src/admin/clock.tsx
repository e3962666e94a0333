// The clock on the wall: by which midnight a day ends. Nobody thinks of it until it is wrong.

import { useCommand, useQuery } from "deeds/react";

import { commands, queries } from "../deeds-api";
import { Ghosts, Live, Refused } from "../told";

/** `UTC+2`, `UTC−3:30`. */
function ahead(minutes: number): string {
  const size = Math.abs(minutes);
  const rest = size % 60 === 0 ? "" : `:${String(size % 60).padStart(2, "0")}`;
  return `UTC${minutes < 0 ? "−" : "+"}${Math.floor(size / 60)}${rest}`;
}

export function ClockCard() {
  const clock = useQuery(queries.Clock);
  const [set, setting] = useCommand(commands.SetClock);
  const here = -new Date().getTimezoneOffset();
  return (
    <section className="card housekeeping" aria-labelledby="clock-title">
      <h3 id="clock-title">Clock</h3>
      <Live of={clock} ghost={<Ghosts count={1} className="row-ghost" />}>
        {({ offset }) => (
          <>
            <p className="quiet">Days begin at midnight by {ahead(offset)}.</p>
            {offset !== here && (
              <>
                <p>This computer has {ahead(here)}.</p>
                <button disabled={setting.isPending} onClick={() => set({ offset: here })}>
                  Set the clock to {ahead(here)}
                </button>
              </>
            )}
          </>
        )}
      </Live>
      <Refused of={setting} />
    </section>
  );
}
