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
use crate::http::{self, Serving};
use crate::machine;
use crate::watching::{Crowd, Sight};

/// Who watches while orders flow.
const CROWD: Crowd = Crowd { my_orders: 900, pick_lists: 50, dashboards: 50 };

/// How many neighbors have their orders open and do nothing.
const IDLE: u64 = 10_000;

/// Clients that order, as in the comparison at its best.
const CONNECTIONS: usize = 64;

/// Files that each process may have open: a socket each, and some.
const FILES: u64 = IDLE + 1_000;

/// What was measured. The two named after numbers are for machines that compare runs.
#[derive(Debug, Serialize)]
pub(crate) struct Live {
    /// By which share the median rate falls with 1,000 subscribers.
    subscribers_1000_cost: f64,
    /// What the server holds more, in MiB, with 10,000 idle subscribers.
    subscribers_10000_mib: f64,
    live: Figures,
}

/// The rest.
#[derive(Debug, Serialize)]
struct Figures {
    /// Each run beside the one after it.
    without: Vec<Run>,
    with: Vec<Run>,
    sights: Vec<Sight>,
    /// KiB of the server per subscriber before orders flow.
    kib_per_subscriber: f64,
    kib_per_idle: f64,
}

/// Measures.
pub(crate) fn measure(directory: &Path, quick: bool) -> anyhow::Result<Live> {
    raise_files()?;
    let (rounds, time) =
        if quick { (2, Duration::from_secs(2)) } else { (5, Duration::from_secs(4)) };
    let place = tempfile::tempdir_in(directory)?;
    let serving = Serving::start(place.path())?;
    let issuer = http::issuer(place.path())?;
    let run = |seed| http::measure_running(&serving, &issuer, CONNECTIONS, time, seed);
    let (mut without, mut with, mut sights) = (Vec::new(), Vec::new(), Vec::new());
    let mut kib_per_subscriber = 0.0;
    for round in 0..rounds {
        without.push(run(2 * round)?);
        let before = machine::resident_bytes_of(&serving.process());
        let mut watching = Watching::start(&serving, place.path(), CROWD)?;
        let more = machine::resident_bytes_of(&serving.process()).saturating_sub(before);
        if round == 0 {
            kib_per_subscriber = more as f64 / 1024.0 / CROWD.count() as f64;
        }
        watching.sight()?;
        with.push(run(2 * round + 1)?);
        sights.push(watching.sight()?);
        watching.stop()?;
    }
    serving.stop()?;
    let idle_bytes = idle(directory)?;
    let rate = |runs: &[Run]| Spread::of(runs.iter().map(|run| run.per_second)).median;
    Ok(Live {
        subscribers_1000_cost: 1.0 - rate(&with) / rate(&without),
        subscribers_10000_mib: idle_bytes as f64 / f64::from(1 << 20),
        live: Figures {
            without,
            with,
            sights,
            kib_per_subscriber,
            kib_per_idle: idle_bytes as f64 / 1024.0 / IDLE as f64,
        },
    })
}

/// What idle ones add to a server that does nothing else.
fn idle(directory: &Path) -> anyhow::Result<u64> {
    let place = tempfile::tempdir_in(directory)?;
    let serving = Serving::start(place.path())?;
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
    asks: ChildStdin,
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
        let asks = process.stdin.take().expect("it is piped");
        let says = BufReader::new(process.stdout.take().expect("it is piped"));
        let mut watching = Self { process, asks, says };
        let said = watching.line()?;
        ensure!(said == "ready", "those who watch said {said:?}");
        Ok(watching)
    }

    /// What was seen since it was last asked.
    fn sight(&mut self) -> anyhow::Result<Sight> {
        writeln!(self.asks, "what did you see?")?;
        Ok(serde_json::from_str(&self.line()?)?)
    }

    fn line(&mut self) -> anyhow::Result<String> {
        let mut line = String::new();
        self.says.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }

    fn stop(mut self) -> anyhow::Result<()> {
        drop(self.asks);
        let status = self.process.wait()?;
        ensure!(status.success(), "those who watch ended with {status}");
        Ok(())
    }
}

impl Crowd {
    fn count(self) -> u64 {
        self.my_orders + self.pick_lists + self.dashboards
    }
}

/// Prints the figures.
pub(crate) fn print(measured: &Live) {
    let Live { subscribers_1000_cost, subscribers_10000_mib, live } = measured;
    println!("\nPlace order over HTTP, {CONNECTIONS} connections, while nobody or 1,000 watch:");
    println!(
        "  watching | per second | p50 µs | p99 µs | CPU µs | ticks | bytes/tick | ms p50 | p99"
    );
    for ((without, with), sight) in live.without.iter().zip(&live.with).zip(&live.sights) {
        for (watching, run) in [(0, without), (CROWD.count(), with)] {
            let Run { per_second, p50_us, p99_us, processor_us, .. } = run;
            let rate = grouped(*per_second);
            print!(
                "  {watching:>8} | {rate:>10} | {p50_us:>6.0} | {p99_us:>6.0} | {processor_us:>6.1}"
            );
            if watching == 0 {
                println!();
                continue;
            }
            let Sight { ticks, bytes, p50_ms, p99_ms, .. } = sight;
            let each = *bytes as f64 / (*ticks).max(1) as f64;
            println!(" | {ticks:>5} | {:>10} | {p50_ms:>6.0} | {p99_ms:>3.0}", grouped(each));
        }
    }
    println!(
        "  cost {:.0} % of the rate; {:.1} KiB a subscriber; {} idle ones {:.0} MiB, {:.1} KiB each",
        subscribers_1000_cost * 100.0,
        live.kib_per_subscriber,
        grouped(IDLE as f64),
        subscribers_10000_mib,
        live.kib_per_idle,
    );
}
