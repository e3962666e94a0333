//! Records copied from one lineage to another: headers, salts and bodies byte for byte, so that
//! leaves, commitments and the tree over them stay what they were.

use crate::frame::FRAME_CONTENT_BYTES_MAX;
use crate::record::HEADER_FIXED_BYTES;
use crate::scan::StoredRecord;

/// Copies of consecutive records, to be appended as one frame.
#[derive(Default)]
pub(crate) struct RecordCopies {
    /// Encoded record headers.
    pub(crate) headers: Vec<u8>,
    /// Salts and bodies as they lay in their bodies blocks.
    pub(crate) bodies: Vec<u8>,
    pub(crate) count: u32,
}

impl RecordCopies {
    /// The bytes the copies take in a frame.
    pub(crate) fn bytes(&self) -> usize {
        self.headers.len() + self.bodies.len()
    }

    /// Whether a record fits the same frame.
    pub(crate) fn has_room_for(&self, record: &StoredRecord<'_>) -> bool {
        let bytes = record.header_bytes.len() + record.bodies.len();
        self.bytes() + bytes <= FRAME_CONTENT_BYTES_MAX
    }

    /// Adds a record whose bodies were read and proved.
    pub(crate) fn push(&mut self, record: &StoredRecord<'_>) {
        assert!(record.header_bytes.len() >= HEADER_FIXED_BYTES, "a header is whole");
        let bodies = record.header.stored_body_bytes();
        assert_eq!(record.bodies.len() as u64, bodies, "the bodies were read");
        self.headers.extend_from_slice(record.header_bytes);
        self.bodies.extend_from_slice(record.bodies);
        self.count += 1;
    }

    /// Forgets all, keeping the memory.
    pub(crate) fn clear(&mut self) {
        self.headers.clear();
        self.bodies.clear();
        self.count = 0;
    }
}
