//! `query NAME`: asks a running server, or with `--offline` the chronicle itself.

use std::io::{IsTerminal, Write, stderr, stdout};

use deeds_engine::actor::Roles;
use deeds_engine::app::QueryError;
use deeds_pipeline::host::QueryFailure;
use deeds_pipeline::reply::Caller;
use serde_json::Value;

use crate::cli::arguments::{self, Given, Kind};
use crate::cli::exit::{Exit, Failure};
use crate::cli::progress::Records;
use crate::cli::remote::{Remote, RemoteArguments, said_no};
use crate::cli::verify::refold_failure;
use crate::program::Program;

/// Ask a question
///
/// Asks a running server. With --offline it needs none: the records are folded here, beside a live
/// server or without one, and whoever may read the chronicle may ask as anybody.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The query, like Catalogue; `schema` lists them.
    query: String,
    #[command(flatten)]
    given: Given,
    /// Answer from a state that includes this position.
    #[arg(long, value_name = "POSITION", conflicts_with = "offline")]
    at_least: Option<u64>,
    /// Fold the chronicle instead of asking a server.
    #[arg(long)]
    offline: bool,
    /// Everything the server said: lineage, position, time and answer.
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
    let (name, shape) = arguments::find(&schema, Kind::Query, &arguments.query)?;
    let given = arguments.given.object(shape)?;
    let body = match arguments.offline {
        true => offline(program, arguments, name, &given)?,
        false => online(program, arguments, name, &given)?,
    };
    let shown = if arguments.json { &body } else { &body["answer"] };
    match stdout().is_terminal() || !arguments.json {
        true => writeln!(out, "{shown:#}")?,
        false => writeln!(out, "{shown}")?,
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn online(
    program: &Program,
    arguments: &Arguments,
    name: &str,
    given: &Value,
) -> Result<Value, Failure> {
    let remote = Remote::connect(program.name, &arguments.remote, false)?;
    let given = given.to_string();
    let at_least = arguments.at_least.map(|position| position.to_string());
    let mut parameters = vec![("args", given.as_str())];
    parameters.extend(at_least.as_deref().map(|position| ("at_least", position)));
    let answered = remote.get(&format!("/v1/queries/{name}"), &parameters)?;
    if answered.is_success() { Ok(answered.body) } else { Err(said_no(&answered)) }
}

fn offline(
    program: &Program,
    arguments: &Arguments,
    name: &str,
    given: &Value,
) -> Result<Value, Failure> {
    let reader = arguments.remote.key.data.reader(program.name)?;
    let mut progress = Records::new("folded", stderr().is_terminal(), arguments.json);
    let folded = (program.refold)(&reader, &mut |done, end| progress.set(done.0, end.0))
        .map_err(refold_failure)?;
    progress.finish(folded.records);
    let caller = Caller {
        actor: arguments.remote.actor.clone(),
        roles: Roles::named(arguments.remote.roles.iter().cloned()),
        credential: "local".to_owned(),
    };
    let answer = (folded.query)(&caller, name, given.to_string().as_bytes()).map_err(failure)?;
    let value: Value = serde_json::from_slice(&answer.json).expect("a query answers JSON");
    Ok(serde_json::json!({
        "lineage": reader.lineage(),
        "position": answer.position,
        "time": answer.time,
        "answer": value,
    }))
}

fn failure(error: QueryFailure) -> Failure {
    match error {
        QueryFailure::Unknown(_) => Failure::usage(error.to_string()),
        QueryFailure::Query(QueryError::Arguments(wrong)) if !wrong.field.is_empty() => {
            Failure::usage(format!("`{}`: {}", wrong.field, wrong.reason))
        }
        QueryFailure::Query(QueryError::Arguments(wrong)) => Failure::usage(wrong.reason),
        QueryFailure::Query(QueryError::Denied(reason)) => {
            Failure::new(Exit::SaidNo, reason).advise("Ask as somebody else with --as and --role.")
        }
        QueryFailure::Query(
            QueryError::Excess { .. } | QueryError::Unbounded | QueryError::Inexact { .. },
        ) => Failure::failed(error.to_string()),
    }
}
