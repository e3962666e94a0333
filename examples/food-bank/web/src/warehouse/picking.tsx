// The order in my hands: its lines in the order of the shelves, each to be picked, or picked short with
// a reason. Then it is packed.

import { useCommand } from "deeds/react";
import { useId, useLayoutEffect, useRef, useState } from "react";

import {
  commands,
  type LineView,
  type OrderView,
  type PickLine,
  type PickLineRefusal,
  type Shortage,
} from "../deeds-api";
import { to } from "../route";
import { Refused } from "../told";
import { byShelf, count, SHORTAGE } from "../words";
import { givenBack, packed, picked } from "./expected";

export function PickOrder({ order, me }: { order: OrderView; me: string }) {
  const { number, name, neighbor } = order;
  const [pack, packing] = useCommand(commands.PackOrder, { optimistic: packed });
  const [giveBack, giving] = useCommand(commands.GiveBackOrder, { optimistic: givenBack });
  const [isGiving, setGiving] = useState(false);
  const lines = [...order.lines].sort(byShelf);
  const done = lines.filter((line) => line.picked !== null).length;
  const next = lines.find((line) => line.picked === null)?.sku;
  const section = useFocusOnNext(done);
  return (
    <section className="card my-order" data-order={number} data-picker={me} ref={section}>
      <header>
        <h2>
          <span className="order-number">{number}</span> {name ?? neighbor}
        </h2>
        <a className="button" href={to("warehouse", "print", String(number))}>
          Print
        </a>
        <div className="progress">
          <progress value={done} max={lines.length} aria-label="Picked" />
          <span role="status">
            {done} of {count(lines.length, "product", "products")}
          </span>
        </div>
      </header>
      <ol className="lines">
        {lines.map((line) => (
          <Line key={line.sku} order={number} line={line} isNext={line.sku === next} />
        ))}
      </ol>
      <Refused of={packing} />
      <Refused of={giving} />
      <footer className="actions">
        <button
          className="primary pack"
          disabled={done < lines.length}
          onClick={() => pack({ order: number })}
        >
          {done < lines.length
            ? `${lines.length - done} to go`
            : "Packed: it stands at the counter"}
        </button>
        {isGiving ? (
          <span className="actions" role="group" aria-label={`Give order ${number} back?`}>
            <button className="warning" autoFocus onClick={() => giveBack({ order: number })}>
              Everything back on the shelves
            </button>
            <button onClick={() => setGiving(false)}>No</button>
          </span>
        ) : (
          <button className="plain" onClick={() => setGiving(true)}>
            I cannot go on with it
          </button>
        )}
      </footer>
    </section>
  );
}

/** When a line is done its button is gone: the next one gets the focus, as a keyboard expects. */
function useFocusOnNext(done: number) {
  const section = useRef<HTMLElement>(null);
  const before = useRef(done);
  useLayoutEffect(() => {
    const isFurther = done > before.current;
    before.current = done;
    if (!isFurther) return;
    const target = ".line.next button.primary, button.pack:not(:disabled)";
    section.current?.querySelector<HTMLElement>(target)?.focus({ preventScroll: true });
  }, [done]);
  return section;
}

interface LineProps {
  order: number;
  line: LineView;
  isNext: boolean;
}

function Line({ order, line, isNext }: LineProps) {
  const [pick, picking] = useCommand(commands.PickLine, { optimistic: picked });
  const [isShort, setShort] = useState(false);
  const { sku, name, size, quantity, shelf } = line;
  const isDone = line.picked !== null;
  const send = (command: Omit<PickLine, "order" | "sku">) => {
    setShort(false);
    pick({ order, sku, ...command });
  };
  const { outcome } = picking;
  return (
    <li className={`line${isDone ? " done-line" : ""}${isNext ? " next" : ""}`} data-sku={sku}>
      <span className="shelf-mark" aria-label={shelf ? `Shelf ${shelf}` : "No shelf"}>
        {shelf ?? "–"}
      </span>
      <p className="what">
        <strong>
          <span className="quantity">{quantity} ×</span> {name}
        </strong>{" "}
        <span className="quiet">{size}</span>
      </p>
      {isDone ? (
        <p className={line.picked === quantity ? "badge good" : "badge soon"}>
          {line.picked === quantity ? "✓ Picked" : `${line.picked} of ${quantity}`}
          {line.short && ` · ${SHORTAGE[line.short]}`}
        </p>
      ) : (
        !isShort && (
          <div className="actions">
            <button
              onClick={() => setShort(true)}
              aria-label={`Short: less than ${quantity} of ${name}`}
            >
              Short
            </button>
            <button
              className="primary"
              onClick={() => send({ quantity })}
              aria-label={`Picked ${quantity} ${name}`}
            >
              Picked
            </button>
          </div>
        )
      )}
      {isShort && !isDone && (
        <ShortPick line={line} onPick={send} onCancel={() => setShort(false)} />
      )}
      <Refused
        of={picking}
        words={outcome && !outcome.ok ? whyNotPicked(outcome.refusal) : undefined}
      />
    </li>
  );
}

function whyNotPicked(refusal: PickLineRefusal): string | undefined {
  switch (refusal.code) {
    case "already_picked":
      return "Another tablet has picked this already.";
    case "not_enough_fresh":
      return `By the books only ${refusal.data.fresh} are fresh. Pick those as short, and tell an admin to count.`;
    case "already_claimed":
      return `${refusal.data.picker} has this order.`;
    default:
      return undefined;
  }
}

interface ShortProps {
  line: LineView;
  onPick: (command: { quantity: number; short: Shortage }) => void;
  onCancel: () => void;
}

/** Less than was ordered: how many there are, and why it is not more. */
function ShortPick({ line, onPick, onCancel }: ShortProps) {
  const [quantity, setQuantity] = useState(line.quantity - 1);
  const [short, setReason] = useState<Shortage>();
  const group = useId();
  const step = (by: number) =>
    setQuantity((now) => Math.min(line.quantity - 1, Math.max(0, now + by)));
  return (
    <form
      className="short"
      aria-label={`Less of ${line.name}`}
      onKeyDown={(event) => event.key === "Escape" && onCancel()}
      onSubmit={(event) => {
        event.preventDefault();
        if (short) onPick({ quantity, short });
      }}
    >
      <fieldset>
        <legend>How many are there?</legend>
        <div className="stepper">
          <button
            type="button"
            autoFocus
            onClick={() => step(-1)}
            disabled={quantity === 0}
            aria-label="One less"
          >
            −
          </button>
          <output aria-live="polite">
            {quantity} <small>of {line.quantity}</small>
          </output>
          <button
            type="button"
            onClick={() => step(1)}
            disabled={quantity === line.quantity - 1}
            aria-label="One more"
          >
            +
          </button>
        </div>
      </fieldset>
      <fieldset>
        <legend>Why not more?</legend>
        <div className="reasons">
          {(Object.keys(SHORTAGE) as Shortage[]).map((one) => (
            <label key={one} className="check">
              <input
                type="radio"
                name={group}
                required
                checked={short === one}
                onChange={() => setReason(one)}
              />
              {SHORTAGE[one]}
            </label>
          ))}
        </div>
      </fieldset>
      <div className="actions">
        <button className="primary" disabled={!short}>
          {quantity === 0 ? "Go on without it" : `Put ${quantity} in`}
        </button>
        <button type="button" onClick={onCancel}>
          Back
        </button>
      </div>
    </form>
  );
}
