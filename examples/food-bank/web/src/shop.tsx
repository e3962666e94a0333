// The shop: the catalogue, the cart beside it, and the orders below, all live.

import { useConnection, useQuery } from "deeds/react";
import { useMemo, useState } from "react";

import { Cart } from "./cart";
import { Catalogue } from "./catalogue";
import { queries } from "./deeds-api";
import { hadLately } from "./household";
import { Orders } from "./orders";
import type { Person } from "./person";

export function Shop({ person }: { person: Person }) {
  const offers = useQuery(queries.Catalogue);
  const cart = useQuery(queries.MyCart);
  const orders = useQuery(queries.MyOrders);
  const [isCartOpen, setCartOpen] = useState(false);
  const had = useMemo(
    () => hadLately(cart.data ?? [], orders.data ?? [], Date.now()),
    [cart.data, orders.data],
  );
  const items = (cart.data ?? []).reduce((sum, line) => sum + line.quantity, 0);
  return (
    <>
      <a className="skip" href="#catalogue">
        To the catalogue
      </a>
      <header className="bar">
        <h1>Food bank</h1>
        <Connection />
        <span className="person">
          {person.actor} <a href="/">change</a>
        </span>
      </header>
      <div className="shop">
        <Catalogue offers={offers} had={had} mayOrder={cart.status !== "error"} />
        <aside id="cart" className={isCartOpen ? "side open" : "side"} aria-label="Cart and orders">
          <button className="close" onClick={() => setCartOpen(false)}>
            Back to the catalogue
          </button>
          <Cart cart={cart} offers={offers.data ?? []} />
          <Orders orders={orders} />
        </aside>
      </div>
      <button
        className="cart-button primary"
        aria-controls="cart"
        aria-expanded={isCartOpen}
        onClick={() => setCartOpen(true)}
      >
        Cart: {items} {items === 1 ? "item" : "items"}
      </button>
    </>
  );
}

/** How the connection is, in a word that is only loud when something is wrong. */
function Connection() {
  const { status, isOutdated, ticks, resumptions } = useConnection();
  const words = {
    connecting: "Connecting …",
    live: "Live",
    reconnecting: "Reconnecting …",
    offline: "Offline: what you do waits for half a minute",
    "signed-out": "Signed out: choose who you are again",
    outdated: "This page is too old: reload it",
    closed: "Closed",
  };
  return (
    <span
      className={`connection ${status}`}
      role="status"
      data-ticks={ticks}
      data-resumptions={resumptions}
    >
      {words[status]}
      {isOutdated && status === "live" && (
        <>
          . The food bank has changed: <a href="">reload</a>
        </>
      )}
    </span>
  );
}
