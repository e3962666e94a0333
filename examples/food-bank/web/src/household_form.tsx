// What is known of a household, to be changed by itself or by those who work here: one of them at a time.

import { useCommand } from "deeds/react";
import { useState } from "react";

import { commands, type Neighbor } from "./deeds-api";
import { Refused } from "./told";

interface Props {
  household: Neighbor;
  onDone: () => void;
}

export function HouseholdForm({ household, onDone }: Props) {
  const [edit, editing] = useCommand(commands.EditNeighbor);
  // As it was when the form was opened: if somebody else was quicker, the food bank says so.
  const [begun, setBegun] = useState(household);
  const isOld = household.edits !== begun.edits;
  return (
    <form
      key={begun.edits}
      className="stack"
      aria-label={`Change ${begun.name}`}
      onKeyDown={(event) => event.key === "Escape" && onDone()}
      onSubmit={(event) => {
        event.preventDefault();
        const fields = new FormData(event.currentTarget);
        const text = (name: string) => String(fields.get(name)).trim();
        const [name, phone, address] = [text("name"), text("phone"), text("address")];
        edit({ neighbor: begun.id, seen: begun.edits, name, phone, address }).durable.then(
          ({ ok }) => ok && onDone(),
          () => {},
        );
      }}
    >
      <label className="field">
        <span>Name</span>
        <input name="name" defaultValue={begun.name} required autoComplete="off" autoFocus />
      </label>
      <label className="field">
        <span>Address</span>
        <input name="address" defaultValue={begun.address} required autoComplete="off" />
      </label>
      <label className="field">
        <span>Phone</span>
        <input name="phone" type="tel" defaultValue={begun.phone} required autoComplete="off" />
      </label>
      {isOld && !editing.isPending && (
        <p className="refusal" role="alert">
          Somebody changed this while you did: {household.name}, {household.address},{" "}
          {household.phone}.
        </p>
      )}
      {!isOld && <Refused of={editing} />}
      <div className="actions">
        {isOld ? (
          <button type="button" className="primary" onClick={() => setBegun(household)}>
            Begin again with that
          </button>
        ) : (
          <button className="primary" disabled={editing.isPending}>
            Save
          </button>
        )}
        <button type="button" onClick={onDone}>
          Leave it as it is
        </button>
      </div>
    </form>
  );
}
