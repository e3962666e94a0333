//! What only hashing can tell of a frame: that it continues the chain, that its records are dense,
//! ordered in time and canonical, and that the tree over them has the root it states.

use deeds_values::{Position, Timestamp};

use crate::body::commitment;
use crate::frame::{FrameKind, frame_hash};
use crate::merkle::{Frontier, Hash};
use crate::record::{RecordHeader, leaf_hash};
use crate::scan::{FrameBuffer, StoredRecord, Within};
use crate::segment::SegmentHeader;

/// The end of what is proved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Proof {
    /// The hash of the last frame.
    pub(crate) hash: Hash,
    /// The tree over all records.
    pub(crate) frontier: Frontier,
    /// The time of the last record.
    pub(crate) time: Option<Timestamp>,
}

impl Proof {
    /// What a segment's header says of all before it.
    pub(crate) fn before(header: &SegmentHeader) -> Self {
        Self { hash: header.previous_hash, frontier: header.frontier.clone(), time: header.time }
    }

    /// Proves the next frame, whose record headers have been read. `completed` hears of each
    /// subtree of the tree that a record completes.
    pub(crate) fn check(
        &mut self,
        frame: &FrameBuffer,
        mut completed: impl FnMut(u32, Hash),
    ) -> Result<(), String> {
        if frame.header.previous != self.hash {
            return Err("the frame does not name the hash of the one before".to_owned());
        }
        let mut at = Within::default();
        let mut count = 0;
        while let Some(record) = frame.record(&mut at)? {
            self.check_record(&record)?;
            self.frontier.push(leaf_hash(record.header_bytes), &mut completed);
            count += 1;
        }
        if count != frame.header.count || at.bodies != frame.header.bodies_bytes as usize {
            return Err("the frame holds other records than it states".to_owned());
        }
        if frame.header.root != self.frontier.root() {
            return Err("the frame's Merkle root is not that of the records".to_owned());
        }
        match frame.header.kind {
            FrameKind::CleanClose => {}
            FrameKind::Records | FrameKind::EpochOpened => {
                self.hash = frame_hash(&frame.header_bytes, &frame.record_headers);
            }
        }
        Ok(())
    }

    fn check_record(&mut self, record: &StoredRecord<'_>) -> Result<(), String> {
        let expected = Position(self.frontier.size());
        if record.header.position != expected {
            let found = record.header.position;
            return Err(format!("position {found} stands where {expected} should"));
        }
        if self.time.is_some_and(|time| record.header.time < time) {
            return Err(format!("time runs backward at position {expected}"));
        }
        self.time = Some(record.header.time);
        Ok(())
    }
}

/// Proves the bodies of a frame against the commitments of its headers.
pub(crate) fn check_commitments(frame: &FrameBuffer) -> Result<(), String> {
    let mut at = Within::default();
    while let Some(record) = frame.record(&mut at)? {
        prove_bodies(&record.header, record.bodies)?;
    }
    Ok(())
}

/// Proves the salts and bodies of one record against the commitments of its header.
pub(crate) fn prove_bodies(header: &RecordHeader, mut stored: &[u8]) -> Result<(), String> {
    for body in &header.bodies {
        let length = body.kind.salt_bytes() + body.length as usize;
        let (this, behind) =
            stored.split_at_checked(length).ok_or("a body is missing in the bodies block")?;
        if commitment(body.kind, body.class, this) != body.commitment {
            let (class, position) = (body.class, header.position);
            return Err(format!("{class:?} of position {position} is not what was committed"));
        }
        stored = behind;
    }
    Ok(())
}
