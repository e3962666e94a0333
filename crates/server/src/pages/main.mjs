// The front door: who one is, what can be asked and done, and what came of it.
//
//   nobody ──sign in──▶ somebody ──choose──▶ a query or a command ──press──▶ its outcome
//     ▲                    │
//     └────── sign out, or a token that counts no more ──────┘
//
// What is chosen stands in the address (`#query/Catalogue`), so that back, forward and links work. The
// token is kept in this page's memory alone; in development the name is kept for the tab, so that
// several people can be tried side by side.

import { element, prose, words } from "./element.mjs";
import { argumentsOf, control, fieldsOf, lists, mark, unmark } from "./form.mjs";
import * as server from "./server.mjs";
import { meet, reason, told } from "./told.mjs";

/** How often the position is looked at while somebody looks at the page. */
const LOOK_AGAIN_MS = 3_000;

/** Two presses within this time, of the same contents, are one: they get the same id. */
const DOUBLE_PRESS_MS = 700;

/** How many of the last answers are kept. */
const ANSWERS_KEPT = 12;

/** How many values of a type are remembered to be offered. */
const MET_MAX = 500;

const { app, mode } = document.documentElement.dataset;

/** Where the name is kept for the tab, in development; another app may be served here tomorrow. */
const NAME_KEPT = `deeds.actor.${app}`;

const dev = mode === "development";
const on = (id) => document.getElementById(id);
const main = on("main");

const state = {
  people: [],
  actor: null,
  schema: null,
  /** The last outcome of a press, and what was pressed. */
  pressed: null,
  busy: false,
  /** Counts the choices of who one is. */
  turn: 0,
  lineage: null,
  /** Values met in answers, by the name of their type. */
  met: new Map(),
};

start();

async function start() {
  on("me").addEventListener("submit", (event) => event.preventDefault());
  on("who").addEventListener("change", () => become(on("who").value));
  on("leave").addEventListener("click", () => leave());
  window.addEventListener("hashchange", () => show());
  document.addEventListener("visibilitychange", () => document.hidden || look());
  if (dev) {
    const found = await server.people();
    state.people = found.kind === "answer" ? found.answer : [];
    const kept = sessionStorage.getItem(NAME_KEPT);
    if (kept) await become(...JSON.parse(kept));
  }
  if (!state.actor) showSignIn();
  keepLooking();
}

// ── Who one is ──────────────────────────────────────────────────────────────────────────────────

function showSignIn(note) {
  main.inert = false;
  document.body.dataset.view = "door";
  on("list").hidden = on("last").hidden = on("me").hidden = true;
  const wrong = note && element("p", { className: "wrong", role: "alert" }, note);
  main.replaceChildren(...(dev ? chooser(wrong) : tokenForm(wrong)));
}

function chooser(wrong) {
  const button = ({ actor, roles, about }) =>
    element("li", {}, element("button", { type: "button", className: "person", onclick: () => become(actor) },
      element("strong", {}, actor), " ", element("span", {}, about), " ",
      element("small", {}, roles.join(", "))));
  const name = element("input", { id: "other", required: true, autocomplete: "off", spellcheck: "false" });
  const roles = element("input", { id: "other-roles", autocomplete: "off", spellcheck: "false", "aria-describedby": "other-hint" });
  const other = element("form", { className: "card" },
    element("div", { className: "field" }, element("label", { htmlFor: "other" }, "Name"), name),
    element("div", { className: "field" }, element("label", { htmlFor: "other-roles" }, "Roles ", element("span", { className: "optional" }, "optional")),
      element("p", { id: "other-hint", className: "hint" }, "With commas between them."), roles),
    element("button", { type: "submit" }, "Come in"));
  other.addEventListener("submit", (event) => {
    event.preventDefault();
    become(name.value.trim(), roles.value.split(",").map((role) => role.trim()).filter(Boolean));
  });
  return [
    element("h2", {}, "Who are you today?"),
    element("p", { className: "lead" }, "This server runs for development: you may be anybody. Open another tab to be two people at once."),
    wrong,
    element("ul", { className: "people" }, state.people.map(button)),
    element("details", { open: state.people.length === 0 }, element("summary", {}, "Somebody else"), other),
  ].filter(Boolean);
}

function tokenForm(wrong) {
  const token = element("textarea", { id: "token", required: true, rows: 5, className: "json", autocomplete: "off", spellcheck: "false", "aria-describedby": "token-hint" });
  const form = element("form", { className: "card" },
    element("div", { className: "field" }, element("label", { htmlFor: "token" }, "Token"),
      element("p", { id: "token-hint", className: "hint" }, "Whoever runs the server makes one for you (", element("code", {}, `${app} token issue`),
        ", or your identity provider). It is kept in this page only, and gone when you close or reload it."), token),
    element("button", { type: "submit" }, "Come in"));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    enter(token.value.trim(), tokenSubject(token.value));
  });
  return [element("h2", {}, "Who are you?"), wrong, form].filter(Boolean);
}

/** The name in a token, to show it. The server decides whether it is true. */
function tokenSubject(token) {
  try {
    const claims = atob(token.trim().split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    return String(JSON.parse(claims).sub);
  } catch {
    return "somebody";
  }
}

async function become(actor, roles) {
  // Nothing may be pressed as one person that was meant as another; of two choices the later counts.
  main.inert = true;
  const turn = (state.turn += 1);
  const made = await server.tokenFor(actor, roles?.length ? roles : undefined);
  if (turn !== state.turn) return undefined;
  if (made.kind !== "answer") return showSignIn(made.detail ?? "The server cannot be reached.");
  sessionStorage.setItem(NAME_KEPT, JSON.stringify([actor, roles]));
  if (!state.people.some((person) => person.actor === actor)) {
    state.people.push({ actor, roles: made.answer.roles, about: "" });
  }
  return enter(made.answer.token, actor);
}

async function enter(token, actor) {
  const { turn } = state;
  server.connection.token = token;
  const found = await server.schema();
  if (turn !== state.turn) return undefined;
  if (found.kind !== "answer") {
    server.connection.token = null;
    return showSignIn(found.detail ?? "The server cannot be reached.");
  }
  // What one person saw is not offered to the next.
  Object.assign(state, { actor, schema: found.answer, met: new Map(), pressed: null });
  on("list").hidden = on("me").hidden = false;
  const people = dev ? state.people.map((person) => person.actor) : [actor];
  on("who").replaceChildren(...people.map((name) => element("option", { value: name, selected: name === actor }, name)));
  on("who").disabled = !dev;
  main.inert = false;
  fillList();
  show();
  return look();
}

function leave(note) {
  server.connection.token = null;
  sessionStorage.removeItem(NAME_KEPT);
  Object.assign(state, { actor: null, schema: null, met: new Map(), pressed: null, lineage: null });
  on("position").hidden = on("lineage").hidden = true;
  on("answers").replaceChildren();
  showSignIn(note);
}

// ── Where the chronicle is ──────────────────────────────────────────────────────────────────────

function keepLooking() {
  look().finally(() => setTimeout(keepLooking, LOOK_AGAIN_MS));
}

async function look() {
  if (document.hidden) return;
  const found = await server.place();
  if (found.kind === "answer") {
    health("good", "running");
    moved(found);
  } else if (found.kind === "unreachable") {
    health("bad", "not reachable, trying again");
  } else if (found.status === 401) {
    await renew();
  } else {
    health("bad", found.detail ?? "not well");
  }
}

function health(tone, text) {
  const shown = on("health");
  shown.dataset.tone = tone;
  if (shown.textContent !== text) shown.textContent = text;
}

function moved({ lineage, position }) {
  if (lineage === undefined || !state.actor) return;
  // Answers may overtake each other; the position of one lineage only rises.
  const [where, chronicle] = [on("position"), on("lineage")];
  if (state.lineage === lineage && Number(where.dataset.position) >= position) return;
  state.lineage = lineage;
  where.dataset.position = position;
  where.replaceChildren("position ", element("strong", {}, position.toLocaleString("en")));
  chronicle.replaceChildren("lineage ", element("code", {}, lineage));
  where.hidden = chronicle.hidden = false;
}

/** The token counts no more: another in development, else whoever it is signs in again. */
async function renew() {
  if (dev && state.actor) {
    const [actor, roles] = JSON.parse(sessionStorage.getItem(NAME_KEPT) ?? JSON.stringify([state.actor]));
    const made = await server.tokenFor(actor, roles ?? undefined);
    if (made.kind === "answer") {
      server.connection.token = made.answer.token;
      return true;
    }
  }
  if (state.actor) leave("Your token counts no more: please sign in again.");
  return false;
}

// ── What can be asked and done ──────────────────────────────────────────────────────────────────

/** `food-bank/Catalogue` without the app's own name. */
const bare = (name) => (name.startsWith(`${app}/`) ? name.slice(app.length + 1) : name);

function fillList() {
  const section = (title, about, kind, names) => [
    element("h2", { id: `list-${kind}` }, title), element("p", { className: "hint" }, about),
    element("ul", { "aria-labelledby": `list-${kind}` }, names.map((name) =>
      element("li", {}, element("a", { href: `#${kind}/${bare(name)}` }, words(bare(name)))))),
  ];
  on("list").replaceChildren(
    ...section("Ask", "Queries: they change nothing.", "query", Object.keys(state.schema.queries)),
    ...section("Do", "Commands: decided, recorded, answered.", "command", Object.keys(state.schema.commands)),
  );
}

/** What the address chooses: its kind, full name and schema. */
function chosen() {
  const [kind, ...rest] = decodeURIComponent(location.hash.slice(1)).split("/");
  const all = { query: state.schema.queries, command: state.schema.commands }[kind] ?? {};
  const name = [rest.join("/"), `${app}/${rest.join("/")}`].find((name) => Object.hasOwn(all, name));
  return name && { ...all[name], kind, name };
}

function show() {
  if (!state.schema || location.hash === "#main") return;
  const item = chosen();
  document.body.dataset.view = item ? "item" : "home";
  document.title = item ? `${words(bare(item.name))} · ${app}` : app;
  for (const link of on("list").querySelectorAll("a")) {
    if (item && link.hash === `#${item.kind}/${bare(item.name)}`) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (!item) {
    main.replaceChildren(...welcome());
    return;
  }
  main.replaceChildren(...panel(item));
  main.querySelector("h2").focus({ preventScroll: true });
  window.scrollTo(0, 0);
}

function welcome() {
  const tables = Object.keys(state.schema.tables).length;
  return [
    element("h2", {}, `Welcome, ${state.actor}`),
    element("p", { className: "lead" }, `${words(app)} runs here. Ask it something, or do something, from the list.`),
    element("p", {}, "Every command is decided in one order, recorded in the chronicle at a position, and only then answered. ",
      "What is refused is recorded too, with the reason. What you may not see or do, the app will say."),
    element("p", { className: "hint" }, `${Object.keys(state.schema.queries).length} queries, ${Object.keys(state.schema.commands).length} commands, `,
      `${Object.keys(state.schema.events).length} kinds of event, ${tables} tables. `,
      "This page is the same for every app and made from its schema, which programs find at ", element("code", {}, "/v1/schema"), "."),
  ];
}

function panel(item) {
  const fields = fieldsOf(item.arguments, state.schema.$defs);
  const title = words(bare(item.name));
  const form = element("form", { className: "card" }, fields.map((field) => control(field, state.met)),
    lists(fields, state.met), element("button", { type: "submit" }, item.kind === "query" ? "Ask" : title));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    press(item, form, fields);
  });
  return [
    element("a", { className: "back", href: "#" }, "‹ Everything else"),
    element("h2", { tabIndex: -1 }, title, " ", title !== bare(item.name) && element("code", { className: "name" }, bare(item.name))),
    element("p", { className: "lead" }, prose(item.doc)),
    form,
    element("p", { id: "said", role: "status", className: "for-ears" }),
    element("section", { id: "outcome", "aria-label": "What came of it", hidden: true }),
  ];
}

// ── What came of it ─────────────────────────────────────────────────────────────────────────────

async function press(item, form, fields) {
  if (state.busy) return;
  unmark(form);
  const { filled, wrong } = argumentsOf(form, fields);
  if (wrong.length) {
    mark(form, wrong[0].field, wrong[0].reason);
    return;
  }
  const attempt = attemptFor(item, filled);
  const button = form.querySelector("button[type=submit]");
  state.busy = true;
  button.setAttribute("aria-busy", "true");
  let outcome = await deliver(item, filled, attempt.id);
  if (outcome.status === 401 && (await renew())) outcome = await deliver(item, filled, attempt.id);
  state.busy = false;
  button.removeAttribute("aria-busy");
  attempt.settled = outcome.kind !== "unreachable" && !outcome.again;
  moved(outcome);
  if (!state.actor) return;
  if (outcome.kind === "answer") {
    meet(outcome.answer, item.answer, state.schema.$defs, state.met, MET_MAX);
  }
  remember(item, filled, outcome, attempt);
  // Something else may have been chosen meanwhile.
  if (form.isConnected) tell(item, form, outcome);
}

function deliver(item, filled, id) {
  return item.kind === "query" ? server.ask(item.name, filled) : server.send(item.name, filled, id);
}

/**
 * What this press stands for. It is the last one again, with its id, if nobody knows what became of
 * that, or if it was pressed twice in a row: the server then tells what it has recorded.
 */
function attemptFor(item, filled) {
  const contents = JSON.stringify([item.name, state.actor, filled]);
  const now = performance.now();
  const last = state.pressed;
  if (last?.contents === contents && (!last.settled || now - last.at < DOUBLE_PRESS_MS)) {
    last.at = now;
    return last;
  }
  state.pressed = { contents, at: now, id: server.newId(), settled: false };
  return state.pressed;
}

function tell(item, form, outcome) {
  const { tone, headline, note, body } = told(outcome, { command: item.kind === "command", dev });
  const again = (outcome.kind === "unreachable" || outcome.again)
    && element("button", { type: "button", onclick: () => form.requestSubmit() }, "Send again");
  const shown = on("outcome");
  shown.hidden = false;
  shown.dataset.tone = tone;
  shown.replaceChildren(...[element("h3", {}, headline), note && element("p", { className: "note" }, note), again, body].filter(Boolean));
  on("said").textContent = `${headline} ${note ?? ""}`;
  if (!(outcome.field && mark(form, outcome.field, reason(outcome)))) shown.scrollIntoView({ block: "nearest" });
}

function remember(item, filled, outcome, attempt) {
  const { tone, headline, note, body } = told(outcome, { command: item.kind === "command", dev });
  const where = outcome.position === undefined ? "" : `position ${outcome.position.toLocaleString("en")}`;
  const given = Object.keys(filled).length > 0 && element("pre", { tabIndex: 0 }, JSON.stringify(filled, null, 1));
  const id = item.kind === "command" && element("p", { className: "hint" }, "Id ", element("code", {}, attempt.id));
  const entry = element("li", { "data-tone": tone }, element("details", {},
    element("summary", {}, element("strong", {}, words(bare(item.name))), " ",
      element("span", { className: "headline" }, headline), " ", element("small", {}, [state.actor, where].filter(Boolean).join(" · "))),
    given, note && element("p", {}, note), body, id));
  const answers = on("answers");
  answers.prepend(entry);
  while (answers.children.length > ANSWERS_KEPT) answers.lastElementChild.remove();
  on("last").hidden = false;
}
