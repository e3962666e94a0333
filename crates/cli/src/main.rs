//! `deeds`, the way in: `new` makes an app, `dev` runs it while it is written.
//!
//! In reading order: [`new`], of a [`template`] that is the smallest example, beside the [`checkout`] it
//! depends on; then [`dev`], which builds the [`app`] of a folder, watches its [`sources`], runs it as a
//! [`child`] with its [`page`] beside it, and [`compare`]s what new code makes of what is recorded.
//!
//! Whoever tries Deeds compiles this first, so it depends on next to nothing.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a terminal program")]

mod app;
mod checkout;
mod child;
mod compare;
mod dev;
mod new;
mod page;
mod sources;
mod template;

use std::fmt;
use std::process::ExitCode;

const HELP: &str = "\
Makes an app on Deeds, and runs it while it is written.

Usage: deeds new PATH
       deeds dev [--port N] [--no-page]

  new PATH     makes a small app that runs and tests at once; its name is the last part of the path
  dev          builds and runs the app of this folder, again after every change, and keeps its data
    --port N   serve on this port (default 8080, or the next free one)
    --no-page  leave its page alone: the server only

Everything else is done by the app's own program: `cargo run -- --help`.
";

/// Why it was not done, and what can be done about it.
#[derive(Debug)]
pub(crate) struct Failure {
    what: String,
    advice: Option<String>,
    /// The command line was not understood.
    is_usage: bool,
}

impl Failure {
    pub(crate) fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), advice: None, is_usage: false }
    }

    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self { is_usage: true, ..Self::new(what) }.advise("`deeds --help` says how it is used.")
    }

    pub(crate) fn advise(self, advice: impl Into<String>) -> Self {
        Self { advice: Some(advice.into()), ..self }
    }

    /// What was being done to a place when the system said no.
    pub(crate) fn at(
        doing: &'static str,
        place: &std::path::Path,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let place = place.display().to_string();
        move |error| Self::new(format!("cannot {doing} {place}: {error}"))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)?;
        self.advice.iter().try_for_each(|advice| write!(f, "\n{advice}"))
    }
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [] | ["--help" | "-h" | "help", ..] | [_, "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        ["new", path] if !path.starts_with('-') => new::run(path),
        ["new", ..] => Err(Failure::usage("`new` takes where the app is to be, and nothing else")),
        ["dev", ref options @ ..] => {
            dev::Options::parse(options).and_then(|options| dev::run(&options))
        }
        [verb, ..] => Err(Failure::usage(format!("there is no `{verb}`: only `new` and `dev`"))),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("deeds: {failure}");
            ExitCode::from(if failure.is_usage { 2 } else { 1 })
        }
    }
}
