//! What can go wrong, in the ten kinds of the protocol, and what the domain refuses.

use deeds_values::Position;
use serde::Deserialize;
use serde_json::Value;

/// What to do about an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The domain says no.
    Refused,
    /// Not for this actor.
    Denied,
    /// No token, or none that counts.
    Signin,
    /// Mend what was sent.
    Invalid,
    /// The id stands for another command.
    Conflict,
    /// Not now; send it again.
    Busy,
    /// Beyond a limit.
    TooLarge,
    /// The id is too old to tell.
    Gone,
    /// Another protocol, or another lineage.
    Version,
    /// The app or the server failed.
    Bug,
}

/// A command, a query or a connection failed.
#[derive(Clone, Debug, PartialEq, Deserialize, thiserror::Error)]
#[error("{message} ({code})")]
pub struct Error {
    /// What to do about it.
    pub kind: Kind,
    /// What it is, in a word.
    pub code: String,
    /// What it is, in a sentence.
    pub message: String,
    /// What is said besides.
    #[serde(flatten)]
    pub details: Box<Details>,
}

/// What an error says besides, where it applies.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
pub struct Details {
    /// The field that is wrong.
    pub field: Option<String>,
    /// The name that was perhaps meant.
    pub suggestion: Option<String>,
    /// What operators find it by.
    pub reference: Option<String>,
    /// The record that it is about.
    pub position: Option<Position>,
    /// How long to wait before the next attempt.
    pub retry_ms: Option<u64>,
}

impl Error {
    /// An error of the client's own.
    pub fn new(kind: Kind, code: &str, message: impl Into<String>) -> Self {
        Self { kind, code: code.to_owned(), message: message.into(), details: Box::default() }
    }

    pub(crate) fn closed() -> Self {
        Self::new(Kind::Gone, "closed", "The client was closed.")
    }

    /// The connection ended before the result of a command that was sent.
    pub(crate) fn unknown() -> Self {
        let message = "The connection has ended before the result came: the command may have run. \
                       Send it again with the same id.";
        Self::new(Kind::Busy, UNKNOWN, message)
    }

    pub(crate) fn other_lineage() -> Self {
        let message = "The server now follows another chronicle, perhaps a backup. What was on its \
                       way, or not yet shown, belongs to the one before.";
        Self::new(Kind::Version, "other-lineage", message)
    }

    pub(crate) fn unreadable(what: &str, cause: &impl std::fmt::Display) -> Self {
        Self::new(Kind::Invalid, "malformed", format!("{what}: {cause}."))
    }
}

/// The one code after which a command may have been run.
pub(crate) const UNKNOWN: &str = "unknown";

/// The domain's no to a command.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Refusal {
    /// Which refusal it is.
    pub code: String,
    /// Why, for people.
    pub message: String,
    /// What the refusal says besides.
    #[serde(default)]
    pub data: Value,
}
