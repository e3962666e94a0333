//! When snapshots are taken: a thread beside the engine and the chronicle.
//!
//! The chronicle thread compares each published position with the one at which a snapshot is due;
//! that is all it does. The snapshotter then takes the atom that is published when it wakes, works in
//! pieces of tenths of a millisecond, and rests after each four times as long, so that on a busy machine
//! the threads that answer people come first. The chronicle's thread waits for this one before it gives up the lock
//! of the directory.

// Part of the shell: see `node`.
#![allow(clippy::disallowed_methods)]

use std::ops::ControlFlow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use arc_swap::ArcSwap;
use deeds_engine::app::App;
use deeds_engine::atom::Atom;
use deeds_values::Position;

use crate::report::{Report, ReportTo, chain};
use crate::snapshot::{SnapshotError, SnapshotPolicy, Snapshotter, Taken};

/// The longest rest after a piece of work: pieces are short, unless the disk stalls.
const REST_MAX: Duration = Duration::from_millis(100);

/// Less work than this needs no rest yet: it is what an answer may wait for it, and about what two
/// changes of threads cost.
const WORK_MIN: Duration = Duration::from_micros(200);

/// How many times as long as it worked it rests: a fifth of a core is its own.
const REST_PER_WORK: u32 = 4;

/// What the snapshotter has done since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SnapshotFigures {
    /// The last snapshot that is on disk, taken or loaded.
    pub latest: Option<Position>,
    /// The last one taken.
    pub taken: Option<Taken>,
    /// How long it took, with the rests.
    pub took: Duration,
    /// How many were taken.
    pub count: u64,
    /// How many could not be taken.
    pub failed: u64,
}

/// What the snapshotter and the others say to each other.
pub(crate) struct Signal {
    policy: SnapshotPolicy,
    /// The position from which on a snapshot is due; the greatest number while one is under way.
    due: AtomicU64,
    asked: Mutex<Asked>,
    wake: Condvar,
    figures: Mutex<SnapshotFigures>,
}

#[derive(Default)]
struct Asked {
    snapshot: bool,
    stop: bool,
    /// Until when a last snapshot may take; none: there is no time for one.
    last_until: Option<Instant>,
}

impl Signal {
    /// `latest` is the snapshot that was loaded, `opened` the position that opening reached.
    pub(crate) fn new(
        policy: SnapshotPolicy,
        latest: Option<Position>,
        opened: Position,
    ) -> Arc<Self> {
        let figures = SnapshotFigures { latest, ..SnapshotFigures::default() };
        let signal = Self {
            policy,
            due: AtomicU64::new(u64::MAX),
            asked: Mutex::default(),
            wake: Condvar::new(),
            figures: Mutex::new(figures),
        };
        signal.plan(latest.unwrap_or(Position(0)));
        signal.published(opened);
        Arc::new(signal)
    }

    /// A snapshot is due so many records after this one.
    fn plan(&self, after: Position) {
        let due = self.policy.every_records.map_or(u64::MAX, |every| after.0.saturating_add(every));
        self.due.store(due, Ordering::Relaxed);
    }

    /// Called after each publication, on the chronicle's thread.
    pub(crate) fn published(&self, position: Position) {
        if position.0 >= self.due.load(Ordering::Relaxed) {
            self.due.store(u64::MAX, Ordering::Relaxed);
            self.asked().snapshot = true;
            self.wake.notify_all();
        }
    }

    /// Allows a last snapshot, which may take until then.
    pub(crate) fn allow_last(&self, until: Instant) {
        self.asked().last_until = Some(until);
    }

    pub(crate) fn figures(&self) -> SnapshotFigures {
        *self.figures.lock().expect("nobody panics holding figures")
    }

    fn asked(&self) -> MutexGuard<'_, Asked> {
        self.asked.lock().expect("nobody panics holding what was asked")
    }

    /// Waits until something is asked; whether it is to stop.
    fn wait(&self) -> bool {
        let idle = |asked: &mut Asked| !asked.snapshot && !asked.stop;
        let asked = self.wake.wait_while(self.asked(), idle);
        let mut asked = asked.expect("nobody panics holding what was asked");
        asked.snapshot = false;
        asked.stop
    }

    /// Waits so long, or until it is to stop; whether it is.
    fn rest(&self, time: Duration) -> bool {
        let going = |asked: &mut Asked| !asked.stop;
        let rested = self.wake.wait_timeout_while(self.asked(), time, going);
        rested.expect("nobody panics holding what was asked").0.stop
    }

    /// Whether a snapshot under way may go on although it is to stop.
    fn has_time(&self) -> bool {
        self.asked().last_until.is_some_and(|until| Instant::now() < until)
    }
}

/// The thread, as its owner holds it: dropping it stops the thread and waits for that.
pub(crate) struct SnapshotThread {
    signal: Arc<Signal>,
    thread: Option<JoinHandle<()>>,
}

impl SnapshotThread {
    pub(crate) fn new(signal: Arc<Signal>, thread: JoinHandle<()>) -> Self {
        Self { signal, thread: Some(thread) }
    }
}

impl Drop for SnapshotThread {
    fn drop(&mut self) {
        self.signal.asked().stop = true;
        self.signal.wake.notify_all();
        if let Some(thread) = self.thread.take() {
            // If it panicked it has failed the node itself.
            let _ = thread.join();
        }
    }
}

/// The thread's life: a snapshot whenever one is due, and a last one if there is time for it.
pub(crate) fn run<A: App>(
    signal: &Signal,
    mut snapshotter: Snapshotter<A>,
    published: &ArcSwap<Atom<A>>,
    report: &ReportTo,
) {
    if signal.policy.every_records.is_none() {
        // Its books are worth megabytes.
        drop(snapshotter);
        signal.wait();
        return;
    }
    while !signal.wait() {
        let atom = published.load_full();
        if take(signal, &mut snapshotter, &atom, report).is_err() {
            return;
        }
        let position = atom.position;
        drop(atom);
        if signal.rest(signal.policy.interval_min) {
            break;
        }
        // After a failure, too: trying again at once would fail again.
        signal.plan(position);
        signal.published(published.load().position);
    }
    let atom = published.load_full();
    let latest = snapshotter.latest().map_or(0, |latest| latest.position.0);
    let worth_it = signal
        .policy
        .records_at_stop()
        .is_some_and(|records| atom.position.0.saturating_sub(latest) >= records);
    if worth_it && signal.has_time() {
        // There is no next one: whether it panicked is reported, and changes nothing.
        let _ = take(signal, &mut snapshotter, &atom, report);
    }
}

/// The snapshotter panicked, and its books may be half written: it is not used again.
struct Panicked;

/// Takes one snapshot. A panic is an author's code that writes a row, or a broken invariant of the
/// snapshotter's own: neither touches what is served, so the node goes on without snapshots.
fn take<A: App>(
    signal: &Signal,
    snapshotter: &mut Snapshotter<A>,
    atom: &Atom<A>,
    report: &ReportTo,
) -> Result<(), Panicked> {
    let began = Instant::now();
    let mut worked_since = began;
    let mut pace = || {
        let worked = worked_since.elapsed();
        if worked < WORK_MIN {
            return ControlFlow::Continue(());
        }
        let stops = signal.rest((worked * REST_PER_WORK).min(REST_MAX));
        worked_since = Instant::now();
        if stops && !signal.has_time() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    let taken = catch_unwind(AssertUnwindSafe(|| snapshotter.take(atom, &mut pace)));
    let mut figures = signal.figures.lock().expect("nobody panics holding figures");
    let Ok(taken) = taken else {
        figures.failed += 1;
        drop(figures);
        let reason = "writing it panicked; no more are taken until the next start".to_owned();
        report(Report::NoSnapshot { reason });
        return Err(Panicked);
    };
    match taken {
        Ok(None) | Err(SnapshotError::BrokenOff) => {}
        Ok(Some(taken)) => {
            figures.count += 1;
            figures.latest = Some(taken.position);
            figures.taken = Some(taken);
            figures.took = began.elapsed();
        }
        Err(error) => {
            figures.failed += 1;
            drop(figures);
            report(Report::NoSnapshot { reason: chain(&error) });
        }
    }
    Ok(())
}
