//! Durable records from any position, beside a live writer of this or another process.
//!
//! What is durable: all of a segment that has a successor; of the last one, what the live writer of
//! this process says, else the durable mark, else what later frames and a clean close say. A reader
//! never shows more, and never takes the lock.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deeds_values::{Lineage, Position};

use crate::catalog;
use crate::checkpoint::TreeHead;
use crate::disk::{Attempt, Disk, DiskError};
use crate::frame::{FrameIndex, FrameKind};
use crate::mark::Mark;
use crate::merkle::Hash;
use crate::proof::prove_bodies;
use crate::record::{Record, RecordRef};
use crate::recovery::Damage;
use crate::scan::{Depth, FrameBuffer, Point, ScanError, SegmentScan, Step, Within};
use crate::segment::{SegmentHeader, SegmentKind};
use crate::stream::Stream;
use crate::tiles;
use crate::window::READ_SPOT_BYTES;

/// How far apart the places are that a reader remembers in a segment.
const INDEX_BYTES: u64 = 64 << 10;

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
    #[error("the disk failed")]
    Disk(#[from] DiskError),
}

impl From<ScanError> for ReadError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Absent => Self::Absent,
            ScanError::Damaged(damage) => Self::Damaged(damage),
            ScanError::Format { file, format } => Self::Format { file, format },
            ScanError::Disk(error) => Self::Disk(error),
        }
    }
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
    /// Bytes of segments being written: frames with headers and bodies, and zeros written ahead.
    pub head_bytes: u64,
    /// Bytes of sealed frame and record headers.
    pub log_bytes: u64,
    /// Bytes of sealed bodies.
    pub bodies_bytes: u64,
    /// Bytes of Merkle tiles.
    pub tiles_bytes: u64,
}

/// What the writer of this process has made durable, and the root over it.
#[derive(Default)]
pub(crate) struct Live(Mutex<Option<(Mark, Hash)>>);

impl Live {
    pub(crate) fn set(&self, mark: Mark, root: Hash) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((mark, root));
    }

    fn get(&self) -> Option<(Mark, Hash)> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The end of what is durable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Durable {
    /// The number of the segment it lies in.
    pub(crate) segment: u64,
    /// Behind the last durable frame.
    pub(crate) at: Point,
    /// Whether the writer closed the chronicle there.
    pub(crate) closed: bool,
}

/// What readers have learnt.
#[derive(Default)]
struct Known {
    segments: Vec<Arc<SegmentHeader>>,
    /// Places by segment number and whether they are those of the sealed files.
    places: BTreeMap<(u64, bool), Vec<Point>>,
    durable: Option<Durable>,
}

struct Shared {
    disk: Arc<dyn Disk>,
    lineage: Lineage,
    live: Option<Arc<Live>>,
    known: Mutex<Known>,
}

/// Reads durable records; clones share what they have learnt. Never takes the lock.
#[derive(Clone)]
pub struct Reader {
    shared: Arc<Shared>,
}

impl Reader {
    /// Opens the chronicle of a directory for reading.
    pub fn open(disk: Arc<dyn Disk>) -> Result<Self, ReadError> {
        let listed = catalog::load(disk.as_ref(), &[])?;
        let segments: Vec<_> = listed.into_iter().map(|listed| listed.header).collect();
        let lineage = segments.first().expect("a listing has at least one segment").lineage;
        let known = Mutex::new(Known { segments, ..Known::default() });
        Ok(Self { shared: Arc::new(Shared { disk, lineage, live: None, known }) })
    }

    /// A reader that sees what the writer of this process says.
    pub(crate) fn beside(disk: Arc<dyn Disk>, lineage: Lineage, live: Arc<Live>) -> Self {
        let known = Mutex::new(Known::default());
        Self { shared: Arc::new(Shared { disk, lineage, live: Some(live), known }) }
    }

    /// The lineage.
    pub fn lineage(&self) -> Lineage {
        self.shared.lineage
    }

    /// The number of durable records: the next position.
    pub fn end(&self) -> Result<Position, ReadError> {
        Ok(self.durable()?.at.position)
    }

    /// The record at a position; `None` at and behind the end.
    pub fn record(&self, position: Position) -> Result<Option<Record>, ReadError> {
        let durable = self.durable()?;
        if position >= durable.at.position {
            return Ok(None);
        }
        let mut scan = self.locate(position, durable)?;
        let at = scan.at;
        let damaged = |scan: &SegmentScan, what: String| scan.damage_at(at, what);
        let mut frame = FrameBuffer::new();
        scan.next(&mut frame, Depth::RecordHeaders)?;
        let mut within = Within::default();
        loop {
            let before = within;
            let stored = frame.record(&mut within).map_err(|what| damaged(&scan, what))?;
            let stored = stored.ok_or_else(|| damaged(&scan, "a record is missing".to_owned()))?;
            if stored.header.position == position {
                let header = stored.header;
                // Of the bodies only these are read: their commitments vouch for them, not the
                // checksum over all of the frame's.
                let length = within.bodies - before.bodies;
                let bytes = scan.body_bytes(at, &frame.header, before.bodies, length)?.to_vec();
                prove_bodies(&header, &bytes).map_err(|what| damaged(&scan, what))?;
                let record = RecordRef::new(header, &bytes);
                let record = record.map_err(|what| damaged(&scan, what.to_owned()))?;
                return Ok(Some(record.to_record()));
            }
        }
    }

    /// Durable records from a position on. At the end the iterator says `None`; asked again later
    /// it goes on with what has been appended meanwhile.
    pub fn stream(&self, from: Position) -> Stream {
        Stream::new(self.clone(), from)
    }

    /// What the chronicle is and how large.
    pub fn info(&self) -> Result<Info, ReadError> {
        let durable = self.durable()?;
        let segments = self.segments_up_to(durable.segment)?.len() as u64;
        Ok(Info {
            lineage: self.shared.lineage,
            end: durable.at.position,
            frame: FrameIndex(durable.at.index.0 - 1),
            segments,
            head_bytes: self.directory_bytes(SegmentKind::Head.directory())?,
            log_bytes: self.directory_bytes(SegmentKind::Log.directory())?,
            bodies_bytes: self.directory_bytes(SegmentKind::Bodies.directory())?,
            tiles_bytes: self.directory_bytes(tiles::DIRECTORY)?,
        })
    }

    /// What the writer of this process tells from memory, if it is one's own.
    pub(crate) fn live_head(&self) -> Option<TreeHead> {
        let (mark, root) = self.shared.live.as_ref()?.get()?;
        Some(TreeHead { size: mark.end, root })
    }

    fn directory_bytes(&self, directory: &str) -> Result<u64, DiskError> {
        let mut bytes = 0;
        for name in self.shared.disk.list(directory).attempt("list", directory)? {
            let path = format!("{directory}/{name}");
            bytes += match self.shared.disk.open_read(&path).attempt("open", &path) {
                // A live writer may just have sealed it.
                Err(error) if error.is_absent() => 0,
                file => file?.len().attempt("measure", &path)?,
            };
        }
        Ok(bytes)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        // What is remembered is only ever added to, so a panic elsewhere leaves it whole.
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn disk(&self) -> &Arc<dyn Disk> {
        &self.shared.disk
    }

    /// The headers of all segments, listed anew if the one with this number is not known.
    pub(crate) fn segments_up_to(&self, number: u64) -> Result<Vec<Arc<SegmentHeader>>, ReadError> {
        let mut known = self.known();
        if known.segments.len() as u64 <= number {
            let listed = catalog::load(self.shared.disk.as_ref(), &known.segments)?;
            known.segments = listed.into_iter().map(|listed| listed.header).collect();
        }
        Ok(known.segments.clone())
    }

    pub(crate) fn segment(&self, number: u64) -> Result<Arc<SegmentHeader>, ReadError> {
        if let Some(header) = self.known().segments.get(number as usize) {
            return Ok(header.clone());
        }
        let segments = self.segments_up_to(number)?;
        let found = segments.get(number as usize).cloned();
        found.ok_or_else(|| {
            let last = segments.last().expect("a listing has at least one segment");
            let what = format!("segment {number} is missing after it");
            let position = last.first_position();
            crate::scan::damage(last.path(), last.first_index, 0, position, what).into()
        })
    }

    /// The end of what is durable now.
    pub(crate) fn durable(&self) -> Result<Durable, ReadError> {
        let disk = self.shared.disk.as_ref();
        if let Some(live) = &self.shared.live
            && let Some((mark, _)) = live.get()
        {
            return Ok(behind(&mark));
        }
        let mark = Mark::read(disk)?.filter(|mark| mark.lineage == self.shared.lineage);
        let listed = catalog::load(disk, &self.known().segments.clone())?;
        let segments: Vec<_> = listed.into_iter().map(|listed| listed.header).collect();
        let last = segments.last().expect("a listing has at least one segment").clone();
        let remembered = {
            let mut known = self.known();
            known.segments = segments;
            known.durable.filter(|durable| durable.segment == last.number)
        };
        let marked = mark.filter(|mark| mark.segment >= last.number).map(|mark| behind(&mark));
        let start = Durable {
            segment: last.number,
            at: Point {
                offset: last.encoded_bytes(),
                bodies_offset: last.encoded_bytes(),
                index: last.first_index,
                position: last.first_position(),
                epoch: last.epoch,
            },
            closed: false,
        };
        let best = [remembered, marked].into_iter().flatten().fold(start, further);
        // A segment that appeared since the listing has its own evidence at the next look.
        let durable = if best.segment > last.number { best } else { self.search(&last, best)? };
        self.known().durable = Some(durable);
        Ok(durable)
    }

    /// Looks behind what is known for frames that tell of more.
    fn search(&self, last: &SegmentHeader, from: Durable) -> Result<Durable, ReadError> {
        let disk = self.shared.disk.as_ref();
        let mut scan = SegmentScan::open(disk, last.name(), READ_SPOT_BYTES)?;
        if scan.header.kind != SegmentKind::Head {
            // Sealed since it was listed: its successor's evidence counts at the next look.
            return Ok(from);
        }
        scan.at = from.at;
        let mut frame = FrameBuffer::new();
        let mut durable = from;
        let mut unproved: Vec<Point> = Vec::new();
        loop {
            match scan.step(&mut frame, Depth::FrameHeader)? {
                Step::Frame => {}
                Step::End | Step::Bad { .. } => return Ok(durable),
            }
            unproved.push(scan.at);
            let closed = frame.header.kind == FrameKind::CleanClose;
            let through = if closed { frame.header.index } else { frame.header.durable_through };
            let proved = unproved.iter().rposition(|at| at.index.0 <= through.0 + 1);
            if let Some(proved) = proved {
                durable.at = unproved[proved];
                durable.closed = closed;
                unproved.drain(..=proved);
            }
        }
    }

    /// The place at the start of the frame that holds a position, or at the end.
    pub(crate) fn locate(&self, at: Position, durable: Durable) -> Result<SegmentScan, ReadError> {
        let segments = self.segments_up_to(durable.segment)?;
        let starts_before = |header: &Arc<SegmentHeader>| header.first_position() <= at;
        let header = &segments[segments.partition_point(starts_before) - 1];
        let disk = self.shared.disk.as_ref();
        let mut scan = SegmentScan::open(disk, header.name(), READ_SPOT_BYTES)?;
        let key = (header.number, scan.header.kind == SegmentKind::Log);
        if let Some(places) = self.known().places.get(&key) {
            let before = places.partition_point(|place| place.position <= at);
            scan.at = before.checked_sub(1).map_or(scan.at, |before| places[before]);
        }
        let mut frame = FrameBuffer::new();
        loop {
            let before = scan.at;
            self.remember(key, before);
            if before.position >= durable.at.position {
                return Ok(scan);
            }
            if !scan.next(&mut frame, Depth::FrameHeader)? {
                return Err(scan.damage_at(before, "the file ends before its last frame").into());
            }
            if scan.at.position > at {
                scan.at = before;
                return Ok(scan);
            }
        }
    }

    fn remember(&self, key: (u64, bool), at: Point) {
        let mut known = self.known();
        let places = known.places.entry(key).or_default();
        if places.last().is_none_or(|last| at.offset >= last.offset + INDEX_BYTES) {
            places.push(at);
        }
    }
}

fn behind(mark: &Mark) -> Durable {
    let at = Point {
        offset: mark.offset,
        bodies_offset: 0,
        index: mark.frame.next(),
        position: mark.end,
        epoch: mark.epoch,
    };
    Durable { segment: mark.segment, at, closed: mark.closed }
}

fn further(a: Durable, b: Durable) -> Durable {
    let reach = |durable: &Durable| (durable.segment, durable.at.offset);
    if reach(&b) > reach(&a) { b } else { a }
}
