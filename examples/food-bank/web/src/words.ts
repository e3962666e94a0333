// How things are called on the page.

import type { AddToCartRefusal, Category, Label, Status } from "./deeds-api";

const plain = (word: string) => {
  const spaced = word.replaceAll("_", " ");
  return spaced[0]!.toUpperCase() + spaced.slice(1);
};

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
});

export const when = (time: string) => WHEN.format(new Date(time));
