// My orders: how far each is, live; cancelled while nobody picks it, and ordered again.

import type { Outcome, Snapshot } from "deeds";
import { useClient, useCommand } from "deeds/react";
import { useState } from "react";

import { commands, type LineView, type Offer, type OrderView, type Status } from "../deeds-api";
import { Refused } from "../told";
import { count, SHORTAGE, STATUS, when } from "../words";
import { added } from "./expected";
import { again, type Had } from "./household";

interface Props {
  orders: Snapshot<OrderView[]>;
  offers: Offer[];
  had: Map<string, Had>;
}

const isOver = ({ status }: OrderView) => status === "handed_over" || status === "cancelled";

export function Orders({ orders, offers, had }: Props) {
  const list = orders.data ?? [];
  const [over, current] = [list.filter(isOver), list.filter((order) => !isOver(order))];
  return (
    <section className="orders" aria-labelledby="orders-title">
      <h2 id="orders-title">My orders</h2>
      {orders.status === "loading" && <p role="status">One moment …</p>}
      {orders.status === "error" && <p>{orders.error.message}</p>}
      {orders.data?.length === 0 && <p className="empty">You have not ordered yet.</p>}
      <ul>
        {current.map((order) => (
          <Order key={order.number} order={order} offers={offers} had={had} />
        ))}
      </ul>
      {over.length > 0 && (
        <details className="past" open={current.length === 0}>
          <summary>{count(over.length, "earlier order", "earlier orders")}</summary>
          <ul>
            {over.map((order) => (
              <Order key={order.number} order={order} offers={offers} had={had} />
            ))}
          </ul>
        </details>
      )}
    </section>
  );
}

interface OrderProps {
  order: OrderView;
  offers: Offer[];
  had: Map<string, Had>;
}

function Order({ order, offers, had }: OrderProps) {
  const [cancel, cancelling] = useCommand(commands.CancelOrder);
  const [isAsked, setAsked] = useState(false);
  const { number, status, placed, lines } = order;
  // What changes while one looks is shown to have changed.
  const [first] = useState(status);
  return (
    <li className={`order ${status}`} data-order={number}>
      <h3>
        Order {number} <small>{when(placed)}</small>
      </h3>
      <p className={status === first ? "status" : "status moved"} key={status} role="status">
        {STATUS[status]}
      </p>
      <Steps status={status} />
      <ul className="lines">
        {lines.map((line) => (
          <li key={line.sku}>
            {line.quantity} × {line.name}
            <Found line={line} />
          </li>
        ))}
      </ul>
      {status === "placed" &&
        (isAsked ? (
          <p className="actions" role="group" aria-label={`Cancel order ${number}?`}>
            <button
              className="warning"
              autoFocus
              disabled={cancelling.isPending}
              onClick={() => cancel({ order: number })}
            >
              Yes, cancel it
            </button>
            <button onClick={() => setAsked(false)}>Keep it</button>
          </p>
        ) : (
          <button onClick={() => setAsked(true)}>Cancel order {number}</button>
        ))}
      {isOver(order) && <Again order={order} offers={offers} had={had} />}
      <Refused of={cancelling} />
    </li>
  );
}

/** The way of an order that goes well. */
const WAY: Status[] = ["placed", "picking", "packed", "handed_over"];

/** How far it is on its way; the words stand beside it. */
function Steps({ status }: { status: Status }) {
  if (status === "cancelled") return null;
  const now = WAY.indexOf(status);
  return (
    <div className="steps" aria-hidden="true">
      {WAY.map((step, place) => (
        <span key={step} className={place <= now ? "step reached" : "step"} />
      ))}
    </div>
  );
}

/** Said only when it is less than was ordered. */
function Found({ line: { quantity, picked, short } }: { line: LineView }) {
  if (picked === null || picked === quantity) return null;
  const why =
    short && (picked === 0 ? `it was ${SHORTAGE[short]}` : `the rest was ${SHORTAGE[short]}`);
  return (
    <em className="short-of">
      {picked === 0 ? "none found" : `${picked} found`}
      {why && `, ${why}`}
    </em>
  );
}

/** The same again: what may be had goes into the cart, and of the rest it is said why not. */
function Again({ order, offers, had }: OrderProps) {
  const client = useClient();
  const [told, setTold] = useState<string>();
  const put = async () => {
    const { items, missing } = again(order, offers, had);
    const sent = items.map(
      (item) =>
        client.send(commands.AddToCart, item, { optimistic: (draft) => added(draft, item) })
          .durable,
    );
    const outcomes = await Promise.allSettled(sent);
    const done = outcomes.filter((one) => one.status === "fulfilled" && one.value.ok).length;
    const refusals = outcomes.flatMap(whyNot);
    const not = missing.length > 0 ? ` Not: ${missing.join(", ")}.` : "";
    setTold(
      [`${count(done, "product is", "products are")} in your cart.${not}`, ...refusals].join(" "),
    );
  };
  return (
    <>
      <button onClick={() => void put()}>Order the same again</button>
      {told && (
        <p className="done" role="status">
          {told}
        </p>
      )}
    </>
  );
}

/** Somebody may be quicker between looking and asking. */
function whyNot(result: PromiseSettledResult<Outcome<unknown, { message: string }>>): string[] {
  if (result.status === "rejected") return [(result.reason as Error).message];
  return result.value.ok ? [] : [result.value.refusal.message];
}
