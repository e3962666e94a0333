//! Text as a value of a schema: what `name=value` on the command line and a cell of a spreadsheet
//! become.
//!
//! The schema of the command says what a text is: `12` is a number where a number is expected and
//! text where text is. Lists are split at `;`. Text that begins with `[` or `{` where a list or an
//! object is expected is read as JSON.

use serde_json::{Map, Value};

/// Between the items of a list in one cell: commas are the spreadsheet's own.
const ITEM_SEPARATOR: char = ';';

/// A schema with the definitions that it refers to.
#[derive(Clone, Copy)]
pub(crate) struct Shape<'a> {
    schema: &'a Value,
    definitions: &'a Map<String, Value>,
}

impl<'a> Shape<'a> {
    /// The shape that a schema describes.
    pub(crate) fn new(schema: &'a Value, definitions: &'a Map<String, Value>) -> Self {
        Self { schema, definitions }.resolved()
    }

    fn at(self, schema: &'a Value) -> Self {
        Self { schema, ..self }.resolved()
    }

    /// Follows references, and looks through "this or null": absent is how null is said.
    fn resolved(mut self) -> Self {
        loop {
            let target = self.schema.get("$ref").and_then(Value::as_str);
            let target = target.and_then(|path| path.rsplit('/').next());
            let target = target.and_then(|name| self.definitions.get(name));
            let other_than_null = || {
                let choices = self.schema.get("anyOf").or(self.schema.get("oneOf"))?.as_array()?;
                let mut real = choices.iter().filter(|choice| choice["type"] != "null");
                real.next().filter(|_| real.next().is_none())
            };
            let only = || {
                let all = self.schema.get("allOf")?.as_array()?;
                all.first().filter(|_| all.len() == 1)
            };
            match target.or_else(only).or_else(other_than_null) {
                Some(schema) => self.schema = schema,
                None => return self,
            }
        }
    }

    /// The names of an object's fields, in the schema's order.
    pub(crate) fn fields(self) -> impl Iterator<Item = &'a str> {
        self.schema["properties"].as_object().into_iter().flat_map(Map::keys).map(String::as_str)
    }

    /// The names of the fields that may not be absent.
    pub(crate) fn required(self) -> impl Iterator<Item = &'a str> {
        self.schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str)
    }

    /// The shape of a field; a dotted name leads into objects: `address.street`.
    pub(crate) fn field(self, name: &str) -> Option<Shape<'a>> {
        name.split('.').try_fold(self, |shape, part| {
            let schema = shape.schema.get("properties")?.get(part)?;
            Some(shape.at(schema))
        })
    }

    fn is(self, kind: &str) -> bool {
        match &self.schema["type"] {
            Value::String(name) => name == kind,
            Value::Array(names) => names.iter().any(|name| name == kind),
            _ => false,
        }
    }

    /// Whether it is a list.
    pub(crate) fn is_list(self) -> bool {
        self.is("array")
    }

    /// The texts it may be, if they are listed.
    fn choices(self) -> Option<Vec<&'a str>> {
        if let Some(listed) = self.schema.get("enum").and_then(Value::as_array) {
            return listed.iter().filter(|value| !value.is_null()).map(Value::as_str).collect();
        }
        let listed = self.schema.get("oneOf").or(self.schema.get("anyOf"))?.as_array()?;
        let mut choices = Vec::new();
        for choice in listed.iter().filter(|choice| choice["type"] != "null") {
            match (choice.get("const"), choice.get("enum").and_then(Value::as_array)) {
                (Some(one), _) => choices.push(one.as_str()?),
                (None, Some(some)) => {
                    let texts: Option<Vec<&str>> = some.iter().map(Value::as_str).collect();
                    choices.extend(texts?);
                }
                (None, None) => return None,
            }
        }
        Some(choices)
    }

    /// In a few words, for help and errors.
    pub(crate) fn described(self) -> String {
        if let Some(choices) = self.choices() {
            return choices.join("|");
        }
        if self.is("array") {
            let items = self.schema.get("items").map(|items| self.at(items).described());
            return format!("list of {}", items.unwrap_or_else(|| "values".to_owned()));
        }
        for (kind, words) in [
            ("integer", "whole number"),
            ("number", "number"),
            ("boolean", "true|false"),
            ("object", "JSON object"),
        ] {
            if self.is(kind) {
                return words.to_owned();
            }
        }
        let format = self.schema.get("format").and_then(Value::as_str);
        format.unwrap_or("text").to_owned()
    }

    /// The value that a text stands for here; the error says what was expected.
    pub(crate) fn value(self, text: &str) -> Result<Value, String> {
        let expected = || format!("`{text}` is no {}", self.described());
        if let Some(choices) = self.choices() {
            if choices.contains(&text) {
                return Ok(Value::from(text));
            }
            let meant = nearest(text, choices.iter().copied());
            let hint = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
            return Err(format!("`{text}` is none of {}{hint}", choices.join(", ")));
        }
        if self.is("integer") {
            return self.integer(text).ok_or_else(expected);
        }
        if self.is("number") {
            let number: Option<Value> = text.trim().parse::<f64>().ok().map(Value::from);
            return number.filter(Value::is_number).ok_or_else(expected);
        }
        if self.is("boolean") {
            return match text.trim().to_ascii_lowercase().as_str() {
                "true" | "yes" | "1" => Ok(Value::Bool(true)),
                "false" | "no" | "0" => Ok(Value::Bool(false)),
                _ => Err(expected()),
            };
        }
        if self.is("array") && !text.trim_start().starts_with('[') {
            let items = self.schema.get("items").map(|items| self.at(items));
            let texts = text.split(ITEM_SEPARATOR).map(str::trim).filter(|item| !item.is_empty());
            let value = |item: &str| items.map_or(Ok(Value::from(item)), |shape| shape.value(item));
            return texts.map(value).collect::<Result<Vec<_>, _>>().map(Value::Array);
        }
        if self.is("array") || self.is("object") {
            let value = serde_json::from_str(text);
            return value.map_err(|error| format!("this is no {}: {error}", self.described()));
        }
        if self.is("string") {
            return Ok(Value::from(text));
        }
        Ok(serde_json::from_str(text).unwrap_or_else(|_| Value::from(text)))
    }

    /// An integer within the bounds of its type.
    fn integer(self, text: &str) -> Option<Value> {
        let number: i64 = text.trim().parse().ok()?;
        let bound = |name: &str| self.schema.get(name).and_then(Value::as_f64);
        let (low, high) = match self.schema.get("format").and_then(Value::as_str) {
            Some("uint8") => (0.0, f64::from(u8::MAX)),
            Some("uint16") => (0.0, f64::from(u16::MAX)),
            Some("uint32") => (0.0, f64::from(u32::MAX)),
            Some("uint64") => (0.0, f64::MAX),
            Some("int8") => (f64::from(i8::MIN), f64::from(i8::MAX)),
            Some("int16") => (f64::from(i16::MIN), f64::from(i16::MAX)),
            Some("int32") => (f64::from(i32::MIN), f64::from(i32::MAX)),
            _ => (f64::MIN, f64::MAX),
        };
        let low = bound("minimum").map_or(low, |bound| bound.max(low));
        let high = bound("maximum").map_or(high, |bound| bound.min(high));
        let inside = (low..=high).contains(&(number as f64));
        inside.then(|| Value::from(number))
    }
}

/// Puts a value under a dotted name, making the objects on the way.
pub(crate) fn put(object: &mut Map<String, Value>, name: &str, value: Value) -> Result<(), String> {
    let (parents, last) = match name.rsplit_once('.') {
        Some((parents, last)) => (Some(parents), last),
        None => (None, name),
    };
    let mut at = object;
    for parent in parents.into_iter().flat_map(|parents| parents.split('.')) {
        let inner = at.entry(parent).or_insert_with(|| Value::Object(Map::new()));
        at = inner.as_object_mut().ok_or_else(|| format!("`{parent}` is given twice"))?;
    }
    match at.insert(last.to_owned(), value) {
        None => Ok(()),
        Some(_) => Err(format!("`{name}` is given twice")),
    }
}

/// The name closest to what somebody typed, if one is close.
pub(crate) fn nearest<'a>(typed: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    names
        .map(|name| (edits(&typed, &name.to_lowercase()), name))
        .min()
        .filter(|(edits, name)| *edits * 3 <= name.len().max(3))
        .map(|(_, name)| name)
}

/// How many letters are added, dropped, changed or swapped with the next from one word to another.
fn edits(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().collect(), other.chars().collect());
    // `rows[i][j]`: from the first i letters of one word to the first j of the other.
    let mut rows = vec![vec![0; other.len() + 1]; one.len() + 1];
    for i in 0..=one.len() {
        for j in 0..=other.len() {
            if i == 0 || j == 0 {
                rows[i][j] = i + j;
                continue;
            }
            let changed = rows[i - 1][j - 1] + usize::from(one[i - 1] != other[j - 1]);
            let mut fewest = changed.min(rows[i - 1][j] + 1).min(rows[i][j - 1] + 1);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                fewest = fewest.min(rows[i - 2][j - 2] + 1);
            }
            rows[i][j] = fewest;
        }
    }
    rows[one.len()][other.len()]
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value, text: &str, expected: Result<Value, &str>) {
        let definitions =
            json!({ "Kind": { "oneOf": [{ "const": "fresh" }, { "const": "dry" }] } });
        let definitions = definitions.as_object().unwrap();
        let found = Shape::new(&schema, definitions).value(text);
        match expected {
            Ok(value) => assert_eq!(found, Ok(value), "{text} as {schema}"),
            Err(part) => {
                let error = found.expect_err(text);
                assert!(error.contains(part), "{error} does not say {part}");
            }
        }
    }

    #[test]
    fn a_text_becomes_what_the_schema_expects() {
        check(json!({ "type": "string" }), "12", Ok(json!("12")));
        check(json!({ "type": "integer", "format": "uint32" }), "12", Ok(json!(12)));
        check(json!({ "type": ["integer", "null"] }), " 12 ", Ok(json!(12)));
        check(json!({ "type": "boolean" }), "TRUE", Ok(json!(true)));
        let texts = json!({ "type": "array", "items": { "type": "string" } });
        check(texts.clone(), "vegan; halal", Ok(json!(["vegan", "halal"])));
        check(texts, "[\"a;b\"]", Ok(json!(["a;b"])));
        check(json!({ "$ref": "#/$defs/Kind" }), "dry", Ok(json!("dry")));
        let maybe = json!({ "anyOf": [{ "$ref": "#/$defs/Kind" }, { "type": "null" }] });
        check(maybe, "fresh", Ok(json!("fresh")));
    }

    #[test]
    fn a_text_that_does_not_fit_is_told_what_would() {
        check(json!({ "type": "integer" }), "a dozen", Err("no whole number"));
        check(json!({ "type": "integer", "format": "uint8" }), "256", Err("no whole number"));
        check(json!({ "type": "integer", "minimum": 1 }), "0", Err("no whole number"));
        check(json!({ "$ref": "#/$defs/Kind" }), "frish", Err("did you mean `fresh`?"));
        check(json!({ "type": "object" }), "{", Err("no JSON object"));
    }

    #[test]
    fn dotted_names_lead_into_objects() {
        let mut object = Map::new();
        put(&mut object, "address.street", json!("Elm")).unwrap();
        put(&mut object, "address.city", json!("Oakland")).unwrap();
        assert_eq!(json!(object), json!({ "address": { "street": "Elm", "city": "Oakland" } }));
        assert!(put(&mut object, "address.city", json!("Here")).unwrap_err().contains("twice"));
    }

    #[test]
    fn only_a_near_name_is_suggested() {
        let names = ["Checkout", "AddToCart"];
        assert_eq!(nearest("chekout", names.into_iter()), Some("Checkout"));
        assert_eq!(nearest("AddToCrat", names.into_iter()), Some("AddToCart"));
        assert_eq!(nearest("Fulfil", names.into_iter()), None);
    }
}
