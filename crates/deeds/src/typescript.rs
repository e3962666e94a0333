//! TypeScript for an app's clients: a type for everything that is sent and answered, and the names of
//! its queries and commands, as the SDK takes them (`sdk/typescript`).
//!
//! The output is a function of the schema alone, laid out as prettier does at 100 columns. A field that
//! may be left out is optional where the type is sent, and null where it is only answered.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use deeds_engine::schema::{AppSchema, QueryKind, QuerySchema};
use serde_json::Value;

/// How long a line may be.
const COLUMNS: usize = 100;

/// The module for an app; `version` stands for its interface.
pub(crate) fn typescript(schema: &AppSchema, version: &str, made_by: &str) -> String {
    let sent = reachable(schema, sent_roots(schema));
    let told = reachable(schema, roots(schema));
    let writer = Writer { sent: &sent };
    let mut out = format!(
        "// Made by `{made_by} codegen typescript`; do not edit.\n\n\
         import {{ {} }} from \"deeds\";\n\n\
         export const app = {{ name: \"{}\", schema: \"{version}\" }} as const;\n",
        used(schema).join(", "),
        schema.app
    );
    for name in &told {
        writer.definition(name, &schema.definitions[name.as_str()], &mut out);
    }
    for (name, command) in &schema.commands {
        let name = own_name(name);
        let refusals = command.refusals.keys().map(|code| {
            let data = command.refusal_data.get(code).map(|data| writer.inline(data));
            let data = data.unwrap_or_else(|| "null".to_owned());
            format!("{{ code: \"{code}\"; message: string; data: {data} }}")
        });
        let union = union(&format!("export type {name}Refusal ="), refusals.collect());
        write!(out, "\n/** Why {name} may be refused. */\n{union}").expect(TAKES);
    }
    out.push_str("\nexport const queries = {\n");
    for (name, query) in &schema.queries {
        let arguments = writer.inline(&query.arguments);
        let (make, answer) = match (query.kind, query.answer.get("items")) {
            (QueryKind::Rows, Some(item)) => (ROW_QUERY, writer.inline(item)),
            _ => (VALUE_QUERY, writer.inline(&query.answer)),
        };
        entry(own_name(name), &query.doc, make, &[arguments, answer], &mut out);
    }
    out.push_str("} as const;\n\nexport const commands = {\n");
    for (name, command) in &schema.commands {
        let (name, answer) = (own_name(name), writer.inline(&command.answer));
        let types = [writer.inline(&command.arguments), answer, format!("{name}Refusal")];
        entry(name, &command.doc, "command", &types, &mut out);
    }
    out.push_str("} as const;\n");
    out
}

const TAKES: &str = "text takes text";
const ROW_QUERY: &str = "rowQuery";
const VALUE_QUERY: &str = "valueQuery";

/// What of the SDK the module uses: a page's compiler complains of what is imported and not used.
fn used(schema: &AppSchema) -> Vec<&'static str> {
    let picks_rows =
        |query: &QuerySchema| query.kind == QueryKind::Rows && query.answer.get("items").is_some();
    let has = |rows: bool| schema.queries.values().any(|query| picks_rows(query) == rows);
    let made = [
        (!schema.commands.is_empty(), "command"),
        (has(true), ROW_QUERY),
        (has(false), VALUE_QUERY),
    ];
    made.into_iter().filter_map(|(is_used, name)| is_used.then_some(name)).collect()
}

fn own_name(name: &str) -> &str {
    name.rsplit('/').next().unwrap_or(name)
}

/// One query or command in its list.
fn entry(name: &str, doc: &str, make: &str, types: &[String], out: &mut String) {
    comment(doc, "  ", out);
    let head = format!("  {name}: {make}<{}>(", types.join(", "));
    let line = format!("{head}\"{name}\"),");
    if line.len() <= COLUMNS {
        writeln!(out, "{line}").expect(TAKES);
    } else if head.len() <= COLUMNS {
        writeln!(out, "{head}\n    \"{name}\",\n  ),").expect(TAKES);
    } else {
        let types = types.join(",\n    ");
        writeln!(out, "  {name}: {make}<\n    {types}\n  >(\"{name}\"),").expect(TAKES);
    }
}

/// A doc comment.
fn comment(doc: &str, indent: &str, out: &mut String) {
    let lines: Vec<&str> = doc.trim().lines().collect();
    match lines.as_slice() {
        [] => {}
        [line] if indent.len() + line.len() + 7 <= COLUMNS => {
            writeln!(out, "{indent}/** {line} */").expect(TAKES);
        }
        lines => {
            writeln!(out, "{indent}/**").expect(TAKES);
            for line in lines {
                writeln!(out, "{}", format!("{indent} * {line}").trim_end()).expect(TAKES);
            }
            writeln!(out, "{indent} */").expect(TAKES);
        }
    }
}

/// A declaration of one of several types, on one line if it fits.
fn union(head: &str, types: Vec<String>) -> String {
    let types = if types.is_empty() { vec!["never".to_owned()] } else { types };
    let line = format!("{head} {};\n", types.join(" | "));
    if line.len() <= COLUMNS + 1 {
        return line;
    }
    if let [only] = types.as_slice() {
        return wrapped_object(head, only);
    }
    let lines: Vec<String> = types.iter().map(|one| wrapped_member(one)).collect();
    format!("{head}\n{};\n", lines.join("\n"))
}

/// One member of a union on a line of its own, its fields each on one if it is too long.
fn wrapped_member(one: &str) -> String {
    let line = format!("  | {one}");
    match one.strip_prefix("{ ").and_then(|one| one.strip_suffix(" }")) {
        Some(fields) if line.len() > COLUMNS => {
            let fields = split_fields(fields).join(";\n      ");
            format!("  | {{\n      {fields};\n    }}")
        }
        _ => line,
    }
}

fn wrapped_object(head: &str, one: &str) -> String {
    let fields = one.strip_prefix("{ ").and_then(|one| one.strip_suffix(" }"));
    match fields {
        Some(fields) => {
            format!("{head} {{\n  {};\n}};\n", split_fields(fields).join(";\n  "))
        }
        None => format!("{head}\n  {one};\n"),
    }
}

/// The fields of an object on one line, apart.
fn split_fields(fields: &str) -> Vec<String> {
    let (mut parts, mut depth) = (vec![String::new()], 0_usize);
    for letter in fields.chars() {
        match letter {
            '{' => depth += 1,
            '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if letter == ';' && depth == 0 {
            parts.push(String::new());
        } else {
            parts.last_mut().expect("there is one").push(letter);
        }
    }
    parts.iter().map(|part| part.trim().to_owned()).filter(|part| !part.is_empty()).collect()
}

struct Writer<'a> {
    /// The types that clients send.
    sent: &'a BTreeSet<String>,
}

impl Writer<'_> {
    fn definition(&self, name: &str, schema: &Value, out: &mut String) {
        out.push('\n');
        comment(text(schema, "description"), "", out);
        let Some(fields) = schema.get("properties").and_then(Value::as_object) else {
            if schema.get("type").and_then(Value::as_str) == Some("object") {
                // A query without arguments, say.
                writeln!(out, "export type {name} = Record<string, never>;").expect(TAKES);
            } else {
                out.push_str(&union(&format!("export type {name} ="), self.members(schema)));
            }
            return;
        };
        writeln!(out, "export interface {name} {{").expect(TAKES);
        for (field, of) in fields {
            comment(text(of, "description"), "  ", out);
            let may_lack = !requires(schema, field);
            let is_optional = may_lack && self.sent.contains(name);
            let mark = if is_optional { "?" } else { "" };
            writeln!(out, "  {}{mark}: {};", key(field), self.inline(of)).expect(TAKES);
        }
        out.push_str("}\n");
    }

    /// The type on one line.
    fn inline(&self, schema: &Value) -> String {
        self.members(schema).join(" | ")
    }

    /// The types that a value may have.
    fn members(&self, schema: &Value) -> Vec<String> {
        if let Some(path) = schema.get("$ref").and_then(Value::as_str) {
            return vec![path.rsplit('/').next().unwrap_or(path).to_owned()];
        }
        if let Some(constant) = schema.get("const") {
            return vec![constant.to_string()];
        }
        if let Some(values) = schema.get("enum").and_then(Value::as_array) {
            return values.iter().map(Value::to_string).collect();
        }
        for choice in ["anyOf", "oneOf"] {
            if let Some(choices) = schema.get(choice).and_then(Value::as_array) {
                return choices.iter().flat_map(|choice| self.members(choice)).collect();
            }
        }
        match schema.get("type") {
            Some(Value::Array(types)) => types
                .iter()
                .flat_map(|one| {
                    let mut schema = schema.clone();
                    schema["type"] = one.clone();
                    self.members(&schema)
                })
                .collect(),
            Some(Value::String(kind)) => vec![self.simple(kind, schema)],
            _ => vec!["unknown".to_owned()],
        }
    }

    fn simple(&self, kind: &str, schema: &Value) -> String {
        match kind {
            "integer" | "number" => "number".to_owned(),
            "string" | "boolean" | "null" => kind.to_owned(),
            "array" => self.list(schema),
            "object" => self.object(schema),
            _ => "unknown".to_owned(),
        }
    }

    fn list(&self, schema: &Value) -> String {
        if let Some(parts) = schema.get("prefixItems").and_then(Value::as_array) {
            let parts: Vec<String> = parts.iter().map(|part| self.inline(part)).collect();
            return format!("[{}]", parts.join(", "));
        }
        let Some(items) = schema.get("items") else { return "unknown[]".to_owned() };
        match self.members(items).as_slice() {
            [one] if !one.contains(' ') => format!("{one}[]"),
            several => format!("({})[]", several.join(" | ")),
        }
    }

    fn object(&self, schema: &Value) -> String {
        if let Some(fields) = schema.get("properties").and_then(Value::as_object) {
            let fields = fields.iter().map(|(field, of)| {
                let mark = if requires(schema, field) { "" } else { "?" };
                format!("{}{mark}: {}", key(field), self.inline(of))
            });
            return format!("{{ {} }}", fields.collect::<Vec<_>>().join("; "));
        }
        match schema.get("additionalProperties") {
            Some(of @ Value::Object(_)) => format!("Record<string, {}>", self.inline(of)),
            _ => "Record<string, never>".to_owned(),
        }
    }
}

fn text<'a>(schema: &'a Value, member: &str) -> &'a str {
    schema.get(member).and_then(Value::as_str).unwrap_or_default()
}

fn requires(schema: &Value, field: &str) -> bool {
    let required = schema.get("required").and_then(Value::as_array);
    required.is_some_and(|required| required.iter().any(|name| name == field))
}

/// A field's name, in quotes where it needs them.
fn key(field: &str) -> String {
    let is_plain = field.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
        && field.starts_with(|first: char| !first.is_ascii_digit());
    if is_plain { field.to_owned() } else { format!("\"{field}\"") }
}

/// What clients send.
fn sent_roots(schema: &AppSchema) -> Vec<&Value> {
    let commands = schema.commands.values().map(|command| &command.arguments);
    commands.chain(schema.queries.values().map(|query| &query.arguments)).collect()
}

/// What is sent and answered.
fn roots(schema: &AppSchema) -> Vec<&Value> {
    let mut roots = sent_roots(schema);
    roots.extend(schema.commands.values().map(|command| &command.answer));
    roots.extend(schema.commands.values().flat_map(|command| command.refusal_data.values()));
    roots.extend(schema.queries.values().map(|query| &query.answer));
    roots
}

/// The definitions that these lead to.
fn reachable(schema: &AppSchema, roots: Vec<&Value>) -> BTreeSet<String> {
    let mut found = BTreeMap::new();
    let mut waiting = roots;
    while let Some(value) = waiting.pop() {
        match value {
            Value::Object(members) => {
                waiting.extend(members.values());
                let name = members.get("$ref").and_then(Value::as_str);
                let name = name.and_then(|path| path.rsplit('/').next());
                if let Some(name) = name
                    && let Some(definition) = schema.definitions.get(name)
                    && found.insert(name.to_owned(), ()).is_none()
                {
                    waiting.push(definition);
                }
            }
            Value::Array(items) => waiting.extend(items),
            _ => {}
        }
    }
    found.into_keys().collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Every shape that a schema of ours has: what prettier makes of the golden text is held against it
    /// where the food bank's own types are checked.
    #[test]
    fn every_shape_is_written_as_it_is_meant() {
        let command = json!({
            "doc": "Do it.\n\nTwice.", "aliases": [], "personal": [],
            "arguments": {"$ref": "#/$defs/Do"},
            "answer": {"anyOf": [{"$ref": "#/$defs/Told"}, {"type": "null"}]},
            "refusals": {"too_late": "Too late.", "not_enough": "Only {left} are left."},
            "refusal_data": {
                "too_late": {"type": "null"},
                "not_enough": {
                    "type": "object", "required": ["left"],
                    "properties": {"left": {"type": "integer"}, "of": {"type": ["string", "null"]}},
                },
            },
        });
        let query = |kind: &str, answer: Value| {
            json!({
                "doc": "", "kind": kind, "scope": "me", "arguments": {"$ref": "#/$defs/Nothing"},
                "answer": answer,
            })
        };
        let list = json!({"type": "array", "items": {"$ref": "#/$defs/Told"}});
        let schema: AppSchema = serde_json::from_value(json!({
            "app": "shapes",
            "commands": {"shapes/Do": command},
            "events": {},
            "queries": {"shapes/All": query("rows", list.clone()), "shapes/Best": query("value", list)},
            "tables": {},
            "$defs": {
                "Nothing": {"type": "object", "additionalProperties": false},
                "Do": {
                    "description": "What to do.", "type": "object", "required": ["what", "pair"],
                    "properties": {
                        "what": {"$ref": "#/$defs/Kind", "description": "The kind."},
                        "pair": {"type": "array", "prefixItems": [{"type": "string"}, {"type": "integer"}]},
                        "often": {"type": ["integer", "null"]},
                        "by-name": {"type": "object", "additionalProperties": {"type": "boolean"}},
                    },
                },
                "Told": {
                    "type": "object", "required": ["kinds"],
                    "properties": {
                        "kinds": {"type": "array", "items": {"$ref": "#/$defs/Kind"}},
                        "note": {"type": ["string", "null"]},
                        "either": {"type": "array", "items": {"type": ["string", "null"]}},
                    },
                },
                "Kind": {"oneOf": [{"const": "small"}, {"const": "large"}]},
                "Unused": {"type": "string"},
            },
        }))
        .unwrap();
        assert_eq!(typescript(&schema, "0123abcd", "shapes"), GOLDEN);
        let mut lesser = schema;
        lesser.queries.retain(|_, query| query.kind == QueryKind::Rows);
        let module = typescript(&lesser, "0123abcd", "shapes");
        assert!(module.contains("import { command, rowQuery } from \"deeds\";"), "{module}");
    }

    const GOLDEN: &str = r#"// Made by `shapes codegen typescript`; do not edit.

import { command, rowQuery, valueQuery } from "deeds";

export const app = { name: "shapes", schema: "0123abcd" } as const;

/** What to do. */
export interface Do {
  "by-name"?: Record<string, boolean>;
  often?: number | null;
  pair: [string, number];
  /** The kind. */
  what: Kind;
}

export type Kind = "small" | "large";

export type Nothing = Record<string, never>;

export interface Told {
  either: (string | null)[];
  kinds: Kind[];
  note: string | null;
}

/** Why Do may be refused. */
export type DoRefusal =
  | { code: "not_enough"; message: string; data: { left: number; of?: string | null } }
  | { code: "too_late"; message: string; data: null };

export const queries = {
  All: rowQuery<Nothing, Told>("All"),
  Best: valueQuery<Nothing, Told[]>("Best"),
} as const;

export const commands = {
  /**
   * Do it.
   *
   * Twice.
   */
  Do: command<Do, Told | null, DoRefusal>("Do"),
} as const;
"#;
}
