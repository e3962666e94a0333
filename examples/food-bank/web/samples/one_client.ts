// What the SDK's README shows first. Checked with the pages; no page uses it.

import { createClient } from "deeds";
import { app, commands, queries } from "../src/deeds-api"; // made by `food-bank codegen typescript`

const client = createClient({ app, token: () => sessionStorage.token });

const catalogue = client.live(queries.Catalogue, { available: true });
catalogue.subscribe(() => console.log(catalogue.current)); // {status: "live", data: [...], position}

const sent = client.send(commands.AddToCart, { sku: "RICE-1KG", quantity: 2 });
const outcome = await sent.durable; // {ok: true, answer} or {ok: false, refusal}: both are recorded
await sent.visible; // everything that is live here shows it now

if (!outcome.ok && outcome.refusal.code === "not_enough") {
  console.log(`Only ${outcome.refusal.data.left} are left.`);
}

client.send(
  commands.RemoveFromCart,
  { sku: "RICE-1KG" },
  {
    optimistic: (draft) => draft.rows(queries.MyCart).remove((line) => line.sku === "RICE-1KG"),
  },
);
