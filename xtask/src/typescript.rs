//! The step `typescript`: what is written in it, the SDK and the pages of the examples.
//!
//! 1. `npm ci` gets what they are made with, exactly as locked.
//! 2. The SDK is compiled, formatted, tested and small enough.
//! 3. The pages are formatted, fit the types that their app wrote for them, and are built, so that an app
//!    built after this has them.
//!
//! That those types are the newest is a test in Rust: an app can write them only when it is built.

use std::path::Path;
use std::process::Command;

use crate::needs::{NODE, NPM, Need};
use crate::{steps, tree};

/// What browsers and Node use to talk to an app.
const SDK: &str = "sdk/typescript";

/// The examples' own pages.
const PAGES: [&str; 2] = ["examples/food-bank/web", "examples/todo/web"];

/// The whole step.
pub(crate) fn check() -> anyhow::Result<()> {
    npm(SDK, &["ci", "--no-progress"])?;
    npm(SDK, &["run", "--silent", "check"])?;
    npm(SDK, &["test", "--silent"])?;
    for pages in PAGES {
        npm(pages, &["ci", "--no-progress"])?;
        npm(pages, &["run", "--silent", "check"])?;
        npm(pages, &["run", "--silent", "build"])?;
    }
    Ok(())
}

/// Builds the SDK and the pages, and checks nothing.
pub(crate) fn build() -> anyhow::Result<()> {
    for package in [SDK].into_iter().chain(PAGES) {
        npm(package, &["ci", "--no-progress"])?;
        npm(package, &["run", "--silent", "build"])?;
    }
    Ok(())
}

/// Whether this machine can: the food bank runs without its pages, too.
pub(crate) fn is_possible() -> bool {
    NODE.find().is_some() && NPM.find().is_some()
}

/// Runs npm in the directory of a package.
pub(crate) fn npm(package: impl AsRef<Path>, arguments: &[&str]) -> anyhow::Result<()> {
    steps::program(program(&NPM, package).args(arguments))
}

/// A program that is needed, in a directory of the tree; if it was not found after all, by its name, for
/// a complaint that people know.
pub(crate) fn program(need: &Need, directory: impl AsRef<Path>) -> Command {
    let mut command = Command::new(need.find().unwrap_or_else(|| need.program.into()));
    command.current_dir(tree::root().join(directory));
    command
}
