//! Encodings: what is encoded is decoded as it was, and what is decoded has one encoding. The fuzz
//! targets in `fuzz/` look for the same with more patience.

use deeds_chronicle::body::{BodyClass, CommitmentKind};
use deeds_chronicle::frame::{
    Epoch, FRAME_HEADER_BYTES, FrameError, FrameHeader, FrameIndex, FrameKind, decode_block,
    encode_block,
};
use deeds_chronicle::merkle::Frontier;
use deeds_chronicle::record::{BodyHeader, HeaderError};
use deeds_chronicle::segment::{SegmentHeader, SegmentKind, SegmentName};
use deeds_chronicle::{Hash, Outcome, RecordHeader, RecordKind, StoredCommandId};
use deeds_values::{Lineage, Position, Timestamp};
use proptest::prelude::*;

use crate::arbitrary;

fn hash() -> impl Strategy<Value = Hash> {
    any::<[u8; 32]>().prop_map(Hash)
}

fn command_id() -> impl Strategy<Value = StoredCommandId> {
    prop_oneof![
        Just(StoredCommandId::None),
        any::<[u8; 16]>().prop_map(StoredCommandId::Unique),
        any::<(u32, u64)>()
            .prop_map(|(source, number)| StoredCommandId::Numbered { source, number }),
    ]
}

fn bodies() -> impl Strategy<Value = Vec<BodyHeader>> {
    let body = (any::<bool>(), any::<u32>(), hash());
    prop::collection::btree_map(1_u16..=5, body, 0..=5).prop_map(|bodies| {
        let header = |(class, (salted, length, commitment))| BodyHeader {
            class: BodyClass::from_number(class).unwrap(),
            kind: if salted { CommitmentKind::Salted } else { CommitmentKind::Plain },
            length,
            commitment,
        };
        bodies.into_iter().map(header).collect()
    })
}

prop_compose! {
    pub(crate) fn record_header()(
        position in 0..u64::MAX - 1,
        time in any::<i64>(),
        kind in 1_u8..=10,
        outcome in 0_u8..=3,
        numbers in any::<[u32; 5]>(),
        command_id in command_id(),
        cause in any::<Option<u64>>(),
        bodies in bodies(),
    ) -> RecordHeader {
        RecordHeader {
            position: Position(position),
            time: Timestamp(time),
            kind: RecordKind::from_number(kind).unwrap(),
            outcome: Outcome::from_number(outcome).unwrap(),
            actor: numbers[0],
            credential: numbers[1],
            command_id,
            cause: cause.filter(|_| position > 0).map(|cause| Position(cause % position)),
            type_number: numbers[2],
            code: numbers[3],
            schema: numbers[4],
            bodies: bodies.into_iter().collect(),
        }
    }
}

prop_compose! {
    pub(crate) fn frame_header()(
        kind in prop_oneof![
            Just(FrameKind::Records), Just(FrameKind::EpochOpened), Just(FrameKind::CleanClose)
        ],
        count in 1_u32..1_000_000,
        lineage in any::<[u8; 8]>(),
        numbers in any::<[u64; 6]>(),
        lengths in (0_u32..2 << 20, 0_u32..2 << 20),
        previous in hash(),
        root in hash(),
    ) -> FrameHeader {
        let records = kind == FrameKind::Records;
        FrameHeader {
            kind,
            count: if records { count } else { 0 },
            lineage: Lineage(lineage),
            epoch: Epoch { term: numbers[0], node: numbers[1] },
            index: FrameIndex(numbers[2]),
            first_position: Position(numbers[3]),
            durable_through: FrameIndex(numbers[4]),
            headers_bytes: if records { lengths.0 } else { 0 },
            bodies_bytes: if records { lengths.1 / 2 } else { 0 },
            previous,
            root,
            headers_checksum: numbers[5],
        }
    }
}

prop_compose! {
    fn segment_header()(
        kind in prop_oneof![
            Just(SegmentKind::Head), Just(SegmentKind::Log), Just(SegmentKind::Bodies)
        ],
        lineage in any::<[u8; 8]>(),
        numbers in any::<[u64; 5]>(),
        time in any::<Option<i64>>(),
        salt in any::<[u8; 16]>(),
        previous_hash in hash(),
        size in any::<u64>(),
        subtree in hash(),
    ) -> SegmentHeader {
        let subtrees = vec![subtree; size.count_ones() as usize];
        SegmentHeader {
            kind,
            lineage: Lineage(lineage),
            number: numbers[0],
            first_index: FrameIndex(numbers[1]),
            previous_end: numbers[2],
            previous_hash,
            salt,
            time: time.filter(|time| *time != i64::MIN).map(Timestamp),
            epoch: Epoch { term: numbers[3], node: numbers[4] },
            frontier: Frontier::from_subtrees(size, subtrees).unwrap(),
        }
    }
}

proptest! {
    #[test]
    fn a_record_header_is_decoded_as_it_was(header in record_header(), behind in any::<Vec<u8>>()) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let length = bytes.len();
        prop_assert_eq!(length, header.encoded_bytes());
        bytes.extend(behind);
        prop_assert_eq!(RecordHeader::decode(&bytes), Ok((header, length)));
        for short in 0..length {
            prop_assert_eq!(RecordHeader::decode(&bytes[..short]), Err(HeaderError::Short));
        }
    }

    #[test]
    fn a_changed_record_header_is_refused_or_another_one(
        header in record_header(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let at = at.index(bytes.len());
        bytes[at] = byte;
        arbitrary::header(&bytes);
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_a_canonical_record_header(
        mut bytes in prop::collection::vec(any::<u8>(), 0..200), like in any::<bool>(),
    ) {
        if like && bytes.len() > 8 {
            // Mostly right, so that decoding comes further.
            bytes[0] = 0;
            bytes[1] = 1 + bytes[1] % 10;
            bytes[2] %= 4;
            bytes[3] %= 3;
            bytes[4] %= 3;
            bytes[5..8].fill(0);
        }
        arbitrary::header(&bytes);
    }

    #[test]
    fn a_frame_header_is_decoded_as_it_was(header in frame_header(), salt in any::<[u8; 16]>()) {
        let bytes = header.encode(&salt);
        prop_assert_eq!(FrameHeader::decode(&bytes, &salt), Ok(header));
        prop_assert_eq!(FrameHeader::decode(&bytes[1..], &salt), Err(FrameError::Short));
        let other = [salt[0] ^ 1; 16];
        prop_assert!(FrameHeader::decode(&bytes, &other).is_err(), "another segment's salt");
    }

    #[test]
    fn arbitrary_bytes_are_refused_or_a_canonical_frame_header(
        header in frame_header(), changes in prop::collection::vec((0..FRAME_HEADER_BYTES, any::<u8>()), 0..4),
    ) {
        let mut bytes = header.encode(&[0; 16]);
        for (at, byte) in changes {
            bytes[at] = byte;
        }
        arbitrary::frame(&bytes);
    }

    #[test]
    fn a_segment_header_is_decoded_as_it_was(header in segment_header(), behind in any::<Vec<u8>>()) {
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        let length = bytes.len();
        prop_assert_eq!(length as u64, header.encoded_bytes());
        bytes.extend(behind);
        prop_assert_eq!(SegmentHeader::decode(&bytes), Ok(header.clone()));
        prop_assert!(SegmentHeader::decode(&bytes[..length - 1]).is_err());
        prop_assert_eq!(SegmentName::parse(&header.name().to_string()), Some(header.name()));
    }

    #[test]
    fn a_bodies_block_is_decoded_as_it_was(
        mut header in frame_header(), bodies in any::<Vec<u8>>(), salt in any::<[u8; 16]>(),
    ) {
        header.bodies_bytes = bodies.len() as u32;
        let mut block = Vec::new();
        encode_block(&mut block, header.index, &bodies, &salt);
        prop_assert_eq!(block.len() as u64, header.block_bytes());
        prop_assert_eq!(decode_block(&block, &header, &salt), Ok(bodies.as_slice()));
        header.index = FrameIndex(header.index.0 ^ 1);
        prop_assert!(bodies.is_empty() || decode_block(&block, &header, &salt).is_err());
    }
}

#[test]
fn only_the_one_spelling_of_a_segment_name_is_one() {
    let name = SegmentName { position: Position(7), number: 3 };
    assert_eq!(name.to_string(), "00000000000000000007-00000003");
    for other in
        ["7-3", "durable", "00000000000000000007-00000003.new", "+0000000000000000007-00000003"]
    {
        assert_eq!(SegmentName::parse(other), None, "{other}");
    }
}
