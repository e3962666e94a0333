//! The benchmark: the food bank's "place order" through the real pipeline, beside PostgreSQL in the
//! same run; where its time goes; and what a million orders cost. Method and figures:
//! `docs/benchmarks.md`.
//!
//! In reading order:
//! - [`load`]: which orders are placed; [`bank`]: the food bank they are placed at;
//! - [`in_process`], [`http`] (with [`http_connection`]), [`postgres`]: one measurement of one system;
//! - [`comparison`]: all of them in turn;
//! - [`live`]: the same orders while subscribers watch, who are [`watching`] in a process of their own;
//! - [`floor`], [`stages`], [`representations`], [`import`], [`restart`]: what explains the figures.
//!
//! Nothing here asserts a speed: a machine that is slow today must not fail anything.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "its figures are for standard output")]

mod bank;
mod comparison;
mod figures;
mod floor;
mod http;
mod http_connection;
mod import;
mod in_process;
mod live;
mod load;
mod machine;
mod postgres;
mod representations;
mod restart;
mod stages;
mod stopwatch;
mod watched_disk;
mod watching;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::Context as _;
use clap::{Parser, Subcommand, ValueEnum};
use serde::Serialize;

use crate::comparison::Effort;

/// The food bank's "place order" beside PostgreSQL, and where its time goes.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Fewer and shorter measurements: under three minutes, and rough.
    #[arg(long)]
    quick: bool,
    /// Write the figures here as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Only these parts; repeatable.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Only this: so many orders imported, and what they cost on disk, in memory and at a restart.
    #[arg(long, value_name = "ORDERS")]
    import: Option<usize>,
    /// Only this: so many orders placed, then restarts and answers with snapshots and without.
    #[arg(long, value_name = "ORDERS")]
    restart: Option<usize>,
    /// Where chronicles and databases lie while they are measured: on a disk, not in memory, and
    /// readable for the user whom PostgreSQL runs as.
    #[arg(long, value_name = "DIRECTORY", default_value = "/var/tmp")]
    directory: PathBuf,
    #[command(subcommand)]
    process: Option<Process>,
}

/// What is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// A write and its fdatasync.
    Floor,
    /// "Place order" beside PostgreSQL.
    Comparison,
    /// Where the time goes.
    Stages,
    /// Ways to hold the state.
    Representations,
    /// "Place order" while subscribers watch, and what idle ones cost.
    Live,
}

/// What this program runs as a process of its own.
#[derive(Debug, Subcommand)]
enum Process {
    /// Opens a food bank and says what that took.
    #[command(hide = true)]
    Open {
        directory: PathBuf,
        #[arg(long)]
        window: import::Window,
    },
    /// Serves a stocked food bank until standard input ends.
    #[command(hide = true)]
    Serve { directory: PathBuf },
    /// Watches a food bank; says what it saw when a line comes.
    #[command(hide = true)]
    Watch(watching::Arguments),
}

/// Everything that was measured. Its JSON is for machines that compare runs: names stay.
#[derive(Debug, Serialize)]
struct Report {
    machine: machine::Machine,
    quick: bool,
    floor: Option<Vec<floor::Floor>>,
    comparison: Option<comparison::Comparison>,
    stages: Option<Vec<stages::Stages>>,
    representations: Option<representations::Representations>,
    #[serde(flatten)]
    live: Option<live::Live>,
    import: Option<import::Import>,
    restart: Option<restart::Restart>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.process {
        Some(Process::Open { directory, window }) => import::open(directory, *window),
        Some(Process::Serve { directory }) => http::serve(directory),
        Some(Process::Watch(arguments)) => watching::watch(arguments),
        None => {
            let directory =
                tempfile::Builder::new().prefix("deeds-bench-").tempdir_in(&arguments.directory);
            let directory = directory.with_context(|| {
                format!("cannot make a directory in {}", arguments.directory.display())
            })?;
            // Whoever PostgreSQL runs as has to get to its own directory inside.
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
            let report = measure(&arguments, directory.path())?;
            if let Some(file) = &arguments.json {
                fs::write(file, serde_json::to_string_pretty(&report)?)
                    .with_context(|| format!("cannot write {}", file.display()))?;
            }
            Ok(())
        }
    }
}

fn measure(arguments: &Arguments, directory: &Path) -> anyhow::Result<Report> {
    let quick = arguments.quick;
    let wanted = |part| {
        arguments.import.is_none()
            && arguments.restart.is_none()
            && (arguments.only.is_empty() || arguments.only.contains(&part))
    };
    let machine = machine::Machine::here(directory);
    machine.print();
    let mut report = Report {
        machine,
        quick,
        floor: None,
        comparison: None,
        stages: None,
        representations: None,
        live: None,
        import: None,
        restart: None,
    };
    if wanted(Part::Floor) {
        let floors = floor::measure(directory, quick)?;
        floor::print(&floors);
        report.floor = Some(floors);
    }
    if wanted(Part::Comparison) {
        let seconds = if quick { 1 } else { 4 };
        let rounds = if quick { 3 } else { 5 };
        let effort = Effort { rounds, time: Duration::from_secs(seconds) };
        let comparison = comparison::measure(directory, &effort)?;
        comparison::print(&comparison);
        report.comparison = Some(comparison);
    }
    if wanted(Part::Stages) {
        let stages = stages::measure(directory, quick)?;
        stages::print(&stages);
        report.stages = Some(stages);
    }
    if wanted(Part::Representations) {
        let figures = representations::measure(quick);
        representations::print(&figures);
        report.representations = Some(figures);
    }
    if wanted(Part::Live) {
        let live = live::measure(directory, quick)?;
        live::print(&live);
        report.live = Some(live);
    }
    if let Some(orders) = arguments.import {
        let import = import::measure(directory, orders)?;
        import::print(&import);
        report.import = Some(import);
    }
    if let Some(orders) = arguments.restart {
        report.restart = Some(restart::measure(directory, orders)?);
    }
    Ok(report)
}
