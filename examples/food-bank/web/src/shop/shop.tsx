// The shop: the catalogue, the cart beside it, and the orders below, all live.

import { useQuery } from "deeds/react";
import { useMemo, useState } from "react";

import { Cart } from "./cart";
import { Catalogue } from "./catalogue";
import { queries } from "../deeds-api";
import { hadLately } from "./household";
import { Orders } from "./orders";
import "./shop.css";

export function Shop() {
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
