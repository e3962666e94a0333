// The hooks, in a document in memory, in React's strict mode.

import assert from "node:assert/strict";
import { after, test } from "node:test";

import { Window } from "happy-dom";
import { act, createElement, type ReactNode, StrictMode } from "react";

import {
  DeedsProvider,
  useCommand,
  useConnection,
  usePending,
  useQuery,
  useWindow,
} from "../src/react.js";
import { All, connected, Count, Denied, until, Write } from "./connected.js";

const window = new Window();
const { document, navigator } = window;
const globals = { window, document, navigator, IS_REACT_ACT_ENVIRONMENT: true };
for (const [name, value] of Object.entries(globals)) {
  Object.defineProperty(globalThis, name, { value, configurable: true });
}
after(() => window.happyDOM.close());
// It looks for a document when it is loaded.
const { createRoot } = await import("react-dom/client");

type Connected = ReturnType<typeof connected>;

/** Renders it for a client; gives what is to be read. */
async function rendered({ client }: Connected, node: ReactNode) {
  const place = document.createElement("div");
  const root = createRoot(place as unknown as Element);
  const provided = createElement(DeedsProvider, { client, children: node });
  await act(async () => root.render(createElement(StrictMode, null, provided)));
  const says = (text: string) => act(() => until(() => place.textContent === text));
  return { place, says, unmount: () => act(async () => root.unmount()) };
}

test("a component shows a query as it moves, from one subscription", async () => {
  const all = connected();
  let renders = 0;
  const Shown = () => {
    // Written in place: another object each time, and the same question.
    const { status, data } = useQuery(All, {});
    renders += 1;
    return `${status}:${JSON.stringify(data?.map(({ id }) => id) ?? null)}`;
  };
  const twice = [createElement(Shown, { key: 1 }), createElement(Shown, { key: 2 })];
  const { says, unmount } = await rendered(all, twice);
  await says("live:[]live:[]");
  renders = 0;
  await act(async () => void (await all.client.send(Write, { id: 3, weight: 1 }).visible));
  await says("live:[3]live:[3]");
  assert.equal(renders, 4, "each once for the tick, and React's strict mode looks twice");
  const subs = all.way.sent.flatMap((message) =>
    message.type === "hello" ? message.subs : message.type === "sub" ? [message] : [],
  );
  assert.equal(subs.length, 1);
  await act(async () => all.cut());
  await says("live:[3]live:[3]");
  assert.equal(all.client.connectionStatus.current.resumptions, 1);
  await unmount();
  all.client.close();
});

test("after the last reader a query is kept for a while, and then is no longer asked for", async () => {
  const all = connected({ keepMs: 20 });
  const Shown = () => useQuery(Count).status;
  const first = await rendered(all, createElement(Shown));
  await first.says("live");
  await first.unmount();
  const second = await rendered(all, createElement(Shown));
  assert.equal(second.place.textContent, "live", "at once, without asking");
  await second.unmount();
  await until(() => all.way.sent.at(-1)?.type === "unsub");
  assert.equal(all.client.live(Count).current.status, "loading");
  all.client.close();
});

test("a query that fails says why", async () => {
  const all = connected();
  const Shown = () => {
    const { status, error } = useQuery(Denied);
    return `${status} ${error?.kind}`;
  };
  const { says, unmount } = await rendered(all, createElement(Shown));
  await says("error denied");
  await unmount();
  all.client.close();
});

test("a command shows what is expected, then what came of it", async () => {
  const all = connected();
  const Shown = () => {
    const { data } = useQuery(All, {});
    const [write, { isPending, outcome, clear }] = useCommand(Write, {
      optimistic: (draft, note) => draft.rows(All).insert(note),
    });
    const pending = usePending();
    const { status } = useConnection();
    const press = (weight: number) => write({ id: weight, weight });
    Object.assign(pressed, { press, clear });
    const became = outcome && (outcome.ok ? outcome.answer : outcome.refusal.code);
    return `${status} ${data?.length} ${isPending} ${pending.length} ${became}`;
  };
  const pressed = {} as { press(weight: number): { visible: Promise<unknown> }; clear(): void };
  const { says, unmount } = await rendered(all, createElement(Shown));
  await says("live 0 false 0 undefined");
  const session = [...all.server.sessions][0]!;
  session.isStalled = true;
  await act(async () => void pressed.press(2));
  await says("live 1 false 1 1");
  session.isStalled = false;
  await act(async () => all.server.tick(session));
  await says("live 1 false 0 1");
  await act(async () => void pressed.press(7));
  await says("live 1 false 0 unlucky");
  await act(async () => pressed.clear());
  await says("live 1 false 0 undefined");
  await unmount();
  all.client.close();
});

test("without a provider a component says what is missing", async () => {
  const Shown = () => useConnection().status;
  const { renderToString } = await import("react-dom/server");
  assert.throws(() => renderToString(createElement(Shown)), /put a DeedsProvider around/);
});

test("a component shows a page of a list, and goes to the next", async () => {
  const all = connected();
  for (const id of [1, 2, 3]) await all.client.send(Write, { id, weight: 1 }).durable;
  let next = () => {};
  const Shown = () => {
    const page = useWindow(All, {}, { size: 2 });
    next = page.next;
    return `${page.rows.map(({ id }) => id)} of ${page.total} after ${page.before}`;
  };
  const { says, unmount } = await rendered(all, createElement(Shown));
  await says("1,2 of 3 after 0");
  await act(async () => next());
  await says("3 of 3 after 2");
  await unmount();
  all.client.close();
});
