//! The app's page while it is written: Vite serves it, and loads it anew after every change.

use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::child::Running;
use crate::{Failure, checkout};

/// Vite's own program, called without npm between, so that it ends when it is told to.
const VITE: &str = "node_modules/vite/bin/vite.js";

/// How often is looked whether Vite serves: it is told of when it does.
const LOOK: Duration = Duration::from_millis(50);

/// Whether a page can be built here.
pub(crate) fn has_node() -> bool {
    ["node", "npm"].into_iter().all(|program| {
        let mut asked = Command::new(program);
        asked.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        asked.status().is_ok_and(|status| status.success())
    })
}

/// Gets what the page is made with, the first time: from npm's registry or its cache.
pub(crate) fn prepare(web: &Path) -> Result<(), Failure> {
    let sdk = sdk()?;
    if !sdk.join("dist/src/index.js").is_file() {
        println!("deeds: building the SDK (the first time only)");
        npm(&sdk, &["ci"])?;
        npm(&sdk, &["run", "build"])?;
    }
    if !web.join(VITE).is_file() {
        println!("deeds: getting what the page is made with (the first time only)");
        npm(web, &["ci"])?;
    }
    Ok(())
}

fn sdk() -> Result<PathBuf, Failure> {
    checkout::find().map(|deeds| deeds.join("sdk/typescript"))
}

fn npm(folder: &Path, arguments: &[&str]) -> Result<(), Failure> {
    let mut command = Command::new("npm");
    command.args(arguments).args(["--silent", "--no-progress"]).current_dir(folder);
    let status = command.stdin(Stdio::null()).status();
    let status = status.map_err(|error| Failure::new(format!("cannot start npm: {error}")))?;
    if status.success() {
        return Ok(());
    }
    let what = format!("`npm {}` failed in {}", arguments.join(" "), folder.display());
    Err(Failure::new(what).advise("`deeds dev --no-page` runs the app without its page."))
}

/// Serves the page on a port, with the app behind it; until it does, or has ended, or nobody wants it.
pub(crate) fn serve(
    web: &Path,
    port: u16,
    app_url: &str,
    stop: &AtomicBool,
) -> Result<Running, Failure> {
    let mut vite = Command::new("node");
    vite.arg(VITE).args(["--host", "127.0.0.1", "--strictPort", "--logLevel", "warn"]);
    vite.args(["--port", &port.to_string()]).env("DEEDS_URL", app_url).current_dir(web);
    let mut running = Running::start(&mut vite)?;
    let is_up = || TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
    while !is_up() && running.ended().is_none() && !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
    }
    Ok(running)
}
