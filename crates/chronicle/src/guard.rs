//! The guard file: the last durable size and root, kept outside the data directory, so that an old
//! copy put in the chronicle's place is noticed.
//!
//! Replaced whole (write aside, sync, rename), at most about once a second of record time and at
//! close, so it lags a little behind the chronicle and never runs ahead. 80 bytes, little-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `DEEDSGRD` |
//! | 8 | 8 | format, 1 |
//! | 16 | 8 | lineage |
//! | 24 | 8 | index of the last durable frame |
//! | 32 | 8 | the position after it |
//! | 40 | 32 | the Merkle root over all records before that position |
//! | 72 | 8 | checksum of all before, under a salt of zeros |

use std::fmt;
use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::checksum::{checksum, holds};
use crate::disk::{Attempt, Disk, DiskError, read_full_at};
use crate::frame::{FORMAT, FrameIndex};
use crate::merkle::Hash;
use crate::reader::{ReadError, Reader};
use crate::record::u64_at;
use crate::recovery::GuardFinding;

const GUARD_BYTES: usize = 80;
const MAGIC: &[u8; 8] = b"DEEDSGRD";

/// Where the guard file lies.
#[derive(Clone)]
pub struct GuardFile {
    /// The disk of its directory.
    pub disk: Arc<dyn Disk>,
    /// Its name there.
    pub path: String,
}

impl fmt::Debug for GuardFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuardFile").field("path", &self.path).finish_non_exhaustive()
    }
}

/// What a guard file says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Guard {
    pub(crate) lineage: Lineage,
    pub(crate) frame: FrameIndex,
    pub(crate) end: Position,
    pub(crate) root: Hash,
}

impl Guard {
    fn encode(&self) -> [u8; GUARD_BYTES] {
        let mut bytes = [0; GUARD_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = FORMAT;
        bytes[16..24].copy_from_slice(&self.lineage.0);
        bytes[24..32].copy_from_slice(&self.frame.0.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.end.0.to_le_bytes());
        bytes[40..72].copy_from_slice(&self.root.0);
        let sum = checksum(&[0; 16], &bytes[..72]);
        bytes[72..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; GUARD_BYTES]) -> Option<Self> {
        let right = &bytes[..8] == MAGIC
            && u64_at(bytes, 8) == u64::from(FORMAT)
            && holds(&[0; 16], &bytes[..72], u64_at(bytes, 72));
        right.then(|| Self {
            lineage: Lineage(bytes[16..24].try_into().expect("8 bytes were sliced")),
            frame: FrameIndex(u64_at(bytes, 24)),
            end: Position(u64_at(bytes, 32)),
            root: Hash(bytes[40..72].try_into().expect("32 bytes were sliced")),
        })
    }
}

impl GuardFile {
    /// What the file says; `None` if there is none, or not a whole one.
    pub(crate) fn read(&self) -> Result<Option<Guard>, DiskError> {
        let file = match self.disk.open_read(&self.path).attempt("open", &self.path) {
            Err(error) if error.is_absent() => return Ok(None),
            file => file?,
        };
        let mut bytes = [0; GUARD_BYTES];
        read_full_at(file.as_ref(), &mut bytes, 0).attempt("read", &self.path)?;
        Ok(Guard::decode(&bytes))
    }

    /// Holds what the file says against the durable records; without a file there is nothing to be
    /// said. For those who read beside the writer; opening to write does its own looking.
    pub fn compare(&self, reader: &Reader) -> Result<GuardFinding, ReadError> {
        let Some(guard) = self.read()? else { return Ok(GuardFinding::Off) };
        if guard.lineage != reader.lineage() {
            return Ok(GuardFinding::OtherLineage(guard.lineage));
        }
        let size = guard.end;
        if size > reader.end()? {
            return Ok(GuardFinding::Behind { size });
        }
        let agrees = match size.0.checked_sub(1) {
            None => true,
            Some(last) => reader.root_after(Position(last))? == Some(guard.root),
        };
        Ok(if agrees { GuardFinding::Agrees } else { GuardFinding::Differs { size } })
    }

    /// Replaces the file.
    pub(crate) fn write(&self, guard: &Guard) -> Result<(), DiskError> {
        let aside = format!("{}.new", self.path);
        match self.disk.remove(&aside).attempt("remove", &aside) {
            Err(error) if !error.is_absent() => return Err(error),
            _ => {}
        }
        let file = self.disk.create_new(&aside).attempt("create", &aside)?;
        file.write_at(&guard.encode(), 0).attempt("write", &aside)?;
        file.sync().attempt("sync", &aside)?;
        self.disk.rename(&aside, &self.path).attempt("rename", &aside)
    }
}
