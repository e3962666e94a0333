// What a command is expected to do to the shop: shown at once, until the server has said what came of it.

import type { Draft } from "deeds";

import { type AddToCart, type CartLine, queries, type RemoveFromCart } from "../deeds-api";

/** So many fewer there, so many more in the cart. */
export function added(draft: Draft, { sku, quantity }: AddToCart): void {
  draft.rows(queries.Catalogue).update(
    (offer) => offer.sku === sku,
    (offer) => ({ ...offer, available: Math.max(0, offer.available - quantity) }),
  );
  const cart = draft.rows(queries.MyCart);
  if (cart.some((line) => line.sku === sku)) {
    cart.update(
      (line) => line.sku === sku,
      (line) => ({ ...line, quantity: line.quantity + quantity }),
    );
  } else {
    cart.insert({ neighbor: "", sku, quantity, since: new Date().toISOString() });
  }
}

/** So many fewer in the cart, or none at all. */
export function removed(draft: Draft, { sku, quantity }: RemoveFromCart): void {
  const cart = draft.rows(queries.MyCart);
  const isMeant = (line: CartLine) => line.sku === sku;
  const isLess = (line: CartLine) => isMeant(line) && line.quantity > (quantity ?? Infinity);
  if (cart.some(isLess)) {
    cart.update(isMeant, (line) => ({ ...line, quantity: line.quantity - quantity! }));
  } else {
    cart.remove(isMeant);
  }
}
