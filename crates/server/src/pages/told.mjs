// Answers, refusals and problems as people read them: what it means first, the JSON last.

import { element, words } from "./element.mjs";

/** What is shown at once of a table, of what is laid out one below the other, and of a list within
    another; the rest on demand: a page of thousands helps nobody. */
const ROWS_SHOWN = 25;
const CARDS_SHOWN = 8;
const NESTED_SHOWN = 4;

/** How deep an answer is taken apart before it is shown as JSON. */
const DEPTH_MAX = 5;

/** A text longer than this may be broken into lines in a table. */
const CELL_CHARS = 60;

const TIMESTAMP = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/;

/**
 * What came of something: `tone` (good, kind, bad) for its colour, `headline` in a sentence, `note` on
 * what it means, and `body` with the rest, if there is any.
 */
export function told(outcome, { command, dev }) {
  switch (outcome.kind) {
    case "answer":
      return command ? done(outcome) : read(outcome);
    case "refusal":
      return {
        tone: "kind", headline: outcome.message,
        note: `Nothing was changed. That you asked is recorded at position ${outcome.position}, with this answer (${outcome.code}).`,
        body: outcome.data && Object.keys(outcome.data).length ? asJson("What the refusal says to programs", outcome.data) : null,
      };
    case "unreachable":
      return {
        tone: "bad", headline: "The server cannot be reached.",
        note: command
          ? "Whether it was done is not known. Sending it again is safe: it keeps its id, and nothing is ever done twice."
          : "Ask again in a moment.",
        body: null,
      };
    default:
      return { tone: "bad", headline: sentence(outcome.title ?? "Something went wrong"), note: advice(outcome, dev), body: null };
  }
}

function done({ answer, position }) {
  const nothing = answer === null || answer === undefined;
  return {
    tone: "good", headline: "Done.", note: `Recorded at position ${position}.`,
    body: nothing ? null : element("div", {}, value(answer), asJson("As JSON", answer)),
  };
}

function read({ answer, position, time }) {
  const as = `as of position ${position}${TIMESTAMP.test(time ?? "") ? `, ${moment(time)}` : ""}`;
  const count = Array.isArray(answer) ? answer.length : null;
  const headline = { 0: "Nothing to show.", 1: "One row." }[count] ?? (count === null ? "The answer" : `${count} rows.`);
  return {
    tone: "good", headline: answer === null ? "Nothing to show." : headline, note: `Read ${as}.`,
    body: answer === null || count === 0 ? null : element("div", {}, value(answer), asJson("As JSON", answer)),
  };
}

function advice(outcome, dev) {
  const where = outcome.field ? `${words(outcome.field)}: ` : "";
  const who = outcome.status === 403 && dev ? " Somebody else may be allowed: choose another name at the top." : "";
  return `${where}${reason(outcome)}${who}`;
}

/** Why, as a sentence. Where in the JSON it was says nothing to somebody who filled in a form. */
export function reason({ detail, field }) {
  return sentence(field ? (detail ?? "").replace(/ at line \d+ column \d+$/, "") : detail ?? "");
}

function sentence(text) {
  const begun = text.charAt(0).toUpperCase() + text.slice(1);
  return !text || /[.?!]$/.test(text) ? begun : `${begun}.`;
}

/** The time of a record, in the reader's own time zone. */
function moment(time) {
  return new Date(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/**
 * Any value: flat objects as a table, others one below the other, an object as a list of its members,
 * the rest as text.
 */
export function value(shown, depth = 0) {
  if (depth > DEPTH_MAX) return element("code", {}, JSON.stringify(shown));
  if (Array.isArray(shown)) {
    if (!shown.some((one) => typeof one === "object" && one !== null)) return scalars(shown);
    if (shown.every((one) => isObject(one) && Object.values(one).every(isFlat))) return table(shown, depth);
    const card = (one) => element("li", {}, value(one, depth + 1));
    const cards = element("ul", { className: "cards", tabIndex: -1 });
    return unrolled(shown, card, depth > 0 ? NESTED_SHOWN : CARDS_SHOWN, cards);
  }
  if (isObject(shown)) {
    return element("dl", { className: "members" }, Object.entries(shown).map(([name, one]) =>
      element("div", { className: isFlat(one) ? "" : "wide" },
        element("dt", {}, words(name)), element("dd", {}, value(one, depth + 1)))));
  }
  return scalar(shown);
}

function isObject(shown) {
  return typeof shown === "object" && shown !== null && !Array.isArray(shown);
}

/** What fits a cell: a text or number, or a list of those. */
function isFlat(shown) {
  return Array.isArray(shown) ? !shown.some((one) => typeof one === "object" && one !== null) : !isObject(shown);
}

function scalars(list) {
  return list.length ? element("span", {}, list.map(String).join(", ")) : scalar(null);
}

function scalar(shown) {
  if (shown === null || shown === undefined || shown === "") return element("span", { className: "none", title: "nothing" }, "–");
  if (typeof shown === "boolean") return element("span", {}, shown ? "yes" : "no");
  if (typeof shown === "number") return element("span", {}, shown.toLocaleString("en"));
  if (TIMESTAMP.test(shown)) return element("time", { dateTime: shown, title: shown }, moment(shown));
  return element("span", {}, String(shown));
}

/** Rows of the same form, lists last. Wide ones scroll sideways in a frame, reachable by keyboard. */
function table(rows, depth) {
  const names = [...new Set(rows.flatMap((row) => Object.keys(row)))];
  const isList = (name) => rows.some((row) => Array.isArray(row[name]));
  const isNumber = (name) => rows.some((row) => typeof row[name] === "number")
    && rows.every((row) => row[name] === null || typeof row[name] === "number");
  const columns = [...names.filter((name) => !isList(name)), ...names.filter(isList)];
  const classes = new Map(columns.map((name) => [name, isNumber(name) ? "number" : ""]));
  const cell = (row, name) => {
    const made = element("td", { className: classes.get(name) }, value(row[name] ?? null, depth + 1));
    made.classList.toggle("long", made.textContent.length > CELL_CHARS);
    return made;
  };
  const line = (row) => element("tr", {}, columns.map((name) => cell(row, name)));
  const heads = columns.map((name) => element("th", { scope: "col", className: classes.get(name) }, words(name)));
  const body = element("tbody");
  const whole = element("table", {}, element("thead", {}, element("tr", {}, heads)), body);
  const frame = element("div", { className: "frame", tabIndex: 0, role: "region", "aria-label": "Rows" }, whole);
  return unrolled(rows, line, depth > 0 ? NESTED_SHOWN : ROWS_SHOWN, body, frame);
}

/** A long list of which the beginning is shown, and the rest when asked for. */
function unrolled(list, made, most, into, frame = into) {
  into.append(...list.slice(0, most).map(made));
  if (list.length <= most) return frame;
  const more = element("button", { type: "button", className: "quiet" }, `Show all ${list.length}`);
  more.addEventListener("click", () => {
    into.append(...list.slice(most).map(made));
    more.remove();
    frame.focus();
  });
  return element("div", {}, frame, more);
}

function asJson(title, shown) {
  return element("details", { className: "as-json" }, element("summary", {}, title),
    element("pre", { tabIndex: 0 }, JSON.stringify(shown, null, 2)));
}

/** Remembers the values of named types in an answer, for the inputs that want one of that type. */
export function meet(shown, schema, definitions, met, most) {
  if (shown === null || shown === undefined || !schema) return;
  const type = schema.$ref?.split("/").pop();
  const part = type ? definitions[type] ?? {} : schema;
  if (type && ["string", "number"].includes(typeof shown)) {
    const known = met.get(type) ?? new Set();
    if (known.size < most) known.add(String(shown));
    met.set(type, known);
  } else if (Array.isArray(shown)) {
    for (const one of shown) meet(one, part.items, definitions, met, most);
  } else if (isObject(shown)) {
    for (const [name, one] of Object.entries(shown)) meet(one, part.properties?.[name], definitions, met, most);
  }
  for (const one of [...(part.anyOf ?? []), ...(part.oneOf ?? [])]) {
    if (one.$ref) meet(shown, one, definitions, met, most);
  }
}
