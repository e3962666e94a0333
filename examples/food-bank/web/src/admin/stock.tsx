// The stock: every product with what is left of it, and beside it one of them to look after.

import { useDeferredValue, useMemo, useState } from "react";

import { to } from "../route";
import { Ghosts, Live, Nothing } from "../told";
import { aisle, count, day, daysUntil, Moving, useToday } from "../words";
import { NewProduct } from "./new_product";
import { ProductPanel } from "./product";
import { type Shelf, useShelves } from "./shelves";

/** What is asked of the stock most. */
const VIEWS = {
  all: "Everything",
  low: "Running low",
  out: "None left",
  soon: "Expiring",
} as const;

type View = keyof typeof VIEWS;

/** So few that somebody should ask for more. */
const LOW = 10;

/** So many days that somebody should put it in front. */
const SOON_DAYS = 7;

const nextDate = ({ lots }: Shelf) => lots[0]?.best_before;

const expiresSoon = (shelf: Shelf, today: string) => {
  const date = nextDate(shelf);
  return date !== undefined && daysUntil(date, today) <= SOON_DAYS;
};

const IN_VIEW: Record<View, (shelf: Shelf, today: string) => boolean> = {
  all: () => true,
  low: ({ available }) => available > 0 && available <= LOW,
  out: ({ available }) => available === 0,
  soon: expiresSoon,
};

const SORTS = {
  name: (one: Shelf, other: Shelf) => one.product.name.localeCompare(other.product.name),
  shelf: (one: Shelf, other: Shelf) => (one.shelf ?? "~").localeCompare(other.shelf ?? "~"),
  available: (one: Shelf, other: Shelf) => one.available - other.available,
  date: (one: Shelf, other: Shelf) => (nextDate(one) ?? "~").localeCompare(nextDate(other) ?? "~"),
};

type Sort = keyof typeof SORTS;

export function Stock({ sku }: { sku: string | undefined }) {
  const stock = useShelves();
  const shelf = stock.data?.find(({ product }) => product.sku === sku);
  return (
    <div className={sku ? "split open" : "split"}>
      <section aria-labelledby="stock-title">
        <header className="head">
          <h2 id="stock-title">Stock</h2>
          <a className="button" href={to("admin", "stock", "new")}>
            New product
          </a>
        </header>
        <Live of={stock} ghost={<Ghosts count={8} className="card row-ghost" />}>
          {(shelves) => <StockTable shelves={shelves} open={sku} />}
        </Live>
      </section>
      {sku === "new" && <NewProduct />}
      {shelf && <ProductPanel key={sku} shelf={shelf} />}
    </div>
  );
}

function StockTable({ shelves, open }: { shelves: Shelf[]; open: string | undefined }) {
  const [search, setSearch] = useState("");
  const today = useToday();
  const [view, setView] = useState<View>("all");
  const [sort, setSort] = useState<Sort>("name");
  const wanted = useDeferredValue(search.trim().toLowerCase());
  const shown = useMemo(
    () =>
      shelves
        .filter((shelf) => IN_VIEW[view](shelf, today))
        .filter(({ product: { name, sku, barcode }, shelf }) =>
          [name, sku, barcode, shelf ?? ""].some((text) => text.toLowerCase().includes(wanted)),
        )
        .sort(SORTS[sort]),
    [shelves, view, sort, wanted, today],
  );
  const header = (by: Sort, words: string, className = "") => (
    <th scope="col" className={className} aria-sort={sort === by ? "ascending" : undefined}>
      <button className="sort" onClick={() => setSort(by)}>
        {words} {sort === by && <span aria-hidden="true">↓</span>}
      </button>
    </th>
  );
  return (
    <>
      <div className="filters" role="search">
        <label className="search">
          <span className="unseen">Search the stock</span>
          <input
            type="search"
            value={search}
            onChange={(event) => setSearch(event.target.value)}
            placeholder="Name, SKU, barcode or shelf"
          />
        </label>
        <div className="choices" role="group" aria-label="Which">
          {(Object.keys(VIEWS) as View[]).map((one) => (
            <button key={one} aria-pressed={view === one} onClick={() => setView(one)}>
              {VIEWS[one]}
              {one !== "all" && (
                <span className="badge">
                  {shelves.filter((shelf) => IN_VIEW[one](shelf, today)).length}
                </span>
              )}
            </button>
          ))}
        </div>
      </div>
      <p className="unseen" role="status">
        {count(shown.length, "product", "products")}
      </p>
      {shown.length === 0 ? (
        <Nothing title="Nothing like that">
          {view === "all" ? "Try fewer letters." : "That is good news here."}
        </Nothing>
      ) : (
        <table className="table">
          <thead>
            <tr>
              {header("name", "Product")}
              {header("shelf", "Shelf", "wide")}
              {header("available", "Available", "right")}
              <th scope="col" className="right wide">
                On hand
              </th>
              <th scope="col" className="right wide">
                Put aside
              </th>
              <th scope="col" className="right">
                Limit
              </th>
              {header("date", "Next date", "wide")}
            </tr>
          </thead>
          <tbody>
            {shown.map((shelf) => (
              <StockRow key={shelf.product.sku} shelf={shelf} isOpen={shelf.product.sku === open} />
            ))}
          </tbody>
        </table>
      )}
    </>
  );
}

function StockRow({ shelf, isOpen }: { shelf: Shelf; isOpen: boolean }) {
  const { product, available, shelf: mark } = shelf;
  const date = nextDate(shelf);
  const today = useToday();
  return (
    <tr data-sku={product.sku} className={isOpen ? "open" : undefined}>
      <th scope="row">
        <a href={to("admin", "stock", product.sku)} aria-current={isOpen || undefined}>
          {product.name}
        </a>
        <span className="quiet">
          {product.size} · {aisle(product.category)}
        </span>
      </th>
      <td className="wide short-words">{mark ?? "–"}</td>
      <td className="right available">
        <span className={available === 0 ? "badge bad" : available <= LOW ? "badge soon" : ""}>
          <Moving value={available} />
        </span>
      </td>
      <td className="right wide">
        <Moving value={product.on_hand} />
      </td>
      <td className="right wide">
        <Moving value={product.reserved + product.promised} />
      </td>
      <td className="right">{product.limit ?? "–"}</td>
      <td className="wide short-words">
        {date && <span className={expiresSoon(shelf, today) ? "badge soon" : ""}>{day(date)}</span>}
      </td>
    </tr>
  );
}
