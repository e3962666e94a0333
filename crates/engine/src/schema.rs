//! The schema: every stored type and query of an app, by name, with its JSON Schema; and the lock
//! that a committed file puts on the stored ones.

use std::collections::BTreeMap;

use schemars::SchemaGenerator;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::{App, SchemaOf};
use crate::query::Shared;
use crate::refusal::RefusalCode;
use crate::table::AnyTable;

/// Everything an app is made of, for people and for generators of clients.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppSchema {
    /// The app's name.
    pub app: String,
    /// By `app/Name`.
    pub commands: BTreeMap<String, CommandSchema>,
    /// By `app/Name`.
    pub events: BTreeMap<String, StoredSchema>,
    /// By `app/Name`.
    pub queries: BTreeMap<String, QuerySchema>,
    /// The tables by name, each with the name of its row type.
    pub tables: BTreeMap<String, String>,
    /// The JSON Schemas that the others refer to, under `#/$defs/`.
    #[serde(rename = "$defs")]
    pub definitions: serde_json::Map<String, Value>,
}

/// A command.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CommandSchema {
    /// The doc comment.
    pub doc: String,
    /// Earlier names.
    pub aliases: Vec<String>,
    /// Names of the personal fields.
    pub personal: Vec<String>,
    /// JSON Schema of the arguments.
    pub arguments: Value,
    /// JSON Schema of the answer.
    pub answer: Value,
    /// The codes it can be refused with, and their messages.
    pub refusals: BTreeMap<String, String>,
    /// The JSON Schema of the data of each code; null's where it has none.
    #[serde(default)]
    pub refusal_data: BTreeMap<String, Value>,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct StoredSchema {
    /// The doc comment.
    pub doc: String,
    /// Earlier names.
    pub aliases: Vec<String>,
    /// Names of the personal fields.
    pub personal: Vec<String>,
    /// JSON Schema.
    pub schema: Value,
}

/// A query.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct QuerySchema {
    /// The doc comment.
    pub doc: String,
    /// Whether it picks rows or computes a value: how a live reader is told of changes.
    pub kind: QueryKind,
    /// With whom its answers are shared.
    pub scope: Shared,
    /// JSON Schema of the arguments.
    pub arguments: Value,
    /// JSON Schema of the answer.
    pub answer: Value,
}

/// The two kinds of queries.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum QueryKind {
    /// Picks rows of one table; its answer is a list.
    Rows,
    /// Computes its answer.
    Value,
}

/// The full name of a stored type.
pub fn full_name<A: App>(name: &str) -> String {
    format!("{}/{name}", A::NAME)
}

/// The schema of an app.
pub fn of<A: App>() -> AppSchema {
    let mut generator = SchemaGenerator::default();
    let mut json = |schema: SchemaOf| -> Value { schema(&mut generator).into() };
    let commands = A::COMMANDS
        .iter()
        .map(|command| {
            let schema = CommandSchema {
                doc: command.doc.to_owned(),
                aliases: owned(command.aliases),
                personal: owned(command.personal),
                arguments: json(command.arguments),
                answer: json(command.answer),
                refusals: command
                    .refusals
                    .iter()
                    .map(|refusal| (refusal.code.to_owned(), refusal.message.to_owned()))
                    .collect(),
                refusal_data: BTreeMap::new(),
            };
            (full_name::<A>(command.name), schema)
        })
        .collect();
    let mut schemas: BTreeMap<&str, Value> =
        A::COMMANDS.iter().map(|command| (command.name, json(command.refusal))).collect();
    let events = A::EVENTS
        .iter()
        .map(|event| {
            let schema = StoredSchema {
                doc: event.doc.to_owned(),
                aliases: owned(event.aliases),
                personal: owned(event.personal),
                schema: json(event.schema),
            };
            (full_name::<A>(event.name), schema)
        })
        .collect();
    let queries = A::QUERIES
        .iter()
        .map(|query| {
            let schema = QuerySchema {
                doc: query.doc.to_owned(),
                kind: if query.is_rows { QueryKind::Rows } else { QueryKind::Value },
                scope: query.shared,
                arguments: json(query.arguments),
                answer: json(query.answer),
            };
            (full_name::<A>(query.name), schema)
        })
        .collect();
    let mut tables = BTreeMap::new();
    A::live().each(&mut |table: &dyn AnyTable| {
        tables.insert(table.name().to_owned(), table.row_name().to_owned());
    });
    let definitions = generator.take_definitions(true);
    let mut commands: BTreeMap<String, CommandSchema> = commands;
    for command in A::COMMANDS {
        let refusal = schemas.remove(command.name).expect("every command has one");
        let data = refusal_data(&refusal, command.refusals, &definitions);
        let told = commands.get_mut(&full_name::<A>(command.name)).expect("it is listed");
        told.refusal_data = data;
    }
    AppSchema { app: A::NAME.to_owned(), commands, events, queries, tables, definitions }
}

/// The schema of each code's data: an enum's variants, in the order of the codes.
fn refusal_data(
    refusal: &Value,
    codes: &[RefusalCode],
    definitions: &serde_json::Map<String, Value>,
) -> BTreeMap<String, Value> {
    let name = refusal.get("$ref").and_then(Value::as_str).and_then(|path| path.rsplit('/').next());
    let resolved = name.and_then(|name| definitions.get(name)).unwrap_or(refusal);
    let variants = resolved.get("anyOf").and_then(Value::as_array).cloned().unwrap_or_default();
    let codes = codes.iter().map(|refusal| refusal.code.to_owned());
    codes.zip(variants).collect()
}

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

/// What `schema.lock` holds: the stored types as they were when it was last written. Committed; a
/// change to it is a change to how history is read, and shows up in review.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SchemaLock {
    /// The app's name.
    pub app: String,
    /// The arguments of each command by `app/Name`, with references resolved.
    pub commands: BTreeMap<String, Value>,
    /// Each event by `app/Name`, with references resolved.
    pub events: BTreeMap<String, Value>,
}

impl SchemaLock {
    /// The lock for the code as it is.
    pub fn of<A: App>() -> Self {
        let schema = of::<A>();
        let inlined = |value: &Value| stored_shape(value, &schema.definitions, 0);
        Self {
            app: schema.app.clone(),
            commands: schema
                .commands
                .iter()
                .map(|(name, command)| (name.clone(), inlined(&command.arguments)))
                .collect(),
            events: schema
                .events
                .iter()
                .map(|(name, event)| (name.clone(), inlined(&event.schema)))
                .collect(),
        }
    }

    /// What differs between the committed lock and the code, a line each; empty when nothing does.
    pub fn differences(&self, code: &SchemaLock) -> Vec<String> {
        let mut lines = Vec::new();
        if self.app != code.app {
            lines.push(format!("the app was `{}` and is `{}`", self.app, code.app));
        }
        for (kind, was, is) in
            [("command", &self.commands, &code.commands), ("event", &self.events, &code.events)]
        {
            for (name, schema) in was {
                match is.get(name) {
                    None => lines.push(format!("{kind} {name} is gone; a rename needs an alias")),
                    Some(now) if now != schema => lines.push(format!("{kind} {name} has changed")),
                    Some(_) => {}
                }
            }
            let new = is.keys().filter(|name| !was.contains_key(*name));
            lines.extend(new.map(|name| format!("{kind} {name} is new")));
        }
        lines
    }
}

/// A schema without its descriptions and with its references resolved: what decides whether an old
/// body can be read.
fn stored_shape(
    value: &Value,
    definitions: &serde_json::Map<String, Value>,
    depth: usize,
) -> Value {
    assert!(depth < 64, "stored types are not recursive");
    match value {
        Value::Object(fields) => {
            let named = fields.get("$ref").and_then(Value::as_str);
            let named = named.and_then(|path| path.rsplit('/').next());
            if let Some(target) = named.and_then(|name| definitions.get(name)) {
                return stored_shape(target, definitions, depth + 1);
            }
            let kept = fields.iter().filter(|(key, value)| {
                !(matches!(key.as_str(), "description" | "title") && value.is_string())
            });
            Value::Object(
                kept.map(|(key, value)| (key.clone(), stored_shape(value, definitions, depth + 1)))
                    .collect(),
            )
        }
        Value::Array(items) => Value::Array(
            items.iter().map(|item| stored_shape(item, definitions, depth + 1)).collect(),
        ),
        other => other.clone(),
    }
}
