// People of a simulated Saturday: neighbors with a shop on their phones and volunteers with tablets, each
// with an SDK client and live queries of their own, doing one thing after the other.

import { command, createClient, rowQuery, valueQuery } from "../../sdk/typescript/dist/src/index.js";

const [Catalogue, MyCart] = [rowQuery("Catalogue"), rowQuery("MyCart")];
const [MyOrders, PickList] = [valueQuery("MyOrders"), valueQuery("PickList")];
const COMMANDS = Object.fromEntries(
  [
    "AddToCart", "RemoveFromCart", "Checkout", "CancelOrder", "ClaimOrder", "GiveBackOrder", "PickLine",
    "PackOrder", "HandOver",
  ].map((name) => [name, command(name)]),
);

/** The same Saturday again for the same seed: who does what; not how the machine's time falls. */
export function dice(seed) {
  let state = seed;
  const next = () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  return {
    chance: (share) => next() < share,
    below: (number) => Math.floor(next() * number),
    /** One of them, the first ones far more often: everybody wants apples. */
    skewed: (list) => list[Math.floor(next() ** 3 * list.length)],
  };
}

/** Somebody with a connection of their own. */
class Someone {
  isBusy = false;
  /** Where they last changed something. */
  changed = 0;

  constructor(name, address, token, log) {
    this.name = name;
    this.log = log;
    this.client = createClient({ app: { name: "food-bank", schema: "" }, url: address, token: () => token });
  }

  /** Follows a query; each change of it is told with where it stands. */
  follow(query, args, seen) {
    const followed = this.client.live(query, args);
    followed.subscribe(() => {
      const { status, position } = followed.current;
      if (status === "error") this.log.errors.push(`${this.name}: ${followed.current.error.message}`);
      if (status === "live") seen?.(position);
    });
    return followed;
  }

  /** Sends one command, and waits for what comes of it. */
  async send(name, args = {}) {
    this.isBusy = true;
    const sentAt = performance.now();
    try {
      const outcome = await this.client.send(COMMANDS[name], args).durable;
      this.log.answered(name, outcome, sentAt);
      if (outcome.ok) this.changed = outcome.position;
      return outcome;
    } catch (error) {
      this.log.errors.push(`${this.name}: ${name}: ${error.message}`);
      return { ok: false };
    } finally {
      this.isBusy = false;
    }
  }
}

/** Fills a cart, checks out, looks at it, and now and then thinks better of it. */
export class Shopper extends Someone {
  constructor(...who) {
    super(...who);
    this.offers = this.follow(Catalogue, {}, this.log.observer("shop"));
    this.cart = this.follow(MyCart, {});
    this.orders = this.follow(MyOrders, {});
  }

  get isReady() {
    return [this.offers, this.cart, this.orders].every(({ current }) => current.status === "live");
  }

  async act(dice) {
    const cart = this.cart.current.data;
    const placed = this.orders.current.data.find(({ status }) => status === "placed");
    if (placed && dice.chance(0.01)) return this.send("CancelOrder", { order: placed.number });
    if (cart.length >= 4) return this.send("Checkout");
    const [line] = cart;
    if (line && dice.chance(0.05)) return this.send("RemoveFromCart", { sku: line.sku, quantity: 1 });
    const there = this.offers.current.data.filter(({ available }) => available > 0);
    return this.send("AddToCart", { sku: dice.skewed(there).sku, quantity: 1 });
  }
}

/** Claims what waits, picks it line by line, packs it, and hands over what is fetched. */
export class Tablet extends Someone {
  constructor(...who) {
    super(...who);
    this.list = this.follow(PickList, {}, this.log.observer("warehouse"));
  }

  get isReady() {
    return this.list.current.status === "live";
  }

  get mine() {
    return this.list.current.data.picking.find(({ picker }) => picker === this.name);
  }

  /** Whether it shows what was last done on it: nobody picks a line twice. */
  get isCurrent() {
    return this.list.current.position >= this.changed;
  }

  /** Whether it has anything to do. */
  get hasWork() {
    const { open, at_the_counter } = this.list.current.data;
    return this.mine !== undefined || open.length + at_the_counter.length > 0;
  }

  async act(dice) {
    const { open, at_the_counter } = this.list.current.data;
    const order = this.mine;
    if (!order) {
      if (at_the_counter.length > 0 && (open.length === 0 || dice.chance(0.5))) {
        return this.send("HandOver", { order: at_the_counter[dice.below(at_the_counter.length)].number });
      }
      // Most take the oldest, as the page shows it; two may reach for the same one.
      return this.send("ClaimOrder", { order: open[dice.below(Math.min(4, open.length))].number });
    }
    const line = order.lines.find(({ picked }) => picked === null);
    if (!line) return this.send("PackOrder", { order: order.number });
    if (dice.chance(0.005)) return this.send("GiveBackOrder", { order: order.number });
    const isShort = dice.chance(0.04);
    const found = isShort ? { quantity: line.quantity - 1, short: "damaged" } : { quantity: line.quantity };
    return this.send("PickLine", { order: order.number, sku: line.sku, ...found });
  }
}
