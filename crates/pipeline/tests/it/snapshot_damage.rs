//! A snapshot that is not exactly right is discarded with the reason, and the state is right anyway.

use std::sync::Arc;

use deeds_chronicle::Disk;
use deeds_pipeline::snapshot::Unfit;
use deeds_sim::ModelDisk;
use deeds_values::Position;

use crate::client::{Bank, Step, open_options, unique};
use crate::snapshots::{listed, stocked};

fn snapshot_files(disk: &ModelDisk) -> Vec<String> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    files.filter(|path| path.starts_with("snapshots/")).collect()
}

/// Opens a copy; why each snapshot was discarded, and which was loaded. The state is proved.
fn open(disk: &ModelDisk) -> (Vec<Unfit>, Option<Position>) {
    let mut bank = Bank::open(Arc::new(disk.copy())).expect("the chronicle opens");
    bank.try_check().expect("the state is the fold of the records");
    let found = bank.opened().snapshots.clone();
    let reasons = found.discarded.into_iter().map(|discarded| discarded.why).collect();
    (reasons, found.loaded.map(|loaded| loaded.position))
}

#[test]
fn any_flipped_byte_discards_the_snapshot() {
    let disk = ModelDisk::new();
    drop(stocked(&disk, 3));
    assert_eq!(open(&disk).0, []);
    let mut flipped = 0;
    for path in snapshot_files(&disk) {
        for at in 0..disk.bytes(&path).len() {
            let copy = disk.copy();
            copy.tamper(&path, |bytes| bytes[at] ^= 1 << (at % 8));
            let (reasons, loaded) = open(&copy);
            assert_eq!(loaded, None, "{path} at {at}");
            assert_eq!(reasons.len(), 1, "{path} at {at}");
            flipped += 1;
        }
    }
    assert!(flipped > 1_000, "only {flipped} bytes");
}

#[test]
fn a_file_that_is_cut_longer_or_gone_discards_the_snapshot() {
    let disk = ModelDisk::new();
    drop(stocked(&disk, 3));
    for path in snapshot_files(&disk) {
        let length = disk.bytes(&path).len();
        for cut in [0, 1, length / 2, length - 1] {
            let copy = disk.copy();
            copy.tamper(&path, |bytes| bytes.truncate(cut));
            assert_eq!(open(&copy).1, None, "{path} cut to {cut}");
        }
        let copy = disk.copy();
        copy.tamper(&path, |bytes| bytes.push(0));
        assert_eq!(open(&copy).1, None, "{path} with a byte more");
        let copy = disk.copy();
        copy.remove(&path).expect("it is there");
        assert_eq!(open(&copy).1, None, "{path} gone");
    }
}

#[test]
fn when_the_newest_is_damaged_the_one_before_is_used_and_the_next_replaces_it() {
    let disk = ModelDisk::new();
    let (mut bank, first) = stocked(&disk, 10);
    bank.send(unique(100), &Step::Draw);
    let second = bank.snapshot().expect("the disk works").expect("one record more");
    bank.send(unique(101), &Step::Draw);
    drop(bank);
    let newest = snapshot_files(&disk).into_iter().rfind(|path| path.ends_with(".snapshot"));
    disk.tamper(&newest.expect("two are there"), |bytes| bytes[40] ^= 1);
    let mut bank = Bank::open(Arc::new(disk.clone())).expect("the chronicle opens");
    let found = bank.opened().snapshots.clone();
    assert_eq!(found.loaded.expect("the older one").position, first.position);
    assert_eq!(found.discarded.len(), 1);
    assert_eq!(found.discarded[0].position, second.position);
    let third = bank.snapshot().expect("the disk works").expect("records since");
    let positions: Vec<_> = listed(&disk).iter().map(|snapshot| snapshot.position).collect();
    assert_eq!(positions, [third.position, first.position], "the damaged one is gone");
}

#[test]
fn a_snapshot_of_other_code_is_not_used_and_stays_until_it_is_replaced() {
    let disk = ModelDisk::new();
    let (bank, first) = stocked(&disk, 10);
    drop(bank);
    let mut other_code = open_options();
    other_code.code = "later".to_owned();
    let mut bank = Bank::open_with(Arc::new(disk.clone()), &other_code).expect("it opens");
    bank.check();
    let found = bank.opened().snapshots.clone();
    assert_eq!(found.loaded, None);
    assert_eq!(found.discarded[0].why, Unfit::OtherCode { found: "test".to_owned() });
    let second = bank.snapshot().expect("the disk works").expect("other code, other snapshot");
    drop(bank);

    // The code before is put back: its own snapshot still serves it.
    let (reasons, loaded) = open(&disk);
    assert_eq!(reasons, [Unfit::OtherCode { found: "later".to_owned() }]);
    assert_eq!(loaded, Some(first.position));
    let mut bank = Bank::open_with(Arc::new(disk.clone()), &other_code).expect("it opens");
    assert_eq!(bank.opened().snapshots.loaded.as_ref().unwrap().position, second.position);
    bank.send(unique(100), &Step::Draw);
    bank.snapshot().expect("the disk works");
    drop(bank);
    assert_eq!(open(&disk).1, None, "two newer ones have replaced it");
}

#[test]
fn a_snapshot_with_another_window_is_not_used() {
    let disk = ModelDisk::new();
    drop(stocked(&disk, 10));
    let mut options = open_options();
    options.engine.window_commands = 5;
    let mut bank = Bank::open_with(Arc::new(disk), &options).expect("it opens");
    let found = bank.opened().snapshots.clone();
    assert_eq!(found.discarded[0].why, Unfit::OtherWindow { found: 100 });
    assert_eq!(bank.opened().decider.engine().duplicates().counts().0, 5);
}

/// Puts the snapshots of one disk on another.
fn transplant(from: &ModelDisk, to: &ModelDisk) {
    to.create_dir("snapshots").expect("the disk works");
    for path in snapshot_files(from) {
        let file = to.create_new(&path).expect("there is none yet");
        file.write_at(&from.bytes(&path), 0).expect("the disk works");
    }
}

#[test]
fn a_snapshot_of_another_history_or_a_longer_one_is_not_used_and_does_not_stay() {
    let (long, short, other) = (ModelDisk::new(), ModelDisk::new(), ModelDisk::new());
    drop(stocked(&long, 10));
    let reach = |disk: &ModelDisk, kinds: std::ops::Range<u8>| {
        let mut bank = Bank::open(Arc::new(disk.clone())).expect("an empty disk");
        kinds.for_each(|kind| drop(bank.send(unique(kind), &Step::StockKind(kind, 3))));
    };
    reach(&short, 0..5);
    reach(&other, 20..40);
    for (disk, why) in [(&short, "ends before it"), (&other, "another history")] {
        transplant(&long, disk);
        let (reasons, loaded) = open(disk);
        assert_eq!((reasons.len(), loaded), (1, None));
        assert!(reasons[0].to_string().contains(why), "{}", reasons[0]);
        let mut bank = Bank::open(Arc::new(disk.clone())).expect("it opens");
        let taken = bank.snapshot().expect("the disk works").expect("none was loaded");
        let positions: Vec<_> = listed(disk).iter().map(|snapshot| snapshot.position).collect();
        assert_eq!(positions, [taken.position]);
    }
}
