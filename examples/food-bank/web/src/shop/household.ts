// What a household has and may have: read off its cart and its orders, as the food bank's own rule does
// (src/sharing.rs).

import type { CartLine, Offer, OrderView } from "../deeds-api";

const WEEK_MS = 7 * 24 * 3_600_000;

/** What a household has of a product this week. */
export interface Had {
  quantity: number;
  /** When some of it counts no more; undefined while all of it is in the cart. */
  lessFrom?: number;
}

/** What the household has in its cart and in its orders of the week, by product. */
export function hadLately(cart: CartLine[], orders: OrderView[], now: number): Map<string, Had> {
  const had = new Map<string, Had>();
  const add = (sku: string, quantity: number, lessFrom?: number) => {
    const before = had.get(sku) ?? { quantity: 0 };
    const first = Math.min(before.lessFrom ?? Infinity, lessFrom ?? Infinity);
    const sum = { quantity: before.quantity + quantity };
    had.set(sku, first === Infinity ? sum : { ...sum, lessFrom: first });
  };
  for (const line of cart) add(line.sku, line.quantity);
  for (const { status, placed, lines } of orders) {
    const over = Date.parse(placed) + WEEK_MS;
    if (status === "cancelled" || over <= now) continue;
    for (const { sku, picked, quantity } of lines) {
      const counts = picked ?? quantity;
      if (counts > 0) add(sku, counts, over);
    }
  }
  return had;
}

/** How many more it may have now, and what keeps it from more. */
export function mayHave(
  offer: Offer,
  had: Had | undefined,
): { more: number; because?: "stock" | "limit" } {
  const left = offer.limit === null ? Infinity : offer.limit - (had?.quantity ?? 0);
  if (offer.available <= 0) return { more: 0, because: "stock" };
  if (left <= 0) return { more: 0, because: "limit" };
  return { more: Math.min(offer.available, left) };
}

/** The same again, as far as it may be had now. */
export function again(order: OrderView, offers: Offer[], had: Map<string, Had>) {
  const items: { sku: string; quantity: number }[] = [];
  const missing: string[] = [];
  for (const { sku, name, quantity } of order.lines) {
    const offer = offers.find((offer) => offer.sku === sku);
    const { more, because } = offer ? mayHave(offer, had.get(sku)) : { more: 0, because: "stock" };
    if (more > 0) items.push({ sku, quantity: Math.min(quantity, more) });
    if (more === 0)
      missing.push(`${name} (${because === "limit" ? "all for this week" : "none left"})`);
    else if (more < quantity) missing.push(`${quantity - more} × ${name}`);
  }
  return { items, missing };
}
