//! The hub: the thread that turns publications into diffs, and what it is told.
//!
//! Publications that came while it was busy are taken as one step. Under load it rests between steps,
//! so that live reading takes its share of a core and no more; it sleeps when there is nothing to do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use deeds_engine::actor::Roles;
use deeds_engine::live::{Question, View};
use deeds_engine::query::Asker;
use deeds_engine::routes::Routes;
use deeds_pipeline::host::Host;
use deeds_pipeline::reply::Caller;
use deeds_values::{ActorId, Lineage, Position};

use crate::live::gathered::Gathered;
use crate::live::group::{Group, GroupId, GroupKey, IdentityId, Kind, MemberId};
use crate::live::jobs::{self, Finished, Job};
use crate::live::outbox::{Outbox, Reached};
use crate::live::ring::Ring;
use crate::live::subscribing::{Known, Member, Permission};

/// How many times as long as a step took the hub rests after it, so that steps take at most a tenth of
/// a core; the same holds for value queries that run again. A thousand watchers are to cost less than a
/// fifth of what two cores decide, and half of what they cost is writing to their sockets: the longer
/// the rest, the more changes one tick brings. Nobody sees the difference between 10 ms and 50.
const REST: u32 = 9;

/// How long it rests at most before a step, however long the one before took: rows are shown at once.
const STEP_REST_MAX: Duration = Duration::from_millis(100);

/// How long value queries rest at most before they run again.
const RUN_REST_MAX: Duration = Duration::from_millis(500);

/// How many value queries run again in one job.
const RUNS_PER_JOB: usize = 32;

/// The live part of a server. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Hub {
    inbox: Sender<Message>,
    reached: Arc<Reached>,
    next_member: Arc<AtomicU64>,
    /// How many members there are.
    present: Arc<AtomicUsize>,
    figures: Arc<Mutex<LiveFigures>>,
    thread: Arc<Mutex<Option<JoinHandle<()>>>>,
}

/// A query that a client wants to see, under its number.
pub(crate) struct Wanted {
    pub(crate) sub: u32,
    pub(crate) question: Arc<dyn Question>,
}

/// Where a client stood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Resume {
    pub(crate) lineage: Lineage,
    pub(crate) position: Position,
    pub(crate) who: String,
}

/// A client's end: what it is sent comes through the outbox. Dropping it leaves.
pub(crate) struct Membership {
    id: MemberId,
    hub: Hub,
    pub(crate) outbox: Arc<Outbox>,
}

/// How live reading goes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct LiveFigures {
    /// Sockets.
    pub(crate) members: usize,
    /// Subscriptions of all of them.
    pub(crate) subscriptions: usize,
    /// Results that are kept up to date for them.
    pub(crate) groups: usize,
    /// Changes that a client can come back to.
    pub(crate) ring_changes: usize,
    /// Steps taken.
    pub(crate) steps: u64,
    /// Value queries that were run.
    pub(crate) runs: u64,
    /// Subscriptions that were read anew because their socket fell behind.
    pub(crate) fell_behind: u64,
    /// Clients that went on from where they stood, and those that could not.
    pub(crate) resumed: u64,
    pub(crate) not_resumed: u64,
}

pub(crate) enum Message {
    /// Something lies in [`Gathered`]: said once before each step.
    Published,
    Join {
        member: MemberId,
        outbox: Arc<Outbox>,
        caller: Caller,
        resume: Option<Resume>,
        wanted: Vec<Wanted>,
    },
    Subscribe {
        member: MemberId,
        wanted: Wanted,
    },
    Unsubscribe {
        member: MemberId,
        sub: u32,
    },
    Renew {
        member: MemberId,
        caller: Caller,
    },
    Owing {
        member: MemberId,
    },
    Behind {
        member: MemberId,
        subs: Vec<u32>,
    },
    Leave {
        member: MemberId,
    },
    Finished(Finished),
    Stop,
}

impl Hub {
    /// Starts the thread; it follows the host's publications.
    pub(crate) fn start(host: Arc<dyn Host>) -> Self {
        let (inbox, messages) = channel();
        let (gathered, present) = (Arc::new(Gathered::default()), Arc::new(AtomicUsize::new(0)));
        let (told, here, publications) =
            (Arc::clone(&gathered), Arc::clone(&present), inbox.clone());
        host.on_publish(Box::new(move |publication| {
            if told.put(publication, &here) {
                // The hub may have stopped: then nobody reads live any more.
                drop(publications.send(Message::Published));
            }
        }));
        let view = host.view();
        let reached = Reached::new(view.position(), view.time());
        let figures = Arc::new(Mutex::new(LiveFigures::default()));
        let finished = inbox.clone();
        let jobs = jobs::start(&move |read| drop(finished.send(Message::Finished(read))));
        let live = Live::new(host, view, Arc::clone(&reached), jobs, gathered);
        let shown = Arc::clone(&figures);
        let thread = std::thread::Builder::new()
            .name("deeds-live".to_owned())
            .spawn(move || live.run(&messages, &shown))
            .expect("the system gives a thread");
        let (next_member, thread) = (Arc::default(), Arc::new(Mutex::new(Some(thread))));
        Self { inbox, reached, next_member, present, figures, thread }
    }

    /// A client has said who it is and what it wants; its welcome will be in the outbox.
    pub(crate) fn join(
        &self,
        caller: Caller,
        resume: Option<Resume>,
        wanted: Vec<Wanted>,
    ) -> Membership {
        let member = self.next_member.fetch_add(1, Ordering::Relaxed);
        // Before it is told: what is published from here on wakes the thread, or the message does.
        self.present.fetch_add(1, Ordering::SeqCst);
        let outbox = Arc::new(Outbox::new(Arc::clone(&self.reached), wanted.len()));
        let told = Arc::clone(&outbox);
        self.tell(Message::Join { member, outbox: told, caller, resume, wanted });
        Membership { id: member, hub: self.clone(), outbox }
    }

    /// How it goes.
    pub(crate) fn figures(&self) -> LiveFigures {
        *self.figures.lock().expect("nobody panics holding it")
    }

    /// Ends the thread, and waits for it.
    pub(crate) fn stop(&self) {
        self.tell(Message::Stop);
        let thread = self.thread.lock().expect("nobody panics holding it").take();
        if let Some(thread) = thread {
            thread.join().expect("the hub does not panic");
        }
    }

    fn tell(&self, message: Message) {
        // Nobody is there after `stop`: then the socket is on its way out, too.
        drop(self.inbox.send(message));
    }
}

impl Membership {
    /// One query more.
    pub(crate) fn subscribe(&self, wanted: Wanted) {
        self.hub.tell(Message::Subscribe { member: self.id, wanted });
    }

    /// One query less.
    pub(crate) fn unsubscribe(&self, sub: u32) {
        self.hub.tell(Message::Unsubscribe { member: self.id, sub });
    }

    /// A newer token: its roles may be others.
    pub(crate) fn renew(&self, caller: Caller) {
        self.hub.tell(Message::Renew { member: self.id, caller });
    }

    /// A result at this position has been told: a tick to it, or past it, has to follow.
    pub(crate) fn owe(&self, position: Position) {
        if self.outbox.owe(position) {
            self.hub.tell(Message::Owing { member: self.id });
        }
    }

    /// The client asks whether it is up to date.
    pub(crate) fn nudge(&self) {
        self.outbox.nudge();
    }

    /// The outbox said that these are to be read anew.
    pub(crate) fn reread(&self, subs: Vec<u32>) {
        self.hub.tell(Message::Behind { member: self.id, subs });
    }
}

impl Drop for Membership {
    fn drop(&mut self) {
        self.hub.present.fetch_sub(1, Ordering::SeqCst);
        self.hub.tell(Message::Leave { member: self.id });
    }
}

/// Whom a change concerns.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Concern {
    /// The result of a question.
    Group(GroupId),
    /// Which roles and keys somebody has.
    Identity(IdentityId),
    /// Whether somebody may ask something.
    Permission(IdentityId, GroupId),
}

/// What the thread knows.
pub(crate) struct Live {
    pub(crate) host: Arc<dyn Host>,
    /// The state after the last step.
    pub(crate) view: View,
    pub(crate) reached: Arc<Reached>,
    pub(crate) ring: Ring,
    pub(crate) routes: Routes<Concern>,
    pub(crate) groups: BTreeMap<GroupId, Group>,
    pub(crate) by_key: BTreeMap<GroupKey, GroupId>,
    pub(crate) identities: BTreeMap<IdentityId, Known>,
    pub(crate) by_caller: HashMap<(ActorId, Roles), IdentityId>,
    pub(crate) permissions: BTreeMap<(IdentityId, GroupId), Permission>,
    pub(crate) members: BTreeMap<MemberId, Member>,
    /// Those to whom a tick is owed.
    pub(crate) owing: BTreeSet<MemberId>,
    pub(crate) jobs: Sender<Job>,
    pub(crate) figures: LiveFigures,
    pub(crate) next_id: u64,
    /// Value queries that are to run again, by when they may.
    pub(crate) due: BTreeSet<(Instant, GroupId)>,
    /// Value queries that ask for the time.
    pub(crate) timed: BTreeSet<GroupId>,
    gathered: Arc<Gathered>,
    /// Whether the next step has something to do.
    is_told: bool,
    /// When the next step may begin.
    rests_until: Instant,
    /// Whether value queries are running again, and when they may next.
    runs_again: bool,
    runs_rest_until: Instant,
}

impl Live {
    fn new(
        host: Arc<dyn Host>,
        view: View,
        reached: Arc<Reached>,
        jobs: Sender<Job>,
        gathered: Arc<Gathered>,
    ) -> Self {
        let now = Instant::now();
        Self {
            host,
            ring: Ring::new(view.position()),
            view,
            reached,
            routes: Routes::default(),
            groups: BTreeMap::new(),
            by_key: BTreeMap::new(),
            identities: BTreeMap::new(),
            by_caller: HashMap::new(),
            permissions: BTreeMap::new(),
            members: BTreeMap::new(),
            owing: BTreeSet::new(),
            jobs,
            figures: LiveFigures::default(),
            next_id: 0,
            due: BTreeSet::new(),
            timed: BTreeSet::new(),
            gathered,
            is_told: false,
            rests_until: now,
            runs_again: false,
            runs_rest_until: now,
        }
    }

    fn run(mut self, messages: &Receiver<Message>, shown: &Mutex<LiveFigures>) {
        let mut is_other = false;
        loop {
            let message = match self.wakes_at() {
                None => messages.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(at) => messages.recv_timeout(at.saturating_duration_since(Instant::now())),
            };
            let mut next = match message {
                Ok(message) => Some(message),
                Err(RecvTimeoutError::Timeout) => None,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            while let Some(message) = next {
                if matches!(message, Message::Stop) {
                    return;
                }
                // These come all the time, and change no figure by themselves.
                is_other |= !matches!(message, Message::Published | Message::Owing { .. });
                self.hear(message, Instant::now());
                next = messages.try_recv().ok();
            }
            let steps = self.figures.steps;
            self.work(Instant::now());
            if std::mem::take(&mut is_other) || self.figures.steps > steps {
                *shown.lock().expect("nobody panics holding it") = self.shown();
            }
        }
    }

    /// When there is something to do by itself.
    fn wakes_at(&self) -> Option<Instant> {
        let step = self.is_told.then_some(self.rests_until);
        let run = self.due.first().filter(|_| !self.runs_again);
        let run = run.map(|(due, _)| (*due).max(self.runs_rest_until));
        step.into_iter().chain(run).min()
    }

    fn hear(&mut self, message: Message, now: Instant) {
        use Message::{Join, Renew, Subscribe};
        // Who was answered and then asks sees what was answered: what is read is no older.
        if matches!(message, Join { .. } | Subscribe { .. } | Renew { .. }) {
            self.catch_up(now);
        }
        match message {
            Message::Join { member, outbox, caller, resume, wanted } => {
                self.join(member, outbox, &caller, resume, wanted, now);
            }
            Message::Subscribe { member, wanted } => {
                self.subscribe(member, wanted, None, false, now)
            }
            Message::Unsubscribe { member, sub } => self.unsubscribe(member, sub),
            Message::Renew { member, caller } => self.renew(member, &caller, now),
            Message::Owing { member } => {
                if let Some(owing) = self.members.get(&member)
                    && !owing.outbox.settle()
                {
                    self.owing.insert(member);
                }
            }
            Message::Behind { member, subs } => self.read_anew(member, &subs),
            Message::Leave { member } => self.leave(member),
            Message::Finished(finished) => self.finished(finished, now),
            Message::Published => self.is_told = true,
            Message::Stop => {}
        }
    }

    /// What is due: a step, and value queries that are to run again.
    fn work(&mut self, now: Instant) {
        if now >= self.rests_until {
            self.catch_up(now);
        }
        if !self.runs_again && now >= self.runs_rest_until {
            self.run_again(now);
        }
    }

    /// A step over what was published.
    fn catch_up(&mut self, now: Instant) {
        self.is_told = false;
        let mut published = self.gathered.take();
        // What the first view had already is not news.
        published.retain(|publication| publication.view.position() > self.view.position());
        if published.is_empty() {
            return;
        }
        self.step(&published, now);
        let took = now.elapsed();
        self.rests_until = now + took + (took * REST).min(STEP_REST_MAX);
        self.figures.steps += 1;
    }

    /// Runs value queries whose time has come.
    fn run_again(&mut self, now: Instant) {
        let mut reads = Vec::new();
        while let Some(&(due, id)) = self.due.first().filter(|(due, _)| *due <= now) {
            if reads.len() == RUNS_PER_JOB {
                break;
            }
            self.due.remove(&(due, id));
            let Some(group) = self.groups.get_mut(&id) else { continue };
            let Kind::Value(watched) = &mut group.kind else { continue };
            if watched.due().is_none() {
                continue;
            }
            (watched.is_dirty, watched.is_running) = (false, true);
            reads.push((id, Arc::clone(&group.question), group.asker.clone()));
        }
        if !reads.is_empty() {
            self.runs_again = true;
            self.figures.runs += reads.len() as u64;
            self.start(reads, true);
        }
    }

    /// Hands reads to the workers.
    pub(crate) fn start(&self, reads: Vec<(GroupId, Arc<dyn Question>, Asker)>, again: bool) {
        let sent = self.jobs.send(Job { view: self.view.clone(), again, reads });
        assert!(sent.is_ok(), "the workers are there as long as the hub");
    }

    /// Value queries have run: others may after a rest.
    pub(crate) fn rest_after(&mut self, finished: &Finished) {
        if !finished.again {
            return;
        }
        self.runs_again = false;
        let ended = finished.began + finished.took;
        self.runs_rest_until = ended + (finished.took * REST).min(RUN_REST_MAX);
    }

    pub(crate) fn new_id(&mut self) -> u64 {
        self.next_id += 1;
        self.next_id
    }

    fn shown(&self) -> LiveFigures {
        LiveFigures {
            members: self.members.len(),
            subscriptions: self.members.values().map(|member| member.subs.len()).sum(),
            groups: self.groups.len(),
            ring_changes: self.ring.changes(),
            ..self.figures
        }
    }
}
