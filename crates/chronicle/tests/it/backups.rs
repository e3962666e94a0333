//! Backup and restore: what an archive holds, who may write to it, what is restored from it, and a
//! busy writer, a backup and drills beside each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::channel;
use std::thread;

use deeds_chronicle::{
    Archived, Backup, BackupError, Comparison, Cut, Disk, OpenError, OwnerId, Reader, RealDisk,
    RecordDraft, RecordKind, RestoreError, Restored, SealJob, Sealing, TreeHead, Writer,
    WriterOptions, restore, verify, verify_against,
};
use deeds_sim::ModelDisk;
use deeds_values::{Lineage, Position, Timestamp};

use crate::histories::{
    LINEAGE, append, assert_as_drafted, create, draft, drafts, large_draft, options, read_all,
    small_segments,
};

pub(crate) const OWNER: OwnerId = OwnerId(*b"the first owner.");
const OTHER_OWNER: OwnerId = OwnerId(*b"another owner...");
pub(crate) const NEW_LINEAGE: Lineage = Lineage(*b"restored");

/// Opens an archive and copies what is durable.
pub(crate) fn back_up(source: &Reader, archive: &ModelDisk) -> Result<Backup, BackupError> {
    let mut backup = Backup::open(source.clone(), archive.as_disk(), OWNER, false)?;
    backup.pass(&mut |_| {})?;
    Ok(backup)
}

/// The record that names where a restored chronicle came from.
pub(crate) fn said(restored: &Restored) -> RecordDraft {
    let position = restored.position.next();
    RecordDraft { position, kind: RecordKind::Restored, time: restored.time, ..draft(position.0) }
}

pub(crate) fn restore_to(
    archive: &ModelDisk,
    cut: Cut,
) -> Result<(ModelDisk, Restored), RestoreError> {
    let archived = Archived::open(archive.as_disk()).unwrap();
    let disk = ModelDisk::new();
    let target = (disk.as_disk(), small_segments(1_000), NEW_LINEAGE);
    let restored = restore(&archived, cut, target, said, &mut |_| {})?;
    Ok((disk, restored))
}

/// The bytes of every file of frames.
fn frames_of(disk: &ModelDisk) -> Vec<(String, Vec<u8>)> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    let sealed = files.filter(|path| path.starts_with("log/") || path.starts_with("bodies/"));
    sealed.map(|path| (path.clone(), disk.bytes(&path))).collect()
}

#[test]
fn an_archive_holds_the_sealed_files_byte_for_byte_and_every_record() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), small_segments(700));
    for _ in 0..20 {
        append(&mut writer, 3);
    }
    let backup = back_up(&writer.reader(), &archive).unwrap();
    assert_eq!(backup.end(), Position(61));
    drop(backup);
    assert!(frames_of(&archive).len() > 10, "there are sealed segments");
    assert_eq!(frames_of(&archive), frames_of(&disk));
    let archived = Archived::open(archive.as_disk()).unwrap();
    assert_eq!((archived.end, archived.root, archived.torn), (Position(61), writer.root(), false));
    assert_as_drafted(&read_all(archived.reader()).unwrap());
    let verified = verify(archive.as_disk(), &mut |_| {}).unwrap();
    assert_eq!((verified.end, verified.root), (Position(61), writer.root()));
}

#[test]
fn a_second_pass_copies_only_what_is_new() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), small_segments(3_000));
    let mut backup = Backup::open(writer.reader(), archive.as_disk(), OWNER, false).unwrap();
    for _ in 0..9 {
        append(&mut writer, 5);
        let copied = backup.pass(&mut |_| {}).unwrap();
        assert_eq!((copied.end, copied.root), (writer.end(), writer.root()));
        assert!(copied.records >= 5 && copied.records <= 6, "{copied:?}");
    }
    let idle = backup.pass(&mut |_| {}).unwrap();
    assert_eq!((idle.records, idle.bytes), (0, 0));
    drop(backup);
    append(&mut writer, 2);
    let mut again = Backup::open(writer.reader(), archive.as_disk(), OWNER, false).unwrap();
    assert_eq!(again.pass(&mut |_| {}).unwrap().records, 2);
}

#[test]
fn frames_without_records_and_openings_of_the_writer_are_copied_too() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), options());
    for _ in 0..4 {
        append(&mut writer, 2);
        writer.close().unwrap();
        writer = Writer::open(disk.as_disk(), options()).unwrap().0;
        back_up(&writer.reader(), &archive).unwrap();
    }
    back_up(&Reader::open(disk.as_disk()).unwrap(), &archive).unwrap();
    let ends = [&disk, &archive].map(|disk| verify(disk.as_disk(), &mut |_| {}).unwrap());
    assert_eq!(ends[0].frame, ends[1].frame);
    assert_eq!(ends[0].root, ends[1].root);
}

#[test]
fn only_one_owner_writes_to_an_archive() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), options());
    let source = writer.reader();
    let open = |owner, take_over| {
        Backup::open(source.clone(), archive.as_disk(), owner, take_over).map(drop)
    };
    let mut first = back_up(&source, &archive).unwrap();
    let locked = open(OWNER, false).unwrap_err();
    assert!(matches!(locked, BackupError::Archive(OpenError::Locked)), "{locked:?}");
    // As on another machine, where the lock does not reach.
    let elsewhere = archive.copy();
    let refused = Backup::open(source.clone(), elsewhere.as_disk(), OTHER_OWNER, false).map(drop);
    let Err(BackupError::Owned(marker)) = refused else { panic!("{refused:?}") };
    assert_eq!((marker.owner, marker.generation), (OWNER, 1));
    let second = Backup::open(source.clone(), elsewhere.as_disk(), OTHER_OWNER, true).unwrap();
    assert_eq!((second.marker().owner, second.marker().generation), (OTHER_OWNER, 2));
    drop(second);
    let marker = elsewhere.bytes("archive.marker");
    archive.tamper("archive.marker", |bytes| *bytes = marker);
    append(&mut writer, 1);
    let fenced = first.pass(&mut |_| {}).unwrap_err();
    assert!(matches!(fenced, BackupError::Fenced { found: Some(_) }), "{fenced:?}");
    assert!(matches!(first.pass(&mut |_| {}), Err(BackupError::Poisoned)));
    drop(first);
    assert!(matches!(open(OWNER, false), Err(BackupError::Owned(_))));
    assert!(matches!(open(OTHER_OWNER, false), Ok(())));
}

#[test]
fn an_archive_takes_one_lineage_and_one_history_only() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), options());
    append(&mut writer, 2);
    let old_copy = disk.copy();
    append(&mut writer, 2);
    back_up(&writer.reader(), &archive).unwrap();

    let other = ModelDisk::new();
    let other_writer =
        Writer::create(other.as_disk(), options(), NEW_LINEAGE, &drafts(0..1)).unwrap();
    let refused = back_up(&other_writer.reader(), &archive).map(drop);
    assert!(matches!(refused, Err(BackupError::OtherLineage { .. })), "{refused:?}");

    // Not opened yet: it could as well be what a power loss has left, with more that is durable.
    let refused = back_up(&Reader::open(old_copy.as_disk()).unwrap(), &archive).map(drop);
    assert!(matches!(refused, Err(BackupError::Ahead { .. })), "{refused:?}");
    let mut rewound = Writer::open(old_copy.as_disk(), options()).unwrap().0;
    let refused = back_up(&rewound.reader(), &archive).map(drop);
    assert!(matches!(refused, Err(BackupError::Diverged { .. })), "{refused:?}");
    rewound.append(&[large_draft(3, 50)]).unwrap();
    rewound.append(&[large_draft(4, 50)]).unwrap();
    let refused = back_up(&rewound.reader(), &archive).map(drop);
    assert!(matches!(refused, Err(BackupError::Diverged { .. })), "{refused:?}");
    back_up(&writer.reader(), &archive).unwrap();
}

#[test]
fn a_chronicle_is_no_archive_and_an_archive_no_chronicle() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let writer = create(&disk.as_disk(), options());
    let source = writer.reader();
    let other = ModelDisk::new();
    create(&other.as_disk(), options()).close().unwrap();
    assert!(matches!(back_up(&source, &other).map(drop), Err(BackupError::NoArchive)));
    drop(back_up(&source, &archive).unwrap());
    assert!(matches!(Writer::open(archive.as_disk(), options()), Err(OpenError::Archive)));
    assert!(matches!(Archived::open(other.as_disk()), Err(OpenError::Absent)));
}

#[test]
fn a_backup_refuses_what_the_chronicle_cannot_prove() {
    let disk = ModelDisk::new();
    let mut writer = create(&disk.as_disk(), small_segments(700));
    for _ in 0..9 {
        append(&mut writer, 2);
    }
    writer.close().unwrap();
    for (path, bytes) in disk.files() {
        let is_frames = path.starts_with("log/") || path.starts_with("bodies/");
        for at in (0..bytes).step_by(97).filter(|_| is_frames) {
            let (damaged, archive) = (disk.copy(), ModelDisk::new());
            damaged.tamper(&path, |bytes| bytes[at as usize] ^= 1);
            let Ok(source) = Reader::open(damaged.as_disk()) else { continue };
            let refused = back_up(&source, &archive).map(drop);
            assert!(matches!(refused, Err(BackupError::Source(_))), "{path} {at}: {refused:?}");
        }
    }
}

#[test]
fn a_restored_chronicle_has_the_same_tree_at_every_size_and_another_lineage() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), small_segments(900));
    let mut heads = vec![TreeHead { size: writer.end(), root: writer.root() }];
    for count in [1, 4, 2, 7, 3, 1] {
        append(&mut writer, count);
        heads.push(TreeHead { size: writer.end(), root: writer.root() });
    }
    back_up(&writer.reader(), &archive).unwrap();
    for last in 0..writer.end().0 {
        let (target, restored) = restore_to(&archive, Cut::Through(Position(last))).unwrap();
        assert_eq!((restored.from, restored.position), (LINEAGE, Position(last)));
        let reader = Reader::open(target.as_disk()).unwrap();
        assert_eq!(reader.lineage(), NEW_LINEAGE);
        let mut records = read_all(&reader).unwrap();
        assert_eq!(records.len() as u64, last + 2);
        assert_eq!(records.pop().unwrap().header.kind, RecordKind::Restored);
        assert_eq!(records, read_all(&writer.reader()).unwrap()[..=last as usize]);
        let mut known = heads.clone();
        known.push(TreeHead { size: Position(last + 1), root: restored.root });
        for head in known.into_iter().filter(|head| head.size.0 <= last + 1) {
            let compared = verify_against(target.as_disk(), head, &mut |_| {}).unwrap().1;
            assert_eq!(compared, Comparison::Continues, "cut {last}, size {}", head.size);
        }
    }
}

#[test]
fn a_restored_chronicle_goes_on_and_is_backed_up_to_an_archive_of_its_own() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), small_segments(900));
    append(&mut writer, 5);
    back_up(&writer.reader(), &archive).unwrap();
    let (target, _) = restore_to(&archive, Cut::Through(Position(3))).unwrap();
    let (mut restored, _) = Writer::open(target.as_disk(), small_segments(900)).unwrap();
    restored.append(&drafts(5..9)).unwrap();
    let refused = back_up(&restored.reader(), &archive).map(drop);
    assert!(matches!(refused, Err(BackupError::OtherLineage { .. })), "{refused:?}");
    let second = ModelDisk::new();
    back_up(&restored.reader(), &second).unwrap();
    assert_eq!(verify(second.as_disk(), &mut |_| {}).unwrap().root, restored.root());
}

#[test]
fn a_moment_is_its_last_record_and_a_cut_outside_the_archive_is_refused() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), options());
    append(&mut writer, 9);
    assert!(matches!(Archived::open(archive.as_disk()), Err(OpenError::Absent)));
    back_up(&writer.reader(), &archive).unwrap();
    // Two records share each microsecond from 1,000,000 on.
    for (moment, last) in [(1_000_000, 1), (1_000_003, 7), (i64::MAX, 9)] {
        let restored = restore_to(&archive, Cut::At(Timestamp(moment))).unwrap().1;
        assert_eq!(restored.position, Position(last));
    }
    assert_eq!(restore_to(&archive, Cut::End).unwrap().1.position, Position(9));
    let refused = restore_to(&archive, Cut::At(Timestamp(999_999))).map(drop);
    let Err(RestoreError::BeforeStart { first }) = refused else { panic!("{refused:?}") };
    assert_eq!(first, Timestamp(1_000_000));
    let refused = restore_to(&archive, Cut::Through(Position(10))).map(drop);
    assert!(matches!(refused, Err(RestoreError::BehindEnd { .. })), "{refused:?}");
}

#[test]
fn records_that_do_not_fit_one_frame_together_are_restored_in_several() {
    let (disk, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&disk.as_disk(), options());
    for position in 1..8 {
        writer.append(&[large_draft(position, 900_000)]).unwrap();
    }
    back_up(&writer.reader(), &archive).unwrap();
    let (target, restored) = restore_to(&archive, Cut::End).unwrap();
    assert_eq!(restored.root, writer.root());
    verify(target.as_disk(), &mut |_| {}).unwrap();
}

#[test]
fn damage_in_an_archive_is_found_by_its_restore() {
    let (source, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&source.as_disk(), small_segments(700));
    for count in 1..9 {
        append(&mut writer, count);
    }
    back_up(&writer.reader(), &archive).unwrap();
    for (path, bytes) in archive.files() {
        let is_frames = ["log/", "bodies/", "head/0"].iter().any(|start| path.starts_with(start));
        for at in (0..bytes).step_by(61).filter(|_| is_frames) {
            let damaged = archive.copy();
            damaged.tamper(&path, |bytes| bytes[at as usize] ^= 4);
            let Ok(archived) = Archived::open(damaged.as_disk()) else { continue };
            let disk: Arc<dyn Disk> = ModelDisk::new().as_disk();
            let target = (disk, options(), NEW_LINEAGE);
            let restored = restore(&archived, Cut::End, target, said, &mut |_| {});
            assert!(matches!(restored, Err(RestoreError::Archive(_))), "{path} {at}");
        }
    }
}

/// How much the busy writer writes: a hundred segments of a few frames.
const BUSY_FRAMES: u64 = 500;

#[test]
#[expect(clippy::disallowed_methods, reason = "the test is about what goes on at the same time")]
fn a_busy_writer_a_backup_and_drills_do_not_disturb_each_other() {
    let (data, kept) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(data.path()));
    let archive: Arc<dyn Disk> = Arc::new(RealDisk::new(kept.path()));
    let handed = WriterOptions { sealing: Sealing::Handed, ..small_segments(2_000) };
    let mut writer = create(&disk, handed);
    let source = Reader::open(disk).unwrap();
    let done = AtomicBool::new(false);
    let drills = thread::scope(|scope| {
        let following = scope.spawn(|| {
            let mut backup = Backup::open(source, archive.clone(), OWNER, false).unwrap();
            loop {
                let last = done.load(Ordering::SeqCst);
                let copied = backup.pass(&mut |_| {}).unwrap();
                if last {
                    return copied;
                }
            }
        });
        let drilling = scope.spawn(|| {
            let mut drills = 0;
            while !done.load(Ordering::SeqCst) {
                let archived = match Archived::open(archive.clone()) {
                    Err(OpenError::Absent) => continue,
                    archived => archived.unwrap(),
                };
                let target = (ModelDisk::new().as_disk(), options(), NEW_LINEAGE);
                match restore(&archived, Cut::End, target, said, &mut |_| {}) {
                    Err(RestoreError::Empty) => {}
                    restored => {
                        assert_eq!(restored.unwrap().root, archived.root);
                        drills += 1;
                    }
                }
            }
            drills
        });
        let (jobs, sealing) = channel::<SealJob>();
        scope.spawn(move || sealing.into_iter().for_each(|job| job.run().unwrap()));
        for frame in 0..BUSY_FRAMES {
            append(&mut writer, 1 + frame % 3);
            while let Some(job) = writer.take_sealing() {
                jobs.send(job).unwrap();
            }
        }
        done.store(true, Ordering::SeqCst);
        let copied = following.join().unwrap();
        assert_eq!((copied.end, copied.root), (writer.end(), writer.root()));
        drilling.join().unwrap()
    });
    assert!(drills > 3, "only {drills} drills");
    assert_eq!(verify(archive, &mut |_| {}).unwrap().root, writer.root());
}
