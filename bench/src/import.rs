//! Scale: so many orders through the pipeline, then what they cost: bytes on disk, time to open again
//! without a snapshot, memory. Opening is measured in a process of its own, whose memory holds nothing
//! else.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use deeds_pipeline::host::Host as _;
use food_bank::FoodBank;
use serde::{Deserialize, Serialize};

use crate::figures::{Run, grouped};

use crate::markdown::{Table, section};
use crate::stopwatch::on_processor;
use crate::work::{NEIGHBORS, PRODUCTS, Work};
use crate::{bank, in_process, machine};

/// Commands on their way, as a pipelining import keeps them.
const IN_FLIGHT: usize = 1_024;

/// What a chronicle of so many orders costs.
#[derive(Debug, Serialize)]
pub(crate) struct Import {
    orders: usize,
    imported: Run,
    records: u64,
    sizes: Sizes,
    /// Opened again by a new process.
    opened: Opened,
    /// The same, remembering one command id: the difference is the duplicate window.
    opened_without_window: Opened,
    /// A bank with products and neighbors and no orders.
    opened_empty: Opened,
}

/// Bytes on disk.
#[derive(Debug, Serialize)]
struct Sizes {
    segments: u64,
    /// Not split yet into headers and bodies.
    head: u64,
    headers: u64,
    bodies: u64,
    tiles: u64,
}

/// What opening a bank took and left.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Opened {
    records: u64,
    seconds: f64,
    /// Seconds of them on the processor, for the thread that replays.
    processor_seconds: f64,
    /// Memory the process held before and after, in bytes.
    before: u64,
    after: u64,
    rows: Vec<(String, usize)>,
}

pub(crate) fn measure(directory: &Path, orders: usize) -> anyhow::Result<Import> {
    let empty = directory.join("import-empty");
    bank::close(bank::stocked::<FoodBank>(&empty)?)?;
    let opened_empty = open_in_new_process(&empty, Window::Usual, false)?;

    let place = directory.join("import");
    let node = bank::stocked::<FoodBank>(&place)?;
    println!("importing {} orders", grouped(orders as f64));
    let forever = Duration::from_secs(24 * 3600);
    let imported = in_process::drive(&node, Work::OrderUniform, IN_FLIGHT, orders, forever, 5)?;
    bank::close(node)?;

    let opened = open_in_new_process(&place, Window::Usual, true)?;
    let opened_without_window = open_in_new_process(&place, Window::One, false)?;
    let info = deeds_chronicle::Reader::open(bank::disk(&place))?.info()?;
    let sizes = Sizes {
        segments: info.segments,
        head: info.head_bytes,
        headers: info.log_bytes,
        bodies: info.bodies_bytes,
        tiles: info.tiles_bytes,
    };
    let records = info.end.0;
    for place in [empty, place] {
        std::fs::remove_dir_all(place)?;
    }
    Ok(Import { orders, imported, records, sizes, opened, opened_without_window, opened_empty })
}

/// How many command ids a bank remembers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Window {
    Usual,
    One,
}

fn open_in_new_process(place: &Path, window: Window, aloud: bool) -> anyhow::Result<Opened> {
    let window = match window {
        Window::Usual => "usual",
        Window::One => "one",
    };
    let mut command = Command::new(std::env::current_exe()?);
    command.arg("open").arg(place).args(["--window", window]);
    let errors = if aloud { Stdio::inherit() } else { Stdio::null() };
    let output = command.stderr(errors).output()?;
    ensure!(output.status.success(), "opening the bank again failed: {}", output.status);
    serde_json::from_slice(&output.stdout).context("the other process prints JSON")
}

/// Opens a bank and prints what that took as JSON; what the new process runs.
#[expect(clippy::print_stderr, reason = "progress, beside the JSON on standard output")]
pub(crate) fn open(place: &Path, window: Window) -> anyhow::Result<()> {
    let before = machine::resident_bytes();
    let began = Instant::now();
    let spent_before = on_processor();
    let mut told = Instant::now();
    let mut progress = |done, end| {
        if done == end || told.elapsed() > Duration::from_millis(500) {
            told = Instant::now();
            let rate = done as f64 / began.elapsed().as_secs_f64();
            eprintln!("replayed {} of {end} records, {}/s", grouped(done as f64), grouped(rate));
        }
    };
    let remembered = (window == Window::One).then_some(1);
    let node = bank::open::<FoodBank>(place, remembered, &mut progress)?;
    let seconds = began.elapsed().as_secs_f64();
    let processor_seconds = (on_processor() - spent_before).as_secs_f64();
    let opened = Opened {
        records: node.replayed,
        seconds,
        processor_seconds,
        before,
        after: machine::resident_bytes(),
        rows: node.tables().into_iter().map(|(name, rows)| (name.to_owned(), rows)).collect(),
    };
    println!("{}", serde_json::to_string(&opened)?);
    bank::close(node)
}

pub(crate) fn report(import: &Import) -> String {
    let Import { orders, imported, records, sizes, opened, opened_without_window, opened_empty } =
        import;
    let title =
        format!("{} orders, one per command, {IN_FLIGHT} in flight", grouped(*orders as f64));
    let mut table = Table::new([&title, ""]);
    let mut row = |name: &str, figure: String| table.row([name.to_owned(), figure]);
    let Run { per_second, p50_us, p99_us, processor_us, .. } = imported;
    row("per second", grouped(*per_second));
    row("p50 and p99, µs", format!("{p50_us:.0} and {p99_us:.0}"));
    row("µs on the processors, client included", format!("{processor_us:.1}"));
    let per_record = |bytes: u64| bytes as f64 / *records as f64;
    let frames = per_record(sizes.head + sizes.headers + sizes.bodies);
    let headers = sizes.headers as f64 / (sizes.headers + sizes.bodies).max(1) as f64;
    row("on disk, bytes per record", format!("{frames:.0}"));
    row("of them headers", format!("{:.0}", frames * headers));
    row("beside them Merkle tiles", format!("{:.1}", per_record(sizes.tiles)));
    row("records replayed without a snapshot", grouped(opened.records as f64));
    row("per second, all in all", grouped(opened.records as f64 / opened.seconds));
    let on_processor = opened.records as f64 / opened.processor_seconds;
    row("per second of the opening thread on the processor", grouped(on_processor));
    let mib = |bytes: u64| format!("{:.0} MiB", bytes as f64 / f64::from(1 << 20));
    row("memory after opening", mib(opened.after));
    let empty = format!("of {PRODUCTS} products and {NEIGHBORS} neighbors without orders");
    row(&empty, mib(opened_empty.after));
    let grown = |opened: &Opened| opened.after.saturating_sub(opened_empty.after) as f64;
    let rows = |opened: &Opened| opened.rows.iter().map(|(_, rows)| rows).sum::<usize>();
    let new_rows = (rows(opened) - rows(opened_empty)) as f64;
    let orders = *orders as f64;
    row("memory per order, bytes", grouped(grown(opened) / orders));
    let ids = (grown(opened) - grown(opened_without_window)) / orders;
    row("of them for its id that is remembered", grouped(ids.max(0.0)));
    let per_row = grown(opened_without_window) / new_rows;
    row("memory per row, both forms and indexes, bytes", grouped(per_row));
    section("What many orders cost", &[table.to_string()])
}
