//! `cargo xtask demo`: builds the food bank, with its pages where Node is, and serves it on this machine.
//!
//! What there is to try is printed by the application itself. Its chronicle is kept in
//! `data/food-bank` (ignored by git), so that stopping and starting again shows what survives.

use std::io::{BufRead as _, IsTerminal as _};
use std::net::{Ipv4Addr, SocketAddrV4, TcpListener};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};

use crate::usage::{self, Flag, Given, Others, UsageError};
use crate::{steps, tree, typescript};

const HELP: &str = "\
Builds the food bank and serves it on this machine, with a seeded stock.

Usage: cargo xtask demo [--port N] [--data DIR] [--fresh [--yes]] [ARGS]

  --port N    serve on this port (default 8080, or the next free one)
  --data DIR  keep the chronicle there (default data/food-bank); a repeat goes on with it
  --fresh     wipe the chronicle first, after asking
  --yes       do not ask

Every other argument goes to `food-bank serve`; `cargo xtask demo -- --help` shows those.
";

/// Where browsers and tutorials look first.
const PORT: u16 = 8080;
/// How many ports after it are tried when it is taken.
const PORTS_TRIED: u16 = 20;

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let flags = [
        Flag::with("--port", "port number"),
        Flag::with("--data", "directory"),
        Flag::alone("--fresh"),
        Flag::alone("--yes"),
    ];
    let given = usage::parse("demo", arguments, &flags, Others::PassedOn)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    let asked = asked_port(&given)?;
    let data = match given.values("--data").last() {
        Some(directory) => PathBuf::from(directory),
        None => tree::root().join("data/food-bank"),
    };
    let fresh = given.has("--fresh") && may_wipe(&data, given.has("--yes"))?;
    if typescript::is_possible() {
        typescript::build()?;
    } else {
        println!("xtask: without Node and npm there is no shop, only the front door");
    }
    let package = ["--profile", "demo", "--package", "food-bank"];
    println!("xtask: building the food bank (the first time takes minutes)");
    steps::program(tree::cargo(&["build"]).args(package))?;
    if fresh {
        let wiping = || format!("wiping {}", data.display());
        std::fs::remove_dir_all(&data).with_context(wiping)?;
    }
    std::fs::create_dir_all(&data).with_context(|| format!("creating {}", data.display()))?;
    let port = match asked {
        Some(port) => port,
        None => free_port()?,
    };
    println!("xtask: the chronicle is kept in {} (--fresh starts over)", data.display());
    let mut serve = tree::cargo(&["run", "--quiet"]);
    serve.args(package).args(["--", "serve", "--dev", "--data"]).arg(&data);
    serve.args(["--listen", &format!("127.0.0.1:{port}")]).args(&given.others);
    // Takes our place, so that Ctrl-C and the exit code are the server's own.
    Err(serve.exec()).context("cannot start the food bank")
}

fn asked_port(given: &Given) -> Result<Option<u16>, UsageError> {
    let Some(text) = given.values("--port").last().copied() else { return Ok(None) };
    match text.parse() {
        Ok(port) => Ok(Some(port)),
        Err(_) => Err(UsageError::new(format!("`{text}` is no port; give a number up to 65535"))),
    }
}

/// The usual port, or the next one nobody listens on.
fn free_port() -> anyhow::Result<u16> {
    for port in PORT..=PORT + PORTS_TRIED {
        if TcpListener::bind(SocketAddrV4::new(Ipv4Addr::LOCALHOST, port)).is_ok() {
            if port != PORT {
                println!("xtask: port {PORT} is taken, serving on {port}");
            }
            return Ok(port);
        }
    }
    bail!("ports {PORT} to {} are all taken; choose one with --port", PORT + PORTS_TRIED)
}

/// Whether there is something to wipe; fails if it is no chronicle, or may not be.
///
/// Asked before the build, so that nobody has to wait for the question.
fn may_wipe(data: &Path, sure: bool) -> anyhow::Result<bool> {
    if !data.exists() || std::fs::read_dir(data)?.next().is_none() {
        return Ok(false);
    }
    if !data.join("head").is_dir() {
        bail!("{} holds something else than a chronicle; it is left as it is", data.display());
    }
    if sure {
        return Ok(true);
    }
    if !std::io::stdin().is_terminal() {
        bail!("nobody to ask whether {} may be wiped; say so with --yes", data.display());
    }
    println!("xtask: wipe {}? All its orders are lost. [y/N]", data.display());
    let mut answer = String::new();
    std::io::stdin().lock().read_line(&mut answer)?;
    match answer.trim() {
        "y" | "yes" => Ok(true),
        _ => bail!("{} is left as it is", data.display()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_chronicle_is_wiped() {
        let place = std::env::temp_dir().join(format!("xtask-wipe-{}", std::process::id()));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::write(place.join("letter"), "dear").unwrap();
        assert!(may_wipe(&place, true).unwrap_err().to_string().contains("left as it is"));
        std::fs::create_dir(place.join("head")).unwrap();
        assert!(may_wipe(&place, true).unwrap());
        std::fs::remove_dir_all(&place).unwrap();
        assert!(!may_wipe(&place, true).unwrap());
    }
}
