// How things are called on the page.

import { useQuery } from "deeds/react";
import { useEffect, useState } from "react";

import {
  type AddToCartRefusal,
  type Category,
  type Label,
  type LineView,
  queries,
  type Shortage,
  type Status,
} from "./deeds-api";

/** With a capital, and no other. */
export const sentence = (words: string) => words[0]!.toUpperCase() + words.slice(1).toLowerCase();

/** A command as people say it: `food-bank/AddToCart` is `Add to cart`. */
export const wish = (command: string) =>
  sentence(
    command
      .split("/")
      .at(-1)!
      .replace(/\B([A-Z])/g, " $1"),
  );

const plain = (word: string) => sentence(word.replaceAll("_", " "));

export const aisle = (category: Category) => plain(category);

export const label = (label: Label) => plain(label).toLowerCase();

/** Why something was not put into the cart, by the name that people know it by. */
export function kindly(refusal: AddToCartRefusal, name: string): string {
  switch (refusal.code) {
    case "not_enough":
      return refusal.data.left === 0
        ? `Somebody was quicker: no ${name} left.`
        : `Only ${refusal.data.left} of ${name} are left.`;
    case "household_limit":
      return `A household may have ${refusal.data.limit} in seven days, and you have ${refusal.data.had}.`;
    case "unknown_product":
      return `There is no ${name} any more.`;
  }
}

export const STATUS: Record<Status, string> = {
  placed: "Waiting to be picked",
  picking: "Being picked",
  packed: "Ready at the counter",
  handed_over: "Handed over",
  cancelled: "Cancelled",
};

const WHEN = new Intl.DateTimeFormat("en", {
  weekday: "short",
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

export const when = (time: string) => WHEN.format(new Date(time));

const WEEKDAY = new Intl.DateTimeFormat("en", { weekday: "long" });

export const weekday = (time: number) => WEEKDAY.format(time);

const TIME = new Intl.DateTimeFormat("en", {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});

export const whenExactly = (time: string) => TIME.format(new Date(time));

export const SHORTAGE: Record<Shortage, string> = {
  not_found: "not on the shelf",
  damaged: "damaged",
  expired: "expired",
};

/** `1 item`, `3 items`. */
export const count = (number: number, one: string, many: string) =>
  `${number} ${number === 1 ? one : many}`;

/** In the order in which one walks past the shelves. */
export const byShelf = (one: LineView, other: LineView) =>
  (one.shelf ?? "~").localeCompare(other.shelf ?? "~") || one.name.localeCompare(other.name);

const MINUTE_MS = 60_000;

/** How long something has waited, in words that move on by themselves. */
export function useWaited(since: string): string {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), MINUTE_MS / 2);
    return () => clearInterval(timer);
  }, []);
  const minutes = Math.floor((now - Date.parse(since)) / MINUTE_MS);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min`;
  const hours = Math.floor(minutes / 60);
  return hours < 24 ? `${hours} h` : count(Math.floor(hours / 24), "day", "days");
}

const DAY = new Intl.DateTimeFormat("en", {
  day: "numeric",
  month: "short",
  year: "numeric",
  timeZone: "UTC",
});

/** A date, as people say it. */
export const day = (date: string) => DAY.format(new Date(date));

/** Today, by the clock on the food bank's wall; until that is known, by the one in here. */
export const useToday = () =>
  useQuery(queries.Clock).data?.today ?? new Date().toISOString().slice(0, 10);

/** How many days are left until a date; below 0 when it is over. */
export const daysUntil = (date: string, today: string) =>
  Math.round((Date.parse(date) - Date.parse(today)) / 86_400_000);

const NUMBER = new Intl.NumberFormat("en");

/** A number that is seen to have changed while one looks. */
export function Moving({ value }: { value: number }) {
  const [first] = useState(value);
  return (
    <span key={value} className={value === first ? "number" : "number moved"}>
      {NUMBER.format(value)}
    </span>
  );
}
