//! The outbox of one socket: what waits for it, ready to be sent in one tick.
//!
//! The hub puts in and never waits; the socket takes out when the network has taken what came before.
//! So what a slow reader has not been sent gathers here: first as references to the diffs that all
//! share, then merged by key, and beyond a limit not at all: the subscription is read anew when the
//! socket comes for it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use deeds_values::{Position, Timestamp};
use tokio::sync::Notify;

use crate::live::tick::{Body, Counts, Diff, SubTick, Tick};
use crate::problem::Problem;

/// How many steps' diffs wait as they are; more are merged.
const STEPS_MAX: usize = 2;

/// How long the diffs may be together that wait as they are; more are merged.
const AS_THEY_ARE_BYTES_MAX: usize = 256 * 1024;

/// How long merged diffs may be together; what is beyond is read anew, but for one result that is
/// longer by itself.
pub(crate) const WAITING_BYTES_MAX: usize = 8 * 1024 * 1024;

/// How far the hub has come: everything up to there is in the outboxes.
#[derive(Debug)]
pub(crate) struct Reached(Mutex<(Position, Timestamp)>);

impl Reached {
    pub(crate) fn new(position: Position, time: Timestamp) -> Arc<Self> {
        Arc::new(Self(Mutex::new((position, time))))
    }

    pub(crate) fn get(&self) -> (Position, Timestamp) {
        *self.0.lock().expect("nobody panics holding it")
    }

    pub(crate) fn set(&self, position: Position, time: Timestamp) {
        *self.0.lock().expect("nobody panics holding it") = (position, time);
    }
}

/// What a client is told first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Welcome {
    /// Where it stands.
    pub(crate) position: Position,
    /// When that was.
    pub(crate) time: Timestamp,
    /// Stands for the actor, its roles and its keys.
    pub(crate) who: String,
    /// Whether it goes on from where it stood.
    pub(crate) resumed: bool,
}

/// What is to be sent next.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// First, and once.
    Welcome(Welcome),
    /// Moves the client.
    Tick(Tick),
    /// This subscription has ended.
    Fail {
        /// The client's number of it.
        sub: u32,
        /// Why.
        problem: Problem,
    },
    /// These subscriptions have fallen behind too far: ask the hub to read them anew.
    Behind(Vec<u32>),
}

/// See the module.
pub(crate) struct Outbox {
    state: Mutex<State>,
    wake: Notify,
    reached: Arc<Reached>,
}

struct State {
    welcome: Option<Welcome>,
    /// Nothing goes out before the welcome.
    is_welcome: bool,
    /// Where the client stands when it has been sent what was taken.
    position: Position,
    /// The last step of which something was put in.
    delivered: (Position, Timestamp),
    /// How many subscriptions of its `hello` have no first result yet.
    held: usize,
    subs: BTreeMap<u32, Pending>,
    /// Steps put in since the last tick.
    steps: usize,
    bytes: usize,
    /// The largest `bytes` there has been.
    bytes_most: usize,
    fails: Vec<(u32, Problem)>,
    /// A tick is due even if it says nothing.
    due: bool,
    /// A result at this position was told: a tick to it has to follow.
    owed: Option<Position>,
}

/// What waits for one subscription.
enum Pending {
    Rows {
        reset: bool,
        diffs: Vec<Arc<Diff>>,
        counts: Option<Counts>,
        /// Read anew because it was too much: it goes out with the next tick, however long it is.
        anew: bool,
    },
    Value(Arc<crate::live::tick::Value>),
    /// Too much: it is read anew. `asked` once the hub has been told.
    Behind {
        asked: bool,
        is_rows: bool,
    },
}

impl Pending {
    fn bytes(&self) -> usize {
        match self {
            Self::Rows { diffs, .. } => diffs.iter().map(|diff| diff.bytes).sum(),
            Self::Value(value) => value.json.len(),
            Self::Behind { .. } => 0,
        }
    }
}

impl Outbox {
    /// Of a client that waits for so many first results.
    pub(crate) fn new(reached: Arc<Reached>, held: usize) -> Self {
        let (position, time) = reached.get();
        let state = State {
            welcome: None,
            is_welcome: false,
            position,
            delivered: (position, time),
            held,
            subs: BTreeMap::new(),
            steps: 0,
            bytes: 0,
            bytes_most: 0,
            fails: Vec::new(),
            due: false,
            owed: None,
        };
        Self { state: Mutex::new(state), wake: Notify::new(), reached }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("nobody panics holding it")
    }

    /// The client is welcome, and stands there.
    pub(crate) fn welcome(&self, welcome: Welcome) {
        let mut state = self.lock();
        state.position = welcome.position;
        state.delivered = (welcome.position, welcome.time);
        state.welcome = Some(welcome);
        drop(state);
        self.wake.notify_one();
    }

    /// Everything that a step (or a first result at its position) says to this client.
    pub(crate) fn deliver(&self, to: Position, time: Timestamp, subs: Vec<SubTick>) {
        let mut state = self.lock();
        assert!(to >= state.delivered.0, "steps come in order");
        state.delivered = (to, time);
        state.steps += 1;
        for sub in subs {
            state.add(sub);
        }
        state.bound();
        drop(state);
        self.wake.notify_one();
    }

    /// A subscription of the `hello` has its first result, or none is to come.
    pub(crate) fn release(&self) {
        let mut state = self.lock();
        state.held = state.held.checked_sub(1).expect("each is released once");
        drop(state);
        self.wake.notify_one();
    }

    /// A subscription has ended.
    pub(crate) fn fail(&self, sub: u32, problem: Problem) {
        let mut state = self.lock();
        state.remove(sub);
        state.fails.push((sub, problem));
        drop(state);
        self.wake.notify_one();
    }

    /// The client has given a subscription up.
    pub(crate) fn forget(&self, sub: u32) {
        self.lock().remove(sub);
        // A tick may have waited for it.
        self.wake.notify_one();
    }

    /// A result at this position has been told. True when the hub has to be told that a tick is owed.
    pub(crate) fn owe(&self, position: Position) -> bool {
        let mut state = self.lock();
        if state.position >= position {
            return false;
        }
        let was_known = state.owed.is_some();
        state.owed = state.owed.max(Some(position));
        !was_known
    }

    /// Makes the owed tick due if the hub has come so far; says whether it has.
    pub(crate) fn settle(&self) -> bool {
        let mut state = self.lock();
        let Some(owed) = state.owed else { return true };
        if self.reached.get().0 < owed {
            return false;
        }
        state.owed = None;
        state.due = true;
        drop(state);
        self.wake.notify_one();
        true
    }

    /// The client asks whether it is up to date.
    pub(crate) fn nudge(&self) {
        self.lock().due = true;
        self.wake.notify_one();
    }

    /// How many bytes wait now, and the most that ever did.
    pub(crate) fn bytes(&self) -> (usize, usize) {
        let state = self.lock();
        (state.bytes, state.bytes_most)
    }

    /// Waits for what is to be sent next.
    pub(crate) async fn next(&self) -> Outgoing {
        loop {
            if let Some(outgoing) = self.take() {
                return outgoing;
            }
            self.wake.notified().await;
        }
    }

    /// What is to be sent next, if there is something.
    pub(crate) fn take(&self) -> Option<Outgoing> {
        let mut state = self.lock();
        if let Some(welcome) = state.welcome.take() {
            state.is_welcome = true;
            return Some(Outgoing::Welcome(welcome));
        }
        if !state.is_welcome {
            return None;
        }
        if !state.fails.is_empty() {
            let (sub, problem) = state.fails.remove(0);
            return Some(Outgoing::Fail { sub, problem });
        }
        let behind = state.behind();
        if !behind.is_empty() {
            return Some(Outgoing::Behind(behind));
        }
        let (position, time) = self.reached.get().max(state.delivered);
        let moves = state.due && position > state.position;
        state.due &= moves;
        let has_news = state.subs.values().any(|sub| !matches!(sub, Pending::Behind { .. }));
        if state.held > 0 || state.leaves_behind() || !(has_news || moves) {
            return None;
        }
        let tick = Tick { from: state.position, to: position, time, subs: state.drain() };
        state.position = position;
        state.due = false;
        Some(Outgoing::Tick(tick))
    }
}

impl State {
    fn remove(&mut self, sub: u32) {
        if let Some(pending) = self.subs.remove(&sub) {
            self.bytes -= pending.bytes();
        }
    }

    fn add(&mut self, tick: SubTick) {
        self.bytes += tick.bytes();
        match (self.subs.get_mut(&tick.sub), tick.body) {
            // Until it has been read anew, what changes is in that reading.
            (Some(Pending::Behind { .. }), Body::Rows { reset: false, diff, .. }) => {
                self.bytes -= diff.bytes;
            }
            (
                Some(Pending::Rows { diffs, counts: before, .. }),
                Body::Rows { reset: false, diff, counts },
            ) => {
                diffs.push(diff);
                *before = counts;
            }
            (before, Body::Rows { reset, diff, counts }) => {
                let anew = matches!(before, Some(Pending::Behind { .. }));
                self.replace(tick.sub, Pending::Rows { reset, diffs: vec![diff], counts, anew });
            }
            (_, Body::Value(value)) => self.replace(tick.sub, Pending::Value(value)),
        }
    }

    fn replace(&mut self, sub: u32, pending: Pending) {
        if let Some(before) = self.subs.insert(sub, pending) {
            self.bytes -= before.bytes();
        }
    }

    /// Merges what is too much to wait as it is, and drops what is too much even then.
    fn bound(&mut self) {
        if self.steps > STEPS_MAX || self.bytes > AS_THEY_ARE_BYTES_MAX {
            for pending in self.subs.values_mut() {
                if let Pending::Rows { reset, diffs, .. } = pending
                    && diffs.len() > 1
                {
                    *diffs = vec![Arc::new(Diff::merged(diffs, *reset))];
                }
            }
            self.bytes = self.subs.values().map(Pending::bytes).sum();
        }
        let anew = |pending: &Pending| matches!(pending, Pending::Rows { anew: true, .. });
        let exempt: usize =
            self.subs.values().filter(|it| anew(it)).map(|pending| pending.bytes()).sum();
        while self.bytes - exempt > WAITING_BYTES_MAX {
            let counted = self.subs.values_mut().filter(|pending| !anew(pending));
            let largest = counted.max_by_key(|pending| pending.bytes());
            let pending = largest.expect("something is as large");
            // A result that is longer than the limit waits alone: read anew, it would be as long.
            if matches!(pending, Pending::Rows { reset: true, .. }) && pending.bytes() == self.bytes
            {
                break;
            }
            self.bytes -= pending.bytes();
            let is_rows = matches!(pending, Pending::Rows { .. });
            *pending = Pending::Behind { asked: false, is_rows };
        }
        self.bytes_most = self.bytes_most.max(self.bytes);
    }

    /// Whether a tick would leave something behind: it would move the client to where what it shows
    /// is not so. A value is told with the position it was read at, and may be older.
    fn leaves_behind(&self) -> bool {
        self.subs.values().any(|sub| matches!(sub, Pending::Behind { is_rows: true, .. }))
    }

    /// Those that are to be read anew, each told once.
    fn behind(&mut self) -> Vec<u32> {
        let mut behind = Vec::new();
        for (sub, pending) in &mut self.subs {
            if let Pending::Behind { asked, .. } = pending
                && !*asked
            {
                *asked = true;
                behind.push(*sub);
            }
        }
        behind
    }

    fn drain(&mut self) -> Vec<SubTick> {
        let (behind, ready): (BTreeMap<_, _>, BTreeMap<_, _>) = std::mem::take(&mut self.subs)
            .into_iter()
            .partition(|(_, pending)| matches!(pending, Pending::Behind { .. }));
        self.subs = behind;
        (self.bytes, self.steps) = (0, 0);
        let one = |diffs: Vec<Arc<Diff>>, reset| match &diffs[..] {
            [diff] => Arc::clone(diff),
            several => Arc::new(Diff::merged(several, reset)),
        };
        let ticks = ready.into_iter().filter_map(|(sub, pending)| match pending {
            Pending::Rows { reset, diffs, counts, .. } => {
                let diff = one(diffs, reset);
                (reset || counts.is_some() || !diff.is_empty())
                    .then_some(SubTick { sub, body: Body::Rows { reset, diff, counts } })
            }
            Pending::Value(value) => Some(SubTick { sub, body: Body::Value(value) }),
            Pending::Behind { .. } => None,
        });
        ticks.collect()
    }
}

#[cfg(test)]
mod tests;
