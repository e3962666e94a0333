//! Durable records one after the other, from any position on, across segments.
//!
//! A record is given away whole, or lent: then its bodies stay where the frame was read, which is
//! what folding a long history wants.

use deeds_values::Position;

use crate::frame::FrameKind;
use crate::reader::{Durable, ReadError, Reader};
use crate::record::{Record, RecordHeader, RecordRef};
use crate::scan::{Depth, FrameBuffer, Point, SegmentScan, Within};
use crate::window::READ_AHEAD_BYTES;

/// See [`Reader::stream`].
pub struct Stream {
    reader: Reader,
    /// The next position to give.
    position: Position,
    durable: Option<Durable>,
    scan: Option<SegmentScan>,
    frame: FrameBuffer,
    frame_at: Option<Point>,
    within: Within,
    failed: bool,
}

impl Stream {
    pub(crate) fn new(reader: Reader, from: Position) -> Self {
        Self {
            reader,
            position: from,
            durable: None,
            scan: None,
            frame: FrameBuffer::new(),
            frame_at: None,
            within: Within::default(),
            failed: false,
        }
    }

    /// The next position this will give.
    pub fn next_position(&self) -> Position {
        self.position
    }

    /// The next record, lent until the one after is asked for; as [`next`](Iterator::next) else.
    pub fn lend(&mut self) -> Result<Option<RecordRef<'_>>, ReadError> {
        if self.failed {
            return Ok(None);
        }
        // Until it is told otherwise: every way out with an error leaves it so.
        self.failed = true;
        let read = self.read()?;
        self.failed = false;
        let Some((header, before)) = read else { return Ok(None) };
        let stored = self.frame.bodies_between(before, self.within);
        Ok(Some(RecordRef::new(header, stored).expect("its bodies were found a moment ago")))
    }

    /// The header of the next record, and where in the frame its bodies start.
    fn read(&mut self) -> Result<Option<(RecordHeader, Within)>, ReadError> {
        loop {
            if let (Some(at), Some(scan)) = (self.frame_at, &self.scan) {
                let before = self.within;
                let stored = self.frame.record(&mut self.within);
                let stored = stored.map_err(|what| scan.damage_at(at, what))?;
                match stored {
                    None => self.frame_at = None,
                    Some(stored) if stored.header.position < self.position => {}
                    Some(stored) if stored.header.position == self.position => {
                        let record = RecordRef::new(stored.header, stored.bodies);
                        let record = record.map_err(|what| scan.damage_at(at, what))?;
                        self.position = self.position.next();
                        return Ok(Some((record.header, before)));
                    }
                    Some(stored) => {
                        let found = stored.header.position;
                        let what =
                            format!("position {found} stands where {} should", self.position);
                        return Err(scan.damage_at(at, what).into());
                    }
                }
            } else if !self.read_frame()? {
                return Ok(None);
            }
        }
    }

    /// Reads the next frame of records; `false` at the end of what is durable.
    fn read_frame(&mut self) -> Result<bool, ReadError> {
        let durable = match self.durable {
            Some(durable) if self.position < durable.at.position => durable,
            _ => {
                let durable = self.reader.durable()?;
                self.durable = Some(durable);
                // What was read ahead may have been written meanwhile.
                self.scan.iter_mut().for_each(SegmentScan::forget);
                durable
            }
        };
        if self.position >= durable.at.position {
            return Ok(false);
        }
        let mut scan = match self.scan.take() {
            Some(scan) => scan,
            None => self.reader.locate(self.position, durable)?.reading_ahead(READ_AHEAD_BYTES),
        };
        while scan.header.number < durable.segment {
            let next = self.reader.segment(scan.header.number + 1)?;
            if scan.at.index < next.first_index {
                break;
            }
            scan.check_sealed_end()?;
            let disk = self.reader.disk().as_ref();
            scan = SegmentScan::open(disk, next.name(), READ_AHEAD_BYTES)?;
        }
        let at = scan.at;
        if !scan.next(&mut self.frame, Depth::Bodies)? {
            return Err(scan.damage_at(at, "the file ends before its last frame").into());
        }
        let holds_records = self.frame.header.kind == FrameKind::Records;
        self.frame_at = holds_records.then_some(at);
        self.within = Within::default();
        self.scan = Some(scan);
        Ok(true)
    }
}

impl Iterator for Stream {
    type Item = Result<Record, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        self.lend().map(|record| record.map(|record| record.to_record())).transpose()
    }
}
