//! Reading the frames of one segment in order, sealed or not, and saying exactly what is wrong
//! where.
//!
//! Every step checks the checksums of what it reads, and that the frame continues the one before:
//! lineage, index, first position, epoch. What needs hashing is [`proof`](crate::proof)'s.

use deeds_values::{Lineage, Position};

use crate::checksum::holds;
use crate::disk::{Disk, DiskError};
use crate::frame::{
    BLOCK_HEADER_BYTES, Epoch, FRAME_HEADER_BYTES, FrameError, FrameHeader, FrameIndex, FrameKind,
    decode_block,
};
use crate::merkle::Hash;
use crate::record::RecordHeader;
use crate::recovery::Damage;
use crate::segment::{
    SEGMENT_HEADER_BYTES_MAX, SegmentError, SegmentHeader, SegmentKind, SegmentName,
};
use crate::window::{READ_AHEAD_BYTES, Window};

/// Reading stopped.
#[derive(Debug)]
pub(crate) enum ScanError {
    Absent,
    Damaged(Damage),
    Format { file: String, format: u8 },
    Disk(DiskError),
}

impl From<DiskError> for ScanError {
    fn from(error: DiskError) -> Self {
        Self::Disk(error)
    }
}

impl From<Damage> for ScanError {
    fn from(damage: Damage) -> Self {
        Self::Damaged(damage)
    }
}

/// How much of a frame to read and check.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Depth {
    FrameHeader,
    RecordHeaders,
    Bodies,
}

/// One frame in memory; reused from frame to frame.
pub(crate) struct FrameBuffer {
    pub(crate) header: FrameHeader,
    pub(crate) header_bytes: [u8; FRAME_HEADER_BYTES],
    pub(crate) record_headers: Vec<u8>,
    pub(crate) bodies: Vec<u8>,
}

impl FrameBuffer {
    /// A buffer that holds no frame yet.
    pub(crate) fn new() -> Self {
        let header = FrameHeader {
            kind: FrameKind::EpochOpened,
            count: 0,
            lineage: Lineage([0; 8]),
            epoch: Epoch::default(),
            index: FrameIndex(0),
            first_position: Position(0),
            durable_through: FrameIndex(0),
            headers_bytes: 0,
            bodies_bytes: 0,
            previous: Hash::default(),
            root: Hash::default(),
            headers_checksum: 0,
        };
        let header_bytes = [0; FRAME_HEADER_BYTES];
        Self { header, header_bytes, record_headers: Vec::new(), bodies: Vec::new() }
    }
}

/// A place within a frame: the next record's header and the first of its bodies.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Within {
    pub(crate) header: usize,
    pub(crate) bodies: usize,
}

/// A record as it lies in a frame.
pub(crate) struct StoredRecord<'a> {
    pub(crate) header: RecordHeader,
    pub(crate) header_bytes: &'a [u8],
    /// Salts and bodies; empty if the bodies were not read.
    pub(crate) bodies: &'a [u8],
}

impl FrameBuffer {
    /// The record at a place, and moves the place behind it.
    pub(crate) fn record(&self, at: &mut Within) -> Result<Option<StoredRecord<'_>>, String> {
        let rest = &self.record_headers[at.header..];
        if rest.is_empty() {
            return Ok(None);
        }
        let (header, length) = RecordHeader::decode(rest).map_err(|error| error.to_string())?;
        let stored = header.stored_body_bytes() as usize;
        let bodies = if self.bodies.is_empty() {
            &[][..]
        } else {
            let bodies = self.bodies.get(at.bodies..at.bodies + stored);
            bodies.ok_or("the record headers name more bodies than the frame holds")?
        };
        at.header += length;
        at.bodies += stored;
        Ok(Some(StoredRecord { header, header_bytes: &rest[..length], bodies }))
    }

    /// The bodies of the record that lies between two places; none if they were not read.
    pub(crate) fn bodies_between(&self, from: Within, to: Within) -> &[u8] {
        self.bodies.get(from.bodies..to.bodies).unwrap_or_default()
    }
}

/// What a step found.
pub(crate) enum Step {
    /// A frame; it is in the buffer.
    Frame,
    /// The end: of the file, or of its frames, where a head file holds zeros that were written ahead.
    End,
    /// Something else. `torn` says whether a write that was cut off can have left it.
    Bad { what: String, torn: bool },
}

fn bad(what: impl ToString, torn: bool) -> Step {
    Step::Bad { what: what.to_string(), torn }
}

/// A place between two frames of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Point {
    /// The byte offset in the head or log file.
    pub(crate) offset: u64,
    /// The byte offset in the bodies file of a sealed segment.
    pub(crate) bodies_offset: u64,
    /// The next frame.
    pub(crate) index: FrameIndex,
    /// The next position.
    pub(crate) position: Position,
    /// The epoch of the frame before.
    pub(crate) epoch: Epoch,
}

/// The frames of one segment, one after the other.
pub(crate) struct SegmentScan {
    pub(crate) header: SegmentHeader,
    pub(crate) log: Window,
    bodies: Option<Window>,
    pub(crate) at: Point,
}

impl SegmentScan {
    /// Opens a segment at its first frame: the sealed files if they are there, else the head file.
    pub(crate) fn open(
        disk: &dyn Disk,
        name: SegmentName,
        ahead: usize,
    ) -> Result<Self, ScanError> {
        // A segment that is sealed between the two looks is sealed at the third.
        for kind in [SegmentKind::Log, SegmentKind::Head, SegmentKind::Log] {
            match Self::open_kind(disk, name, kind, ahead) {
                Err(ScanError::Disk(error)) if error.is_absent() => {}
                other => return other,
            }
        }
        let path = SegmentKind::Head.path(name);
        Err(damage(path, FrameIndex(0), 0, name.position, "the file is missing").into())
    }

    /// Opens the head or the sealed files of a segment.
    pub(crate) fn open_kind(
        disk: &dyn Disk,
        name: SegmentName,
        kind: SegmentKind,
        ahead: usize,
    ) -> Result<Self, ScanError> {
        let mut log = Window::open(disk, &kind.path(name), ahead)?;
        let header = read_header(&mut log, name, kind)?;
        let mut bodies = None;
        if kind == SegmentKind::Log {
            let path = SegmentKind::Bodies.path(name);
            let mut window = match Window::open(disk, &path, ahead) {
                Err(error) if error.is_absent() => {
                    let what = "the file is missing";
                    return Err(damage(path, header.first_index, 0, name.position, what).into());
                }
                window => window?,
            };
            let twin = read_header(&mut window, name, SegmentKind::Bodies)?;
            if twin != (SegmentHeader { kind: SegmentKind::Bodies, ..header.clone() }) {
                let what = "the segment header differs from its log file's";
                return Err(damage(path, header.first_index, 0, name.position, what).into());
            }
            bodies = Some(window);
        }
        let at = Point {
            offset: header.encoded_bytes(),
            bodies_offset: header.encoded_bytes(),
            index: header.first_index,
            position: header.first_position(),
            epoch: header.epoch,
        };
        Ok(Self { header, log, bodies, at })
    }

    /// Reads the next frame; `false` at the end.
    pub(crate) fn next(
        &mut self,
        frame: &mut FrameBuffer,
        depth: Depth,
    ) -> Result<bool, ScanError> {
        let at = self.at;
        match self.step(frame, depth)? {
            Step::Frame => Ok(true),
            Step::End => Ok(false),
            Step::Bad { what, .. } => Err(self.damage_at(at, what).into()),
        }
    }

    /// The damage of the frame at a point.
    pub(crate) fn damage_at(&self, at: Point, what: impl ToString) -> Damage {
        damage(self.log.path().to_owned(), at.index, at.offset, at.position, what)
    }

    /// Reads the next frame, or says what is there instead.
    pub(crate) fn step(
        &mut self,
        frame: &mut FrameBuffer,
        depth: Depth,
    ) -> Result<Step, DiskError> {
        let bytes = self.log.bytes(self.at.offset, FRAME_HEADER_BYTES)?;
        let written_ahead = self.header.kind == SegmentKind::Head && is_zero(bytes);
        if bytes.is_empty() || written_ahead {
            return Ok(Step::End);
        }
        let header = match FrameHeader::decode(bytes, &self.header.salt) {
            Ok(header) => header,
            Err(error @ FrameError::Number { .. }) => return Ok(bad(error, false)),
            Err(error) => return Ok(bad(error, true)),
        };
        frame.header_bytes.copy_from_slice(bytes);
        frame.header = header;
        frame.record_headers.clear();
        frame.bodies.clear();
        if let Err(what) = self.continues(&header) {
            return Ok(bad(what, false));
        }
        if depth >= Depth::RecordHeaders
            && let Some(flaw) = self.read_record_headers(frame)?
        {
            return Ok(flaw);
        }
        if depth >= Depth::Bodies
            && let Some(flaw) = self.read_bodies(frame)?
        {
            return Ok(flaw);
        }
        self.advance(&header);
        Ok(Step::Frame)
    }

    fn continues(&self, header: &FrameHeader) -> Result<(), &'static str> {
        let Point { index, position, epoch, .. } = self.at;
        let expected =
            if header.kind.is_local() { FrameIndex(index.0.saturating_sub(1)) } else { index };
        if header.lineage != self.header.lineage {
            return Err("the frame belongs to another lineage");
        }
        if header.index != expected {
            return Err("the frame has another index");
        }
        if header.first_position != position {
            return Err("the frame starts at another position");
        }
        if header.durable_through.0 >= index.0 {
            return Err("the frame calls itself durable before it was written");
        }
        let in_turn = match header.kind {
            FrameKind::EpochOpened => header.epoch.term > epoch.term,
            FrameKind::Records | FrameKind::CleanClose => header.epoch == epoch,
        };
        if !in_turn {
            return Err("the frame belongs to another epoch");
        }
        if header.kind.is_local() && self.header.kind == SegmentKind::Log {
            return Err("a node-local frame stands in a sealed segment");
        }
        Ok(())
    }

    fn read_record_headers(&mut self, frame: &mut FrameBuffer) -> Result<Option<Step>, DiskError> {
        let offset = self.at.offset + FRAME_HEADER_BYTES as u64;
        let bytes = self.log.bytes(offset, frame.header.headers_bytes as usize)?;
        if bytes.len() < frame.header.headers_bytes as usize {
            return Ok(Some(bad("the record headers are cut short", true)));
        }
        if !holds(&self.header.salt, bytes, frame.header.headers_checksum) {
            return Ok(Some(bad("the record headers' checksum does not hold", true)));
        }
        frame.record_headers.extend_from_slice(bytes);
        Ok(None)
    }

    fn read_bodies(&mut self, frame: &mut FrameBuffer) -> Result<Option<Step>, DiskError> {
        let length = frame.header.block_bytes() as usize;
        let block = match &mut self.bodies {
            Some(bodies) => bodies.bytes(self.at.bodies_offset, length)?,
            None => self.log.bytes(self.at.offset + frame.header.log_bytes(), length)?,
        };
        match decode_block(block, &frame.header, &self.header.salt) {
            Ok(bodies) => frame.bodies.extend_from_slice(bodies),
            Err(what) => {
                // A sealed segment has its bodies in a file of their own: the one to put back.
                let place = self
                    .bodies
                    .as_ref()
                    .map(|bodies| format!("{} at byte {}: ", bodies.path(), self.at.bodies_offset));
                let what = format!("{}{what}", place.unwrap_or_default());
                return Ok(Some(bad(what, true)));
            }
        }
        Ok(None)
    }

    /// Some of the salts and bodies of the frame at a point, not covered by any checksum here.
    pub(crate) fn body_bytes(
        &mut self,
        at: Point,
        header: &FrameHeader,
        offset: usize,
        count: usize,
    ) -> Result<&[u8], DiskError> {
        let offset = (BLOCK_HEADER_BYTES + offset) as u64;
        match &mut self.bodies {
            Some(bodies) => bodies.bytes(at.bodies_offset + offset, count),
            None => self.log.bytes(at.offset + header.log_bytes() + offset, count),
        }
    }

    fn advance(&mut self, header: &FrameHeader) {
        let at = &mut self.at;
        at.offset += header.log_bytes();
        if self.bodies.is_none() {
            at.offset += header.block_bytes();
        } else {
            at.bodies_offset += header.block_bytes();
        }
        at.position.0 += u64::from(header.count);
        at.epoch = header.epoch;
        if !header.kind.is_local() {
            at.index = header.index.next();
        }
        assert!(at.offset > self.header.encoded_bytes(), "a frame has bytes");
    }

    /// Whether the log and bodies files of a sealed segment end where the scan stands.
    pub(crate) fn check_sealed_end(&self) -> Result<(), ScanError> {
        let Some(bodies) = &self.bodies else { return Ok(()) };
        for (window, end) in [(&self.log, self.at.offset), (bodies, self.at.bodies_offset)] {
            if window.file_bytes()? != end {
                let at = Point { offset: end, ..self.at };
                let what = "the file does not end with the segment's last frame";
                let damage =
                    Damage { segment: window.path().to_owned(), ..self.damage_at(at, what) };
                return Err(damage.into());
            }
        }
        Ok(())
    }

    /// Where the last byte ends that is not zero, from where the scan stands; there, if all are.
    pub(crate) fn content_end(&mut self) -> Result<u64, DiskError> {
        let (mut offset, mut end) = (self.at.offset, self.at.offset);
        loop {
            let bytes = self.log.bytes(offset, READ_AHEAD_BYTES)?;
            if bytes.is_empty() {
                return Ok(end);
            }
            if let Some(last) = bytes.iter().rposition(|byte| *byte != 0) {
                end = offset + last as u64 + 1;
            }
            offset += bytes.len() as u64;
        }
    }

    /// The same scan, fetching this much at once from here on.
    pub(crate) fn reading_ahead(mut self, ahead: usize) -> Self {
        self.log.read_ahead = ahead;
        if let Some(bodies) = &mut self.bodies {
            bodies.read_ahead = ahead;
        }
        self
    }

    /// Forgets what was read ahead, because the file has grown.
    pub(crate) fn forget(&mut self) {
        self.log.forget();
        if let Some(bodies) = &mut self.bodies {
            bodies.forget();
        }
    }
}

fn is_zero(bytes: &[u8]) -> bool {
    bytes.iter().all(|byte| *byte == 0)
}

/// Names a damaged place.
pub(crate) fn damage(
    segment: String,
    frame: FrameIndex,
    offset: u64,
    position: Position,
    what: impl ToString,
) -> Damage {
    Damage { segment, frame, offset, position, what: what.to_string() }
}

/// Reads and checks the header of a segment's file.
pub(crate) fn read_header(
    window: &mut Window,
    name: SegmentName,
    kind: SegmentKind,
) -> Result<SegmentHeader, ScanError> {
    let path = window.path().to_owned();
    let bytes = window.bytes(0, SEGMENT_HEADER_BYTES_MAX)?;
    // The index as it is stated, though unproved: the best name there is for the place.
    let stated = bytes.get(40..48).map_or(0, |bytes| crate::record::u64_at(bytes, 0));
    let refuse = |what: &dyn ToString| {
        damage(path.clone(), FrameIndex(stated), 0, name.position, what.to_string()).into()
    };
    let header = match SegmentHeader::decode(bytes) {
        Ok(header) => header,
        Err(SegmentError::Format(format)) => return Err(ScanError::Format { file: path, format }),
        Err(error) => return Err(refuse(&error)),
    };
    if header.kind != kind || header.name() != name {
        return Err(refuse(&"the file is that of another segment"));
    }
    Ok(header)
}
