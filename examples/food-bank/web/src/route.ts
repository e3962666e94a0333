// Where in the pages one is: the part of the address after `#`, like `#/warehouse/print`. The server
// has one page, and what stands there never reaches it.

import { useSyncExternalStore } from "react";

const parts = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean);

function follow(call: () => void): () => void {
  addEventListener("hashchange", call);
  return () => removeEventListener("hashchange", call);
}

/** The parts of the route: `["warehouse", "print"]`. */
export function useRoute(): string[] {
  const hash = useSyncExternalStore(follow, () => location.hash);
  void hash;
  return parts();
}

/** The address of a route, for links. */
export const to = (...route: string[]) => `#/${route.map(encodeURIComponent).join("/")}`;
