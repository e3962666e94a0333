// What a command is expected to do to the shop: shown at once, until the server has said what came of it.

import type { Draft } from "deeds";

import { type AddToCart, queries, type RemoveFromCart } from "../deeds-api";

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

/** Back on the shelf. */
export const removed = (draft: Draft, { sku }: RemoveFromCart) =>
  draft.rows(queries.MyCart).remove((line) => line.sku === sku);
