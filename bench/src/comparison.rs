//! The same work side by side: ours in process, over sockets and over HTTP; PostgreSQL; SQLite; and a
//! bare write with its fdatasync. In turn on one machine.
//!
//! In each round every system is measured once per work, the systems one after the other; so what
//! disturbs the machine for a while disturbs them alike. Each measurement starts with empty tables. A
//! ratio is of the medians of one run. A system that fails is left out from then on, and that is told.

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use food_bank::FoodBank;
use serde::Serialize;

use crate::figures::{Run, Spread, grouped};
use crate::ledger::Ledger;
use crate::markdown::{Table, section};
use crate::plan::{Point, System, plan};
use crate::postgres::Postgres;
use crate::socket::{Depth, Kind};
use crate::work::Work;
use crate::{floor, http, in_process, postgres_client, socket, sqlite};

/// One system at one depth.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    #[serde(flatten)]
    pub(crate) point: Point,
    pub(crate) per_second: Spread,
    pub(crate) p50_us: Spread,
    pub(crate) p99_us: Spread,
    pub(crate) processor_us: Spread,
    pub(crate) client_us: Spread,
    pub(crate) refused_percent: f64,
    pub(crate) runs: Vec<Run>,
}

/// How long and how often.
pub(crate) struct Effort {
    pub(crate) rounds: usize,
    pub(crate) time: Duration,
    pub(crate) quick: bool,
    /// Only this; empty: all of it.
    pub(crate) works: Vec<Work>,
}

/// The comparison.
#[derive(Debug, Serialize)]
pub(crate) struct Comparison {
    pub(crate) peers: Vec<String>,
    pub(crate) left_out: Vec<String>,
    pub(crate) rows: Vec<Row>,
}

/// What was measured, by the place in the plan.
type Measured = Vec<(usize, Run)>;

pub(crate) fn measure(directory: &Path, effort: &Effort) -> anyhow::Result<Comparison> {
    let theirs = directory.join("postgres");
    std::fs::create_dir(&theirs)?;
    let mut left_out = vec![UMADB.to_owned()];
    let (mut peers, mut failed) = (vec![sqlite::version()], Vec::new());
    let postgres = Postgres::start(&theirs);
    match &postgres {
        Ok(postgres) => peers.push(postgres.version()?),
        Err(error) => {
            leave_out(&mut left_out, format!("PostgreSQL: {error:#}"));
            failed.extend([System::Postgres, System::PostgresClient]);
        }
    }
    println!("LEFT OUT: {UMADB}");
    let plan = plan(effort.quick, &effort.works);
    let mut measured = Measured::new();
    for round in 0..effort.rounds {
        for (place, point) in plan.iter().enumerate() {
            if failed.contains(&point.system) {
                continue;
            }
            let seed = (round * plan.len() + place) as u64;
            match run(directory, postgres.as_ref().ok(), point, effort.time, seed) {
                Ok(run) => {
                    let rate = grouped(run.per_second);
                    println!("round {}/{}  {point} {rate:>10}/s", round + 1, effort.rounds);
                    measured.push((place, run));
                }
                Err(error) => {
                    let system = point.system.name();
                    leave_out(&mut left_out, format!("{system}, {}: {error:#}", point.work.name()));
                    failed.push(point.system);
                }
            }
        }
    }
    println!();
    Ok(Comparison { peers, left_out, rows: rows(&plan, &measured) })
}

/// Fifty crates and a TLS library in C are too much for one row.
const UMADB: &str =
    "UmaDB: no client of it is built in; docs/benchmarks.md says what it was measured at";

fn leave_out(left_out: &mut Vec<String>, what: String) {
    println!("LEFT OUT: {what}");
    left_out.push(what);
}

fn run(
    directory: &Path,
    postgres: Option<&Postgres>,
    point: &Point,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    let Point { work, system, depth, .. } = *point;
    let place = directory.join("measured");
    if place.exists() {
        // A measurement before this one failed.
        std::fs::remove_dir_all(&place)?;
    }
    let theirs = || postgres.context("it does not run");
    let run = match system {
        System::Fdatasync => floor::waiting(directory, time)?,
        System::InProcess if work.is_order() => {
            in_process::measure::<FoodBank>(&place, work, depth.each, time, seed)?
        }
        System::InProcess => in_process::measure::<Ledger>(&place, work, depth.each, time, seed)?,
        System::Socket => socket::measure(&place, work, depth, time, seed, Kind::Lean)?,
        System::NativeClient => socket::measure(&place, work, depth, time, seed, Kind::Native)?,
        System::Http => http::measure(&place, work, depth.clients, time, seed, http::Way::Single)?,
        System::HttpBatch => {
            http::measure(&place, work, depth.clients, time, seed, http::Way::Batch)?
        }
        System::Postgres => {
            theirs()?.measure(work, postgres_client::Way::Function, depth, time, seed)?
        }
        System::PostgresClient => {
            theirs()?.measure(work, postgres_client::Way::ClientTransaction, depth, time, seed)?
        }
        System::Sqlite => sqlite::measure(&place, work, 1, time, seed)?,
        System::SqliteGroup => sqlite::measure(&place, work, sqlite::GROUP, time, seed)?,
    };
    if place.exists() {
        std::fs::remove_dir_all(&place)?;
    }
    Ok(run)
}

fn rows(plan: &[Point], measured: &Measured) -> Vec<Row> {
    let mut rows = Vec::new();
    for (place, point) in plan.iter().enumerate() {
        let runs = measured.iter().filter(|(of, _)| *of == place).map(|(_, run)| run.clone());
        let runs: Vec<Run> = runs.collect();
        if runs.is_empty() {
            continue;
        }
        let spread = |figure: fn(&Run) -> f64| Spread::of(runs.iter().map(figure));
        let refused: u64 = runs.iter().map(|run| run.refused).sum();
        let commands: u64 = runs.iter().map(|run| run.commands).sum();
        rows.push(Row {
            point: point.clone(),
            per_second: spread(|run| run.per_second),
            p50_us: spread(|run| run.p50_us),
            p99_us: spread(|run| run.p99_us),
            processor_us: spread(|run| run.processor_us),
            client_us: spread(|run| run.client_us),
            refused_percent: 100.0 * refused as f64 / commands.max(1) as f64,
            runs,
        });
    }
    rows
}

impl Comparison {
    /// The rows of this work by this system.
    pub(crate) fn of(&self, work: Work, system: System) -> impl Iterator<Item = &Row> {
        self.rows.iter().filter(move |row| row.point.work == work && row.point.system == system)
    }

    /// The best median rate of a system, whatever the depth.
    pub(crate) fn best(&self, work: Work, system: System) -> Option<f64> {
        self.of(work, system).map(|row| row.per_second.median).max_by(f64::total_cmp)
    }

    /// How many times the best rate of PostgreSQL's stored function, at whatever depth.
    pub(crate) fn ratio(&self, row: &Row) -> Option<f64> {
        Some(row.per_second.median / self.best(row.point.work, System::Postgres)?)
    }

    /// The p50 of one client waiting for each answer.
    pub(crate) fn waiting_p50_us(&self, work: Work, system: System) -> Option<f64> {
        let alone = |row: &&Row| row.point.depth.in_flight() == 1;
        self.of(work, system).find(alone).map(|row| row.p50_us.median)
    }
}

/// The figures, a table for each work.
pub(crate) fn report(comparison: &Comparison) -> String {
    let mut parts = vec![format!("Every answer is durable. {}.", comparison.peers.join("; "))];
    parts.extend(comparison.left_out.iter().map(|what| format!("LEFT OUT: {what}")));
    for work in Work::ALL {
        let mut table = Table::new([
            work.name(),
            "clients × in flight",
            "per second (least to most)",
            "p50 µs",
            "p99 µs",
            "CPU µs, server",
            "client",
            "× PostgreSQL",
        ]);
        let rows = || comparison.rows.iter().filter(|row| row.point.work == work);
        for row in rows() {
            let Spread { min, median, max } = row.per_second;
            let Depth { clients, each } = row.point.depth;
            let figure =
                |figure: f64| if figure > 0.0 { format!("{figure:.1}") } else { String::new() };
            table.row([
                row.point.system.name().to_owned(),
                format!("{clients} × {each}"),
                format!("{} ({} to {})", grouped(median), grouped(min), grouped(max)),
                grouped(row.p50_us.median),
                grouped(row.p99_us.median),
                figure(row.processor_us.median),
                figure(row.client_us.median),
                comparison.ratio(row).map_or(String::new(), |ratio| format!("{ratio:.2}")),
            ]);
        }
        if rows().next().is_some() {
            parts.push(table.to_string());
        }
    }
    section("The same work by everybody", &parts)
}
