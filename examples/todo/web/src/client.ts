// Who is there, and the connection.

import { createClient } from "deeds";

import { app } from "./deeds-api";

/** `?as=ben` in the address makes this tab Ben's. */
export const me = new URLSearchParams(location.search).get("as") ?? "ada";

/** In development the server lets anybody be whoever they say. An app for others asks its sign-in here. */
async function token(): Promise<string> {
  const headers = { "content-type": "application/json" };
  const body = JSON.stringify({ actor: me });
  const response = await fetch("/v1/dev/token", { method: "POST", headers, body });
  if (!response.ok) throw new Error("the server is not in development (`serve --dev`)");
  return ((await response.json()) as { token: string }).token;
}

export const client = createClient({ app, token });
