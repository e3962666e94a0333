// What the server says of itself at /openapi.json, held against the specification of OpenAPI 3.1.

import assert from "node:assert/strict";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { place, run, serve } from "./food_bank.mjs";

/** Somebody with a token, as development gives it to everybody. */
async function token(address) {
  const asked = await fetch(`${address}/v1/dev/token`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ actor: "nora", roles: ["neighbor"] }),
  });
  return (await asked.json()).token;
}

test("the document is one of OpenAPI 3.1, from the server and from the command line", async (t) => {
  const directory = await place(t);
  const server = await serve(t, directory, "--dev");
  const headers = { Authorization: `Bearer ${await token(server.address)}` };
  const served = await (await fetch(`${server.address}/openapi.json`, { headers })).json();
  assert.deepEqual(JSON.parse(await run(null, "schema", "--openapi")), served);

  const validator = new Validator();
  const { valid, errors } = await validator.validate(structuredClone(served));
  assert.ok(valid, JSON.stringify(errors, null, 2));
  assert.equal(validator.version, "3.1");
  const operations = Object.values(served.paths).flatMap((path) => Object.values(path));
  const names = operations.map((operation) => operation.operationId);
  assert.equal(new Set(names).size, names.length, "each operation has a name of its own");

  // What it says of one command is what the server does.
  const order = served.paths["/v1/commands/PlaceOrder"].post;
  const refusal = order.responses["422"].content["application/problem+json"].schema;
  const refused = await fetch(`${server.address}/v1/commands/PlaceOrder`, {
    method: "POST",
    headers: { ...headers, "Content-Type": "application/json" },
    body: JSON.stringify({ lines: [{ sku: "NOT-THERE", quantity: 1 }] }),
  });
  assert.equal(refused.status, 422);
  const { code } = (await refused.json()).refusal;
  assert.ok(refusal.properties.refusal.properties.code.enum.includes(code), code);
});
