//! How a writer begins: a new chronicle, or one that is there.

use std::collections::VecDeque;
use std::sync::Arc;

use deeds_values::Lineage;

use super::{Appended, Writer, WriterOptions};
use crate::archive::Marker;
use crate::copies::RecordCopies;
use crate::disk::{Attempt, Disk, DiskError, DiskFile};
use crate::frame::{Epoch, FRAME_CONTENT_BYTES_MAX, FrameIndex};
use crate::head::{Head, create_directories};
use crate::mark::Mark;
use crate::merkle::{Frontier, Hash};
use crate::reader::{Live, Reader};
use crate::record::RecordDraft;
use crate::recovery::{self, Evidence, GuardFinding, OpenError, Recovered, Tail};
use crate::reserve::Reserve;
use crate::segment::{SegmentHeader, SegmentKind, SegmentName};
use crate::tiles::Tiles;

impl Writer {
    /// Creates a chronicle whose first frame holds `first`, durable when this returns. Until then a
    /// crash leaves no chronicle at all.
    ///
    /// # Panics
    /// As [`append`](Self::append), and when `first` does not fit a frame.
    pub fn create(
        disk: Arc<dyn Disk>,
        options: WriterOptions,
        lineage: Lineage,
        first: &[RecordDraft],
    ) -> Result<Self, OpenError> {
        let bytes = first.iter().map(RecordDraft::frame_bytes).sum::<usize>();
        assert!(bytes <= FRAME_CONTENT_BYTES_MAX, "the first records fit a frame");
        Self::found(disk, options, lineage, |writer| writer.encode_records(first))
    }

    /// Creates a chronicle whose first frame holds copies, as [`create`](Self::create) does.
    pub(crate) fn create_from_copies(
        disk: Arc<dyn Disk>,
        options: WriterOptions,
        lineage: Lineage,
        first: &RecordCopies,
    ) -> Result<Self, OpenError> {
        Self::found(disk, options, lineage, |writer| writer.encode_copies(first))
    }

    fn found(
        disk: Arc<dyn Disk>,
        mut options: WriterOptions,
        lineage: Lineage,
        encode_first: impl FnOnce(&mut Self) -> Appended,
    ) -> Result<Self, OpenError> {
        create_directories(disk.as_ref())?;
        let lock = Arc::from(disk.lock().map_err(OpenError::lock)?);
        for kind in [SegmentKind::Head, SegmentKind::Log] {
            let directory = kind.directory();
            let names = disk.list(directory).attempt("list", directory)?;
            if names.iter().any(|name| SegmentName::parse(name).is_some()) {
                return Err(OpenError::Exists);
            }
        }
        recovery::remove_unfinished(disk.as_ref())?;
        if !Tiles::are_sound(disk.as_ref(), &Frontier::default(), 0)? {
            Tiles::aside(disk.clone()).publish()?;
        }
        let header = SegmentHeader {
            kind: SegmentKind::Head,
            lineage,
            number: 0,
            first_index: FrameIndex(1),
            previous_end: 0,
            previous_hash: Hash::default(),
            salt: (options.salts)(),
            time: None,
            epoch: Epoch::default(),
            frontier: Frontier::default(),
        };
        let tail = Tail::before(disk.clone(), header.clone());
        let mark = Mark::open(disk.as_ref())?;
        let aside = Head::create(disk.as_ref(), header)?;
        let mut writer = Self::assemble(disk, lock, options, aside, tail, mark);
        writer.index = FrameIndex(1);
        writer.open_epoch()?;
        encode_first(&mut writer);
        writer.write_frame()?;
        writer.head.publish(writer.disk.as_ref())?;
        writer.announce(false)?;
        writer.start_guard(GuardFinding::Created)?;
        writer.reserve.keep();
        Ok(writer)
    }

    /// Opens a chronicle for writing, finds out what the last writer left, and opens a new epoch.
    pub fn open(
        disk: Arc<dyn Disk>,
        options: WriterOptions,
    ) -> Result<(Self, Recovered), OpenError> {
        match disk.list(SegmentKind::Head.directory()).attempt("list", "head") {
            Err(error) if error.is_absent() => return Err(OpenError::Absent),
            listed => listed.map(drop)?,
        }
        if Marker::is_there(disk.as_ref())? {
            return Err(OpenError::Archive);
        }
        let lock: Arc<dyn Send + Sync> = Arc::from(disk.lock().map_err(OpenError::lock)?);
        create_directories(disk.as_ref())?;
        let recover = || recovery::recover(&disk, options.guard.as_ref(), Evidence::All);
        let mut tail = match recover() {
            // Tiles, or what was torn from a segment: it begins anew in the room of the reserve.
            Err(OpenError::Disk(error)) if error.is_no_room() => {
                Reserve::find(disk.clone(), options.reserve_bytes).give_back()?;
                recover()?
            }
            recovered => recovered?,
        };
        let unsealed = std::mem::take(&mut tail.unsealed);
        let recovered = Recovered {
            lineage: tail.header.lineage,
            end: tail.at.position,
            frame: FrameIndex(tail.at.index.0 - 1),
            root: tail.proof.frontier.root(),
            torn: tail.torn.clone(),
            closed: tail.closed,
            guard: tail.guard,
            tiles_rebuilt: tail.tiles_rebuilt,
        };
        let mark = Mark::open(disk.as_ref())?;
        let head = Head::reopen(disk.as_ref(), &tail)?;
        let mut writer = Self::assemble(disk, lock, options, head, tail, mark);
        for (segment, next) in unsealed {
            writer.hand_over(segment, next);
        }
        writer.with_room(|writer| writer.tiles.write_all())?;
        if recovered.torn.is_some() || writer.is_full() {
            writer.with_room(Self::start_segment)?;
        }
        writer.seal_inline()?;
        writer.open_epoch()?;
        writer.announce(false)?;
        writer.start_guard(recovered.guard)?;
        writer.reserve.keep();
        Ok((writer, recovered))
    }

    fn assemble(
        disk: Arc<dyn Disk>,
        lock: Arc<dyn Send + Sync>,
        options: WriterOptions,
        head: Head,
        tail: Tail,
        mark: Box<dyn DiskFile>,
    ) -> Self {
        let reserve = Reserve::find(disk.clone(), options.reserve_bytes);
        let live = Arc::new(Live::default());
        let reader = Reader::beside(disk.clone(), tail.header.lineage, live.clone());
        Self {
            disk,
            lock,
            options,
            head,
            index: tail.at.index,
            epoch: tail.at.epoch,
            proof: tail.proof,
            tiles: tail.tiles,
            mark,
            guarded: None,
            guard_failure: None,
            reserve,
            no_room: None,
            jobs: VecDeque::new(),
            live,
            reader,
            poisoned: false,
            frame: Vec::new(),
            bodies: Vec::new(),
        }
    }

    /// Writes the guard file, unless it says something that a person should see first.
    fn start_guard(&mut self, finding: GuardFinding) -> Result<(), DiskError> {
        match finding {
            GuardFinding::Created | GuardFinding::Agrees => {
                match self.with_room(Self::write_guard) {
                    // It may lag, here as between two appends.
                    Err(error) if error.is_no_room() => {
                        self.guard_failure = Some(error);
                        Ok(())
                    }
                    written => written,
                }
            }
            GuardFinding::Off
            | GuardFinding::Behind { .. }
            | GuardFinding::Differs { .. }
            | GuardFinding::OtherLineage(_) => Ok(()),
        }
    }
}
