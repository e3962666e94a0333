//! `cargo xtask ci`: what CI will say of the last commit, without asking it.
//!
//! Clones HEAD into the target directory and runs `.ci/run` there, with no input and no settings
//! of this terminal, so that what was forgotten in a commit is missing here too.

use std::process::Command;

use anyhow::Context as _;

use crate::needs::{self, GIT};
use crate::usage::{self, Flag, Others};
use crate::{steps, tree};

const HELP: &str = "\
Clones what is committed into target/ci and runs .ci/run there.

Usage: cargo xtask ci [--keep]

  --keep  keep what earlier runs built there (quicker; CI itself starts from nothing)
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given = usage::parse("ci", arguments, &[Flag::alone("--keep")], Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    needs::meet(&[&GIT])?;
    let place = tree::target().join("ci");
    let clone = place.join("clone");
    let built = place.join("target");
    if !given.has("--keep") && built.exists() {
        std::fs::remove_dir_all(&built).with_context(|| format!("removing {}", built.display()))?;
    }
    if clone.exists() {
        std::fs::remove_dir_all(&clone).with_context(|| format!("removing {}", clone.display()))?;
    }
    let changed = tree::output(
        Command::new("git").current_dir(tree::root()).args(["status", "--porcelain"]),
    )?;
    if !changed.is_empty() {
        println!(
            "xtask: {} changed paths are not committed and not checked",
            changed.lines().count()
        );
    }
    let mut git = Command::new("git");
    git.args(["clone", "--quiet", "--no-hardlinks"]).arg(tree::root()).arg(&clone);
    steps::program(&mut git)?;
    let mut script = Command::new(clone.join(".ci/run"));
    script.current_dir(&clone).env("CI", "true").env("CARGO_TARGET_DIR", &built);
    // Set by the cargo that runs us; they would lead the inner one back into this tree.
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_") && !matches!(&*name, "CARGO_HOME" | "CARGO_TARGET_DIR") {
            script.env_remove(name);
        }
    }
    steps::program(&mut script)
}
