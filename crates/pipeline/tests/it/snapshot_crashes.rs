//! Snapshots on a disk that crashes, fails or is full: a snapshot that was taken is there after any
//! crash, one that was not never counts, and the chronicle is not disturbed.

use std::collections::BTreeSet;
use std::sync::Arc;

use deeds_pipeline::opening::{OpenError, OpenOptions};
use deeds_pipeline::reply::Reply;
use deeds_pipeline::snapshot::SnapshotError;
use deeds_sim::{Faults, ModelDisk, PowerLoss};
use deeds_values::Position;

use crate::client::{Bank, Step, open_options, unique};
use crate::snapshots::listed;

/// What a history that was cut off had been told.
#[derive(Default)]
struct Told {
    /// The last record that was acknowledged.
    acknowledged: Option<Position>,
    /// The last snapshot that was taken.
    snapshot: Option<Position>,
}

/// Three snapshots with commands between them, until it ends or the disk does.
fn history(disk: &ModelDisk, told: &mut Told) -> Result<(), OpenError> {
    let mut bank = Bank::open(Arc::new(disk.clone()))?;
    for round in 0..3 {
        for kind in 0..3 {
            bank.decide_as_taker(unique(round * 10 + kind), &Step::StockKind(kind * 3, 2));
            if bank.commit().is_err() {
                return Ok(());
            }
            told.acknowledged = Some(bank.atom().position);
        }
        if let Ok(Some(taken)) = bank.snapshot() {
            told.snapshot = Some(taken.position);
        }
    }
    Ok(())
}

fn steps() -> u64 {
    let disk = ModelDisk::new();
    history(&disk, &mut Told::default()).expect("nothing fails");
    disk.operations()
}

/// After a crash: the state is right, and the last snapshot that was taken, or a later one, serves.
fn judge(disk: &ModelDisk, told: &Told) -> Result<(), String> {
    let mut bank = Bank::open(Arc::new(disk.clone())).map_err(|error| format!("{error:?}"))?;
    bank.try_check()?;
    if bank.atom().position < told.acknowledged.unwrap_or(Position(0)) {
        return Err("an acknowledged record is lost".to_owned());
    }
    let found = bank.opened().snapshots.clone();
    if !found.discarded.is_empty() {
        return Err(format!("a crash made a snapshot unfit: {:?}", found.discarded));
    }
    let loaded = found.loaded.map(|loaded| loaded.position);
    if loaded < told.snapshot {
        return Err(format!("{loaded:?} was loaded, and {:?} was taken", told.snapshot));
    }
    // Another one works whatever the crash left, and leaves nothing lying about.
    bank.send(unique(200), &Step::Draw);
    bank.snapshot().map_err(|error| format!("{error:?}"))?.ok_or("no snapshot")?;
    let left = disk.files().iter().filter(|(path, _)| path.ends_with(".new")).count();
    if left > 0 || listed(disk).is_empty() {
        return Err(format!("{left} unfinished files are left"));
    }
    Ok(())
}

#[test]
fn a_crash_at_any_step_leaves_the_snapshots_that_were_taken() {
    let mut runs = 0;
    for at in 0..=steps() {
        for loss in PowerLoss::kinds(at) {
            let disk = ModelDisk::with_faults(Faults { crash_at: Some(at), ..Faults::default() });
            let mut told = Told::default();
            let _ = history(&disk, &mut told);
            let disk = disk.reboot(loss);
            judge(&disk, &told).unwrap_or_else(|why| panic!("cut at {at}, {loss:?}: {why}"));
            runs += 1;
        }
    }
    assert!(runs > 500, "only {runs} cuts");
}

#[test]
fn a_second_crash_while_the_next_snapshot_is_taken_changes_nothing() {
    for at in 0..=steps() {
        for second in [3, 9, 17, 31] {
            let disk = ModelDisk::with_faults(Faults { crash_at: Some(at), ..Faults::default() });
            let mut told = Told::default();
            let _ = history(&disk, &mut told);
            let disk = disk.reboot(PowerLoss::Sectors { seed: at });
            disk.set_faults(Faults { crash_at: Some(second), ..Faults::default() });
            if let Ok(mut bank) = Bank::open(Arc::new(disk.clone())) {
                bank.decide_as_taker(unique(100), &Step::Draw);
                if bank.commit().is_ok()
                    && let Ok(Some(taken)) = bank.snapshot()
                {
                    told.snapshot = Some(taken.position);
                }
            }
            let disk = disk.reboot(PowerLoss::CutShort { seed: at });
            judge(&disk, &told).unwrap_or_else(|why| panic!("cut at {at}, {second}: {why}"));
        }
    }
}

/// The disk's steps of one snapshot, and the disk before it.
fn before_a_snapshot() -> (ModelDisk, u64) {
    let disk = ModelDisk::new();
    let mut bank = Bank::open(Arc::new(disk.clone())).expect("an empty disk");
    bank.send(unique(0), &Step::StockKind(0, 2));
    bank.snapshot().expect("the disk works");
    bank.send(unique(1), &Step::StockKind(1, 2));
    drop(bank);
    let copy = disk.copy();
    let mut bank = Bank::open(Arc::new(copy.clone())).expect("it opens");
    let before = copy.operations();
    bank.snapshot().expect("the disk works").expect("one record more");
    (disk, copy.operations() - before)
}

/// After a snapshot that failed: commands are answered, and the next snapshot works.
fn goes_on(disk: &ModelDisk, mut bank: Bank) {
    disk.set_faults(Faults::default());
    let Reply::Accepted { .. } = bank.send(unique(2), &Step::Draw) else {
        panic!("a failed snapshot stopped commands");
    };
    bank.snapshot().expect("the disk works again").expect("records since");
    bank.check();
    drop(bank);
    let mut bank = Bank::open(Arc::new(disk.clone())).expect("it opens");
    assert!(bank.opened().snapshots.discarded.is_empty());
    assert!(bank.opened().snapshots.loaded.is_some());
}

#[test]
fn a_snapshot_that_fails_anywhere_disturbs_nothing_and_the_next_one_works() {
    let (before, operations) = before_a_snapshot();
    for at in 0..operations {
        let disk = before.copy();
        let mut bank = Bank::open(Arc::new(disk.clone())).expect("it opens");
        disk.set_faults(Faults { fail: BTreeSet::from([at]), ..Faults::default() });
        // Removing what is left over may fail, too; then it is removed by the next one.
        let _ = bank.snapshot();
        goes_on(&disk, bank);
    }
    assert!(operations > 12, "only {operations} steps");
}

#[test]
fn a_full_disk_gets_its_space_back_when_a_snapshot_fails() {
    let (before, _) = before_a_snapshot();
    let used: u64 = before.files().iter().map(|(_, bytes)| bytes).sum();
    let mut failed = 0;
    for room in (0..6_000).step_by(97) {
        let disk = before.copy();
        let mut bank = Bank::open(Arc::new(disk.clone())).expect("it opens");
        let used = used.max(disk.files().iter().map(|(_, bytes)| bytes).sum());
        let space_bytes = Some(used + room);
        disk.set_faults(Faults { space_bytes, ..Faults::default() });
        let taken = bank.snapshot();
        if let Err(error) = taken {
            assert!(matches!(error, SnapshotError::Disk(_)), "{error}");
            let now: u64 = disk.files().iter().map(|(_, bytes)| bytes).sum();
            assert_eq!(now, used, "what was written is removed");
            failed += 1;
        }
        goes_on(&disk, bank);
    }
    assert!(failed > 5, "only {failed} did not fit");
}

/// Where room is kept free for commands, a snapshot does not take it.
#[test]
fn a_snapshot_that_would_take_the_room_of_commands_is_left_out() {
    let (disk, _) = before_a_snapshot();
    let options = OpenOptions { keep_free_bytes: 5_000, ..open_options() };
    let mut bank = Bank::open_with(Arc::new(disk.clone()), &options).expect("it opens");
    let used = |disk: &ModelDisk| disk.used_bytes();
    disk.set_faults(Faults { space_bytes: Some(used(&disk) + 5_100), ..Faults::default() });
    let before = disk.files();
    let left_out = bank.snapshot().unwrap_err();
    assert!(matches!(left_out, SnapshotError::NoRoom { .. }), "{left_out}");
    assert_eq!(disk.files(), before, "nothing was written");
    let Reply::Accepted { .. } = bank.send(unique(200), &Step::Draw) else { panic!("refused") };

    disk.set_faults(Faults { space_bytes: Some(used(&disk) + 4_000), ..Faults::default() });
    bank.pass_hours(1);
    assert_eq!(bank.send(unique(201), &Step::Draw), Reply::NoRoom);
    let Reply::Recorded(_) = bank.send(unique(200), &Step::Draw) else { panic!("not recorded") };
    disk.set_faults(Faults::default());
    bank.pass_hours(1);
    let Reply::Accepted { .. } = bank.send(unique(201), &Step::Draw) else { panic!("refused") };
    bank.snapshot().expect("there is room");
    bank.check();
}
