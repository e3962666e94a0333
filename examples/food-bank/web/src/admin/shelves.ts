// What lies where: products, places, lots and edits, each told row by row as they move, put together here.

import type { Snapshot } from "deeds";
import { useQuery } from "deeds/react";
import { useMemo } from "react";

import { type Edit, type Lot, type Product, queries } from "../deeds-api";

/** A product with all that is known of it. */
export interface Shelf {
  product: Product;
  /** How much can still be ordered. */
  available: number;
  /** The first to expire first. */
  lots: Lot[];
  shelf: string | undefined;
  edit: Edit | undefined;
}

/** Later than anything keeps. */
const EVER = { until: "9999-12-31" };

export function useShelves(): Snapshot<Shelf[]> {
  const products = useQuery(queries.Products);
  const places = useQuery(queries.Places);
  const edits = useQuery(queries.Edits);
  const lots = useQuery(queries.ExpiringLots, EVER);
  const shelves = useMemo(
    () =>
      products.data && places.data && edits.data && lots.data
        ? together(
            products.data,
            new Map(places.data.map(({ sku, shelf }) => [sku, shelf])),
            new Map(edits.data.map((edit) => [edit.sku, edit])),
            lots.data,
          )
        : undefined,
    [products.data, places.data, edits.data, lots.data],
  );
  const failed = [products, places, edits, lots].find(({ status }) => status === "error");
  if (failed?.status === "error") return failed;
  if (!shelves || products.status === "loading" || products.status === "error") {
    return { status: "loading" };
  }
  return { ...products, data: shelves };
}

function together(
  products: Product[],
  places: Map<string, string>,
  edits: Map<string, Edit>,
  lots: Lot[],
): Shelf[] {
  const bySku = new Map<string, Lot[]>();
  for (const lot of lots) bySku.set(lot.sku, [...(bySku.get(lot.sku) ?? []), lot]);
  return products.map((product) => ({
    product,
    available: Math.max(0, product.on_hand - product.reserved - product.promised),
    lots: bySku.get(product.sku) ?? [],
    shelf: places.get(product.sku),
    edit: edits.get(product.sku),
  }));
}
