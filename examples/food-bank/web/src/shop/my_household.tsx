// Who gets the food, as the food bank knows it: right here, when one has moved.

import { useQuery } from "deeds/react";
import { useState } from "react";

import { queries } from "../deeds-api";
import { HouseholdForm } from "../household_form";

export function MyHousehold() {
  const household = useQuery(queries.Me).data?.registered;
  const [isOpen, setOpen] = useState(false);
  if (!household) return null;
  const { name, phone, address } = household;
  return (
    <section className="my-household" aria-labelledby="household-title">
      <h2 id="household-title">My household</h2>
      {isOpen ? (
        <HouseholdForm household={household} onDone={() => setOpen(false)} />
      ) : (
        <>
          <p>
            {name}
            <br />
            {address}
            <br />
            {phone}
          </p>
          <button className="plain" onClick={() => setOpen(true)}>
            Change
          </button>
        </>
      )}
    </section>
  );
}
