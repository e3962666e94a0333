// A form for arguments, made from their JSON Schema.
//
// `fieldsOf` says what there is to fill in, without a page; `control` makes one field of it, and
// `argumentsOf` reads them all. What a schema can say beyond texts, numbers, choices, dates, yes or no
// and lists of those is filled in as JSON. Whether a value will do is for the server to say: there is
// one judge of arguments, and it is not here.

import { element, prose, words } from "./element.mjs";

/** How deep references and alternatives are followed: arguments are flat. */
const DEPTH_MAX = 8;

/** How deep a sample of nested JSON goes. */
const SAMPLE_DEPTH_MAX = 4;

/** The fields, the required ones first and in the order in which the type has them. */
export function fieldsOf(schema, definitions) {
  const { part } = resolved(schema, definitions);
  const required = part.required ?? [];
  const rank = (name) => (required.includes(name) ? required.indexOf(name) : required.length);
  const names = Object.keys(part.properties ?? {}).sort((a, b) => rank(a) - rank(b));
  return names.map((name) => fieldOf(name, part.properties[name], required.includes(name), definitions));
}

function fieldOf(name, schema, required, definitions) {
  const { part, nullable, type } = resolved(schema, definitions);
  const hint = part.description ?? "";
  const field = { name, type, required, nullable, hint, fallback: part.default, ...kindOf(part, definitions) };
  if (field.kind === "json") field.sample = sample(schema, definitions);
  return field;
}

/** A schema without its references; whether null fits, and the name of the type. */
function resolved(schema, definitions) {
  let part = schema;
  let nullable = false;
  let type = null;
  for (let depth = 0; depth < DEPTH_MAX; depth += 1) {
    const { $ref, anyOf, allOf, ...rest } = part;
    if ($ref) {
      type = $ref.split("/").pop();
      part = { ...definitions[type], ...rest };
      continue;
    }
    const others = (anyOf ?? allOf ?? []).filter((one) => one.type !== "null");
    nullable ||= others.length < (anyOf ?? allOf ?? []).length;
    if (others.length !== 1) break;
    part = { ...others[0], ...rest };
  }
  if (Array.isArray(part.type)) {
    nullable ||= part.type.includes("null");
    const others = part.type.filter((one) => one !== "null");
    part = { ...part, type: others.length === 1 ? others[0] : undefined };
  }
  return { part, nullable, type };
}

function kindOf(part, definitions) {
  const choices = choicesOf(part);
  if (choices) return { kind: "choice", choices };
  switch (part.type) {
    case "boolean":
      return { kind: "boolean" };
    case "integer":
    case "number":
      return { kind: "number", whole: part.type === "integer", min: part.minimum, max: part.maximum };
    case "string":
      return { kind: part.format === "date" ? "date" : "text" };
    case "array": {
      const items = resolved(part.items ?? {}, definitions);
      const choices = choicesOf(items.part);
      if (choices) return { kind: "choices", choices };
      return items.part.type === "string" ? { kind: "lines", items: items.type } : { kind: "json" };
    }
    default:
      return { kind: "json" };
  }
}

/** The values of an enum with what they mean, or null if it is none. */
function choicesOf(part) {
  const choice = ({ const: value, description }) => ({ value, about: description ?? "" });
  if (part.enum) return part.enum.map((value) => choice({ const: value }));
  if (part.const !== undefined) return [choice(part)];
  const fixed = part.oneOf?.map((one) => choicesOf(one));
  return fixed?.length && fixed.every((values) => values) ? fixed.flat() : null;
}

/** A value of the schema's form, to be changed by whoever fills it in. */
function sample(schema, definitions, depth = 0) {
  const { part, nullable } = resolved(schema, definitions);
  if (part.default !== undefined) return part.default;
  if (nullable || depth > SAMPLE_DEPTH_MAX) return null;
  const choices = choicesOf(part);
  if (choices) return choices[0].value;
  const of = (one) => sample(one, definitions, depth + 1);
  switch (part.type) {
    case "boolean":
      return false;
    case "integer":
    case "number":
      return part.minimum ?? 0;
    case "string":
      return "";
    case "array":
      return part.items ? [of(part.items)] : [];
    case "object":
      return Object.fromEntries((part.required ?? []).map((name) => [name, of(part.properties[name])]));
    default:
      return part.oneOf || part.anyOf ? of((part.oneOf ?? part.anyOf)[0]) : null;
  }
}

/** One field: its label, its input, what it means, and room for what is wrong with it. */
export function control(field, suggestions) {
  const id = `field-${field.name}`;
  const described = [field.hint && `${id}-hint`, `${id}-error`].filter(Boolean).join(" ");
  const attributes = { id, name: field.name, autocomplete: "off", "aria-describedby": described };
  const hint = field.hint && element("p", { id: `${id}-hint`, className: "hint" }, prose(field.hint));
  const error = element("p", { id: `${id}-error`, className: "wrong", hidden: true });
  const about = isOptional(field) && element("span", { className: "optional" }, "optional");
  if (field.kind === "choices") {
    const boxes = field.choices.map(({ value }, index) =>
      element("label", { className: "box" },
        element("input", { type: "checkbox", name: field.name, value: String(index), checked: field.fallback?.includes(value) }),
        element("span", {}, words(String(value)))));
    const legend = element("legend", {}, words(field.name), " ", about);
    return element("fieldset", { className: "field", id, "aria-describedby": described }, legend, hint,
      element("div", { className: "boxes" }, boxes), error);
  }
  if (field.kind === "boolean" && !mayBeLeftOut(field)) {
    const box = element("input", { ...attributes, type: "checkbox", checked: field.fallback === true });
    const label = element("label", { className: "box" }, box, element("span", {}, words(field.name)));
    return element("div", { className: "field" }, label, hint, error);
  }
  const label = element("label", { htmlFor: id }, words(field.name), " ", about);
  return element("div", { className: "field" }, label, hint, input(field, attributes, suggestions), error);
}

function input(field, attributes, suggestions) {
  const required = !mayBeLeftOut(field);
  const text = field.fallback ?? "";
  switch (field.kind) {
    case "choice":
    case "boolean": {
      const choices = field.choices ?? [{ value: true, about: "" }, { value: false, about: "" }];
      const named = (value) => (field.choices ? words(String(value)) : value ? "Yes" : "No");
      const options = choices.map(({ value, about }, index) =>
        element("option", { value: String(index), selected: value === field.fallback },
          about ? `${named(value)}: ${about}` : named(value)));
      const none = element("option", { value: "" }, required ? "Choose …" : "–");
      return element("select", { ...attributes, required }, none, options);
    }
    case "number":
      return element("input", { ...attributes, type: "number", required, inputMode: field.whole ? "numeric" : "decimal",
        step: field.whole ? "1" : "any", min: field.min, max: field.max, value: String(text),
        ...offered(field, attributes.id, suggestions) });
    case "date":
      return element("input", { ...attributes, type: "date", required, value: text });
    case "lines":
      return element("textarea", { ...attributes, required, rows: 3, placeholder: "One per line", value: (field.fallback ?? []).join("\n") });
    case "json": {
      const value = required || field.fallback !== undefined ? JSON.stringify(field.sample, null, 1) : "";
      return element("textarea", { ...attributes, required, rows: 6, className: "json", spellcheck: "false", value,
        placeholder: JSON.stringify(field.sample) });
    }
    default:
      return element("input", { ...attributes, type: "text", required, spellcheck: "false", value: text,
        ...offered(field, attributes.id, suggestions) });
  }
}

/** The list of values met before that are of the field's type. */
function offered(field, id, suggestions) {
  return suggestions?.get(field.type)?.size ? { list: `${id}-met`, "data-type": field.type } : {};
}

/** The lists that inputs refer to. */
export function lists(fields, suggestions) {
  return fields.filter((field) => suggestions.get(field.type)?.size && ["text", "number"].includes(field.kind))
    .map((field) => element("datalist", { id: `field-${field.name}-met` },
      [...suggestions.get(field.type)].map((value) => element("option", { value }))));
}

function isOptional(field) {
  return mayBeLeftOut(field) && field.kind !== "boolean" || field.kind === "choices";
}

function mayBeLeftOut(field) {
  return field.nullable || (!field.required && field.fallback === undefined);
}

/** What is filled in: the arguments, or the fields that hold no JSON. */
export function argumentsOf(form, fields) {
  const filled = {};
  const wrong = [];
  for (const field of fields) {
    const value = valueOf(form, field, wrong);
    if (value !== undefined) filled[field.name] = value;
    else if (field.required && field.nullable) filled[field.name] = null;
  }
  return { filled, wrong };
}

function valueOf(form, field, wrong) {
  if (field.kind === "choices") {
    const boxes = [...form.querySelectorAll("input[type=checkbox]")].filter((box) => box.name === field.name);
    const chosen = boxes.filter((box) => box.checked).map((box) => field.choices[Number(box.value)].value);
    return chosen.length || field.required ? chosen : undefined;
  }
  const input = form.elements.namedItem(field.name);
  if (input.type === "checkbox") return input.checked;
  const text = input.value;
  if (text.trim() === "") return field.kind === "text" && field.required && !field.nullable ? text : undefined;
  switch (field.kind) {
    case "choice":
      return field.choices[Number(text)].value;
    case "boolean":
      return text === "0";
    case "number":
      return Number(text);
    case "lines":
      return text.split("\n").map((line) => line.trim()).filter(Boolean);
    case "json":
      try {
        return JSON.parse(text);
      } catch (error) {
        wrong.push({ field: field.name, reason: `This is no JSON: ${error.message}` });
        return undefined;
      }
    default:
      return text.trim();
  }
}

/** Says what is wrong with a field beside it, and goes there. Says whether there is such a field. */
export function mark(form, path, reason) {
  const name = path.split(/[.[]/)[0];
  const error = form.querySelector(`[id="field-${CSS.escape(name)}-error"]`);
  if (!name || !error) return false;
  error.textContent = reason;
  error.hidden = false;
  const input = form.querySelector(`[id="field-${CSS.escape(name)}"]`);
  input.setAttribute("aria-invalid", "true");
  (input.matches("fieldset") ? input.querySelector("input") : input).focus();
  return true;
}

/** Takes back what `mark` said. */
export function unmark(form) {
  for (const error of form.querySelectorAll(".wrong")) error.hidden = true;
  for (const input of form.querySelectorAll("[aria-invalid]")) input.removeAttribute("aria-invalid");
}
