//! The questions of a connection: those that wait, and those on their way.

use std::collections::BTreeMap;

use deeds_values::{Position, Timestamp};
use serde_json::Value;

use crate::message::{self, ToServer};

/// A question of this client.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AskId(pub u32);

/// What a query answered.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// Where it was asked.
    pub position: Position,
    /// The time there.
    pub time: Timestamp,
    /// The answer.
    pub answer: Value,
}

#[derive(Debug)]
struct Ask {
    query: String,
    args: Value,
    is_sent: bool,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Asks {
    all: BTreeMap<AskId, Ask>,
    sent: usize,
    last: u32,
}

impl Asks {
    /// The next number; after four thousand million the first ones are long answered.
    pub(crate) fn next(&mut self) -> AskId {
        self.last = self.last.wrapping_add(1);
        AskId(self.last)
    }

    pub(crate) fn add(&mut self, id: AskId, query: &str, args: Value) {
        self.all.insert(id, Ask { query: query.to_owned(), args, is_sent: false });
    }

    /// The frames of those that may go now, when at most `limit` are on their way.
    pub(crate) fn send(&mut self, limit: usize) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        if self.sent == self.all.len() {
            return frames;
        }
        for (id, ask) in self.all.iter_mut().filter(|(_, ask)| !ask.is_sent) {
            if self.sent >= limit {
                break;
            }
            let Ask { query, args, is_sent } = ask;
            (*is_sent, self.sent) = (true, self.sent + 1);
            frames.push(message::write(&ToServer::Ask { ask: id.0, query, args }));
        }
        frames
    }

    /// An answer came; false if nobody asked.
    pub(crate) fn settle(&mut self, id: AskId) -> bool {
        let was_sent = self.all.get(&id).is_some_and(|ask| ask.is_sent);
        if was_sent {
            self.all.remove(&id);
            self.sent -= 1;
        }
        was_sent
    }

    /// The socket is gone: what has no answer is asked again.
    pub(crate) fn lose(&mut self) {
        self.all.values_mut().for_each(|ask| ask.is_sent = false);
        self.sent = 0;
    }

    pub(crate) fn take_all(&mut self) -> Vec<AskId> {
        self.sent = 0;
        std::mem::take(&mut self.all).into_keys().collect()
    }
}
