// The office: numbers, stock, donations, orders, people, and what was refused.

import type { Person } from "../person";
import { to } from "../route";
import { Donations } from "./donations";
import { Orders } from "./orders";
import { Overview } from "./overview";
import { People } from "./people";
import { Refusals } from "./refusals";
import { Stock } from "./stock";
import "./admin.css";

const PAGES = {
  overview: "Overview",
  stock: "Stock",
  donations: "Donations",
  orders: "Orders",
  people: "People",
  refusals: "Refusals",
} as const;

type PageName = keyof typeof PAGES;

const isPage = (name: string | undefined): name is PageName => !!name && name in PAGES;

/**
 * On a phone there are more tabs than there is room. (Not `scrollIntoView`: it also moves the place from
 * which the next press of Tab goes on.)
 */
function intoView(tab: HTMLElement | null): void {
  const tabs = tab?.parentElement;
  if (tab && tabs) tabs.scrollLeft = tab.offsetLeft - tabs.offsetLeft - tab.offsetWidth;
}

export default function Admin({ person, route }: { person: Person; route: string[] }) {
  const [named, which] = route;
  const page = isPage(named) ? named : "overview";
  return (
    <div className="admin">
      <nav className="tabs" aria-label="Office">
        {(Object.keys(PAGES) as PageName[]).map((name) => (
          <a
            key={name}
            href={to("admin", name)}
            aria-current={name === page ? "page" : undefined}
            ref={name === page ? intoView : undefined}
          >
            {PAGES[name]}
          </a>
        ))}
      </nav>
      <main id="main">
        {page === "overview" && <Overview />}
        {page === "stock" && <Stock sku={which} />}
        {page === "donations" && <Donations />}
        {page === "orders" && <Orders />}
        {page === "people" && <People me={person.actor} />}
        {page === "refusals" && <Refusals person={person} />}
      </main>
    </div>
  );
}
