//! The app's HTTP interface as an OpenAPI 3.1 document, made from its schema: for generators of
//! clients, and for people who like to try things out.
//!
//! Each command and query is a path of its own, with its arguments, its answer and, for a command,
//! the codes that it may be refused with. What is the same for every app and not for its clients (records,
//! checkpoints, operations) stands in `docs/http.md` alone.
//!
//! OpenAPI 3.1 takes JSON Schema 2020-12 as it is; only where definitions lie differs, so references are
//! told anew.

use deeds_engine::schema::{AppSchema, CommandSchema, QuerySchema};
use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

/// The version of the specification: <https://spec.openapis.org/oas/v3.1.1.html>.
const OPENAPI: &str = "3.1.1";

/// The document for an app. Its version is a hash of the schema: another one when the interface changes.
pub fn openapi(schema: &AppSchema) -> Value {
    let bytes = serde_json::to_vec(schema).expect("a schema always serializes");
    let version = version(&bytes);
    let mut paths = Map::new();
    for (name, command) in &schema.commands {
        paths.insert(path("commands", name), json!({ "post": send(name, command) }));
    }
    for (name, query) in &schema.queries {
        paths.insert(path("queries", name), json!({ "get": ask(name, query, schema) }));
    }
    let mut schemas: Map<String, Value> = shared_schemas();
    let own = schema.definitions.iter();
    schemas.extend(own.map(|(name, definition)| (name.clone(), told_anew(definition))));
    json!({
        "openapi": OPENAPI,
        "info": {
            "title": schema.app,
            "version": version,
            "description": "Commands are decided in one order and recorded durably before they are \
                answered; queries are read from the published state.",
        },
        "servers": [{ "url": "/" }],
        "security": [{ "token": [] }],
        "tags": [{ "name": "commands" }, { "name": "queries" }],
        "paths": paths,
        "components": {
            "securitySchemes": {
                "token": { "type": "http", "scheme": "bearer", "bearerFormat": "JWT" },
            },
            "schemas": schemas,
        },
    })
}

/// `app/Name` as it stands in a path: without the app, as the server takes it.
/// The version of an app's interface, as `/openapi.json` and live sockets tell it.
pub fn schema_version(schema: &AppSchema) -> String {
    version(&serde_json::to_vec(schema).expect("a schema always serializes"))
}

/// A short hash of a schema's JSON: another one when the interface is.
pub(crate) fn version(schema_json: &[u8]) -> String {
    Sha256::digest(schema_json).iter().take(4).map(|byte| format!("{byte:02x}")).collect()
}

fn path(kind: &str, name: &str) -> String {
    format!("/v1/{kind}/{}", own_name(name))
}

fn own_name(name: &str) -> &str {
    name.split_once('/').map_or(name, |(_, own)| own)
}

/// The first line of a doc comment, and all of it.
fn told(doc: &str) -> (&str, &str) {
    (doc.lines().next().unwrap_or_default(), doc)
}

fn send(name: &str, command: &CommandSchema) -> Value {
    let (summary, description) = told(&command.doc);
    let codes: Vec<&String> = command.refusals.keys().collect();
    let mut responses = json!({
        "200": answer("Accepted, recorded and published.", &command.answer, &["lineage", "position"]),
        "default": problem("It was not accepted; `type` says why, and whether it may be sent again."),
    });
    if !codes.is_empty() {
        let messages =
            command.refusals.iter().map(|(code, message)| format!("- `{code}`: {message}"));
        responses["422"] = json!({
            "description":
                format!("Refused, and recorded.\n\n{}", messages.collect::<Vec<_>>().join("\n")),
            "content": { "application/problem+json": { "schema": {
                "allOf": [{ "$ref": "#/components/schemas/deeds.Problem" }],
                "required": ["refusal"],
                "properties": { "refusal": { "properties": { "code": { "enum": codes } } } },
            } } },
        });
    }
    json!({
        "operationId": own_name(name),
        "tags": ["commands"],
        "summary": summary,
        "description": description,
        "parameters": [{
            "name": "Idempotency-Key",
            "in": "header",
            "description": "The command's id: a UUIDv7, or `source/n` with n rising. The same id again is \
                answered again and never run twice. Made by the server if it is left out.",
            "schema": { "type": "string" },
        }],
        "requestBody": {
            "required": true,
            "content": { "application/json": { "schema": told_anew(&command.arguments) } },
        },
        "responses": responses,
    })
}

fn ask(name: &str, query: &QuerySchema, schema: &AppSchema) -> Value {
    let (summary, description) = told(&query.doc);
    let mut parameters = arguments(query, schema);
    parameters.push(json!({
        "name": "at_least",
        "in": "query",
        "description": "Waits until the state has come to this position.",
        "schema": { "type": "integer", "minimum": 0 },
    }));
    parameters.push(json!({
        "name": "lineage",
        "in": "query",
        "description": "Whose position that is.",
        "schema": { "$ref": "#/components/schemas/deeds.Lineage" },
    }));
    json!({
        "operationId": own_name(name),
        "tags": ["queries"],
        "summary": summary,
        "description": description,
        "parameters": parameters,
        "responses": {
            "200": answer("The answer, at one position.", &query.answer, &["lineage", "position", "time"]),
            "default": problem("It was not answered; `type` says why."),
        },
    })
}

/// A query's arguments as parameters: what is no text, number or list of those goes as JSON.
fn arguments(query: &QuerySchema, schema: &AppSchema) -> Vec<Value> {
    let resolved = resolve(&query.arguments, schema);
    let required = resolved.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    let fields = resolved.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let parameter = |(name, field): (&String, &Value)| {
        let mut parameter = json!({
            "name": name,
            "in": "query",
            "required": required.iter().any(|required| required == name),
        });
        if let Some(description) = field.get("description") {
            parameter["description"] = description.clone();
        }
        let field_schema = told_anew(field);
        if resolve(field, schema).get("properties").is_some() {
            parameter["content"] = json!({ "application/json": { "schema": field_schema } });
        } else {
            parameter["schema"] = field_schema;
        }
        parameter
    };
    fields.iter().map(parameter).collect()
}

fn resolve<'a>(part: &'a Value, schema: &'a AppSchema) -> &'a Value {
    let target = part.get("$ref").and_then(Value::as_str);
    let target = target.and_then(|path| path.rsplit('/').next());
    target.and_then(|name| schema.definitions.get(name)).unwrap_or(part)
}

/// A response with members that every answer has, and the answer.
fn answer(description: &str, answer: &Value, members: &[&str]) -> Value {
    let mut properties = Map::new();
    for member in members {
        let target = match *member {
            "lineage" => "deeds.Lineage",
            "position" => "deeds.Position",
            _ => "deeds.Moment",
        };
        let reference = format!("#/components/schemas/{target}");
        properties.insert((*member).to_owned(), json!({ "$ref": reference }));
    }
    let required: Vec<&str> = members.iter().copied().chain(["answer"]).collect();
    properties.insert("answer".to_owned(), told_anew(answer));
    let schema = json!({ "type": "object", "required": required, "properties": properties });
    json!({
        "description": description,
        "content": { "application/json": { "schema": schema } },
    })
}

fn problem(description: &str) -> Value {
    let schema = json!({ "$ref": "#/components/schemas/deeds.Problem" });
    json!({
        "description": description,
        "content": { "application/problem+json": { "schema": schema } },
    })
}

/// What every app has, under names that no type of an app can have.
fn shared_schemas() -> Map<String, Value> {
    let shared = json!({
        "deeds.Lineage": {
            "description": "Which chronicle a position belongs to; after a restore it is another one.",
            "type": "string",
            "pattern": "^[0-9a-f]{16}$",
        },
        "deeds.Position": {
            "description": "A record's place in the chronicle.",
            "type": "integer",
            "minimum": 0,
        },
        "deeds.Moment": { "type": "string", "format": "date-time" },
        "deeds.Problem": {
            "description": "RFC 9457. 503 was not run; 504 may have been run, and the same id is always safe.",
            "type": "object",
            "required": ["type", "title", "status", "detail"],
            "properties": {
                "type": { "type": "string", "pattern": "^urn:deeds:problem:" },
                "title": { "type": "string" },
                "status": { "type": "integer" },
                "detail": { "type": "string" },
                "field": { "type": "string" },
                "suggestion": { "type": "string" },
                "reference": { "type": "string" },
                "server_time": { "$ref": "#/components/schemas/deeds.Moment" },
                "limit": { "type": "integer" },
                "lineage": { "$ref": "#/components/schemas/deeds.Lineage" },
                "position": { "$ref": "#/components/schemas/deeds.Position" },
                "refusal": {
                    "type": "object",
                    "required": ["code", "message", "data"],
                    "properties": {
                        "code": { "type": "string" },
                        "message": { "type": "string" },
                        "data": {},
                    },
                },
            },
        },
    });
    match shared {
        Value::Object(shared) => shared,
        _ => unreachable!("written as an object"),
    }
}

/// A schema whose references lead to where definitions lie in an OpenAPI document.
fn told_anew(schema: &Value) -> Value {
    match schema {
        Value::Object(members) => {
            let member = |(name, value): (&String, &Value)| {
                let path = value.as_str().and_then(|path| path.strip_prefix("#/$defs/"));
                let value = match path {
                    Some(target) if name == "$ref" => {
                        format!("#/components/schemas/{target}").into()
                    }
                    _ => told_anew(value),
                };
                (name.clone(), value)
            };
            Value::Object(members.iter().map(member).collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(told_anew).collect()),
        other => other.clone(),
    }
}
