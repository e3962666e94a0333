// How things are called on the page.

import type { Category, Label, Status } from "./deeds-api";

const plain = (word: string) => {
  const spaced = word.replaceAll("_", " ");
  return spaced[0]!.toUpperCase() + spaced.slice(1);
};

export const aisle = (category: Category) => plain(category);

export const label = (label: Label) => plain(label).toLowerCase();

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
