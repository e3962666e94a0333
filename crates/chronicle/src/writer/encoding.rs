//! From records to the bytes of a frame. Encoding moves tree, chain and index on: what is encoded has
//! to be written.

use deeds_values::{Position, Timestamp};

use super::{Appended, Writer};
use crate::body::{BodyDraft, commitment};
use crate::checksum::checksum;
use crate::copies::RecordCopies;
use crate::frame::{
    FRAME_CONTENT_BYTES_MAX, FRAME_HEADER_BYTES, FrameHeader, FrameIndex, FrameKind, encode_block,
    frame_hash,
};
use crate::merkle::Hash;
use crate::record::{BodyHeader, RecordDraft, RecordHeader, leaf_hash};

impl Writer {
    pub(super) fn encode_control(&mut self, kind: FrameKind) {
        self.frame.clear();
        self.frame.resize(FRAME_HEADER_BYTES, 0);
        self.bodies.clear();
        self.finish_frame(kind, 0);
    }

    /// Encodes the frame of records, and moves tree, chain and index behind it.
    pub(super) fn encode_records(&mut self, records: &[RecordDraft]) -> Appended {
        assert!(!records.is_empty(), "a frame of records has records");
        let (first, frame) = (self.end(), self.index);
        self.frame.clear();
        self.frame.resize(FRAME_HEADER_BYTES, 0);
        self.bodies.clear();
        for record in records {
            assert_eq!(record.position, self.end(), "the caller counts as the chronicle does");
            assert!(self.proof.time <= Some(record.time), "the time of records never runs back");
            let header = header_of(record, &mut self.bodies, &mut self.options.salts);
            let start = self.frame.len();
            header.encode(&mut self.frame);
            self.push_leaf(leaf_hash(&self.frame[start..]), record.time);
        }
        let count = u32::try_from(records.len()).expect("a frame has fewer records than bytes");
        let root = self.finish_frame(FrameKind::Records, count);
        Appended { first, count, frame, root }
    }

    /// As [`encode_records`](Self::encode_records), from copies.
    pub(super) fn encode_copies(&mut self, copies: &RecordCopies) -> Appended {
        assert!(copies.count > 0, "a frame of records has records");
        assert!(copies.bytes() <= FRAME_CONTENT_BYTES_MAX, "the copies fit a frame");
        let (first, frame) = (self.end(), self.index);
        self.frame.clear();
        self.frame.resize(FRAME_HEADER_BYTES, 0);
        self.frame.extend_from_slice(&copies.headers);
        self.bodies.clear();
        self.bodies.extend_from_slice(&copies.bodies);
        let mut rest = copies.headers.as_slice();
        while !rest.is_empty() {
            let (header, length) = RecordHeader::decode(rest).expect("copies are whole headers");
            assert_eq!(header.position, self.end(), "copies come in order");
            assert!(self.proof.time <= Some(header.time), "the time of records never runs back");
            self.push_leaf(leaf_hash(&rest[..length]), header.time);
            rest = &rest[length..];
        }
        assert_eq!(self.end().0 - first.0, u64::from(copies.count), "every copy is a leaf");
        let root = self.finish_frame(FrameKind::Records, copies.count);
        Appended { first, count: copies.count, frame, root }
    }

    fn push_leaf(&mut self, leaf: Hash, time: Timestamp) {
        let tiles = &mut self.tiles;
        self.proof.frontier.push(leaf, |height, hash| tiles.completed(height, hash));
        self.proof.time = Some(time);
    }

    /// Puts the frame header before the record headers, and the bodies block behind them.
    fn finish_frame(&mut self, kind: FrameKind, count: u32) -> Hash {
        let salt = &self.head.header.salt;
        let headers = &self.frame[FRAME_HEADER_BYTES..];
        let root = self.proof.frontier.root();
        let before = FrameIndex(self.index.0 - 1);
        let header = FrameHeader {
            kind,
            count,
            lineage: self.head.header.lineage,
            epoch: self.epoch,
            index: if kind.is_local() { before } else { self.index },
            first_position: Position(self.proof.frontier.size() - u64::from(count)),
            durable_through: before,
            headers_bytes: u32::try_from(headers.len()).expect("a frame is below 4 MiB"),
            bodies_bytes: u32::try_from(self.bodies.len()).expect("a frame is below 4 MiB"),
            previous: self.proof.hash,
            root,
            headers_checksum: checksum(salt, headers),
        };
        let header_bytes = header.encode(salt);
        if !kind.is_local() {
            self.proof.hash = frame_hash(&header_bytes, headers);
            self.index = self.index.next();
        }
        self.frame[..FRAME_HEADER_BYTES].copy_from_slice(&header_bytes);
        encode_block(&mut self.frame, header.index, &self.bodies, salt);
        assert_eq!(self.frame.len() as u64, header.log_bytes() + header.block_bytes());
        root
    }
}

/// The header of a draft, whose salts and bodies are appended to `bodies`.
fn header_of(
    record: &RecordDraft,
    bodies: &mut Vec<u8>,
    salts: &mut Box<dyn FnMut() -> [u8; 16] + Send>,
) -> RecordHeader {
    let mut place = |body: &BodyDraft| {
        let start = bodies.len();
        if body.commitment.salt_bytes() > 0 {
            bodies.extend_from_slice(&salts());
        }
        bodies.extend_from_slice(&body.bytes);
        BodyHeader {
            class: body.class,
            kind: body.commitment,
            length: u32::try_from(body.bytes.len()).expect("a body is shorter than a frame"),
            commitment: commitment(body.commitment, body.class, &bodies[start..]),
        }
    };
    RecordHeader {
        position: record.position,
        time: record.time,
        kind: record.kind,
        outcome: record.outcome,
        actor: record.actor,
        credential: record.credential,
        command_id: record.command_id,
        cause: record.cause,
        type_number: record.type_number,
        code: record.code,
        schema: record.schema,
        bodies: record.bodies.iter().map(&mut place).collect(),
    }
}
