//! One client on one thread: it sends steps, moves the clock, and knows what it was told.

use std::ops::ControlFlow;
use std::panic;
use std::sync::{Arc, Mutex, Once};

use deeds_chronicle::{AppendError, Disk, Reader, WriterOptions, verify};
use deeds_engine::actor::Roles;
use deeds_engine::atom::Atom;
use deeds_engine::clock::Now;
use deeds_engine::command::Parsed;
use deeds_engine::engine::EngineOptions;
use deeds_engine::testing::same_state;
use deeds_pipeline::entry::reply_of;
use deeds_pipeline::opening::{self, OpenError, OpenOptions, Opened};
use deeds_pipeline::refold::refold;
use deeds_pipeline::reply::{Caller, Reply, Submission};
use deeds_pipeline::snapshot::{SnapshotError, Taken};
use deeds_values::{ActorId, CommandId, Position, Timestamp};

use crate::shelf::{Draw, Role, STUMBLE, Shelf, Stock, Stumble, Take};

/// When histories begin.
pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000_000);

/// Chunks this small show with few rows what large ones do with many.
const SMALL_CHUNK_BYTES: usize = 512;

/// What a client can send.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// Two tins of beans; accepted.
    Stock,
    /// One tin of beans; refused when none is left.
    Take,
    /// One tin of what is not there; refused.
    TakeUnknown,
    /// The app panics.
    Stumble,
    /// Some kind of tin, so many; accepted.
    StockKind(u8, u32),
    /// One tin of some kind; refused when there is none.
    TakeKind(u8),
    /// A random number; accepted.
    Draw,
}

impl Step {
    fn command(self) -> Parsed<Shelf> {
        let take = |name: &str| Take { name: name.to_owned(), by: "Ada Lovelace".to_owned() };
        match self {
            Step::Stock => Parsed::new(0, Stock { name: "beans".to_owned(), count: 2 }),
            Step::Take => Parsed::new(1, take("beans")),
            Step::TakeUnknown => Parsed::new(1, take("caviar")),
            Step::Stumble => Parsed::new(2, Stumble {}),
            Step::StockKind(kind, count) => Parsed::new(0, Stock { name: tin(kind), count }),
            Step::TakeKind(kind) => Parsed::new(1, take(&tin(kind))),
            Step::Draw => Parsed::new(3, Draw {}),
        }
    }
}

fn tin(kind: u8) -> String {
    format!("tin number {kind} of the many kinds of tins that there are")
}

/// The n-th id of this client, made at the start.
pub(crate) fn unique(n: u8) -> CommandId {
    CommandId::unique_at(START.0 as u64 / 1_000, n)
}

pub(crate) fn caller(name: &str, roles: Roles) -> Caller {
    let actor = ActorId::new(name).expect("a valid name");
    Caller { actor, roles, credential: "test".to_owned() }
}

pub(crate) fn taker() -> Caller {
    caller("ada", Roles::none().and(&Role::Taker))
}

/// Writer options whose salts are known: histories repeat byte for byte.
pub(crate) fn writer_options(segment_bytes_max: u64) -> WriterOptions {
    let mut count = 0u64;
    let mut options = WriterOptions::new(move || {
        count += 1;
        let mut salt = [0; 16];
        salt[..8].copy_from_slice(&count.to_le_bytes());
        salt
    });
    options.segment_bytes_max = segment_bytes_max;
    options.write_ahead_bytes = 8_000;
    options
}

pub(crate) fn open_options() -> OpenOptions {
    OpenOptions {
        checkpoint_keys: None,
        keep_free_bytes: 0,
        engine: EngineOptions { check_invariants: true, decode_again: true, window_commands: 100 },
        code: "test".to_owned(),
        now: START,
        seed: [9; 40],
    }
}

/// A shelf on a chronicle, with both halves of the pipeline in one hand.
pub(crate) struct Bank {
    disk: Arc<dyn Disk>,
    opened: Option<Opened<Shelf>>,
    now: Now,
    replies: Arc<Mutex<Vec<Reply>>>,
}

/// The app stumbles on purpose, thousands of times: that is not worth a backtrace each.
fn expect_stumbles() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let usual = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if info.payload().downcast_ref::<&str>() != Some(&STUMBLE) {
                usual(info);
            }
        }));
    });
}

impl Bank {
    pub(crate) fn open(disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        Self::open_with(disk, &open_options())
    }

    pub(crate) fn open_with(disk: Arc<dyn Disk>, options: &OpenOptions) -> Result<Self, OpenError> {
        expect_stumbles();
        let segment_bytes_max = 64 << 20;
        let mut opened = opening::open(
            Arc::clone(&disk),
            || writer_options(segment_bytes_max),
            options,
            &mut |_, _| {},
        )?;
        opened.snapshotter.set_chunk_bytes_max(SMALL_CHUNK_BYTES);
        let now = Now { wall: START, monotonic_us: 0 };
        Ok(Self { disk, opened: Some(opened), now, replies: Arc::default() })
    }

    pub(crate) fn opened(&mut self) -> &mut Opened<Shelf> {
        self.opened.as_mut().expect("open between reopenings")
    }

    /// Closes the chronicle and opens it again.
    pub(crate) fn reopen(&mut self) {
        let opened = self.opened.take().expect("open between reopenings");
        opened.publisher.close().expect("the disk works");
        let again = Self::open(Arc::clone(&self.disk)).expect("closed a moment ago");
        self.opened = again.opened;
    }

    pub(crate) fn decide(&mut self, caller: &Caller, id: CommandId, step: &Step) {
        let replies = Arc::clone(&self.replies);
        let reply = Box::new(move |reply| replies.lock().unwrap().push(reply));
        let submission = Submission { caller: caller.clone(), id, command: step.command(), reply };
        let now = self.now;
        self.opened().decider.decide(submission, now);
    }

    pub(crate) fn decide_as_taker(&mut self, id: CommandId, step: &Step) {
        self.decide(&taker(), id, step);
    }

    pub(crate) fn commit(&mut self) -> Result<(), AppendError> {
        let opened = self.opened();
        let frame = opened.decider.take_frame();
        opened.publisher.commit(frame)
    }

    pub(crate) fn replies(&self) -> Vec<Reply> {
        self.replies.lock().unwrap().clone()
    }

    pub(crate) fn send_as(&mut self, caller: &Caller, id: CommandId, step: &Step) -> Reply {
        self.decide(caller, id, step);
        self.commit().expect("the disk works");
        self.replies.lock().unwrap().pop().expect("every submission has a reply")
    }

    pub(crate) fn send(&mut self, id: CommandId, step: &Step) -> Reply {
        self.send_as(&taker(), id, step)
    }

    pub(crate) fn recall(&self, position: Position) -> Reply {
        let reader = Reader::open(Arc::clone(&self.disk)).expect("a chronicle is there");
        let record = reader.record(position).expect("it is whole").expect("it is recorded");
        reply_of(&record).expect("a command's record")
    }

    /// Takes a snapshot of what is published.
    pub(crate) fn snapshot(&mut self) -> Result<Option<Taken>, SnapshotError> {
        let opened = self.opened();
        let atom = opened.publisher.published();
        opened.snapshotter.take(&atom, &mut || ControlFlow::Continue(()))
    }

    pub(crate) fn atom(&mut self) -> Arc<Atom<Shelf>> {
        self.opened().publisher.published()
    }

    /// Both clocks move.
    pub(crate) fn pass_hours(&mut self, hours: i64) {
        self.jump_seconds(hours * 3_600);
        self.now.monotonic_us += hours as u64 * 3_600_000_000;
    }

    /// The wall clock moves alone.
    pub(crate) fn jump_seconds(&mut self, seconds: i64) {
        self.now.wall = Timestamp(self.now.wall.0 + seconds * 1_000_000);
    }

    pub(crate) fn confirm_clock(&mut self) {
        let now = self.now;
        self.opened().decider.engine().clock().confirm(now);
    }

    /// Proves the chronicle and the state again.
    pub(crate) fn check(&mut self) {
        self.try_check().expect("the chronicle proves itself");
    }

    /// Every hash, checksum and body; the state as the fold of the records.
    pub(crate) fn try_check(&mut self) -> Result<(), String> {
        verify(Arc::clone(&self.disk), &mut |_| {}).map_err(|error| format!("{error:?}"))?;
        let reader = Reader::open(Arc::clone(&self.disk)).map_err(|error| format!("{error:?}"))?;
        let folded =
            refold::<Shelf>(&reader, &mut |_, _| {}).map_err(|error| format!("{error:?}"))?;
        same_state(self.atom().state(), folded.atom.state())
    }
}

/// Every hash, checksum and body.
pub(crate) fn prove(disk: &Arc<dyn Disk>) {
    verify(Arc::clone(disk), &mut |_| {}).expect("the chronicle is whole");
}
