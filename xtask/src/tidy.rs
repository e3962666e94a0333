//! `cargo xtask tidy`: the rules of CONTRIBUTING.md that no compiler checks, one file per rule.
//!
//! In reading order:
//! - [`opening`]: every Rust file says first what it is for;
//! - [`names`]: banned words, and the glossary's rejected synonyms;
//! - [`reach`]: no Rust file that no `mod` leads to;
//! - [`length`]: files and functions of readable size, with a ratchet for the exceptions;
//! - [`current`]: what is made from the code is current, and constants that pages name exist;
//! - [`links`]: Markdown links lead somewhere;
//! - [`shown`]: what pages show stands in a file that is tested, or is run;
//! - [`machine`]: no paths and hosts of one machine;
//! - [`manifests`]: dependencies listed once, lints and clippy settings in force everywhere;
//! - [`rust_text`]: what is code in a Rust file and what is text, for the rules above.

mod current;
mod length;
mod links;
mod machine;
mod manifests;
mod names;
mod opening;
mod reach;
mod rust_text;
mod shown;

use anyhow::{Context as _, bail};

use crate::needs::{self, GIT};
use crate::tree::{self, Tree};
use crate::usage::{self, Flag, Others};

const HELP: &str = "\
Checks what no compiler checks: opening lines, names, dead files, sizes, links, manifests.

Usage: cargo xtask tidy [--shrink]

  --shrink  write the sizes reached into xtask/tidy-ratchet.txt, where they are smaller
";

/// A place where a rule is broken, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    /// Counted from 1; 0 is the file as a whole.
    line: usize,
    what: String,
}

impl Finding {
    fn at(path: &str, line: usize, what: impl Into<String>) -> Finding {
        Finding { path: path.to_owned(), line, what: what.into() }
    }

    fn shown(&self) -> String {
        match self.line {
            0 => format!("{}: {}", self.path, self.what),
            line => format!("{}:{line}: {}", self.path, self.what),
        }
    }
}

/// Every rule, in the order its findings are printed for one file.
const RULES: [fn(&Tree) -> Vec<Finding>; 9] = [
    opening::check,
    names::check,
    reach::check,
    length::check,
    current::check,
    links::check,
    shown::check,
    machine::check,
    manifests::check,
];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given = usage::parse("tidy", arguments, &[Flag::alone("--shrink")], Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    needs::meet(&[&GIT])?;
    if given.has("--shrink") {
        let shrunk = length::shrink(&Tree::read()?);
        let ratchet = tree::root().join(length::RATCHET);
        std::fs::write(ratchet, shrunk).with_context(|| format!("writing {}", length::RATCHET))?;
    }
    check()
}

/// Checks the tree against every rule.
pub(crate) fn check() -> anyhow::Result<()> {
    let tree = Tree::read()?;
    let mut findings: Vec<Finding> = RULES.iter().flat_map(|rule| rule(&tree)).collect();
    findings.sort();
    for finding in &findings {
        println!("{}", finding.shown());
    }
    match findings.len() {
        0 => println!("   tidy: {} files, nothing to say", tree.files.len()),
        1 => bail!("tidy: 1 finding"),
        count => bail!("tidy: {count} findings"),
    }
    Ok(())
}
