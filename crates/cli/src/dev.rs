//! `deeds dev`: the app of this folder, built again and restarted after every change.
//!
//! 1. Build. What does not compile changes nothing: what runs goes on.
//! 2. Compare: what the new code makes of the interface, and of what is recorded. Code that cannot read
//!    it does not take over.
//! 3. Restart on the same chronicle, the same port: pages come back by themselves.
//! 4. Write the page's types anew, if they have changed; Vite loads the page again.
//! 5. Wait for the next change.

use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::RecvTimeoutError;
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use crate::app::{self, App, Built};
use crate::child::Running;
use crate::compare::{self, Unreadable};
use crate::sources::Sources;
use crate::{Failure, page};

/// Where browsers and tutorials look first.
const PORT: u16 = 8080;
/// Where those look who know Vite.
const PAGE_PORT: u16 = 5173;
/// How many ports after it are tried when one is taken.
const PORTS_TRIED: u16 = 50;

/// How often the sources are looked at: a change is noticed before a hand has left the keyboard.
const LOOK: Duration = Duration::from_millis(150);

/// How long a start may take: a replay of a large chronicle with an unoptimised program.
const START_TIME_MAX: Duration = Duration::from_secs(300);

/// The verb's command line.
pub(crate) struct Options {
    port: Option<u16>,
    has_page: bool,
}

impl Options {
    pub(crate) fn parse(words: &[&str]) -> Result<Self, Failure> {
        let mut options = Self { port: None, has_page: true };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            match *word {
                "--no-page" => options.has_page = false,
                "--port" => {
                    let port = words.next().and_then(|port| port.parse().ok());
                    options.port =
                        Some(port.ok_or_else(|| {
                            Failure::usage("`--port` takes the number of a port")
                        })?);
                }
                word => return Err(Failure::usage(format!("`dev` does not take `{word}`"))),
            }
        }
        Ok(options)
    }
}

/// Runs the verb, until it is told to stop.
pub(crate) fn run(options: &Options) -> Result<(), Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let registered = signal_hook::flag::register(signal, Arc::clone(&stop));
        registered.map_err(|error| Failure::new(format!("cannot listen for signals: {error}")))?;
    }
    let app = App::here()?;
    let web = Some(app.at.join("web")).filter(|web| web.join("package.json").is_file());
    let web = web.filter(|_| options.has_page && is_possible());
    if let Some(web) = &web {
        page::prepare(web)?;
    }
    let port = free_port(options.port, PORT)?;
    let mut session = Session {
        url: format!("http://127.0.0.1:{port}"),
        app,
        web,
        port,
        server: None,
        page: None,
    };
    let mut seen = Sources::of(&session.app.at);
    session.take_over(&stop)?;
    while !stop.load(Ordering::Relaxed) {
        thread::sleep(LOOK);
        session.look_after()?;
        let now = Sources::of(&session.app.at);
        let Some(changed) = now.changed_since(&seen) else { continue };
        // Editors write in several steps: it has settled when two looks see the same.
        thread::sleep(LOOK);
        let settled = Sources::of(&session.app.at);
        if settled == now {
            let changed = changed.strip_prefix(&session.app.at).unwrap_or(changed);
            println!("deeds: {} has changed", changed.display());
            seen = settled;
            session.take_over(&stop)?;
        }
    }
    println!("deeds: stopping");
    Ok(())
}

fn is_possible() -> bool {
    let is_possible = page::has_node();
    if !is_possible {
        println!("deeds: Node and npm were not found: no page, but the front door");
    }
    is_possible
}

/// What runs.
struct Session {
    app: App,
    url: String,
    port: u16,
    /// The folder of the page, if there is one.
    web: Option<PathBuf>,
    server: Option<Running>,
    page: Option<Running>,
}

impl Session {
    /// Builds, and runs what was built if it can take over.
    fn take_over(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        let began = Instant::now();
        let program = match self.app.build(stop)? {
            Built::Program(program) => program,
            Built::Stopped => return Ok(()),
            Built::No => {
                let goes_on =
                    if self.server.is_some() { "what runs goes on" } else { "nothing runs" };
                println!("deeds: this does not compile; {goes_on}");
                return Ok(());
            }
        };
        let name = name_in_chronicle(&program).unwrap_or_else(|| self.app.name.clone());
        let data = self.app.data(&name);
        let kept = program.with_extension("running");
        if kept.is_file() {
            if self.server.is_some() && same(&kept, &program) {
                println!("deeds: the program is the same");
                return Ok(());
            }
            match compare::programs(&kept, &program, &data) {
                Ok(told) => told.iter().for_each(|line| println!("deeds: {line}")),
                Err(Unreadable(why)) => {
                    println!(
                        "deeds: the new code cannot read what is recorded, and does not take over:"
                    );
                    println!("  {}", why.replace('\n', "\n  "));
                    return Ok(());
                }
            }
        }
        self.server = None;
        let running = app::keep(&program)?;
        self.server = self.serve(&running, &data, stop)?;
        if self.server.is_none() {
            return Ok(());
        }
        self.write_types(&running)?;
        println!("deeds: {} runs at {} ({:.1} s)", name, self.url, began.elapsed().as_secs_f64());
        self.serve_page(stop)
    }

    /// Starts the server; none if it does not come up, which it has told of itself.
    fn serve(
        &self,
        program: &Path,
        data: &Path,
        stop: &AtomicBool,
    ) -> Result<Option<Running>, Failure> {
        let mut command = Command::new(program);
        command.args(["serve", "--dev", "--log-filter", "warn", "--data"]).arg(data);
        command.args(["--listen", &format!("127.0.0.1:{}", self.port)]).current_dir(&self.app.at);
        let mut server = Running::start(&mut command)?;
        let began = Instant::now();
        while began.elapsed() < START_TIME_MAX && !stop.load(Ordering::Relaxed) {
            match server.lines.recv_timeout(LOOK) {
                Ok(line) if line.contains(" serves http") => return Ok(Some(server)),
                Ok(_) | Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        if !stop.load(Ordering::Relaxed) {
            println!("deeds: it does not serve; the next change is tried again");
        }
        server.end();
        Ok(None)
    }

    /// The page's types, written where they differ: a page is loaded again only if it must be.
    fn write_types(&self, program: &Path) -> Result<(), Failure> {
        let Some(web) = &self.web else { return Ok(()) };
        let file = web.join("src/deeds-api.ts");
        let mut command = Command::new(program);
        let output = command.args(["codegen", "typescript"]).output();
        let output = output.map_err(Failure::at("run", program))?;
        if output.status.success() && fs::read(&file).ok().as_ref() != Some(&output.stdout) {
            fs::write(&file, &output.stdout).map_err(Failure::at("write", &file))?;
            println!("deeds: web/src/deeds-api.ts is written anew");
        }
        Ok(())
    }

    /// Starts what serves the page, once the app does.
    fn serve_page(&mut self, stop: &AtomicBool) -> Result<(), Failure> {
        let (Some(web), None) = (&self.web, &self.page) else { return Ok(()) };
        let port = free_port(None, PAGE_PORT)?;
        let page = self.page.insert(page::serve(web, port, &self.url, stop)?);
        if page.ended().is_none() {
            println!("deeds: its page is at http://127.0.0.1:{port}, and follows every change");
        }
        Ok(())
    }

    /// Says what ended by itself.
    fn look_after(&mut self) -> Result<(), Failure> {
        if let Some(status) = self.server.as_mut().and_then(Running::ended) {
            println!("deeds: the app has ended ({status}); the next change starts it again");
            self.server = None;
        }
        if let Some(status) = self.page.as_mut().and_then(Running::ended) {
            println!("deeds: Vite has ended ({status}); the app goes on without");
            self.page = None;
            self.web = None;
        }
        Ok(())
    }
}

/// What the app is called in its chronicle: its help names it.
fn name_in_chronicle(program: &Path) -> Option<String> {
    let output = Command::new(program).arg("schema").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines().next()?.strip_prefix("Commands of ")?.strip_suffix(':').map(str::to_owned)
}

/// Whether two programs are the same, byte for byte.
fn same(one: &Path, other: &Path) -> bool {
    let length = |path: &Path| fs::metadata(path).map(|metadata| metadata.len()).ok();
    length(one) == length(other) && fs::read(one).ok() == fs::read(other).ok()
}

/// The port that was asked for, or the first free one from the usual one on.
fn free_port(asked: Option<u16>, usual: u16) -> Result<u16, Failure> {
    let is_free = |port: &u16| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
    if let Some(port) = asked {
        let taken =
            || Failure::new(format!("port {port} is taken")).advise("Choose another with --port.");
        return Some(port).filter(is_free).ok_or_else(taken);
    }
    let free = (usual..usual + PORTS_TRIED).find(is_free);
    free.ok_or_else(|| {
        Failure::new(format!("ports {usual} and the next {PORTS_TRIED} are all taken"))
    })
}
