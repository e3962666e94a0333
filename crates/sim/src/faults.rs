//! What goes wrong on the model disk, and when.
//!
//! An *operation*, as faults count them, is whatever changes the disk and can be cut off by a crash:
//! reads are none. Operations are numbered from 0.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// What changes a disk: each kind is a boundary at which the power can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Operation {
    /// A directory is made.
    CreateDir,
    /// An empty file is made.
    Create,
    /// Bytes are written.
    Write,
    /// A file's bytes are made durable.
    Sync,
    /// A file gets another name.
    Rename,
    /// A file is removed.
    Remove,
    /// A directory's entries are made durable.
    SyncDir,
}

impl Operation {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::CreateDir,
        Self::Create,
        Self::Write,
        Self::Sync,
        Self::Rename,
        Self::Remove,
        Self::SyncDir,
    ];
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::CreateDir => "create directory",
            Self::Create => "create",
            Self::Write => "write",
            Self::Sync => "sync",
            Self::Rename => "rename",
            Self::Remove => "remove",
            Self::SyncDir => "sync directory",
        })
    }
}

/// What goes wrong, and when.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The power goes before this operation: it and all later calls fail.
    pub crash_at: Option<u64>,
    /// The power goes before an operation of this kind, after so many others of it.
    pub crash_on: Option<(Operation, u64)>,
    /// These operations fail. A failed write leaves half of its bytes; a failed sync leaves what it
    /// should have synced looking clean: a later sync does not write it, as Linux does.
    pub fail: BTreeSet<u64>,
    /// From this operation on every sync fails, as on a disk that is about to die.
    pub syncs_fail_from: Option<u64>,
    /// How many bytes of files there is room for.
    pub space_bytes: Option<u64>,
    /// Reads return at most this many bytes.
    pub read_bytes_max: Option<usize>,
    /// Syncs of files say that they did what they did not do: to show that the tests would notice.
    pub syncs_lie: bool,
    /// Syncs of directories do.
    pub dir_syncs_lie: bool,
}

impl Faults {
    /// Whether the power goes before this operation; counts down to it.
    pub(crate) fn power_goes(&mut self, operation: Operation, number: u64) -> bool {
        if self.crash_at == Some(number) {
            return true;
        }
        match &mut self.crash_on {
            Some((kind, 0)) if *kind == operation => true,
            Some((kind, others)) if *kind == operation => {
                *others -= 1;
                false
            }
            _ => false,
        }
    }

    /// Whether this operation fails.
    pub(crate) fn fails(&self, operation: Operation, number: u64) -> bool {
        let is_sync = matches!(operation, Operation::Sync | Operation::SyncDir);
        let dying = is_sync && self.syncs_fail_from.is_some_and(|from| number >= from);
        dying || self.fail.contains(&number)
    }
}
