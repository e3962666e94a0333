// Donations: a crate is taken in line by line and sent as one, all of it or nothing.

import { useCommand, useQuery } from "deeds/react";
import { useRef, useState } from "react";

import { commands, type Donation, queries, type Received } from "../deeds-api";
import { Ghosts, Live, Nothing, Refused } from "../told";
import { count, day, useToday, when } from "../words";
import { type Shelf, useShelves } from "./shelves";

export function Donations() {
  const stock = useShelves();
  const donations = useQuery(queries.Donations);
  return (
    <div className="columns">
      <section className="card column" aria-labelledby="receive-title">
        <h2 id="receive-title">Take in a donation</h2>
        <Live of={stock} ghost={<Ghosts count={3} />}>
          {(shelves) => <Crate shelves={shelves} />}
        </Live>
      </section>
      <section className="column" aria-labelledby="donations-title">
        <h2 id="donations-title">Lately</h2>
        <Live of={donations} ghost={<Ghosts count={4} className="card row-ghost" />}>
          {(donations) => <Lately donations={donations} />}
        </Live>
      </section>
    </div>
  );
}

/** Which product is meant: by its SKU, its barcode as a scanner types it, or its name. */
function meant(shelves: Shelf[], text: string): Shelf | undefined {
  const wanted = text.trim().toLowerCase();
  return shelves.find(({ product: { sku, barcode, name } }) =>
    [sku, barcode, name].some((known) => known.toLowerCase() === wanted),
  );
}

function Crate({ shelves }: { shelves: Shelf[] }) {
  const [receive, receiving] = useCommand(commands.ReceiveDonation);
  const [from, setFrom] = useState("");
  const [food, setFood] = useState<Received[]>([]);
  const nameOf = (sku: string) =>
    shelves.find(({ product }) => product.sku === sku)?.product.name ?? sku;
  const { outcome } = receiving;
  return (
    <div className="stack">
      <label className="field">
        <span>From</span>
        <input
          value={from}
          onChange={(event) => setFrom(event.target.value)}
          placeholder="Corner bakery"
          autoComplete="off"
        />
      </label>
      <AddLine
        shelves={shelves}
        onLine={(line) => {
          receiving.clear();
          setFood((food) => [...food, line]);
        }}
      />
      {food.length > 0 && (
        <ol className="plain-list" aria-label="In this donation">
          {food.map(({ sku, quantity, best_before }, place) => (
            <li key={place} className="line-of">
              <span>
                <strong className="number">{quantity} ×</strong> {nameOf(sku)}{" "}
                <span className="quiet">until {day(best_before)}</span>
              </span>
              <button
                className="plain"
                aria-label={`Without ${nameOf(sku)}`}
                onClick={() => setFood((food) => food.filter((_, other) => other !== place))}
              >
                Remove
              </button>
            </li>
          ))}
        </ol>
      )}
      <button
        className="primary"
        disabled={food.length === 0 || !from.trim() || receiving.isPending}
        onClick={() =>
          receive({ from: from.trim(), food }).durable.then(
            ({ ok }) => {
              if (!ok) return;
              setFood([]);
              setFrom("");
            },
            () => {},
          )
        }
      >
        {food.length === 0 ? "Nothing in it yet" : `Take in ${count(food.length, "line", "lines")}`}
      </button>
      {outcome?.ok && (
        <p className="done" role="status">
          Taken in as donation <strong>{outcome.answer}</strong>. Thank them.
        </p>
      )}
      <Refused of={receiving} />
    </div>
  );
}

function AddLine({ shelves, onLine }: { shelves: Shelf[]; onLine: (line: Received) => void }) {
  const today = useToday();
  const product = useRef<HTMLInputElement>(null);
  return (
    <form
      className="inline add-line"
      aria-label="A line"
      onSubmit={(event) => {
        event.preventDefault();
        const fields = new FormData(event.currentTarget);
        const found = meant(shelves, String(fields.get("product")));
        if (!found) return;
        onLine({
          sku: found.product.sku,
          quantity: Number(fields.get("quantity")),
          best_before: String(fields.get("best_before")),
        });
        event.currentTarget.reset();
        product.current?.focus();
      }}
    >
      <label className="field grow">
        <span>Product</span>
        <input
          name="product"
          ref={product}
          list="products"
          required
          autoComplete="off"
          placeholder="Name, SKU or barcode"
          onChange={({ target }) =>
            target.setCustomValidity(
              meant(shelves, target.value) ? "" : "There is no such product: take it from the list",
            )
          }
        />
      </label>
      <datalist id="products">
        {shelves.map(({ product: { sku, name, size } }) => (
          <option key={sku} value={sku}>
            {name}, {size}
          </option>
        ))}
      </datalist>
      <label className="field">
        <span>How many</span>
        <input name="quantity" type="number" min={1} max={100000} required />
      </label>
      <label className="field">
        <span>Best before</span>
        <input name="best_before" type="date" min={today} required />
      </label>
      <button>Add</button>
    </form>
  );
}

function Lately({ donations }: { donations: Donation[] }) {
  if (donations.length === 0) {
    return <Nothing title="No donation yet">The first one is written down beside this.</Nothing>;
  }
  return (
    <ul className="cards-list">
      {donations.map(({ number, from, received, by, lots, items }) => (
        <li key={number} className="card" data-donation={number}>
          <strong>{from}</strong>
          <p className="quiet">
            {count(items, "item", "items")} in {count(lots, "lot", "lots")} · {when(received)},
            taken in by {by}
          </p>
        </li>
      ))}
    </ul>
  );
}
