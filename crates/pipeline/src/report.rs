//! What a running app tells its operators, for their log: things that go on working, for now.

use std::fmt;

/// Something an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Report {
    /// The app's code failed while it decided a command; the actor was given the reference.
    Bug {
        /// What the actor can name.
        reference: String,
        /// What happened.
        message: String,
    },
    /// A full segment could not be split; the next start tries again.
    NotSealed {
        /// Why.
        reason: String,
    },
    /// A snapshot could not be taken; the older ones stay, and the next is tried when it is due.
    NoSnapshot {
        /// Why.
        reason: String,
    },
    /// The guard file could not be written; it lags until it can.
    NotGuarded {
        /// Why.
        reason: String,
    },
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bug { reference, message } => write!(f, "{reference}: {message}"),
            Self::NotSealed { reason } => write!(f, "a full segment was not sealed: {reason}"),
            Self::NoSnapshot { reason } => write!(f, "no snapshot was taken: {reason}"),
            Self::NotGuarded { reason } => write!(f, "the guard file was not written: {reason}"),
        }
    }
}

/// Told of each report, on whichever thread it arises: it must not block.
pub type ReportTo = std::sync::Arc<dyn Fn(Report) + Send + Sync>;

/// An error with its causes, in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
