//! `command NAME`: sends one command to a running server.

use std::io::{IsTerminal, Write, stdout};

use deeds_values::CommandId;
use serde_json::Value;
use uuid::Uuid;

use crate::cli::arguments::{self, Given, Kind};
use crate::cli::exit::{Exit, Failure};
use crate::cli::remote::{Remote, RemoteArguments, said_no};
use crate::program::Program;

/// Send a command
///
/// Its id makes it safe to repeat: the same command with the same id is done once and answered
/// again. Without --id a new one is made; it is named when the outcome is unknown.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The command, like Checkout; `schema` lists them.
    command: String,
    #[command(flatten)]
    given: Given,
    /// What makes it the same command when sent again: a UUIDv7, or source/number.
    #[arg(long, value_name = "ID")]
    id: Option<CommandId>,
    /// Everything the server said: lineage, position and answer, or what was wrong.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    remote: RemoteArguments,
}

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let schema = (program.schema)();
    let (name, shape) = arguments::find(&schema, Kind::Command, &arguments.command)?;
    let given = arguments.given.object(shape)?;
    let remote = Remote::connect(program.name, &arguments.remote, false)?;
    let id = match &arguments.id {
        Some(id) => id.to_string(),
        None => Uuid::now_v7().to_string(),
    };
    let unsure = |failure: Failure| {
        let again = format!("Whether it was recorded is unknown; repeat it with --id {id}.");
        failure.advise(again)
    };
    let answered =
        remote.post(&format!("/v1/commands/{name}"), &given, Some(&id)).map_err(unsure)?;
    let pretty = stdout().is_terminal();
    if arguments.json {
        match pretty {
            true => writeln!(out, "{:#}", answered.body)?,
            false => writeln!(out, "{}", answered.body)?,
        }
        out.flush()?;
        return match answered.is_success() {
            true => Ok(Exit::Done),
            false => Ok(said_no(&answered).exit),
        };
    }
    match answered.status {
        200 => {
            match &answered.body["answer"] {
                Value::Null => writeln!(out, "accepted, position {}", answered.body["position"])?,
                answer => writeln!(out, "{answer:#}")?,
            }
            out.flush()?;
            Ok(Exit::Done)
        }
        500 | 503 | 504 => Err(unsure(said_no(&answered))),
        _ => Err(said_no(&answered)),
    }
}
