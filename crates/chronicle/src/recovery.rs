//! What opening a chronicle for writing found, and why it may refuse.

use std::io;

use deeds_values::{Lineage, Position};

use crate::frame::FrameIndex;
use crate::merkle::Hash;

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The chronicle's lineage.
    pub lineage: Lineage,
    /// The number of records: the next position.
    pub end: Position,
    /// The last frame, before the one that opened the new epoch.
    pub frame: FrameIndex,
    /// The Merkle root over all records.
    pub root: Hash,
    /// The torn tail, if the last writer was cut off while it wrote.
    pub torn: Option<Torn>,
    /// Whether the last writer closed the chronicle.
    pub closed: bool,
    /// What the guard file said.
    pub guard: GuardFinding,
    /// Whether the tile files were absent or wrong and have been written anew.
    pub tiles_rebuilt: bool,
}

/// A frame that was being written when the power went: never acknowledged, left where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment's file.
    pub segment: String,
    /// The index the frame would have had.
    pub frame: FrameIndex,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many bytes lie behind the last good frame.
    pub bytes: u64,
    /// The position its first record would have had.
    pub position: Position,
}

/// What the guard file said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardFinding {
    /// None is configured.
    Off,
    /// There was none; it has been created.
    Created,
    /// The chronicle holds what it says.
    Agrees,
    /// It names more than is here: an old copy was put back. Serve, warn, do not sign.
    Behind {
        /// The size the guard file names.
        size: Position,
    },
    /// It names another history of the same size: serve, warn, do not sign.
    Differs {
        /// The size at which the roots differ.
        size: Position,
    },
    /// It belongs to another lineage.
    OtherLineage(Lineage),
}

/// A place where the chronicle is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{segment}, frame {frame} at byte {offset}, position {position}: {what}")]
pub struct Damage {
    /// The file.
    pub segment: String,
    /// The frame, or the one that should stand there.
    pub frame: FrameIndex,
    /// The byte offset in the file.
    pub offset: u64,
    /// The position of the frame's first record.
    pub position: Position,
    /// What is wrong.
    pub what: String,
}

/// The chronicle was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no chronicle in the directory.
    #[error("there is no chronicle here")]
    Absent,
    /// A chronicle is there where a new one should be created.
    #[error("there is a chronicle here already")]
    Exists,
    /// Another writer has it open.
    #[error("another process has this chronicle open for writing")]
    Locked,
    /// Written by a later version.
    #[error("{file} has format {format}, which is not known here")]
    Format {
        /// The file.
        file: String,
        /// Its format.
        format: u8,
    },
    /// Bytes that were durable are not what they were. Restore from a backup or a peer.
    #[error("the chronicle is damaged")]
    Damaged(#[from] Damage),
    /// The disk failed.
    #[error("cannot {what} {path}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
}
