//! A node: the thin shell of threads and clocks around the pipeline.
//!
//! Four threads besides the callers': the *engine* thread decides, the *chronicle* thread commits,
//! the *chores* thread drops replaced atoms and splits full segments, the *snapshots* thread takes
//! snapshots. They share two things: the queue, behind one lock, and the published atom, behind one
//! pointer.
//!
//! Group commit needs no timer: while the chronicle thread commits a frame, the engine thread decides
//! what arrives into the next; the moment the chronicle is free it gets that frame. The publisher goes
//! with it and comes back to the inbox, so whoever has it commits, and nobody else does. A command that
//! comes alone is committed by the engine thread itself: its sender waits for one thread to wake, and
//! what arrives meanwhile would have waited for that sync in any case.
//!
//! Stopping: [`Node::shutdown`] refuses new commands, commits what was taken in, closes the
//! chronicle, all within a bounded time. A failed write or fsync, or a broken table of ours, stops
//! the node at once: what was on its way is answered *unknown*, and the chronicle must be reopened.

// The one place of the pure crates with clocks and threads: the shell.
#![allow(clippy::disallowed_methods)]

use std::sync::atomic::{AtomicU64, AtomicUsize};
use std::sync::mpsc::{Sender, channel, sync_channel};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, RwLock};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use arc_swap::ArcSwap;
use deeds_chronicle::{Disk, Reader, Recovered, Sealing, WriterOptions};
use deeds_engine::app::App;
use deeds_engine::atom::Atom;
use deeds_engine::clock::Now;
use deeds_engine::engine::EngineOptions;
use deeds_engine::live::Publication;
use deeds_engine::schema::{self, AppSchema};
use deeds_values::{Position, Timestamp};

use crate::chores::{self, Chore};
use crate::counters::Counters;
use crate::entry::EntryReader;
use crate::held::Replaced;
use crate::host::OnPublish;
use crate::inbox::{Inbox, Stage};
use crate::keys::{CheckpointKeys, CheckpointSigner};
use crate::opening::{self, OpenError, OpenOptions};
use crate::pipeline::Publisher;
use crate::queue::QueueLimits;
use crate::reply::{Reply, Submission, SubmitError};
use crate::report::ReportTo;
use crate::snapshot::thread::{Signal, SnapshotThread};
use crate::snapshot::{self, SnapshotFinding, SnapshotPolicy};
use crate::turns::{Committing, run_chronicle, run_engine};

/// A decision that takes longer than this makes the node unhealthy: an author's loop without end.
pub const DECISION_TIME_MAX: Duration = Duration::from_secs(5);

/// What a node is made of.
pub struct NodeOptions {
    /// Where the chronicle lies.
    pub disk: Arc<dyn Disk>,
    /// How it is written.
    pub writer: Box<dyn Fn() -> WriterOptions>,
    /// How careful the engine is.
    pub engine: EngineOptions,
    /// How much may wait.
    pub queue: QueueLimits,
    /// What identifies this code.
    pub code: String,
    /// 40 random bytes, used if a chronicle is founded.
    pub seed: [u8; 40],
    /// How many bytes of the disk are kept free: below, commands are refused.
    pub keep_free_bytes: u64,
    /// The keys that checkpoints are signed with; none signs none.
    pub checkpoint_keys: Option<CheckpointKeys>,
    /// When snapshots are taken.
    pub snapshots: SnapshotPolicy,
    /// Told what operators should know.
    pub report: ReportTo,
}

/// A running app on its chronicle.
pub struct Node<A: App> {
    pub(crate) shared: Arc<Shared<A>>,
    pub(crate) schema: Arc<AppSchema>,
    pub(crate) reader: Reader,
    pub(crate) entries: EntryReader,
    pub(crate) signer: Option<CheckpointSigner>,
    pub(crate) disk: Arc<dyn Disk>,
    pub(crate) keep_free_bytes: u64,
    /// What opening found; none when the chronicle was founded now.
    pub recovered: Option<Recovered>,
    /// The snapshot that opening loaded, and those that it did not.
    pub snapshots: SnapshotFinding,
    /// Records replayed by opening.
    pub replayed: u64,
    threads: Mutex<Vec<JoinHandle<()>>>,
}

pub(crate) struct Shared<A: App> {
    pub(crate) inbox: Mutex<Inbox<A>>,
    /// The engine thread waits here for work, for the chronicle to be free, and for the end.
    pub(crate) wake_engine: Condvar,
    /// Those who stop the node wait here for the threads to be done.
    pub(crate) wake_stopper: Condvar,
    pub(crate) published: Arc<ArcSwap<Atom<A>>>,
    pub(crate) counters: Arc<Mutex<Counters>>,
    pub(crate) on_publish: Arc<RwLock<Vec<OnPublish>>>,
    pub(crate) watch: Watch,
    pub(crate) snapshots: Arc<Signal>,
    pub(crate) replaced: Replaced<Atom<A>>,
    started: Instant,
}

/// What the engine thread is deciding, for the watchdog.
#[derive(Default)]
pub(crate) struct Watch {
    /// Microseconds since the node started at which the decision began; 0 when there is none.
    pub(crate) since_us: AtomicU64,
    pub(crate) command: AtomicUsize,
}

impl<A: App> Node<A> {
    /// Opens the chronicle, replays it and starts the threads. `progress` is told the position
    /// reached and the end, now and then.
    pub fn start(
        options: NodeOptions,
        progress: &mut dyn FnMut(Position, Position),
    ) -> Result<Self, OpenError> {
        let started = Instant::now();
        let open_options = OpenOptions {
            engine: options.engine,
            code: options.code,
            now: wall(),
            seed: options.seed,
            keep_free_bytes: options.keep_free_bytes,
            checkpoint_keys: options.checkpoint_keys,
        };
        // Splitting a segment takes as long as copying it: no frame shall wait for that.
        let writer_options = || WriterOptions { sealing: Sealing::Handed, ..(options.writer)() };
        let disk = options.disk;
        let opened =
            opening::open::<A>(Arc::clone(&disk), writer_options, &open_options, progress)?;
        let (mut decider, mut publisher) = (opened.decider, opened.publisher);
        decider.report = Arc::clone(&options.report);
        publisher.report = Arc::clone(&options.report);

        let reader = publisher.writer.reader();
        let entries = EntryReader::new(A::NAME, reader.lineage(), Arc::clone(&decider.names));
        let loaded = opened.snapshots.loaded.as_ref().map(|snapshot| snapshot.position);
        let reached = publisher.published().position;
        let snapshots = Signal::new(options.snapshots, loaded, reached);

        let (deferred, waiting) = channel::<Chore<A>>();
        let on_publish = wire(&mut publisher, deferred, &snapshots);
        let shared =
            Arc::new(Shared::new(options.queue, publisher, on_publish, snapshots, started));
        let (frames, committed) = sync_channel::<Committing<A>>(1);
        let (snapshotter, report) = (opened.snapshotter, Arc::clone(&options.report));
        let snapshots = spawn("snapshots", &shared, move |shared| {
            snapshot::thread::run(&shared.snapshots, snapshotter, &shared.published, &report);
        });
        let snapshots = SnapshotThread::new(Arc::clone(&shared.snapshots), snapshots);
        let threads = vec![
            spawn("engine", &shared, move |shared| run_engine(shared, decider, &frames)),
            spawn("chronicle", &shared, move |shared| {
                run_chronicle(shared, snapshots, &committed);
            }),
            spawn("chores", &shared, move |shared| {
                chores::run(&shared.replaced, &waiting, &options.report)
            }),
        ];
        Ok(Self {
            shared,
            schema: Arc::new(schema::of::<A>()),
            reader,
            entries,
            signer: opened.signer,
            disk,
            keep_free_bytes: options.keep_free_bytes,
            recovered: opened.recovered,
            snapshots: opened.snapshots,
            replayed: opened.replayed,
            threads: Mutex::new(threads),
        })
    }

    /// The published state: a consistent read for as long as it is held.
    pub fn atom(&self) -> Arc<Atom<A>> {
        self.shared.published.load_full()
    }

    /// The chronicle, for reading.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }

    /// Takes a parsed command in.
    pub fn submit_parsed(&self, submission: Submission<A>) -> Result<(), SubmitError> {
        let mut inbox = self.shared.inbox();
        inbox.take_in(submission)?;
        self.shared.wake(inbox);
        Ok(())
    }

    /// Takes parsed commands in, in their order and all before the engine thread looks, so that they
    /// are decided into one frame. Those that are not taken in are told by their place.
    pub fn submit_several(
        &self,
        submissions: Vec<(usize, Submission<A>)>,
    ) -> Vec<(usize, SubmitError)> {
        let mut left_out = Vec::new();
        let mut inbox = self.shared.inbox();
        for (place, submission) in submissions {
            if let Err(error) = inbox.take_in(submission) {
                left_out.push((place, error));
            }
        }
        self.shared.wake(inbox);
        left_out
    }

    /// Refuses new commands, commits those taken in, takes a last snapshot if it is worth it and
    /// done in half the time, closes the chronicle; false if that took longer
    /// than allowed, and then the chronicle is as after a crash: whole, not marked as closed.
    pub fn shutdown(&self, allowed: Duration) -> bool {
        self.shared.snapshots.allow_last(Instant::now() + allowed / 2);
        let mut inbox = self.shared.inbox();
        if inbox.stage == Stage::Serving {
            inbox.stage = Stage::Stopping;
        }
        self.shared.wake_engine.notify_all();
        let ended = |inbox: &mut Inbox<A>| inbox.stage == Stage::Stopping;
        let (inbox, _) = self
            .shared
            .wake_stopper
            .wait_timeout_while(inbox, allowed, ended)
            .expect("nobody panics holding the inbox");
        let closed = inbox.stage == Stage::Closed;
        drop(inbox);
        if closed {
            let mut threads = self.threads.lock().expect("nobody panics holding the threads");
            for thread in threads.drain(..) {
                thread.join().expect("a node's threads report a panic and end");
            }
        }
        closed
    }

    /// Waits until the node stops by itself after a failure, or the time is over; the failure.
    pub fn wait_for_failure(&self, at_most: Duration) -> Option<String> {
        let serving = |inbox: &mut Inbox<A>| inbox.stage == Stage::Serving;
        let (inbox, _) = self
            .shared
            .wake_stopper
            .wait_timeout_while(self.shared.inbox(), at_most, serving)
            .expect("nobody panics holding the inbox");
        match &inbox.stage {
            Stage::Failed(reason) => Some(reason.clone()),
            _ => None,
        }
    }
}

impl<A: App> Shared<A> {
    fn new(
        queue: QueueLimits,
        publisher: Publisher<A>,
        on_publish: Arc<RwLock<Vec<OnPublish>>>,
        snapshots: Arc<Signal>,
        started: Instant,
    ) -> Self {
        Self {
            published: Arc::clone(&publisher.published),
            counters: Arc::clone(&publisher.counters),
            inbox: Mutex::new(Inbox::new(queue, publisher)),
            wake_engine: Condvar::new(),
            wake_stopper: Condvar::new(),
            on_publish,
            watch: Watch::default(),
            snapshots,
            replaced: Replaced::default(),
            started,
        }
    }

    pub(crate) fn inbox(&self) -> MutexGuard<'_, Inbox<A>> {
        self.inbox.lock().expect("nobody panics holding the inbox")
    }

    pub(crate) fn now(&self) -> Now {
        let monotonic = self.started.elapsed().as_micros();
        let monotonic_us = u64::try_from(monotonic).expect("no process runs for 500,000 years");
        Now { wall: wall(), monotonic_us }
    }

    /// Lets the engine thread look, if it waits.
    pub(crate) fn wake(&self, mut inbox: MutexGuard<'_, Inbox<A>>) {
        let waits = std::mem::take(&mut inbox.engine_waits);
        drop(inbox);
        if waits {
            self.wake_engine.notify_one();
        }
    }

    /// Stops the node after a failure: the first reason stays.
    pub(crate) fn fail(&self, reason: String) {
        let mut inbox = self.inbox();
        if !matches!(inbox.stage, Stage::Failed(_)) {
            inbox.stage = Stage::Failed(reason);
        }
        while let Some(submission) = inbox.queue.pop() {
            (submission.reply)(Reply::Unknown);
        }
        let on_stop = std::mem::take(&mut inbox.on_stop);
        drop(inbox);
        on_stop.into_iter().for_each(|call| call());
        self.wake_engine.notify_all();
        self.wake_stopper.notify_all();
    }
}

/// Says whom the publisher hands chores to and who is told of publications: those in the list.
fn wire<A: App>(
    publisher: &mut Publisher<A>,
    deferred: Sender<Chore<A>>,
    snapshots: &Arc<Signal>,
) -> Arc<RwLock<Vec<OnPublish>>> {
    publisher.defer = Box::new(move |chore| {
        let sent = deferred.send(chore);
        assert!(sent.is_ok(), "the chores' thread outlives the publisher");
    });
    let on_publish: Arc<RwLock<Vec<OnPublish>>> = Arc::default();
    let (listeners, snapshots) = (Arc::clone(&on_publish), Arc::clone(snapshots));
    publisher.notify = Box::new(move |publication: &Publication| {
        for call in listeners.read().expect("nobody panics holding listeners").iter() {
            call(publication);
        }
        snapshots.published(publication.view.position());
    });
    // What opening left.
    publisher.leave_to_others();
    on_publish
}

pub(crate) fn wall() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).expect("the clock is before the year 294,000"))
}

/// Starts a thread that fails the node if it panics.
fn spawn<A: App>(
    name: &str,
    shared: &Arc<Shared<A>>,
    run: impl FnOnce(&Shared<A>) + Send + 'static,
) -> JoinHandle<()> {
    struct FailOnPanic<'a, A: App>(&'a Shared<A>);
    impl<A: App> Drop for FailOnPanic<'_, A> {
        fn drop(&mut self) {
            if thread::panicking() {
                self.0.fail("a bug in Deeds itself: an invariant of its own is broken".to_owned());
            }
        }
    }
    let shared = Arc::clone(shared);
    let body = move || {
        let guard = FailOnPanic(&shared);
        run(guard.0);
    };
    thread::Builder::new().name(name.to_owned()).spawn(body).expect("the system gives a thread")
}

impl<A: App> Drop for Node<A> {
    fn drop(&mut self) {
        // Threads end by themselves; what was taken in is committed, nobody waits for it.
        let mut inbox = self.shared.inbox();
        if inbox.stage == Stage::Serving {
            inbox.stage = Stage::Stopping;
        }
        drop(inbox);
        self.shared.wake_engine.notify_all();
    }
}
