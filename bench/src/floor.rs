//! The floor: writing the same bytes to the same disk and nothing else. Nobody who promises that an
//! answer is durable gets below it with one client waiting.

use std::fs::File;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::time::{Duration, Instant};

use serde::Serialize;

use crate::figures::{Run, grouped, percentile};
use crate::markdown::{Table, section};

/// How many writes each figure is of.
const WRITES: usize = 2_000;
const WRITES_QUICK: usize = 500;

/// What a frame of one order, of sixteen and of 64 takes on disk, nearly.
const SIZES: [usize; 3] = [768, 8 << 10, 32 << 10];

#[derive(Debug, Serialize)]
pub(crate) struct Floor {
    bytes: usize,
    /// The file grows with each write, as a log does that is simply appended to.
    growing: Synced,
    /// The file was written before, as PostgreSQL's recycled log files are.
    written_before: Synced,
}

/// Microseconds for one write and its fdatasync.
#[derive(Debug, Serialize)]
struct Synced {
    p50_us: f64,
    p99_us: f64,
}

pub(crate) fn measure(directory: &Path, quick: bool) -> anyhow::Result<Vec<Floor>> {
    let writes = if quick { WRITES_QUICK } else { WRITES };
    let mut floors = Vec::new();
    for bytes in SIZES {
        let path = directory.join("floor");
        let file = File::create(&path)?;
        let growing = synced(&file, bytes, writes)?;
        let written_before = synced(&file, bytes, writes)?;
        std::fs::remove_file(path)?;
        floors.push(Floor { bytes, growing, written_before });
    }
    Ok(floors)
}

fn synced(file: &File, bytes: usize, writes: usize) -> std::io::Result<Synced> {
    let block = vec![0x5a; bytes];
    let mut spent = Vec::with_capacity(writes);
    for number in 0..writes {
        let began = Instant::now();
        file.write_all_at(&block, (number * bytes) as u64)?;
        file.sync_data()?;
        spent.push(began.elapsed().as_secs_f64() * 1e6);
    }
    spent.sort_by(f64::total_cmp);
    Ok(Synced { p50_us: percentile(&spent, 50), p99_us: percentile(&spent, 99) })
}

/// What a frame of one order takes on disk, nearly: what one client that waits has to wait for.
const FRAME_BYTES: usize = 640;

/// How much of the file is written before: as far as the writes get.
const WRITTEN_BEFORE_BYTES: usize = 16 << 20;

/// One client that waits for the disk and for nothing else: a frame, written over zeros as the
/// chronicle writes it, and its fdatasync.
pub(crate) fn waiting(directory: &Path, time: Duration) -> anyhow::Result<Run> {
    let path = directory.join("floor");
    let file = File::create(&path)?;
    file.write_all_at(&vec![0; WRITTEN_BEFORE_BYTES], 0)?;
    file.sync_all()?;
    let block = [0x5a; FRAME_BYTES];
    let mut latencies_us = Vec::new();
    let began = Instant::now();
    while began.elapsed() < time {
        let at = latencies_us.len() * FRAME_BYTES % (WRITTEN_BEFORE_BYTES - FRAME_BYTES);
        let sent = Instant::now();
        file.write_all_at(&block, at as u64)?;
        file.sync_data()?;
        latencies_us.push(sent.elapsed().as_secs_f64() * 1e6);
    }
    let run = Run::of(latencies_us, 0, began.elapsed());
    std::fs::remove_file(path)?;
    Ok(run)
}

pub(crate) fn report(floors: &[Floor]) -> String {
    let mut table =
        Table::new(["bytes", "growing file, µs p50 (p99)", "written before, µs p50 (p99)"]);
    for Floor { bytes, growing, written_before } in floors {
        let pair = |synced: &Synced| format!("{:.0} ({:.0})", synced.p50_us, synced.p99_us);
        table.row([grouped(*bytes as f64), pair(growing), pair(written_before)]);
    }
    section("The floor: one write and its fdatasync", &[table.to_string()])
}
