//! `cargo xtask test`: everything that must hold, cheapest first: what takes a second comes before
//! what has to be fetched or built.
//!
//! One debug profile and one target directory serve almost all steps. Clippy needs the dependencies
//! checked and the tests need them built, so they are compiled twice; and once more, optimised, for
//! the step that counts instructions.

use crate::needs::{
    self, CARGO_DENY, CHROMIUM, CURL, GIT, NODE, NPM, Need, OPENSSL, STRACE, VALGRIND,
};
use crate::steps::{self, Step, Work};
use crate::usage::{self, Flag, Others, UsageError};
use crate::{browser, edges, instructions, manual, tidy, tree, typescript};

const HELP: &str = "\
Everything that must hold: format, style, edges, licences, lints, docs, tests, a browser.

Usage: cargo xtask test [--only STEP]...

  --only STEP  run this step alone; may be repeated
  --list       name the steps, and what this machine needs for them

What is missing is fetched without asking where that is allowed (apt as root on Debian or
Ubuntu; cargo-deny is built into target/tools; without apt, a browser is kept in Playwright's
cache), and named otherwise. With CI set in the
environment, Cargo.lock must be up to date and nothing is compiled incrementally.
";

/// What the steps call beside cargo itself.
const NEEDS: [&Need; 9] =
    [&GIT, &CURL, &OPENSSL, &STRACE, &VALGRIND, &CARGO_DENY, &NODE, &NPM, &CHROMIUM];

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let flags = [Flag::with("--only", "step"), Flag::alone("--list")];
    let given = usage::parse("test", arguments, &flags, Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    let mut steps = steps();
    if given.has("--list") {
        list(&steps);
        return Ok(());
    }
    let only = given.values("--only");
    if !only.is_empty() {
        steps = chosen(steps, &only)?;
        let wanted = |need: &&Need| steps.iter().any(|step| need.steps.contains(&step.name));
        needs::meet(&NEEDS.into_iter().filter(wanted).collect::<Vec<_>>())?;
    }
    steps::run(steps)
}

fn steps() -> Vec<Step> {
    let step = |name, about, work| Step { name, about, work };
    vec![
        step("fmt", "formatted by rustfmt", cargo(&["fmt", "--all", "--check"])),
        step("tidy", "the rules no compiler checks", Work::Check(tidy::check)),
        step("edges", "no crate sees what must stay out of it", Work::Check(edges::check)),
        step("needs", "what this machine lacks is got, or named", Work::Check(meet_all)),
        step("typescript", "the SDK and the food bank's pages", Work::Check(typescript::check)),
        step("deny", "licences, bans and sources of dependencies", Work::Check(deny)),
        step("clippy", "no warning, in code and tests", clippy()),
        step("docs", "every link in the documentation leads somewhere", docs()),
        step("tests", "unit, integration, crash and documentation tests", tests()),
        step(
            "manual",
            "what the documentation shows is what happens",
            Work::Check(manual::check_after_tests),
        ),
        step("sim", "simulated histories keep every promise", cargo(&SIMULATED)),
        step("planted", "the crash tests notice planted faults", cargo(&PLANTED)),
        step(
            "instructions",
            "an order costs the engine no more than was written down",
            Work::Check(instructions::check),
        ),
        step(
            "browser",
            "the food bank, used as a person uses it",
            Work::Check(browser::check_after_tests),
        ),
    ]
}

/// The tests that need a fault inside the code under test, behind a feature that no release has.
const PLANTED: [&str; 11] = [
    "test",
    "-p",
    "deeds-chronicle",
    "-p",
    "deeds-sim",
    "--features",
    "deeds-chronicle/plant,deeds-sim/plant",
    "--test",
    "it",
    "--",
    "planted",
];

/// A fixed set of simulated histories, with what the tests have built already.
const SIMULATED: [&str; 6] = ["run", "--package", "deeds-sim", "--", "--seeds", "0..300"];

fn clippy() -> Work {
    let mut command = tree::cargo(&["clippy", "--workspace", "--all-targets"]);
    strict(&mut command);
    command.args(["--", "-D", "warnings"]);
    Work::Program(command)
}

fn docs() -> Work {
    let mut command = tree::cargo(&["doc", "--workspace", "--no-deps", "--quiet"]);
    strict(&mut command);
    command.env("RUSTDOCFLAGS", "-D warnings");
    Work::Program(command)
}

fn tests() -> Work {
    let mut command = tree::cargo(&["test", "--workspace"]);
    strict(&mut command);
    if !needs::may_mount() {
        // The test of a full disk asks for this before it gives up: see `food-bank: full_disk`.
        command.env("DEEDS_WITHOUT_MOUNT", "1");
    }
    Work::Program(command)
}

fn meet_all() -> anyhow::Result<()> {
    needs::meet(&NEEDS)?;
    println!("   all there");
    if !needs::may_mount() {
        println!(
            "   LEFT OUT: a real server on a small disk that fills up. Here nobody may mount one:\n   \
             neither this user, nor in a user namespace (`unshare --map-root-user --mount`)"
        );
    }
    Ok(())
}

fn deny() -> anyhow::Result<()> {
    // Called by its path: it may lie in the target directory, where cargo does not look for it.
    let program = CARGO_DENY.find().unwrap_or_else(|| CARGO_DENY.program.into());
    let mut command = std::process::Command::new(program);
    command.current_dir(tree::root());
    // Versions met twice are warnings nobody can act on at once: `cargo deny check` shows them.
    command.args(["--log-level", "error", "check", "licenses", "bans", "sources"]);
    steps::program(&mut command)
}

fn cargo(arguments: &[&str]) -> Work {
    Work::Program(tree::cargo(arguments))
}

/// What holds for a build that nobody waits for and that must not change what is committed.
pub(crate) fn strict(command: &mut std::process::Command) {
    if std::env::var_os("CI").is_some() {
        command.arg("--locked").env("CARGO_INCREMENTAL", "0");
    }
}

fn chosen(steps: Vec<Step>, only: &[&str]) -> anyhow::Result<Vec<Step>> {
    for name in only {
        if !steps.iter().any(|step| step.name == *name) {
            let known = steps.iter().map(|step| step.name);
            let error: UsageError = usage::unknown("step", name, known, "cargo xtask test --list");
            return Err(error.into());
        }
    }
    let mut chosen: Vec<Step> =
        steps.into_iter().filter(|step| only.contains(&step.name)).collect();
    if !only.contains(&"tests")
        && let Some(browser) = chosen.iter_mut().find(|step| step.name == "browser")
    {
        browser.work = Work::Check(browser::check);
    }
    if !only.contains(&"tests")
        && let Some(manual) = chosen.iter_mut().find(|step| step.name == "manual")
    {
        manual.work = Work::Check(|| manual::run(&[]));
    }
    Ok(chosen)
}

fn list(steps: &[Step]) {
    println!("Steps:");
    for step in steps {
        println!("  {:<14}{}", step.name, step.about);
    }
    println!("\nNeeds:");
    for need in NEEDS {
        let found = match need.find() {
            Some(path) => path.display().to_string(),
            None => "missing".to_owned(),
        };
        println!("  {:<12}{found}, for {}", need.program, need.wanted_by);
    }
}
