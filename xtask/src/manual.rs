//! The step `manual`: every command that a page shows is run, and prints what the page says.
//!
//! 1. The programs that pages speak of are built.
//! 2. Each page is a session in a directory of its own ([`session`]): its blocks run in order, in one
//!    shell, against servers of its own on a free port. Pages run one after the other.
//! 3. What was printed is held against what is shown ([`likeness`]).
//!
//! What needs no program is held by `cargo xtask tidy`: that code stands in a file that is compiled
//! and tested, and that every block is of a kind that somebody holds to its word.

mod likeness;
pub(crate) mod page;
mod session;

use std::process::Command;

use anyhow::{Context as _, bail};

use crate::manual::session::Session;
use crate::reference::command_line;
use crate::tree::{self, Tree};
use crate::usage::{self, Flag, Others};
use crate::{needs, steps, test};

const HELP: &str = "\
Runs every command that a page of the documentation shows, and compares what it prints.

Usage: cargo xtask manual [--page PATH]...

  --page PATH  only this page, like docs/cli.md; may be repeated
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given =
        usage::parse("manual", arguments, &[Flag::with("--page", "path")], Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    needs::meet(&[&needs::GIT, &needs::CURL, &needs::OPENSSL])?;
    let mut build =
        tree::cargo(&["build", "--quiet", "--package", "food-bank", "--package", "todo"]);
    pages(&mut build, &given.values("--page"))
}

/// The step after the tests: what they built is not built again in another way.
pub(crate) fn check_after_tests() -> anyhow::Result<()> {
    pages(&mut tree::built_with_tests(), &[])
}

fn pages(build: &mut Command, only: &[&str]) -> anyhow::Result<()> {
    test::strict(build);
    steps::program(build)?;
    let tree = Tree::read()?;
    let mut wrong = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md") && !file.is_fixture()) {
        if !only.is_empty() && !only.contains(&file.path.as_str()) {
            continue;
        }
        let blocks = page::blocks(&file.text);
        let blocks = blocks.map_err(|unknown| anyhow::anyhow!("{}: {unknown}", file.path))?;
        let session = Session::of(&file.path, &blocks);
        if session.is_empty() {
            continue;
        }
        let run = session.run().with_context(|| format!("running {}", file.path))?;
        println!("   {}: {} commands in {:.1} s", file.path, run.commands, run.taken.as_secs_f64());
        wrong.extend(run.wrong);
    }
    if only.is_empty()
        && let Err(error) = command_line::check()
    {
        wrong.push(error.to_string());
    }
    for what in &wrong {
        println!("\n{what}");
    }
    match wrong.len() {
        0 => Ok(()),
        1 => bail!("manual: 1 thing is not as shown"),
        count => bail!("manual: {count} things are not as shown"),
    }
}
