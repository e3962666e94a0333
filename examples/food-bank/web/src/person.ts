// Who is there. The name stands in the address, so that a tab for each of several people can be open
// side by side; the token never does.

import { createClient, indexedDbOutbox, type Restored } from "deeds";

import { app } from "./deeds-api";

export interface Person {
  actor: string;
  /** A token that was pasted in; in development they are fetched. */
  token?: string;
}

/** Somebody whom the server suggests in development. */
export interface Suggested {
  actor: string;
  roles: string[];
  about: string;
}

const TOKEN = "food-bank token";

/** The person of this tab. */
export function rememberedPerson(): Person | undefined {
  const actor = new URLSearchParams(location.search).get("as");
  if (!actor) return undefined;
  const token = sessionStorage.getItem(`${TOKEN} ${actor}`);
  return token ? { actor, token } : { actor };
}

/** Where a person's page is. */
export const addressOf = (actor: string) => `/?as=${encodeURIComponent(actor)}`;

/** This tab is that person's from now on. */
export function remember(person: Person): Person {
  if (person.token) sessionStorage.setItem(`${TOKEN} ${person.actor}`, person.token);
  history.replaceState(null, "", addressOf(person.actor));
  return person;
}

/** Whom one may be without a token; undefined when the server is not in development. */
export async function suggestedPeople(): Promise<Suggested[] | undefined> {
  const response = await fetch("/v1/dev/people");
  if (!response.ok) return undefined;
  const told = (await response.json()) as Suggested[] | { people: Suggested[] };
  return Array.isArray(told) ? told : told.people;
}

async function tokenFor(actor: string): Promise<string> {
  const response = await fetch("/v1/dev/token", {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ actor }),
  });
  if (!response.ok) throw new Error("no token for this person");
  return ((await response.json()) as { token: string }).token;
}

/** What gives a token of a person that counts, as often as one is needed. */
export function tokensOf({ actor, token }: Person): () => Promise<string> {
  let fetched: { token: string; until: number } | undefined;
  return async () => {
    if (token) return token;
    // A token is good for half a day; an hour is soon enough to see that it was revoked.
    if (!fetched || Date.now() > fetched.until) {
      fetched = { token: await tokenFor(actor), until: Date.now() + 3_600_000 };
    }
    return fetched.token;
  };
}

/**
 * How long what was done waits for a connection: longer than a Wi-Fi is away, and far within the day for
 * which the server knows what it was sent before.
 */
const OFFLINE_MS = 3_600_000;

/** The connection of a person. What was on its way when the page was loaded again is sent again. */
export const clientFor = (person: Person, onRestored: (restored: Restored) => void) =>
  createClient({
    app,
    token: tokensOf(person),
    timing: { offlineMs: OFFLINE_MS },
    outbox: indexedDbOutbox(`food-bank ${person.actor}`),
    onRestored,
  });
