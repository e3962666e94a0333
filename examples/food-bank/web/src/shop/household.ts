// What a household has and may have: read off its cart and its orders, as the food bank's own rule does
// (src/sharing.rs).

import type { CartLine, Offer, OrderView } from "../deeds-api";

const WEEK_MS = 7 * 24 * 3_600_000;

/** How many of each product the household has in its cart and in its orders of the week. */
export function hadLately(cart: CartLine[], orders: OrderView[], now: number): Map<string, number> {
  const had = new Map<string, number>();
  const add = (sku: string, quantity: number) => had.set(sku, (had.get(sku) ?? 0) + quantity);
  for (const line of cart) add(line.sku, line.quantity);
  for (const order of orders) {
    if (order.status === "cancelled" || now - Date.parse(order.placed) >= WEEK_MS) continue;
    for (const line of order.lines) add(line.sku, line.picked ?? line.quantity);
  }
  return had;
}

/** How many more it may have now, and what keeps it from more. */
export function mayHave(offer: Offer, had: number): { more: number; because?: "stock" | "limit" } {
  const left = offer.limit === null || offer.limit === undefined ? Infinity : offer.limit - had;
  if (offer.available <= 0) return { more: 0, because: "stock" };
  if (left <= 0) return { more: 0, because: "limit" };
  return { more: Math.min(offer.available, left) };
}
