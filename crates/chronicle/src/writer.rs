//! The one writer of a chronicle: append = hash, write, sync.

use std::io;
use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::disk::Disk;
use crate::frame::FrameIndex;
use crate::guard::GuardFile;
use crate::merkle::Hash;
use crate::reader::Reader;
use crate::record::RecordDraft;
use crate::recovery::{OpenError, Recovered};

/// Who splits a full segment into `log/` and `bodies/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sealing {
    /// [`Writer::append`], before it returns.
    Inline,
    /// The caller: it takes jobs from [`Writer::take_sealing`] and runs them on a thread of its
    /// own, so that no append waits. Jobs not run are done by the next open.
    Handed,
}

/// How a chronicle is written.
pub struct WriterOptions {
    /// A segment is closed by the first frame that makes it this long.
    pub segment_bytes_max: u64,
    /// Where the guard file lies, if there is one.
    pub guard: Option<GuardFile>,
    /// 16 random bytes at each call: salts of bodies and of segments.
    pub salts: Box<dyn FnMut() -> [u8; 16] + Send>,
    /// Who seals.
    pub sealing: Sealing,
    /// This node's number, in every frame's epoch.
    pub node: u64,
}

/// The size of a segment unless told: large enough that files are few, small enough to copy.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;

impl WriterOptions {
    /// The usual options, without a guard file. `salts` gives 16 random bytes at each call.
    pub fn new(salts: impl FnMut() -> [u8; 16] + Send + 'static) -> Self {
        Self {
            segment_bytes_max: SEGMENT_BYTES_DEFAULT,
            guard: None,
            salts: Box::new(salts),
            sealing: Sealing::Inline,
            node: 0,
        }
    }
}

/// What an append made durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Appended {
    /// The position of the first record.
    pub first: Position,
    /// How many records.
    pub count: u32,
    /// The frame that holds them.
    pub frame: FrameIndex,
    /// The Merkle root over all records up to here.
    pub root: Hash,
}

/// An append did not become durable, as far as is known.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The records do not fit one frame; nothing was written and the writer lives on.
    #[error("{bytes} bytes of records do not fit a frame")]
    TooLarge {
        /// The bytes of the records.
        bytes: usize,
    },
    /// The disk failed. The outcome is unknown: reopen and look. Every further call is an error.
    #[error("cannot {what} {path}")]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: String,
        /// The cause.
        source: io::Error,
    },
    /// An earlier call failed.
    #[error("the writer stopped after an earlier failure; reopen the chronicle")]
    Poisoned,
}

/// The splitting of one full segment; keeps the chronicle locked until it is dropped.
pub struct SealJob {
    _disk: Arc<dyn Disk>,
}

impl SealJob {
    /// Splits the segment. After an error the head file is still there and the next open tries anew.
    pub fn run(self) -> Result<(), AppendError> {
        unimplemented!()
    }
}

/// The one writer of a chronicle; holds its lock.
pub struct Writer {
    reader: Reader,
}

impl Writer {
    /// Creates a chronicle whose first frame holds `first`, durable when this returns. Until then a
    /// crash leaves no chronicle at all.
    pub fn create(
        disk: Arc<dyn Disk>,
        options: WriterOptions,
        lineage: Lineage,
        first: &[RecordDraft],
    ) -> Result<Self, OpenError> {
        let _ = (disk, options, lineage, first);
        unimplemented!()
    }

    /// Opens a chronicle for writing and opens a new epoch in it.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: WriterOptions,
    ) -> Result<(Self, Recovered), OpenError> {
        let _ = (disk, options);
        unimplemented!()
    }

    /// Makes records durable as one frame. After an I/O error the writer is poisoned.
    ///
    /// # Panics
    /// When there are no records, a position is not the next one, or a time runs backward.
    pub fn append(&mut self, records: &[RecordDraft]) -> Result<Appended, AppendError> {
        let _ = records;
        unimplemented!()
    }

    /// A full segment to be split, when [`Sealing::Handed`] is chosen; ask after each append.
    pub fn take_sealing(&mut self) -> Option<SealJob> {
        unimplemented!()
    }

    /// The next position.
    pub fn end(&self) -> Position {
        unimplemented!()
    }

    /// The lineage.
    pub fn lineage(&self) -> Lineage {
        unimplemented!()
    }

    /// A reader that sees exactly what [`append`](Self::append) has returned.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Marks the chronicle as cleanly closed and gives the lock back.
    pub fn close(self) -> Result<(), AppendError> {
        unimplemented!()
    }
}
