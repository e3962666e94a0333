//! The durable mark: how far the writer knows the disk to have synced, for readers in other
//! processes and as evidence after a crash.
//!
//! The file `head/durable` is overwritten in place after each sync of a frame, and never synced
//! itself: what it says was true when it was written, so an old one, or none, only says less. 80
//! bytes, little-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `DEEDSMRK` |
//! | 8 | 1 | format, 1 |
//! | 9 | 1 | 1 if the writer closed the chronicle, else 0 |
//! | 10 | 6 | zero |
//! | 16 | 8 | lineage |
//! | 24 | 8 | segment number |
//! | 32 | 8 | index of the last durable frame |
//! | 40 | 8 | the position after it |
//! | 48 | 8 | the byte in the head file at which what is durable ends |
//! | 56 | 8, 8 | the epoch of the frame: term, node |
//! | 72 | 8 | checksum of all before, under a salt of zeros |

use deeds_values::{Lineage, Position};

use crate::checksum::{checksum, holds};
use crate::disk::{Attempt, Disk, DiskError, DiskFile, read_full_at};
use crate::durable_file;
use crate::frame::{Epoch, FORMAT, FrameIndex};
use crate::record::u64_at;

/// The mark's path.
pub(crate) const MARK_PATH: &str = "head/durable";

const MARK_BYTES: usize = 80;
const MAGIC: &[u8; 8] = b"DEEDSMRK";

/// What is known to be durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) lineage: Lineage,
    pub(crate) segment: u64,
    pub(crate) frame: FrameIndex,
    pub(crate) end: Position,
    pub(crate) offset: u64,
    pub(crate) epoch: Epoch,
    pub(crate) closed: bool,
}

impl Mark {
    fn encode(&self) -> [u8; MARK_BYTES] {
        let mut bytes = [0; MARK_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = FORMAT;
        bytes[9] = u8::from(self.closed);
        bytes[16..24].copy_from_slice(&self.lineage.0);
        let Epoch { term, node } = self.epoch;
        let numbers = [self.segment, self.frame.0, self.end.0, self.offset, term, node];
        for (place, number) in bytes[24..72].chunks_exact_mut(8).zip(numbers) {
            place.copy_from_slice(&number.to_le_bytes());
        }
        let sum = checksum(&[0; 16], &bytes[..72]);
        bytes[72..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; MARK_BYTES]) -> Option<Self> {
        let right = &bytes[..8] == MAGIC
            && bytes[8] == FORMAT
            && bytes[9] <= 1
            && bytes[10..16] == [0; 6]
            && holds(&[0; 16], &bytes[..72], u64_at(bytes, 72));
        right.then(|| Self {
            lineage: Lineage(bytes[16..24].try_into().expect("8 bytes were sliced")),
            segment: u64_at(bytes, 24),
            frame: FrameIndex(u64_at(bytes, 32)),
            end: Position(u64_at(bytes, 40)),
            offset: u64_at(bytes, 48),
            epoch: Epoch { term: u64_at(bytes, 56), node: u64_at(bytes, 64) },
            closed: bytes[9] == 1,
        })
    }

    /// Reads the mark, if there is a whole one.
    pub(crate) fn read(disk: &dyn Disk) -> Result<Option<Self>, DiskError> {
        // A reader may meet the writer in the middle of 80 bytes: it looks again.
        const LOOKS: u32 = 3;
        let file = match disk.open_read(MARK_PATH).attempt("open", MARK_PATH) {
            Err(error) if error.is_absent() => return Ok(None),
            file => file?,
        };
        for _ in 0..LOOKS {
            let mut bytes = [0; MARK_BYTES];
            read_full_at(file.as_ref(), &mut bytes, 0).attempt("read", MARK_PATH)?;
            if let Some(mark) = Self::decode(&bytes) {
                return Ok(Some(mark));
            }
        }
        Ok(None)
    }

    /// Writes the mark over the one before.
    pub(crate) fn write(&self, file: &dyn DiskFile) -> Result<(), DiskError> {
        file.write_at(&self.encode(), 0).attempt("write", MARK_PATH)
    }

    /// Puts the mark in the place of the one before, durably: an archive's only evidence.
    pub(crate) fn replace(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let (directory, name) = MARK_PATH.split_once('/').expect("the mark lies in a directory");
        durable_file::replace(disk, directory, name, &self.encode())
    }

    /// Opens the mark's file for writing, creating it if need be.
    pub(crate) fn open(disk: &dyn Disk) -> Result<Box<dyn DiskFile>, DiskError> {
        match disk.open_write(MARK_PATH).attempt("open", MARK_PATH) {
            Err(error) if error.is_absent() => {
                disk.create_new(MARK_PATH).attempt("create", MARK_PATH)
            }
            file => file,
        }
    }
}
