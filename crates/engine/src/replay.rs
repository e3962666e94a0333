//! Replay: folding recorded commands by the same evolve code that ran when they were decided.
//!
//! Nothing is decided again. What this code cannot read is an error that names the event and the
//! field; the caller adds the position.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use deeds_values::{ActorId, CommandId, Position, Timestamp};

use crate::app::App;
use crate::engine::{Engine, NumberedEvent, fingerprint, panic_message};
use crate::event::Meta;
use crate::recorded::{self, DecodeError};
use crate::state;
use crate::table::Broken;

/// A recorded command, as read back.
pub struct Replayed<'a> {
    /// Its position.
    pub position: Position,
    /// Its time.
    pub time: Timestamp,
    /// Who sent it.
    pub actor: &'a ActorId,
    /// The number of the actor.
    pub actor_number: u32,
    /// Its identity; none for commands of the system itself.
    pub id: Option<&'a CommandId>,
    /// The place of the command in [`App::COMMANDS`].
    pub command: usize,
    /// The plain arguments.
    pub arguments: &'a [u8],
    /// The personal arguments.
    pub personal_arguments: &'a [u8],
    /// The outcome's body if it was accepted.
    pub accepted: Option<&'a [u8]>,
    /// The personal fields of the events.
    pub personal: Option<&'a [u8]>,
}

/// This code cannot read a recorded outcome.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {error}")]
pub struct ReplayError {
    /// The event or part of the record.
    pub what: String,
    /// What is wrong with it.
    pub error: DecodeError,
}

impl<A: App> Engine<A> {
    /// Folds a recorded command. Changes are remembered or not as [`Self::record_changes`] says.
    pub fn replay(&mut self, record: &Replayed<'_>) -> Result<(), ReplayError> {
        self.clock.replayed(record.time);
        let id = record.id;
        #[cfg(feature = "plant")]
        let id = id.filter(|_| !crate::plant::duplicates_are_forgotten());
        if let Some(id) = id {
            let print = fingerprint(record.command, record.arguments, record.personal_arguments);
            self.duplicates.remember(record.actor_number, id, print, record.position, record.time);
        }
        let Some(mut body) = record.accepted else { return Ok(()) };
        state::begin(&mut self.state, record.position);
        let meta = Meta { position: record.position, time: record.time, actor: record.actor };
        let outer = |error| ReplayError { what: "the outcome".to_owned(), error };
        let parts = recorded::read_array_head(&mut body).map_err(outer)?;
        if parts != 2 {
            let reason = format!("2 parts were expected, {parts} found");
            return Err(outer(DecodeError { field: String::new(), reason }));
        }
        let events = recorded::read_array_head(&mut body).map_err(outer)?;
        let personal = PersonalParts::read(record.personal).map_err(|error| ReplayError {
            what: "the personal part of the outcome".to_owned(),
            error,
        })?;
        for place in 0..events {
            recorded::read_array_head(&mut body).map_err(outer)?;
            let number: u32 = recorded::read(&mut body).map_err(outer)?;
            self.replay_event(number, &mut body, personal.of(place), &meta)?;
        }
        Ok(())
    }

    fn replay_event(
        &mut self,
        number: u32,
        body: &mut &[u8],
        personal: Option<&[u8]>,
        meta: &Meta<'_>,
    ) -> Result<(), ReplayError> {
        let unknown = |what: String, reason: &str| {
            Err(ReplayError {
                what,
                error: DecodeError { field: String::new(), reason: reason.to_owned() },
            })
        };
        match self.events.get(&number) {
            Some(NumberedEvent::Known(index)) => {
                let event = &A::EVENTS[*index];
                let state = &mut self.state;
                let app_code = AssertUnwindSafe(|| (event.replay)(state, body, personal, meta));
                let replayed = catch_unwind(app_code).unwrap_or_else(|panic| {
                    if panic.is::<Broken>() {
                        resume_unwind(panic);
                    }
                    let reason = format!("evolve panics: {}", panic_message(panic.as_ref()));
                    Err(DecodeError { field: String::new(), reason })
                });
                replayed.map_err(|error| ReplayError {
                    what: format!("event {}/{}", A::NAME, event.name),
                    error,
                })
            }
            Some(NumberedEvent::Unknown(name)) => unknown(
                format!("event {}/{name}", A::NAME),
                "this code has no such event; was it removed, or renamed without an alias?",
            ),
            None => unknown(format!("event number {number}"), "no record before names it"),
        }
    }
}

/// The answer within the body of an accepted outcome.
pub fn answer_of(mut body: &[u8]) -> Result<&[u8], DecodeError> {
    recorded::read_array_head(&mut body)?;
    recorded::read::<serde::de::IgnoredAny>(&mut body)?;
    Ok(body)
}

/// The personal parts of a record's events, by the place of the event.
struct PersonalParts<'a>(Vec<(usize, &'a [u8])>);

impl<'a> PersonalParts<'a> {
    fn read(body: Option<&'a [u8]>) -> Result<Self, DecodeError> {
        let Some(mut body) = body else { return Ok(Self(Vec::new())) };
        let count = recorded::read_array_head(&mut body)?;
        let mut parts = Vec::new();
        for _ in 0..count {
            recorded::read_array_head(&mut body)?;
            let place = recorded::read(&mut body)?;
            let start = body;
            recorded::read::<serde::de::IgnoredAny>(&mut body)?;
            parts.push((place, &start[..start.len() - body.len()]));
        }
        Ok(Self(parts))
    }

    fn of(&self, place: usize) -> Option<&'a [u8]> {
        self.0.iter().find(|(at, _)| *at == place).map(|(_, part)| *part)
    }
}
