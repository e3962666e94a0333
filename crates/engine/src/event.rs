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

/// Says that the event is in the list of the app `A`. Implemented by `app!`.
///
/// A trait of the event, not of the app: the compiler then names the event that is missing, also
/// where the list has none or one.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not in the list of events of `{A}`",
    label = "this event is not listed",
    note = "add `{Self}` to `events: [...]` in `app!`"
)]
pub trait Listed<A>: Event {
    /// The event's place in [`App::EVENTS`](crate::app::App::EVENTS).
    const INDEX: usize;
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
