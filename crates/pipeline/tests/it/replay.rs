//! Long replays, which are read ahead on a thread of their own: the same fold, the same errors.

use std::sync::Arc;

use deeds_chronicle::Disk;
use deeds_pipeline::opening::{self, OpenError};
use deeds_sim::ModelDisk;
use deeds_values::{CommandId, Position};

use crate::client::{Bank, Step, open_options, writer_options};

/// More than is replayed without a thread.
const RECORDS: u64 = 6_000;

/// How many commands share a frame here.
const FRAME_COMMANDS: usize = 500;

fn long_history(disk: &ModelDisk) -> Bank {
    let mut bank = Bank::open(Arc::new(disk.clone())).expect("an empty disk");
    let numbers: Vec<u64> = (1..=RECORDS).collect();
    for frame in numbers.chunks(FRAME_COMMANDS) {
        for &number in frame {
            let id = CommandId::Numbered { source: "long".to_owned(), number };
            let step = if number % 7 == 0 {
                Step::StockKind((number % 11) as u8, 1)
            } else {
                Step::TakeKind((number % 11) as u8)
            };
            bank.decide_as_taker(id, &step);
        }
        bank.commit().expect("the disk works");
    }
    bank
}

#[test]
fn a_long_history_is_the_same_state_again() {
    let disk = ModelDisk::new();
    let mut bank = long_history(&disk);
    bank.reopen();
    assert!(bank.opened().replayed > RECORDS);
    bank.check();
}

/// Opens the shelf's disk as another version of it would.
fn open(disk: &ModelDisk) -> (Vec<Position>, Result<(), OpenError>) {
    let mut told = Vec::new();
    let disk: Arc<dyn Disk> = Arc::new(disk.copy());
    let options = || writer_options(64 << 20);
    let opened =
        opening::open::<crate::opening::Retyped>(disk, options, &open_options(), &mut |at, _| {
            told.push(at)
        });
    (told, opened.map(drop))
}

#[test]
fn what_cannot_be_folded_ends_the_reading_too() {
    let disk = ModelDisk::new();
    drop(long_history(&disk));
    let (told, opened) = open(&disk);
    assert!(matches!(opened, Err(OpenError::Unreadable { .. })), "{opened:?}");
    assert_eq!(told, [], "the first stocked tin is near the start");
}
