//! Replay: folding recorded commands by the same evolve code that ran when they were decided.
//!
//! Nothing is decided again. It has two halves, which can run side by side:
//! - *reading* turns recorded outcomes into typed events and needs no state: [`Batch::read`];
//! - *folding* evolves them, in order: [`Engine::fold`].
//!
//! What this code cannot read is an error that names the event and the field; the caller adds the
//! position.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use deeds_values::{ActorId, Position, Timestamp};

use crate::app::App;
use crate::engine::{Engine, panic_message};
use crate::event::{Event, Evolve, Meta};
use crate::recorded::{self, DecodeError};
use crate::state;
use crate::table::Broken;

/// What the numbers of events stand for in one chronicle.
#[derive(Clone, Debug, Default)]
pub struct EventNumbers {
    /// By number; the numbers are given one after the other, so there are no large gaps.
    named: Vec<Option<NamedEvent>>,
}

#[derive(Clone, Debug)]
enum NamedEvent {
    /// The place in [`App::EVENTS`].
    Known(usize),
    Unknown(String),
}

impl EventNumbers {
    /// Learns that a number stands for an event of the app. A name that none of its events has, now
    /// or as an alias, matters only if a record uses it.
    pub fn name<A: App>(&mut self, number: u32, name: &str) {
        let named =
            |event: &crate::app::EventType<A>| event.name == name || event.aliases.contains(&name);
        let known = match A::EVENTS.iter().position(named) {
            Some(place) => NamedEvent::Known(place),
            None => NamedEvent::Unknown(name.to_owned()),
        };
        let number = number as usize;
        self.named.resize(self.named.len().max(number + 1), None);
        let before = self.named[number].replace(known);
        assert!(before.is_none(), "a number is given once");
    }

    fn place<A: App>(&self, number: u32) -> Result<usize, ReplayError> {
        let unknown = |what: String, reason: &str| ReplayError {
            what,
            error: DecodeError { field: String::new(), reason: reason.to_owned() },
        };
        match self.named.get(number as usize) {
            Some(Some(NamedEvent::Known(place))) => Ok(*place),
            Some(Some(NamedEvent::Unknown(name))) => Err(unknown(
                format!("event {}/{name}", A::NAME),
                "this code has no such event; was it removed, or renamed without an alias?",
            )),
            _ => Err(unknown(format!("event number {number}"), "no record before names it")),
        }
    }
}

/// What came of a recorded and accepted command.
pub struct Accepted<'a> {
    /// Its position.
    pub position: Position,
    /// Its time.
    pub time: Timestamp,
    /// The number of who sent it.
    pub actor: u32,
    /// The outcome's body.
    pub outcome: &'a [u8],
    /// The personal fields of the events.
    pub personal: Option<&'a [u8]>,
}

/// This code cannot read a recorded outcome, or not evolve it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}: {error}")]
pub struct ReplayError {
    /// The event or part of the record.
    pub what: String,
    /// What is wrong with it.
    pub error: DecodeError,
}

/// Commands that were read and are not yet folded.
pub struct Batch<A: App> {
    commands: Vec<Command>,
    /// For each event its place in [`App::EVENTS`].
    order: Vec<u16>,
    /// The events by their place, each kind by itself: so none needs an allocation of its own.
    events: Vec<Box<dyn Queue<A>>>,
}

struct Command {
    position: Position,
    time: Timestamp,
    actor: u32,
    events: u32,
}

/// Events of one type, in the order they were read. Not for authors.
#[doc(hidden)]
pub trait Queue<A>: Send {
    /// Reads one more.
    fn read(&mut self, plain: &mut &[u8], personal: Option<&[u8]>) -> Result<(), DecodeError>;
    /// Evolves the state by the first, and drops it.
    fn evolve(&mut self, state: &mut A, meta: &Meta<'_>);
    fn clear(&mut self);
}

/// An empty queue of events of type `E`.
pub(crate) fn queue<A, E: Evolve<A>>() -> Box<dyn Queue<A>> {
    Box::new(VecDeque::<E>::new())
}

impl<A, E: Event + Evolve<A>> Queue<A> for VecDeque<E> {
    fn read(&mut self, plain: &mut &[u8], personal: Option<&[u8]>) -> Result<(), DecodeError> {
        self.push_back(E::decode(plain, personal)?);
        Ok(())
    }

    fn evolve(&mut self, state: &mut A, meta: &Meta<'_>) {
        self.pop_front().expect("an event is evolved once").evolve(state, meta);
    }

    fn clear(&mut self) {
        VecDeque::clear(self);
    }
}

impl<A: App> Default for Batch<A> {
    fn default() -> Self {
        assert!(A::EVENTS.len() <= usize::from(u16::MAX), "an app has thousands of events at most");
        let events = A::EVENTS.iter().map(|event| (event.queue)()).collect();
        Self { commands: Vec::new(), order: Vec::new(), events }
    }
}

impl<A: App> Batch<A> {
    /// How many commands it holds.
    pub fn len(&self) -> usize {
        self.commands.len()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.commands.is_empty()
    }

    /// Reads one more command. After an error the batch holds those before.
    pub fn read(
        &mut self,
        numbers: &EventNumbers,
        accepted: &Accepted<'_>,
    ) -> Result<(), ReplayError> {
        let first = self.order.len();
        let mut body = accepted.outcome;
        let outer = |error| ReplayError { what: "the outcome".to_owned(), error };
        let parts = recorded::read_array_head(&mut body).map_err(outer)?;
        if parts != 2 {
            let reason = format!("2 parts were expected, {parts} found");
            return Err(outer(DecodeError { field: String::new(), reason }));
        }
        let count = recorded::read_array_head(&mut body).map_err(outer)?;
        let personal = PersonalParts::read(accepted.personal).map_err(|error| ReplayError {
            what: "the personal part of the outcome".to_owned(),
            error,
        })?;
        for place in 0..count {
            recorded::read_array_head(&mut body).map_err(outer)?;
            let number: u32 = recorded::read(&mut body).map_err(outer)?;
            let event = numbers.place::<A>(number)?;
            let queue = &mut self.events[event];
            let app_code = AssertUnwindSafe(|| queue.read(&mut body, personal.of(place)));
            let read = catch_unwind(app_code).unwrap_or_else(|panic| {
                let reason = format!("reading it panics: {}", panic_message(panic.as_ref()));
                Err(DecodeError { field: String::new(), reason })
            });
            read.map_err(|error| of_event::<A>(event, error))?;
            self.order.push(event as u16);
        }
        // Not before all of it was read: an error leaves events that no command counts.
        let events = (self.order.len() - first) as u32;
        let Accepted { position, time, actor, .. } = *accepted;
        self.commands.push(Command { position, time, actor, events });
        Ok(())
    }

    /// Empties it, to be used again.
    pub fn clear(&mut self) {
        self.commands.clear();
        self.order.clear();
        self.events.iter_mut().for_each(|queue| queue.clear());
    }
}

fn of_event<A: App>(place: usize, error: DecodeError) -> ReplayError {
    ReplayError { what: format!("event {}/{}", A::NAME, A::EVENTS[place].name), error }
}

impl<A: App> Engine<A> {
    /// Folds the commands of a batch, in order, and empties it. Changes are remembered or not as
    /// [`Self::record_changes`] says. An error names the position that could not be folded.
    ///
    /// The clock and the window of duplicates are the caller's to bring along.
    pub fn fold<'a>(
        &mut self,
        batch: &mut Batch<A>,
        actor: impl Fn(u32) -> &'a ActorId,
    ) -> Result<(), (Position, ReplayError)> {
        let Batch { commands, order, events } = batch;
        let mut order = order.iter();
        for command in commands.iter() {
            let Command { position, time, actor: number, events: count } = *command;
            if self.records_changes {
                state::begin(&mut self.state, position);
            }
            let meta = Meta { position, time, actor: actor(number) };
            for &place in order.by_ref().take(count as usize) {
                let place = usize::from(place);
                let (state, queue) = (&mut self.state, &mut events[place]);
                let app_code = AssertUnwindSafe(|| queue.evolve(state, &meta));
                catch_unwind(app_code).map_err(|panic| {
                    if panic.is::<Broken>() {
                        resume_unwind(panic);
                    }
                    let reason = format!("evolve panics: {}", panic_message(panic.as_ref()));
                    let error = DecodeError { field: String::new(), reason };
                    (position, of_event::<A>(place, error))
                })?;
            }
        }
        batch.clear();
        Ok(())
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
