// What the documentation shows of React. Checked with the pages; no page uses it.

import { useCommand, useQuery } from "deeds/react";
import { commands, queries } from "../src/deeds-api";

export function Shelf() {
  const offers = useQuery(queries.Catalogue, { available: true });
  const [add, adding] = useCommand(commands.AddToCart);
  if (!offers.data) return <p>Loading …</p>;
  return (
    <ul aria-busy={offers.status === "stale"}>
      {offers.data.map(({ sku, name, available }) => (
        <li key={sku}>
          {name}: {available} <button onClick={() => add({ sku, quantity: 1 })}>Put aside</button>
        </li>
      ))}
      {adding.outcome?.ok === false && <li role="alert">{adding.outcome.refusal.message}</li>}
    </ul>
  );
}
