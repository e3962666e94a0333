//! Appending and reading back, on the real disk and on the model.

#![expect(
    clippy::disallowed_methods,
    reason = "what readers and sealing see of a writer on another thread"
)]

use std::sync::Arc;

use deeds_chronicle::{
    AppendError, Disk, GuardFile, GuardFinding, OpenError, Reader, RealDisk, Sealing, Writer,
    WriterOptions, verify,
};
use deeds_values::Position;

use crate::disks::on_both_disks;
use crate::histories::{
    append, assert_as_drafted, assert_same, create, drafts, large_draft, options, read_all,
    small_segments, written_ahead,
};
use deeds_sim::ModelDisk;

fn temporary() -> (tempfile::TempDir, Arc<dyn Disk>) {
    let directory = tempfile::tempdir().unwrap();
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory.path().join("data")));
    (directory, disk)
}

#[test]
fn what_was_appended_is_read_back_from_any_position() {
    on_both_disks(|disk| {
        let mut writer = create(&disk, small_segments(3000));
        for count in [1, 2, 5, 1, 9, 3, 17, 1, 1] {
            append(&mut writer, count);
        }
        let root = writer.root();
        writer.close().unwrap();

        let reader = Reader::open(disk.clone()).unwrap();
        let records = read_all(&reader).unwrap();
        assert_eq!(records.len(), 41);
        assert_as_drafted(&records);
        for from in 0..=41 {
            let streamed: Result<Vec<_>, _> = reader.stream(Position(from)).collect();
            assert_eq!(streamed.unwrap(), records[from as usize..]);
            assert_eq!(reader.record(Position(from)).unwrap(), records.get(from as usize).cloned());
        }
        let info = reader.info().unwrap();
        assert!(info.segments == 3 && info.log_bytes > 0 && info.bodies_bytes > 0, "{info:?}");
        let verified = verify(disk, &mut |_| {}).unwrap();
        assert_eq!((verified.end, verified.root), (Position(41), root));
    });
}

/// What a small frame costs: no growth of the file, but every so many frames.
#[test]
fn small_frames_overwrite_what_was_written_ahead_and_large_ones_do_not_ask_for_more() {
    let disk = ModelDisk::new();
    let bounded = WriterOptions { segment_bytes_max: 30_000, ..written_ahead(10_000) };
    let mut writer = create(&disk.as_disk(), bounded);
    let length =
        || disk.files().into_iter().find(|(path, _)| path.starts_with("head/0")).unwrap().1;
    let mut grown = vec![length()];
    while *grown.last().unwrap() < 30_000 {
        append(&mut writer, 1);
        if length() != *grown.last().unwrap() {
            grown.push(length());
        }
    }
    assert!(writer.end().0 > 3 * grown.len() as u64, "{grown:?} for {} frames", writer.end());
    assert_eq!(*grown.last().unwrap(), 30_000, "nothing is written ahead of the next segment");

    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), written_ahead(10_000));
    while writer.end().0 < 100 {
        append(&mut writer, 15);
    }
    let (path, _) = disk.files().into_iter().find(|(path, _)| path.starts_with("head/0")).unwrap();
    assert!(!disk.bytes(&path).ends_with(&[0; 32]), "a large frame grows the file by itself alone");
    assert_as_drafted(&read_all(&writer.reader()).unwrap());
}

#[test]
fn reopening_goes_on_where_it_ended() {
    on_both_disks(|disk| {
        append(&mut create(&disk, options()), 4);
        for round in 0..6 {
            let (mut writer, recovered) = Writer::open(disk.clone(), small_segments(2000)).unwrap();
            assert_eq!(recovered.end, Position(5 + round * 3));
            assert_eq!(recovered.torn, None);
            assert_eq!(recovered.closed, round > 3);
            assert!(!recovered.tiles_rebuilt);
            append(&mut writer, 3);
            if round > 2 {
                writer.close().unwrap();
            }
        }
        let records = read_all(&Reader::open(disk.clone()).unwrap()).unwrap();
        assert_eq!(records.len(), 23);
        assert_as_drafted(&records);
        verify(disk, &mut |_| {}).unwrap();
    });
}

#[test]
fn a_second_writer_is_refused_and_a_second_creation_too() {
    on_both_disks(|disk| {
        assert!(matches!(Writer::open(disk.clone(), options()), Err(OpenError::Absent)));
        let writer = create(&disk, options());
        assert!(matches!(Writer::open(disk.clone(), options()), Err(OpenError::Locked)));
        drop(writer);
        let again =
            Writer::create(disk.clone(), options(), crate::histories::LINEAGE, &drafts(0..1));
        assert!(matches!(again, Err(OpenError::Exists)));
        Writer::open(disk, options()).unwrap();
    });
}

#[test]
fn readers_see_exactly_what_append_returned() {
    on_both_disks(|disk| {
        let mut writer = create(&disk, small_segments(2500));
        let (inside, outside) = (writer.reader(), Reader::open(disk).unwrap());
        let mut following = [inside.stream(Position(0)), outside.stream(Position(0))];
        for count in [1, 3, 2, 8, 1, 1, 12, 2] {
            append(&mut writer, count);
            let end = writer.end();
            assert_eq!((inside.end().unwrap(), outside.end().unwrap()), (end, end));
            for stream in &mut following {
                for record in stream.by_ref() {
                    let record = record.unwrap();
                    assert_same(&record, &crate::histories::draft(record.position().0));
                }
                assert_eq!(stream.next_position(), end, "the iterator goes on after a None");
            }
        }
    });
}

/// Readers of their own, as in another process, while segments are sealed under their hands.
#[test]
fn readers_beside_a_busy_writer_see_every_record_once() {
    const RECORDS: u64 = 2_000;
    on_both_disks(|disk| {
        let mut writer = create(&disk, small_segments(4_000));
        std::thread::scope(|scope| {
            let read = || {
                let reader = Reader::open(disk.clone()).unwrap();
                let mut stream = reader.stream(Position(0));
                while stream.next_position() < Position(RECORDS) {
                    for record in stream.by_ref() {
                        let record = record.unwrap();
                        assert_same(&record, &crate::histories::draft(record.position().0));
                    }
                    assert!(stream.next_position() <= reader.end().unwrap());
                }
            };
            scope.spawn(read);
            scope.spawn(|| {
                loop {
                    let verified = verify(disk.clone(), &mut |_| {}).unwrap();
                    assert!(verified.end <= Position(RECORDS));
                    if verified.end == Position(RECORDS) {
                        break;
                    }
                }
            });
            while writer.end() < Position(RECORDS) {
                let count = (writer.end().0 % 23 + 1).min(RECORDS - writer.end().0);
                append(&mut writer, count);
            }
        });
    });
}

#[test]
fn full_segments_can_be_sealed_by_another_thread() {
    on_both_disks(|disk| {
        let options = || WriterOptions { sealing: Sealing::Handed, ..small_segments(2_000) };
        let mut writer = create(&disk, options());
        let (jobs, taken) = std::sync::mpsc::channel::<deeds_chronicle::SealJob>();
        let sealing = std::thread::spawn(move || taken.iter().try_for_each(|job| job.run()));
        for _ in 0..40 {
            append(&mut writer, 3);
            while let Some(job) = writer.take_sealing() {
                jobs.send(job).unwrap();
            }
        }
        writer.close().unwrap();
        drop(jobs);
        sealing.join().unwrap().unwrap();
        let info = Reader::open(disk.clone()).unwrap().info().unwrap();
        assert!(info.segments > 10 && info.head_bytes < 4_000, "{info:?}");
        verify(disk.clone(), &mut |_| {}).unwrap();
        let (writer, recovered) = Writer::open(disk, options()).unwrap();
        assert_eq!((recovered.end, recovered.torn), (Position(121), None));
        assert_as_drafted(&read_all(&writer.reader()).unwrap());
    });
}

#[test]
fn a_frame_may_be_4_mib_and_not_more() {
    on_both_disks(|disk| {
        let mut writer = create(&disk, options());
        let most = deeds_chronicle::frame::FRAME_CONTENT_BYTES_MAX;
        let overhead = large_draft(1, 0).frame_bytes();
        let too_large = large_draft(1, most - overhead + 1);
        assert!(matches!(writer.append(&[too_large]), Err(AppendError::TooLarge { .. })));
        let largest = large_draft(1, most - overhead);
        writer.append(std::slice::from_ref(&largest)).unwrap();
        let reader = writer.reader();
        assert_same(&reader.record(Position(1)).unwrap().unwrap(), &largest);
        drop(writer);
        let (mut writer, _) = Writer::open(disk, options()).unwrap();
        writer.append(&drafts(2..3)).unwrap();
    });
}

#[test]
fn the_guard_file_notices_an_old_copy_and_another_history() {
    let (_directory, disk) = temporary();
    let (_elsewhere, guard_disk) = temporary();
    guard_disk.create_dir("").unwrap();
    let guarded = || WriterOptions {
        guard: Some(GuardFile { disk: guard_disk.clone(), path: "guard".to_owned() }),
        ..options()
    };
    create(&disk, options()).close().unwrap();
    let open = || Writer::open(disk.clone(), guarded()).unwrap();
    assert_eq!(open().1.guard, GuardFinding::Created);
    assert_eq!(open().1.guard, GuardFinding::Agrees);
    let (mut writer, _) = open();
    append(&mut writer, 5);
    writer.close().unwrap();
    assert_eq!(open().1.guard, GuardFinding::Agrees);

    // The same lineage with fewer records: an old copy.
    let (_old, old_disk) = temporary();
    create(&old_disk, options()).close().unwrap();
    let (mut writer, recovered) = Writer::open(old_disk.clone(), guarded()).unwrap();
    assert_eq!(recovered.guard, GuardFinding::Behind { size: Position(6) });
    for _ in 0..8 {
        append(&mut writer, 1);
    }
    drop(writer);
    let (_, recovered) = Writer::open(old_disk, guarded()).unwrap();
    assert_eq!(recovered.guard, GuardFinding::Differs { size: Position(6) });
    assert_eq!(open().1.guard, GuardFinding::Agrees, "nobody wrote over the guard file");
}
