//! One history: a plan carried out, act by act, with the code that ships.
//!
//! The two halves of the pipeline, the snapshotter and the splitting of segments all run on this one
//! thread, in the order that the plan says; the fair queue stands before them as it does in a node.
//! Clients, clocks and the disk are models. After every restart the chronicle is judged.

use std::collections::{BTreeMap, VecDeque};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, PoisonError};

use deeds_chronicle::{Disk as _, Reader, TreeHead};
use deeds_engine::atom::Atom;
use deeds_engine::clock::Now;
use deeds_engine::state::State as _;
use deeds_pipeline::chores::Chore;
use deeds_pipeline::entry::reply_of;
use deeds_pipeline::opening::Opened;
use deeds_pipeline::pipeline::Frame;
use deeds_pipeline::queue::{FairQueue, QueueLimits};
use deeds_pipeline::reply::{Reply, Submission};
use deeds_pipeline::report::Report;
use deeds_pipeline::snapshot::SnapshotError;
use deeds_values::{CommandId, Position, Timestamp};

use crate::copies::Copies;
use crate::damage;
use crate::faults::Operation;
use crate::larder::Larder;
use crate::oracle::{Broken, Oracle, Sending, broken, position_of};
use crate::plan::{Act, Plan, Wish};
use crate::plants::Plant;
use crate::power_loss::PowerLoss;
use crate::restart::{Machine, Phase};
use crate::tallies::{Group, Tallies};
use crate::trace::Trace;

/// When histories begin.
pub(crate) const START: Timestamp = Timestamp(1_800_000_000_000_000);

/// So few may wait that a client now and then finds the queue full.
const QUEUE: QueueLimits = QueueLimits { commands_max: 24, commands_per_actor_max: 12 };

/// How many atoms are held to be compared later.
const ATOMS_HELD: usize = 4;

/// The app on its chronicle, while the process lives.
pub(crate) struct Living {
    pub(crate) opened: Opened<Larder>,
    /// Segments to be split, when others do that.
    pub(crate) chores: Arc<Mutex<VecDeque<Chore<Larder>>>>,
    /// What operators were told.
    pub(crate) reports: Arc<Mutex<Vec<Report>>>,
    /// Decided and handed over, not yet committed.
    pub(crate) in_flight: Option<Frame>,
    /// Atoms published in this life, in order: those that snapshots can be taken of.
    pub(crate) published: Vec<Arc<Atom<Larder>>>,
    /// Where the snapshotter's own books are at least.
    pub(crate) booked: Position,
}

/// One history on its way.
pub(crate) struct Life<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) plant: Option<Plant>,
    pub(crate) machine: Machine,
    pub(crate) copies: Copies,
    pub(crate) living: Option<Living>,
    pub(crate) now: Now,
    pub(crate) oracle: Oracle,
    pub(crate) atoms: Vec<Arc<Atom<Larder>>>,
    pub(crate) tallies: &'a mut Tallies,
    pub(crate) trace: &'a mut Trace,
    pub(crate) queue: FairQueue<Submission<Larder>>,
    pub(crate) replies: Arc<Mutex<Vec<(Sending, Reply)>>>,
    /// What each client has sent, oldest first.
    pub(crate) sent: Vec<Vec<(CommandId, Wish)>>,
    /// The last number of each client's source.
    pub(crate) numbers: BTreeMap<usize, u64>,
    pub(crate) ids: u64,
}

/// Carries out a plan; the error is the first promise that was broken.
pub(crate) fn live(
    plan: &Plan,
    plant: Option<Plant>,
    tallies: &mut Tallies,
    trace: &mut Trace,
) -> Result<(), Broken> {
    let mut life = Life {
        plan,
        plant,
        machine: Machine::new(plant, trace.is_kept()),
        copies: Copies::new(plant),
        living: None,
        now: Now { wall: START, monotonic_us: 0 },
        oracle: Oracle::default(),
        atoms: Vec::new(),
        tallies,
        trace,
        queue: FairQueue::new(QUEUE),
        replies: Arc::default(),
        sent: vec![Vec::new(); plan.setting.clients],
        numbers: BTreeMap::new(),
        ids: 0,
    };
    for (number, act) in plan.acts.iter().enumerate() {
        life.trace.note(|| format!("{number} {act:?}"));
        life.look_for_room();
        life.act(act)?;
        life.trace_disk();
    }
    life.trace.note(|| "the end".to_owned());
    let ended = life.end();
    life.trace_disk();
    ended
}

impl Life<'_> {
    pub(crate) fn trace_disk(&mut self) {
        for line in self.machine.disk.take_log() {
            self.trace.note(|| format!("    {line}"));
        }
    }

    fn act(&mut self, act: &Act) -> Result<(), Broken> {
        match act {
            Act::CutAt { operation, after, loss, again } => {
                self.machine.cut_at(*operation, *after, *loss, *again);
                return Ok(());
            }
            Act::Pass { us } => self.pass(*us),
            Act::Jump { us } => self.jump(*us),
            Act::Stand { us } => {
                self.tallies.count(Group::Clock, "stood still");
                self.now.monotonic_us += us;
            }
            Act::Fail { .. }
            | Act::Dying { .. }
            | Act::Full { .. }
            | Act::Room
            | Act::ShortReads { .. }
            | Act::Mend => self.machine.fault(act, self.tallies),
            Act::BackUp { owner, take_over, cut } => self.back_up(*owner, *take_over, *cut)?,
            Act::Restore(restore) => self.restore(restore)?,
            _ => {
                self.wake()?;
                self.act_alive(act)?;
            }
        }
        Ok(())
    }

    /// Acts that need somebody alive.
    fn act_alive(&mut self, act: &Act) -> Result<(), Broken> {
        match act {
            Act::Send { client, wish, stamp } => {
                let id = self.stamp(*client, *stamp);
                self.send(*client, id, wish)
            }
            Act::Again { client, back, changed } => {
                self.send_again(*client, *back, changed.as_ref())
            }
            Act::Decide { count } => {
                self.decide(*count);
                Ok(())
            }
            Act::Commit => self.commit(),
            Act::Read { .. } => self.read(),
            Act::Confirm => {
                self.tallies.count(Group::Clock, "confirmed");
                let now = self.now;
                self.living().opened.decider.engine().clock().confirm(now);
                Ok(())
            }
            Act::Close { cut } => self.close(*cut),
            Act::Kill => {
                self.tallies.count(Group::Restart, "killed");
                self.die();
                Ok(())
            }
            Act::Cut { loss } => {
                self.tallies.count(Group::CutDuring, "(between operations)");
                self.die();
                self.power_cut(*loss);
                Ok(())
            }
            Act::Snapshot { back, commands } => self.snapshot(*back, *commands),
            Act::Seal => self.seal(),
            Act::Checkpoint => self.checkpoint(),
            Act::Rot { place } => damage::rot(self, *place),
            Act::Misdirect { back, place } => damage::misdirect(self, *back, *place),
            _ => unreachable!("these need nobody alive"),
        }
    }

    /// Whether the disk has the room that is to be kept free, before and after each act.
    fn look_for_room(&mut self) {
        let free = self.machine.disk.free_bytes().unwrap_or(0);
        let since = self.oracle.room_since_us.unwrap_or(self.now.monotonic_us);
        let has_room = free >= self.plan.setting.keep_free_bytes;
        self.oracle.room_since_us = has_room.then_some(since);
    }

    pub(crate) fn living(&mut self) -> &mut Living {
        self.living.as_mut().expect("somebody is alive")
    }

    fn pass(&mut self, us: u64) {
        self.now.monotonic_us += us;
        self.now.wall = Timestamp(self.now.wall.0 + us as i64);
        self.age();
    }

    fn jump(&mut self, us: i64) {
        let what = if us < 0 { "jumped back" } else { "jumped forward" };
        self.tallies.count(Group::Clock, what);
        self.now.wall = Timestamp(self.now.wall.0 + us);
        self.oracle.clock_was_set = true;
        self.age();
    }

    fn decide(&mut self, count: usize) {
        let now = self.now;
        for _ in 0..count {
            let living = self.living.as_mut().expect("somebody is alive");
            if living.opened.decider.frame().is_full() {
                return;
            }
            let Some(submission) = self.queue.pop() else { return };
            living.opened.decider.decide(submission, now);
        }
    }

    /// Commits what was handed over, and hands over what has been decided meanwhile.
    fn commit(&mut self) -> Result<(), Broken> {
        let living = self.living.as_mut().expect("somebody is alive");
        let committed = match living.in_flight.take() {
            Some(frame) => living.opened.publisher.commit(frame),
            None => Ok(()),
        };
        if let Err(error) = committed {
            self.drain()?;
            return self.stopped(&error);
        }
        if !living.opened.decider.frame().is_empty() {
            living.in_flight = Some(living.opened.decider.take_frame());
        }
        let published = living.opened.publisher.published();
        if living.published.last().is_none_or(|last| last.position < published.position) {
            living.published.push(published);
        }
        self.drain()
    }

    /// Hears what clients are told.
    pub(crate) fn drain(&mut self) -> Result<(), Broken> {
        let replies =
            std::mem::take(&mut *self.replies.lock().unwrap_or_else(PoisonError::into_inner));
        let living = self.living.as_ref().expect("somebody is alive");
        for report in living.reports.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            if let Report::ReserveGivenBack { .. } = report {
                self.tallies.count(Group::Fault, "a write found no room and was done again");
            }
        }
        let reader = living.opened.publisher.reader();
        let published = living.opened.publisher.published().position;
        for (sending, reply) in replies {
            if self.machine.disk.has_crashed() && matches!(reply, Reply::Recorded(_)) {
                // Nobody reads the record back for the client: it is none the wiser.
                self.oracle.unheard(sending);
                continue;
            }
            let position = match &reply {
                Reply::Recorded(position) | Reply::Conflict(position) => Some(*position),
                other => position_of(other),
            };
            if position.is_some_and(|position| position > published) {
                return broken(format!("{reply:?} was told, and {published} is published"));
            }
            self.trace.note(|| format!("  command {} is told {reply:?}", sending.command));
            let told = self.oracle.told(sending, reply, &mut |at| recall(&reader, at))?;
            self.tallies.count(Group::Reply, told);
        }
        Ok(())
    }

    /// A client looks at what is published.
    fn read(&mut self) -> Result<(), Broken> {
        let atom = self.living().opened.publisher.published();
        self.trace.note(|| format!("  sees position {}", atom.position));
        self.tallies.count(Group::Check, "reads");
        self.oracle.looked(atom.lineage, atom.position)?;
        if self.atoms.len() == ATOMS_HELD {
            self.atoms.remove(0);
        }
        self.atoms.push(atom);
        Ok(())
    }

    /// A snapshot is taken, while commands go on.
    fn snapshot(&mut self, back: usize, commands: usize) -> Result<(), Broken> {
        let now = self.now;
        let stale = self.plant == Some(Plant::StaleSnapshot);
        let living = self.living.as_mut().expect("somebody is alive");
        let booked = living.booked;
        let fresh = living.published.iter().filter(|atom| atom.position >= booked);
        let fresh: Vec<_> = fresh.cloned().collect();
        let Some(place) = fresh.len().checked_sub(1) else { return Ok(()) };
        let mut atom = Arc::clone(&fresh[place.saturating_sub(back)]);
        if stale {
            let state = living.published[0].state().freeze();
            atom = Arc::new(Atom::new(atom.lineage, atom.position, atom.time, state));
        }
        living.booked = atom.position;
        self.machine.phase = Phase::Snapshot;
        let Opened { decider, publisher, snapshotter, .. } = &mut living.opened;
        snapshotter.set_chunk_bytes_max(self.plan.setting.chunk_bytes);
        let (queue, in_flight) = (&mut self.queue, &mut living.in_flight);
        let mut left = commands;
        let mut failed = None;
        let taken = snapshotter.take(&atom, &mut || {
            if left > 0 && !decider.frame().is_full() {
                left -= 1;
                queue.pop().into_iter().for_each(|submission| decider.decide(submission, now));
                let frame = in_flight.take().unwrap_or_else(|| decider.take_frame());
                failed = publisher.commit(frame).err();
            }
            if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        self.trace.note(|| format!("  snapshot: {taken:?}"));
        self.drain()?;
        if let Some(error) = failed {
            return self.stopped(&error);
        }
        match taken {
            Ok(taken) => {
                self.machine.phase = Phase::Serving;
                self.tallies.count(Group::Check, "snapshots taken");
                let kept = taken.map_or(0, |taken| taken.chunks_kept);
                self.tallies.add(Group::Check, "chunks kept", kept);
                Ok(())
            }
            Err(error) if self.machine.disk.has_crashed() => self.stopped(&error),
            Err(SnapshotError::NoRoom { .. }) if self.machine.is_faulty => {
                self.machine.phase = Phase::Serving;
                self.tallies.count(Group::Fault, "a snapshot was left out for want of room");
                Ok(())
            }
            Err(_) if self.machine.is_faulty => {
                self.machine.phase = Phase::Serving;
                self.tallies.count(Group::Fault, "a snapshot failed");
                Ok(())
            }
            Err(error) => broken(format!("a snapshot fails on a sound disk: {error:?}")),
        }
    }

    /// Somebody splits a full segment.
    fn seal(&mut self) -> Result<(), Broken> {
        let chores = Arc::clone(&self.living().chores);
        let chore = chores.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(chore) = chore else { return Ok(()) };
        let sealed = match &chore {
            Chore::Seal(job) => job.run(),
            Chore::Fold(_) | Chore::Drop(_) => unreachable!("done at once"),
        };
        match sealed {
            Ok(()) => Ok(()),
            Err(error) if error.is_no_room() && !self.machine.disk.has_crashed() => {
                self.tallies.count(Group::Fault, "a sealing was put off for want of room");
                chores.lock().unwrap_or_else(PoisonError::into_inner).push_front(chore);
                Ok(())
            }
            Err(error) if self.machine.disk.has_crashed() => self.stopped(&error),
            // A node reports it and goes on: the next start seals.
            Err(_) if self.machine.is_faulty => {
                self.tallies.count(Group::Fault, "a sealing failed");
                Ok(())
            }
            Err(error) => broken(format!("sealing fails on a sound disk: {error:?}")),
        }
    }

    fn checkpoint(&mut self) -> Result<(), Broken> {
        let reader = self.living().opened.publisher.reader();
        let head: TreeHead = match reader.tree_head() {
            Ok(head) => head,
            Err(error) => return broken(format!("no checkpoint: {error:?}")),
        };
        self.trace.note(|| format!("  checkpoint {} {}", head.size, head.root));
        self.tallies.count(Group::Check, "checkpoints handed out");
        self.oracle.heads.push(head);
        self.oracle.saw(Position(head.size.0 - 1));
        Ok(())
    }

    /// Decides and commits all that waits.
    pub(crate) fn settle(&mut self) -> Result<(), Broken> {
        loop {
            self.wake()?;
            self.decide(usize::MAX);
            self.commit()?;
            if self.living.as_ref().is_some_and(|living| living.in_flight.is_none())
                && self.queue.is_empty()
            {
                return Ok(());
            }
        }
    }

    fn close(&mut self, cut: Option<(Operation, u64, PowerLoss)>) -> Result<(), Broken> {
        self.settle()?;
        self.machine.phase = Phase::Closing;
        if let Some((operation, after, loss)) = cut {
            self.machine.cut_at(operation, after, loss, None);
        }
        let living = self.living.take().expect("settled");
        let closed = living.opened.publisher.close();
        self.abandon();
        match closed {
            Ok(()) => {
                self.machine.phase = Phase::Serving;
                self.tallies.count(Group::Restart, "closed");
                Ok(())
            }
            Err(error) => self.stopped(&error),
        }
    }

    /// Everybody who waits will never know.
    pub(crate) fn abandon(&mut self) {
        self.queue = FairQueue::new(QUEUE);
        self.replies.lock().unwrap_or_else(PoisonError::into_inner).clear();
        let lost = self.oracle.abandon();
        self.tallies.add(Group::Reply, "nothing: the process died", lost as u64);
    }

    /// Nothing fails any more; every client asks once more what became of what it does not know.
    fn end(&mut self) -> Result<(), Broken> {
        self.machine.fault(&Act::Mend, self.tallies);
        self.machine.no_cut();
        self.wake()?;
        let now = self.now;
        self.living().opened.decider.engine().clock().confirm(now);
        let uncertain: Vec<(usize, CommandId, Wish)> = self
            .oracle
            .sent
            .iter()
            .filter(|sent| sent.uncertain)
            .map(|sent| (sent.client, sent.id.clone(), sent.contents[0].wish.clone()))
            .collect();
        for (client, id, wish) in uncertain {
            self.submit(client, id, &wish)?;
            self.settle()?;
        }
        self.read()?;
        self.checkpoint()?;
        self.close(None)?;
        self.wake()?;
        self.read()?;
        self.prove()
    }
}

fn recall(reader: &Reader, position: Position) -> Result<Reply, Broken> {
    let record = reader.record(position);
    let record = record.map_err(|error| Broken(format!("{position} cannot be read: {error:?}")))?;
    let Some(record) = record else { return broken(format!("{position} is not recorded")) };
    reply_of(&record).map_err(|error| Broken(format!("{position} is no command: {error}")))
}
