//! Proves a chronicle again from its bytes: every checksum, chain hash, commitment and root.

use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::disk::Disk;
use crate::frame::FrameIndex;
use crate::merkle::Hash;
use crate::reader::ReadError;

/// How far a verification has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Records proved.
    pub records: u64,
    /// Records there are.
    pub records_total: u64,
}

/// What was proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// The lineage.
    pub lineage: Lineage,
    /// The number of records.
    pub end: Position,
    /// The last frame.
    pub frame: FrameIndex,
    /// The Merkle root over all records.
    pub root: Hash,
    /// The number of segments.
    pub segments: u64,
    /// Bytes read.
    pub bytes: u64,
}

/// The chronicle is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A record could not be read or proved.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A tile file differs from the tree. Tiles are derived: remove the file, the next start writes
    /// it anew.
    #[error("tiles/{level}: hash {index} is not that of the records")]
    Tile {
        /// The level file.
        level: u32,
        /// The index of the hash in it.
        index: u64,
    },
}

/// Proves every durable record of the chronicle; works beside a live writer.
pub fn verify(
    disk: Arc<dyn Disk>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, VerifyError> {
    let _ = (disk, progress);
    unimplemented!()
}
