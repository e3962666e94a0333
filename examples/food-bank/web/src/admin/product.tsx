// One product: what is said of it, where it lies, its lots. What somebody else changes while it is open
// is shown at once, and nobody undoes it without having seen it.

import { useCommand } from "deeds/react";
import { useEffect, useRef, useState } from "react";

import { commands, type Details, type Lot } from "../deeds-api";
import { to } from "../route";
import { Refused } from "../told";
import { day, daysUntil, useToday, when } from "../words";
import { DetailsFields, differences } from "./details";
import type { Shelf } from "./shelves";

export function ProductPanel({ shelf }: { shelf: Shelf }) {
  const { product, lots, available } = shelf;
  const panel = useRef<HTMLElement>(null);
  useEffect(() => panel.current?.focus({ preventScroll: true }), []);
  return (
    <aside
      className="panel card"
      aria-labelledby="product-title"
      tabIndex={-1}
      ref={panel}
      data-sku={product.sku}
    >
      <header className="head">
        <h2 id="product-title">{product.name}</h2>
        <a className="button" href={to("admin", "stock")}>
          Close
        </a>
      </header>
      <p className="quiet">
        {product.sku} · {product.barcode}
      </p>
      <p className="number">
        <strong>{available}</strong> available of {product.on_hand} on hand: {product.promised}{" "}
        promised, {product.reserved} in carts
      </p>
      <EditDetails shelf={shelf} />
      <Place key={shelf.shelf} shelf={shelf} />
      <Lots lots={lots} />
      <Receive sku={product.sku} />
    </aside>
  );
}

const detailsOf = ({ product: { name, category, size, labels, limit } }: Shelf): Details => ({
  name,
  category,
  size,
  labels,
  limit,
});

function EditDetails({ shelf }: { shelf: Shelf }) {
  const now = detailsOf(shelf);
  // What was there when editing began, and what it shall be.
  const [seen, setSeen] = useState(now);
  const [wanted, setWanted] = useState(now);
  const [edit, editing] = useCommand(commands.EditProduct);
  const isDirty = differences(seen, wanted).length > 0;
  const changed = differences(seen, now);
  const { outcome, clear } = editing;

  // Nothing was touched here: what others change is simply shown.
  useEffect(() => {
    if (isDirty || changed.length === 0) return;
    setSeen(now);
    setWanted(now);
  });

  /** Theirs where nothing was touched here, mine where it was. */
  const takeIn = () => {
    const mine = Object.fromEntries(
      differences(seen, wanted).map(({ field }) => [field, wanted[field]]),
    );
    setSeen(now);
    setWanted({ ...now, ...mine });
    clear();
  };
  const save = () => {
    clear();
    edit({ sku: shelf.product.sku, seen, details: wanted }).visible.then(
      ({ ok }) => ok && setSeen(wanted),
      () => {},
    );
  };
  const who = shelf.edit?.by ?? "Somebody";
  return (
    <form
      className="stack"
      aria-label="What is said of it"
      onSubmit={(event) => {
        event.preventDefault();
        save();
      }}
    >
      <DetailsFields details={wanted} onChange={setWanted} />
      {isDirty && changed.length > 0 && (
        <div className="meanwhile" role="alert">
          <p>
            <strong>{who} changed this while you did:</strong>
          </p>
          <ul>
            {changed.map(({ field, words, before, after }) => (
              <li key={field}>
                {words}: <s>{before}</s> → {after}
              </li>
            ))}
          </ul>
          <button type="button" onClick={takeIn}>
            Take that in and keep mine
          </button>
        </div>
      )}
      {outcome && !outcome.ok && outcome.refusal.code === "edited_meanwhile" ? (
        changed.length === 0 && <p className="refusal">{outcome.refusal.message}</p>
      ) : (
        <Refused of={editing} />
      )}
      <div className="actions">
        <button className="primary" disabled={!isDirty || changed.length > 0 || editing.isPending}>
          {editing.isPending ? "Saving …" : "Save"}
        </button>
        {isDirty && (
          <button
            type="button"
            onClick={() => {
              setSeen(now);
              setWanted(now);
              clear();
            }}
          >
            Undo
          </button>
        )}
        {shelf.edit && (
          <span className="quiet">
            Last changed by {shelf.edit.by}, {when(shelf.edit.at)}
          </span>
        )}
      </div>
    </form>
  );
}

function Place({ shelf }: { shelf: Shelf }) {
  const [assign, assigning] = useCommand(commands.AssignShelf);
  const [mark, setMark] = useState(shelf.shelf ?? "");
  return (
    <form
      className="inline"
      aria-label="Shelf"
      onSubmit={(event) => {
        event.preventDefault();
        assign({ sku: shelf.product.sku, shelf: mark || null });
      }}
    >
      <label className="field">
        <span>Shelf</span>
        <input
          value={mark}
          onChange={(event) => setMark(event.target.value.toUpperCase())}
          pattern="[A-Z]-[0-9]{2}"
          title="A letter and two digits, like C-04"
          placeholder="C-04"
        />
      </label>
      <button disabled={mark === (shelf.shelf ?? "") || assigning.isPending}>Put there</button>
      <Refused of={assigning} />
    </form>
  );
}

function Lots({ lots }: { lots: Lot[] }) {
  return (
    <section className="lots" aria-labelledby="lots-title">
      <h3 id="lots-title">Lots</h3>
      {lots.length === 0 && <p className="quiet">There is none of it.</p>}
      <ul className="plain-list">
        {lots.map((lot) => (
          <LotLine key={lot.id} lot={lot} />
        ))}
      </ul>
    </section>
  );
}

function LotLine({ lot }: { lot: Lot }) {
  const [count, counting] = useCommand(commands.CountLot);
  // What the books said when the counting began.
  const [seen, setSeen] = useState<number>();
  const [counted, setCounted] = useState("");
  const left = daysUntil(lot.best_before, useToday());
  const end = () => setSeen(undefined);
  return (
    <li className="lot" data-lot={lot.id}>
      <span className="number">
        <strong>{lot.quantity}</strong> until {day(lot.best_before)}{" "}
        {left < 0 ? (
          <span className="badge bad">expired</span>
        ) : (
          left <= 7 && <span className="badge soon">{left === 0 ? "today" : `${left} days`}</span>
        )}
      </span>
      {seen === undefined ? (
        <button
          className="plain"
          onClick={() => {
            setSeen(lot.quantity);
            setCounted(String(lot.quantity));
            counting.clear();
          }}
        >
          Count
        </button>
      ) : (
        <form
          className="inline"
          onSubmit={(event) => {
            event.preventDefault();
            count({ lot: lot.id, counted: Number(counted), seen });
            end();
          }}
        >
          <label className="field">
            <span className="unseen">Counted</span>
            <input
              type="number"
              min={0}
              autoFocus
              required
              value={counted}
              onChange={(event) => setCounted(event.target.value)}
            />
          </label>
          <button className="primary">Counted</button>
          <button type="button" onClick={end}>
            Back
          </button>
        </form>
      )}
      <Refused of={counting} />
    </li>
  );
}

function Receive({ sku }: { sku: string }) {
  const today = useToday();
  const [receive, receiving] = useCommand(commands.ReceiveLot);
  return (
    <form
      className="inline receive"
      aria-label="Restock"
      onSubmit={(event) => {
        event.preventDefault();
        const fields = new FormData(event.currentTarget);
        receive({
          sku,
          quantity: Number(fields.get("quantity")),
          best_before: String(fields.get("best_before")),
        });
        event.currentTarget.reset();
      }}
    >
      <h3>Restock</h3>
      <label className="field">
        <span>How many</span>
        <input name="quantity" type="number" min={1} max={100000} required />
      </label>
      <label className="field">
        <span>Best before</span>
        <input name="best_before" type="date" min={today} required />
      </label>
      <button disabled={receiving.isPending}>Take in</button>
      {receiving.outcome?.ok && (
        <p className="done" role="status">
          Taken in.
        </p>
      )}
      <Refused of={receiving} />
    </form>
  );
}
