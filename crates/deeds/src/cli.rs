//! The command line, the same for every app: one file per verb, listed in [`Verb`].
//!
//! Each verb's file has the same sections in the same order: its arguments, with the help as their
//! documentation; `run`; what `run` needs. `run` writes to `out` and ends with an exit code or a
//! failure; [`main`] is the one place that prints failures.
//!
//! Beside the verbs: [`exit`], codes and failures; [`place`], where files lie; [`remote`], a running
//! server; [`opening`], the chronicle opened to decide; [`against`], a checkpoint held against it;
//! [`archive`], an archive to restore from; [`arguments`], [`typed`], [`sheet`], from text to JSON by
//! schema; [`progress`]; [`logging`].

mod against;
mod archive;
mod arguments;
mod backup;
mod checkpoint;
mod codegen;
mod command;
mod drill;
mod exit;
mod import;
mod info;
mod log;
mod logging;
mod opening;
mod place;
mod progress;
mod query;
mod remote;
mod restore;
pub(crate) mod schema;
mod seed;
mod serve;
mod sheet;
mod state;
mod token;
mod typed;
mod verify;

use std::io::{BufWriter, Write, stdout};
use std::process::ExitCode;

use clap::{CommandFactory, FromArgMatches};

use crate::cli::exit::{EXIT_CODES_HELP, Exit, Failure};
use crate::program::Program;

/// An app on Deeds
#[derive(Debug, clap::Parser)]
#[command(
    version,
    subcommand_required = true,
    arg_required_else_help = true,
    after_help = EXIT_CODES_HELP
)]
struct CommandLine {
    #[command(subcommand)]
    verb: Verb,
}

/// Every verb, in the order of the help text.
#[derive(Debug, clap::Subcommand)]
enum Verb {
    Serve(serve::Arguments),
    Query(query::Arguments),
    Command(command::Arguments),
    Import(import::Arguments),
    Log(log::Arguments),
    Info(info::Arguments),
    State(state::Arguments),
    Verify(verify::Arguments),
    Checkpoint(checkpoint::Arguments),
    Backup(backup::Arguments),
    Restore(restore::Arguments),
    Drill(drill::Arguments),
    Schema(schema::Arguments),
    Codegen(codegen::Arguments),
    Token(token::Arguments),
    Seed(seed::Arguments),
}

/// Runs a program's command line.
pub(crate) fn main(program: &Program) -> ExitCode {
    let command = CommandLine::command().name(program.name).bin_name(program.name);
    let parsed =
        command.try_get_matches().and_then(|matches| CommandLine::from_arg_matches(&matches));
    let command_line = match parsed {
        Ok(command_line) => command_line,
        Err(error) => {
            let code = u8::try_from(error.exit_code()).unwrap_or(Exit::Usage as u8);
            // The terminal is gone when this fails: nobody is there to be told.
            let _ = error.print();
            return ExitCode::from(code);
        }
    };
    let mut out = BufWriter::new(stdout().lock());
    let ended = command_line.verb.run(program, &mut out);
    drop(out);
    match ended {
        Ok(exit) => exit.into(),
        Err(failure) => {
            tell(program.name, &failure);
            failure.exit.into()
        }
    }
}

impl Verb {
    fn run(&self, program: &Program, out: &mut dyn Write) -> Result<Exit, Failure> {
        match self {
            Self::Serve(arguments) => serve::run(program, arguments, out),
            Self::Query(arguments) => query::run(program, arguments, out),
            Self::Command(arguments) => command::run(program, arguments, out),
            Self::Import(arguments) => import::run(program, arguments, out),
            Self::Log(arguments) => log::run(program, arguments, out),
            Self::Info(arguments) => info::run(program, arguments, out),
            Self::State(arguments) => state::run(program, arguments, out),
            Self::Verify(arguments) => verify::run(program, arguments, out),
            Self::Checkpoint(arguments) => checkpoint::run(program, arguments, out),
            Self::Backup(arguments) => backup::run(program, arguments, out),
            Self::Restore(arguments) => restore::run(program, arguments, out),
            Self::Drill(arguments) => drill::run(program, arguments, out),
            Self::Schema(arguments) => schema::run(program, arguments, out),
            Self::Codegen(arguments) => codegen::run(program, arguments, out),
            Self::Token(arguments) => token::run(program, arguments, out),
            Self::Seed(arguments) => seed::run(program, arguments, out),
        }
    }
}

/// Prints why a verb failed and what can be done.
#[expect(clippy::print_stderr, reason = "the one place where failures are told")]
fn tell(name: &str, failure: &Failure) {
    if failure.exit == Exit::Done {
        return;
    }
    eprintln!("{name}: {}", failure.what);
    if let Some(advice) = &failure.advice {
        eprintln!("{advice}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        CommandLine::command().debug_assert();
    }

    #[test]
    fn a_mistyped_verb_is_set_right() {
        let error = CommandLine::command().try_get_matches_from(["app", "verfy"]).unwrap_err();
        assert!(error.to_string().contains("'verify'"), "{error}");
        assert_eq!(error.exit_code(), Exit::Usage as i32);
    }
}
