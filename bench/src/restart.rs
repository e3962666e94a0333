//! What a snapshot saves and what it costs: restarts with one and without, and the answers' times
//! while snapshots are taken, and while a backup goes on, beside those while nothing else does.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::ensure;
use deeds_chronicle::{Backup, OwnerId, Reader, RealDisk};
use deeds_pipeline::host::Host as _;
use deeds_pipeline::node::Node;
use deeds_pipeline::snapshot::SnapshotPolicy;
use food_bank::FoodBank;
use serde::Serialize;

use crate::bank;
use crate::figures::{Run, Spread, grouped};
use crate::in_process::drive;
use crate::markdown::{Table, section};
use crate::work::Work;

/// How often a restart is repeated; the fastest counts, as the others shared the machine.
const RESTARTS: usize = 3;

/// Orders in flight while the state is built.
const BUILDING_IN_FLIGHT: usize = 1_024;

/// Orders in flight while answers are timed: people, and a rush.
const PEOPLE: usize = 8;
pub(crate) const RUSH: usize = 64;

/// How long each stretch of timed answers is.
const STRETCH: Duration = Duration::from_secs(5);
const STRETCH_QUICK: Duration = Duration::from_secs(3);

/// More than a stretch can hold.
const STRETCH_ORDERS_MAX: usize = 4_000_000;

/// Stretches of each kind, in turn.
const STRETCHES: usize = 3;
const STRETCHES_QUICK: usize = 2;

/// While answers are timed with snapshots, the next is due so soon after the last that one is always
/// under way.
const SNAPSHOT_EVERY: u64 = 1_000;

/// How long a backup leaves the end of the chronicle alone, as `backup --follow` does.
const BACKUP_PAUSE: Duration = Duration::from_millis(100);

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Restart {
    records: u64,
    rows: u64,
    snapshot_bytes: u64,
    /// Seconds from opening to serving.
    without_s: f64,
    pub(crate) with_s: f64,
    first_snapshot_s: f64,
    answers: Vec<Answers>,
}

/// Answers with so many orders in flight.
#[derive(Debug, Serialize)]
struct Answers {
    in_flight: usize,
    without: Vec<Run>,
    with: Vec<Run>,
    snapshots: u64,
    with_backup: Vec<Run>,
    /// Records that the backups copied meanwhile.
    backed_up: u64,
}

impl Restart {
    /// Records from opening without a snapshot to serving.
    pub(crate) fn replayed_per_second(&self) -> f64 {
        self.records as f64 / self.without_s
    }

    /// The p99 with snapshots beside that without, both medians of their stretches.
    pub(crate) fn p99_ratio(&self, in_flight: usize) -> Option<f64> {
        let answers = self.answers.iter().find(|answers| answers.in_flight == in_flight)?;
        // Before the first is due there is nothing to compare.
        if answers.with.iter().any(|run| run.commands < 2 * SNAPSHOT_EVERY) {
            return None;
        }
        let p99 = |runs: &[Run]| Spread::of(runs.iter().map(|run| run.p99_us)).median;
        Some(p99(&answers.with) / p99(&answers.without))
    }
}

/// Places so many orders, then measures.
pub(crate) fn measure(directory: &Path, orders: usize, quick: bool) -> anyhow::Result<Restart> {
    let node = bank::stocked::<FoodBank>(directory)?;
    let forever = Duration::from_secs(3_600);
    drive(&node, Work::OrderUniform, BUILDING_IN_FLIGHT, orders, forever, 1)?;
    let rows: usize = node.tables().iter().map(|(_, rows)| rows).sum();
    let records = node.published().0 + 1;
    bank::close(node)?;
    let without_s = fastest(directory, false)?;
    let node = bank::open_with::<FoodBank>(directory, None, each(1), &mut |_, _| {})?;
    while node.snapshots().count == 0 {
        ensure!(node.snapshots().failed == 0, "the snapshot failed");
        std::thread::sleep(Duration::from_millis(10));
    }
    let figures = node.snapshots();
    let first_snapshot_s = figures.took.as_secs_f64();
    let snapshot_bytes = figures.taken.map_or(0, |taken| taken.bytes);
    bank::close(node)?;
    let with_s = fastest(directory, true)?;
    let mut answers = Vec::new();
    for &in_flight in if quick { &[RUSH][..] } else { &[PEOPLE, RUSH] } {
        answers.push(time_answers(directory, in_flight, quick)?);
    }
    let (records, rows) = (records, rows as u64);
    Ok(Restart { records, rows, snapshot_bytes, without_s, with_s, first_snapshot_s, answers })
}

fn each(records: u64) -> SnapshotPolicy {
    SnapshotPolicy { every_records: Some(records), interval_min: Duration::ZERO }
}

fn fastest(directory: &Path, with: bool) -> anyhow::Result<f64> {
    let mut fastest = f64::MAX;
    for _ in 0..RESTARTS {
        let began = Instant::now();
        let node =
            bank::open_with::<FoodBank>(directory, None, SnapshotPolicy::OFF, &mut |_, _| {})?;
        fastest = fastest.min(began.elapsed().as_secs_f64());
        ensure!(node.snapshots.loaded.is_some() == with, "{:?}", node.snapshots);
        bank::close(node)?;
    }
    Ok(fastest)
}

fn time_answers(directory: &Path, in_flight: usize, quick: bool) -> anyhow::Result<Answers> {
    let stretches = if quick { STRETCHES_QUICK } else { STRETCHES };
    let time = if quick { STRETCH_QUICK } else { STRETCH };
    let mut answers = Answers {
        in_flight,
        without: Vec::new(),
        with: Vec::new(),
        snapshots: 0,
        with_backup: Vec::new(),
        backed_up: 0,
    };
    for stretch in 0..stretches {
        let node =
            bank::open_with::<FoodBank>(directory, None, SnapshotPolicy::OFF, &mut |_, _| {})?;
        answers.without.push(stretch_of(&node, in_flight, time, stretch)?);
        bank::close(node)?;
        let node =
            bank::open_with::<FoodBank>(directory, None, each(SNAPSHOT_EVERY), &mut |_, _| {})?;
        answers.with.push(stretch_of(&node, in_flight, time, stretch)?);
        answers.snapshots += node.snapshots().count;
        bank::close(node)?;
        if quick {
            continue;
        }
        let node =
            bank::open_with::<FoodBank>(directory, None, SnapshotPolicy::OFF, &mut |_, _| {})?;
        let (run, copied) =
            beside_a_backup(directory, || stretch_of(&node, in_flight, time, stretch))?;
        answers.with_backup.push(run);
        answers.backed_up += copied;
        bank::close(node)?;
    }
    Ok(answers)
}

pub(crate) fn report(restart: &Restart) -> String {
    let Restart { records, rows, snapshot_bytes, without_s, with_s, first_snapshot_s, answers } =
        restart;
    let title = format!("{} records, {} rows", grouped(*records as f64), grouped(*rows as f64));
    let mut opening = Table::new([&title, ""]);
    let mut row = |name: &str, figure: String| opening.row([name.to_owned(), figure]);
    row("opened without a snapshot", format!("{without_s:.3} s"));
    row("records per second then", grouped(restart.replayed_per_second()));
    row("opened from a snapshot", format!("{with_s:.3} s"));
    row("the snapshot, on disk", format!("{:.0} MB", *snapshot_bytes as f64 / 1e6));
    row("taking it, beside nothing else", format!("{first_snapshot_s:.3} s"));
    let mut timed =
        Table::new(["answers, in process", "in flight", "per second", "p50 µs", "p99 µs"]);
    for Answers { in_flight, without, with, with_backup, .. } in answers {
        let kinds = [("alone", without), ("with snapshots", with), ("with a backup", with_backup)];
        for (name, runs) in kinds {
            for run in runs {
                timed.row([
                    name.to_owned(),
                    in_flight.to_string(),
                    grouped(run.per_second),
                    grouped(run.p50_us),
                    grouped(run.p99_us),
                ]);
            }
        }
    }
    let snapshots: u64 = answers.iter().map(|answers| answers.snapshots).sum();
    let backed_up: u64 = answers.iter().map(|answers| answers.backed_up).sum();
    let mut meanwhile = format!("Meanwhile {snapshots} snapshots were finished");
    if backed_up > 0 {
        meanwhile += &format!(", and {} records backed up", grouped(backed_up as f64));
    }
    let ratio = restart.p99_ratio(RUSH);
    let ratio = ratio.map_or(String::new(), |ratio| {
        format!(" With {RUSH} in flight p99 is {ratio:.2} times as long beside snapshots.")
    });
    let meanwhile = format!("{meanwhile}.{ratio}");
    section("Restarts and snapshots", &[opening.to_string(), timed.to_string(), meanwhile])
}

/// Does something while a backup goes on as `backup --follow` does, to the same disk; gives also how
/// many records it copied meanwhile.
fn beside_a_backup<T>(
    directory: &Path,
    measured: impl FnOnce() -> anyhow::Result<T>,
) -> anyhow::Result<(T, u64)> {
    let chronicle = Reader::open(Arc::new(RealDisk::new(directory)))?;
    let archive = Arc::new(RealDisk::new(directory.join("archive")));
    let mut backup = Backup::open(chronicle, archive, OwnerId([1; 16]), false)?;
    // What is there already was copied before.
    backup.pass(&mut |_| {})?;
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        let going_on = scope.spawn(|| -> anyhow::Result<u64> {
            let mut records = 0;
            while !done.load(Ordering::SeqCst) {
                thread::sleep(BACKUP_PAUSE);
                records += backup.pass(&mut |_| {})?.records;
            }
            Ok(records)
        });
        let result = measured();
        done.store(true, Ordering::SeqCst);
        let copied = going_on.join().expect("a backup ends with a result")?;
        Ok((result?, copied))
    })
}

fn stretch_of(
    node: &Node<FoodBank>,
    in_flight: usize,
    time: Duration,
    stretch: usize,
) -> anyhow::Result<Run> {
    let seed = bank::now_ms() ^ stretch as u64;
    drive(node, Work::OrderUniform, in_flight, STRETCH_ORDERS_MAX, time, seed)
}
