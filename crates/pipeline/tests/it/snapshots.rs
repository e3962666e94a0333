//! A restart from a snapshot and the records after it is a restart from the records alone: the same
//! rows, the same answers to what is sent again, and from there on the same bytes on disk.

use std::sync::Arc;

use deeds_chronicle::Disk;
use deeds_engine::testing::same_state;
use deeds_pipeline::names::Namespace;
use deeds_pipeline::reply::{Caller, Reply};
use deeds_pipeline::snapshot::{self, SNAPSHOTS_KEPT, Taken};
use deeds_sim::{Dice, ModelDisk};
use deeds_values::{CommandId, Timestamp};

use crate::client::{Bank, START, Step, open_options, taker};

/// The same disk without its snapshots.
pub(crate) fn without_snapshots(disk: &ModelDisk) -> ModelDisk {
    let copy = disk.copy();
    for (path, _) in copy.files() {
        if path.starts_with("snapshots/") {
            copy.remove(&path).expect("it is there");
        }
    }
    copy
}

/// Every file with its bytes, but for snapshots.
fn chronicle_bytes(disk: &ModelDisk) -> Vec<(String, Vec<u8>)> {
    let files = disk.files().into_iter().map(|(path, _)| path);
    let kept = files.filter(|path| !path.starts_with("snapshots/"));
    kept.map(|path| (path.clone(), disk.bytes(&path))).collect()
}

fn on(disk: &ModelDisk) -> Bank {
    Bank::open(Arc::new(disk.clone())).expect("the chronicle opens")
}

/// What the gates of two engines know, and the rows; equal or the test fails.
fn assert_same(one: &mut Bank, other: &mut Bank) {
    same_state(one.atom().state(), other.atom().state()).expect("the same published rows");
    let position = one.atom().position;
    assert_eq!(position, other.atom().position);
    let (one, other) = (one.opened(), other.opened());
    let (one, other) = (one.decider.engine(), other.decider.engine());
    same_state(one.state(), other.state()).expect("the same live rows");
    assert_eq!(one.clock().log_time(), other.clock().log_time());
    let (one, other) = (one.duplicates(), other.duplicates());
    assert!(one.uniques().eq(other.uniques()), "the same window");
    assert_eq!(one.numbers(), other.numbers());
    assert_eq!(one.horizon_ms(), other.horizon_ms());
}

/// A client whose doings follow from a seed.
struct Chance {
    dice: Dice,
    sent: Vec<(Caller, CommandId, Step)>,
    hours: i64,
    numbers: [u64; 3],
}

impl Chance {
    fn new(seed: u64) -> Self {
        Self { dice: Dice::new(seed), sent: Vec::new(), hours: 0, numbers: [0; 3] }
    }

    fn step(&mut self) -> Step {
        let kind = self.dice.below(40) as u8;
        match self.dice.below(8) {
            0 => Step::Stumble,
            1 => Step::Draw,
            2 => Step::TakeUnknown,
            3 | 4 => Step::StockKind(kind, 1 + self.dice.below(5) as u32),
            _ => Step::TakeKind(kind),
        }
    }

    fn id(&mut self) -> CommandId {
        if self.dice.coin() {
            let source = self.dice.below(3) as usize;
            self.numbers[source] += 1 + self.dice.below(3);
            let number = self.numbers[source];
            return CommandId::Numbered { source: format!("source {source}"), number };
        }
        let now_ms = (START.0 / 1_000 + self.hours * 3_600_000) as u64;
        CommandId::unique_at(now_ms + self.sent.len() as u64, self.dice.roll() as u8)
    }

    /// Sends something new, or something again.
    fn act(&mut self, bank: &mut Bank) -> Reply {
        if !self.sent.is_empty() && self.dice.below(4) == 0 {
            let (caller, id, step) = &self.sent[self.dice.below(self.sent.len() as u64) as usize];
            return bank.send_as(caller, id.clone(), step);
        }
        let mut caller = taker();
        caller.credential = format!("device {}", self.dice.below(5));
        let (id, step) = (self.id(), self.step());
        self.sent.push((caller.clone(), id.clone(), step));
        bank.send_as(&caller, id, &step)
    }
}

#[test]
fn a_restart_from_a_snapshot_is_a_restart_from_the_records() {
    let mut loaded = 0;
    for seed in 0..60 {
        let disk = ModelDisk::new();
        let mut bank = on(&disk);
        let mut chance = Chance::new(seed);
        for _ in 0..6 {
            for _ in 0..chance.dice.below(60) {
                chance.act(&mut bank);
            }
            if chance.dice.below(5) == 0 {
                let hours = 1 + chance.dice.below(20) as i64;
                bank.pass_hours(hours);
                chance.hours += hours;
            }
            if chance.dice.below(3) > 0 {
                bank.snapshot().expect("the disk works");
            }
            if chance.dice.coin() {
                continue;
            }
            let hours = chance.hours;
            bank.reopen();
            bank.pass_hours(hours);
            loaded += u64::from(bank.opened().snapshots.loaded.is_some());
            assert!(bank.opened().snapshots.discarded.is_empty());
            assert_same(&mut bank, &mut on(&without_snapshots(&disk)));
        }
        bank.check();
        // From here on both do the same, byte for byte.
        let twin_disk = without_snapshots(&disk);
        drop(bank);
        let (mut bank, mut twin) = (on(&disk), on(&twin_disk));
        bank.pass_hours(chance.hours);
        twin.pass_hours(chance.hours);
        for _ in 0..40 {
            let before = (chance.dice.clone(), chance.sent.clone(), chance.numbers);
            let reply = chance.act(&mut bank);
            (chance.dice, chance.sent, chance.numbers) = before;
            assert_eq!(reply, chance.act(&mut twin), "seed {seed}");
        }
        assert_eq!(chronicle_bytes(&disk), chronicle_bytes(&twin_disk), "seed {seed}");
    }
    assert!(loaded > 60, "only {loaded} restarts had a snapshot");
}

#[test]
fn a_snapshot_of_what_opening_published_carries_the_time_of_the_last_record() {
    let disk = ModelDisk::new();
    let mut bank = on(&disk);
    bank.send(crate::client::unique(1), &Step::Draw);
    let last = bank.atom().time;
    drop(bank);
    let mut later = open_options();
    later.now = Timestamp(START.0 + 3_600_000_000);
    let mut bank = Bank::open_with(Arc::new(disk.clone()), &later).expect("it opens");
    assert_eq!(bank.atom().time, last, "time passed, and nothing was recorded");
    bank.snapshot().expect("the disk works").expect("the first one");
    assert_eq!(listed(&disk)[0].time, last);
    drop(bank);
    assert_same(&mut on(&disk), &mut on(&without_snapshots(&disk)));
}

/// A shelf with this many kinds, and a snapshot of it.
pub(crate) fn stocked(disk: &ModelDisk, kinds: u8) -> (Bank, Taken) {
    let mut bank = on(disk);
    for kind in 0..kinds {
        bank.send(crate::client::unique(kind), &Step::StockKind(kind, 3));
    }
    let taken = bank.snapshot().expect("the disk works").expect("the first one");
    (bank, taken)
}

#[test]
fn what_did_not_change_is_not_written_again() {
    let disk = ModelDisk::new();
    let (mut bank, first) = stocked(&disk, 60);
    assert!(first.chunks_written > 20, "{first:?}");
    assert_eq!((first.rows, first.chunks_kept), (60, 0));
    assert_eq!(bank.snapshot().expect("the disk works"), None, "nothing has happened since");

    bank.send(crate::client::unique(100), &Step::StockKind(30, 1));
    let second = bank.snapshot().expect("the disk works").expect("one record more");
    // The chunk of the row, and the end of the duplicate window.
    assert!(second.chunks_written <= 3, "{second:?}");
    assert_eq!(second.rows, 60);

    // The same after a restart: the chunks of the loaded snapshot are known.
    bank.reopen();
    bank.send(crate::client::unique(101), &Step::StockKind(31, 1));
    let third = bank.snapshot().expect("the disk works").expect("one record more");
    assert!(third.chunks_written <= 3, "{third:?}");
}

#[test]
fn two_snapshots_are_kept_and_nothing_that_they_do_not_name() {
    let disk = ModelDisk::new();
    let (mut bank, _) = stocked(&disk, 20);
    for n in 0..5 {
        bank.send(crate::client::unique(100 + n), &Step::StockKind(n, 1));
        bank.snapshot().expect("the disk works");
        let positions: Vec<_> = listed(&disk).iter().map(|snapshot| snapshot.position).collect();
        assert_eq!(positions.len(), SNAPSHOTS_KEPT);
        assert_eq!(positions[0], bank.atom().position);
        assert!(positions[0] > positions[1]);
    }
    let files = disk.files();
    let count = |ending: &str| files.iter().filter(|(path, _)| path.ends_with(ending)).count();
    assert_eq!((count(".snapshot"), count(".new")), (SNAPSHOTS_KEPT, 0));
    // Two snapshots that differ in a few chunks.
    let chunks = listed(&disk)[0].bytes / 300;
    assert!(count(".chunk") as u64 <= chunks + 8, "{} of {chunks}", count(".chunk"));
}

pub(crate) fn listed(disk: &ModelDisk) -> Vec<snapshot::SnapshotInfo> {
    snapshot::list(&(Arc::new(disk.clone()) as Arc<dyn Disk>)).expect("the disk works")
}

#[test]
fn progress_moves_through_loading_and_replay_to_the_end() {
    use deeds_pipeline::opening;
    use deeds_values::Position;

    use crate::client::writer_options;
    use crate::shelf::Shelf;

    let disk = ModelDisk::new();
    let (mut bank, taken) = stocked(&disk, 60);
    bank.send(crate::client::unique(100), &Step::Draw);
    drop(bank);
    let mut told = Vec::new();
    let opened = opening::open::<Shelf>(
        Arc::new(disk),
        || writer_options(64 << 20),
        &open_options(),
        &mut |at, end| told.push((at, end)),
    );
    let end = opened.expect("it opens").publisher.published().position.next();
    assert!(told.is_sorted(), "{told:?}");
    assert!(told.len() > 20, "each chunk moves it");
    assert!(told.contains(&(taken.position, end)));
    assert_eq!(told.last(), Some(&(end, end)));
    assert!(told.iter().all(|(at, _)| *at > Position(0)) || told[0].0 == Position(0));
}

#[test]
fn names_of_a_snapshot_are_those_of_the_records() {
    let disk = ModelDisk::new();
    let (bank, _) = stocked(&disk, 3);
    drop(bank);
    let mut bank = on(&disk);
    assert!(bank.opened().snapshots.loaded.is_some());
    // The same names again take no new numbers: one record and no definitions.
    let before = bank.atom().position;
    bank.send(crate::client::unique(9), &Step::Draw);
    assert_eq!(bank.atom().position, before.next());
    assert_eq!(Namespace::ALL.len(), 5, "a namespace's place is in snapshots: add at the end");
}
