// Orders on paper, one to a sheet: for when a tablet is empty, or the Wi-Fi is gone for good.

import { useQuery } from "deeds/react";

import { type OrderView, queries } from "../deeds-api";
import { to } from "../route";
import { Ghosts, Live, Nothing } from "../told";
import { byShelf, count, when } from "../words";

/** All that wait, or one. */
export function Print({ order }: { order: number | undefined }) {
  const todo = useQuery(queries.PickList);
  return (
    <main id="main" className="print">
      <p className="actions on-screen">
        <a className="button" href={to("warehouse")}>
          Back
        </a>
        <button className="primary" onClick={() => print()}>
          Print
        </button>
      </p>
      <Live of={todo} ghost={<Ghosts count={2} className="sheet" />}>
        {({ open, picking, at_the_counter }) => {
          const all = [...picking, ...open, ...at_the_counter];
          const sheets = order === undefined ? open : all.filter((one) => one.number === order);
          return sheets.length > 0 ? (
            sheets.map((order) => <Sheet key={order.number} order={order} />)
          ) : (
            <Nothing title="Nothing to print">
              What you wanted on paper has been picked in the meantime.
            </Nothing>
          );
        }}
      </Live>
    </main>
  );
}

function Sheet({ order }: { order: OrderView }) {
  const items = order.lines.reduce((sum, line) => sum + line.quantity, 0);
  return (
    <section className="sheet" aria-label={`Order ${order.number}`}>
      <header>
        <h2>
          <span className="order-number">{order.number}</span> {order.name ?? order.neighbor}
        </h2>
        <p>
          Ordered {when(order.placed)} · {count(items, "item", "items")}
        </p>
      </header>
      <table>
        <thead>
          <tr>
            <th scope="col">Shelf</th>
            <th scope="col">Number</th>
            <th scope="col">Product</th>
            <th scope="col">Found</th>
          </tr>
        </thead>
        <tbody>
          {[...order.lines].sort(byShelf).map(({ sku, shelf, quantity, name, size }) => (
            <tr key={sku}>
              <td className="shelf-mark">{shelf ?? "–"}</td>
              <td className="quantity">{quantity}</td>
              <td>
                {name} <span className="quiet">{size}</span>
              </td>
              <td className="box" />
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}
