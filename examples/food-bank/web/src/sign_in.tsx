// Signing in: in development as whom one likes, otherwise with a token from the counter.

import { useEffect, useState } from "react";

import { addressOf, type Person, remember, type Suggested, suggestedPeople } from "./person";

export function SignIn({ onPerson }: { onPerson: (person: Person) => void }) {
  const [people, setPeople] = useState<Suggested[] | "asking" | "none">("asking");
  useEffect(() => {
    suggestedPeople().then(
      (people) => setPeople(people ?? "none"),
      () => setPeople("none"),
    );
  }, []);
  return (
    <main id="main" className="sign-in">
      <h1>Food bank</h1>
      {people === "asking" && <p role="status">One moment …</p>}
      {people === "none" && <WithToken onPerson={onPerson} />}
      {Array.isArray(people) && (
        <>
          <p>Who are you? Open several people in tabs side by side.</p>
          <ul className="people">
            {people.map(({ actor, about }) => (
              <li key={actor}>
                <button onClick={() => onPerson(remember({ actor }))}>
                  <strong>{actor}</strong>
                  <span>{about}</span>
                </button>
                <a href={addressOf(actor)} target="_blank" rel="noreferrer">
                  in a new tab
                </a>
              </li>
            ))}
          </ul>
        </>
      )}
    </main>
  );
}

function WithToken({ onPerson }: { onPerson: (person: Person) => void }) {
  return (
    <form
      onSubmit={(event) => {
        event.preventDefault();
        const fields = new FormData(event.currentTarget);
        const text = (name: string) => String(fields.get(name)).trim();
        onPerson(remember({ actor: text("actor"), token: text("token") }));
      }}
    >
      <label>
        Name
        <input name="actor" required autoComplete="username" />
      </label>
      <label>
        Token from the counter
        <input name="token" type="password" required autoComplete="current-password" />
      </label>
      <button className="primary">Sign in</button>
    </form>
  );
}
