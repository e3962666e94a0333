// The shop: the catalogue, the cart beside it, and the orders below, all live.

import { useQuery } from "deeds/react";
import { useMemo, useState } from "react";

import { type Offer, queries } from "../deeds-api";
import { count } from "../words";
import { Cart } from "./cart";
import { Catalogue } from "./catalogue";
import { hadLately } from "./household";
import { Orders } from "./orders";
import { MyHousehold } from "./my_household";
import { Register } from "./register";
import "./shop.css";

/** Whoever is there sees what there is; a registered household has a cart. */
export function Shop({ roles }: { roles: string[] }) {
  return roles.includes("neighbor") ? <ForNeighbors /> : <ForGuests />;
}

const NOTHING = new Map<string, never>();

function ForGuests() {
  const offers = useQuery(queries.Catalogue);
  return (
    <div className="shop">
      <Catalogue offers={offers} had={NOTHING} mayOrder={false} />
      <aside className="side guest" aria-label="Registering">
        <Register />
      </aside>
    </div>
  );
}

const NO_OFFERS: Offer[] = [];

function ForNeighbors() {
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
      <div className="shop">
        <Catalogue offers={offers} had={had} mayOrder={cart.status !== "error"} />
        <aside
          id="cart"
          className={isCartOpen ? "side open" : "side"}
          aria-label="Cart and orders"
          onKeyDown={(event) => event.key === "Escape" && setCartOpen(false)}
        >
          <button className="close" onClick={() => setCartOpen(false)}>
            Back to the catalogue
          </button>
          <Cart cart={cart} offers={offers.data ?? NO_OFFERS} />
          <Orders orders={orders} offers={offers.data ?? NO_OFFERS} had={had} />
          <MyHousehold />
        </aside>
      </div>
      <button
        className="cart-button primary"
        aria-controls="cart"
        aria-expanded={isCartOpen}
        onClick={() => setCartOpen(true)}
      >
        Cart: {count(items, "item", "items")}
      </button>
    </>
  );
}
