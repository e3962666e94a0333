//! An archive: the frames of one lineage kept elsewhere, in the files of a chronicle.
//!
//! What tells it from a chronicle is its marker, the file `archive.marker`; what makes it safe is the order
//! of an append:
//! 1. the marker still names this owner, and the frame continues what is here: chain, tree, bodies;
//! 2. frames collect in memory and are written, behind the last good one;
//! 3. commit: the file is synced, then the durable mark is replaced, and synced too;
//! 4. before a frame of a later segment: commit, sync the tiles, start that segment with the header that it
//!    has in the chronicle, and seal the one before.
//!
//! So whatever a crash leaves, all up to the mark is whole, and what is above it is torn: it is
//! read as far as it is good, and written over by the next backup.
//!
//! Two writers cannot share an archive. On one machine the lock keeps them apart; across machines
//! the marker does: it names the owner, a random number kept by whoever makes the backups, and a
//! generation that rises when another owner takes over. The marker, 56 bytes, little-endian:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `DEEDSARC` |
//! | 8 | 8 | format, 1 |
//! | 16 | 8 | lineage |
//! | 24 | 16 | owner |
//! | 40 | 8 | generation: 1, 2, 3 … |
//! | 48 | 8 | checksum of all before, under a salt of zeros |

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::backup::BackupError;
use crate::catalog;
use crate::checksum::{checksum, holds};
use crate::disk::{Attempt, Disk, DiskError, read_full_at};
use crate::durable_file;
use crate::frame::{Epoch, FORMAT, FrameIndex, encode_block};
use crate::head::{Head, create_directories};
use crate::mark::Mark;
use crate::merkle::{Frontier, Hash};
use crate::proof::{Proof, check_commitments};
use crate::reader::{Live, ReadError, Reader};
use crate::record::u64_at;
use crate::recovery::{self, Evidence, OpenError, Tail};
use crate::scan::{FrameBuffer, ScanError};
use crate::seal;
use crate::segment::{SegmentHeader, SegmentKind, SegmentName};
use crate::tiles::Tiles;

const MARKER_PATH: &str = "archive.marker";
const MARKER_BYTES: usize = 56;
const MAGIC: &[u8; 8] = b"DEEDSARC";
/// How much is collected before a write.
const WRITE_BYTES: usize = 1 << 20;
/// How often an archive that is being written to is looked at again when files moved meanwhile.
const LOOKS_MAX: u32 = 4;

/// Who makes the backups: 16 random bytes. Text: 32 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct OwnerId(pub [u8; 16]);

impl fmt::Display for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for OwnerId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnerId({self})")
    }
}

/// The text is not 32 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("an owner is 32 hexadecimal digits")]
pub struct OwnerIdParseError;

impl FromStr for OwnerId {
    type Err = OwnerIdParseError;

    fn from_str(text: &str) -> Result<Self, OwnerIdParseError> {
        if text.len() != 32 || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Err(OwnerIdParseError);
        }
        let number = u128::from_str_radix(text, 16).map_err(|_| OwnerIdParseError)?;
        Ok(Self(number.to_be_bytes()))
    }
}

/// Whose archive it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marker {
    /// The lineage of its frames.
    pub lineage: Lineage,
    /// Who may write to it.
    pub owner: OwnerId,
    /// How many owners there have been.
    pub generation: u64,
}

impl Marker {
    fn encode(&self) -> [u8; MARKER_BYTES] {
        let mut bytes = [0; MARKER_BYTES];
        bytes[..8].copy_from_slice(MAGIC);
        bytes[8] = FORMAT;
        bytes[16..24].copy_from_slice(&self.lineage.0);
        bytes[24..40].copy_from_slice(&self.owner.0);
        bytes[40..48].copy_from_slice(&self.generation.to_le_bytes());
        let sum = checksum(&[0; 16], &bytes[..48]);
        bytes[48..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    fn decode(bytes: &[u8; MARKER_BYTES]) -> Option<Self> {
        let right = &bytes[..8] == MAGIC
            && u64_at(bytes, 8) == u64::from(FORMAT)
            && holds(&[0; 16], &bytes[..48], u64_at(bytes, 48));
        right.then(|| Self {
            lineage: Lineage(bytes[16..24].try_into().expect("8 bytes were sliced")),
            owner: OwnerId(bytes[24..40].try_into().expect("16 bytes were sliced")),
            generation: u64_at(bytes, 40),
        })
    }

    /// The marker of an archive; `None` where none is.
    pub fn read(disk: &dyn Disk) -> Result<Option<Self>, OpenError> {
        let file = match disk.open_read(MARKER_PATH).attempt("open", MARKER_PATH) {
            Err(error) if error.is_absent() => return Ok(None),
            file => file?,
        };
        let mut bytes = [0; MARKER_BYTES];
        read_full_at(file.as_ref(), &mut bytes, 0).attempt("read", MARKER_PATH)?;
        let format = bytes[8];
        if bytes.starts_with(MAGIC)
            && format != FORMAT
            && holds(&[0; 16], &bytes[..48], u64_at(&bytes, 48))
        {
            return Err(OpenError::Format { file: MARKER_PATH.to_owned(), format });
        }
        let marker = Self::decode(&bytes).ok_or_else(|| {
            let what = "the archive's marker is not whole";
            crate::scan::damage(MARKER_PATH.to_owned(), FrameIndex(0), 0, Position(0), what)
        })?;
        Ok(Some(marker))
    }

    /// Whether a directory is an archive, whole or not.
    pub(crate) fn is_there(disk: &dyn Disk) -> Result<bool, DiskError> {
        match disk.open_read(MARKER_PATH).attempt("open", MARKER_PATH) {
            Ok(_) => Ok(true),
            Err(error) if error.is_absent() => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn write(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        durable_file::replace(disk, "", MARKER_PATH, &self.encode())
    }
}

/// An archive opened to be appended to; holds its lock.
pub(crate) struct Archive {
    disk: Arc<dyn Disk>,
    _lock: Box<dyn Send + Sync>,
    marker: Marker,
    /// None until the first frame.
    head: Option<Head>,
    /// The index of the next frame.
    index: FrameIndex,
    epoch: Epoch,
    proof: Proof,
    tiles: Tiles,
    /// Frames that are not written yet.
    waiting: Vec<u8>,
    /// Whether there is anything that the mark does not cover.
    is_ahead: bool,
}

impl Archive {
    /// Opens the archive of a lineage, or makes one; finishes what a crash cut off.
    pub(crate) fn open(
        disk: Arc<dyn Disk>,
        lineage: Lineage,
        owner: OwnerId,
        take_over: bool,
    ) -> Result<Self, BackupError> {
        create_directories(disk.as_ref()).map_err(OpenError::from)?;
        let lock = disk.lock().map_err(OpenError::lock)?;
        let marker = claim(disk.as_ref(), lineage, owner, take_over)?;
        let archive = match recovery::recover(&disk, None, Evidence::Mark) {
            Err(OpenError::Absent) => {
                recovery::remove_unfinished(disk.as_ref()).map_err(OpenError::from)?;
                let proof =
                    Proof { hash: Hash::default(), frontier: Frontier::default(), time: None };
                let (head, index, epoch) = (None, FrameIndex(1), Epoch::default());
                let tiles = Tiles::after(disk.clone(), 0);
                Self::assemble(disk, lock, marker, (head, index, epoch), proof, tiles)
            }
            recovered => {
                let tail = recovered?;
                let head = Head::reopen(disk.as_ref(), &tail).map_err(OpenError::from)?;
                let Tail { at, proof, tiles, .. } = tail;
                let place = (Some(head), at.index, at.epoch);
                Self::assemble(disk, lock, marker, place, proof, tiles)
            }
        };
        Ok(archive)
    }

    fn assemble(
        disk: Arc<dyn Disk>,
        lock: Box<dyn Send + Sync>,
        marker: Marker,
        (head, index, epoch): (Option<Head>, FrameIndex, Epoch),
        proof: Proof,
        tiles: Tiles,
    ) -> Self {
        let waiting = Vec::with_capacity(WRITE_BYTES);
        // Good frames may stand above the mark: the next commit takes them in.
        let is_ahead = head.is_some();
        Self { disk, _lock: lock, marker, head, index, epoch, proof, tiles, waiting, is_ahead }
    }

    /// The marker.
    pub(crate) fn marker(&self) -> Marker {
        self.marker
    }

    /// The index of the next frame.
    pub(crate) fn index(&self) -> FrameIndex {
        self.index
    }

    /// The header of the last segment, if there is one.
    pub(crate) fn segment(&self) -> Option<&SegmentHeader> {
        self.head.as_ref().map(|head| &head.header)
    }

    /// The number of the segment that comes next.
    pub(crate) fn next_segment(&self) -> u64 {
        self.segment().map_or(0, |header| header.number + 1)
    }

    /// What is proved of all frames here.
    pub(crate) fn proof(&self) -> &Proof {
        &self.proof
    }

    /// How many bytes of the head file are not covered by the mark, at least.
    pub(crate) fn waiting_bytes(&self) -> usize {
        self.waiting.len()
    }

    /// Proves that a frame of a segment comes next, and takes it in; `Ok(Err(what))` if it does not.
    pub(crate) fn append(
        &mut self,
        segment: &SegmentHeader,
        frame: &FrameBuffer,
    ) -> Result<Result<(), String>, BackupError> {
        assert!(!frame.header.kind.is_local(), "a frame of one node alone is not archived");
        assert_eq!(self.next_segment(), segment.number + 1, "the frame's segment was started");
        if frame.header.index != self.index {
            let what = format!("frame {} stands where {} should", frame.header.index, self.index);
            return Ok(Err(what));
        }
        let tiles = &mut self.tiles;
        let proved = self.proof.check(frame, |height, hash| tiles.completed(height, hash));
        if let Err(what) = proved.and_then(|()| check_commitments(frame)) {
            return Ok(Err(what));
        }
        let before = self.waiting.len();
        self.waiting.extend_from_slice(&frame.header_bytes);
        self.waiting.extend_from_slice(&frame.record_headers);
        encode_block(&mut self.waiting, frame.header.index, &frame.bodies, &segment.salt);
        let bytes = (self.waiting.len() - before) as u64;
        assert_eq!(bytes, frame.header.log_bytes() + frame.header.block_bytes());
        self.index = self.index.next();
        self.epoch = frame.header.epoch;
        self.is_ahead = true;
        if self.waiting.len() >= WRITE_BYTES {
            self.write_waiting()?;
        }
        Ok(Ok(()))
    }

    /// Starts a segment as it starts in the chronicle, and seals the one before. One that was torn
    /// before its first good frame is started, too: numbers are dense. `Ok(Err(what))` if the
    /// segment does not continue the frames here.
    pub(crate) fn start_segment(
        &mut self,
        segment: &SegmentHeader,
    ) -> Result<Result<(), String>, BackupError> {
        assert_eq!(segment.number, self.next_segment(), "segments are started in turn");
        if segment.first_index != self.index || Proof::before(segment) != self.proof {
            let number = segment.number;
            return Ok(Err(format!("segment {number} does not continue the frames before it")));
        }
        self.commit()?;
        let disk = self.disk.as_ref();
        self.tiles.write_and_sync().map_err(OpenError::from)?;
        let header = SegmentHeader { kind: SegmentKind::Head, ..segment.clone() };
        let next = Head::create(disk, header).map_err(OpenError::from)?;
        next.file.sync().attempt("sync", &next.path).map_err(OpenError::from)?;
        next.publish(disk).map_err(OpenError::from)?;
        self.epoch = next.header.epoch;
        if let Some(full) = self.head.replace(next) {
            let next = &self.head.as_ref().expect("it was put there").header;
            seal::seal(&self.disk, &full.header, next).map_err(OpenError::from)?;
        }
        Ok(Ok(()))
    }

    fn write_waiting(&mut self) -> Result<(), BackupError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        self.check_fence()?;
        let head = self.head.as_mut().expect("frames wait for a segment's file");
        let written = head.file.write_at(&self.waiting, head.offset).attempt("write", &head.path);
        written.map_err(OpenError::from)?;
        head.offset += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    /// Makes all frames durable, and says so. When this returns, they are archived.
    pub(crate) fn commit(&mut self) -> Result<(), BackupError> {
        self.write_waiting()?;
        let (Some(head), true) = (&self.head, self.is_ahead) else { return Ok(()) };
        self.check_fence()?;
        head.file.sync().attempt("sync", &head.path).map_err(OpenError::from)?;
        let mark = Mark {
            lineage: self.marker.lineage,
            segment: head.header.number,
            frame: FrameIndex(self.index.0 - 1),
            end: Position(self.proof.frontier.size()),
            offset: head.offset,
            epoch: self.epoch,
            closed: false,
        };
        mark.replace(self.disk.as_ref()).map_err(OpenError::from)?;
        self.is_ahead = false;
        Ok(())
    }

    /// Looks whether another owner has taken over.
    fn check_fence(&self) -> Result<(), BackupError> {
        match Marker::read(self.disk.as_ref())? {
            Some(marker) if marker == self.marker => Ok(()),
            found => Err(BackupError::Fenced { found }),
        }
    }
}

/// Finds out whether this owner may write, and makes the marker say so.
fn claim(
    disk: &dyn Disk,
    lineage: Lineage,
    owner: OwnerId,
    take_over: bool,
) -> Result<Marker, BackupError> {
    let Some(found) = Marker::read(disk)? else {
        if has_segments(disk).map_err(OpenError::from)? {
            return Err(BackupError::NoArchive);
        }
        let marker = Marker { lineage, owner, generation: 1 };
        marker.write(disk).map_err(OpenError::from)?;
        return Ok(marker);
    };
    if found.lineage != lineage {
        return Err(BackupError::OtherLineage { archived: found.lineage, chronicle: lineage });
    }
    if found.owner == owner {
        return Ok(found);
    }
    if !take_over {
        return Err(BackupError::Owned(found));
    }
    let marker = Marker { owner, generation: found.generation + 1, ..found };
    marker.write(disk).map_err(OpenError::from)?;
    Ok(marker)
}

fn has_segments(disk: &dyn Disk) -> Result<bool, DiskError> {
    for kind in [SegmentKind::Head, SegmentKind::Log, SegmentKind::Bodies] {
        let directory = kind.directory();
        let names = disk.list(directory).attempt("list", directory)?;
        if names.iter().any(|name| SegmentName::parse(name).is_some()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// An archive opened to be read, also while it is being written to.
#[derive(Clone)]
pub struct Archived {
    /// Whose it is.
    pub marker: Marker,
    /// The number of records.
    pub end: Position,
    /// The Merkle root over them.
    pub root: Hash,
    /// Whether a backup was cut off behind the last good frame; the next one writes over it.
    pub torn: bool,
    reader: Reader,
}

impl Archived {
    /// Opens an archive and finds its end: all that is whole, the mark's part of it for certain.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, OpenError> {
        let marker = Marker::read(disk.as_ref())?.ok_or(OpenError::Absent)?;
        let mut looks = 0;
        let (mark, tail) = loop {
            looks += 1;
            match look(&disk) {
                // Its writer may just have sealed the segment that was the last.
                Err(OpenError::Disk(error)) if error.is_absent() && looks < LOOKS_MAX => {}
                looked => break looked?,
            }
        };
        let live = Arc::new(Live::default());
        let root = tail.proof.frontier.root();
        live.set(mark, root);
        let reader = Reader::beside(disk, marker.lineage, live);
        Ok(Self { marker, end: mark.end, root, torn: tail.torn.is_some(), reader })
    }

    /// Reads its records.
    pub fn reader(&self) -> &Reader {
        &self.reader
    }
}

/// The end of the archive, as a mark, and what it was found by.
fn look(disk: &Arc<dyn Disk>) -> Result<(Mark, Tail), OpenError> {
    // Before the files: a mark speaks of nothing that is not there yet.
    let mark = Mark::read(disk.as_ref())?;
    let listed = catalog::load(disk.as_ref(), &[])?;
    let last = listed.last().expect("a listing has at least one segment");
    let tail = recovery::judge(disk, &last.header, mark, None, Evidence::Mark)?;
    let end = Mark {
        lineage: tail.header.lineage,
        segment: tail.header.number,
        frame: FrameIndex(tail.at.index.0 - 1),
        end: tail.at.position,
        offset: tail.at.offset,
        epoch: tail.at.epoch,
        closed: false,
    };
    Ok((end, tail))
}

impl From<ScanError> for BackupError {
    fn from(error: ScanError) -> Self {
        Self::Archive(error.into())
    }
}

impl From<ReadError> for OpenError {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Absent => Self::Absent,
            ReadError::Format { file, format } => Self::Format { file, format },
            ReadError::Damaged(damage) => Self::Damaged(damage),
            ReadError::Disk(error) => Self::Disk(error),
        }
    }
}
