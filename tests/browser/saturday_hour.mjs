// A simulated Saturday against the real server: so many requests a minute from 300 neighbors and 24 tablets,
// with the pages of a shop, a warehouse and the office open in real browsers meanwhile.
//
//   node saturday_hour.mjs [FACTOR] [MINUTES]
//
// FACTOR: how many times faster than on a Saturday (1: 120 requests a minute). MINUTES: of the Saturday.
// `cargo xtask saturday` builds everything first, for release. Written to standard output: what was measured,
// and what was checked at the end. Exits with 1 if anything was not as it must be.

import { readFile } from "node:fs/promises";
import { performance } from "node:perf_hooks";
import { browse, place, run, serve } from "./food_bank.mjs";
import { dice, Shopper, Tablet } from "./hour_people.mjs";
import { isOurs, sender } from "./people.mjs";

const [factor, minutes] = [Number(process.argv[2] ?? 12), Number(process.argv[3] ?? 60)];
const [NEIGHBORS, TABLETS, PER_MINUTE] = [300, 24, 120];
/** How many requests there are, and how far they are apart. */
const [REQUESTS, APART_MS] = [PER_MINUTE * minutes, 60_000 / PER_MINUTE / factor];
/** How long the last orders may take to be handed over. */
const CLOSING_MS = 120_000;
/** How many neighbors fill their carts at one time. */
const AT_ONCE = 12;
/** Ticks of the kernel's clock in a second, as /proc counts time on processors. */
const TICKS_PER_SECOND = 100;

/** What is written down while it goes. */
class Log {
  errors = [];
  accepted = new Map();
  refused = new Map();
  answers = [];
  /** Of each page: from the answer at the sender until another shows it, in milliseconds. */
  seen = { shop: [], warehouse: [] };
  #watched = { shop: [], warehouse: [] };

  answered(name, outcome, sentAt) {
    const now = performance.now();
    this.answers.push(now - sentAt);
    const [counts, what] = outcome.ok ? [this.accepted, name] : [this.refused, outcome.refusal.code];
    counts.set(what, (counts.get(what) ?? 0) + 1);
    if (!outcome.ok) return;
    const page = ["AddToCart", "RemoveFromCart"].includes(name) ? "shop" : "warehouse";
    this.#watched[page].push({ position: outcome.position, answeredAt: now });
  }

  /** Somebody who looks at such a page: called with where it stands whenever it has changed. */
  observer(page) {
    const [watched, latencies] = [this.#watched[page], this.seen[page]];
    // What the others see may come before the answer does: it is looked for when both are there.
    let next = 0;
    const changes = [];
    const settle = () => {
      while (next < watched.length) {
        const { position, answeredAt } = watched[next];
        const shown = changes.findIndex((change) => change.position >= position);
        if (shown === -1) return;
        latencies.push(Math.max(0, changes[shown].at - answeredAt));
        changes.splice(0, shown);
        next += 1;
      }
    };
    return (position) => {
      changes.push({ position, at: performance.now() });
      settle();
      setTimeout(settle, 50);
    };
  }
}

function percentile(values, share) {
  const sorted = values.toSorted((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor((sorted.length * share) / 100))] ?? NaN;
}

async function usage(pid) {
  const stat = (await readFile(`/proc/${pid}/stat`, "utf8")).split(") ")[1].split(" ");
  const status = await readFile(`/proc/${pid}/status`, "utf8");
  const kib = (name) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)[1]);
  return { cpu: (Number(stat[11]) + Number(stat[12])) / TICKS_PER_SECOND, mib: kib("VmRSS") / 1024 };
}

const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

async function until(holds, ms, what) {
  const end = performance.now() + ms;
  while (!(await holds())) {
    if (performance.now() > end) throw new Error(`too late: ${what}`);
    await sleep(20);
  }
}

/** Everybody there is: registered, with a shift to work in, signed in. */
async function everybody(address, log) {
  const send = sender(address);
  const { token } = send;
  await send("ada", "OpenShift", { name: "Saturday" }).then(async (code) => {
    for (let number = 1; number <= TABLETS; number += 1) await send(`tablet-${number}`, "JoinShift", { code });
  });
  for (let number = 1; number <= NEIGHBORS; number += 1) {
    const [phone, address] = ["000", `${number} Mill Lane`];
    await send(`neighbor-${number}`, "Register", { name: `Household ${number}`, phone, address });
  }
  const come = async (Kind, name) => new Kind(name, address, await token(name), log);
  const numbers = (count) => Array.from({ length: count }, (_, place) => place + 1);
  const tablets = await Promise.all(numbers(TABLETS).map((number) => come(Tablet, `tablet-${number}`)));
  const shoppers = await Promise.all(numbers(NEIGHBORS).map((number) => come(Shopper, `neighbor-${number}`)));
  await until(() => [...tablets, ...shoppers].every((one) => one.isReady), 60_000, "everybody has come");
  return { tablets, shoppers };
}

/** One request after the other, whether or not the one before is answered. */
async function traffic({ tablets, shoppers }, chance) {
  const began = performance.now();
  let sent = 0;
  while (sent < REQUESTS) {
    await sleep(Math.max(0, began + sent * APART_MS - performance.now()));
    const working = tablets.filter((tablet) => !tablet.isBusy && tablet.isCurrent && tablet.hasWork);
    const free = shoppers.filter((shopper) => !shopper.isBusy);
    // Whoever has begun goes on: a dozen or so at a time, as on a Saturday.
    const begun = free.filter((shopper) => shopper.cart.current.data.length > 0);
    const shopping = begun.length > AT_ONCE ? begun : free;
    const crowd = working.length > 0 && (free.length === 0 || chance.chance(0.55)) ? working : shopping;
    if (crowd.length > 0) void crowd[chance.below(crowd.length)].act(chance);
    else await sleep(1);
    sent += 1;
  }
  return (performance.now() - began) / 1000;
}

/** The shop is closed; the tablets finish. */
async function closing({ tablets }, chance) {
  const isOver = () => tablets.every((tablet) => !tablet.isBusy && !tablet.hasWork);
  const end = performance.now() + CLOSING_MS;
  while (!isOver() && performance.now() < end) {
    const working = tablets.filter((tablet) => !tablet.isBusy && tablet.isCurrent && tablet.hasWork);
    for (const tablet of working) void tablet.act(chance);
    await sleep(120);
  }
}

/** Pages that people have open. */
async function pages(t, directory, address) {
  const open = async (where, ready, viewport) => {
    const { page, complaints } = await browse(t, directory, { viewport });
    await page.addInitScript(() => {
      globalThis.longTasks = [];
      new PerformanceObserver((list) => {
        for (const { duration } of list.getEntries()) globalThis.longTasks.push(duration);
      }).observe({ entryTypes: ["longtask"] });
    });
    await page.goto(`${address}/?as=${where}`);
    await page.locator(ready).first().waitFor();
    return { where, page, complaints };
  };
  return [
    await open("nora#/shop", ".offer[data-sku]", { width: 390, height: 844 }),
    await open("vera#/warehouse", ".board", { width: 820, height: 1180 }),
    await open("ada#/admin/overview", ".tile .big", { width: 1440, height: 900 }),
  ];
}

/** What must be so at the end, whatever happened; gives what is not. */
async function wrongs(address, before, log, pages) {
  const { ask } = sender(address);
  const wrong = [...new Set(log.errors)];
  const must = (holds, words) => holds || wrong.push(words);
  const stock = await ask("ada", "Stock");
  for (const { product, available, lots } of stock) {
    const sum = lots.reduce((sum, lot) => sum + lot.quantity, 0);
    must(product.on_hand === sum, `${product.sku}: ${product.on_hand} on hand, ${sum} in lots`);
    must(product.on_hand >= 0 && available >= 0, `${product.sku} is below nothing`);
    must(product.promised === 0, `${product.sku}: ${product.promised} are promised, and no order is open`);
  }
  const orders = await ask("ada", "AllOrders");
  const over = (order) => ["handed_over", "cancelled"].includes(order.status);
  must(orders.every(over), `${orders.filter((order) => !over(order)).length} orders are not over`);
  must(orders.length === (log.accepted.get("Checkout") ?? 0), "there are as many orders as receipts");
  const gone = new Map();
  for (const { sku, picked } of orders.flatMap(({ lines }) => lines)) gone.set(sku, (gone.get(sku) ?? 0) + picked);
  for (const { product } of stock) {
    const taken = before.get(product.sku) - product.on_hand;
    must(taken === (gone.get(product.sku) ?? 0), `${product.sku}: ${taken} gone, ${gone.get(product.sku)} handed over`);
  }
  const told = await ask("ada", "Dashboard");
  const handedOver = orders.filter(({ status }) => status === "handed_over").length;
  must(told.last_seven_days.handed_over === handedOver, "the dashboard counts what was handed over");
  for (const { where, page, complaints } of pages) {
    must(await page.locator(".connection.live").isVisible(), `${where} is not live`);
    must(complaints.filter(isOurs).length === 0, `${where} complains: ${complaints[0]}`);
  }
  const [, , office] = pages;
  const tile = await office.page.locator(".tile", { hasText: "Orders in seven days" }).textContent();
  must(tile.includes(`${handedOver} handed over`), `the office shows ${tile}`);
  return { wrong, orders: orders.length, handedOver, soldOut: stock.filter(({ available }) => available === 0).length };
}

const endings = [];
const t = { after: (ending) => endings.push(ending) };
const directory = await place(t);
try {
  const server = await serve(t, directory, "--dev");
  const { address, pid } = server;
  const [log, chance] = [new Log(), dice(6)];
  const open = await pages(t, directory, address);
  const crowd = await everybody(address, log);
  const stock = await sender(address).ask("ada", "Stock");
  const before = new Map(stock.map(({ product }) => [product.sku, product.on_hand]));
  const ticks = (page) => page.locator(".connection").getAttribute("data-ticks").then(Number);
  const start = await usage(pid);
  const own = process.cpuUsage();
  const seconds = await traffic(crowd, chance);
  const end = await usage(pid);
  const { user, system } = process.cpuUsage(own);
  await closing(crowd, chance);
  await sleep(1_000);
  const { wrong, ...after } = await wrongs(address, before, log, open);
  const list = (counts) => [...counts].sort(([, a], [, b]) => b - a).map(([what, n]) => `${what} ${n}`).join(", ");
  const [of, ms] = [(values) => values.toFixed(1), (values, share) => `${percentile(values, share).toFixed(1)} ms`];
  const row = (name, figure) => console.log(`| ${name} | ${figure} |`);
  row(`factor ${factor}, ${REQUESTS} requests`, `${seconds.toFixed(0)} s, ${of(REQUESTS / seconds)} a second`);
  row("the server's processor time", `${of(((end.cpu - start.cpu) / seconds) * 100)} % of a core`);
  row("its memory, when all had come and an hour later", `${of(start.mib)} and ${of(end.mib)} MiB`);
  row("answers: p50, p99", `${ms(log.answers, 50)}, ${ms(log.answers, 99)}`);
  for (const [page, seen] of Object.entries(log.seen)) {
    row(`answered until another ${page} shows it: p50, p99`, `${ms(seen, 50)}, ${ms(seen, 99)} (${seen.length})`);
  }
  for (const { where, page } of open) {
    const long = await page.evaluate(() => globalThis.longTasks);
    const most = Math.round(Math.max(0, ...long));
    row(`the page ${where.split("/").at(-1)}`, `${await ticks(page)} ticks, ${long.length} tasks above 50 ms, the longest ${most} ms`);
  }
  row("orders", `${after.orders}, ${after.handedOver} handed over; ${after.soldOut} products sold out`);
  row("accepted", list(log.accepted));
  row("refused", list(log.refused));
  row("errors", log.errors.length);
  row("the load itself, of a core", `${of((user + system) / 1e4 / seconds)} %`);
  for (const one of [...crowd.tablets, ...crowd.shoppers]) one.client.close();
  for (const { page } of open) await page.context().close();
  await server.stop();
  await run(directory, "verify");
  row("verified", "every byte of the chronicle, and the state by it");
  for (const words of wrong) console.log(`WRONG: ${words}`);
  process.exitCode = wrong.length > 0 ? 1 : 0;
} finally {
  for (const end of endings) await end();
}
