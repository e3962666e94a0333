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
    /// A full segment could not be split; it is whole as it is. Without room it waits for room, else
    /// for the next start.
    NotSealed {
        /// Why.
        reason: String,
    },
    /// A snapshot could not be taken; the older ones stay, and the next is tried when it is due.
    NoSnapshot {
        /// Why.
        reason: String,
    },
    /// The disk is almost full: commands are refused from here on.
    NoRoom {
        /// What may still be written.
        free_bytes: u64,
        /// What is kept free.
        keep_free_bytes: u64,
    },
    /// There is room again: commands are taken.
    RoomAgain {
        /// What may be written.
        free_bytes: u64,
    },
    /// A write found no room; the reserve was given back, and it was done.
    ReserveGivenBack {
        /// The write.
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
            Self::NoRoom { free_bytes, keep_free_bytes } => write!(
                f,
                "the disk is almost full: {free_bytes} bytes are free, and {keep_free_bytes} are to \
                 stay so; commands are refused until there is room"
            ),
            Self::RoomAgain { free_bytes } => {
                write!(f, "{free_bytes} bytes of the disk are free: commands are taken again")
            }
            Self::ReserveGivenBack { reason } => {
                write!(f, "the disk was full, and the reserve was given back: {reason}")
            }
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
