//! Groups: everyone who sees the same result of the same question. A change is compared and encoded
//! once for all of them.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deeds_engine::actor::AudienceKey;
use deeds_engine::live::Question;
use deeds_engine::query::{Asker, Scope};
use deeds_engine::reads::{RangeRead, ReadSet};
use deeds_engine::select::Plan;
use deeds_engine::window::{Pane, Window};

use crate::live::tick::Value;

pub(crate) type GroupId = u64;
pub(crate) type IdentityId = u64;
pub(crate) type MemberId = u64;

/// How long a value query rests after a run began, at least.
const REST_MIN: Duration = Duration::from_millis(100);

/// How many times as long as its run took it rests.
const REST_RUNS: u32 = 10;

/// What makes two subscriptions see the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GroupKey {
    query: &'static str,
    arguments: Vec<u8>,
    window: Option<Window>,
    with: With,
}

/// With whom.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum With {
    Everyone,
    Key(AudienceKey),
    Me(IdentityId),
}

impl GroupKey {
    pub(crate) fn new(question: &dyn Question, identity: IdentityId) -> Self {
        let with = match question.scope() {
            Scope::Everyone => With::Everyone,
            Scope::Key(key) => With::Key(key),
            Scope::Me => With::Me(identity),
        };
        Self {
            query: question.name(),
            arguments: question.arguments().to_vec(),
            window: question.window().cloned(),
            with,
        }
    }
}

/// A subscription: whose, and its number there.
pub(crate) type Seat = (MemberId, u32);

/// See the module.
pub(crate) struct Group {
    pub(crate) key: GroupKey,
    pub(crate) question: Arc<dyn Question>,
    pub(crate) asker: Asker,
    /// Those who have a result, and are told what changes.
    pub(crate) seated: BTreeSet<Seat>,
    /// Those who wait for their first result.
    pub(crate) waiting: BTreeSet<Seat>,
    pub(crate) kind: Kind,
}

/// What is known of the result.
pub(crate) enum Kind {
    Rows {
        /// Where the rows are; known while somebody is told of changes.
        plan: Option<Plan>,
        /// Whether they are being read for those who wait.
        reading: bool,
    },
    Window {
        /// What is seen through it; known once it was read.
        pane: Option<Arc<Pane>>,
        /// Whether it is being read for those who wait.
        reading: bool,
    },
    Value(Watched),
}

/// A value query.
pub(crate) struct Watched {
    /// What the last run read.
    pub(crate) reads: ReadSet,
    /// What it answered.
    pub(crate) last: Option<Arc<Value>>,
    /// Whether something that was read has changed since.
    pub(crate) is_dirty: bool,
    pub(crate) is_running: bool,
    /// When it may run again.
    pub(crate) rests_until: Instant,
}

impl Group {
    pub(crate) fn new(
        key: GroupKey,
        question: Arc<dyn Question>,
        asker: Asker,
        now: Instant,
    ) -> Self {
        let kind = if question.window().is_some() {
            Kind::Window { pane: None, reading: false }
        } else if question.is_rows() {
            Kind::Rows { plan: None, reading: false }
        } else {
            Kind::Value(Watched {
                reads: ReadSet::default(),
                last: None,
                is_dirty: true,
                is_running: false,
                rests_until: now,
            })
        };
        let (seated, waiting) = (BTreeSet::new(), BTreeSet::new());
        Self { key, question, asker, seated, waiting, kind }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.seated.is_empty() && self.waiting.is_empty()
    }

    /// What changes concern it.
    pub(crate) fn reads(&self) -> Vec<RangeRead> {
        match &self.kind {
            Kind::Rows { plan: None, .. } => Vec::new(),
            Kind::Rows { plan: Some(plan), .. } => {
                plan.others.ranges().chain([&plan.range]).cloned().collect()
            }
            Kind::Window { pane, .. } => {
                pane.iter().flat_map(|pane| pane.ranges()).cloned().collect()
            }
            Kind::Value(watched) => watched.reads.ranges().cloned().collect(),
        }
    }
}

impl Watched {
    /// When it is to run, if it is.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.is_dirty && !self.is_running).then_some(self.rests_until)
    }

    /// It ran, and read this.
    pub(crate) fn ran(&mut self, began: Instant, took: Duration, reads: ReadSet) {
        self.is_running = false;
        self.reads = reads;
        self.rests_until = began + REST_MIN.max(took * REST_RUNS);
    }
}
