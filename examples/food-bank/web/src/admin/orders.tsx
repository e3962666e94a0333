// Orders: a board of what is under way, and below it all that ever was, page by page.

import { useCommand, useQuery, useWindow } from "deeds/react";
import { useState } from "react";

import { commands, type OrderView, queries, type Status } from "../deeds-api";
import { Paged } from "../paged";
import { Ghosts, Live, Nothing, Refused } from "../told";
import { count, STATUS, useWaited, when } from "../words";

export function Orders() {
  const todo = useQuery(queries.PickList);
  return (
    <>
      <h2>Under way</h2>
      <Live of={todo} ghost={<Ghosts count={3} />}>
        {({ open, picking, at_the_counter }) => (
          <div className="lanes">
            <Lane title="Waiting" orders={open} />
            <Lane title="Being picked" orders={picking} />
            <Lane title="At the counter" orders={at_the_counter} />
          </div>
        )}
      </Live>
      <AllOrders />
    </>
  );
}

function Lane({ title, orders }: { title: string; orders: OrderView[] }) {
  return (
    <section className="lane" aria-label={title}>
      <h3>
        {title} <span className="badge">{orders.length}</span>
      </h3>
      {orders.length === 0 && <p className="quiet">None.</p>}
      <ul className="cards-list">
        {orders.map((order) => (
          <Card key={order.number} order={order} />
        ))}
      </ul>
    </section>
  );
}

const itemsOf = (order: OrderView) =>
  order.lines.reduce((sum, line) => sum + (line.picked ?? line.quantity), 0);

function Card({ order }: { order: OrderView }) {
  const [cancel, cancelling] = useCommand(commands.CancelOrder);
  const [giveBack, giving] = useCommand(commands.GiveBackOrder);
  const waited = useWaited(order.placed);
  const { number, name, neighbor, picker, status, lines } = order;
  const done = lines.filter((line) => line.picked !== null).length;
  return (
    <li className="card" data-order={number}>
      <details>
        <summary>
          <strong>
            {number} {name ?? neighbor}
          </strong>
          <span className="quiet">
            {count(itemsOf(order), "item", "items")} · {waited}
            {picker && ` · ${picker}`}
            {status === "picking" && ` has ${done} of ${lines.length}`}
          </span>
        </summary>
        <Lines order={order} />
        <p className="actions">
          {status === "picking" && (
            <button disabled={giving.isPending} onClick={() => giveBack({ order: number })}>
              Let somebody else pick it
            </button>
          )}
          <button disabled={cancelling.isPending} onClick={() => cancel({ order: number })}>
            Cancel order {number}
          </button>
        </p>
        <Refused of={cancelling} />
        <Refused of={giving} />
      </details>
    </li>
  );
}

function Lines({ order }: { order: OrderView }) {
  return (
    <ul className="plain-list">
      {order.lines.map(({ sku, quantity, name, picked }) => (
        <li key={sku}>
          {quantity} × {name}
          {picked !== null && picked < quantity && (
            <span className="badge soon">{picked} found</span>
          )}
        </li>
      ))}
    </ul>
  );
}

const STATUSES = Object.keys(STATUS) as Status[];

/** How each status looks. */
const LOOKS: Record<Status, string> = {
  placed: "badge",
  picking: "badge soon",
  packed: "badge good",
  handed_over: "badge good",
  cancelled: "badge bad",
};

function AllOrders() {
  const [status, setStatus] = useState<Status>();
  const orders = useWindow(queries.AllOrders, { status: status ?? null });
  return (
    <section aria-labelledby="all-title">
      <header className="head">
        <h2 id="all-title">All orders</h2>
        <label className="inline">
          <span>Status</span>
          <select
            value={status ?? ""}
            onChange={(event) => setStatus((event.target.value || undefined) as Status | undefined)}
          >
            <option value="">all</option>
            {STATUSES.map((one) => (
              <option key={one} value={one}>
                {STATUS[one]}
              </option>
            ))}
          </select>
        </label>
      </header>
      <Paged
        of={orders}
        words={["Newer", "Older"]}
        ghost={<Ghosts count={6} className="card row-ghost" />}
      >
        {(orders) =>
          orders.length === 0 ? (
            <Nothing title="No such order" />
          ) : (
            <table className="table">
              <thead>
                <tr>
                  <th scope="col">Order</th>
                  <th scope="col">Status</th>
                  <th scope="col" className="right">
                    Items
                  </th>
                  <th scope="col" className="wide">
                    Ordered
                  </th>
                  <th scope="col" className="wide">
                    Picked by
                  </th>
                </tr>
              </thead>
              <tbody>
                {orders.map((order) => (
                  <tr key={order.number}>
                    <th scope="row">
                      {order.number} {order.name ?? order.neighbor}
                    </th>
                    <td>
                      <span className={LOOKS[order.status]}>{STATUS[order.status]}</span>
                    </td>
                    <td className="right number">{itemsOf(order)}</td>
                    <td className="wide">{when(order.placed)}</td>
                    <td className="wide">{order.picker ?? "–"}</td>
                  </tr>
                ))}
              </tbody>
            </table>
          )
        }
      </Paged>
    </section>
  );
}
