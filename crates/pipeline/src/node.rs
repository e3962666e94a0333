//! A node: the thin shell of threads and clocks around the pipeline.
//!
//! Four threads besides the callers': the *engine* thread decides, the *chronicle* thread commits,
//! the *chores* thread drops replaced atoms and splits full segments, the *snapshots* thread takes
//! snapshots. They share two things: the queue, behind one lock, and the published atom, behind one
//! pointer.
//!
//! Group commit needs no timer: while the chronicle thread commits a frame, the engine thread decides
//! what arrives into the next; the moment the chronicle is free it gets that frame.
//!
//! Stopping: [`Node::shutdown`] refuses new commands, commits what was taken in, closes the
//! chronicle, all within a bounded time. A failed write or fsync, or a broken table of ours, stops
//! the node at once: what was on its way is answered *unknown*, and the chronicle must be reopened.

// The one place of the pure crates with clocks and threads: the shell.
#![allow(clippy::disallowed_methods)]

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
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
use crate::pipeline::{Decider, Frame, Publisher};
use crate::queue::QueueLimits;
use crate::reply::{Reply, Submission, SubmitError};
use crate::report::{ReportTo, chain};
use crate::snapshot::thread::{Signal, SnapshotThread};
use crate::snapshot::{self, SnapshotFinding, SnapshotPolicy};

/// A decision that takes longer than this makes the node unhealthy: an author's loop without end.
pub const DECISION_TIME_MAX: Duration = Duration::from_secs(5);

/// How many submissions the engine takes from the queue at once: few enough that the lock is held
/// briefly.
const SUBMISSIONS_PER_TURN: usize = 256;

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
    wake_stopper: Condvar,
    pub(crate) published: Arc<ArcSwap<Atom<A>>>,
    pub(crate) counters: Arc<Mutex<Counters>>,
    pub(crate) on_publish: RwLock<Vec<OnPublish>>,
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
        let shared = Arc::new(Shared::new(options.queue, &publisher, snapshots, started));

        let (deferred, waiting) = channel::<Chore<A>>();
        publisher.defer = Box::new(move |chore| {
            let sent = deferred.send(chore);
            assert!(sent.is_ok(), "the chores' thread outlives the chronicle's");
        });
        publisher.notify = {
            let shared = Arc::clone(&shared);
            Box::new(move |publication| {
                shared.notify(publication);
                shared.snapshots.published(publication.view.position());
            })
        };
        let (frames, committed) = sync_channel::<Frame>(1);
        let (snapshotter, report) = (opened.snapshotter, Arc::clone(&options.report));
        let snapshots = spawn("snapshots", &shared, move |shared| {
            snapshot::thread::run(&shared.snapshots, snapshotter, &shared.published, &report);
        });
        let snapshots = SnapshotThread::new(Arc::clone(&shared.snapshots), snapshots);
        let threads = vec![
            spawn("engine", &shared, move |shared| run_engine(shared, decider, &frames)),
            spawn("chronicle", &shared, move |shared| {
                run_chronicle(shared, publisher, snapshots, &committed);
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
        publisher: &Publisher<A>,
        snapshots: Arc<Signal>,
        started: Instant,
    ) -> Self {
        Self {
            inbox: Mutex::new(Inbox::new(queue)),
            wake_engine: Condvar::new(),
            wake_stopper: Condvar::new(),
            published: Arc::clone(&publisher.published),
            counters: Arc::clone(&publisher.counters),
            on_publish: RwLock::new(Vec::new()),
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
    fn wake(&self, mut inbox: MutexGuard<'_, Inbox<A>>) {
        let waits = std::mem::take(&mut inbox.engine_waits);
        drop(inbox);
        if waits {
            self.wake_engine.notify_one();
        }
    }

    fn notify(&self, publication: &Publication) {
        for call in self.on_publish.read().expect("nobody panics holding listeners").iter() {
            call(publication);
        }
    }

    /// Stops the node after a failure: the first reason stays.
    fn fail(&self, reason: String) {
        let mut inbox = self.inbox();
        if !matches!(inbox.stage, Stage::Failed(_)) {
            inbox.stage = Stage::Failed(reason);
        }
        while let Some(submission) = inbox.queue.pop() {
            (submission.reply)(Reply::Unknown);
        }
        drop(inbox);
        self.wake_engine.notify_all();
        self.wake_stopper.notify_all();
    }
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

/// What the engine thread is to do next.
enum Turn {
    /// Decide what was taken from the queue as far as the frame has room, then hand the frame over
    /// if the chronicle waits for one.
    Decide {
        commit: bool,
    },
    End,
}

/// Waits for something to do. What is taken from the queue goes behind `taken`.
fn next_turn<A: App>(
    shared: &Shared<A>,
    decider: &mut Decider<A>,
    taken: &mut VecDeque<Submission<A>>,
) -> Turn {
    let mut inbox = shared.inbox();
    loop {
        if std::mem::take(&mut inbox.confirm_clock) {
            decider.engine().clock().confirm(shared.now());
        }
        inbox.clock_stopped = decider.engine().clock().is_stopped();
        let frame = decider.frame();
        if taken.is_empty() && !frame.is_full() {
            let next = std::iter::from_fn(|| inbox.queue.pop());
            taken.extend(next.take(SUBMISSIONS_PER_TURN));
        }
        let waiting = !taken.is_empty() && !frame.is_full();
        let commit = inbox.chronicle_free && (!frame.is_empty() || waiting);
        let idle = taken.is_empty() && inbox.queue.is_empty() && frame.is_empty();
        match inbox.stage {
            Stage::Failed(_) | Stage::Closed => return Turn::End,
            Stage::Stopping if idle => return Turn::End,
            Stage::Serving | Stage::Stopping if waiting || commit => {
                inbox.chronicle_free &= !commit;
                return Turn::Decide { commit };
            }
            Stage::Serving | Stage::Stopping => {}
        }
        inbox.engine_waits = true;
        inbox = shared.wake_engine.wait(inbox).expect("nobody panics holding the inbox");
    }
}

fn run_engine<A: App>(shared: &Shared<A>, mut decider: Decider<A>, frames: &SyncSender<Frame>) {
    // Taken from the queue and not decided: a frame can be full before a turn is over.
    let mut taken = VecDeque::new();
    while let Turn::Decide { commit } = next_turn(shared, &mut decider, &mut taken) {
        while !decider.frame().is_full()
            && let Some(submission) = taken.pop_front()
        {
            let now = shared.now();
            shared.watch.command.store(submission.command.index, Ordering::Relaxed);
            shared.watch.since_us.store(now.monotonic_us.max(1), Ordering::Relaxed);
            decider.decide(submission, now);
        }
        shared.watch.since_us.store(0, Ordering::Relaxed);
        if commit && frames.send(decider.take_frame()).is_err() {
            break;
        }
    }
    decider.take_frame().abandon();
    for submission in taken {
        (submission.reply)(Reply::Unknown);
    }
}

fn run_chronicle<A: App>(
    shared: &Shared<A>,
    mut publisher: Publisher<A>,
    snapshots: SnapshotThread,
    frames: &Receiver<Frame>,
) {
    // What opening left.
    publisher.leave_to_others();
    while let Ok(frame) = frames.recv() {
        let began = Instant::now();
        if let Err(error) = publisher.commit(frame) {
            return shared.fail(failure(&error));
        }
        let spent = u64::try_from(began.elapsed().as_micros()).unwrap_or(u64::MAX);
        shared.counters.lock().expect("nobody panics holding counters").append_us += spent;
        let mut inbox = shared.inbox();
        inbox.chronicle_free = true;
        shared.wake(inbox);
    }
    // The engine thread has ended: everything taken in is committed, or the node has failed. The
    // publisher holds the lock under which snapshots are written, so it outlives their thread, on
    // every way out of here.
    drop(snapshots);
    let stopping = shared.inbox().stage == Stage::Stopping;
    if stopping {
        match publisher.close() {
            Ok(()) => {
                shared.inbox().stage = Stage::Closed;
                shared.wake_stopper.notify_all();
            }
            Err(error) => shared.fail(failure(&error)),
        }
    }
}

fn failure(error: &dyn std::error::Error) -> String {
    format!("the chronicle failed: {}", chain(error))
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
