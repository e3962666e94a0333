//! `cargo xtask VERB`: the project's own tasks, one file per verb.
//!
//! Exit codes: 0 done, 1 a check or a command failed (the last lines say which and how to repeat
//! it), 2 the command line was not understood.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program")]

mod bench;
mod browser;
mod ci;
mod demo;
mod edges;
mod instructions;
mod manual;
mod needs;
mod newcomer;
mod reference;
mod saturday;
mod sim;
mod steps;
mod test;
mod tidy;
mod tree;
mod typescript;
mod usage;

use std::process::ExitCode;

use crate::usage::UsageError;

/// One verb: its name, one line of help, and what runs it with the arguments after it.
struct Verb {
    name: &'static str,
    about: &'static str,
    run: fn(&[String]) -> anyhow::Result<()>,
}

/// Every verb, in the order of the help text.
const VERBS: [Verb; 11] = [
    Verb { name: "demo", about: "build the food bank and serve it here", run: demo::run },
    Verb { name: "test", about: "everything that must hold, as CI runs it", run: test::run },
    Verb {
        name: "tidy",
        about: "the rules no compiler checks: names, sizes, links",
        run: tidy::run,
    },
    Verb { name: "manual", about: "run what the documentation shows", run: manual::run },
    Verb { name: "reference", about: "write docs/reference from the code", run: reference::run },
    Verb { name: "newcomer", about: "time the way to an app of one's own", run: newcomer::run },
    Verb { name: "ci", about: "clone what is committed, and run CI's script there", run: ci::run },
    Verb { name: "sim", about: "simulated crashes, held against what was promised", run: sim::run },
    Verb { name: "bench", about: "measure, beside PostgreSQL", run: bench::run },
    Verb { name: "saturday", about: "a simulated Saturday, with browsers", run: saturday::run },
    Verb {
        name: "instructions",
        about: "count what an order costs the engine",
        run: instructions::run,
    },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match dispatch(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<UsageError>() => {
            eprintln!("xtask: {error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("xtask: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(arguments: &[String]) -> anyhow::Result<()> {
    let Some((name, rest)) = arguments.split_first() else {
        print!("{}", help());
        return Ok(());
    };
    match name.as_str() {
        "help" | "--help" | "-h" => match rest.first() {
            Some(verb) => dispatch(&[verb.clone(), "--help".to_owned()]),
            None => {
                print!("{}", help());
                Ok(())
            }
        },
        name => match VERBS.iter().find(|verb| verb.name == name) {
            Some(verb) => (verb.run)(rest),
            None => {
                let known = VERBS.iter().map(|verb| verb.name);
                Err(usage::unknown("verb", name, known, "cargo xtask help").into())
            }
        },
    }
}

fn help() -> String {
    let mut text =
        String::from("The project's own tasks.\n\nUsage: cargo xtask VERB [OPTIONS]\n\n");
    for Verb { name, about, .. } in &VERBS {
        text.push_str(&format!("  {name:<13}{about}\n"));
    }
    text.push_str("\n`cargo xtask VERB --help` says what a verb does and takes.\n");
    text
}
