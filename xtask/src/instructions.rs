//! `cargo xtask instructions`: what one order costs the engine, counted in instructions and held
//! against what was written down. Time on a shared machine says little; this says the same on every
//! run, so a change that makes orders dearer is seen in the change itself.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Context as _, bail};

use crate::needs::{self, VALGRIND};
use crate::usage::{self, Flag, Others};
use crate::{steps, tree};

const HELP: &str = "\
Counts the instructions of one order: to decide it (authorize, decide, evolve, encode) and to fold
its changes into the published state. Hashing and writing are left out.

Usage: cargo xtask instructions [--write]

  --write  write the counts down as what an order may cost from now on

Without it the counts are held against bench/instructions/counts.txt: more than 3 % above is an
error, more than 3 % below asks to be written down.
";

/// Where the counts are written down.
const COUNTS: &str = "bench/instructions/counts.txt";

/// The functions that are counted, as `deeds-instructions` names them, and what their count is called.
const COUNTED: [(&str, &str); 2] = [("counted_decide", "decide"), ("counted_fold", "fold")];

/// How many orders `deeds-instructions` has counted.
const ORDERS: u64 = 4_096;

/// What may come from the seeds of hash maps and from another processor's way to copy bytes.
const TOLERANCE_PERCENT: u64 = 3;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given =
        usage::parse("instructions", arguments, &[Flag::alone("--write")], Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    if given.has("--write") { write() } else { check() }
}

/// The step of `cargo xtask test`.
pub(crate) fn check() -> anyhow::Result<()> {
    let counted = count()?;
    let file = tree::root().join(COUNTS);
    let written = fs::read_to_string(&file).with_context(|| format!("cannot read {COUNTS}"))?;
    let mut dearer = Vec::new();
    for (name, instructions) in counted {
        let Some(before) = written_down(&written, name) else {
            bail!("{COUNTS} has no count for `{name}`: cargo xtask instructions --write");
        };
        println!("   {name}: {instructions} instructions an order, written down are {before}");
        match compare(instructions, before) {
            Finding::Dearer => dearer.push(name),
            Finding::Cheaper => {
                println!("   {name} has become cheaper: cargo xtask instructions --write");
            }
            Finding::AsBefore => {}
        }
    }
    if !dearer.is_empty() {
        bail!(
            "dearer by more than {TOLERANCE_PERCENT} %: {}. If that is worth it, write it down with \
             `cargo xtask instructions --write` and say in the commit what it buys",
            dearer.join(", ")
        );
    }
    Ok(())
}

fn write() -> anyhow::Result<()> {
    let mut text = String::from(
        "# Instructions of one order, as `cargo xtask instructions --write` counted them.\n",
    );
    for (name, instructions) in count()? {
        println!("   {name}: {instructions} instructions an order");
        text.push_str(&format!("{name} {instructions}\n"));
    }
    fs::write(tree::root().join(COUNTS), text).with_context(|| format!("cannot write {COUNTS}"))
}

fn count() -> anyhow::Result<Vec<(&'static str, u64)>> {
    needs::meet(&[&VALGRIND])?;
    let mut build = tree::cargo(&["build", "--profile", "demo", "--package", "deeds-instructions"]);
    crate::test::strict(&mut build);
    steps::program(&mut build)?;
    let program = tree::target().join("demo/deeds-instructions");
    let count = |(function, name)| Ok((name, instructions_in(&program, function)? / ORDERS));
    COUNTED.into_iter().map(count).collect()
}

/// Instructions of a function and of all that it calls.
fn instructions_in(program: &Path, function: &str) -> anyhow::Result<u64> {
    let file = tree::target().join(format!("{function}.callgrind"));
    let valgrind = VALGRIND.find().unwrap_or_else(|| VALGRIND.program.into());
    let mut command = Command::new(valgrind);
    command.args(["-q", "--tool=callgrind", "--collect-atstart=no"]);
    command.arg(format!("--toggle-collect=*{function}*"));
    command.arg(format!("--callgrind-out-file={}", file.display()));
    tree::output(command.arg(program))?;
    let out = fs::read_to_string(&file)?;
    let totals = out.lines().find_map(|line| line.strip_prefix("totals: "));
    let totals = totals.context("callgrind wrote no totals")?.trim().parse()?;
    if totals == 0 {
        bail!("callgrind has not met `{function}`");
    }
    Ok(totals)
}

/// The count that a line of the file gives this name.
fn written_down(text: &str, name: &str) -> Option<u64> {
    let mut lines = text.lines().filter_map(|line| line.split_once(' '));
    lines.find(|(first, _)| *first == name)?.1.parse().ok()
}

#[derive(Debug, PartialEq, Eq)]
enum Finding {
    Dearer,
    Cheaper,
    AsBefore,
}

fn compare(instructions: u64, before: u64) -> Finding {
    let tolerance = before * TOLERANCE_PERCENT / 100;
    if instructions > before + tolerance {
        Finding::Dearer
    } else if instructions + tolerance < before {
        Finding::Cheaper
    } else {
        Finding::AsBefore
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_found_by_its_name() {
        let text = "# Instructions\ndecide 16100\nfold 9400\n";
        assert_eq!(written_down(text, "fold"), Some(9_400));
        assert_eq!(written_down(text, "hash"), None);
    }

    #[test]
    fn three_in_a_hundred_are_tolerated_either_way() {
        for (instructions, finding) in [
            (1_031, Finding::Dearer),
            (1_030, Finding::AsBefore),
            (970, Finding::AsBefore),
            (969, Finding::Cheaper),
        ] {
            assert_eq!(compare(instructions, 1_000), finding, "{instructions}");
        }
    }
}
