//! What each reply means, and when it may leave.

use std::sync::Arc;

use deeds_chronicle::{Disk, Reader, RecordKind};
use deeds_engine::actor::Roles;
use deeds_pipeline::opening::OpenOptions;
use deeds_pipeline::reply::Reply;
use deeds_sim::{Faults, ModelDisk};
use deeds_values::{CommandId, Position, Timestamp};

use crate::client::{Bank, START, Step, caller, open_options, unique};
use crate::shelf::Role;

#[test]
fn every_outcome_has_its_reply_and_a_resend_is_answered_from_the_record() {
    let mut bank = Bank::open(Arc::new(ModelDisk::new())).expect("an empty disk");
    let stocked = bank.send(unique(1), &Step::Stock);
    let Reply::Accepted { position: first, answer } = &stocked else {
        panic!("stock was not accepted: {stocked:?}");
    };
    assert_eq!(answer, &[2], "the answer as MessagePack");
    let Reply::Accepted { .. } = bank.send(unique(2), &Step::Take) else { panic!() };
    let refused = bank.send(unique(3), &Step::TakeUnknown);
    assert!(matches!(refused, Reply::Refused { .. }), "{refused:?}");
    let bug = bank.send(unique(4), &Step::Stumble);
    assert!(matches!(bug, Reply::Bug { .. }), "{bug:?}");
    let denied = bank.send_as(&caller("ada", Roles::none()), unique(5), &Step::Take);
    assert!(matches!(denied, Reply::Denied(_)), "{denied:?}");

    for (id, step, reply) in
        [(1, Step::Stock, &stocked), (3, Step::TakeUnknown, &refused), (4, Step::Stumble, &bug)]
    {
        let Reply::Recorded(at) = bank.send(unique(id), &step) else { panic!("not recorded") };
        assert_eq!(&bank.recall(at), reply, "the same answer to the same id");
    }
    assert_eq!(bank.send(unique(1), &Step::Take), Reply::Conflict(*first));
    let denied_again = bank.send(unique(5), &Step::Take);
    assert!(matches!(denied_again, Reply::Accepted { .. }), "a denied command was never recorded");
    bank.check();
}

#[test]
fn a_refusal_and_a_bug_take_back_what_was_emitted() {
    let mut bank = Bank::open(Arc::new(ModelDisk::new())).expect("an empty disk");
    bank.send(unique(1), &Step::Stock);
    bank.send(unique(2), &Step::Take);
    bank.send(unique(3), &Step::Take);
    let refused = bank.send(unique(4), &Step::Take);
    assert!(matches!(refused, Reply::Refused { .. }), "{refused:?}");
    bank.send(unique(5), &Step::Stumble);
    let atom = bank.atom();
    let state = atom.state();
    use deeds_engine::rows::Reads;
    assert_eq!(state.taken.len(), 2);
    assert!(!state.tins.contains("stone".to_owned()));
    bank.check();
}

#[test]
fn ids_from_the_future_and_from_before_the_horizon_are_never_run() {
    let mut bank = Bank::open(Arc::new(ModelDisk::new())).expect("an empty disk");
    let ahead = CommandId::unique_at(START.0 as u64 / 1_000 + 6 * 60 * 1_000, 1);
    assert!(matches!(bank.send(ahead, &Step::Stock), Reply::Clock(_)));
    bank.send(unique(1), &Step::Stock);
    bank.pass_hours(25);
    bank.send(unique(2), &Step::Stock);
    assert_eq!(bank.send(unique(1), &Step::Stock), Reply::Gone);
    bank.check();
}

#[test]
fn while_the_disk_is_almost_full_new_commands_leave_nothing_and_repeats_are_answered() {
    let disk = ModelDisk::new();
    let options = OpenOptions { keep_free_bytes: 50_000, ..open_options() };
    let mut bank = Bank::open_with(Arc::new(disk.clone()), &options).expect("an empty disk");
    let numbered = |number| CommandId::Numbered { source: "import-1".to_owned(), number };
    let first = bank.send(unique(1), &Step::Stock);
    let Reply::Accepted { position, .. } = &first else { panic!("not accepted: {first:?}") };

    let space_bytes = Some(disk.used_bytes() + 49_999);
    disk.set_faults(Faults { space_bytes, ..Faults::default() });
    bank.pass_hours(1);
    let before = (bank.atom().position, disk.files());
    assert_eq!(bank.send(unique(2), &Step::Stock), Reply::NoRoom);
    assert_eq!(bank.send(numbered(1), &Step::Stock), Reply::NoRoom);
    let nobody = caller("ada", Roles::none());
    assert_eq!(bank.send_as(&nobody, unique(3), &Step::Take), Reply::NoRoom, "nothing is run");
    assert_eq!(bank.send(unique(1), &Step::Stock), Reply::Recorded(*position));
    assert_eq!(bank.recall(*position), first, "the same answer to the same id");
    assert_eq!(bank.send(unique(1), &Step::Take), Reply::Conflict(*position));
    assert_eq!((bank.atom().position, disk.files()), before, "nothing was written");

    // One byte more is enough, and nobody has to do anything else.
    disk.set_faults(Faults {
        space_bytes: space_bytes.map(|bytes| bytes + 1),
        ..Faults::default()
    });
    bank.pass_hours(1);
    let Reply::Accepted { .. } = bank.send(unique(2), &Step::Stock) else { panic!() };
    disk.set_faults(Faults::default());
    bank.pass_hours(1);
    let Reply::Accepted { .. } = bank.send(numbered(1), &Step::Stock) else { panic!() };
    bank.check();
}

#[test]
fn numbers_of_a_source_rise() {
    let mut bank = Bank::open(Arc::new(ModelDisk::new())).expect("an empty disk");
    let numbered = |number| CommandId::Numbered { source: "import-1".to_owned(), number };
    bank.send(numbered(1), &Step::Stock);
    let second = bank.send(numbered(2), &Step::Stock);
    let Reply::Recorded(at) = bank.send(numbered(2), &Step::Stock) else { panic!() };
    assert_eq!(bank.recall(at), second);
    assert_eq!(bank.send(numbered(1), &Step::Stock), Reply::Gone);
    bank.reopen();
    assert_eq!(bank.send(numbered(1), &Step::Stock), Reply::Gone, "the same after a restart");
    assert_eq!(bank.send(numbered(2), &Step::Stock), Reply::Recorded(at));
    bank.check();
}

#[test]
fn a_clock_that_jumps_stops_commands_until_it_is_confirmed() {
    let mut bank = Bank::open(Arc::new(ModelDisk::new())).expect("an empty disk");
    bank.send(unique(1), &Step::Stock);
    bank.jump_seconds(3_600);
    assert!(matches!(bank.send(unique(2), &Step::Stock), Reply::Clock(Timestamp(_))));
    assert!(matches!(bank.send(unique(1), &Step::Stock), Reply::Recorded(Position(_))));
    bank.confirm_clock();
    assert!(matches!(bank.send(unique(2), &Step::Stock), Reply::Accepted { .. }));
    bank.check();
}

#[test]
fn nothing_is_visible_and_nobody_is_answered_before_the_frame_is_durable() {
    let mut bank = Bank::open(Arc::new(ModelDisk::new())).expect("an empty disk");
    bank.send(unique(1), &Step::Stock);
    let position = bank.atom().position;
    bank.decide(&caller("ada", Roles::none()), unique(2), &Step::Take);
    bank.decide_as_taker(unique(3), &Step::Take);
    bank.decide_as_taker(unique(1), &Step::Stock);
    assert_eq!(bank.atom().position, position, "decided, not published");
    assert!(bank.replies().is_empty(), "denied and duplicate wait as well");
    bank.commit().expect("the disk works");
    assert!(bank.atom().position > position);
    let kinds: Vec<&str> = bank
        .replies()
        .iter()
        .map(|reply| match reply {
            Reply::Denied(_) => "denied",
            Reply::Accepted { .. } => "accepted",
            Reply::Recorded(_) => "recorded",
            _ => "other",
        })
        .collect();
    assert_eq!(kinds, ["denied", "accepted", "recorded"], "in the order of their decisions");
}

/// Who, by what, and from where: each defined by a record of its own kind, before the first record that
/// uses it, and once.
#[test]
fn names_are_defined_by_records_of_their_kinds_before_they_are_used() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let mut bank = Bank::open(Arc::clone(&disk)).expect("an empty disk");
    let before = bank.atom().position;
    let eve = caller("eve", Roles::none().and(&Role::Taker));
    let numbered = |number| CommandId::Numbered { source: "import-2".to_owned(), number };
    let Reply::Accepted { position, .. } = bank.send_as(&eve, numbered(1), &Step::Stock) else {
        panic!("refused")
    };
    let kinds = |from: Position| -> Vec<RecordKind> {
        let reader = Reader::open(Arc::clone(&disk)).expect("a chronicle is there");
        reader.stream(from.next()).map(|record| record.expect("it is whole").header.kind).collect()
    };
    use RecordKind::{Actor, Command, Credential, Name};
    assert_eq!(kinds(before), [Actor, Credential, Name, Command]);
    bank.send_as(&eve, numbered(2), &Step::Stock);
    assert_eq!(kinds(position), [Command], "known from then on");
}
