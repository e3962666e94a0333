//! Durable records from any position, beside a live writer of this or another process.

use std::io;
use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::disk::Disk;
use crate::frame::FrameIndex;
use crate::record::Record;
use crate::recovery::Damage;

/// A record could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// There is no chronicle in the directory.
    #[error("there is no chronicle here")]
    Absent,
    /// Written by a later version.
    #[error("{file} has format {format}, which is not known here")]
    Format {
        /// The file.
        file: String,
        /// Its format.
        format: u8,
    },
    /// Bytes that were durable are not what they were.
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

/// What a chronicle is and how large it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Info {
    /// The lineage.
    pub lineage: Lineage,
    /// The number of durable records: the next position.
    pub end: Position,
    /// The last durable frame.
    pub frame: FrameIndex,
    /// The number of segments.
    pub segments: u64,
    /// Bytes of segments being written: frames with headers and bodies.
    pub head_bytes: u64,
    /// Bytes of sealed frame and record headers.
    pub log_bytes: u64,
    /// Bytes of sealed bodies.
    pub bodies_bytes: u64,
    /// Bytes of Merkle tiles.
    pub tiles_bytes: u64,
}

/// Reads durable records; clones share what they have learnt. Never takes the lock.
#[derive(Clone)]
pub struct Reader {
    disk: Arc<dyn Disk>,
}

impl Reader {
    /// Opens the chronicle of a directory for reading.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, ReadError> {
        Ok(Self { disk })
    }

    /// The lineage.
    pub fn lineage(&self) -> Lineage {
        let _ = &self.disk;
        unimplemented!()
    }

    /// The number of durable records: the next position.
    pub fn end(&self) -> Result<Position, ReadError> {
        unimplemented!()
    }

    /// The record at a position; `None` at and behind the end.
    pub fn record(&self, position: Position) -> Result<Option<Record>, ReadError> {
        let _ = position;
        unimplemented!()
    }

    /// Durable records from a position on. At the end the iterator says `None`; asked again later
    /// it goes on with what has been appended meanwhile.
    pub fn stream(&self, from: Position) -> Stream {
        let _ = from;
        unimplemented!()
    }

    /// What the chronicle is and how large.
    pub fn info(&self) -> Result<Info, ReadError> {
        unimplemented!()
    }
}

/// See [`Reader::stream`].
pub struct Stream {
    _reader: Reader,
}

impl Iterator for Stream {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        unimplemented!()
    }
}
