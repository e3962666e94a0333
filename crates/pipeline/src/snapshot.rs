//! Snapshots: an atom on disk, so that a restart replays only what came after it.
//!
//! A snapshot can always be made again from the records, so nothing about it is ever repaired:
//! what is not exactly right is discarded, and replay does its work. In reading order:
//! - `chunk`: sorted entries cut into pieces by key range, and the bytes of a piece;
//! - `manifest`: what a snapshot is of, and the pieces it consists of;
//! - `store`: the directory `snapshots/`, written so that a crash at any step leaves the older
//!   snapshot usable;
//! - `taking`: from an atom and the snapshotter's own books to chunks and a manifest;
//! - `loading`: the newest one that agrees with the chronicle and the code, into an engine;
//! - [`copies`]: along with a backup, and back with what is restored;
//! - `thread`: when one is taken, beside a running node.
//!
//! A snapshot holds what personal fields became in rows, and the secret of the chronicle: it is as
//! confidential as the bodies are.

mod chunk;
pub mod copies;
mod loading;
mod manifest;
mod store;
mod taking;
pub(crate) mod thread;

use std::time::Duration;

use deeds_values::{Position, Timestamp};

pub use crate::snapshot::chunk::CHUNK_BYTES_MAX;
pub(crate) use crate::snapshot::loading::{Loaded, load_newest};
pub(crate) use crate::snapshot::manifest::Manifest;
pub(crate) use crate::snapshot::store::Store;
pub use crate::snapshot::store::{DIRECTORY, SNAPSHOTS_KEPT, list};
pub use crate::snapshot::taking::{SnapshotError, Snapshotter};
pub use crate::snapshot::thread::SnapshotFigures;

/// When snapshots are taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SnapshotPolicy {
    /// After how many records; none: never.
    pub every_records: Option<u64>,
    /// At least this long after the one before ended, however many records there were.
    pub interval_min: Duration,
}

impl SnapshotPolicy {
    /// No snapshots are taken; one that is there is still used.
    pub const OFF: Self = Self { every_records: None, interval_min: Duration::ZERO };

    /// How many records since the last snapshot make one worth taking before stopping: replaying a
    /// tenth of what is usual takes less time than noticing it.
    pub(crate) fn records_at_stop(&self) -> Option<u64> {
        self.every_records.map(|every| (every / 10).max(1))
    }
}

/// After how many records a snapshot is taken unless told otherwise: they replay in a fraction of a
/// second.
pub const SNAPSHOT_EVERY: u64 = 100_000;

impl Default for SnapshotPolicy {
    /// Half a minute between two keeps a rush from being spent on snapshots.
    fn default() -> Self {
        Self { every_records: Some(SNAPSHOT_EVERY), interval_min: Duration::from_secs(30) }
    }
}

/// A snapshot that was taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Taken {
    /// The last record in it.
    pub position: Position,
    /// Rows in all tables.
    pub rows: u64,
    /// Bytes of all its chunks.
    pub bytes: u64,
    /// Chunks that were written.
    pub chunks_written: u64,
    /// Bytes of those.
    pub bytes_written: u64,
    /// Chunks that had not changed and stayed.
    pub chunks_kept: u64,
}

/// A snapshot on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SnapshotInfo {
    /// The last record in it.
    pub position: Position,
    /// When that record was made.
    pub time: Timestamp,
    /// The code that made it.
    pub code: String,
    /// Rows in all tables.
    pub rows: u64,
    /// Bytes of all its chunks.
    pub bytes: u64,
}

/// A snapshot that was not used, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discarded {
    /// The position it is named by.
    pub position: Position,
    /// Why.
    pub why: Unfit,
}

/// Why a snapshot is not used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// Its code is not this code, so its rows may not be what this code would make of the records.
    #[error("it was made by other code ({found})")]
    OtherCode {
        /// The code that made it.
        found: String,
    },
    /// It was made with another duplicate window.
    #[error("it was made with a window of {found} commands")]
    OtherWindow {
        /// The size of that window.
        found: u64,
    },
    /// Its format is not known here.
    #[error("it has format {format}, which is not known here")]
    Format {
        /// Its format.
        format: u64,
    },
    /// It belongs to another chronicle or app.
    #[error("it belongs to {found}")]
    OtherChronicle {
        /// Which.
        found: String,
    },
    /// It knows of records that are not there.
    #[error("the chronicle ends before it, at {end}")]
    Ahead {
        /// The chronicle's end.
        end: Position,
    },
    /// The chronicle has no frame that ends there with this root.
    #[error("the chronicle holds another history at its position")]
    OtherHistory,
    /// A file of it is missing, unreadable, or not what was written.
    #[error("{file}: {what}")]
    Damaged {
        /// The file.
        file: String,
        /// What is wrong.
        what: String,
    },
}

impl Unfit {
    /// Whether it could be right for somebody: other code that is put back may use it again.
    fn is_for_others(&self) -> bool {
        matches!(self, Self::OtherCode { .. } | Self::OtherWindow { .. })
    }
}

/// What opening made of the snapshots that were there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SnapshotFinding {
    /// The snapshot that was loaded, if one was.
    pub loaded: Option<SnapshotInfo>,
    /// Those that were not used, newest first.
    pub discarded: Vec<Discarded>,
}
