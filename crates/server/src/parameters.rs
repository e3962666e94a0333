//! Plain parameters of a query, `?category=Dairy&limit=5`, made into its JSON arguments by its schema.
//!
//! A parameter is a text; the schema says what it stands for:
//! - a text where the argument may be a text;
//! - `true`, `false` and numbers as such where it may be those;
//! - nothing at all (`category=`) for null, where it may be null and no text;
//! - given several times, or as a JSON array, for a list; as JSON for an object.
//!
//! What fits nowhere is passed on as a text, so that the one who checks arguments says what is wrong
//! with it and names it: there is one judge of arguments, and it is not here.

use serde_json::{Map, Value};

use crate::problem::Problem;

/// How deep references and alternatives in a schema are followed: arguments are flat.
const DEPTH_MAX: usize = 8;

/// The arguments as a JSON object.
pub(crate) fn to_arguments(
    parameters: &[(String, String)],
    schema: &Value,
    definitions: &Map<String, Value>,
) -> Result<Value, Problem> {
    let whole = Schema { schema, definitions };
    let mut arguments = Map::new();
    for (name, text) in parameters {
        let expected = whole.property(name);
        let is_list = expected.as_ref().is_some_and(|schema| schema.takes("array"));
        if is_list && !text.starts_with('[') {
            let items = expected.and_then(|schema| schema.items());
            let item = items.map_or_else(|| text.as_str().into(), |item| item.value_of(text));
            let list = arguments.entry(name.clone()).or_insert_with(|| Value::Array(Vec::new()));
            let list = list.as_array_mut().ok_or_else(|| twice(name))?;
            list.push(item);
            continue;
        }
        let value = expected.map_or_else(|| text.as_str().into(), |schema| schema.value_of(text));
        if arguments.insert(name.clone(), value).is_some() {
            return Err(twice(name));
        }
    }
    Ok(Value::Object(arguments))
}

fn twice(name: &str) -> Problem {
    Problem::Arguments { field: name.to_owned(), reason: "it is given more than once".to_owned() }
}

/// A part of a JSON Schema, with what its references mean.
#[derive(Clone, Copy)]
struct Schema<'a> {
    schema: &'a Value,
    definitions: &'a Map<String, Value>,
}

impl<'a> Schema<'a> {
    fn part(&self, schema: &'a Value) -> Schema<'a> {
        Schema { schema, definitions: self.definitions }
    }

    /// Itself and everything it refers to or offers as an alternative.
    fn alternatives(&self) -> Vec<Schema<'a>> {
        let mut found = vec![*self];
        let mut next = 0;
        for _ in 0..DEPTH_MAX {
            let end = found.len();
            for at in next..end {
                let schema = found[at].schema;
                let target = schema.get("$ref").and_then(Value::as_str);
                let target = target.and_then(|path| path.rsplit('/').next());
                found.extend(
                    target.and_then(|name| self.definitions.get(name)).map(|to| self.part(to)),
                );
                for of in ["anyOf", "oneOf", "allOf"] {
                    let parts = schema.get(of).and_then(Value::as_array);
                    found.extend(parts.into_iter().flatten().map(|part| self.part(part)));
                }
            }
            next = end;
        }
        found
    }

    fn property(&self, name: &str) -> Option<Schema<'a>> {
        let alternatives = self.alternatives();
        let mut properties = alternatives.iter().filter_map(|one| one.schema.get("properties"));
        properties.find_map(|properties| properties.get(name)).map(|schema| self.part(schema))
    }

    fn items(&self) -> Option<Schema<'a>> {
        let alternatives = self.alternatives();
        alternatives.iter().find_map(|one| one.schema.get("items")).map(|items| self.part(items))
    }

    /// Whether a value of this JSON type may fit.
    fn takes(&self, kind: &str) -> bool {
        self.alternatives().iter().any(|one| {
            let fixed = |value: &Value| kind_of(value) == kind;
            match one.schema.get("type") {
                Some(Value::String(is)) => is == kind,
                Some(Value::Array(any)) => any.iter().any(|is| is == kind),
                _ => {
                    one.schema.get("const").is_some_and(fixed)
                        || one
                            .schema
                            .get("enum")
                            .and_then(Value::as_array)
                            .is_some_and(|values| values.iter().any(fixed))
                }
            }
        })
    }

    /// What the text stands for here.
    fn value_of(&self, text: &str) -> Value {
        if self.takes("string") {
            return text.into();
        }
        if text.is_empty() && self.takes("null") {
            return Value::Null;
        }
        match serde_json::from_str::<Value>(text) {
            Ok(value) if self.takes(kind_of(&value)) => value,
            Ok(value) if value.is_i64() || value.is_u64() => {
                // An integer is a number too.
                if self.takes("number") { value } else { text.into() }
            }
            _ => text.into(),
        }
    }
}

/// The JSON type of a value, as schemas name it.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_f64() => "number",
        Value::Number(_) => "integer",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(parameters: &[(&str, &str)], expected: Value) {
        let schema = json!({"type": "object", "properties": {
            "category": {"type": ["string", "null"]},
            "limit": {"type": "integer", "format": "uint32"},
            "share": {"type": "number"},
            "all": {"type": "boolean"},
            "least": {"anyOf": [{"$ref": "#/$defs/Count"}, {"type": "null"}]},
            "status": {"$ref": "#/$defs/Status"},
            "skus": {"type": "array", "items": {"type": "string"}},
            "shelves": {"type": "array", "items": {"type": "integer"}},
            "span": {"type": "object"},
        }});
        let definitions = json!({
            "Count": {"type": "integer"},
            "Status": {"oneOf": [{"const": "placed", "description": "new"}, {"const": "picked"}]},
        });
        let parameters: Vec<_> =
            parameters.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        let arguments = to_arguments(&parameters, &schema, definitions.as_object().unwrap());
        match arguments {
            Ok(arguments) => assert_eq!(arguments, expected),
            Err(Problem::Arguments { field, .. }) => assert_eq!(expected, json!(field)),
            Err(other) => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_schema_says_what_a_parameter_stands_for() {
        check(&[("category", "5"), ("limit", "5")], json!({"category": "5", "limit": 5}));
        check(&[("category", ""), ("least", "")], json!({"category": "", "least": null}));
        check(&[("all", "true"), ("share", "5")], json!({"all": true, "share": 5}));
        check(&[("share", "0.5"), ("least", "-3")], json!({"share": 0.5, "least": -3}));
        check(&[("status", "placed")], json!({"status": "placed"}));
        check(&[("skus", "7"), ("skus", "b")], json!({"skus": ["7", "b"]}));
        check(&[("skus", "[\"7\"]"), ("shelves", "7")], json!({"skus": ["7"], "shelves": [7]}));
        check(&[("span", "{\"from\":1}")], json!({"span": {"from": 1}}));
    }

    #[test]
    fn what_fits_nowhere_stays_a_text_for_the_judge() {
        check(&[("limit", "five"), ("all", "yes")], json!({"limit": "five", "all": "yes"}));
        check(&[("limit", "1.5"), ("no_such", "1")], json!({"limit": "1.5", "no_such": "1"}));
        check(&[("limit", ""), ("limit ", "2")], json!({"limit": "", "limit ": "2"}));
    }

    #[test]
    fn a_parameter_that_is_no_list_is_given_once() {
        check(&[("limit", "1"), ("limit", "2")], json!("limit"));
        check(&[("skus", "[]"), ("skus", "[]")], json!("skus"));
    }
}
