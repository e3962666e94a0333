//! Proves a chronicle again from its bytes: every checksum, chain hash, commitment and root, that
//! positions are dense and times in order, that each segment continues the one before, and that the
//! tiles are the tree's.

use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::checkpoint::TreeHead;
use crate::disk::{Disk, DiskError};
use crate::frame::FrameIndex;
use crate::merkle::{Frontier, Hash};
use crate::proof::{Proof, check_commitments};
use crate::reader::{Durable, ReadError, Reader};
use crate::scan::{Depth, FrameBuffer, SegmentScan};
use crate::segment::SegmentHeader;
use crate::tiles::{self, TILE_HEIGHT};
use crate::window::{READ_AHEAD_BYTES, Window};

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
    /// Bytes of frames read.
    pub bytes: u64,
}

/// The chronicle is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// A record could not be read or proved.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A tile file differs from the tree. Tiles are derived: remove the file, and the next start
    /// writes it anew.
    #[error(
        "tiles/{level}: hash {index} is not that of the records; remove the file to have it written anew"
    )]
    Tile {
        /// The level file.
        level: u32,
        /// The index of the hash in it.
        index: u64,
    },
}

/// What an earlier tree head says about the chronicle that was proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// The records are those that it was made of, and perhaps more.
    Continues,
    /// The chronicle has records of this size, and they are others: history was rewritten.
    Diverged {
        /// The root of the chronicle at that size.
        found: Hash,
    },
    /// The chronicle has fewer records.
    Incomplete,
}

/// Proves every durable record of the chronicle; works beside a live writer.
pub fn verify(
    disk: Arc<dyn Disk>,
    progress: &mut dyn FnMut(Progress),
) -> Result<Verified, VerifyError> {
    prove(disk, Position(0), progress).map(|(verified, _)| verified)
}

/// Proves every durable record as [`verify`] does, and on the way makes the tree of the size that
/// `earlier` has, from the record headers alone. What proves itself may still be a rewritten
/// history: only what somebody kept from before can tell.
pub fn verify_against(
    disk: Arc<dyn Disk>,
    earlier: TreeHead,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Verified, Comparison), VerifyError> {
    let (verified, then) = prove(disk, earlier.size, progress)?;
    let comparison = match then.root() {
        _ if then.size() < earlier.size.0 => Comparison::Incomplete,
        root if root == earlier.root => Comparison::Continues,
        found => Comparison::Diverged { found },
    };
    Ok((verified, comparison))
}

/// Proves everything; gives the tree of the first `then` records, or of all if they are fewer.
fn prove(
    disk: Arc<dyn Disk>,
    then: Position,
    progress: &mut dyn FnMut(Progress),
) -> Result<(Verified, Frontier), VerifyError> {
    let reader = Reader::open(disk)?;
    let durable = reader.durable()?;
    let segments = reader.segments_up_to(durable.segment)?;
    let first = segments.first().expect("a listing has at least one segment");
    let last = reader.segment(durable.segment)?;
    // What the last segment adds to the tiles is only certain to be there after a clean close.
    let tiled = if durable.closed { durable.at.position } else { last.first_position() };
    let mut state = Verification {
        reader: &reader,
        durable,
        proof: Proof::before(first),
        tiles: TileCheck::open(reader.disk().as_ref(), tiled.0)?,
        then: (then, Frontier::default()),
        frame: FrameBuffer::new(),
        bytes: 0,
        progress,
    };
    let mut next_index = FrameIndex(1);
    for (number, header) in segments.iter().enumerate().take(durable.segment as usize + 1) {
        let until = match segments.get(number + 1) {
            Some(next) if (number as u64) < durable.segment => next.first_index,
            _ => durable.at.index,
        };
        if header.first_index != next_index {
            let what = "the segment does not start with the frame after the last";
            let position = header.first_position();
            let damage = crate::scan::damage(header.path(), header.first_index, 0, position, what);
            return Err(ReadError::from(damage).into());
        }
        state.segment(header, until)?;
        next_index = until;
    }
    let verified = Verified {
        lineage: reader.lineage(),
        end: durable.at.position,
        frame: FrameIndex(durable.at.index.0 - 1),
        root: state.proof.frontier.root(),
        segments: durable.segment + 1,
        bytes: state.bytes,
    };
    Ok((verified, state.then.1))
}

struct Verification<'a> {
    reader: &'a Reader,
    durable: Durable,
    proof: Proof,
    tiles: TileCheck,
    /// A smaller tree that is wanted, and what has been made of it.
    then: (Position, Frontier),
    frame: FrameBuffer,
    bytes: u64,
    progress: &'a mut dyn FnMut(Progress),
}

impl Verification<'_> {
    /// Proves a segment up to the frame before `until`.
    fn segment(&mut self, header: &SegmentHeader, until: FrameIndex) -> Result<(), VerifyError> {
        let disk = self.reader.disk().as_ref();
        let mut scan =
            SegmentScan::open(disk, header.name(), READ_AHEAD_BYTES).map_err(ReadError::from)?;
        let damaged = |damage| VerifyError::Read(ReadError::Damaged(damage));
        if self.proof != Proof::before(&scan.header) {
            let what = "the segment's header does not continue what comes before it";
            return Err(damaged(scan.damage_at(crate::scan::Point { offset: 0, ..scan.at }, what)));
        }
        while scan.at.index < until {
            let at = scan.at;
            let more = scan.next(&mut self.frame, Depth::Bodies).map_err(ReadError::from)?;
            if !more {
                return Err(damaged(scan.damage_at(at, "the file ends before its last frame")));
            }
            let (tiles, (size, then)) = (&mut self.tiles, &mut self.then);
            let proved = self.proof.check(&self.frame, |height, hash| {
                tiles.completed(height, hash);
                if height == 0 && then.size() < size.0 {
                    then.push(hash, |_, _| {});
                }
            });
            let proved = proved.and_then(|()| check_commitments(&self.frame));
            proved.map_err(|what| damaged(scan.damage_at(at, what)))?;
            self.tiles.check()?;
            (self.progress)(Progress {
                records: self.proof.frontier.size(),
                records_total: self.durable.at.position.0,
            });
        }
        self.bytes += scan.at.offset + scan.at.bodies_offset;
        if header.number < self.durable.segment {
            scan.check_sealed_end().map_err(ReadError::from)?;
        }
        Ok(())
    }
}

/// Compares the tile files, front to back, with the tree that grows beside them.
struct TileCheck {
    /// Each level's file, the hashes compared, and how many there are to be.
    levels: Vec<(Option<Window>, u64, u64)>,
    completed: Vec<(u32, Hash)>,
}

impl TileCheck {
    fn open(disk: &dyn Disk, size: u64) -> Result<Self, VerifyError> {
        let mut opened = Vec::new();
        for level in tiles::levels(size) {
            let window = match Window::open(disk, &tiles::path(level), READ_AHEAD_BYTES) {
                Err(error) if error.is_absent() => None,
                window => Some(window.map_err(ReadError::from)?),
            };
            opened.push((window, 0, tiles::level_bytes(size, level) / 32));
        }
        Ok(Self { levels: opened, completed: Vec::new() })
    }

    fn completed(&mut self, height: u32, hash: Hash) {
        if height.is_multiple_of(TILE_HEIGHT) {
            self.completed.push((height / TILE_HEIGHT, hash));
        }
    }

    fn check(&mut self) -> Result<(), VerifyError> {
        for (level, hash) in self.completed.drain(..) {
            let Some((window, index, count)) = self.levels.get_mut(level as usize) else {
                continue;
            };
            if *index == *count {
                continue;
            }
            let wrong = VerifyError::Tile { level, index: *index };
            let Some(window) = window else { return Err(wrong) };
            let found = window.bytes(*index * 32, 32);
            if found.map_err(|error: DiskError| ReadError::from(error))? != hash.0 {
                return Err(wrong);
            }
            *index += 1;
        }
        Ok(())
    }
}
