//! The commands of a connection: those that wait to be sent, those on their way, and those whose
//! record is durable and not shown yet.

use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use deeds_values::{CommandId, Position};
use serde_json::Value;

use crate::error::{Error, Kind, Refusal, UNKNOWN};
use crate::message::{self, ToServer};

/// How long to wait before a command is sent again whose outcome the server does not know, if the
/// server does not say.
const UNKNOWN_WAIT_MS: u64 = 1_000;

/// A command of this client, in the order sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// What became of a command.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It was done.
    Accepted {
        /// The position of its record.
        position: Position,
        /// Its answer.
        answer: Value,
    },
    /// The domain said no.
    Refused {
        /// The position of its record.
        position: Position,
        /// Why.
        refusal: Refusal,
    },
}

impl Outcome {
    /// The position of its record.
    pub fn position(&self) -> Position {
        let (Self::Accepted { position, .. } | Self::Refused { position, .. }) = self;
        *position
    }
}

#[derive(Debug)]
struct Command {
    id: CommandId,
    name: String,
    args: Value,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// To be sent, not before this moment.
    Waits(u64),
    Sent,
    /// Its record is durable, and not shown here yet.
    Durable(Position),
}

/// A command that nothing more is heard of.
#[derive(Debug)]
pub(crate) struct Dropped {
    pub(crate) ticket: Ticket,
    /// Whether its outcome was told.
    pub(crate) is_durable: bool,
    pub(crate) error: Error,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Commands {
    all: BTreeMap<Ticket, Command>,
    by_id: HashMap<String, Ticket>,
    /// Those that are durable, by the position of their record.
    durable: BTreeSet<(Position, Ticket)>,
    /// Those that wait to be sent, in the order in which they will be.
    queue: VecDeque<Ticket>,
    sent: usize,
}

impl Commands {
    pub(crate) fn add(
        &mut self,
        ticket: Ticket,
        id: CommandId,
        name: &str,
        args: Value,
    ) -> Result<(), Error> {
        let text = id.to_string();
        if self.by_id.contains_key(&text) {
            let message = format!("A command with the id {text} is on its way.");
            return Err(Error::new(Kind::Conflict, "conflict", message));
        }
        let stage = Stage::Waits(0);
        self.all.insert(ticket, Command { id, name: name.to_owned(), args, stage });
        self.by_id.insert(text, ticket);
        self.queue.push_back(ticket);
        Ok(())
    }

    /// The frames of those that may go now, when at most `limit` are on their way.
    pub(crate) fn send(&mut self, limit: usize, now_ms: u64) -> Vec<Vec<u8>> {
        let (mut frames, mut later) = (Vec::new(), VecDeque::new());
        if self.sent == limit {
            return frames;
        }
        while self.sent < limit
            && let Some(ticket) = self.queue.pop_front()
        {
            let command = self.all.get_mut(&ticket).expect("what waits is known");
            let Command { id, name, args, stage } = command;
            if matches!(stage, Stage::Waits(until) if *until > now_ms) {
                later.push_back(ticket);
                continue;
            }
            (*stage, self.sent) = (Stage::Sent, self.sent + 1);
            frames.push(message::write(&ToServer::Command { id, name, args }));
        }
        later.append(&mut self.queue);
        self.queue = later;
        frames
    }

    /// When the first one that waits may be sent, if there is room for it.
    pub(crate) fn first_wait(&self, limit: usize) -> Option<u64> {
        if self.sent == limit {
            return None;
        }
        let until = |ticket: &Ticket| match self.all[ticket].stage {
            Stage::Waits(until) => until,
            Stage::Sent | Stage::Durable(_) => unreachable!("what is queued waits"),
        };
        self.queue.iter().map(until).min()
    }

    /// A result came; what is to be told of it. A result may come twice, of a command that was sent
    /// again; and one whose outcome is unknown is sent again later.
    pub(crate) fn settle(
        &mut self,
        id: &str,
        settled: Result<Outcome, Error>,
        now_ms: u64,
    ) -> Option<(Ticket, Result<Outcome, Error>)> {
        let ticket = *self.by_id.get(id)?;
        let command = self.all.get_mut(&ticket).expect("its id is known");
        if command.stage != Stage::Sent {
            return None;
        }
        self.sent -= 1;
        match &settled {
            Err(error) if error.code == UNKNOWN => {
                let wait = error.details.retry_ms.unwrap_or(UNKNOWN_WAIT_MS);
                command.stage = Stage::Waits(now_ms + wait);
                self.queue.push_back(ticket);
                return None;
            }
            Err(_) => self.forget(ticket),
            Ok(outcome) => {
                command.stage = Stage::Durable(outcome.position());
                self.durable.insert((outcome.position(), ticket));
            }
        }
        Some((ticket, settled))
    }

    /// Whether any is durable, and not shown.
    pub(crate) fn has_durable(&self) -> bool {
        !self.durable.is_empty()
    }

    /// Takes those whose effects are part of the state at this position.
    pub(crate) fn take_seen(&mut self, reached: Position) -> Vec<(Ticket, Position)> {
        let mut seen = Vec::new();
        while let Some((position, ticket)) = self.durable.pop_first() {
            if position > reached {
                self.durable.insert((position, ticket));
                break;
            }
            self.forget(ticket);
            seen.push((ticket, position));
        }
        seen
    }

    /// The socket is gone: what has no result goes again on the next, in the same order.
    pub(crate) fn lose(&mut self) {
        self.sent = 0;
        self.queue.clear();
        for (ticket, command) in &mut self.all {
            if !matches!(command.stage, Stage::Durable(_)) {
                command.stage = Stage::Waits(0);
                self.queue.push_back(*ticket);
            }
        }
    }

    /// Nothing more is heard of those so far. What is on its way may run all the same.
    pub(crate) fn take_all(&mut self, error: &Error) -> Vec<Dropped> {
        let all = std::mem::take(self).all.into_iter();
        let dropped = all.map(|(ticket, command)| match command.stage {
            Stage::Sent => Dropped { ticket, is_durable: false, error: Error::unknown() },
            Stage::Waits(_) => Dropped { ticket, is_durable: false, error: error.clone() },
            Stage::Durable(_) => Dropped { ticket, is_durable: true, error: error.clone() },
        });
        dropped.collect()
    }

    fn forget(&mut self, ticket: Ticket) {
        let command = self.all.remove(&ticket).expect("it is known");
        self.by_id.remove(&command.id.to_string());
    }
}
