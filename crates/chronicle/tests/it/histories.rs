//! Small histories that the tests write: drafts, options without chance, and reading all back.

use std::sync::Arc;

use deeds_chronicle::{
    Appended, BodyClass, BodyDraft, CommitmentKind, Disk, Outcome, ReadError, Reader, Record,
    RecordDraft, RecordKind, StoredCommandId, Writer, WriterOptions,
};
use deeds_values::{Lineage, Position, Timestamp};

/// The lineage of every chronicle in the tests.
pub(crate) const LINEAGE: Lineage = Lineage(*b"testline");

/// A draft whose every field follows from its position: the same position, the same bytes.
pub(crate) fn draft(position: u64) -> RecordDraft {
    let personal = position % 3 == 1;
    let mut bodies = vec![BodyDraft {
        class: BodyClass::Arguments,
        commitment: CommitmentKind::Plain,
        bytes: format!("arguments of {position}").into_bytes(),
    }];
    if personal {
        bodies.push(BodyDraft {
            class: BodyClass::PersonalArguments,
            commitment: CommitmentKind::Salted,
            bytes: format!("Ann, number {position}").into_bytes(),
        });
    }
    RecordDraft {
        position: Position(position),
        time: Timestamp(1_000_000 + position as i64 / 2),
        kind: if position == 0 { RecordKind::Genesis } else { RecordKind::Command },
        outcome: if position == 0 { Outcome::None } else { Outcome::Accepted },
        actor: 7,
        credential: 0,
        command_id: match position % 3 {
            0 => StoredCommandId::None,
            1 => StoredCommandId::Unique([position as u8; 16]),
            _ => StoredCommandId::Numbered { source: 3, number: position },
        },
        cause: (position > 4).then(|| Position(position - 4)),
        type_number: 2,
        code: 1,
        schema: 1,
        bodies,
    }
}

/// A draft with a body of many bytes.
pub(crate) fn large_draft(position: u64, bytes: usize) -> RecordDraft {
    let mut draft = draft(position);
    draft.bodies[0].bytes = (0..bytes).map(|i| (i as u64 * 31 + position) as u8).collect();
    draft
}

/// Drafts of consecutive positions.
pub(crate) fn drafts(positions: std::ops::Range<u64>) -> Vec<RecordDraft> {
    positions.map(draft).collect()
}

/// Options whose salts count up, and where nothing is written ahead.
pub(crate) fn options() -> WriterOptions {
    let mut count = 0_u128;
    let options = WriterOptions::new(move || {
        count += 1;
        count.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835).to_le_bytes()
    });
    WriterOptions { write_ahead_bytes: 0, ..options }
}

/// The same, where small frames are written into zeros.
pub(crate) fn written_ahead(bytes: u64) -> WriterOptions {
    WriterOptions { write_ahead_bytes: bytes, ..options() }
}

/// Options with small segments.
pub(crate) fn small_segments(bytes: u64) -> WriterOptions {
    WriterOptions { segment_bytes_max: bytes, ..options() }
}

/// A chronicle whose first frame is the record at 0.
pub(crate) fn create(disk: &Arc<dyn Disk>, options: WriterOptions) -> Writer {
    Writer::create(disk.clone(), options, LINEAGE, &drafts(0..1)).unwrap()
}

/// Appends the next `count` records as one frame.
pub(crate) fn append(writer: &mut Writer, count: u64) -> Appended {
    let first = writer.end().0;
    writer.append(&drafts(first..first + count)).unwrap()
}

/// All durable records.
pub(crate) fn read_all(reader: &Reader) -> Result<Vec<Record>, ReadError> {
    reader.stream(Position(0)).collect()
}

/// Asserts that records are what their positions say they should be.
pub(crate) fn assert_as_drafted(records: &[Record]) {
    for (position, record) in records.iter().enumerate() {
        assert_same(record, &draft(position as u64));
    }
}

/// Asserts that a record is what was drafted.
pub(crate) fn assert_same(record: &Record, draft: &RecordDraft) {
    let RecordDraft { position, time, kind, outcome, actor, credential, command_id, .. } = draft;
    let header = &record.header;
    assert_eq!((header.position, header.time), (*position, *time));
    assert_eq!((header.kind, header.outcome), (*kind, *outcome));
    assert_eq!((header.actor, header.credential), (*actor, *credential));
    assert_eq!((header.command_id, header.cause), (*command_id, draft.cause));
    assert_eq!(
        (header.type_number, header.code, header.schema),
        (draft.type_number, draft.code, draft.schema)
    );
    let bodies: Vec<_> = record.bodies.iter().map(|b| (b.class, b.bytes.as_slice())).collect();
    let drafted: Vec<_> = draft.bodies.iter().map(|b| (b.class, b.bytes.as_slice())).collect();
    assert_eq!(bodies, drafted, "position {position}");
}
