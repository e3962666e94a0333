//! `cargo xtask newcomer`: the way from a fresh clone to an own app with a live page, step by step, with
//! how long each takes on this machine.
//!
//! Everything a newcomer would build is built, from nothing; only what cargo and npm have fetched before
//! is there already. What is typed is what docs/dev.md says.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};

use crate::needs::{self, GIT, NODE, NPM};
use crate::usage::{self, Flag, Others};
use crate::{steps, tree};

const HELP: &str = "\
Goes the newcomer's way in target/newcomer, from a clone to a live page, and says how long it takes.

Usage: cargo xtask newcomer [--warm]

  --warm  keep what an earlier run built there
";

/// How often is looked whether something has come about.
const LOOK: Duration = Duration::from_millis(20);
/// Nothing takes longer, however slow the machine.
const STEP_TIME_MAX: Duration = Duration::from_secs(1_800);

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given = usage::parse("newcomer", arguments, &[Flag::alone("--warm")], Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    needs::meet(&[&GIT, &NODE, &NPM])?;
    let place = tree::target().join("newcomer");
    let (clone, app) = (place.join("deeds"), place.join("my-app"));
    if !given.has("--warm") && place.exists() {
        fs::remove_dir_all(&place).with_context(|| format!("removing {}", place.display()))?;
    }
    if app.exists() {
        // What was built stays; what was written is written anew.
        fs::rename(app.join("target"), place.join("target")).context("keeping what was built")?;
        fs::remove_dir_all(&app).context("removing the app of an earlier run")?;
    }
    let mut way = Way { taken: Vec::new() };
    if !clone.exists() {
        let mut git = Command::new("git");
        git.args(["clone", "--quiet", "--no-hardlinks"]).arg(tree::root()).arg(&clone);
        way.step("git clone", || steps::program(&mut git))?;
    }
    let mut new = fresh("cargo", &clone);
    new.args(["run", "--quiet", "--package", "deeds-cli", "--", "new", "../my-app"]);
    way.step("cargo run -p deeds-cli -- new ../my-app", || steps::program(&mut new))?;
    if place.join("target").exists() {
        fs::rename(place.join("target"), app.join("target")).context("what was built")?;
    }
    walk(&mut way, &app)?;
    println!("\n{:>8}  step", "seconds");
    for (step, taken) in &way.taken {
        println!("{:>8.1}  {step}", taken.as_secs_f64());
    }
    Ok(())
}

/// From the made app to a page that follows every change.
fn walk(way: &mut Way, app: &Path) -> anyhow::Result<()> {
    let mut dev = Dev::start(app)?;
    way.step("cargo dev: built, and serves", || dev.says(" runs at ", 1))?;
    let page = way.step("cargo dev: its page", || {
        dev.says("its page is at http://", 1)?;
        let address = dev.page()?;
        dev.shows(&address, "What is to be done")?;
        Ok(address)
    })?;
    way.step("an edit in Rust, until it is served", || {
        edit(&app.join("src/main.rs"), "Somebody has deleted it.", "Somebody was quicker.")?;
        dev.says(" runs at ", 2)
    })?;
    way.step("an edit of the page, until it is served", || {
        edit(&app.join("web/src/main.tsx"), "<h1>To do</h1>", "<h1>To do today</h1>")?;
        dev.shows(&page, "To do today")
    })?;
    dev.stop()?;
    let mut again = Dev::start(app)?;
    way.step("cargo dev again, nothing changed: its page", || {
        again.says("its page is at http://", 1)?;
        again.shows(&again.page()?, "To do today")
    })?;
    again.stop()?;
    let mut test = fresh("cargo", app);
    way.step("cargo test, the first time", || steps::program(test.args(["test", "--quiet"])))?;
    let mut test = fresh("cargo", app);
    way.step("cargo test, again", || steps::program(test.args(["test", "--quiet"])))
}

/// The steps taken so far.
struct Way {
    taken: Vec<(&'static str, Duration)>,
}

impl Way {
    fn step<T>(
        &mut self,
        name: &'static str,
        work: impl FnOnce() -> anyhow::Result<T>,
    ) -> anyhow::Result<T> {
        let began = Instant::now();
        let done = work().with_context(|| name.to_owned())?;
        self.taken.push((name, began.elapsed()));
        println!("{:>8.1} s  {name}", began.elapsed().as_secs_f64());
        Ok(done)
    }
}

/// A program as a newcomer starts it: without what the cargo that runs us has set.
fn fresh(program: &str, folder: &Path) -> Command {
    let mut command = Command::new(program);
    command.current_dir(folder);
    for (name, _) in std::env::vars_os() {
        let name = name.to_string_lossy().into_owned();
        if name.starts_with("CARGO_") && name != "CARGO_HOME" {
            command.env_remove(name);
        }
    }
    command
}

fn edit(file: &Path, old: &str, new: &str) -> anyhow::Result<()> {
    let text = fs::read_to_string(file)?;
    if !text.contains(old) {
        bail!("{} does not say `{old}`", file.display());
    }
    fs::write(file, text.replace(old, new)).context("editing")
}

/// `cargo dev`, running; ended when this is dropped.
struct Dev {
    child: Child,
    log: PathBuf,
}

impl Dev {
    fn start(app: &Path) -> anyhow::Result<Dev> {
        let log = app.with_extension("log");
        let file = fs::File::create(&log)?;
        let mut cargo = fresh("cargo", app);
        cargo.arg("dev").stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file);
        Ok(Dev { child: cargo.spawn().context("starting cargo")?, log })
    }

    /// Waits until this has been said so often.
    fn says(&mut self, words: &str, times: usize) -> anyhow::Result<()> {
        self.until(words, |log| log.matches(words).count() >= times)
    }

    /// Waits until the page's source, as Vite serves it, says this.
    fn shows(&mut self, page: &str, words: &str) -> anyhow::Result<()> {
        self.until(words, |_| get(page, "/src/main.tsx").is_some_and(|text| text.contains(words)))
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&str) -> bool) -> anyhow::Result<()> {
        let began = Instant::now();
        loop {
            let log = fs::read_to_string(&self.log)?;
            if is_so(&log) {
                return Ok(());
            }
            if began.elapsed() > STEP_TIME_MAX || self.child.try_wait()?.is_some() {
                bail!("waited for `{what}`, and there was only:\n{log}");
            }
            thread::sleep(LOOK);
        }
    }

    /// Where the page is, like `127.0.0.1:5173`.
    fn page(&self) -> anyhow::Result<String> {
        let log = fs::read_to_string(&self.log)?;
        let (_, rest) = log.split_once("its page is at http://").context("no page is named")?;
        Ok(rest.split(',').next().unwrap_or_default().to_owned())
    }

    fn stop(&mut self) -> anyhow::Result<()> {
        let mut kill = Command::new("kill");
        kill.args(["-TERM", &self.child.id().to_string()]);
        kill.status().context("stopping cargo dev")?;
        self.child.wait().context("waiting for its end")?;
        Ok(())
    }
}

impl Drop for Dev {
    fn drop(&mut self) {
        // What went wrong is told already.
        if let Ok(None) = self.child.try_wait() {
            let _ = self.stop();
        }
    }
}

/// A file from a server on this machine, if it answers.
fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    write!(stream, "GET {path} HTTP/1.0\r\nHost: {address}\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    answer.starts_with("HTTP/1.1 200").then_some(answer)
}
