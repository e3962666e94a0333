//! What the clients know: what they sent, what they were told, what they have seen.
//!
//! 1. What was told is recorded once, where it was said to be, and stays what it was, also if it is a
//!    refusal.
//! 2. What was sent and not told may be recorded, once.
//! 3. What was told not to have run is not recorded, unless another sending of it was.
//! 4. What a client has seen, and what anybody was told, every later look shows.

use std::collections::BTreeMap;

use deeds_chronicle::TreeHead;
use deeds_pipeline::reply::Reply;
use deeds_values::{ActorId, CommandId, Lineage, Position, Timestamp};

use crate::plan::Wish;

/// Something that must hold does not.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Broken(pub String);

/// A broken promise, in words.
pub(crate) fn broken<T>(what: impl Into<String>) -> Result<T, Broken> {
    Err(Broken(what.into()))
}

/// What was sent under an id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    pub(crate) wish: Wish,
    pub(crate) arguments: Vec<u8>,
    pub(crate) personal: Vec<u8>,
}

/// A command of one client: what it sent under one id.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) client: usize,
    pub(crate) id: CommandId,
    /// More than one if the client erred.
    pub(crate) contents: Vec<Content>,
    /// What became of it, and of which content.
    told: Option<(Reply, usize)>,
    /// Whether it can be recorded, as far as the client knows.
    pub(crate) uncertain: bool,
}

/// One sending of a command: its number, and which content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Sending {
    pub(crate) command: usize,
    pub(crate) content: usize,
    /// When, by the monotonic clock.
    pub(crate) at_us: u64,
}

/// What the clients know.
#[derive(Clone, Default)]
pub(crate) struct Oracle {
    pub(crate) sent: Vec<Sent>,
    by_id: BTreeMap<(usize, String), usize>,
    /// Sendings without a reply.
    waiting: Vec<Sending>,
    /// The last record that anybody was told of or has seen.
    pub(crate) seen: Option<Position>,
    pub(crate) lineage: Option<Lineage>,
    /// Every size and root that was handed out.
    pub(crate) heads: Vec<TreeHead>,
    /// Whether an id may have become too old: the window has overflowed, or a day has passed.
    pub(crate) may_forget: bool,
    /// Whether a clock was ever set.
    pub(crate) clock_was_set: bool,
    /// Since when the disk has had the room that is to be kept free, by the monotonic clock.
    pub(crate) room_since_us: Option<u64>,
}

/// A disk that has had room for so long refuses nobody.
const ROOM_NOTICED_US: u64 = 10_000;

impl Oracle {
    /// A client sends something.
    pub(crate) fn send(
        &mut self,
        client: usize,
        id: CommandId,
        content: Content,
        at_us: u64,
    ) -> Sending {
        let key = (client, id.to_string());
        let command = *self.by_id.entry(key).or_insert_with(|| {
            let contents = Vec::new();
            self.sent.push(Sent { client, id, contents, told: None, uncertain: false });
            self.sent.len() - 1
        });
        let contents = &mut self.sent[command].contents;
        let known = contents.iter().position(|known| *known == content);
        let content = known.unwrap_or_else(|| {
            contents.push(content);
            contents.len() - 1
        });
        let sending = Sending { command, content, at_us };
        self.waiting.push(sending);
        sending
    }

    /// It was not even taken in.
    pub(crate) fn busy(&mut self, sending: Sending) {
        self.answered(sending);
    }

    /// Its reply got lost.
    pub(crate) fn unheard(&mut self, sending: Sending) {
        self.answered(sending);
        self.sent[sending.command].uncertain = true;
    }

    /// The process is gone: whoever waits will never know.
    pub(crate) fn abandon(&mut self) -> usize {
        let lost = self.waiting.len();
        for Sending { command, .. } in self.waiting.drain(..) {
            self.sent[command].uncertain = true;
        }
        lost
    }

    fn answered(&mut self, sending: Sending) {
        let place = self.waiting.iter().position(|waiting| *waiting == sending);
        self.waiting.remove(place.expect("a sending is answered once"));
    }

    /// A reply arrives. `recall` reads what is recorded at a position.
    pub(crate) fn told(
        &mut self,
        sending: Sending,
        reply: Reply,
        recall: &mut dyn FnMut(Position) -> Result<Reply, Broken>,
    ) -> Result<&'static str, Broken> {
        self.answered(sending);
        let number = sending.command;
        let sent = &mut self.sent[number];
        let before = sent.told.clone();
        match reply {
            Reply::Accepted { position, .. }
            | Reply::Refused { position, .. }
            | Reply::Bug { position, .. } => {
                if let Some((before, _)) = before {
                    return broken(format!("command {number} ran twice: {before:?}, {reply:?}"));
                }
                let kind = kind(&reply);
                sent.told = Some((reply, sending.content));
                self.saw(position);
                Ok(kind)
            }
            Reply::Recorded(position) => {
                let recorded = recall(position)?;
                match before {
                    Some((before, _)) if before != recorded => {
                        return broken(format!("command {number}: {before:?} became {recorded:?}"));
                    }
                    Some((_, content)) if content != sending.content => {
                        return broken(format!("command {number}: other content was no conflict"));
                    }
                    Some(_) => {}
                    None if !sent.uncertain => {
                        return broken(format!("command {number} is a duplicate of nothing"));
                    }
                    None => sent.told = Some((recorded, sending.content)),
                }
                self.saw(position);
                Ok("duplicate")
            }
            Reply::Conflict(position) => {
                let other = match &before {
                    Some((told, content)) => {
                        position_of(told) == Some(position) && *content != sending.content
                    }
                    None => sent.uncertain && sent.contents.len() > 1,
                };
                if !other {
                    return broken(format!("command {number} conflicts with nothing"));
                }
                self.saw(position);
                Ok("conflict")
            }
            Reply::Gone => self.gone(number),
            Reply::Clock(_) => self.clock(number),
            Reply::Denied(_) => Ok("denied"),
            Reply::NoRoom => {
                let noticed = self.room_since_us.map(|since| since + ROOM_NOTICED_US);
                if noticed.is_some_and(|noticed| noticed <= sending.at_us) {
                    return broken(format!("command {number} found no room where there is some"));
                }
                Ok("no room")
            }
            Reply::Unknown => {
                sent.uncertain = true;
                Ok("unknown")
            }
            Reply::Stopping => broken("only a node says that it is stopping"),
        }
    }

    /// Only what could have been forgotten is gone.
    fn gone(&self, number: usize) -> Result<&'static str, Broken> {
        let sent = &self.sent[number];
        let fair = match &sent.id {
            CommandId::Unique(_) => self.may_forget,
            CommandId::Numbered { source, number } => self.sent.iter().any(|other| {
                let CommandId::Numbered { source: same, number: later } = &other.id else {
                    return false;
                };
                let known = other.told.is_some() || other.uncertain;
                other.client == sent.client && same == source && later > number && known
            }),
        };
        if fair { Ok("gone") } else { broken(format!("command {number} is gone too soon")) }
    }

    fn clock(&self, number: usize) -> Result<&'static str, Broken> {
        if self.clock_was_set {
            return Ok("clock");
        }
        broken(format!("command {number} is stopped by a clock that nobody set"))
    }

    /// Somebody knows of a record.
    pub(crate) fn saw(&mut self, position: Position) {
        self.seen = self.seen.max(Some(position));
    }

    /// Records behind this one are no more: they are as if nobody had sent anything.
    pub(crate) fn forget_behind(&mut self, last: Position) {
        for sent in &mut self.sent {
            let told = sent.told.as_ref().and_then(|(told, _)| position_of(told));
            if told.is_some_and(|position| position > last) {
                (sent.told, sent.uncertain) = (None, false);
            }
        }
        self.heads.retain(|head| head.size <= last.next());
        self.seen = self.seen.min(Some(last));
    }

    /// A look at the published state.
    pub(crate) fn looked(&mut self, lineage: Lineage, at: Position) -> Result<(), Broken> {
        if *self.lineage.get_or_insert(lineage) != lineage {
            return broken(format!("the lineage became {lineage}"));
        }
        match self.seen {
            Some(seen) if at < seen => {
                broken(format!("a read shows position {at}, and {seen} had been seen"))
            }
            _ => {
                self.saw(at);
                Ok(())
            }
        }
    }

    /// Which content of a command a record holds, and what was told of it.
    pub(crate) fn recorded(
        &self,
        client: usize,
        id: &CommandId,
        (arguments, personal): (&[u8], &[u8]),
        reply: &Reply,
    ) -> Result<(usize, &Wish), Broken> {
        let Some(number) = self.by_id.get(&(client, id.to_string())) else {
            return broken(format!("{id} of client {client} is recorded, and nobody sent it"));
        };
        let sent = &self.sent[*number];
        let same = |one: &Content| one.arguments == arguments && one.personal == personal;
        let Some(content) = sent.contents.iter().position(same) else {
            return broken(format!("command {number} is recorded with what nobody sent"));
        };
        match &sent.told {
            Some((told, of)) if told != reply || *of != content => {
                broken(format!("command {number} was told {told:?} and is recorded as {reply:?}"))
            }
            None if !sent.uncertain && !self.is_waiting(*number) => {
                broken(format!("command {number} did not run, it was said, and is recorded"))
            }
            _ => Ok((*number, &sent.contents[content].wish)),
        }
    }

    fn is_waiting(&self, number: usize) -> bool {
        self.waiting.iter().any(|waiting| waiting.command == number)
    }

    /// The commands that must be recorded.
    pub(crate) fn must_be_recorded(&self) -> impl Iterator<Item = (usize, Position)> + '_ {
        self.sent.iter().enumerate().filter_map(|(number, sent)| {
            let (reply, _) = sent.told.as_ref()?;
            Some((number, position_of(reply)?))
        })
    }
}

/// The name that stands for a client.
pub(crate) fn actor(client: usize) -> ActorId {
    ActorId::new(format!("client-{client}")).expect("a valid name")
}

/// A clock's reading as milliseconds, as ids hold it.
pub(crate) fn milliseconds(at: Timestamp) -> u64 {
    u64::try_from(at.0 / 1_000).expect("after 1970")
}

fn kind(reply: &Reply) -> &'static str {
    match reply {
        Reply::Accepted { .. } => "accepted",
        Reply::Refused { .. } => "refused",
        _ => "bug",
    }
}

/// The position of a recorded command's reply.
pub(crate) fn position_of(reply: &Reply) -> Option<Position> {
    match reply {
        Reply::Accepted { position, .. }
        | Reply::Refused { position, .. }
        | Reply::Bug { position, .. } => Some(*position),
        _ => None,
    }
}
