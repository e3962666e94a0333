//! Frames whose every checksum holds and which are not what the writer wrote: somebody with the
//! files and the format at hand. Opening and `verify` name them as damage.

use deeds_chronicle::checksum::checksum;
use deeds_chronicle::frame::{
    Epoch, FRAME_HEADER_BYTES, FrameHeader, FrameIndex, FrameKind, decode_block, encode_block,
};
use deeds_chronicle::segment::SegmentHeader;
use deeds_chronicle::{Damage, OpenError, ReadError, RecordHeader, VerifyError, Writer, verify};
use deeds_sim::ModelDisk;
use deeds_values::{Lineage, Position, Timestamp};

use crate::histories::{append, create, options};

const PATH: &str = "head/00000000000000000000-00000000";

/// The last frame of records, taken apart.
struct Parts {
    header: FrameHeader,
    records: Vec<RecordHeader>,
    bodies: Vec<u8>,
}

/// A chronicle of two records in two frames, and a third frame as `change` makes it.
fn with_last_frame(change: impl FnOnce(&mut Parts)) -> ModelDisk {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), options());
    append(&mut writer, 1);
    let start = disk.bytes(PATH).len();
    append(&mut writer, 1);
    drop(writer);
    disk.tamper(PATH, |bytes| {
        let salt = SegmentHeader::decode(bytes).unwrap().salt;
        let header = FrameHeader::decode(&bytes[start..], &salt).unwrap();
        let end = start + header.log_bytes() as usize;
        let mut rest = &bytes[start + FRAME_HEADER_BYTES..end];
        let mut records = Vec::new();
        while !rest.is_empty() {
            let (record, length) = RecordHeader::decode(rest).unwrap();
            records.push(record);
            rest = &rest[length..];
        }
        let bodies = decode_block(&bytes[end..], &header, &salt).unwrap().to_vec();
        let mut parts = Parts { header, records, bodies };
        change(&mut parts);
        let mut headers = Vec::new();
        parts.records.iter().for_each(|record| record.encode(&mut headers));
        parts.header.headers_checksum = checksum(&salt, &headers);
        bytes.truncate(start);
        bytes.extend(parts.header.encode(&salt));
        bytes.extend(headers);
        encode_block(bytes, parts.header.index, &parts.bodies, &salt);
    });
    disk.copy()
}

fn opened(disk: &ModelDisk) -> Result<(), Damage> {
    match Writer::open(disk.as_disk(), options()) {
        Ok(_) => Ok(()),
        Err(OpenError::Damaged(damage)) => Err(damage),
        Err(error) => panic!("{error:?}"),
    }
}

fn proved(disk: &ModelDisk) -> Result<(), Damage> {
    match verify(disk.as_disk(), &mut |_| {}) {
        Ok(_) => Ok(()),
        Err(VerifyError::Read(ReadError::Damaged(damage))) => Err(damage),
        Err(error) => panic!("{error:?}"),
    }
}

#[test]
fn a_frame_that_is_whole_and_untrue_is_damage() {
    let changes: [(&str, fn(&mut Parts)); 13] = [
        ("previous", |parts| parts.header.previous.0[3] ^= 1),
        ("root", |parts| parts.header.root.0[31] ^= 1),
        ("lineage", |parts| parts.header.lineage = Lineage([9; 8])),
        ("index", |parts| parts.header.index = FrameIndex(9)),
        ("durable through", |parts| parts.header.durable_through = FrameIndex(4)),
        ("first position", |parts| parts.header.first_position = Position(1)),
        ("epoch", |parts| parts.header.epoch = Epoch { term: 2, node: 0 }),
        ("kind", |parts| {
            parts.header.kind = FrameKind::EpochOpened;
            (parts.header.count, parts.header.headers_bytes, parts.header.bodies_bytes) = (0, 0, 0);
        }),
        ("count", |parts| parts.header.count = 2),
        ("position", |parts| parts.records[0].position = Position(5)),
        ("time", |parts| parts.records[0].time = Timestamp(3)),
        ("actor", |parts| parts.records[0].actor += 1),
        ("length of a body", |parts| parts.records[0].bodies[0].length -= 1),
    ];
    for (name, change) in changes {
        let disk = with_last_frame(change);
        for said in [opened(&disk), proved(&disk)] {
            let damage = said.expect_err(name);
            assert_eq!((damage.segment.as_str(), damage.frame), (PATH, FrameIndex(4)), "{name}");
            assert_eq!(damage.position, Position(2), "{name}");
        }
    }
    let unchanged = with_last_frame(|_| {});
    assert_eq!((opened(&unchanged), proved(&unchanged)), (Ok(()), Ok(())));
}

#[test]
fn a_body_that_is_not_what_its_header_commits_to_is_found_by_verify() {
    let disk = with_last_frame(|parts| parts.bodies[2] ^= 1);
    let damage = proved(&disk).unwrap_err();
    assert!(damage.what.contains("Arguments of position 2"), "{damage}");
}

/// A client that sends the bytes of a frame as arguments does not make a torn tail look like
/// damage: the segment's salt is not known to it.
#[test]
fn a_frame_in_a_body_does_not_pass_for_one() {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), options());
    let forged = FrameHeader {
        kind: FrameKind::EpochOpened,
        count: 0,
        lineage: crate::histories::LINEAGE,
        epoch: Epoch { term: 9, node: 0 },
        index: FrameIndex(99),
        first_position: Position(0),
        durable_through: FrameIndex(98),
        headers_bytes: 0,
        bodies_bytes: 0,
        previous: Default::default(),
        root: Default::default(),
        headers_checksum: 0,
    };
    let mut draft = crate::histories::draft(1);
    draft.bodies[0].bytes = [forged.encode(&[0; 16]), forged.encode(&[7; 16])].concat();
    let mark = disk.bytes("head/durable");
    writer.append(&[draft]).unwrap();
    drop(writer);
    disk.tamper("head/durable", |bytes| *bytes = mark);
    disk.tamper(PATH, |bytes| bytes.truncate(bytes.len() - 9));
    let (_, recovered) = Writer::open(disk.as_disk(), options()).unwrap();
    assert!(recovered.torn.is_some(), "{recovered:?}");
    assert_eq!(recovered.end, Position(1));
}
