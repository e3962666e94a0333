// The orders of others: those that wait, those somebody picks, those at the counter.

import { useCommand } from "deeds/react";
import { useMemo, useState } from "react";

import { type ClaimOrderRefusal, commands, type OrderView } from "../deeds-api";
import { to } from "../route";
import { Nothing, Refused } from "../told";
import { count, useWaited } from "../words";
import { claimed, handedOver } from "./expected";

interface Props {
  orders: OrderView[];
  me: string;
  mayPick: boolean;
  /** Whether there is one in my hands already. */
  isBusy: boolean;
}

/** What nobody has begun: the oldest first. */
export function Waiting({ orders, me, mayPick, isBusy }: Props) {
  const effect = useMemo(() => claimed(me), [me]);
  const [claim, claiming] = useCommand(commands.ClaimOrder, { optimistic: effect });
  const { outcome } = claiming;
  return (
    <section className="waiting-orders" aria-labelledby="waiting-title">
      <header className="head">
        <h2 id="waiting-title">
          Waiting <span className="badge">{orders.length}</span>
        </h2>
        {orders.length > 0 && (
          <a className="button" href={to("warehouse", "print")}>
            Print
          </a>
        )}
      </header>
      <p className="unseen" role="status">
        {count(orders.length, "order waits", "orders wait")}
      </p>
      <Refused
        of={claiming}
        words={outcome && !outcome.ok ? whyNotMine(outcome.refusal) : undefined}
      />
      {orders.length === 0 ? (
        <Nothing title="Nothing waits to be picked">
          A new order appears here by itself. Time for tea.
        </Nothing>
      ) : (
        <ol className="cards">
          {orders.map((order) => (
            <li key={order.number} className="card order-card" data-order={order.number}>
              <OrderFacts order={order} />
              {mayPick && (
                <button
                  className={isBusy ? "" : "primary"}
                  onClick={() => claim({ order: order.number })}
                  aria-label={`Pick order ${order.number}`}
                >
                  Pick
                </button>
              )}
            </li>
          ))}
        </ol>
      )}
    </section>
  );
}

function whyNotMine(refusal: ClaimOrderRefusal): string | undefined {
  if (refusal.code !== "already_claimed") return undefined;
  const { order, picker } = refusal.data;
  return `${picker} was quicker: order ${order} is in their hands.`;
}

/** What tells one order from another at a glance. */
function OrderFacts({ order }: { order: OrderView }) {
  const waited = useWaited(order.placed);
  const items = order.lines.reduce((sum, line) => sum + line.quantity, 0);
  const rows = [...new Set(order.lines.flatMap((line) => line.shelf?.[0] ?? []))].sort();
  return (
    <div className="facts">
      <h3>
        <span className="order-number">{order.number}</span> {order.name ?? order.neighbor}
      </h3>
      <p className="quiet">
        {count(items, "item", "items")}
        {rows.length > 0 && ` · ${rows.length === 1 ? "row" : "rows"} ${rows.join(" ")}`}
        {" · "}
        {waited}
      </p>
    </div>
  );
}

/** What waits for its neighbor. */
export function Counter({ orders, mayPick }: { orders: OrderView[]; mayPick: boolean }) {
  const [handOver, handing] = useCommand(commands.HandOver, { optimistic: handedOver });
  const [asked, setAsked] = useState<number>();
  return (
    <section aria-labelledby="counter-title">
      <header className="head">
        <h2 id="counter-title">
          At the counter <span className="badge">{orders.length}</span>
        </h2>
      </header>
      <Refused of={handing} />
      {orders.length === 0 && <p className="quiet">Nothing waits to be fetched.</p>}
      <ol className="cards">
        {orders.map(({ number, name, neighbor, lines }) => (
          <li key={number} className="card order-card" data-order={number}>
            <div className="facts">
              <h3>
                <span className="order-number">{number}</span> {name ?? neighbor}
              </h3>
              <p className="quiet">
                {count(
                  lines.reduce((sum, line) => sum + (line.picked ?? line.quantity), 0),
                  "item",
                  "items",
                )}
              </p>
            </div>
            {mayPick &&
              (asked === number ? (
                <div className="actions" role="group" aria-label={`Hand over order ${number}?`}>
                  <button
                    className="primary"
                    autoFocus
                    onClick={() => {
                      setAsked(undefined);
                      handOver({ order: number });
                    }}
                  >
                    They have it
                  </button>
                  <button onClick={() => setAsked(undefined)}>Not yet</button>
                </div>
              ) : (
                <button onClick={() => setAsked(number)} aria-label={`Hand over order ${number}`}>
                  Hand over
                </button>
              ))}
          </li>
        ))}
      </ol>
    </section>
  );
}

/** What others pick now. */
export function InOtherHands({ orders }: { orders: OrderView[] }) {
  if (orders.length === 0) return null;
  return (
    <section aria-labelledby="others-title">
      <header className="head">
        <h2 id="others-title">
          In other hands <span className="badge">{orders.length}</span>
        </h2>
      </header>
      <ol className="cards">
        {orders.map(({ number, name, neighbor, picker, lines }) => {
          const done = lines.filter((line) => line.picked !== null).length;
          return (
            <li key={number} className="card order-card" data-order={number}>
              <div className="facts">
                <h3>
                  <span className="order-number">{number}</span> {name ?? neighbor}
                </h3>
                <p className="quiet">
                  {picker} has {done} of {lines.length}
                </p>
                <progress value={done} max={lines.length} aria-label="Picked" />
              </div>
            </li>
          );
        })}
      </ol>
    </section>
  );
}
