// The catalogue: what there is, with stock that moves while one looks.

import type { Snapshot } from "deeds";
import { useCommand } from "deeds/react";
import { useDeferredValue, useState } from "react";

import { type Category, commands, type Label, type Offer } from "../deeds-api";
import { Nothing, Refused } from "../told";
import { aisle, count, kindly, label, weekday } from "../words";
import { added } from "./expected";
import { type Had, mayHave } from "./household";

interface Props {
  offers: Snapshot<Offer[]>;
  /** What the household has of each product this week. */
  had: Map<string, Had>;
  mayOrder: boolean;
}

export function Catalogue({ offers, had, mayOrder }: Props) {
  const [search, setSearch] = useState("");
  const [category, setCategory] = useState<Category>();
  const [fitFor, setFitFor] = useFitFor();
  const [onlyThere, setOnlyThere] = useState(false);
  const wanted = useDeferredValue(search.trim().toLowerCase());
  if (offers.status === "error") {
    return (
      <main id="main">
        <p className="refusal" role="alert">
          {offers.error.message}
        </p>
      </main>
    );
  }
  const all = offers.data ?? [];
  const shown = all.filter(
    (offer) =>
      (!category || offer.category === category) &&
      fitFor.every((one) => offer.labels.includes(one)) &&
      (!onlyThere || offer.available > 0) &&
      offer.name.toLowerCase().includes(wanted),
  );
  return (
    <main id="main" aria-busy={offers.status === "loading"}>
      <h2 className="unseen">Catalogue</h2>
      <form className="filters" role="search" onSubmit={(event) => event.preventDefault()}>
        <label className="search">
          <span className="unseen">Search</span>
          <input
            type="search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            placeholder="Rice, milk, apples …"
          />
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
      <FitFor
        labels={[...new Set(all.flatMap((offer) => offer.labels))].sort()}
        chosen={fitFor}
        onChange={setFitFor}
      />
      <div className="aisles" role="group" aria-label="Aisles">
        {[undefined, ...new Set(all.map((offer) => offer.category).sort())].map((one) => (
          <button key={one ?? ""} aria-pressed={category === one} onClick={() => setCategory(one)}>
            {one ? aisle(one) : "All aisles"}
          </button>
        ))}
      </div>
      <p className="unseen" role="status">
        {offers.status !== "loading" && count(shown.length, "product", "products")}
      </p>
      {offers.status === "loading" ? (
        <ul className="offers" aria-label="Loading the catalogue">
          {Array.from({ length: 9 }, (_, place) => (
            <li key={place} className="offer ghost" />
          ))}
        </ul>
      ) : shown.length === 0 ? (
        <Nothing title="Nothing like that is in the catalogue">
          Try fewer letters, another aisle, or fewer wishes.
        </Nothing>
      ) : (
        <ul className="offers">
          {shown.map((offer) => (
            <OfferCard key={offer.sku} offer={offer} had={had.get(offer.sku)} mayOrder={mayOrder} />
          ))}
        </ul>
      )}
    </main>
  );
}

const FIT_FOR = "food-bank fit for";

/** What the household eats is the same next week. */
function useFitFor(): [Label[], (labels: Label[]) => void] {
  const [chosen, setChosen] = useState<Label[]>(
    () => JSON.parse(localStorage.getItem(FIT_FOR) ?? "[]") as Label[],
  );
  const choose = (labels: Label[]) => {
    localStorage.setItem(FIT_FOR, JSON.stringify(labels));
    setChosen(labels);
  };
  return [chosen, choose];
}

interface FitForProps {
  labels: Label[];
  chosen: Label[];
  onChange: (labels: Label[]) => void;
}

/** For whom the food shall be fit: all that is chosen at once. */
function FitFor({ labels, chosen, onChange }: FitForProps) {
  const toggle = (one: Label) =>
    onChange(chosen.includes(one) ? chosen.filter((other) => other !== one) : [...chosen, one]);
  return (
    <details className="fit">
      <summary>
        Fit for: <strong>{chosen.length > 0 ? chosen.map(label).join(", ") : "everybody"}</strong>
      </summary>
      <div className="labels-to-choose" role="group" aria-label="Fit for">
        {labels.map((one) => (
          <button key={one} aria-pressed={chosen.includes(one)} onClick={() => toggle(one)}>
            {label(one)}
          </button>
        ))}
      </div>
    </details>
  );
}

interface CardProps {
  offer: Offer;
  had: Had | undefined;
  mayOrder: boolean;
}

function OfferCard({ offer, had, mayOrder }: CardProps) {
  const [add, adding] = useCommand(commands.AddToCart, { optimistic: added });
  const { more, because } = mayHave(offer, had);
  const { sku, name, size, available, labels } = offer;
  const word =
    because === "limit" ? "That is all for this week" : because ? "Come back later" : "Add";
  // What moves while one looks is shown to have moved.
  const [first] = useState(available);
  const { outcome } = adding;
  return (
    <li className="offer" data-sku={sku}>
      <h3>{name}</h3>
      <p className="size">{size}</p>
      {labels.length > 0 && <p className="labels">{labels.map(label).join(" · ")}</p>}
      <p className={available > 0 ? "stock" : "stock none"}>
        <span key={available} className={available === first ? "" : "moved"}>
          {available > 0 ? `${available} left` : "None left"}
        </span>
        <Limit offer={offer} had={had} />
      </p>
      {mayOrder && (
        <button
          className="add"
          disabled={more === 0}
          aria-label={because ? `${word}: ${name}` : `${word} ${name} to the cart`}
          onClick={() => {
            adding.clear();
            add({ sku, quantity: 1 });
          }}
        >
          {word}
        </button>
      )}
      <Refused
        of={adding}
        words={outcome && !outcome.ok ? kindly(outcome.refusal, name) : undefined}
      />
    </li>
  );
}

/** What a household may have of it in a week, before it bites. */
function Limit({ offer: { limit }, had }: { offer: Offer; had: Had | undefined }) {
  if (limit === null) return null;
  const quantity = had?.quantity ?? 0;
  const isAll = quantity >= limit;
  return (
    <span className="limit">
      {quantity === 0
        ? `${limit} a week for each household`
        : `you have ${quantity} of ${limit} a week`}
      {isAll && had?.lessFrom !== undefined && `, more from ${weekday(had.lessFrom)}`}
      {isAll && had?.lessFrom === undefined && ", in your cart"}
    </span>
  );
}
