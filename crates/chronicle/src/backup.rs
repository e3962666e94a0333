//! Backup: the durable frames of a chronicle copied to an archive, beside a live writer.
//!
//! A backup goes on where the archive ends: whole segments that are there are not read again, the
//! last one is continued. Every frame is proved as it is copied: checksums, chain, tree, and each
//! body by its commitment; so an archive cannot hold what the chronicle could not prove.

use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::archive::{Archive, Marker, OwnerId};
use crate::disk::Disk;
use crate::frame::FrameIndex;
use crate::frames::Frames;
use crate::merkle::Hash;
use crate::reader::{ReadError, Reader};
use crate::recovery::OpenError;
use crate::scan::FrameBuffer;
use crate::segment::{SegmentHeader, SegmentKind};
use crate::verify::Progress;

/// How much is copied between two commits: what a crash makes the next backup copy again.
const COMMIT_BYTES: u64 = 32 << 20;

/// A backup was not made.
#[derive(Debug, thiserror::Error)]
pub enum BackupError {
    /// The directory holds a chronicle that is no archive.
    #[error("there is a chronicle here, not an archive of backups")]
    NoArchive,
    /// The archive is of another lineage.
    #[error("the archive is of lineage {archived}, and the chronicle of {chronicle}")]
    OtherLineage {
        /// The lineage of the archive.
        archived: Lineage,
        /// The lineage of the chronicle.
        chronicle: Lineage,
    },
    /// Another owner writes to it.
    #[error("the archive belongs to owner {}, generation {}", .0.owner, .0.generation)]
    Owned(Marker),
    /// Another owner has taken over since this one opened it.
    #[error("another owner has taken over the archive")]
    Fenced {
        /// What the archive's marker says now, if it is there.
        found: Option<Marker>,
    },
    /// The archive has more frames than the chronicle's files show to be durable. After a power loss
    /// they may show it only once a writer has opened them; else the chronicle was put back from an
    /// old copy.
    #[error("frame {frame} is archived, and the chronicle does not show it as durable")]
    Ahead {
        /// The archive's last frame.
        frame: FrameIndex,
    },
    /// The archive has other frames than the chronicle: one of them was put back from an
    /// old copy, and went on.
    #[error("the chronicle is not the one that was archived: frame {frame} of the archive {what}")]
    Diverged {
        /// The archive's last frame.
        frame: FrameIndex,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The chronicle could not be read or proved.
    #[error("the chronicle could not be read")]
    Source(#[from] ReadError),
    /// The archive could not be opened or written.
    #[error("the archive could not be written")]
    Archive(#[from] OpenError),
    /// An earlier call failed.
    #[error("the backup stopped after an earlier failure; open the archive again")]
    Poisoned,
}

/// What one pass of a backup archived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Copied {
    /// Records copied now.
    pub records: u64,
    /// Bytes of frames copied now.
    pub bytes: u64,
    /// Records in the archive.
    pub end: Position,
    /// The Merkle root over them.
    pub root: Hash,
}

/// A chronicle being copied to an archive; holds the archive's lock.
pub struct Backup {
    source: Reader,
    archive: Archive,
    frames: Frames,
    frame: FrameBuffer,
    poisoned: bool,
}

impl Backup {
    /// Opens the archive on `disk`, or makes one there, to copy what `source` reads.
    pub fn open(
        source: Reader,
        disk: Arc<dyn Disk>,
        owner: OwnerId,
        take_over: bool,
    ) -> Result<Self, BackupError> {
        let archive = Archive::open(disk, source.lineage(), owner, take_over)?;
        let frames = match archive.segment() {
            None => Frames::of_segment(source.clone(), 0)?,
            Some(segment) => resume(&source, &archive, segment)?,
        };
        Ok(Self { source, archive, frames, frame: FrameBuffer::new(), poisoned: false })
    }

    /// Whose archive it is.
    pub fn marker(&self) -> Marker {
        self.archive.marker()
    }

    /// The number of records in the archive.
    pub fn end(&self) -> Position {
        Position(self.archive.proof().frontier.size())
    }

    /// The chronicle.
    pub fn source(&self) -> &Reader {
        &self.source
    }

    /// Copies what is durable in the chronicle; when this returns it is durable in the archive.
    /// After an error the archive is to be opened again.
    pub fn pass(&mut self, progress: &mut dyn FnMut(Progress)) -> Result<Copied, BackupError> {
        if self.poisoned {
            return Err(BackupError::Poisoned);
        }
        self.poisoned = true;
        let before = self.end();
        let (mut bytes, mut committed) = (0, 0);
        while self.frames.next(&mut self.frame)? {
            self.start_segments()?;
            let appended = self.archive.append(self.frames.segment(), &self.frame)?;
            appended.map_err(|what| self.frames.damage(what))?;
            bytes += self.frame.header.log_bytes() + self.frame.header.block_bytes();
            if self.archive.waiting_bytes() == 0 {
                progress(Progress { records: self.end().0, records_total: self.source.end()?.0 });
            }
            if bytes - committed >= COMMIT_BYTES {
                self.archive.commit()?;
                committed = bytes;
            }
        }
        self.archive.commit()?;
        self.poisoned = false;
        let (end, root) = (self.end(), self.archive.proof().frontier.root());
        assert!(end >= before, "an archive only grows");
        Ok(Copied { records: end.0 - before.0, bytes, end, root })
    }

    /// Starts the segments up to the one that the frame at hand is of.
    fn start_segments(&mut self) -> Result<(), BackupError> {
        for number in self.archive.next_segment()..=self.frames.segment().number {
            let started = self.archive.start_segment(&*self.source.segment(number)?)?;
            started.map_err(|what| self.frames.damage(what))?;
        }
        Ok(())
    }
}

/// The chronicle's frames behind the archive's last, if the chronicle has that one.
fn resume(
    source: &Reader,
    archive: &Archive,
    segment: &SegmentHeader,
) -> Result<Frames, BackupError> {
    let frame = FrameIndex(archive.index().0 - 1);
    let diverged = |what| BackupError::Diverged { frame, what };
    let durable = source.durable()?;
    if durable.at.index < archive.index() || durable.segment < segment.number {
        return Err(BackupError::Ahead { frame });
    }
    let mut frames = Frames::of_segment(source.clone(), segment.number)?;
    if *segment != (SegmentHeader { kind: SegmentKind::Head, ..frames.segment().clone() }) {
        return Err(diverged("lies in another segment"));
    }
    match frames.skip_to(archive.index())? {
        None => Err(BackupError::Ahead { frame }),
        Some(hash) if hash != archive.proof().hash => Err(diverged("has another hash")),
        Some(_) => Ok(frames),
    }
}
