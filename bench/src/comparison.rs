//! "Place order" side by side: ours in process, ours over HTTP, PostgreSQL, in turn on one machine.
//!
//! In each round every system is measured once per load, the systems one after the other; so what
//! disturbs the machine for a while disturbs them alike. Each measurement starts with an empty order
//! book. A ratio is of the medians of one run.

use std::path::Path;
use std::time::Duration;

use serde::Serialize;

use crate::figures::{Run, Spread, grouped};
use crate::load::Load;
use crate::postgres::Postgres;
use crate::{http, in_process};

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum System {
    /// Our pipeline, called in the same process.
    InProcess,
    /// Our server, one command per call.
    Http,
    /// Our server, many commands per call, as NDJSON.
    HttpBatch,
    /// PostgreSQL, one stored function per call.
    Postgres,
}

impl System {
    fn name(self) -> &'static str {
        match self {
            System::InProcess => "Deeds in process",
            System::Http => "Deeds over HTTP",
            System::HttpBatch => "Deeds over HTTP, batch",
            System::Postgres => "PostgreSQL",
        }
    }
}

/// What is measured in each round and for each load: the system, and how many wait at once. Theirs
/// stand next to those of ours that they are compared with.
const PLAN: &[(System, usize)] = &[
    (System::InProcess, 1),
    (System::Http, 1),
    (System::Postgres, 1),
    (System::InProcess, 16),
    (System::Http, 16),
    (System::Postgres, 16),
    (System::InProcess, 64),
    (System::Http, 64),
    (System::Postgres, 64),
    (System::InProcess, 512),
    (System::HttpBatch, 1),
    (System::HttpBatch, 8),
];

/// One system under one load.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    system: System,
    load: Load,
    waiting: usize,
    per_second: Spread,
    p50_us: Spread,
    p99_us: Spread,
    processor_us: Spread,
    refused_percent: f64,
    runs: Vec<Run>,
}

/// How long and how often.
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
}

/// The comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    peer: String,
    rows: Vec<Row>,
}

pub(crate) fn measure(directory: &Path, effort: &Effort) -> anyhow::Result<Comparison> {
    let theirs = directory.join("postgres");
    std::fs::create_dir(&theirs)?;
    let postgres = Postgres::start(&theirs)?;
    let mut runs: Vec<(System, Load, usize, Run)> = Vec::new();
    for round in 0..effort.rounds {
        for load in Load::ALL {
            for &(system, waiting) in PLAN {
                let seed = (round * 100 + runs.len()) as u64;
                let ours = directory.join("food-bank");
                let run = match system {
                    System::InProcess => {
                        in_process::measure(&ours, load, waiting, effort.time, seed)?
                    }
                    System::Http => http::measure(&ours, load, waiting, effort.time, seed)?,
                    System::HttpBatch => {
                        http::measure_batch(&ours, load, waiting, effort.time, seed)?
                    }
                    System::Postgres => postgres.measure(load, waiting, effort.time)?,
                };
                if ours.exists() {
                    std::fs::remove_dir_all(&ours)?;
                }
                println!(
                    "round {}/{}  {:<24} {:<16} {waiting:>4} waiting {:>10}/s",
                    round + 1,
                    effort.rounds,
                    system.name(),
                    load.name(),
                    grouped(run.per_second)
                );
                runs.push((system, load, waiting, run));
            }
        }
    }
    println!();
    Ok(Comparison { peer: postgres.version()?, rows: rows(runs) })
}

fn rows(runs: Vec<(System, Load, usize, Run)>) -> Vec<Row> {
    let mut rows = Vec::new();
    for load in Load::ALL {
        for &(system, waiting) in PLAN {
            let same = |run: &&(System, Load, usize, Run)| {
                (run.0, run.1, run.2) == (system, load, waiting)
            };
            let runs: Vec<Run> =
                runs.iter().filter(same).map(|(_, _, _, run)| run.clone()).collect();
            let refused: u64 = runs.iter().map(|run| run.refused).sum();
            let commands: u64 = runs.iter().map(|run| run.commands).sum();
            rows.push(Row {
                system,
                load,
                waiting,
                per_second: Spread::of(runs.iter().map(|run| run.per_second)),
                p50_us: Spread::of(runs.iter().map(|run| run.p50_us)),
                p99_us: Spread::of(runs.iter().map(|run| run.p99_us)),
                processor_us: Spread::of(runs.iter().map(|run| run.processor_us)),
                refused_percent: 100.0 * refused as f64 / commands as f64,
                runs,
            });
        }
    }
    rows
}

pub(crate) fn print(comparison: &Comparison) {
    println!("Place order, durable; {}", comparison.peer);
    println!(
        "{:<24} {:<16} {:>7}  {:>32} {:>9} {:>9} {:>7} {:>8}",
        "",
        "load",
        "waiting",
        "per second, median (min to max)",
        "p50 µs",
        "p99 µs",
        "CPU µs",
        "ratio"
    );
    for row in &comparison.rows {
        let Spread { min, median, max } = row.per_second;
        let rate = format!("{} ({} to {})", grouped(median), grouped(min), grouped(max));
        println!(
            "{:<24} {:<16} {:>7}  {rate:>32} {:>9} {:>9} {:>7.1} {:>8}",
            row.system.name(),
            row.load.name(),
            row.waiting,
            grouped(row.p50_us.median),
            grouped(row.p99_us.median),
            row.processor_us.median,
            ratio(comparison, row)
        );
    }
    println!();
}

/// How many times PostgreSQL's rate with as many clients; with more than it was measured with, its
/// best.
fn ratio(comparison: &Comparison, row: &Row) -> String {
    if row.system == System::Postgres {
        return String::new();
    }
    let theirs = comparison
        .rows
        .iter()
        .filter(|theirs| theirs.system == System::Postgres && theirs.load == row.load);
    let rate = |row: &Row| row.per_second.median;
    let same = theirs.clone().find(|theirs| theirs.waiting == row.waiting);
    let many = row.system == System::HttpBatch || same.is_none();
    let best = theirs.map(rate).fold(0.0, f64::max);
    let theirs = if many { best } else { same.map_or(best, rate) };
    format!("× {:.1}", rate(row) / theirs)
}
