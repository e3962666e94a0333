//! What goes into a [`Connection`](crate::connection::Connection) and what comes out of it.

use deeds_values::Position;

use crate::asks::{Answer, AskId};
use crate::commands::{Outcome, Ticket};
use crate::error::Error;

/// When something happens, and a number that nobody can foresee.
#[derive(Clone, Copy, Debug)]
pub struct Moment {
    /// Milliseconds since any start; they never go back.
    pub ms: u64,
    /// A random number.
    pub random: u64,
}

/// What happens on the side of the link.
#[derive(Clone, Copy, Debug)]
pub enum Input<'a> {
    /// A socket is open, and this token is for it.
    Opened {
        /// The token.
        token: &'a str,
    },
    /// The server sent this.
    Frame(&'a [u8]),
    /// The socket is gone, or could not be opened.
    Lost,
    /// It is [`Connection::alarm`](crate::connection::Connection::alarm).
    Alarm,
    /// Do not wait: the network is back, somebody looks.
    Hurry,
    /// Nobody needs it any more.
    Close,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// Open a socket, and say so. Whatever socket there was does not count any more.
    Open,
    /// Send this frame.
    Send(Vec<u8>),
    /// Give the socket up.
    Drop,
    /// Tell whoever waits for it.
    Tell(Event),
}

/// What came of what was asked for.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A question has its answer.
    Answered(AskId, Result<Answer, Error>),
    /// The record of a command is durable, or there is none.
    Durable(Ticket, Result<Outcome, Error>),
    /// What a command did is part of what this client shows, or never will be.
    Visible(Ticket, Result<Position, Error>),
    /// Subscriptions show something else, or the client stands elsewhere.
    Moved,
}
