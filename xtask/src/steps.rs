//! Steps run one after the other: each timed, the first failure ends it with the command to repeat.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

/// One thing that must hold.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) work: Work,
}

/// What a step runs.
pub(crate) enum Work {
    /// A program; it failed if its exit code is not 0.
    Program(Command),
    /// A check of our own.
    Check(fn() -> anyhow::Result<()>),
}

/// Runs the steps in order and prints how long each took.
///
/// Stops at the first failure: what comes after it would often fail for the same reason.
pub(crate) fn run(steps: Vec<Step>) -> anyhow::Result<()> {
    let mut taken: Vec<(&str, Duration)> = Vec::new();
    let count = steps.len();
    for (index, Step { name, about, work }) in steps.into_iter().enumerate() {
        println!("\n== {}/{count} {name}: {about}", index + 1);
        let started = Instant::now();
        let outcome = match work {
            Work::Program(mut command) => program(&mut command),
            Work::Check(check) => check(),
        };
        taken.push((name, started.elapsed()));
        if let Err(error) = outcome {
            println!("\n{}", summary(&taken, Some(name)));
            bail!("step `{name}` failed: {error:#}\n       again: cargo xtask test --only {name}");
        }
    }
    println!("\n{}", summary(&taken, None));
    Ok(())
}

/// Runs a program with our output and no input.
pub(crate) fn program(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    println!("   $ {shown}");
    let status = command.stdin(Stdio::null()).status();
    let status = status.with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` ended with {status}");
    }
    Ok(())
}

/// A command as one would type it in the repository's top directory.
fn shown(command: &Command) -> String {
    let program = command.get_program().to_string_lossy();
    let name = program.rsplit('/').next().unwrap_or(&program).to_owned();
    let set = command.get_envs().filter_map(|(key, value)| {
        Some(format!("{}='{}'", key.to_string_lossy(), value?.to_string_lossy()))
    });
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    set.chain([name]).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn summary(taken: &[(&str, Duration)], failed: Option<&str>) -> String {
    let mut text = String::new();
    for (name, time) in taken {
        let word = if failed == Some(name) { "FAILED" } else { "ok" };
        text.push_str(&format!("{name:<13}{:>7.1} s  {word}\n", time.as_secs_f64()));
    }
    let passed = taken.len() - usize::from(failed.is_some());
    let total: Duration = taken.iter().map(|(_, time)| *time).sum();
    let failures = usize::from(failed.is_some());
    text.push_str(&format!(
        "steps: {passed} passed, {failures} failed in {:.1} s",
        total.as_secs_f64()
    ));
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_one_would_type_it() {
        let mut command = Command::new("/opt/bin/cargo");
        command.args(["doc", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        assert_eq!(shown(&command), "RUSTDOCFLAGS='-D warnings' cargo doc --no-deps");
    }

    #[test]
    fn the_summary_names_the_step_that_failed() {
        let taken = [("fmt", Duration::from_millis(1500)), ("tests", Duration::from_secs(3))];
        let text = summary(&taken, Some("tests"));
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                "fmt              1.5 s  ok",
                "tests            3.0 s  FAILED",
                "steps: 1 passed, 1 failed in 4.5 s"
            ]
        );
    }
}
