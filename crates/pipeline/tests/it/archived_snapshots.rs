//! Snapshots along with backups: an archive has the newest, and what is restored from it starts from
//! that one as it would from its own.

use std::sync::Arc;

use deeds_chronicle::{
    Archived, Backup, Cut, Disk, OwnerId, Reader, RecordKind, Restored, WriterOptions, restore,
};
use deeds_engine::testing::same_state;
use deeds_pipeline::opening::OpenOptions;
use deeds_pipeline::snapshot::{SnapshotInfo, Unfit, copies, list};
use deeds_pipeline::system::{self, Restoration};
use deeds_sim::{Faults, ModelDisk, PowerLoss};
use deeds_values::{Lineage, Position};

use crate::client::{Bank, Step, open_options, unique, writer_options};
use crate::snapshots::without_snapshots;

const OWNER: OwnerId = OwnerId(*b"the one owner...");
const NEW: Lineage = Lineage(*b"restored");

fn shared(disk: &ModelDisk) -> Arc<dyn Disk> {
    Arc::new(disk.clone())
}

/// A chronicle with two snapshots and records after them, and an archive of it.
fn archived() -> (ModelDisk, ModelDisk, [Position; 2]) {
    let disk = ModelDisk::new();
    let mut bank = Bank::open(shared(&disk)).expect("an empty disk");
    let mut taken = Vec::new();
    for part in 0..3 {
        for number in 0..12 {
            bank.send(unique(part * 12 + number), &Step::StockKind(number, 2));
            // Frames of several records: a snapshot need not end one in what is restored.
            bank.decide_as_taker(unique(100 + part * 12 + number), &Step::TakeKind(number));
            bank.decide_as_taker(unique(150 + part * 12 + number), &Step::Draw);
            bank.commit().expect("the disk works");
        }
        if part < 2 {
            taken.push(bank.snapshot().expect("the disk works").expect("there is news").position);
        }
    }
    drop(bank);
    let archive = ModelDisk::new();
    back_up(&disk, &archive);
    (disk, archive, [taken[0], taken[1]])
}

fn back_up(disk: &ModelDisk, archive: &ModelDisk) -> Option<SnapshotInfo> {
    let source = Reader::open(shared(disk)).expect("a chronicle is there");
    let mut backup = Backup::open(source, shared(archive), OWNER, false).expect("an archive");
    let end = backup.pass(&mut |_| {}).expect("both disks work").end;
    copies::copy_newest(&shared(disk), &shared(archive), end).expect("both disks work")
}

fn said(restored: &Restored) -> deeds_chronicle::RecordDraft {
    let root = restored.root.to_string();
    let body = Restoration { from: restored.from, position: restored.position, root };
    system::draft(RecordKind::Restored, restored.position.next(), restored.time, &body)
}

/// What is restored of an archive up to a cut, and the snapshot that came along.
fn restored(archive: &ModelDisk, cut: Cut) -> (ModelDisk, Option<SnapshotInfo>) {
    let opened = Archived::open(shared(archive)).expect("an archive");
    let disk = ModelDisk::new();
    let options: WriterOptions = writer_options(3_000);
    let done = restore(&opened, cut, (shared(&disk), options, NEW), said, &mut |_| {});
    let through = done.expect("both disks work").position;
    let carried = copies::carry(&shared(archive), &shared(&disk), (through, NEW));
    (disk, carried.expect("both disks work"))
}

#[test]
fn what_is_restored_starts_from_the_archived_snapshot_to_the_same_state() {
    let (disk, archive, [_, newest]) = archived();
    assert_eq!(back_up(&disk, &archive), None, "it is there already");
    let (copy, carried) = restored(&archive, Cut::End);
    assert_eq!(carried.map(|snapshot| snapshot.position), Some(newest));
    let folded = without_snapshots(&copy);

    let mut quick = Bank::open(shared(&copy)).expect("it is whole");
    let loaded = quick.opened().snapshots.loaded.clone().expect("the snapshot fits");
    assert_eq!(loaded.position, newest);
    assert!(quick.opened().replayed < 40, "only what came after it");
    let mut slow = Bank::open(shared(&folded)).expect("it is whole");
    assert!(slow.opened().snapshots.loaded.is_none());
    same_state(quick.atom().state(), slow.atom().state()).expect("the same rows");
    let sent_again = [unique(0), unique(100), unique(35)];
    for id in sent_again {
        let step = Step::Draw;
        assert_eq!(quick.send(id.clone(), &step), slow.send(id, &step), "the same window");
    }
    quick.check();
    // It goes on, with snapshots of its own.
    quick.send(unique(250), &Step::Stock);
    quick.snapshot().expect("the disk works").expect("there is news");
    quick.reopen();
    quick.check();
}

#[test]
fn a_cut_before_a_snapshot_leaves_it_behind() {
    let (disk, archive, [first, newest]) = archived();
    for (cut, expected) in [(newest, Some(newest)), (Position(newest.0 - 1), None)] {
        let (copy, carried) = restored(&archive, Cut::Through(cut));
        assert_eq!(carried.map(|snapshot| snapshot.position), expected, "cut at {cut}");
        let mut bank = Bank::open(shared(&copy)).expect("it is whole");
        assert_eq!(bank.opened().snapshots.loaded.is_some(), expected.is_some());
        bank.check();
    }
    // The one before stays beside a newer one, and serves an earlier cut.
    let mut bank = Bank::open(shared(&disk)).expect("it is whole");
    bank.send(unique(240), &Step::Stock);
    let later = bank.snapshot().expect("the disk works").expect("there is news").position;
    drop(bank);
    assert_eq!(back_up(&disk, &archive).map(|copied| copied.position), Some(later));
    let kept: Vec<_> = list(&shared(&archive)).expect("it lists").into_iter().collect();
    assert_eq!(kept.iter().map(|kept| kept.position).collect::<Vec<_>>(), [later, newest]);
    let (_, carried) = restored(&archive, Cut::Through(newest));
    assert_eq!(carried.map(|snapshot| snapshot.position), Some(newest));
    assert!(first < newest);
}

#[test]
fn a_snapshot_that_rotted_in_the_archive_or_is_of_other_code_is_not_trusted() {
    let (_, archive, _) = archived();
    let chunk = archive.files().into_iter().find(|(path, _)| path.ends_with(".chunk"));
    let (chunk, _) = chunk.expect("a snapshot has chunks");
    let rotten = archive.copy();
    rotten.tamper(&chunk, |bytes| bytes[0] ^= 1);
    let (copy, carried) = restored(&rotten, Cut::End);
    assert_eq!(carried, None);
    let left: Vec<_> = copy.files().into_iter().filter(|(at, _)| at.contains("chunk")).collect();
    assert_eq!(left, [], "half of one does not stay");
    Bank::open(shared(&copy)).expect("the records do its work").check();

    let (copy, _) = restored(&archive, Cut::End);
    let options = OpenOptions { code: "other".to_owned(), ..open_options() };
    let mut bank = Bank::open_with(shared(&copy), &options).expect("it is whole");
    let why = &bank.opened().snapshots.discarded[0].why;
    assert!(matches!(why, Unfit::OtherCode { .. }), "{why}");
    bank.check();
}

#[test]
fn a_crash_while_a_snapshot_is_copied_leaves_the_archive_with_the_one_before() {
    let (disk, archive, [_, newest]) = archived();
    let mut bank = Bank::open(shared(&disk)).expect("it is whole");
    for number in 0..12 {
        bank.send(unique(200 + number), &Step::StockKind(number, 3));
    }
    let later = bank.snapshot().expect("the disk works").expect("there is news").position;
    drop(bank);
    let source = Reader::open(shared(&disk)).expect("a chronicle is there");
    let mut backup = Backup::open(source, shared(&archive), OWNER, false).expect("an archive");
    let end = backup.pass(&mut |_| {}).expect("both disks work").end;
    drop(backup);
    let archive = archive.copy();
    let mut crashes = 0;
    for crash_at in 0.. {
        let cut = archive.copy();
        cut.set_faults(Faults { crash_at: Some(crash_at), ..Faults::default() });
        let copied = copies::copy_newest(&shared(&disk), &shared(&cut), end);
        if !cut.has_crashed() {
            assert_eq!(copied.expect("both disks work").map(|copied| copied.position), Some(later));
            break;
        }
        for loss in PowerLoss::kinds(crash_at) {
            crashes += 1;
            let left = cut.reboot(loss);
            let (copy, carried) = restored(&left, Cut::End);
            let carried = carried.expect("one of the two is whole").position;
            assert!(carried == newest || carried == later, "{crash_at}, {loss:?}: {carried}");
            let mut bank = Bank::open(shared(&copy)).expect("it is whole");
            let loaded = bank.opened().snapshots.loaded.clone();
            assert_eq!(loaded.map(|loaded| loaded.position), Some(carried));
            // The next backup copies it again, if it is not there.
            back_up(&disk, &left);
            let kept = list(&shared(&left)).expect("it lists");
            assert_eq!(kept[0].position, later);
        }
    }
    assert!(crashes > 60, "only {crashes} crashes were tried");
}

/// A full archive keeps its frames and does without.
#[test]
fn an_archive_without_room_for_a_snapshot_gets_its_space_back() {
    let (disk, _, _) = archived();
    let archive = ModelDisk::new();
    let source = Reader::open(shared(&disk)).expect("a chronicle is there");
    let mut backup = Backup::open(source, shared(&archive), OWNER, false).expect("an archive");
    let end = backup.pass(&mut |_| {}).expect("both disks work").end;
    let used = archive.used_bytes();
    archive.set_faults(Faults { space_bytes: Some(used + 700), ..Faults::default() });
    let error = copies::copy_newest(&shared(&disk), &shared(&archive), end).unwrap_err();
    assert!(error.is_no_room(), "{error}");
    assert_eq!(archive.used_bytes(), used);
    archive.set_faults(Faults::default());
    let copied = copies::copy_newest(&shared(&disk), &shared(&archive), end);
    assert!(copied.expect("there is room").is_some());
}
