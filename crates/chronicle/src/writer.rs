//! The one writer of a chronicle: append = hash, write, sync.
//!
//! An append, in order:
//! 1. the segment is full: write and sync the tiles, start the next segment, seal this one;
//! 2. encode the frame: salts, commitments, record headers, leaves, root, chain;
//! 3. write it with one call, and sync: **the commit point**;
//! 4. write the durable mark, let readers see it, write full tiles; now and then the guard file.
//!
//! A failure at any step poisons the writer: what of the frame is on disk is then unknown, and only
//! opening the chronicle again finds out.

use std::collections::VecDeque;
use std::sync::Arc;

use deeds_values::{Lineage, Position, Timestamp};

mod encoding;
mod opening;

use crate::copies::RecordCopies;
use crate::disk::{Attempt, Disk, DiskError, DiskFile};
use crate::frame::{Epoch, FRAME_CONTENT_BYTES_MAX, FrameIndex, FrameKind};
use crate::guard::{Guard, GuardFile};
use crate::head::Head;
use crate::mark::Mark;
use crate::merkle::Hash;
use crate::proof::Proof;
use crate::reader::{Live, Reader};
use crate::record::RecordDraft;
use crate::recovery::OpenError;
use crate::reserve::Reserve;
use crate::scan::ScanError;
use crate::seal;
use crate::segment::{SegmentHeader, SegmentKind};
use crate::tiles::Tiles;

/// The size of a segment unless told: large enough that files are few, small enough to copy.
pub const SEGMENT_BYTES_DEFAULT: u64 = 64 << 20;
/// How far the head file is written ahead of its frames, in bytes, unless told: some thousand small
/// frames, and less than a millisecond's work.
pub const WRITE_AHEAD_BYTES_DEFAULT: u64 = 256 << 10;
/// A frame so large that fewer than this many would fit what is written ahead is not worth it:
/// growing the file costs it little, and zeros would double what is written.
const FRAMES_AHEAD_MIN: u64 = 16;
/// How much record time passes between two writes of the guard file: each costs a sync.
const GUARD_INTERVAL_MICROSECONDS: i64 = 1_000_000;

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
    /// When a small frame does not fit the zeros that were written ahead of it, this many more are
    /// written behind it: syncing bytes that were there before is quicker than growing a file. 0: none.
    pub write_ahead_bytes: u64,
    /// The size of the [reserve](crate::RESERVE_BYTES); 0: none.
    pub reserve_bytes: u64,
    /// Where the guard file lies, if there is one.
    pub guard: Option<GuardFile>,
    /// 16 random bytes at each call: salts of bodies and of segments.
    pub salts: Box<dyn FnMut() -> [u8; 16] + Send>,
    /// Who seals.
    pub sealing: Sealing,
    /// This node's number, in every frame's epoch.
    pub node: u64,
}

impl WriterOptions {
    /// The usual options, without a guard file and a reserve. `salts` gives 16 random bytes at each call.
    pub fn new(salts: impl FnMut() -> [u8; 16] + Send + 'static) -> Self {
        Self {
            segment_bytes_max: SEGMENT_BYTES_DEFAULT,
            write_ahead_bytes: WRITE_AHEAD_BYTES_DEFAULT,
            reserve_bytes: 0,
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
    #[error("{bytes} bytes of records do not fit a frame of {FRAME_CONTENT_BYTES_MAX}")]
    TooLarge {
        /// The bytes of the records.
        bytes: usize,
    },
    /// The disk failed. The outcome is unknown: reopen and look. Every further call is an error.
    #[error("the disk failed")]
    Disk(#[from] DiskError),
    /// A full segment could not be sealed, because it is no longer what was written.
    #[error("a full segment could not be sealed")]
    Seal(#[source] OpenError),
    /// An earlier call failed.
    #[error("the writer stopped after an earlier failure; reopen the chronicle")]
    Poisoned,
}

impl AppendError {
    /// Whether the disk had no room.
    pub fn is_no_room(&self) -> bool {
        matches!(self, Self::Disk(error) if error.is_no_room())
    }
}

impl From<ScanError> for AppendError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Disk(error) => Self::Disk(error),
            other => Self::Seal(other.into()),
        }
    }
}

/// The splitting of one full segment; keeps the chronicle locked until it is dropped.
pub struct SealJob {
    disk: Arc<dyn Disk>,
    segment: SegmentHeader,
    next: SegmentHeader,
    _lock: Arc<dyn Send + Sync>,
}

impl SealJob {
    /// Splits the segment. After an error the head file is still there: it can be run again, and the
    /// next open does.
    pub fn run(&self) -> Result<(), AppendError> {
        Ok(self.split()?)
    }

    fn split(&self) -> Result<(), ScanError> {
        seal::seal(&self.disk, &self.segment, &self.next)
    }

    /// Whether the disk has room for it.
    pub fn has_room(&self) -> bool {
        let path = self.segment.path();
        let bytes = self.disk.open_read(&path).and_then(|file| file.len());
        matches!((bytes, self.disk.free_bytes()), (Ok(bytes), Ok(free)) if free >= 2 * bytes)
    }
}

/// The one writer of a chronicle; holds its lock.
pub struct Writer {
    disk: Arc<dyn Disk>,
    lock: Arc<dyn Send + Sync>,
    options: WriterOptions,
    head: Head,
    /// The index of the next frame.
    index: FrameIndex,
    epoch: Epoch,
    proof: Proof,
    tiles: Tiles,
    mark: Box<dyn DiskFile>,
    /// When the guard file was last written; `None` when it is to be left alone.
    guarded: Option<Timestamp>,
    guard_failure: Option<DiskError>,
    reserve: Reserve,
    /// The disk had no room for a write that was done again since.
    no_room: Option<DiskError>,
    jobs: VecDeque<SealJob>,
    live: Arc<Live>,
    reader: Reader,
    poisoned: bool,
    /// The frame being encoded, and its bodies: reused.
    frame: Vec<u8>,
    bodies: Vec<u8>,
}

impl Writer {
    /// Makes records durable as one frame. After an I/O error the writer is poisoned.
    ///
    /// # Panics
    /// When there are no records, a position is not the next one, or a time runs backward.
    pub fn append(&mut self, records: &[RecordDraft]) -> Result<Appended, AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        let bytes = records.iter().map(RecordDraft::frame_bytes).sum::<usize>();
        if bytes > FRAME_CONTENT_BYTES_MAX {
            return Err(AppendError::TooLarge { bytes });
        }
        self.append_encoded(|writer| writer.encode_records(records))
    }

    /// Makes copies of another lineage's records durable as one frame, their headers, salts and
    /// bodies as they are, so that the tree over them is the same.
    ///
    /// # Panics
    /// As [`append`](Self::append).
    pub(crate) fn append_copies(&mut self, copies: &RecordCopies) -> Result<Appended, AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        self.append_encoded(|writer| writer.encode_copies(copies))
    }

    fn append_encoded(
        &mut self,
        encode: impl FnOnce(&mut Self) -> Appended,
    ) -> Result<Appended, AppendError> {
        assert!(!self.poisoned, "the caller has looked");
        // A failure on the way out leaves it so.
        self.poisoned = true;
        if self.is_full() {
            self.with_room(Self::start_segment)?;
            self.seal_inline()?;
        }
        let appended = encode(self);
        self.with_room(Self::write_frame)?;
        self.with_room(|writer| writer.announce(false))?;
        self.with_room(|writer| writer.tiles.write_full())?;
        self.write_guard_when_due();
        self.reserve.keep();
        self.poisoned = false;
        Ok(appended)
    }

    /// Takes a step that writes. If the disk has no room for it the reserve is given back and the
    /// step is taken once more: a write that failed, unlike a sync, says what it did not do, and each
    /// of these steps writes the same bytes to the same places again.
    fn with_room(
        &mut self,
        step: impl Fn(&mut Self) -> Result<(), DiskError>,
    ) -> Result<(), DiskError> {
        match step(self) {
            Err(error) if error.is_no_room() => {
                self.reserve.give_back()?;
                self.no_room = Some(error);
                step(self)
            }
            taken => taken,
        }
    }

    /// Why the reserve was given back, if it was since this was last asked. What was under way is
    /// durable; from here on there may be no room for more.
    pub fn take_no_room(&mut self) -> Option<DiskError> {
        self.no_room.take()
    }

    /// A full segment to be split, when [`Sealing::Handed`] is chosen; ask after each append.
    pub fn take_sealing(&mut self) -> Option<SealJob> {
        self.jobs.pop_front()
    }

    /// Why the guard file could not be written, if it could not. Appends go on: the guard file may
    /// lag, and lies on another disk.
    pub fn take_guard_failure(&mut self) -> Option<DiskError> {
        self.guard_failure.take()
    }

    /// The next position.
    pub fn end(&self) -> Position {
        Position(self.proof.frontier.size())
    }

    /// The time of the last record.
    pub fn time(&self) -> Option<Timestamp> {
        self.proof.time
    }

    /// The lineage.
    pub fn lineage(&self) -> Lineage {
        self.head.header.lineage
    }

    /// The Merkle root over all records.
    pub fn root(&self) -> Hash {
        self.proof.frontier.root()
    }

    /// A reader that sees exactly what [`append`](Self::append) has returned.
    pub fn reader(&self) -> Reader {
        self.reader.clone()
    }

    /// Marks the chronicle as cleanly closed and gives the lock back.
    pub fn close(mut self) -> Result<(), AppendError> {
        if self.poisoned {
            return Err(AppendError::Poisoned);
        }
        self.with_room(|writer| writer.tiles.write_and_sync())?;
        self.encode_control(FrameKind::CleanClose);
        self.with_room(Self::write_frame)?;
        self.with_room(|writer| writer.announce(true))?;
        match self.guarded {
            Some(_) => Ok(self.with_room(Self::write_guard)?),
            None => Ok(()),
        }
    }

    fn is_full(&self) -> bool {
        self.head.offset >= self.options.segment_bytes_max
            && self.index > self.head.header.first_index
    }

    /// Starts the next segment and has this one sealed, later.
    fn start_segment(&mut self) -> Result<(), DiskError> {
        self.tiles.write_and_sync()?;
        let header = SegmentHeader {
            kind: SegmentKind::Head,
            lineage: self.lineage(),
            number: self.head.header.number + 1,
            first_index: self.index,
            previous_end: self.head.offset,
            previous_hash: self.proof.hash,
            salt: (self.options.salts)(),
            time: self.proof.time,
            epoch: self.epoch,
            frontier: self.proof.frontier.clone(),
        };
        let next = Head::create(self.disk.as_ref(), header)?;
        next.file.sync().attempt("sync", &next.path)?;
        next.publish(self.disk.as_ref())?;
        let full = std::mem::replace(&mut self.head, next);
        self.hand_over(full.header, self.head.header.clone());
        Ok(())
    }

    /// Has a segment sealed, the one before `next`.
    fn hand_over(&mut self, segment: SegmentHeader, next: SegmentHeader) {
        let (disk, lock) = (self.disk.clone(), self.lock.clone());
        self.jobs.push_back(SealJob { disk, segment, next, _lock: lock });
    }

    /// Seals what is full, if that is this writer's to do. What the disk has no room for stays for
    /// the next time.
    fn seal_inline(&mut self) -> Result<(), ScanError> {
        while self.options.sealing == Sealing::Inline
            && let Some(job) = self.jobs.front()
        {
            match job.split() {
                Err(ScanError::Disk(error)) if error.is_no_room() => break,
                sealed => sealed?,
            }
            self.jobs.pop_front();
        }
        Ok(())
    }

    fn open_epoch(&mut self) -> Result<(), DiskError> {
        self.epoch = Epoch { term: self.epoch.term + 1, node: self.options.node };
        self.encode_control(FrameKind::EpochOpened);
        self.with_room(Self::write_frame)
    }

    /// Writes the encoded frame with one call and syncs it. When this returns, it is durable.
    fn write_frame(&mut self) -> Result<(), DiskError> {
        let end = self.head.offset + self.frame.len() as u64;
        let ahead = self.ahead_of(end);
        let head = &mut self.head;
        let bytes = self.frame.len();
        self.frame.resize((ahead - head.offset) as usize, 0);
        let written = head.file.write_at(&self.frame, head.offset).attempt("write", &head.path);
        self.frame.truncate(bytes);
        written?;
        head.file.sync().attempt("sync", &head.path)?;
        (head.offset, head.ahead) = (end, head.ahead.max(ahead));
        Ok(())
    }

    /// Up to where zeros are written behind the frame that ends here.
    fn ahead_of(&self, end: u64) -> u64 {
        let (step, length) = (self.options.write_ahead_bytes, self.frame.len() as u64);
        let is_there = end <= self.head.ahead;
        if is_there || self.no_room.is_some() || length.saturating_mul(FRAMES_AHEAD_MIN) > step {
            return end;
        }
        // No frame begins behind the end of a full segment.
        (end + step).min(self.options.segment_bytes_max.max(end))
    }

    /// Tells readers here and elsewhere what is durable now.
    fn announce(&mut self, closed: bool) -> Result<(), DiskError> {
        let mark = Mark {
            lineage: self.lineage(),
            segment: self.head.header.number,
            frame: FrameIndex(self.index.0 - 1),
            end: self.end(),
            offset: self.head.offset,
            epoch: self.epoch,
            closed,
        };
        mark.write(self.mark.as_ref())?;
        self.live.set(mark, self.root());
        Ok(())
    }

    fn write_guard_when_due(&mut self) {
        let due = match (self.guarded, self.proof.time) {
            (Some(guarded), Some(now)) => now.0.saturating_sub(guarded.0),
            _ => 0,
        };
        if due >= GUARD_INTERVAL_MICROSECONDS {
            self.guard_failure = self.write_guard().err();
        }
    }

    fn write_guard(&mut self) -> Result<(), DiskError> {
        let Some(file) = &self.options.guard else { return Ok(()) };
        self.guarded = self.proof.time;
        let frame = FrameIndex(self.index.0 - 1);
        file.write(&Guard { lineage: self.lineage(), frame, end: self.end(), root: self.root() })
    }
}
