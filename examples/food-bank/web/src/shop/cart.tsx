// The cart: food that is put aside, until it is ordered or given back.

import type { Snapshot } from "deeds";
import { useCommand, usePending } from "deeds/react";

import { type CartLine, commands, type Offer } from "../deeds-api";
import { Refused } from "../told";
import { when } from "../words";
import { removed } from "./expected";

/** How long the food bank keeps a cart (src/cart.rs). */
const KEPT_MS = 4 * 3_600_000;

export function Cart({ cart, offers }: { cart: Snapshot<CartLine[]>; offers: Offer[] }) {
  const [remove] = useCommand(commands.RemoveFromCart, { optimistic: removed });
  const [checkout, checkingOut] = useCommand(commands.Checkout);
  const { isPending, outcome } = checkingOut;
  const waiting = usePending().filter((command) => command.state === "sending").length;
  const nameOf = (sku: string) => offers.find((offer) => offer.sku === sku)?.name ?? sku;
  const lines = cart.data ?? [];
  const oldest = Math.min(...lines.map((line) => Date.parse(line.since)));
  return (
    <section className="cart" aria-labelledby="cart-title">
      <h2 id="cart-title">Cart</h2>
      {cart.status === "loading" && <p role="status">One moment …</p>}
      {cart.status === "error" && <p>{cart.error.message}</p>}
      {cart.status !== "error" && cart.status !== "loading" && lines.length === 0 && (
        <p className="empty">
          Nothing yet. What you add is kept for you for four hours. Some products are limited, so
          that they last for everybody: what is in your cart counts, and what you ordered in seven
          days.
        </p>
      )}
      <ul>
        {lines.map(({ sku, quantity }) => (
          <li key={sku}>
            <span>
              {quantity} × {nameOf(sku)}
            </span>
            {quantity > 1 && (
              <button
                onClick={() => remove({ sku, quantity: 1 })}
                aria-label={`One fewer: ${nameOf(sku)}`}
              >
                −1
              </button>
            )}
            <button onClick={() => remove({ sku })} aria-label={`Give back ${nameOf(sku)}`}>
              Give back
            </button>
          </li>
        ))}
      </ul>
      {lines.length > 0 && (
        <p className="empty">
          Kept for you until {when(new Date(oldest + KEPT_MS).toISOString())}.
        </p>
      )}
      {lines.length > 0 && (
        <button className="primary" disabled={isPending} onClick={() => checkout({})}>
          {isPending ? "Ordering …" : "Order this"}
        </button>
      )}
      <p className="waiting" role="status">
        {waiting > 0 && `${waiting} on the way …`}
      </p>
      {outcome?.ok && (
        <p className="done" role="status">
          Thank you. It is order <strong>{outcome.answer.order}</strong>: say so at the counter.
        </p>
      )}
      <Refused of={checkingOut} />
    </section>
  );
}
