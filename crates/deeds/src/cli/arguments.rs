//! The arguments of a command or a query as people type them: `--args JSON`, or `name=value …`.

use deeds_engine::schema::AppSchema;
use serde_json::{Map, Value};

use crate::cli::exit::Failure;
use crate::cli::typed::{self, Shape};

/// Arguments by JSON or by name.
#[derive(Debug, clap::Args)]
pub(crate) struct Given {
    /// One argument each, like sku=rice-1kg quantity=2; lists are split at `;`, a dotted name leads
    /// into an object.
    #[arg(value_name = "NAME=VALUE")]
    pub named: Vec<String>,
    /// All arguments as a JSON object.
    #[arg(long, value_name = "JSON", conflicts_with = "named")]
    pub args: Option<String>,
}

impl Given {
    /// The arguments as JSON, typed by the schema.
    pub(crate) fn object(&self, shape: Shape<'_>) -> Result<Value, Failure> {
        if let Some(text) = &self.args {
            return serde_json::from_str(text)
                .map_err(|error| Failure::usage(format!("--args is no JSON: {error}")));
        }
        let mut object = Map::new();
        for word in &self.named {
            let (name, text) = word.split_once('=').ok_or_else(|| {
                Failure::usage(format!("`{word}` is no name=value")).advise(takes(shape))
            })?;
            let field = shape.field(name).ok_or_else(|| unknown_field(name, shape))?;
            let value = field.value(text);
            let value = value.map_err(|why| Failure::usage(format!("`{name}`: {why}")))?;
            typed::put(&mut object, name, value).map_err(Failure::usage)?;
        }
        Ok(Value::Object(object))
    }
}

/// What the command or query takes, in one line.
fn takes(shape: Shape<'_>) -> String {
    let required: Vec<&str> = shape.required().collect();
    let fields: Vec<String> = shape
        .fields()
        .map(|name| {
            let kind = shape.field(name).map(Shape::described).unwrap_or_default();
            let optional = if required.contains(&name) { "" } else { ", optional" };
            format!("{name} ({kind}{optional})")
        })
        .collect();
    match fields.as_slice() {
        [] => "It takes no arguments.".to_owned(),
        _ => format!("It takes {}.", fields.join(", ")),
    }
}

/// A field that the schema does not have.
pub(crate) fn unknown_field(name: &str, shape: Shape<'_>) -> Failure {
    let meant = typed::nearest(name, shape.fields());
    let hint = meant.map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    Failure::usage(format!("there is no argument `{name}`{hint}")).advise(takes(shape))
}

/// What can be asked for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A command.
    Command,
    /// A query.
    Query,
}

/// Finds a command or a query by `Name` or `app/Name`; gives its own name and the shape of its
/// arguments.
pub(crate) fn find<'a>(
    schema: &'a AppSchema,
    kind: Kind,
    name: &str,
) -> Result<(&'a str, Shape<'a>), Failure> {
    let full = if name.contains('/') { name.to_owned() } else { format!("{}/{name}", schema.app) };
    let (word, found) = match kind {
        Kind::Command => {
            ("command", schema.commands.get_key_value(&full).map(|(k, c)| (k, &c.arguments)))
        }
        Kind::Query => {
            ("query", schema.queries.get_key_value(&full).map(|(k, q)| (k, &q.arguments)))
        }
    };
    if let Some((key, arguments)) = found {
        let short = key.split_once('/').map_or(key.as_str(), |(_, name)| name);
        return Ok((short, Shape::new(arguments, &schema.definitions)));
    }
    let names: Vec<&str> = match kind {
        Kind::Command => schema.commands.keys().map(|key| short_name(key)).collect(),
        Kind::Query => schema.queries.keys().map(|key| short_name(key)).collect(),
    };
    let typed = short_name(&full);
    let hint = typed::nearest(typed, names.iter().copied())
        .map_or_else(String::new, |meant| format!("; did you mean `{meant}`?"));
    let many = if kind == Kind::Command { "Commands" } else { "Queries" };
    Err(Failure::usage(format!("there is no {word} `{name}`{hint}"))
        .advise(format!("{many}: {}.", names.join(", "))))
}

/// The part of `app/Name` behind the app.
pub(crate) fn short_name(full: &str) -> &str {
    full.split_once('/').map_or(full, |(_, name)| name)
}
