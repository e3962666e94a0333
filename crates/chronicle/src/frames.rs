//! Durable frames one after the other, whole and across segments: what copying reads.
//!
//! Unlike a [`Stream`](crate::Stream) this sees the frames themselves, with those that hold no
//! records; frames of one node alone are passed over. At the end it can be asked again.

use crate::frame::FrameIndex;
use crate::merkle::Hash;
use crate::reader::{Durable, ReadError, Reader};
use crate::scan::{Depth, FrameBuffer, Point, SegmentScan};
use crate::segment::SegmentHeader;
use crate::window::READ_AHEAD_BYTES;

/// See the module.
pub(crate) struct Frames {
    reader: Reader,
    durable: Option<Durable>,
    scan: SegmentScan,
    /// Where the frame that was read last begins.
    at: Point,
}

impl Frames {
    /// From the start of a segment, by its number.
    pub(crate) fn of_segment(reader: Reader, number: u64) -> Result<Self, ReadError> {
        let header = reader.segment(number)?;
        let scan = SegmentScan::open(reader.disk().as_ref(), header.name(), READ_AHEAD_BYTES)?;
        let at = scan.at;
        Ok(Self { reader, durable: None, scan, at })
    }

    /// The segment of the frame that was read last.
    pub(crate) fn segment(&self) -> &SegmentHeader {
        &self.scan.header
    }

    /// Reads the next durable frame, down to its bodies; `false` at the end of what is durable.
    pub(crate) fn next(&mut self, frame: &mut FrameBuffer) -> Result<bool, ReadError> {
        loop {
            if !self.is_before_end()? {
                return Ok(false);
            }
            self.at = self.scan.at;
            if !self.scan.next(frame, Depth::Bodies)? {
                return Err(self.damage("the file ends before its last frame"));
            }
            if !frame.header.kind.is_local() {
                return Ok(true);
            }
        }
    }

    /// Passes over the frames of this segment before an index; gives the hash of the last of them,
    /// or `None` if the durable ones end before.
    pub(crate) fn skip_to(&mut self, index: FrameIndex) -> Result<Option<Hash>, ReadError> {
        let mut hash = self.scan.header.previous_hash;
        let mut frame = FrameBuffer::new();
        while self.scan.at.index < index {
            if !self.is_before_end()? {
                return Ok(None);
            }
            // Of the frames before the last only the length is wanted.
            let last = self.scan.at.index.next() == index;
            let depth = if last { Depth::RecordHeaders } else { Depth::FrameHeader };
            self.at = self.scan.at;
            if !self.scan.next(&mut frame, depth)? {
                return Err(self.damage("the file ends before its last frame"));
            }
            if last && !frame.header.kind.is_local() {
                hash = crate::frame::frame_hash(&frame.header_bytes, &frame.record_headers);
            }
        }
        Ok(Some(hash))
    }

    /// Damage at the frame that was read last.
    pub(crate) fn damage(&self, what: impl ToString) -> ReadError {
        self.scan.damage_at(self.at, what).into()
    }

    /// Moves to the segment of the next frame; `false` if no frame more is durable.
    fn is_before_end(&mut self) -> Result<bool, ReadError> {
        loop {
            let ended = |durable: &Durable, scan: &SegmentScan| {
                let here = scan.header.number >= durable.segment;
                here && scan.at.index >= durable.at.index
            };
            let durable = match self.durable {
                Some(durable) if !ended(&durable, &self.scan) => durable,
                _ => {
                    let durable = self.reader.durable()?;
                    self.durable = Some(durable);
                    // What was read ahead may have been written meanwhile.
                    self.scan.forget();
                    durable
                }
            };
            if ended(&durable, &self.scan) {
                return Ok(false);
            }
            if self.scan.header.number == durable.segment {
                return Ok(true);
            }
            let next = self.reader.segment(self.scan.header.number + 1)?;
            if self.scan.at.index < next.first_index {
                return Ok(true);
            }
            self.scan.check_sealed_end()?;
            let disk = self.reader.disk().as_ref();
            self.scan = SegmentScan::open(disk, next.name(), READ_AHEAD_BYTES)?;
            self.at = self.scan.at;
        }
    }
}
