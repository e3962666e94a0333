//! The benchmark: orders, transfers and notes through the real pipeline, beside PostgreSQL and SQLite in
//! the same run; where the time goes; and what restarts, subscribers and a quiet day cost. Method and
//! figures: `docs/benchmarks.md`.
//!
//! In reading order:
//! - [`work`]: what is asked for, with [`draw`]; [`bank`] and [`ledger`]: the apps that are asked;
//! - one measurement of one system: [`in_process`]; [`socket`] (with [`socket_connection`]) and [`http`]
//!   (with [`http_connection`]) of a server that is [`serving`] in a process of its own; [`postgres`]
//!   (with [`postgres_client`]); [`sqlite`];
//! - [`comparison`]: all of them in turn, as the [`plan`] says;
//! - [`live`]: the same orders while subscribers watch, who are [`watching`] in a process of their own;
//! - [`queries`], [`import`], [`restart`], [`rpm`]: what else is felt;
//! - [`floor`], [`stages`], [`representations`]: what explains the figures;
//! - [`suite`]: all of it, and [`teardown`]; [`keys`]: the figures by which runs are compared; [`markdown`], and [`plot`]
//!   with [`charts`]: the documents.
//!
//! Nothing here asserts a speed: a machine that is slow today must not fail anything.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "its figures are for standard output")]

mod bank;
mod charts;
mod comparison;
mod draw;
mod figures;
mod floor;
mod http;
mod http_connection;
mod import;
mod in_process;
mod keys;
mod ledger;
mod live;
mod machine;
mod markdown;
mod plan;
mod plot;
mod postgres;
mod postgres_client;
mod queries;
mod representations;
mod restart;
mod rpm;
mod serving;
mod socket;
mod socket_connection;
mod sqlite;
mod stages;
mod stopwatch;
mod suite;
mod teardown;
mod watched_disk;
mod watching;
mod work;

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use anyhow::{Context as _, ensure};
use clap::{Parser, Subcommand, ValueEnum};

/// Deeds beside its peers, and where its time goes.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask bench")]
struct Arguments {
    /// Fewer and shorter measurements: within ten minutes, and rough.
    #[arg(long)]
    quick: bool,
    /// Write the figures here as JSON, too.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Write the tables here as Markdown, too, and pictures beside it.
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Only these parts; repeatable.
    #[arg(long, value_enum, value_name = "PART")]
    only: Vec<Part>,
    /// Of the comparison only this work; repeatable.
    #[arg(long, value_enum, value_name = "WORK")]
    work: Vec<work::Work>,
    /// How often the comparison measures each system.
    #[arg(long)]
    rounds: Option<usize>,
    /// How long it measures each.
    #[arg(long)]
    seconds: Option<f64>,
    /// Orders that are imported, and replayed by a restart: each makes two rows.
    #[arg(long, default_value_t = 500_000)]
    orders: usize,
    /// The food bank's program, built for release; `cargo xtask bench` builds it.
    #[arg(long, value_name = "FILE")]
    food_bank: Option<PathBuf>,
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
    /// The same work by everybody.
    Comparison,
    /// Where the time goes.
    Stages,
    /// Ways to hold the state.
    Representations,
    /// "Place order" while subscribers watch, and what idle ones cost.
    Live,
    /// How long questions take.
    Queries,
    /// What many orders cost on disk and in memory.
    Import,
    /// Restarts, and answers beside snapshots and backups.
    Restart,
    /// A quiet day: 120 requests a minute, then none.
    Rpm,
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
    /// Serves a stocked app until standard input ends.
    #[command(hide = true)]
    Serve {
        directory: PathBuf,
        #[arg(long)]
        app: serving::Served,
    },
    /// Watches a food bank; says what it saw when a line comes.
    #[command(hide = true)]
    Watch(watching::Arguments),
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    match &arguments.process {
        Some(Process::Open { directory, window }) => import::open(directory, *window),
        Some(Process::Serve { directory, app }) => serving::serve(directory, *app),
        Some(Process::Watch(arguments)) => watching::watch(arguments),
        None => {
            let directory =
                tempfile::Builder::new().prefix("deeds-bench-").tempdir_in(&arguments.directory);
            let directory = directory.with_context(|| {
                format!("cannot make a directory in {}", arguments.directory.display())
            })?;
            // Whoever PostgreSQL runs as has to get to its own directory inside.
            fs::set_permissions(&directory, fs::Permissions::from_mode(0o755))?;
            teardown::on_signals(directory.path().to_owned())?;
            let failed = suite::run(&arguments, directory.path())?;
            ensure!(failed.is_empty(), "parts that failed: {}", failed.join(", "));
            Ok(())
        }
    }
}
