//! `schema`: what the app is made of; and `schema lock`, which keeps its stored types as they are.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use deeds_engine::schema::{AppSchema, SchemaLock};

use crate::cli::arguments::short_name;
use crate::cli::exit::{Exit, Failure};
use crate::cli::typed::Shape;
use crate::program::Program;
use crate::seed::Seed;

/// Show the commands, events, queries and tables
#[derive(Debug, clap::Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    what: Option<What>,
    /// Everything, as JSON: what generators of clients read.
    #[arg(long)]
    json: bool,
    /// The HTTP interface as an OpenAPI 3.1 document, as a server has it at /openapi.json.
    #[arg(long, conflicts_with = "json")]
    openapi: bool,
}

#[derive(Debug, clap::Subcommand)]
enum What {
    /// Write schema.lock: the stored types as they are now
    ///
    /// History is read by these types for ever. The file is committed, and a test holds it against
    /// the code, so that a change to a stored type is seen before it meets old records.
    Lock {
        /// The file.
        #[arg(long, default_value = "schema.lock", value_name = "FILE")]
        file: PathBuf,
        /// Only compare; exit with 1 if the code differs.
        #[arg(long)]
        check: bool,
    },
}

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    match &arguments.what {
        Some(What::Lock { file, check: true }) => {
            compare(&(program.lock)(), file).map_err(|differs| {
                Failure::failed(differs)
                    .advise("If that is meant, `schema lock` writes the file anew.")
            })?;
            writeln!(out, "{} is as the code", file.display())?;
        }
        Some(What::Lock { file, check: false }) => {
            let mut text = serde_json::to_string_pretty(&(program.lock)()).expect("a lock is JSON");
            text.push('\n');
            fs::write(file, text).map_err(|error| {
                Failure::failed(format!("cannot write {}: {error}", file.display()))
            })?;
            writeln!(out, "{} written; commit it", file.display())?;
        }
        None => {
            let schema = (program.schema)();
            if arguments.json {
                writeln!(
                    out,
                    "{}",
                    serde_json::to_string_pretty(&schema).expect("a schema is JSON")
                )?;
            } else if arguments.openapi {
                writeln!(out, "{:#}", deeds_server::openapi(&schema))?;
            } else {
                show(&schema, out)?;
            }
        }
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// Holds a committed `schema.lock` against an app's code: for the app's own tests.
///
/// ```ignore
/// #[test]
/// fn stored_types_are_as_locked() {
///     deeds::schema_lock_matches::<FoodBank>("schema.lock").unwrap();
/// }
/// ```
pub fn schema_lock_matches<A: Seed>(path: impl AsRef<Path>) -> Result<(), String> {
    compare(&SchemaLock::of::<A>(), path.as_ref())
}

fn compare(code: &SchemaLock, file: &Path) -> Result<(), String> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| format!("cannot read {shown}: {error}"))?;
    let locked: SchemaLock =
        serde_json::from_str(&text).map_err(|error| format!("{shown} is no lock: {error}"))?;
    let differences = locked.differences(code);
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!("{shown} and the code differ:\n  {}", differences.join("\n  ")))
}

fn show(schema: &AppSchema, out: &mut dyn Write) -> std::io::Result<()> {
    writeln!(out, "Commands of {}:", schema.app)?;
    for (name, command) in &schema.commands {
        writeln!(out, "  {}{}", short_name(name), fields(schema, &command.arguments))?;
        writeln!(out, "      {}", first_line(&command.doc))?;
        if !command.refusals.is_empty() {
            let codes: Vec<&str> = command.refusals.keys().map(String::as_str).collect();
            writeln!(out, "      refused as: {}", codes.join(", "))?;
        }
    }
    writeln!(out, "\nQueries:")?;
    for (name, query) in &schema.queries {
        writeln!(out, "  {}{}", short_name(name), fields(schema, &query.arguments))?;
        writeln!(out, "      {}", first_line(&query.doc))?;
    }
    writeln!(out, "\nEvents:")?;
    for (name, event) in &schema.events {
        writeln!(out, "  {}{}", short_name(name), fields(schema, &event.schema))?;
        writeln!(out, "      {}", first_line(&event.doc))?;
    }
    writeln!(out, "\nTables:")?;
    for (table, row) in &schema.tables {
        writeln!(out, "  {table} of {row}")?;
    }
    Ok(())
}

/// ` sku=text [quantity=whole number]`: optional fields in brackets.
fn fields(schema: &AppSchema, arguments: &serde_json::Value) -> String {
    let shape = Shape::new(arguments, &schema.definitions);
    let required: Vec<&str> = shape.required().collect();
    let shown = shape.fields().map(|name| {
        let kind = shape.field(name).map(Shape::described).unwrap_or_default();
        match required.contains(&name) {
            true => format!(" {name}=<{kind}>"),
            false => format!(" [{name}=<{kind}>]"),
        }
    });
    shown.collect()
}

fn first_line(doc: &str) -> &str {
    doc.lines().next().unwrap_or_default().trim()
}
