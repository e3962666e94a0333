//! Checkpoints of a chronicle that is written: their keys are recorded and rotated by overlap, one is
//! signed per frame at most, and none where the guard file knows of another history.

use std::sync::Arc;

use deeds_chronicle::consistency::{TreeReader, check_consistency};
use deeds_chronicle::note::{Note, NoteSigner, SecretKey, VerifierKey};
use deeds_chronicle::{Checkpoint, Disk, GuardFile, GuardFinding, Origin, TreeHead, WriterOptions};
use deeds_engine::app::App;
use deeds_pipeline::keys::{
    CheckpointKeys, CheckpointSigner, KeyActivation, NotSigned, RecordedKey, Withheld, recorded,
};
use deeds_pipeline::opening::{self, OpenOptions, Opened};
use deeds_sim::{Faults, ModelDisk};
use deeds_values::{Duration, Timestamp};

use crate::client::{Bank, START, Step, open_options, unique, writer_options};
use crate::shelf::Shelf;

const DAY: Duration = Duration(24 * 3600 * 1_000_000);

fn keys(current: u8, previous: Option<u8>) -> Option<CheckpointKeys> {
    let secret = |number| SecretKey([number; 32]);
    let overlap = Duration(90 * DAY.0);
    Some(CheckpointKeys { current: secret(current), previous: previous.map(secret), overlap })
}

fn options(checkpoint_keys: Option<CheckpointKeys>, now: Timestamp) -> OpenOptions {
    OpenOptions { checkpoint_keys, now, ..open_options() }
}

fn bank(disk: &ModelDisk, keys: Option<CheckpointKeys>, now: Timestamp) -> Bank {
    Bank::open_with(disk.as_disk(), &options(keys, now)).unwrap()
}

fn verifier(bank: &mut Bank, number: u8) -> VerifierKey {
    let origin = Origin::new(Shelf::NAME, bank.atom().lineage);
    NoteSigner::new(origin.as_str(), &SecretKey([number; 32])).verifier()
}

fn recorded_in(bank: &mut Bank) -> Vec<KeyActivation> {
    let keys = recorded(&bank.opened().publisher.reader()).unwrap();
    keys.into_iter().map(|RecordedKey { activation, .. }| activation).collect()
}

fn signer(bank: &mut Bank) -> &CheckpointSigner {
    bank.opened().signer.as_ref().unwrap()
}

/// Which of the keys signed what is signed now, and the tree head.
fn signed(bank: &mut Bank, now: Timestamp, known: &[u8]) -> (Vec<u8>, TreeHead) {
    let note = signer(bank).sign(now).unwrap().note;
    let keys: Vec<VerifierKey> = known.iter().map(|number| verifier(bank, *number)).collect();
    let (checkpoint, by) = Checkpoint::verify(note.as_bytes(), &keys).unwrap();
    assert_eq!(checkpoint.origin, Origin::new(Shelf::NAME, bank.atom().lineage));
    let number = |key: &&VerifierKey| known[keys.iter().position(|k| k == *key).unwrap()];
    (by.iter().map(number).collect(), checkpoint.head)
}

#[test]
fn a_key_is_recorded_when_it_comes_into_use_and_not_again() {
    let disk = ModelDisk::new();
    drop(bank(&disk, None, START));
    for _ in 0..3 {
        let mut bank = bank(&disk, keys(1, None), START);
        let expected = verifier(&mut bank, 1).to_string();
        let recorded = recorded_in(&mut bank);
        assert_eq!(recorded.len(), 1);
        assert_eq!((&recorded[0].key, &recorded[0].replaces), (&expected, &None));
        assert_eq!(signed(&mut bank, START, &[1]).0, [1]);
        bank.check();
    }
}

#[test]
fn what_is_signed_is_what_is_durable_and_once_per_frame() {
    let disk = ModelDisk::new();
    let mut bank = bank(&disk, keys(1, None), START);
    let before = signer(&mut bank).sign(START).unwrap();
    bank.decide_as_taker(unique(1), &Step::Stock);
    // Decided and not yet durable: the same text, not a second signature.
    let still = signer(&mut bank).sign(START).unwrap();
    assert!(Arc::ptr_eq(&before.note, &still.note));
    bank.commit().unwrap();
    let after = signer(&mut bank).sign(START).unwrap();
    assert!(after.head.size > before.head.size);
    assert_eq!(after.head, bank.opened().publisher.reader().tree_head().unwrap());
    assert_eq!(after.head.size, bank.atom().position.next());
}

#[test]
fn a_replaced_key_agrees_and_goes_on_signing_until_the_overlap_ends() {
    let disk = ModelDisk::new();
    drop(bank(&disk, keys(1, None), START));
    let mut bank = bank(&disk, keys(2, Some(1)), START + DAY);
    let (old, new) = (verifier(&mut bank, 1), verifier(&mut bank, 2));
    let until = START + DAY + Duration(90 * DAY.0);
    let recorded = recorded_in(&mut bank);
    assert_eq!(recorded.len(), 2);
    assert_eq!(recorded[1].key, new.to_string());
    assert_eq!(recorded[1].replaces, Some(old.to_string()));
    assert_eq!(recorded[1].overlap_until, Some(until));
    // What the record says stands by itself: both keys signed it.
    let both = [old.clone(), new.clone()];
    let note = Note::parse(recorded[1].note.as_bytes()).unwrap();
    let (text, by) = note.verify(&both).unwrap();
    assert_eq!(by, [&new, &old]);
    for part in [old.to_string(), new.to_string(), until.to_string()] {
        assert!(text.contains(&part), "{text}");
    }
    Checkpoint::verify(recorded[1].note.as_bytes(), &both).unwrap_err();

    let last_moment = Timestamp(until.0 - 1);
    assert_eq!(signed(&mut bank, last_moment, &[1, 2]).0, [2, 1]);
    bank.send(unique(1), &Step::Stock);
    assert_eq!(signed(&mut bank, until, &[1, 2]).0, [2]);
}

#[test]
fn a_key_that_is_lost_is_replaced_without_its_consent() {
    let disk = ModelDisk::new();
    drop(bank(&disk, keys(1, None), START));
    // Neither the key nor another one that was never recorded can agree.
    for previous in [None, Some(7)] {
        let disk = disk.copy();
        let mut bank = bank(&disk, keys(2, previous), START);
        let recorded = recorded_in(&mut bank).pop().unwrap();
        assert_eq!(recorded.replaces, Some(verifier(&mut bank, 1).to_string()));
        assert_eq!(recorded.overlap_until, None);
        assert_eq!(signed(&mut bank, START, &[1, 2, 7]).0, [2]);
    }
}

#[test]
fn keys_are_remembered_over_a_restart_from_a_snapshot() {
    let disk = ModelDisk::new();
    let mut first = bank(&disk, keys(1, None), START);
    first.send(unique(1), &Step::Stock);
    first.snapshot().unwrap().unwrap();
    drop(first);
    let mut again = bank(&disk, keys(1, None), START);
    assert!(again.opened().snapshots.loaded.is_some(), "restarted from the snapshot");
    assert_eq!(recorded_in(&mut again).len(), 1, "the key was known");
    drop(again);
    let mut rotated = bank(&disk, keys(2, Some(1)), START);
    assert_eq!(recorded_in(&mut rotated).len(), 2);
    assert_eq!(signed(&mut rotated, START, &[1, 2]).0, [2, 1]);
}

#[test]
fn without_a_key_nothing_is_signed_or_recorded() {
    let mut bank = bank(&ModelDisk::new(), None, START);
    assert!(bank.opened().signer.is_none());
    assert!(recorded_in(&mut bank).is_empty());
}

#[test]
fn every_checkpoint_is_the_beginning_of_every_later_one_over_restarts_and_rotations() {
    let disk = ModelDisk::new();
    let mut heads = Vec::new();
    for life in 1..6 {
        let mut bank = bank(&disk, keys(life, Some(life - 1)), START);
        heads.push(signed(&mut bank, START, &[life]).1);
        for step in 0..3 {
            bank.send(unique(life * 10 + step), &Step::Stock);
            heads.push(signed(&mut bank, START, &[life]).1);
        }
        let mut tree = TreeReader::open(&bank.opened().publisher.reader()).unwrap();
        for (place, new) in heads.iter().enumerate() {
            for old in &heads[..=place] {
                let proof = tree.consistency(old.size, new.size).unwrap();
                assert_eq!(check_consistency(*old, *new, &proof), Ok(()));
            }
        }
    }
    assert_eq!(heads.len(), 20);
}

fn open_guarded(disk: Arc<dyn Disk>, guard: &ModelDisk, keys: u8) -> Opened<Shelf> {
    let guard = GuardFile { disk: guard.as_disk(), path: "here.guard".to_owned() };
    let writer = || WriterOptions { guard: Some(guard.clone()), ..writer_options(64 << 20) };
    let options = options(self::keys(keys, None), START);
    opening::open(disk, writer, &options, &mut |_, _| {}).unwrap()
}

fn withheld(opened: &Opened<Shelf>) -> Option<Withheld> {
    match opened.signer.as_ref().unwrap().sign(START) {
        Err(NotSigned::Withheld(withheld)) => Some(withheld),
        Ok(_) => None,
        Err(other) => panic!("{other}"),
    }
}

/// A log must never sign two histories: an old copy that is put back may be about to become one.
#[test]
fn where_the_guard_file_knows_more_or_other_records_nothing_is_signed() {
    let (disk, guard) = (ModelDisk::new(), ModelDisk::new());
    guard.as_disk().create_dir("").unwrap();
    open_guarded(disk.as_disk(), &guard, 1).publisher.close().unwrap();
    let old_copy = disk.copy();
    // Another key is another record: the chronicle grows.
    let grown = open_guarded(disk.as_disk(), &guard, 2);
    let size = grown.publisher.reader().end().unwrap();
    grown.publisher.close().unwrap();

    let behind = open_guarded(old_copy.as_disk(), &guard, 3);
    assert_eq!(withheld(&behind), Some(Withheld::Behind { size }));
    let reader = behind.publisher.reader();
    assert_eq!(reader.end().unwrap(), size, "it goes on, with a record of its own");
    behind.publisher.close().unwrap();
    // By now it is as long as the guard file says, and still another history.
    let differs = open_guarded(old_copy.as_disk(), &guard, 3);
    assert_eq!(withheld(&differs), Some(Withheld::Differs { size }));
    differs.publisher.close().unwrap();
    // The true one is signed again; and the copy, once a person removed what is known of it.
    assert_eq!(withheld(&open_guarded(disk.as_disk(), &guard, 2)), None);
    guard.as_disk().remove("here.guard").unwrap();
    guard.as_disk().remove("here.checkpoint").unwrap();
    assert_eq!(withheld(&open_guarded(old_copy.as_disk(), &guard, 3)), None);
}

/// The guard file lags by up to a second: what was signed within it is kept in mind beside it.
#[test]
fn an_old_copy_that_the_guard_file_does_not_notice_is_noticed_by_what_was_signed() {
    let (disk, guard) = (ModelDisk::new(), ModelDisk::new());
    guard.as_disk().create_dir("").unwrap();
    open_guarded(disk.as_disk(), &guard, 1).publisher.close().unwrap();
    let (old_copy, old_guard) = (disk.copy(), guard.bytes("here.guard"));
    let grown = open_guarded(disk.as_disk(), &guard, 2);
    let signed = grown.signer.as_ref().unwrap().sign(START).unwrap();
    assert_eq!(guard.bytes("here.checkpoint"), signed.note.as_bytes());
    grown.publisher.close().unwrap();
    // As it was before the last second.
    guard.tamper("here.guard", |bytes| bytes.clone_from(&old_guard));

    let behind = open_guarded(old_copy.as_disk(), &guard, 3);
    let size = signed.head.size;
    assert_eq!(behind.recovered.as_ref().unwrap().guard, GuardFinding::Agrees);
    assert_eq!(withheld(&behind), Some(Withheld::Behind { size }));
    behind.publisher.close().unwrap();
    let differs = open_guarded(old_copy.as_disk(), &guard, 3);
    assert_eq!(withheld(&differs), Some(Withheld::Differs { size }));
    assert_eq!(guard.bytes("here.checkpoint"), signed.note.as_bytes(), "nothing else was signed");
}

/// Half a file, as losing power may leave it, says nothing.
#[test]
fn what_was_signed_and_is_not_whole_any_more_forbids_nothing() {
    let (disk, guard) = (ModelDisk::new(), ModelDisk::new());
    guard.as_disk().create_dir("").unwrap();
    let first = open_guarded(disk.as_disk(), &guard, 1);
    first.signer.as_ref().unwrap().sign(START).unwrap();
    first.publisher.close().unwrap();
    for bytes in [0, 10, 60] {
        guard.tamper("here.checkpoint", |kept| kept.truncate(bytes));
        let again = open_guarded(disk.as_disk(), &guard, 1);
        assert_eq!(withheld(&again), None);
        again.publisher.close().unwrap();
    }
}

/// Without memory of what was signed the next start could sign another history.
#[test]
fn what_cannot_be_kept_in_mind_is_not_signed() {
    let (disk, guard) = (ModelDisk::new(), ModelDisk::new());
    guard.as_disk().create_dir("").unwrap();
    let opened = open_guarded(disk.as_disk(), &guard, 1);
    guard.set_faults(Faults { space_bytes: Some(guard.used_bytes()), ..Faults::default() });
    let signer = opened.signer.as_ref().unwrap();
    assert!(matches!(signer.sign(START), Err(NotSigned::NotKept(_))));
}
