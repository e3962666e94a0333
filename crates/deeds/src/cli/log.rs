//! `log`: the records of the chronicle, for people or as JSON; beside a live server.

use std::io::Write;
use std::sync::{Arc, RwLock};
use std::thread;
use std::time::Duration;

use deeds_pipeline::entry::{Entry, EntryReader};
use deeds_pipeline::names::Names;
use deeds_values::Position;
use serde_json::Value;

use crate::cli::arguments::short_name;
use crate::cli::exit::{Exit, Failure};
use crate::cli::place::DataArguments;
use crate::program::Program;

/// Show what was wanted, by whom, and what came of it
///
/// One line per record: position, time, actor, command, outcome, arguments. Reads the chronicle
/// itself, also while a server writes it. Arguments may hold personal data.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Start at this position.
    #[arg(long, value_name = "POSITION", default_value_t = 0)]
    from: u64,
    /// End before this position.
    #[arg(long, value_name = "POSITION")]
    to: Option<u64>,
    /// Only commands of this name, or records of this kind, like genesis.
    #[arg(long = "type", value_name = "NAME")]
    of_type: Option<String>,
    /// Only what this actor did.
    #[arg(long, value_name = "ACTOR")]
    actor: Option<String>,
    /// Wait for more at the end.
    #[arg(long, short, conflicts_with = "to")]
    follow: bool,
    /// One JSON object per line, with everything.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArguments,
}

/// How long the end is left alone before it is looked at again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(100);
/// The longest arguments on one line for people, in characters.
const ARGUMENT_CHARS_MAX: usize = 120;

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let reader = arguments.data.reader(program.name)?;
    let names = Arc::new(RwLock::new(Names::default()));
    let entries = EntryReader::new(program.name, reader.lineage(), names);
    // From the start, whatever `--from` says: names are numbers that earlier records define.
    let mut records = reader.stream(Position(0));
    loop {
        let Some(record) = records.next() else {
            out.flush()?;
            if !arguments.follow {
                return Ok(Exit::Done);
            }
            thread::sleep(FOLLOW_PAUSE);
            continue;
        };
        let record = record.map_err(|error| arguments.data.located(program.name, error))?;
        entries.learn(&record);
        let position = record.position().0;
        if arguments.to.is_some_and(|to| position >= to) {
            out.flush()?;
            return Ok(Exit::Done);
        }
        if position < arguments.from {
            continue;
        }
        let entry = entries.entry(&record);
        if arguments.wants(&entry) {
            if arguments.json {
                serde_json::to_writer(&mut *out, &entry).map_err(std::io::Error::from)?;
                out.write_all(b"\n")?;
            } else {
                writeln!(out, "{}", line(&entry))?;
            }
        }
    }
}

impl Arguments {
    fn wants(&self, entry: &Entry) -> bool {
        let of_type = self.of_type.as_ref().is_none_or(|wanted| match &entry.command {
            Some(command) => command == wanted || short_name(command) == wanted,
            None => entry.kind == wanted,
        });
        let by_actor = self.actor.is_none() || self.actor == entry.actor;
        of_type && by_actor
    }
}

/// A record in one line for people.
fn line(entry: &Entry) -> String {
    let (position, time) = (entry.position, entry.time);
    let Some(command) = &entry.command else {
        let said = entry.system.as_ref().map(system_in_short).unwrap_or_default();
        return format!("{position:>8}  {time}  ({}) {said}", entry.kind);
    };
    let actor = entry.actor.as_deref().unwrap_or("-");
    let arguments = entry.arguments.as_ref().map(in_short).unwrap_or_default();
    let outcome = match (&entry.outcome, &entry.refusal) {
        (Some("refused"), Some(refusal)) => match refusal["code"].as_str() {
            Some(code) => format!("refused: {code}"),
            None => "refused".to_owned(),
        },
        (Some("bug"), Some(bug)) => match bug["reference"].as_str() {
            Some(reference) => format!("bug {reference}"),
            None => "bug".to_owned(),
        },
        (Some(outcome), _) => (*outcome).to_owned(),
        (None, _) => "-".to_owned(),
    };
    let command = short_name(command);
    format!("{position:>8}  {time}  {actor:<12} {command:<20} {outcome:<10}  {arguments}")
}

/// Arguments as `name=value`, cut to what fits a line.
fn in_short(arguments: &Value) -> String {
    let text = match arguments {
        Value::Object(fields) => {
            let shown = fields.iter().map(|(name, value)| match value {
                Value::String(text) => format!("{name}={text:?}"),
                other => format!("{name}={other}"),
            });
            shown.collect::<Vec<_>>().join(" ")
        }
        other => other.to_string(),
    };
    cut(text)
}

/// A system record's body without the parts that fill pages.
fn system_in_short(system: &Value) -> String {
    let mut system = system.clone();
    if let Value::Object(fields) = &mut system {
        fields.remove("schema");
    }
    in_short(&system)
}

fn cut(text: String) -> String {
    match text.char_indices().nth(ARGUMENT_CHARS_MAX) {
        None => text,
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}
