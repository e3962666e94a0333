//! "Place order" while a thousand watch: the rate beside the rate when nobody does, in turn on one
//! server; how late ticks come, and how long they are; and what those who watch cost in memory, busy or
//! idle.
//!
//! Three processes share the machine: the server, the clients that order over HTTP, and those who
//! watch. The rate pays for all of them; the server's time on the processors is its own.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use serde::Serialize;

use crate::figures::{Run, Spread, grouped};
use crate::markdown::{Table, section};
use crate::serving::{Served, Serving};
use crate::teardown::Started;
use crate::watching::{Crowd, Sight};
use crate::{http, machine};

/// Who watches while orders flow.
const NOBODY: Crowd = Crowd { my_orders: 0, pick_lists: 0, dashboards: 0 };
const FEW: Crowd = Crowd { my_orders: 90, pick_lists: 5, dashboards: 5 };
const CROWD: Crowd = Crowd { my_orders: 900, pick_lists: 50, dashboards: 50 };

/// How many neighbors have their orders open and do nothing.
const IDLE: u64 = 10_000;

/// Clients that order, as in the comparison at its best.
const CONNECTIONS: usize = 64;

/// Files that each process may have open: a socket each, and some.
const FILES: u64 = IDLE + 1_000;

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    /// By which share the median rate falls with 1,000 subscribers.
    pub(crate) subscribers_1000_cost: f64,
    /// What the server holds more, in MiB, with 10,000 idle subscribers.
    pub(crate) subscribers_10000_mib: f64,
    live: Figures,
}

/// The rest.
#[derive(Debug, Serialize)]
struct Figures {
    watched: Vec<Watched>,
    /// KiB of the server per subscriber before orders flow.
    kib_per_subscriber: f64,
    kib_per_idle: f64,
}

/// Runs while so many watch, and what these saw.
#[derive(Debug, Serialize)]
struct Watched {
    watching: u64,
    runs: Vec<(Run, Option<Sight>)>,
}

impl Watched {
    fn rate(&self) -> f64 {
        Spread::of(self.runs.iter().map(|(run, _)| run.per_second)).median
    }
}

/// Measures: in each round once for each crowd, in turn.
pub(crate) fn measure(directory: &Path, quick: bool) -> anyhow::Result<Live> {
    raise_files()?;
    let (rounds, time) =
        if quick { (2, Duration::from_secs(2)) } else { (5, Duration::from_secs(4)) };
    let crowds: &[Crowd] = if quick { &[NOBODY, CROWD] } else { &[NOBODY, FEW, CROWD] };
    let place = tempfile::tempdir_in(directory)?;
    let serving = Serving::start(place.path(), Served::FoodBank)?;
    let issuer = Served::FoodBank.issuer(place.path())?;
    let mut watched: Vec<Watched> =
        crowds.iter().map(|crowd| Watched { watching: crowd.count(), runs: Vec::new() }).collect();
    let mut kib_per_subscriber = 0.0;
    let mut seed = 0;
    for round in 0..rounds {
        for (crowd, watched) in crowds.iter().zip(&mut watched) {
            seed += 1;
            let run = || http::measure_running(&serving, &issuer, CONNECTIONS, time, seed);
            if crowd.count() == 0 {
                watched.runs.push((run()?, None));
                continue;
            }
            let before = machine::resident_bytes_of(&serving.process());
            let mut watching = Watching::start(&serving, place.path(), *crowd)?;
            let more = machine::resident_bytes_of(&serving.process()).saturating_sub(before);
            if round == 0 {
                kib_per_subscriber = more as f64 / 1024.0 / crowd.count() as f64;
            }
            watching.sight()?;
            let run = run()?;
            watched.runs.push((run, Some(watching.sight()?)));
            watching.stop()?;
        }
    }
    serving.stop()?;
    let idle_bytes = idle(directory)?;
    let (with, without) = (watched.last().map(Watched::rate), watched.first().map(Watched::rate));
    let share = with.zip(without).map(|(with, without)| with / without);
    Ok(Live {
        subscribers_1000_cost: 1.0 - share.context("both were measured")?,
        subscribers_10000_mib: idle_bytes as f64 / f64::from(1 << 20),
        live: Figures {
            watched,
            kib_per_subscriber,
            kib_per_idle: idle_bytes as f64 / 1024.0 / IDLE as f64,
        },
    })
}

/// What idle ones add to a server that does nothing else.
fn idle(directory: &Path) -> anyhow::Result<u64> {
    let place = tempfile::tempdir_in(directory)?;
    let serving = Serving::start(place.path(), Served::FoodBank)?;
    let before = machine::resident_bytes_of(&serving.process());
    let crowd = Crowd { my_orders: IDLE, pick_lists: 0, dashboards: 0 };
    let watching = Watching::start(&serving, place.path(), crowd)?;
    let more = machine::resident_bytes_of(&serving.process()).saturating_sub(before);
    watching.stop()?;
    serving.stop()?;
    Ok(more)
}

/// What a process may have open is inherited by the processes it starts.
fn raise_files() -> anyhow::Result<()> {
    let limit = getrlimit(Resource::Nofile);
    let enough = limit.current.is_none_or(|current| current >= FILES);
    if !enough {
        let wanted = Rlimit { current: Some(FILES), maximum: limit.maximum };
        setrlimit(Resource::Nofile, wanted)
            .with_context(|| format!("{FILES} open files are needed: ulimit -n"))?;
    }
    Ok(())
}

/// The process of those who watch.
struct Watching {
    process: Child,
    _started: Started,
    /// Given up to stop.
    asks: Option<ChildStdin>,
    says: BufReader<ChildStdout>,
}

impl Watching {
    /// Starts it, and waits until everybody has a first result.
    fn start(serving: &Serving, directory: &Path, crowd: Crowd) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("watch").arg(serving.address.to_string()).arg(directory);
        for (name, count) in [
            ("--my-orders", crowd.my_orders),
            ("--pick-lists", crowd.pick_lists),
            ("--dashboards", crowd.dashboards),
        ] {
            command.arg(name).arg(count.to_string());
        }
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let started = Started::new(process.id());
        let asks = process.stdin.take().expect("it is piped");
        let says = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut watching = Self { process, _started: started, asks: Some(asks), says };
        let said = watching.line()?;
        ensure!(said == "ready", "those who watch said {said:?}");
        Ok(watching)
    }

    /// What was seen since it was last asked.
    fn sight(&mut self) -> anyhow::Result<Sight> {
        let asks = self.asks.as_mut().context("it is not stopped")?;
        writeln!(asks, "what did you see?")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn stop(mut self) -> anyhow::Result<()> {
        drop(self.asks.take());
        let status = self.process.wait()?;
        ensure!(status.success(), "those who watch ended with {status}");
        Ok(())
    }
}

impl Drop for Watching {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}

impl Crowd {
    fn count(self) -> u64 {
        self.my_orders + self.pick_lists + self.dashboards
    }
}

pub(crate) fn report(measured: &Live) -> String {
    let Live { subscribers_1000_cost, subscribers_10000_mib, live } = measured;
    let mut table = Table::new([
        "watching",
        "per second",
        "p50 µs",
        "p99 µs",
        "CPU µs",
        "ticks",
        "bytes/tick",
        "tick ms p50",
        "p99",
    ]);
    for watched in &live.watched {
        for (run, sight) in &watched.runs {
            let Run { per_second, p50_us, p99_us, processor_us, .. } = run;
            let of_sight = |figure: fn(&Sight) -> f64| {
                sight.as_ref().map_or(String::new(), |sight| grouped(figure(sight)))
            };
            table.row([
                watched.watching.to_string(),
                grouped(*per_second),
                grouped(*p50_us),
                grouped(*p99_us),
                format!("{processor_us:.1}"),
                of_sight(|sight| sight.ticks as f64),
                of_sight(|sight| sight.bytes as f64 / sight.ticks.max(1) as f64),
                of_sight(|sight| sight.p50_ms),
                of_sight(|sight| sight.p99_ms),
            ]);
        }
    }
    let cost = format!(
        "1,000 subscribers cost {:.0} % of the rate, and {:.1} KiB of the server each; {} idle ones {:.0} \
         MiB, {:.1} KiB each.",
        subscribers_1000_cost * 100.0,
        live.kib_per_subscriber,
        grouped(IDLE as f64),
        subscribers_10000_mib,
        live.kib_per_idle,
    );
    let load = format!("Place order over HTTP, {CONNECTIONS} connections, while so many watch.");
    section("Live subscribers", &[load, table.to_string(), cost])
}
