//! Chronicles of every released format, as files that never change: each is opened, read, proved and
//! continued by every later version. `docs/format.md` explains their bytes.
//!
//! `tests/golden/format-1/*.txt` are directories spelt out: a line for each file, then its bytes in
//! hexadecimal, 32 to a line; `zeros N` stands for N lines of them. They were written by the functions
//! below with the writer of the day on which the format was frozen. A format is added, never changed: if
//! the first test fails, today's writer writes something else, and old versions may not read it.
//!
//! `DEEDS_GOLDEN=write` spells them anew: for a format that is not released yet.

use std::path::PathBuf;
use std::sync::Arc;

use deeds_chronicle::note::{NoteSigner, SecretKey};
use deeds_chronicle::{
    Archived, Checkpoint, Comparison, Cut, Disk, GuardFile, GuardFinding, Marker, OpenError,
    Origin, Reader, Writer, WriterOptions, restore, verify, verify_against,
};
use deeds_sim::ModelDisk;
use deeds_values::{Lineage, Position};

use crate::backups::{NEW_LINEAGE, OWNER, back_up, said};
use crate::histories::{
    LINEAGE, append, assert_as_drafted, create, options, read_all, small_segments, written_ahead,
};

/// A chronicle of format 1, and what has to be found in it.
struct Golden {
    name: &'static str,
    write: fn() -> ModelDisk,
    lineage: Lineage,
    records: u64,
    /// Bytes that a cut-off writer left.
    torn: u64,
    closed: bool,
}

const GOLDEN: &[Golden] = &[
    Golden {
        name: "founded",
        write: founded,
        lineage: LINEAGE,
        records: 1,
        torn: 0,
        closed: false,
    },
    Golden { name: "closed", write: closed, lineage: LINEAGE, records: 3, torn: 0, closed: true },
    Golden { name: "sealed", write: sealed, lineage: LINEAGE, records: 7, torn: 0, closed: true },
    Golden { name: "ahead", write: ahead, lineage: LINEAGE, records: 4, torn: 0, closed: false },
    Golden { name: "torn", write: torn, lineage: LINEAGE, records: 3, torn: 100, closed: false },
    Golden {
        name: "torn-kept",
        write: torn_kept,
        lineage: LINEAGE,
        records: 5,
        torn: 0,
        closed: false,
    },
    Golden {
        name: "restored",
        write: restored,
        lineage: NEW_LINEAGE,
        records: 6,
        torn: 0,
        closed: true,
    },
];

/// Nothing but the first record.
fn founded() -> ModelDisk {
    let disk = ModelDisk::new();
    drop(create(&disk.as_disk(), options()));
    disk
}

/// Two frames and a clean close, with a guard file beside.
fn closed() -> ModelDisk {
    let disk = ModelDisk::new();
    let guard = GuardFile { disk: disk.as_disk(), path: "guard".to_owned() };
    let mut writer = create(&disk.as_disk(), WriterOptions { guard: Some(guard), ..options() });
    append(&mut writer, 2);
    writer.close().unwrap();
    disk
}

/// Segments split into headers and bodies, over two lives.
fn sealed() -> ModelDisk {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), small_segments(700));
    append(&mut writer, 2);
    append(&mut writer, 1);
    writer.close().unwrap();
    let (mut writer, _) = Writer::open(disk.as_disk(), small_segments(700)).unwrap();
    append(&mut writer, 3);
    writer.close().unwrap();
    disk
}

/// Zeros behind the last frame.
fn ahead() -> ModelDisk {
    let disk = ModelDisk::new();
    let bounded = WriterOptions { segment_bytes_max: 4_000, ..written_ahead(9_000) };
    let mut writer = create(&disk.as_disk(), bounded);
    for _ in 0..3 {
        append(&mut writer, 1);
    }
    disk
}

/// The power went while the last frame was written: 100 bytes of it arrived.
fn torn() -> ModelDisk {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), options());
    append(&mut writer, 2);
    let (path, good) = head_of(&disk);
    let mark = disk.bytes("head/durable");
    append(&mut writer, 2);
    drop(writer);
    disk.tamper("head/durable", |bytes| *bytes = mark);
    disk.tamper(&path, |bytes| bytes.truncate(good + 100));
    disk
}

/// The same, opened, gone on with in another segment, and the torn bytes kept aside.
fn torn_kept() -> ModelDisk {
    let disk = torn().copy();
    let (mut writer, _) = Writer::open(disk.as_disk(), options()).unwrap();
    append(&mut writer, 2);
    disk
}

/// From an archive, up to a position, into a lineage of its own.
fn restored() -> ModelDisk {
    let archived = Archived::open(archive().as_disk()).unwrap();
    let disk = ModelDisk::new();
    let target = (disk.as_disk(), small_segments(1_000), NEW_LINEAGE);
    restore(&archived, Cut::Through(Position(4)), target, said, &mut |_| {}).unwrap();
    disk
}

/// What a backup of `sealed` writes.
fn archive() -> ModelDisk {
    let archive = ModelDisk::new();
    drop(back_up(&Reader::open(sealed().as_disk()).unwrap(), &archive).unwrap());
    archive
}

fn head_of(disk: &ModelDisk) -> (String, usize) {
    let mut files = disk.files().into_iter();
    let (path, bytes) = files.find(|(path, _)| path.starts_with("head/0")).unwrap();
    (path, bytes as usize)
}

fn place(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1").join(name)
}

#[expect(clippy::disallowed_methods, reason = "golden files lie beside the tests")]
fn golden(name: &str) -> String {
    let path = place(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The same; written first, if that is asked for.
#[expect(clippy::disallowed_methods, reason = "golden files lie beside the tests")]
fn golden_of(name: &str, now: &str) -> String {
    let path = place(name);
    if std::env::var_os("DEEDS_GOLDEN").is_some_and(|mode| mode == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, now).unwrap();
    }
    golden(name)
}

/// A directory as text.
fn spell(disk: &ModelDisk) -> String {
    let mut text = String::new();
    for (path, _) in disk.files() {
        text += &format!("{path}\n");
        let bytes = disk.bytes(&path);
        for lines in bytes.chunks(32).collect::<Vec<_>>().chunk_by(|a, b| a == b) {
            if lines[0] == [0; 32] {
                text += &format!("  zeros {}\n", lines.len());
                continue;
            }
            for line in lines {
                let hex: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
                text += &format!("  {hex}\n");
            }
        }
    }
    text
}

/// The directory that a text spells.
fn unspell(text: &str) -> ModelDisk {
    let disk = ModelDisk::new();
    let shared = disk.as_disk();
    for directory in ["", "head", "log", "bodies", "tiles", "torn"] {
        shared.create_dir(directory).unwrap();
    }
    let mut path = "";
    for line in text.lines() {
        let Some(line) = line.strip_prefix("  ") else {
            path = line;
            shared.create_new(path).unwrap();
            continue;
        };
        let zeros = line.strip_prefix("zeros ").map(|count| 32 * count.parse::<usize>().unwrap());
        disk.tamper(path, |bytes| match zeros {
            Some(count) => bytes.extend(std::iter::repeat_n(0, count)),
            None => {
                let digits = line.as_bytes().chunks(2);
                let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16);
                bytes.extend(digits.map(|pair| byte(pair).unwrap()));
            }
        });
    }
    // Synced long ago.
    disk.copy()
}

#[test]
fn todays_writer_writes_format_1_byte_for_byte() {
    let written = GOLDEN.iter().map(|golden| (golden.name, golden.write as fn() -> ModelDisk));
    for (name, write) in written.chain([("archive", archive as fn() -> ModelDisk)]) {
        let now = spell(&write());
        let then = golden_of(&format!("{name}.txt"), &now);
        assert!(now == then, "{name} is now:\n{now}");
    }
}

#[test]
fn chronicles_of_format_1_are_read_proved_and_continued_for_ever() {
    for Golden { name, lineage, records, torn, closed, .. } in GOLDEN {
        let disk = unspell(&golden(&format!("{name}.txt")));
        let reader = Reader::open(disk.as_disk()).unwrap();
        let read = read_all(&reader).unwrap();
        assert_eq!((reader.lineage(), read.len() as u64), (*lineage, *records), "{name}");
        let drafted = if *lineage == LINEAGE { &read[..] } else { &read[..5] };
        assert_as_drafted(drafted);
        let verified = verify(disk.as_disk(), &mut |_| {}).unwrap();
        assert_eq!(verified.end, Position(*records), "{name}");

        let (mut writer, recovered) = Writer::open(disk.as_disk(), options()).unwrap();
        assert_eq!(recovered.torn.map_or(0, |torn| torn.bytes), *torn, "{name}");
        assert_eq!((recovered.end, recovered.closed), (Position(*records), *closed), "{name}");
        append(&mut writer, 2);
        writer.close().unwrap();
        let reader = Reader::open(disk.as_disk()).unwrap();
        assert_eq!(read_all(&reader).unwrap()[..read.len()], read, "{name}");
        let verified = verify(disk.as_disk(), &mut |_| {}).unwrap();
        assert_eq!(verified.end, Position(records + 2), "{name}");
    }
}

#[test]
fn an_archive_of_format_1_is_read_restored_and_continued_for_ever() {
    let archive = unspell(&golden("archive.txt"));
    let marker = Marker::read(&archive).unwrap().unwrap();
    assert_eq!((marker.lineage, marker.owner, marker.generation), (LINEAGE, OWNER, 1));
    let archived = Archived::open(archive.as_disk()).unwrap();
    let disk = ModelDisk::new();
    let target = (disk.as_disk(), options(), NEW_LINEAGE);
    let whole = restore(&archived, Cut::End, target, said, &mut |_| {}).unwrap();
    assert_eq!(whole.position, Position(6));
    assert_as_drafted(&read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap()[..7]);
    drop(archived);

    let source = unspell(&golden("sealed.txt"));
    let (mut writer, _) = Writer::open(source.as_disk(), small_segments(700)).unwrap();
    append(&mut writer, 2);
    drop(back_up(&writer.reader(), &archive).unwrap());
    let verified = verify(archive.as_disk(), &mut |_| {}).unwrap();
    assert_eq!(verified.end, Position(9));
}

/// A guard file and a checkpoint that were made by another version still hold a chronicle to its past.
#[test]
fn a_guard_file_and_a_checkpoint_of_then_still_count() {
    let disk = unspell(&golden("closed.txt"));
    let guarded = || {
        let guard = GuardFile { disk: disk.as_disk(), path: "guard".to_owned() };
        WriterOptions { guard: Some(guard), ..options() }
    };
    let (_, recovered) = Writer::open(disk.as_disk(), guarded()).unwrap();
    assert_eq!(recovered.guard, GuardFinding::Agrees);

    let sealed = unspell(&golden("sealed.txt"));
    let head = Reader::open(sealed.as_disk()).unwrap().tree_head().unwrap();
    let origin = Origin::new("golden", LINEAGE);
    let signer = NoteSigner::new(origin.as_str(), &SecretKey([7; 32]));
    let signed = Checkpoint { origin, head }.sign(&[&signer]);
    let then = golden_of("checkpoint.txt", &signed);
    assert_eq!(signed, then, "signatures of Ed25519 are the same every time");
    let (checkpoint, _) = Checkpoint::verify(then.as_bytes(), &[signer.verifier()]).unwrap();
    let (_, comparison) = verify_against(sealed.as_disk(), checkpoint.head, &mut |_| {}).unwrap();
    assert!(matches!(comparison, Comparison::Continues), "{comparison:?}");
}

/// Whatever the number in its place: told apart from damage, and nothing is touched.
#[test]
fn another_format_is_named_and_not_called_damage() {
    let shared = unspell(&golden("founded.txt"));
    let (path, _) = head_of(&shared);
    for format in [0, 2, 255] {
        let disk = shared.copy();
        disk.tamper(&path, |bytes| {
            bytes[8] = format;
            let header = u16::from_le_bytes([bytes[10], bytes[11]]) as usize;
            let sum = deeds_chronicle::checksum::checksum(&[0; 16], &bytes[..header - 8]);
            bytes[header - 8..header].copy_from_slice(&sum.to_le_bytes());
        });
        let before: Vec<_> = disk.files();
        let dyn_disk: Arc<dyn Disk> = disk.as_disk();
        let refused = Writer::open(dyn_disk, options()).map(drop).unwrap_err();
        let OpenError::Format { file, format: named } = refused else { panic!("{refused:?}") };
        assert_eq!((file, named), (path.clone(), format));
        assert_eq!(disk.files(), before);
    }
}
