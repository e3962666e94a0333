//! Events: facts that followed from a command, and how they change the state.

use deeds_values::{ActorId, Position, Timestamp};

use crate::recorded::Recorded;

/// A fact in the past tense. Implemented by `#[event]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    note = "put `#[event]` above the struct"
)]
pub trait Event: Recorded {}

/// How an event changes the state. Runs when the event is emitted and again at every replay, for
/// ever: it may read only the event, the state and `meta`, and it cannot fail.
#[diagnostic::on_unimplemented(
    message = "nothing says how `{Self}` changes `{S}`",
    label = "this event does not evolve `{S}`",
    note = "write `impl Evolve<{S}> for {Self}`"
)]
pub trait Evolve<S>: Event {
    /// Changes the state.
    fn evolve(self, state: &mut S, meta: &Meta<'_>);
}

/// Says that `E` is in the app's list of events. Implemented by `app!`.
#[diagnostic::on_unimplemented(
    message = "`{E}` is not in the list of events of `{Self}`",
    label = "this event is not registered",
    note = "add `{E}` to `events: [...]` in `app!`"
)]
pub trait Registers<E: Event> {
    /// The event's place in [`App::EVENTS`](crate::app::App::EVENTS).
    const EVENT_INDEX: usize;
}

/// The circumstances of an event, the same at every replay.
#[derive(Clone, Copy, Debug)]
pub struct Meta<'a> {
    /// The position of the record that holds it.
    pub position: Position,
    /// When the command was decided.
    pub time: Timestamp,
    /// Who sent the command.
    pub actor: &'a ActorId,
}
