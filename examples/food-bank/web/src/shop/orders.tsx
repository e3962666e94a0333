// My orders, and how far each is.

import type { Snapshot } from "deeds";
import { useCommand } from "deeds/react";

import { commands, type LineView, type OrderView } from "../deeds-api";
import { SHORTAGE, STATUS, when } from "../words";

export function Orders({ orders }: { orders: Snapshot<OrderView[]> }) {
  const list = orders.data ?? [];
  return (
    <section className="orders" aria-labelledby="orders-title">
      <h2 id="orders-title">My orders</h2>
      {orders.status === "loading" && <p role="status">One moment …</p>}
      {orders.status === "error" && <p>{orders.error.message}</p>}
      {orders.data?.length === 0 && <p className="empty">You have not ordered yet.</p>}
      <ul>
        {list.map((order) => (
          <Order key={order.number} order={order} />
        ))}
      </ul>
    </section>
  );
}

function Order({ order }: { order: OrderView }) {
  const [cancel, { isPending, outcome, error }] = useCommand(commands.CancelOrder);
  const { number, status, placed, lines } = order;
  const refused = outcome && !outcome.ok ? outcome.refusal.message : error?.message;
  return (
    <li className={`order ${status}`} data-order={number}>
      <h3>
        Order {number} <small>{when(placed)}</small>
      </h3>
      <p className="status" key={status}>
        {STATUS[status]}
      </p>
      <ul className="lines">
        {lines.map((line) => (
          <li key={line.sku}>
            {line.quantity} × {line.name}
            <Found line={line} />
          </li>
        ))}
      </ul>
      {status === "placed" && (
        <button disabled={isPending} onClick={() => cancel({ order: number })}>
          Cancel order {number}
        </button>
      )}
      {refused && (
        <p className="refusal" role="alert">
          {refused}
        </p>
      )}
    </li>
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
