// The frame of every page: where one can go, how the connection is, who is there.

import { useConnection, usePending } from "deeds/react";
import { type ReactNode, useState } from "react";

import type { Person } from "./person";
import { to } from "./route";
import { Basket } from "./told";
import { wish } from "./words";

/** The parts of the food bank, by the first part of their route. */
export const AREAS = { shop: "Shop", warehouse: "Warehouse", admin: "Admin" } as const;

export type Area = keyof typeof AREAS;

/** What was wanted before the page was loaded again, and did not come about. */
export interface Undone {
  id: string;
  name: string;
  why: string;
}

interface Props {
  person: Person;
  area: Area;
  areas: Area[];
  undone: Undone[];
  children: ReactNode;
}

export function Frame({ person, area, areas, undone, children }: Props) {
  return (
    <>
      <header className="bar">
        <a className="skip" href="#main" onClick={skip}>
          To the content
        </a>
        <h1>
          <Basket /> Food bank
        </h1>
        {areas.length > 1 && (
          <nav aria-label="Areas">
            {areas.map((one) => (
              <a key={one} href={to(one)} aria-current={one === area ? "page" : undefined}>
                {AREAS[one]}
              </a>
            ))}
          </nav>
        )}
        <Connection />
        <span className="person">
          {person.actor} <a href="/">change</a>
        </span>
      </header>
      <Away />
      <NotDone undone={undone} />
      {children}
    </>
  );
}

/** The address keeps the route, so the link cannot be one to an anchor. */
function skip(event: { preventDefault(): void }) {
  event.preventDefault();
  const main = document.querySelector<HTMLElement>("main");
  main?.setAttribute("tabindex", "-1");
  main?.focus();
}

const WORDS = {
  connecting: "Connecting …",
  live: "Live",
  reconnecting: "Reconnecting …",
  offline: "Offline",
  "signed-out": "Signed out: choose who you are again",
  outdated: "This page is too old: reload it",
  closed: "Closed",
};

/** How the connection is, in a word that is only loud when something is wrong. */
function Connection() {
  const { status, isOutdated, ticks, resumptions } = useConnection();
  return (
    <span
      className={`connection ${status}`}
      role="status"
      data-ticks={ticks}
      data-resumptions={resumptions}
    >
      {WORDS[status]}
      {isOutdated && status === "live" && (
        <>
          . The food bank has changed: <a href="">reload</a>
        </>
      )}
    </span>
  );
}

/** While the connection is away: what is shown may be old, and what was done waits. */
function Away() {
  const { status } = useConnection();
  const waiting = usePending().filter((command) => command.state === "sending").length;
  if (status !== "offline" && status !== "reconnecting") return null;
  return (
    <p className="away" role="status">
      <strong>No connection.</strong> You see how it was a moment ago. What you do is kept and sent
      when it is back
      {waiting > 0 && <>: {waiting === 1 ? "one thing waits" : `${waiting} things wait`}</>}.
    </p>
  );
}

/** Whoever wanted it has seen it on the way, and its place on the page is gone with the page. */
function NotDone({ undone }: { undone: Undone[] }) {
  const [read, setRead] = useState<string[]>([]);
  const news = undone.filter(({ id }) => !read.includes(id));
  if (news.length === 0) return null;
  return (
    <div className="away" role="alert">
      <strong>Not done, after the page was loaded again:</strong>
      <ul>
        {news.map(({ id, name, why }) => (
          <li key={id}>
            {wish(name)}: {why}
          </li>
        ))}
      </ul>
      <button onClick={() => setRead(undone.map(({ id }) => id))}>I have read it</button>
    </div>
  );
}
