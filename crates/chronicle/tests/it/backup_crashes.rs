//! Crashes, failures and full disks at every operation of a backup that goes on beside a writer, of
//! the writer beside a backup, and of a restore.
//!
//! What must hold after each crash of a backup: the archive can be read, holds all that a backup has
//! reported and nothing that the chronicle does not have, can be restored, and is continued by the
//! next backup to the chronicle's end, where `verify` agrees.

use std::collections::BTreeSet;

use deeds_chronicle::{
    Archived, Backup, BackupError, Comparison, Cut, Hash, OpenError, Reader, RecordKind, TreeHead,
    Writer, restore, verify, verify_against,
};
use deeds_sim::{Faults, ModelDisk, PowerLoss};
use deeds_values::Position;

use crate::backups::{NEW_LINEAGE, OWNER, back_up, restore_to, said};
use crate::histories::{
    append, assert_as_drafted, create, drafts, options, read_all, small_segments,
};

/// What backups have reported before a crash.
#[derive(Clone, Copy, Debug, Default)]
struct Reported {
    end: u64,
    root: Hash,
}

/// Backs up a chronicle again and again while it grows, until the archive's disk fails.
fn live(source: &ModelDisk, archive: &ModelDisk, segment_bytes: u64) -> (Reported, Writer, bool) {
    let mut writer = create(&source.as_disk(), small_segments(segment_bytes));
    let mut reported = Reported::default();
    let mut lived = || -> Result<(), BackupError> {
        for life in 0..3 {
            let mut backup = Backup::open(writer.reader(), archive.as_disk(), OWNER, false)?;
            for pass in 0..3 {
                let copied = backup.pass(&mut |_| {})?;
                reported = Reported { end: copied.end.0, root: copied.root };
                append(&mut writer, 1 + life + pass);
            }
        }
        Ok(())
    };
    let whole = lived().is_ok();
    (reported, writer, whole)
}

fn check(archive: &ModelDisk, reported: Reported, writer: &Writer) -> Result<(), String> {
    let say = |what: &'static str| move |error: &dyn std::fmt::Debug| format!("{what}: {error:?}");
    match Archived::open(archive.as_disk()) {
        Err(OpenError::Absent) if reported.end == 0 => {}
        opened => {
            let archived = opened.map_err(|e| say("open to read")(&e))?;
            if archived.end.0 < reported.end || archived.end > writer.end() {
                return Err(format!("{} records are there after {reported:?}", archived.end));
            }
            assert_as_drafted(&read_all(archived.reader()).map_err(|e| say("read")(&e))?);
            if archived.end.0 > 0 {
                let cut = Cut::Through(Position(archived.end.0 - 1));
                let restored = restore_to(archive, cut).map_err(|e| say("restore")(&e))?;
                if archived.end.0 == reported.end && restored.1.root != reported.root {
                    return Err("the restored root is another than was reported".to_owned());
                }
            }
        }
    }
    back_up(&writer.reader(), archive).map_err(|e| say("the next backup")(&e))?;
    let verified = verify(archive.as_disk(), &mut |_| {}).map_err(|e| say("verify")(&e))?;
    if (verified.end, verified.root) != (writer.end(), writer.root()) {
        return Err(format!("the next backup ends at {}", verified.end));
    }
    Ok(())
}

fn crash_everywhere(segment_bytes: u64, syncs_lie: bool) -> Result<u64, String> {
    let mut crashes = 0;
    for crash_at in 0.. {
        let faults = Faults { crash_at: Some(crash_at), syncs_lie, ..Faults::default() };
        let (source, archive) = (ModelDisk::new(), ModelDisk::with_faults(faults));
        let (reported, writer, whole) = live(&source, &archive, segment_bytes);
        for loss in PowerLoss::kinds(crash_at) {
            crashes += 1;
            check(&archive.reboot(loss), reported, &writer)
                .map_err(|error| format!("crash at {crash_at}, {loss:?}: {error}"))?;
        }
        if !archive.has_crashed() {
            assert!(whole, "without a crash every backup is made");
            return Ok(crashes);
        }
    }
    unreachable!("every history ends")
}

#[test]
fn a_crash_at_any_operation_of_a_backup_leaves_a_usable_archive() {
    let mut crashes = 0;
    for segment_bytes in [100_000, 2_500, 700] {
        crashes += crash_everywhere(segment_bytes, false).unwrap();
    }
    assert!(crashes > 1_000, "only {crashes} crashes were tried");
}

#[test]
fn without_syncs_the_crash_test_of_backups_fails() {
    crash_everywhere(700, true).unwrap_err();
}

#[test]
fn after_a_failed_operation_the_next_backup_in_the_same_process_is_whole_and_lasts() {
    for fail in 0.. {
        let faults = Faults { fail: BTreeSet::from([fail]), ..Faults::default() };
        let (source, archive) = (ModelDisk::new(), ModelDisk::with_faults(faults));
        let (_, writer, whole) = live(&source, &archive, 700);
        if archive.operations() <= fail {
            assert!(whole);
            break;
        }
        archive.set_faults(Faults::default());
        back_up(&writer.reader(), &archive).unwrap();
        let reported = Reported { end: writer.end().0, root: writer.root() };
        for loss in PowerLoss::kinds(fail) {
            check(&archive.reboot(loss), reported, &writer)
                .unwrap_or_else(|error| panic!("failure at {fail}, {loss:?}: {error}"));
        }
    }
}

#[test]
fn a_full_archive_is_an_error_and_with_room_again_the_backup_goes_on() {
    let mut refused = 0;
    for space in (0..12_000).step_by(211) {
        let faults = Faults { space_bytes: Some(space), ..Faults::default() };
        let (source, archive) = (ModelDisk::new(), ModelDisk::with_faults(faults));
        let (reported, writer, whole) = live(&source, &archive, 700);
        refused += u64::from(!whole);
        archive.set_faults(Faults::default());
        check(&archive.reboot(PowerLoss::Lost), reported, &writer).unwrap();
        check(&archive, reported, &writer).unwrap();
    }
    assert!(refused > 20, "the archive was full only {refused} times");
}

#[test]
fn what_a_restore_has_made_survives_a_power_loss() {
    let (source, archive) = (ModelDisk::new(), ModelDisk::new());
    let (_, writer, _) = live(&source, &archive, 700);
    back_up(&writer.reader(), &archive).unwrap();
    let (target, restored) = restore_to(&archive, Cut::End).unwrap();
    for loss in PowerLoss::kinds(7) {
        let target = target.reboot(loss).as_disk();
        let head = TreeHead { size: writer.end(), root: restored.root };
        let compared = verify_against(target.clone(), head, &mut |_| {}).unwrap().1;
        assert_eq!(compared, Comparison::Continues, "{loss:?}");
        let (_, recovered) = Writer::open(target, options()).unwrap();
        assert_eq!((recovered.end, recovered.closed), (writer.end().next(), true), "{loss:?}");
    }
}

#[test]
fn a_restore_that_was_cut_off_never_says_that_it_is_whole() {
    let (source, archive) = (ModelDisk::new(), ModelDisk::new());
    let (_, writer, _) = live(&source, &archive, 700);
    back_up(&writer.reader(), &archive).unwrap();
    let archived = Archived::open(archive.as_disk()).unwrap();
    for crash_at in 0.. {
        let faults = Faults { crash_at: Some(crash_at), ..Faults::default() };
        let disk = ModelDisk::with_faults(faults);
        let target = (disk.as_disk(), small_segments(300), NEW_LINEAGE);
        let restored = restore(&archived, Cut::End, target, said, &mut |_| {});
        assert_eq!(restored.is_ok(), !disk.has_crashed());
        if restored.is_ok() {
            return;
        }
        for loss in PowerLoss::kinds(crash_at) {
            let Ok(reader) = Reader::open(disk.reboot(loss).as_disk()) else { continue };
            let records = read_all(&reader).unwrap();
            let said = records.iter().any(|r| r.header.kind == RecordKind::Restored);
            assert!(!said || records.len() as u64 == writer.end().0 + 1, "crash at {crash_at}");
        }
    }
}

/// Appends and backs up by turns until the chronicle's disk fails; then the power goes, the
/// chronicle is opened again, and both go on. An archived frame must not be one that is lost. Says
/// whether anything failed.
fn lose_power_of_the_source(faults: Faults, loss: PowerLoss, segment_bytes: u64) -> bool {
    let (source, archive) = (ModelDisk::new(), ModelDisk::new());
    let mut writer = create(&source.as_disk(), small_segments(segment_bytes));
    source.set_faults(faults);
    // Of another process: it knows what the files say.
    let reader = Reader::open(source.as_disk()).unwrap();
    let mut backup = Backup::open(reader, archive.as_disk(), OWNER, false).unwrap();
    let mut archived = Position(0);
    let mut failed = false;
    for count in [1, 3, 2, 1, 4] {
        let end = writer.end().0;
        failed = writer.append(&drafts(end..end + count)).is_err();
        // A failed append may have come far enough to be read; the backup must know better.
        archived = backup.pass(&mut |_| {}).map_or(archived, |copied| copied.end);
        if failed {
            break;
        }
    }
    drop((writer, backup));
    let source = source.reboot(loss);
    let mut writer = Writer::open(source.as_disk(), small_segments(segment_bytes)).unwrap().0;
    assert!(writer.end() >= archived, "{archived} records were archived, {} are", writer.end());
    append(&mut writer, 2);
    back_up(&writer.reader(), &archive).unwrap_or_else(|error| panic!("{loss:?}: {error:?}"));
    let verified = verify(archive.as_disk(), &mut |_| {}).unwrap();
    assert_eq!((verified.end, verified.root), (writer.end(), writer.root()));
    failed
}

#[test]
fn nothing_is_archived_that_the_chronicle_loses() {
    for segment_bytes in [100_000, 900, 1] {
        for crash_at in 0.. {
            let crash = Faults { crash_at: Some(crash_at), ..Faults::default() };
            let failure = Faults { fail: BTreeSet::from([crash_at]), ..Faults::default() };
            let mut failed = false;
            for loss in PowerLoss::kinds(crash_at) {
                for faults in [&crash, &failure] {
                    failed |= lose_power_of_the_source(faults.clone(), loss, segment_bytes);
                }
            }
            if !failed {
                assert!(crash_at >= 15, "only {crash_at} operations failed");
                break;
            }
        }
    }
}

#[test]
fn one_backup_goes_on_through_failures_of_the_chronicle_and_its_openings() {
    for segment_bytes in [100_000, 900, 1] {
        for fail in 0.. {
            let (source, archive) = (ModelDisk::new(), ModelDisk::new());
            let mut writer = create(&source.as_disk(), small_segments(segment_bytes));
            let faults = Faults { fail: BTreeSet::from([fail]), ..Faults::default() };
            source.set_faults(faults);
            let reader = Reader::open(source.as_disk()).unwrap();
            let mut backup = Backup::open(reader, archive.as_disk(), OWNER, false).unwrap();
            let mut failed = false;
            for count in [1, 3, 2, 1, 4, 1] {
                let end = writer.end().0;
                if writer.append(&drafts(end..end + count)).is_err() {
                    failed = true;
                    backup.pass(&mut |_| {}).unwrap();
                    drop(writer);
                    source.set_faults(Faults::default());
                    let opened = Writer::open(source.as_disk(), small_segments(segment_bytes));
                    writer = opened.unwrap().0;
                }
                let copied = backup.pass(&mut |_| {});
                let copied = copied.unwrap_or_else(|error| panic!("failure at {fail}: {error:?}"));
                assert_eq!((copied.end, copied.root), (writer.end(), writer.root()), "{fail}");
            }
            assert_eq!(verify(archive.as_disk(), &mut |_| {}).unwrap().root, writer.root());
            if !failed {
                break;
            }
        }
    }
}
