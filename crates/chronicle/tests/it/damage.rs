//! Every single bit of a chronicle flipped in turn, and every cut of its last file.
//!
//! A flip may end in three ways: nobody is touched by it (the full state is read); an error that
//! names the file, the frame and the position; or a torn tail, and then only above the durable
//! mark. What may never happen is that a record is lost, changed or doubled in silence.

use deeds_chronicle::{
    Damage, OpenError, ReadError, Reader, Record, Sealing, VerifyError, Writer, WriterOptions,
    verify,
};
use deeds_sim::ModelDisk;
use deeds_values::Position;

use crate::histories::{
    append, assert_as_drafted, create, options, read_all, small_segments, written_ahead,
};

/// A chronicle of three segments and more, some sealed, with 11 records.
pub(crate) fn written(close: bool) -> ModelDisk {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), small_segments(900));
    append(&mut writer, 1);
    append(&mut writer, 2);
    writer.close().unwrap();
    let mut writer = Writer::open(disk.as_disk(), small_segments(900)).unwrap().0;
    for count in [2, 1, 3] {
        append(&mut writer, count);
    }
    append(&mut writer, 1);
    if close {
        writer.close().unwrap();
    }
    let files = disk.files();
    let count = |prefix: &str| files.iter().filter(|(path, _)| path.starts_with(prefix)).count();
    assert!(count("log/") >= 2 && count("bodies/") >= 2 && count("head/0") == 1, "{files:?}");
    disk.copy()
}

/// What a look at a damaged chronicle said.
#[derive(Debug)]
pub(crate) enum Said {
    Whole,
    /// A reader beside no writer was shown less, and no error.
    Less,
    Named(Damage),
    TileNamed,
    Torn(Position),
}

pub(crate) fn read(disk: &ModelDisk, whole: &[Record]) -> Said {
    let read = Reader::open(disk.as_disk()).and_then(|reader| read_all(&reader));
    match read {
        Ok(records) => {
            assert!(records == whole[..records.len()], "other records are read in silence");
            if records.len() == whole.len() { Said::Whole } else { Said::Less }
        }
        Err(ReadError::Damaged(damage)) => Said::Named(damage),
        Err(error) => panic!("{error:?}"),
    }
}

/// Looks up one record, which is proved by other means than a stream of them.
fn read_one(disk: &ModelDisk, whole: &[Record], chance: u64) {
    let position = Position(chance % whole.len() as u64);
    match Reader::open(disk.as_disk()).and_then(|reader| reader.record(position)) {
        Ok(Some(record)) => assert_eq!(record, whole[position.0 as usize]),
        Ok(None) => assert_eq!(position.0 + 1, whole.len() as u64, "only the last may be unknown"),
        Err(ReadError::Damaged(_)) => {}
        Err(error) => panic!("{error:?}"),
    }
}

pub(crate) fn prove(disk: &ModelDisk) -> Said {
    match verify(disk.as_disk(), &mut |_| {}) {
        Ok(_) => Said::Whole,
        Err(VerifyError::Read(ReadError::Damaged(damage))) => Said::Named(damage),
        Err(VerifyError::Tile { .. }) => Said::TileNamed,
        Err(error) => panic!("{error:?}"),
    }
}

/// Opens for writing and looks at all records.
fn open(disk: &ModelDisk, whole: &[Record]) -> Said {
    match Writer::open(disk.as_disk(), options()) {
        Ok((mut writer, recovered)) => match read_all(&writer.reader()) {
            Ok(records) if recovered.torn.is_none() => {
                assert_eq!(records, whole);
                append(&mut writer, 1);
                Said::Whole
            }
            Ok(records) => {
                assert_eq!(records, whole[..records.len()]);
                append(&mut writer, 1);
                Said::Torn(recovered.end)
            }
            // Damage in a sealed segment shows when it is read.
            Err(ReadError::Damaged(damage)) => Said::Named(damage),
            Err(error) => panic!("{error:?}"),
        },
        Err(OpenError::Damaged(damage)) => Said::Named(damage),
        Err(error) => panic!("{error:?}"),
    }
}

/// That an error names the flipped file, and a frame and a position that are there.
fn names_the_place(said: &Said, path: &str, whole: &[Record]) {
    let Said::Named(damage) = said else { return };
    // A pair of sealed files is read side by side: the log file names the place.
    let twin = path.replace("bodies/", "log/");
    assert!(damage.segment == path || damage.segment == twin, "{path}: {damage}");
    assert!(damage.position.0 <= whole.len() as u64, "{damage}");
    assert!(!damage.what.is_empty());
}

/// Flips every bit of the files that `touched` names; returns how many there were.
fn flip_all(disk: &ModelDisk, touched: impl Fn(&str) -> bool) -> u64 {
    let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
    assert_as_drafted(&whole);
    let mut flips = 0;
    for (path, bytes) in disk.files().into_iter().filter(|(path, _)| touched(path)) {
        for bit in 0..bytes * 8 {
            flips += 1;
            let flipped = disk.copy();
            flipped.tamper(&path, |bytes| bytes[bit as usize / 8] ^= 1 << (bit % 8));
            let proved = prove(&flipped);
            read_one(&flipped, &whole, bit);
            let looks = [read(&flipped, &whole), open(&flipped.copy(), &whole)];
            for said in looks.iter().chain([&proved]) {
                names_the_place(said, &path, &whole);
                assert!(!matches!(said, Said::Torn(_)), "{path} bit {bit}: all of it was durable");
            }
            if path == "head/durable" {
                // Without the mark, a reader cannot know the last frame to be durable before a
                // writer has opened the chronicle.
                assert!(matches!(looks[1], Said::Whole), "{path} bit {bit}: {looks:?}");
            } else {
                assert!(!matches!(looks[0], Said::Less), "{path} bit {bit}: less in silence");
                let noticed = !matches!((&proved, &looks[1]), (Said::Whole, Said::Whole));
                assert!(noticed, "{path} bit {bit}: nobody noticed");
            }
        }
    }
    flips
}

#[test]
fn every_flipped_bit_of_a_closed_head_is_noticed_or_harmless() {
    let flips = flip_all(&written(true), |path| path.starts_with("head/"));
    assert!(flips > 5_000, "only {flips}");
}

#[test]
fn every_flipped_bit_of_a_head_that_was_not_closed_is_noticed_or_harmless() {
    flip_all(&written(false), |path| path.starts_with("head/"));
}

#[test]
fn every_flipped_bit_of_a_sealed_log_is_noticed() {
    let flips = flip_all(&written(true), |path| path.starts_with("log/"));
    assert!(flips > 10_000, "only {flips}");
}

#[test]
fn every_flipped_bit_of_sealed_bodies_is_noticed() {
    let flips = flip_all(&written(true), |path| path.starts_with("bodies/"));
    assert!(flips > 3_000, "only {flips}");
}

#[test]
fn every_flipped_bit_of_the_tiles_is_noticed_by_verify() {
    let disk = written(true);
    for (path, bytes) in disk.files().into_iter().filter(|(path, _)| path.starts_with("tiles/")) {
        for bit in 0..bytes * 8 {
            let flipped = disk.copy();
            flipped.tamper(&path, |bytes| bytes[bit as usize / 8] ^= 1 << (bit % 8));
            assert!(matches!(prove(&flipped), Said::TileNamed), "{path} bit {bit}");
        }
        // Removed, it is written anew by the next opening.
        let without = disk.copy();
        deeds_chronicle::Disk::remove(&without, &path).unwrap();
        let (writer, recovered) = Writer::open(without.as_disk(), options()).unwrap();
        assert!(recovered.tiles_rebuilt);
        writer.close().unwrap();
        assert!(matches!(prove(&without), Said::Whole));
        assert_eq!(without.bytes(&path), disk.bytes(&path));
    }
}

/// Without the mark, the evidence is in the frames themselves: only the last one may be torn.
#[test]
fn without_the_durable_mark_only_the_last_frame_may_pass_for_torn() {
    let disk = written(false);
    let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
    disk.tamper("head/durable", Vec::clear);
    let path = head_path(&disk);
    let mut torn = 0;
    for bit in (0..disk.bytes(&path).len() * 8).step_by(3) {
        let flipped = disk.copy();
        flipped.tamper(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
        match open(&flipped, &whole) {
            Said::Torn(end) => {
                assert_eq!(
                    end.0,
                    whole.len() as u64 - 1,
                    "bit {bit}: one record was in that frame"
                );
                torn += 1;
            }
            Said::Named(damage) => assert_eq!(damage.segment, path),
            said => panic!("bit {bit}: {said:?}"),
        }
    }
    assert!(torn > 500, "the last frame has {torn} bits");
}

fn head_path(disk: &ModelDisk) -> String {
    let files = disk.files();
    let (path, _) = files.iter().rev().find(|(path, _)| path.starts_with("head/0")).unwrap();
    path.clone()
}

#[test]
fn every_cut_of_the_last_file_below_the_durable_mark_is_damage() {
    for close in [true, false] {
        let disk = written(close);
        let path = head_path(&disk);
        let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
        for length in 0..disk.bytes(&path).len() {
            let cut = disk.copy();
            cut.tamper(&path, |bytes| bytes.truncate(length));
            let said = open(&cut, &whole);
            assert!(matches!(said, Said::Named(_)), "cut at {length}: {said:?}");
            names_the_place(&said, &path, &whole);
        }
    }
}

#[test]
fn every_cut_of_the_last_frame_above_the_durable_mark_is_torn_and_all_goes_on() {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), options());
    append(&mut writer, 3);
    let path = head_path(&disk);
    let (marked, mark) = (disk.bytes(&path).len(), disk.bytes("head/durable"));
    append(&mut writer, 2);
    drop(writer);
    disk.tamper("head/durable", |bytes| *bytes = mark);
    for length in marked..disk.bytes(&path).len() {
        let cut = disk.copy();
        cut.tamper(&path, |bytes| bytes.truncate(length));
        let (mut writer, recovered) = Writer::open(cut.as_disk(), options()).unwrap();
        assert_eq!(recovered.end, Position(4));
        match recovered.torn {
            None => assert_eq!(length, marked, "only between two frames"),
            Some(torn) => {
                let dead = trimmed(&disk.bytes(&path)[marked..length]).to_vec();
                assert_eq!((torn.offset, torn.bytes), (marked as u64, dead.len() as u64));
                assert_eq!((torn.segment.as_str(), torn.position), (path.as_str(), Position(4)));
                let kept = cut.files().into_iter().find(|(path, _)| path.starts_with("torn/"));
                let (kept, _) = kept.expect("the torn bytes are kept aside");
                assert_eq!(cut.bytes(&kept), dead);
            }
        }
        append(&mut writer, 2);
        assert_as_drafted(&read_all(&writer.reader()).unwrap());
    }
}

/// Without the zeros at its end.
fn trimmed(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
    &bytes[..end]
}

/// A chronicle whose head file goes on with zeros behind its last frame; where the frames end.
fn with_zeros_behind(close: bool) -> (ModelDisk, String, usize) {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), written_ahead(10_000));
    append(&mut writer, 1);
    append(&mut writer, 1);
    if close {
        writer.close().unwrap();
    }
    let path = head_path(&disk);
    let bytes = disk.bytes(&path);
    let end = trimmed(&bytes).len();
    assert!(bytes.len() > end + 5_000, "{} bytes, of which {end} are frames", bytes.len());
    (disk.copy(), path, end)
}

#[test]
fn any_flipped_bit_of_what_is_written_ahead_is_harmless() {
    for close in [true, false] {
        let (disk, path, end) = with_zeros_behind(close);
        let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
        for bit in (end * 8..disk.bytes(&path).len() * 8).step_by(11) {
            let flipped = disk.copy();
            flipped.tamper(&path, |bytes| bytes[bit / 8] ^= 1 << (bit % 8));
            assert!(matches!(read(&flipped, &whole), Said::Whole), "bit {bit}");
            assert!(matches!(prove(&flipped), Said::Whole), "bit {bit}");
            // Nobody wrote that: as with a torn frame, the next one goes into another segment.
            let said = open(&flipped, &whole);
            let Said::Torn(found) = said else { panic!("bit {bit}: {said:?}") };
            assert_eq!(found.0, whole.len() as u64, "bit {bit}: nothing is lost");
        }
    }
}

#[test]
fn a_file_cut_anywhere_in_what_is_written_ahead_is_whole() {
    let (disk, path, end) = with_zeros_behind(false);
    let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
    for length in (end..disk.bytes(&path).len()).step_by(97) {
        let cut = disk.copy();
        cut.tamper(&path, |bytes| bytes.truncate(length));
        assert!(matches!(read(&cut, &whole), Said::Whole), "cut at {length}");
        assert!(matches!(open(&cut, &whole), Said::Whole), "cut at {length}");
    }
}

/// Zeros are an end only where nothing is known to have stood.
#[test]
fn zeros_in_the_place_of_durable_frames_are_damage() {
    let (disk, path, end) = with_zeros_behind(false);
    let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
    let first_frame = 136;
    for from in (first_frame..end).step_by(29) {
        let wiped = disk.copy();
        wiped.tamper(&path, |bytes| bytes[from..end].fill(0));
        let said = open(&wiped, &whole);
        assert!(matches!(said, Said::Named(_)), "zeros from {from}: {said:?}");
    }
}

#[test]
fn a_missing_or_swapped_file_is_named() {
    let disk = written(true);
    let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
    let files: Vec<_> = disk.files().into_iter().map(|(path, _)| path).collect();
    let segments = ["log/", "bodies/", "head/0"];
    let is_segment = |path: &&String| segments.iter().any(|prefix| path.starts_with(prefix));
    for path in files.iter().filter(is_segment) {
        let without = disk.copy();
        deeds_chronicle::Disk::remove(&without, path).unwrap();
        let (opened, seen) = (open(&without.copy(), &whole), read(&without, &whole));
        for said in [opened, seen, prove(&without)] {
            assert!(matches!(said, Said::Named(_)), "without {path}: {said:?}");
        }
        for other in files.iter().filter(is_segment).filter(|other| *other != path) {
            let swapped = disk.copy();
            swapped.tamper(path, |bytes| *bytes = disk.bytes(other));
            for said in [open(&swapped.copy(), &whole), read(&swapped, &whole), prove(&swapped)] {
                assert!(matches!(said, Said::Named(_)), "{other} for {path}: {said:?}");
                names_the_place(&said, path, &whole);
            }
        }
    }
}

/// The mark alone tells that there was a chronicle: it is not founded anew over what was lost.
#[test]
fn a_chronicle_whose_segments_are_all_missing_is_damaged_and_not_absent() {
    let disk = written(true);
    let segments = disk.files().into_iter().filter(|(path, _)| path != "head/durable");
    for (path, _) in segments {
        deeds_chronicle::Disk::remove(&disk, &path).unwrap();
    }
    let opened = Writer::open(disk.as_disk(), options()).map(drop);
    let Err(OpenError::Damaged(damage)) = opened else { panic!("{opened:?}") };
    assert!(damage.what.contains("all segments are missing"), "{damage}");
    deeds_chronicle::Disk::remove(&disk, "head/durable").unwrap();
    assert!(matches!(Writer::open(disk.as_disk(), options()), Err(OpenError::Absent)));
}

/// Sealing lags, so the segment before is in `head/` too and looks like the last.
#[test]
fn a_missing_last_file_is_named_though_the_one_before_is_not_sealed() {
    let disk = ModelDisk::new();
    let options = || WriterOptions { sealing: Sealing::Handed, ..small_segments(900) };
    let mut writer = create(&disk.as_disk(), options());
    for count in [2, 2, 2, 2] {
        append(&mut writer, count);
    }
    drop(writer);
    let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
    let disk = disk.copy();
    let path = head_path(&disk);
    deeds_chronicle::Disk::remove(&disk, &path).unwrap();
    for said in [read(&disk, &whole), prove(&disk), open(&disk, &whole)] {
        assert!(matches!(said, Said::Named(_)), "{said:?}");
    }
}

#[test]
fn a_file_of_another_lineage_is_named() {
    let disk = written(true);
    let whole = read_all(&Reader::open(disk.as_disk()).unwrap()).unwrap();
    let other = ModelDisk::new();
    let lineage = deeds_values::Lineage(*b"another!");
    let first = crate::histories::drafts(0..1);
    let mut writer = Writer::create(other.as_disk(), small_segments(900), lineage, &first).unwrap();
    for count in [1, 2, 2, 1, 3, 1] {
        append(&mut writer, count);
    }
    writer.close().unwrap();
    let theirs: Vec<_> = other.files();
    let mut mixed = 0;
    for (path, _) in disk.files() {
        let is_data = path.starts_with("log/") || path.starts_with("head/");
        if !is_data || !theirs.iter().any(|(their, _)| *their == path) {
            continue;
        }
        mixed += 1;
        let mix = disk.copy();
        mix.tamper(&path, |bytes| *bytes = other.bytes(&path));
        let said = open(&mix, &whole);
        assert!(matches!(said, Said::Named(_)), "{path}: {said:?}");
    }
    assert!(mixed >= 2);
}

/// An operator puts back the file that is named: damaged bodies name theirs, not the headers' alone.
#[test]
fn damaged_bodies_name_the_file_they_are_in() {
    let disk = written(true);
    let files = disk.files();
    let (path, _) = files.iter().find(|(path, _)| path.starts_with("bodies/")).unwrap();
    disk.tamper(path, |bytes| *bytes.last_mut().unwrap() ^= 1);
    let error = deeds_chronicle::verify(disk.as_disk(), &mut |_| {}).unwrap_err();
    let text = format!("{error:?}");
    assert!(text.contains(&format!("{path} at byte ")), "{text}");
}
