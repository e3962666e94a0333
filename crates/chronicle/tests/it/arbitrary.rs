//! What arbitrary bytes may do to the decoders: nothing but be refused, or be the one encoding of a
//! value. Run by `codecs` with proptest's bytes, and by the targets in `fuzz/` with libFuzzer's.

use deeds_chronicle::RecordHeader;
use deeds_chronicle::frame::{FRAME_HEADER_BYTES, FrameHeader};
use deeds_chronicle::segment::SegmentHeader;

/// Bytes that may start with a record header.
pub(crate) fn header(bytes: &[u8]) {
    if let Ok((header, length)) = RecordHeader::decode(bytes) {
        let mut again = Vec::new();
        header.encode(&mut again);
        assert_eq!(again, bytes[..length], "a record header has one encoding");
    }
}

/// Bytes that may be a frame header, whatever their checksum, or a segment header.
pub(crate) fn frame(bytes: &[u8]) {
    if let Some(bytes) = bytes.first_chunk::<FRAME_HEADER_BYTES>()
        && let Ok(header) = FrameHeader::decode_fields(bytes)
    {
        let again = header.encode(&[0; 16]);
        assert_eq!(again[8..144], bytes[8..144], "a frame header has one encoding");
        assert_eq!(FrameHeader::decode(&again, &[0; 16]), Ok(header));
    }
    if let Ok(header) = SegmentHeader::decode(bytes) {
        let mut again = Vec::new();
        header.encode(&mut again);
        assert_eq!(again[..again.len() - 8], bytes[..again.len() - 8], "nor has a segment header");
    }
}

/// Bytes behind the first frames of a chronicle, whose checksums all hold: opening, reading and
/// proving it ends, without a panic, whatever it says.
#[cfg(feature = "plant")]
pub(crate) fn opening(bytes: &[u8]) {
    use deeds_chronicle::plant::ignore_checksums;
    use deeds_chronicle::{Reader, Writer, WriterOptions, verify};
    use deeds_values::Position;

    let disk = chronicle();
    ignore_checksums(true);
    disk.tamper("head/00000000000000000000-00000000", |file| file.extend_from_slice(bytes));
    disk.tamper("head/durable", Vec::clear);
    if let Ok(reader) = Reader::open(disk.as_disk()) {
        let _ = reader.stream(Position(0)).count();
        let _ = reader.record(Position(1));
    }
    let _ = verify(disk.as_disk(), &mut |_| {});
    if let Ok((writer, _)) = Writer::open(disk.as_disk(), WriterOptions::new(|| [1; 16])) {
        let _ = writer.reader().stream(Position(0)).count();
        let _ = writer.close();
    }
    ignore_checksums(false);
}

/// A chronicle of one record.
#[cfg(feature = "plant")]
fn chronicle() -> deeds_sim::ModelDisk {
    use deeds_chronicle::{
        Outcome, RecordDraft, RecordKind, StoredCommandId, Writer, WriterOptions,
    };
    use deeds_values::{Lineage, Position, Timestamp};

    let disk = deeds_sim::ModelDisk::new();
    let genesis = RecordDraft {
        position: Position(0),
        time: Timestamp(0),
        kind: RecordKind::Genesis,
        outcome: Outcome::None,
        actor: 0,
        credential: 0,
        command_id: StoredCommandId::None,
        cause: None,
        type_number: 0,
        code: 0,
        schema: 0,
        bodies: Vec::new(),
    };
    let options = WriterOptions::new(|| [0; 16]);
    let created = Writer::create(disk.as_disk(), options, Lineage([1; 8]), &[genesis]);
    drop(created.expect("an empty model disk without faults takes a chronicle"));
    disk
}
