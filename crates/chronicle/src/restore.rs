//! Restore: the records of an archive up to a cut, copied into a new lineage.
//!
//! 1. Prove the archive's frames again, one after the other.
//! 2. Copy their records, header by header and body by body with its salt, into frames of the new
//!    lineage: the tree over them has the same root at every size.
//! 3. Append one record that says where they came from, and close.
//!
//! A crash on the way leaves a chronicle without that record. It must not be served, so the caller
//! restores into a directory that gets its name only afterwards.

use std::sync::Arc;

use deeds_values::{Lineage, Position, Timestamp};

use crate::archive::Archived;
use crate::copies::RecordCopies;
use crate::disk::Disk;
use crate::frames::Frames;
use crate::merkle::Hash;
use crate::proof::{Proof, check_commitments};
use crate::reader::ReadError;
use crate::record::{RecordDraft, RecordHeader, RecordKind};
use crate::recovery::OpenError;
use crate::scan::{FrameBuffer, StoredRecord, Within};
use crate::verify::Progress;
use crate::writer::{AppendError, Writer, WriterOptions};

/// The size from which on copies are written: few syncs, little memory.
const COPY_BYTES: usize = 1 << 20;

/// Where the restored part ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cut {
    /// With the archive.
    End,
    /// With the record at this position.
    Through(Position),
    /// With the last record that is not later than this.
    At(Timestamp),
}

/// What was restored, and where it came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Restored {
    /// The lineage of the archive.
    pub from: Lineage,
    /// The last record that was copied.
    pub position: Position,
    /// Its time.
    pub time: Timestamp,
    /// The Merkle root over all records copied.
    pub root: Hash,
}

/// Nothing was restored, or not all.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The cut lies behind the archive's end.
    #[error("position {position} is not in the archive, which has {end} records")]
    BehindEnd {
        /// The cut.
        position: Position,
        /// The number of records in the archive.
        end: Position,
    },
    /// The cut lies before the first record.
    #[error("the archive begins at {first}")]
    BeforeStart {
        /// The time of the first record.
        first: Timestamp,
    },
    /// The archive has no records yet.
    #[error("the archive is empty")]
    Empty,
    /// The archive could not be read or proved.
    #[error("the archive could not be read")]
    Archive(#[from] ReadError),
    /// The new chronicle could not be created.
    #[error("the restored chronicle could not be created")]
    Create(#[source] OpenError),
    /// The new chronicle could not be written.
    #[error("the restored chronicle could not be written")]
    Append(#[from] AppendError),
}

/// Restores an archive up to a cut as a new lineage on an empty disk. `say` drafts the record of
/// kind [`RecordKind::Restored`] that comes after the copies.
///
/// # Panics
/// When the lineage is that of the archive, or the draft is not of that kind or not the next record.
pub fn restore(
    archive: &Archived,
    cut: Cut,
    (disk, options, lineage): (Arc<dyn Disk>, WriterOptions, Lineage),
    say: impl FnOnce(&Restored) -> RecordDraft,
    progress: &mut dyn FnMut(Progress),
) -> Result<Restored, RestoreError> {
    assert_ne!(lineage, archive.marker.lineage, "a restored chronicle is of a new lineage");
    if archive.end == Position(0) {
        return Err(RestoreError::Empty);
    }
    let records_total = match cut {
        Cut::Through(position) if position >= archive.end => {
            return Err(RestoreError::BehindEnd { position, end: archive.end });
        }
        Cut::Through(position) => position.next().0,
        Cut::End | Cut::At(_) => archive.end.0,
    };
    let mut copying = Copying {
        target: Target::Absent(disk, options),
        lineage,
        last: None,
        copies: RecordCopies::default(),
    };
    let mut frames = Frames::of_segment(archive.reader().clone(), 0)?;
    let mut proof = Proof::before(frames.segment());
    let mut frame = FrameBuffer::new();
    'copying: while frames.next(&mut frame)? {
        let proved = proof.check(&frame, |_, _| {}).and_then(|()| check_commitments(&frame));
        proved.map_err(|what| frames.damage(what))?;
        let mut within = Within::default();
        while let Some(record) = frame.record(&mut within).expect("the frame was proved") {
            if !cut.takes(&record.header) {
                break 'copying;
            }
            copying.take(&record)?;
        }
        if copying.copies.bytes() >= COPY_BYTES {
            copying.write()?;
            assert_eq!(copying.root(), Some(proof.frontier.root()), "the tree is the same");
            progress(Progress { records: proof.frontier.size(), records_total });
        }
    }
    copying.finish(archive, say)
}

impl Cut {
    fn takes(self, header: &RecordHeader) -> bool {
        match self {
            Self::End => true,
            Self::Through(position) => header.position <= position,
            Self::At(time) => header.time <= time,
        }
    }
}

/// The new chronicle.
enum Target {
    /// Created by the first frame.
    Absent(Arc<dyn Disk>, WriterOptions),
    There(Box<Writer>),
    /// It failed while it was created.
    Failed,
}

struct Copying {
    target: Target,
    lineage: Lineage,
    /// The last record taken: its position and time.
    last: Option<(Position, Timestamp)>,
    /// What has been taken and not written yet.
    copies: RecordCopies,
}

impl Copying {
    fn take(&mut self, record: &StoredRecord<'_>) -> Result<(), RestoreError> {
        if !self.copies.has_room_for(record) {
            self.write()?;
        }
        self.copies.push(record);
        self.last = Some((record.header.position, record.header.time));
        Ok(())
    }

    /// Makes the copies durable as one frame.
    fn write(&mut self) -> Result<(), RestoreError> {
        let copies = &self.copies;
        if copies.count == 0 {
            return Ok(());
        }
        self.target = match std::mem::replace(&mut self.target, Target::Failed) {
            Target::Absent(disk, options) => {
                let created = Writer::create_from_copies(disk, options, self.lineage, copies);
                Target::There(Box::new(created.map_err(RestoreError::Create)?))
            }
            Target::There(mut writer) => {
                writer.append_copies(copies)?;
                Target::There(writer)
            }
            Target::Failed => unreachable!("a failure ends the restore"),
        };
        self.copies.clear();
        Ok(())
    }

    fn root(&self) -> Option<Hash> {
        match &self.target {
            Target::There(writer) => Some(writer.root()),
            Target::Absent(..) | Target::Failed => None,
        }
    }

    /// Writes what is left, says where it all came from, and closes.
    fn finish(
        mut self,
        archive: &Archived,
        say: impl FnOnce(&Restored) -> RecordDraft,
    ) -> Result<Restored, RestoreError> {
        self.write()?;
        let (Target::There(mut writer), Some((position, time))) = (self.target, self.last) else {
            let first = archive.reader().record(Position(0))?.expect("the archive is not empty");
            return Err(RestoreError::BeforeStart { first: first.header.time });
        };
        assert_eq!(writer.end(), position.next(), "every record taken was written");
        let root = writer.root();
        assert!(writer.end() < archive.end || root == archive.root, "the tree is the same");
        let restored = Restored { from: archive.marker.lineage, position, time, root };
        let draft = say(&restored);
        assert_eq!(draft.kind, RecordKind::Restored, "it says where the records came from");
        writer.append(&[draft])?;
        writer.close()?;
        Ok(restored)
    }
}
