//! The step `browser`: the real food bank in a real browser, driven as a person would.
//!
//! 1. `npm ci` gets what the tests are written with, exactly as locked. Alone, the step builds the pages, too.
//! 2. The food bank is built; after the tests, in their way, so that nothing is left to build.
//! 3. `node --test` starts it on a free port and drives a headless Chromium, and the SDK in Node.
//!
//! Screenshots are left in the target directory, for people to look at.

use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::needs::{CHROMIUM, NODE};
use crate::{steps, test, tree, typescript};

/// Where the tests are.
const TESTS: &str = "tests/browser";

/// The step alone: builds no more than the examples, and their pages.
pub(crate) fn check() -> anyhow::Result<()> {
    typescript::build()?;
    let packages = ["--package", "food-bank", "--package", "todo", "--package", "deeds-cli"];
    let mut build = tree::cargo(&["build"]);
    build.args(packages);
    drive(build)
}

/// The step after the tests: the whole workspace gives some dependencies other features than the food
/// bank alone would, and building them again takes longer than the tests here.
pub(crate) fn check_after_tests() -> anyhow::Result<()> {
    drive(tree::built_with_tests())
}

fn drive(mut build: Command) -> anyhow::Result<()> {
    test::strict(&mut build);
    steps::program(&mut build)?;
    let mut node = node("debug/food-bank")?;
    steps::program(node.args(["--test", "--test-reporter", "spec"]))
}

/// Node where the tests are, with what they are written with; the food bank is this program in the
/// target directory.
pub(crate) fn node(food_bank: &str) -> anyhow::Result<Command> {
    npm_ci()?;
    let mut node = typescript::program(&NODE, TESTS);
    // Node 20 has a WebSocket only when asked.
    node.arg("--experimental-websocket")
        .env("DEEDS_FOOD_BANK", tree::target().join(food_bank))
        .env("DEEDS_CLI", tree::target().join("debug/deeds"))
        .env("DEEDS_TODO", tree::target().join("debug/todo"))
        .env("DEEDS_CHROMIUM", CHROMIUM.find().unwrap_or_else(|| CHROMIUM.program.into()))
        .env("DEEDS_SCREENSHOTS", tree::target().join("screenshots"));
    Ok(node)
}

/// The browser in Playwright's cache, if it is there and Playwright here.
pub(crate) fn playwrights_own() -> Option<PathBuf> {
    const ASK: &str = "import { chromium } from 'playwright-core';\
        process.stdout.write(chromium.executablePath());";
    let mut ask = Command::new("node");
    ask.current_dir(tree::root().join(TESTS))
        .args(["--input-type=module", "--eval", ASK])
        .stdin(Stdio::null());
    let path = PathBuf::from(tree::output(&mut ask).ok()?);
    path.is_file().then_some(path)
}

/// Puts Playwright's browser into its cache, where other projects of this user find it, too.
pub(crate) fn fetch_playwrights_own() -> anyhow::Result<()> {
    println!("xtask: getting Playwright's Chromium into this user's cache (400 MB on disk)");
    npm_ci()?;
    let mut install = typescript::program(&NODE, TESTS);
    install.args(["node_modules/playwright-core/cli.js", "install", "--no-shell", "chromium"]);
    steps::program(&mut install)
}

fn npm_ci() -> anyhow::Result<()> {
    typescript::npm(TESTS, &["ci", "--no-progress"])
}
