// What each step is expected to do to the pick list: shown at once, also while there is no connection,
// and taken back if the food bank says otherwise.

import type { Draft } from "deeds";

import { type OrderView, type PickLine, queries, type ToDo } from "../deeds-api";

const numbered = (order: number) => (it: OrderView) => it.number === order;
const others = (order: number) => (it: OrderView) => it.number !== order;

function change(draft: Draft, make: (todo: ToDo) => ToDo): void {
  draft.value(queries.PickList, make);
}

/** It is mine. */
export const claimed = (me: string) => (draft: Draft, command: { order: number }) =>
  change(draft, (todo) => {
    const order = todo.open.find(numbered(command.order));
    if (!order) return todo;
    const mine: OrderView = { ...order, status: "picking", picker: me };
    return {
      ...todo,
      open: todo.open.filter(others(command.order)),
      picking: [...todo.picking, mine],
    };
  });

/** So many are in the bags. */
export const picked = (draft: Draft, { order, sku, quantity, short }: PickLine) =>
  change(draft, (todo) => ({
    ...todo,
    picking: todo.picking.map((it) =>
      it.number !== order
        ? it
        : {
            ...it,
            lines: it.lines.map((line) =>
              line.sku === sku ? { ...line, picked: quantity, short: short ?? null } : line,
            ),
          },
    ),
  }));

/** Somebody else may have it. */
export const givenBack = (draft: Draft, { order }: { order: number }) =>
  change(draft, (todo) => {
    const found = todo.picking.find(numbered(order));
    if (!found) return todo;
    const lines = found.lines.map((line) => ({ ...line, picked: null, short: null }));
    const open: OrderView = { ...found, status: "placed", picker: null, lines };
    return {
      ...todo,
      picking: todo.picking.filter(others(order)),
      open: [...todo.open, open].sort((one, other) => one.number - other.number),
    };
  });

/** It stands at the counter. */
export const packed = (draft: Draft, { order }: { order: number }) =>
  change(draft, (todo) => {
    const found = todo.picking.find(numbered(order));
    if (!found) return todo;
    return {
      ...todo,
      picking: todo.picking.filter(others(order)),
      at_the_counter: [...todo.at_the_counter, { ...found, status: "packed" }],
    };
  });

/** It has left. */
export const handedOver = (draft: Draft, { order }: { order: number }) =>
  change(draft, (todo) => ({
    ...todo,
    at_the_counter: todo.at_the_counter.filter(others(order)),
  }));
