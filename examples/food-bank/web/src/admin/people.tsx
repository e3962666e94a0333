// People: the households that get food, and those who work here.

import { useCommand, useQuery, useWindow } from "deeds/react";
import { useDeferredValue, useState } from "react";

import { commands, type Neighbor, queries, type Role, type StaffMember } from "../deeds-api";
import { HouseholdForm } from "../household_form";
import { Paged } from "../paged";
import { Ghosts, Live, Nothing, Refused } from "../told";

export function People({ me }: { me: string }) {
  const team = useQuery(queries.Team);
  return (
    <div className="columns">
      <section className="column" aria-labelledby="neighbors-title">
        <Households />
        <RegisterForm />
      </section>
      <section className="column" aria-labelledby="team-title">
        <h2 id="team-title">Who works here</h2>
        <Live of={team} ghost={<Ghosts count={3} className="card row-ghost" />}>
          {(team) => (
            <ul className="cards-list">
              {team.map((member) => (
                <Member key={member.id} member={member} me={me} />
              ))}
            </ul>
          )}
        </Live>
        <GrantForm />
      </section>
    </div>
  );
}

function Households() {
  const [search, setSearch] = useState("");
  // What is typed quickly is one question and not many.
  const wanted = useDeferredValue(search.trim());
  const neighbors = useWindow(queries.Neighbors, { search: wanted || null });
  return (
    <>
      <header className="head">
        <h2 id="neighbors-title">
          Households <span className="badge">{neighbors.total}</span>
        </h2>
        <label>
          <span className="unseen">Search households</span>
          <input
            type="search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            placeholder="Name or address"
          />
        </label>
      </header>
      <Paged
        of={neighbors}
        words={["Before", "After"]}
        ghost={<Ghosts count={4} className="card row-ghost" />}
      >
        {(shown) =>
          shown.length === 0 ? (
            <Nothing title="Nobody of that name" />
          ) : (
            <ul className="cards-list">
              {shown.map((household) => (
                <Household key={household.id} household={household} />
              ))}
            </ul>
          )
        }
      </Paged>
    </>
  );
}

function Household({ household }: { household: Neighbor }) {
  const [isOpen, setOpen] = useState(false);
  const { id, name, phone, address } = household;
  return (
    <li className="card" data-neighbor={id}>
      {isOpen ? (
        <HouseholdForm household={household} onDone={() => setOpen(false)} />
      ) : (
        <div className="line-of">
          <div>
            <strong>{name}</strong> <span className="quiet">{id}</span>
            <p className="quiet">
              {address} · {phone}
            </p>
          </div>
          <button className="plain" onClick={() => setOpen(true)} aria-label={`Change ${name}`}>
            Change
          </button>
        </div>
      )}
    </li>
  );
}

function RegisterForm() {
  const [register, registering] = useCommand(commands.RegisterNeighbor);
  return (
    <details className="card">
      <summary>Register a household</summary>
      <form
        className="stack"
        onSubmit={(event) => {
          event.preventDefault();
          const form = event.currentTarget;
          const fields = new FormData(form);
          const text = (name: string) => String(fields.get(name)).trim();
          register({
            neighbor: text("neighbor"),
            name: text("name"),
            phone: text("phone"),
            address: text("address"),
          }).durable.then(
            ({ ok }) => ok && form.reset(),
            () => {},
          );
        }}
      >
        <div className="fields">
          <label className="field">
            <span>Name</span>
            <input name="name" required autoComplete="off" />
          </label>
          <label className="field">
            <span>Name to sign in with</span>
            <input name="neighbor" required autoComplete="off" pattern="[!-~]{1,128}" />
          </label>
          <label className="field">
            <span>Address</span>
            <input name="address" required autoComplete="off" />
          </label>
          <label className="field">
            <span>Phone</span>
            <input name="phone" required autoComplete="off" />
          </label>
        </div>
        <Refused of={registering} />
        <div className="actions">
          <button className="primary" disabled={registering.isPending}>
            Register
          </button>
        </div>
      </form>
    </details>
  );
}

const ROLES: Partial<Record<Role, string>> = { volunteer: "Volunteer", admin: "Admin" };

const roleName = (role: Role) => ROLES[role] ?? role;

function Member({ member: { id, roles }, me }: { member: StaffMember; me: string }) {
  const [revoke, revoking] = useCommand(commands.RevokeRole);
  return (
    <li className="card member" data-member={id}>
      <strong>
        {id}
        {id === me && <span className="quiet"> (you)</span>}
      </strong>
      {roles.map((role) => (
        <span key={role} className="badge good">
          {roleName(role)}
          {id !== me && (
            <button
              className="remove"
              aria-label={`${id} is no ${roleName(role)} any more`}
              disabled={revoking.isPending}
              onClick={() => revoke({ member: id, role })}
            >
              ×
            </button>
          )}
        </span>
      ))}
      <Refused of={revoking} />
    </li>
  );
}

function GrantForm() {
  const [grant, granting] = useCommand(commands.GrantRole);
  return (
    <details className="card">
      <summary>Let somebody work here</summary>
      <form
        className="inline"
        onSubmit={(event) => {
          event.preventDefault();
          const fields = new FormData(event.currentTarget);
          grant({
            member: String(fields.get("member")).trim(),
            role: String(fields.get("role")) as Role,
          });
        }}
      >
        <label className="field grow">
          <span>Name to sign in with</span>
          <input name="member" required autoComplete="off" pattern="[!-~]{1,128}" />
        </label>
        <label className="field">
          <span>As</span>
          <select name="role">
            {(Object.keys(ROLES) as Role[]).map((role) => (
              <option key={role} value={role}>
                {roleName(role)}
              </option>
            ))}
          </select>
        </label>
        <button disabled={granting.isPending}>Grant</button>
        <Refused of={granting} />
      </form>
    </details>
  );
}
