//! The subscriptions of a connection: what each wants, what it shows, and its number on the socket.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::error::Error;
use crate::message::{SubTick, Wanted};
use crate::shown::Shown;

/// A subscription of this client, for as long as it lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubscriptionId(pub u64);

#[derive(Debug)]
struct Subscription {
    query: String,
    args: Value,
    shown: Shown,
    /// Its number on this socket.
    sub: Option<u32>,
    /// How often it has shown something else.
    moves: u64,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Subscriptions {
    all: BTreeMap<SubscriptionId, Subscription>,
    by_sub: BTreeMap<u32, SubscriptionId>,
    /// The last number given on this socket.
    last_sub: u32,
    /// How many have no number, and may have one.
    unsent: usize,
}

impl Subscriptions {
    pub(crate) fn add(&mut self, id: SubscriptionId, query: &str, args: Value) {
        let (query, shown) = (query.to_owned(), Shown::Nothing);
        self.all.insert(id, Subscription { query, args, shown, sub: None, moves: 0 });
        self.unsent += 1;
    }

    /// Its number on this socket, if it had one.
    pub(crate) fn remove(&mut self, id: SubscriptionId) -> Option<u32> {
        let subscription = self.all.remove(&id)?;
        if subscription.sub.is_none() && !matches!(subscription.shown, Shown::Failed(_)) {
            self.unsent -= 1;
        }
        let sub = subscription.sub?;
        self.by_sub.remove(&sub);
        Some(sub)
    }

    pub(crate) fn shown(&self, id: SubscriptionId) -> &Shown {
        self.all.get(&id).map_or(&Shown::Nothing, |subscription| &subscription.shown)
    }

    pub(crate) fn moves(&self, id: SubscriptionId) -> u64 {
        self.all.get(&id).map_or(0, |subscription| subscription.moves)
    }

    /// Whether none is wanted on this socket.
    pub(crate) fn none_sent(&self) -> bool {
        self.by_sub.is_empty()
    }

    /// Gives numbers to those that have none; with `going_on` only to those that show something. What
    /// has failed stays so.
    pub(crate) fn send(&mut self, going_on: bool) -> Vec<Wanted<'_>> {
        if self.unsent == 0 {
            return Vec::new();
        }
        let mut wanted = Vec::new();
        for (id, subscription) in &mut self.all {
            let Subscription { query, args, shown, sub, .. } = subscription;
            let takes_part = match shown {
                Shown::Failed(_) => false,
                Shown::Nothing => !going_on,
                Shown::Rows(_) | Shown::Value { .. } => true,
            };
            if takes_part && sub.is_none() {
                self.last_sub += 1;
                self.unsent -= 1;
                *sub = Some(self.last_sub);
                self.by_sub.insert(self.last_sub, *id);
                wanted.push(Wanted { sub: self.last_sub, query, args });
            }
        }
        wanted
    }

    /// Shows what a tick brings; false if that does not go with what is shown.
    #[must_use]
    pub(crate) fn apply(&mut self, tick: SubTick) -> bool {
        // What was given up meanwhile is not there any more.
        let Some(id) = self.by_sub.get(&tick.sub) else { return true };
        let subscription = self.all.get_mut(id).expect("its number is known");
        subscription.moves += 1;
        subscription.shown.apply(tick)
    }

    /// One has ended; false if it was given up before.
    pub(crate) fn fail(&mut self, sub: u32, error: Error) -> bool {
        let Some(id) = self.by_sub.remove(&sub) else { return false };
        let subscription = self.all.get_mut(&id).expect("its number is known");
        (subscription.sub, subscription.shown) = (None, Shown::Failed(error));
        subscription.moves += 1;
        true
    }

    /// The socket is gone, and its numbers with it.
    pub(crate) fn lose(&mut self) {
        self.by_sub.clear();
        self.last_sub = 0;
        for subscription in self.all.values_mut() {
            self.unsent += usize::from(subscription.sub.take().is_some());
        }
    }

    /// Nothing shown counts any more.
    pub(crate) fn clear(&mut self) {
        for subscription in self.all.values_mut() {
            if matches!(subscription.shown, Shown::Rows(_) | Shown::Value { .. }) {
                subscription.shown = Shown::Nothing;
                subscription.moves += 1;
            }
        }
    }
}
