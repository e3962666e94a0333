// The overview: how it goes now, how it went, and what somebody should look at.

import { useCommand, useQuery } from "deeds/react";
import { type ReactNode } from "react";

import {
  commands,
  type Flow,
  type History,
  type Numbers,
  queries,
  type ShortLine,
} from "../deeds-api";
import { to } from "../route";
import { Ghosts, Live, Refused } from "../told";
import { count, Moving, SHORTAGE, when } from "../words";
import { type Bar, BarsByName, BarsOverTime } from "./charts";
import { ClockCard } from "./clock";
import { ShiftCard } from "./shift";

export function Overview() {
  const numbers = useQuery(queries.Dashboard);
  const history = useQuery(queries.Days, { days: 14 });
  const short = useQuery(queries.ShortLines);
  return (
    <>
      <h2 className="unseen">Overview</h2>
      <Live of={numbers} ghost={<Ghosts count={4} className="card tile" />}>
        {(numbers) => <Tiles numbers={numbers} />}
      </Live>
      <div className="columns">
        <div className="column">
          <Live of={history} ghost={<Ghosts count={2} className="card chart" />}>
            {(history) => <Charts history={history} />}
          </Live>
          <Live of={short} ghost={<Ghosts count={1} />}>
            {(lines) => <ShelvesToLookAt lines={lines} />}
          </Live>
        </div>
        <div className="column">
          <ShiftCard />
          <Live of={numbers} ghost={<Ghosts count={1} />}>
            {({ last_seven_days: { top } }) =>
              top.length > 0 && (
                <BarsByName
                  title="Handed out in seven days"
                  bars={top.map(({ name, items }) => ({
                    label: name,
                    value: items,
                    about: count(items, "item", "items"),
                  }))}
                />
              )
            }
          </Live>
          <Housekeeping />
          <ClockCard />
        </div>
      </div>
    </>
  );
}

function Tiles({ numbers }: { numbers: Numbers }) {
  const week = numbers.last_seven_days;
  return (
    <dl className="tiles">
      <Tile name="Waiting" value={numbers.orders_placed} href={to("admin", "orders")}>
        {numbers.orders_in_picking} being picked, {numbers.orders_packed} at the counter
      </Tile>
      <Tile name="Orders in seven days" value={week.orders} href={to("admin", "orders")}>
        {week.handed_over} handed over to {count(week.households, "household", "households")}
      </Tile>
      <Tile name="On the shelves" value={numbers.items_on_hand} href={to("admin", "stock")}>
        {numbers.items_promised} promised, {numbers.items_in_carts} in carts
      </Tile>
      <Tile name="None left" value={numbers.products_out} href={to("admin", "stock")}>
        of {count(numbers.products, "product", "products")}
      </Tile>
      <Tile name="Expire within a week" value={numbers.items_expiring} href={to("admin", "stock")}>
        items
      </Tile>
      <Tile name="Households" value={numbers.neighbors} href={to("admin", "people")}>
        registered
      </Tile>
    </dl>
  );
}

interface TileProps {
  name: string;
  value: number;
  href: string;
  children: ReactNode;
}

function Tile({ name, value, href, children }: TileProps) {
  return (
    <div className="card tile">
      <dt>
        <a href={href}>{name}</a>
      </dt>
      <dd>
        <span className="big number">
          <Moving value={value} />
        </span>
        <span className="quiet">{children}</span>
      </dd>
    </div>
  );
}

const DAY = new Intl.DateTimeFormat("en", { day: "numeric", month: "short", timeZone: "UTC" });
function Charts({ history }: { history: History }) {
  const bars = (flows: Flow[], words: (flow: Flow) => string): Bar[] =>
    flows.map((flow) => ({
      label: words(flow),
      value: flow.orders,
      about:
        `${words(flow)}: ${count(flow.orders, "order", "orders")}, ${flow.cancelled} cancelled, ` +
        `${flow.handed_over} handed over with ${count(flow.items, "item", "items")}`,
    }));
  const day = (flow: Flow) => DAY.format(new Date(flow.day));
  const hour = (flow: Flow) => String(flow.hour).padStart(2, "0");
  return (
    <div className="column">
      <BarsOverTime title="Orders, by hour" bars={bars(history.hours, hour)} every={4} />
      <BarsOverTime title="Orders, by day" bars={bars(history.days, day)} every={3} />
    </div>
  );
}

/** Where the books and the shelf may differ. */
function ShelvesToLookAt({ lines }: { lines: ShortLine[] }) {
  return (
    <section className="card" aria-labelledby="short-title">
      <h3 id="short-title">Shelves to look at</h3>
      {lines.length === 0 ? (
        <p className="quiet">Pickers have found everything that was ordered.</p>
      ) : (
        <ul className="plain-list">
          {lines.slice(0, 8).map(({ order, placed, picker, line }) => (
            <li key={`${order} ${line.sku}`}>
              <a href={to("admin", "stock", line.sku)}>{line.name}</a>{" "}
              <span className="badge soon">
                {line.shelf && `${line.shelf} · `}
                {line.short && SHORTAGE[line.short]}
              </span>
              <p className="quiet">
                {line.picked} of {line.quantity} for order {order}, {when(placed)}
                {picker && `, by ${picker}`}
              </p>
            </li>
          ))}
        </ul>
      )}
    </section>
  );
}

/** What is done once a day. */
function Housekeeping() {
  const [writeOff, writing] = useCommand(commands.WriteOffExpired);
  const [empty, emptying] = useCommand(commands.EmptyAbandonedCarts);
  return (
    <section className="card housekeeping" aria-labelledby="housekeeping-title">
      <h3 id="housekeeping-title">Once a day</h3>
      <p className="actions">
        <button disabled={writing.isPending} onClick={() => writeOff({})}>
          Write off what has expired
        </button>
        <button disabled={emptying.isPending} onClick={() => empty({})}>
          Empty forgotten carts
        </button>
      </p>
      {writing.outcome?.ok && (
        <p className="done" role="status">
          {count(writing.outcome.answer.items, "item", "items")} written off.
        </p>
      )}
      {emptying.outcome?.ok && (
        <p className="done" role="status">
          {count(emptying.outcome.answer, "line", "lines")} given back.
        </p>
      )}
      <Refused of={writing} />
      <Refused of={emptying} />
    </section>
  );
}
