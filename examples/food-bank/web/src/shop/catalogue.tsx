// The catalogue: what there is, with stock that moves while one looks.

import type { Snapshot } from "deeds";
import { type Draft } from "deeds";
import { useCommand } from "deeds/react";
import { useDeferredValue, useState } from "react";

import {
  type AddToCart,
  type Category,
  commands,
  type Label,
  type Offer,
  queries,
} from "../deeds-api";
import { mayHave } from "./household";
import { aisle, kindly, label } from "../words";

interface Props {
  offers: Snapshot<Offer[]>;
  /** What the household has of each product this week. */
  had: Map<string, number>;
  mayOrder: boolean;
}

export function Catalogue({ offers, had, mayOrder }: Props) {
  const [search, setSearch] = useState("");
  const [category, setCategory] = useState<Category>();
  const [fitFor, setFitFor] = useState<Label>();
  const [onlyThere, setOnlyThere] = useState(false);
  const wanted = useDeferredValue(search.trim().toLowerCase());
  if (offers.status === "error") return <p role="alert">{offers.error.message}</p>;
  const all = offers.data ?? [];
  const aisles = [...new Set(all.map((offer) => offer.category))].sort();
  const labels = [...new Set(all.flatMap((offer) => offer.labels))].sort();
  const shown = all.filter(
    (offer) =>
      (!category || offer.category === category) &&
      (!fitFor || offer.labels.includes(fitFor)) &&
      (!onlyThere || offer.available > 0) &&
      offer.name.toLowerCase().includes(wanted),
  );
  return (
    <main id="main" aria-busy={offers.status === "loading"}>
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label className="search">
          <span>Search</span>
          <input
            type="search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            placeholder="Rice, milk, apples …"
          />
        </label>
        <label className="fit">
          <span>Fit for</span>
          <select
            value={fitFor ?? ""}
            onChange={(event) => setFitFor((event.target.value || undefined) as Label | undefined)}
          >
            <option value="">everybody</option>
            {labels.map((one) => (
              <option key={one} value={one}>
                {label(one)}
              </option>
            ))}
          </select>
        </label>
        <label className="check">
          <input
            type="checkbox"
            checked={onlyThere}
            onChange={(event) => setOnlyThere(event.target.checked)}
          />
          Only what is there
        </label>
      </form>
      <div className="aisles" role="group" aria-label="Aisles">
        {[undefined, ...aisles].map((one) => (
          <button key={one ?? ""} aria-pressed={category === one} onClick={() => setCategory(one)}>
            {one ? aisle(one) : "All aisles"}
          </button>
        ))}
      </div>
      {offers.status === "loading" ? (
        <ul className="offers" aria-label="Loading the catalogue">
          {Array.from({ length: 9 }, (_, place) => (
            <li key={place} className="offer ghost" />
          ))}
        </ul>
      ) : shown.length === 0 ? (
        <p className="empty">Nothing like that is in the catalogue. Try fewer letters.</p>
      ) : (
        <ul className="offers">
          {shown.map((offer) => (
            <OfferCard
              key={offer.sku}
              offer={offer}
              had={had.get(offer.sku) ?? 0}
              mayOrder={mayOrder}
            />
          ))}
        </ul>
      )}
    </main>
  );
}

/** Until the server has said what came of it: so many fewer there, so many more in the cart. */
function expected(draft: Draft, { sku, quantity }: AddToCart) {
  draft.rows(queries.Catalogue).update(
    (offer) => offer.sku === sku,
    (offer) => ({ ...offer, available: Math.max(0, offer.available - quantity) }),
  );
  const cart = draft.rows(queries.MyCart);
  if (cart.some((line) => line.sku === sku)) {
    cart.update(
      (line) => line.sku === sku,
      (line) => ({ ...line, quantity: line.quantity + quantity }),
    );
  } else {
    cart.insert({ neighbor: "", sku, quantity, since: new Date().toISOString() });
  }
}

function OfferCard({ offer, had, mayOrder }: { offer: Offer; had: number; mayOrder: boolean }) {
  const [add, { outcome, error, clear }] = useCommand(commands.AddToCart, { optimistic: expected });
  const { more, because } = mayHave(offer, had);
  const { sku, name, size, available, limit, labels } = offer;
  const word =
    because === "limit" ? "That is all for this week" : because ? "Come back later" : "Add";
  // What moves while one looks is shown to have moved.
  const [first] = useState(available);
  return (
    <li className="offer" data-sku={sku}>
      <h2>{name}</h2>
      <p className="size">
        {size} <span className="labels">{labels.map(label).join(", ")}</span>
      </p>
      <p className={available > 0 ? "stock" : "stock none"}>
        <span key={available} className={available === first ? "" : "moved"}>
          {available > 0 ? `${available} left` : "None left"}
        </span>
        {limit !== null && limit !== undefined && (
          <span className="limit">
            {had > 0 ? `you have ${had} of ${limit} a week` : `${limit} a week for each household`}
          </span>
        )}
      </p>
      {mayOrder && (
        <button
          className="add"
          disabled={more === 0}
          aria-label={because ? `${word}: ${name}` : `${word} ${name} to the cart`}
          onClick={() => {
            clear();
            add({ sku, quantity: 1 });
          }}
        >
          {word}
        </button>
      )}
      {outcome && !outcome.ok && (
        <p className="refusal" role="alert">
          {kindly(outcome.refusal, name)}
        </p>
      )}
      {error && (
        <p className="refusal" role="alert">
          {error.message}
        </p>
      )}
    </li>
  );
}
