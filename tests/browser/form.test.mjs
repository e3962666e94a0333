// What a form asks for, by the schema: the part of the page that needs no browser.

import assert from "node:assert/strict";
import { test } from "node:test";
import { fieldsOf } from "../../crates/server/src/pages/form.mjs";
import { newId, outcome } from "../../crates/server/src/pages/server.mjs";

const definitions = {
  Sku: { type: "string", description: "A short name." },
  Aisle: { enum: ["dairy", "bakery"], type: "string" },
  Role: { oneOf: [{ const: "admin", description: "Looks after it." }, { enum: ["guest"] }] },
  Item: { type: "object", properties: { sku: { $ref: "#/$defs/Sku" }, quantity: { type: "integer", minimum: 0 } }, required: ["sku", "quantity"] },
  Lines: { type: "array", items: { $ref: "#/$defs/Item" } },
};

function field(schema, required = true) {
  const whole = { properties: { it: schema }, required: required ? ["it"] : [] };
  return fieldsOf(whole, definitions)[0];
}

test("every form a schema can have is asked for in its own way", () => {
  for (const [schema, expected] of [
    [{ type: "string" }, { kind: "text", nullable: false }],
    [{ $ref: "#/$defs/Sku" }, { kind: "text", type: "Sku", hint: "A short name." }],
    [{ $ref: "#/$defs/Sku", description: "Which." }, { type: "Sku", hint: "Which." }],
    [{ type: ["integer", "null"], minimum: 0 }, { kind: "number", whole: true, min: 0, nullable: true }],
    [{ type: "number" }, { kind: "number", whole: false }],
    [{ type: "boolean", default: false }, { kind: "boolean", fallback: false }],
    [{ type: "string", format: "date" }, { kind: "date" }],
    [{ type: "string", format: "uuid" }, { kind: "text" }],
    [{ anyOf: [{ $ref: "#/$defs/Aisle" }, { type: "null" }] }, { kind: "choice", nullable: true, type: "Aisle" }],
    [{ $ref: "#/$defs/Role" }, { kind: "choice", choices: [{ value: "admin", about: "Looks after it." }, { value: "guest", about: "" }] }],
    [{ type: "array", items: { $ref: "#/$defs/Aisle" }, default: [] }, { kind: "choices" }],
    [{ type: "array", items: { $ref: "#/$defs/Sku" } }, { kind: "lines" }],
    [{ $ref: "#/$defs/Lines" }, { kind: "json", sample: [{ sku: "", quantity: 0 }] }],
    [{ anyOf: [{ type: "string" }, { type: "integer" }] }, { kind: "json" }],
    [{}, { kind: "json" }],
  ]) {
    const found = field(schema);
    for (const [name, value] of Object.entries(expected)) {
      assert.deepEqual(found[name], value, `${JSON.stringify(schema)}: ${name}`);
    }
  }
});

test("a schema that refers to itself ends", () => {
  const loop = { Loop: { $ref: "#/$defs/Loop" }, Tree: { type: "array", items: { $ref: "#/$defs/Tree" } } };
  for (const name of Object.keys(loop)) {
    const [found] = fieldsOf({ properties: { it: { $ref: `#/$defs/${name}` } } }, loop);
    assert.equal(found.kind, "json");
  }
});

test("required fields come first, as the type has them", () => {
  const schema = { properties: { a: {}, quantity: {}, sku: {} }, required: ["sku", "quantity"] };
  assert.deepEqual(fieldsOf(schema, {}).map(({ name }) => name), ["sku", "quantity", "a"]);
});

test("an id is a UUID of version 7 that tells its time, and no two are the same", () => {
  const now = Date.parse("2026-11-20T12:00:00Z");
  const ids = new Set(Array.from({ length: 1000 }, () => newId(now)));
  assert.equal(ids.size, 1000);
  for (const id of ids) {
    assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(parseInt(id.replace("-", "").slice(0, 12), 16), now);
  }
});

test("what a status means is told apart: done, refused, to be mended, to be sent again", () => {
  assert.equal(outcome(200, { lineage: "1", position: 7, answer: null }).answer, null);
  assert.deepEqual(outcome(200, [1]).answer, [1]);
  const refusal = { code: "not_enough", message: "Only 2 left.", data: { left: 2 } };
  assert.equal(outcome(422, { position: 8, refusal }).message, "Only 2 left.");
  assert.equal(outcome(400, { title: "x", field: "sku" }).field, "sku");
  for (const [status, again] of [[503, true], [504, true], [429, true], [500, false], [409, false]]) {
    assert.equal(outcome(status, {}).again, again, String(status));
  }
});
