//! Short histories on the model disk, cut off at every write, sync and directory step, with every
//! way in which the disk may lose what was not synced. The client's side is the oracle:
//!
//! 1. what was acknowledged is recorded exactly once, and its answer is still the same;
//! 2. what was sent and not acknowledged is recorded at most once;
//! 3. sent again with the same id, everything is recorded exactly once;
//! 4. the chronicle proves itself, and the state is the fold of its records.
//!
//! Three plants show that the oracle sees: a disk that lies about syncs, answers that leave early,
//! and bytes that change under a checksum that is not looked at.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use deeds_chronicle::{Reader, RecordKind, StoredCommandId};
use deeds_pipeline::entry::reply_of;
use deeds_pipeline::opening::OpenError;
use deeds_pipeline::reply::Reply;
use deeds_sim::{Dice, Faults, ModelDisk, PowerLoss};
use deeds_values::{CommandId, Position};

use crate::client::{Bank, Step, taker, unique};

/// A way to make the oracle's claims false, to see that it notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plant {
    None,
    /// The client takes a decision for an answer.
    EarlyAnswer,
    /// The disk says it synced and did not.
    NoSync,
}

/// One history: what is sent, in frames of so many.
#[derive(Clone, Debug)]
struct History {
    steps: Vec<Step>,
    frame_commands: usize,
}

/// What the client was told, by the number of the step.
#[derive(Default)]
struct Known {
    sent: usize,
    /// The reply; none if the plant answered before there was one.
    acknowledged: BTreeMap<usize, Option<Reply>>,
}

fn id(step: usize) -> CommandId {
    unique(u8::try_from(step + 1).expect("short histories"))
}

/// Sends what is left of a history until it ends or the disk does.
fn send(
    history: &History,
    disk: &ModelDisk,
    plant: Plant,
    known: &mut Known,
) -> Result<(), OpenError> {
    let mut bank = Bank::open(Arc::new(disk.clone()))?;
    let numbered: Vec<(usize, Step)> = history.steps.iter().copied().enumerate().collect();
    for frame in numbered.chunks(history.frame_commands) {
        for (number, step) in frame {
            bank.decide(&taker(), id(*number), step);
            known.sent = known.sent.max(number + 1);
            if plant == Plant::EarlyAnswer {
                known.acknowledged.entry(*number).or_insert(None);
            }
        }
        let before = bank.replies().len();
        if bank.commit().is_err() {
            return Ok(());
        }
        for ((number, _), reply) in frame.iter().zip(&bank.replies()[before..]) {
            let reply = match reply {
                Reply::Recorded(position) => bank.recall(*position),
                other => other.clone(),
            };
            let told = known.acknowledged.entry(*number).or_insert(None);
            assert!(told.as_ref().is_none_or(|told| *told == reply), "an answer changed");
            *told = Some(reply);
        }
    }
    Ok(())
}

/// Holds the chronicle against what the client knows; the error says what is wrong. Opens it for
/// writing first: until then a reader cannot tell which frames at the end had been made durable.
fn judge(disk: &ModelDisk, known: &Known, all_sent: bool) -> Result<(), String> {
    let mut bank = Bank::open(Arc::new(disk.clone()))
        .map_err(|error| format!("the chronicle does not open again: {error:?}"))?;
    bank.try_check()?;
    let reader = Reader::open(Arc::new(disk.clone())).map_err(|error| error.to_string())?;
    let mut recorded: BTreeMap<[u8; 16], Vec<Reply>> = BTreeMap::new();
    for record in reader.stream(Position(0)) {
        let record = record.map_err(|error| error.to_string())?;
        if record.header.kind != RecordKind::Command {
            continue;
        }
        let StoredCommandId::Unique(id) = record.header.command_id else {
            return Err("a command without its id".to_owned());
        };
        let reply = reply_of(&record).map_err(|error| error.to_string())?;
        recorded.entry(id).or_default().push(reply);
    }
    for number in 0..known.sent {
        let CommandId::Unique(uuid) = id(number) else { unreachable!("ids here are unique") };
        let found = recorded.get(uuid.as_bytes()).map_or(&[][..], Vec::as_slice);
        if found.len() > 1 {
            return Err(format!("step {number} is recorded {} times", found.len()));
        }
        match (known.acknowledged.get(&number), found.first()) {
            (Some(_), None) => return Err(format!("step {number} was acknowledged and is lost")),
            (Some(Some(told)), Some(found)) if told != found => {
                return Err(format!("step {number} was told {told:?} and is recorded {found:?}"));
            }
            (None, None) if all_sent => return Err(format!("step {number} was sent and is lost")),
            _ => {}
        }
    }
    Ok(())
}

/// One history, cut off after so many steps of the disk; then recovery, itself perhaps cut off, and
/// everything sent again.
fn live(
    history: &History,
    plant: Plant,
    cut: (u64, PowerLoss),
    second_cut: Option<u64>,
) -> Result<(), String> {
    let syncs_lie = plant == Plant::NoSync;
    let faults = Faults { crash_at: Some(cut.0), syncs_lie, ..Faults::default() };
    let disk = ModelDisk::with_faults(faults);
    let mut known = Known::default();
    // An error is the crash: what matters is what the client was told before.
    let _ = send(history, &disk, plant, &mut known);
    let mut disk = disk.reboot(cut.1);
    if let Some(second) = second_cut {
        disk.set_faults(Faults { crash_at: Some(second), ..Faults::default() });
        let _ = send(history, &disk, Plant::None, &mut known);
        disk = disk.reboot(cut.1);
    }
    let sent = send(history, &disk, Plant::None, &mut known);
    sent.map_err(|error| format!("the chronicle does not open again: {error:?}"))?;
    judge(&disk, &known, true)
}

/// Judges right after the reboot too, before anything is sent again: sending again would heal what
/// was lost.
fn judge_at_once(history: &History, plant: Plant, cut: (u64, PowerLoss)) -> Result<(), String> {
    let syncs_lie = plant == Plant::NoSync;
    let faults = Faults { crash_at: Some(cut.0), syncs_lie, ..Faults::default() };
    let disk = ModelDisk::with_faults(faults);
    let mut known = Known::default();
    let _ = send(history, &disk, plant, &mut known);
    let disk = disk.reboot(cut.1);
    judge(&disk, &known, false)
}

/// One history on a disk that fails without a crash; then the power goes, and all is sent again.
fn live_with(history: &History, faults: Faults, loss: PowerLoss) -> Result<(), String> {
    let disk = ModelDisk::with_faults(faults);
    let mut known = Known::default();
    let _ = send(history, &disk, Plant::None, &mut known);
    let disk = disk.reboot(loss);
    judge(&disk, &known, false)?;
    let sent = send(history, &disk, Plant::None, &mut known);
    sent.map_err(|error| format!("the chronicle does not open again: {error:?}"))?;
    judge(&disk, &known, true)
}

/// The steps of the disk that a whole history takes.
fn disk_steps(history: &History) -> u64 {
    let disk = ModelDisk::new();
    send(history, &disk, Plant::None, &mut Known::default()).expect("nothing fails");
    disk.operations()
}

/// All histories of this many commands over the alphabet.
fn histories(length: usize, frame_commands: usize) -> Vec<History> {
    const ALPHABET: [Step; 3] = [Step::Stock, Step::Take, Step::Stumble];
    let mut all = vec![Vec::new()];
    for _ in 0..length {
        all = all
            .into_iter()
            .flat_map(|steps: Vec<Step>| {
                ALPHABET.map(|step| steps.iter().copied().chain([step]).collect())
            })
            .collect();
    }
    all.into_iter().map(|steps| History { steps, frame_commands }).collect()
}

/// Six commands of every kind, one frame each, two to a frame, and all in one.
fn long_histories() -> Vec<History> {
    use Step::{Stock, Stumble, Take, TakeUnknown};
    let steps = vec![Stock, Take, TakeUnknown, Take, Stumble, Take];
    [1, 2, 6].map(|frame_commands| History { steps: steps.clone(), frame_commands }).into()
}

fn each_cut(
    histories: &[History],
    plant: Plant,
    mut run: impl FnMut(&History, (u64, PowerLoss)) -> Result<(), String>,
) -> (u64, Vec<String>) {
    let mut runs = 0;
    let mut failures = Vec::new();
    for history in histories {
        for at in 0..=disk_steps(history) {
            for loss in PowerLoss::kinds(at) {
                runs += 1;
                if let Err(broken) = run(history, (at, loss)) {
                    failures.push(format!("{plant:?} {history:?} cut at {at}, {loss:?}: {broken}"));
                }
            }
        }
    }
    (runs, failures)
}

#[test]
fn every_history_of_three_commands_survives_every_cut() {
    let (runs, failures) = each_cut(&histories(3, 1), Plant::None, |history, cut| {
        judge_at_once(history, Plant::None, cut)?;
        live(history, Plant::None, cut, None)
    });
    assert!(failures.is_empty(), "{} of {runs}: {}", failures.len(), failures[0]);
    assert!(runs > 1_000, "only {runs} cuts");
}

#[test]
fn six_commands_survive_every_cut_and_a_second_one_while_recovering() {
    let (runs, failures) = each_cut(&long_histories(), Plant::None, |history, cut| {
        judge_at_once(history, Plant::None, cut)?;
        for second in [1, 4, 9] {
            live(history, Plant::None, cut, Some(second))?;
        }
        live(history, Plant::None, cut, None)
    });
    assert!(failures.is_empty(), "{} of {runs}: {}", failures.len(), failures[0]);
}

#[test]
fn a_failed_write_or_sync_loses_nothing_that_was_acknowledged() {
    let (runs, failures) = each_cut(&long_histories(), Plant::None, |history, (at, loss)| {
        live_with(history, Faults { fail: BTreeSet::from([at]), ..Faults::default() }, loss)
    });
    assert!(failures.is_empty(), "{} of {runs}: {}", failures.len(), failures[0]);
}

#[test]
fn a_full_disk_loses_nothing_that_was_acknowledged() {
    for history in long_histories() {
        for space_bytes in (0..24_000).step_by(251) {
            for loss in PowerLoss::kinds(space_bytes) {
                let faults = Faults { space_bytes: Some(space_bytes), ..Faults::default() };
                live_with(&history, faults, loss)
                    .unwrap_or_else(|broken| panic!("{space_bytes} bytes, {loss:?}: {broken}"));
            }
        }
    }
}

#[test]
fn short_reads_change_nothing() {
    for history in long_histories() {
        for read_bytes_max in [1, 7, 511, 4_096] {
            let read_bytes_max = Some(read_bytes_max);
            let disk = ModelDisk::with_faults(Faults { read_bytes_max, ..Faults::default() });
            let mut known = Known::default();
            send(&history, &disk, Plant::None, &mut known).expect("short reads are no failure");
            judge(&disk, &known, true).expect("all is there");
        }
    }
}

/// Longer lives, drawn by seed: commands, crashes, failures, full disks, in any order.
#[test]
fn lives_drawn_by_seed_keep_every_promise() {
    for seed in 0..40 {
        let mut dice = Dice::new(seed);
        let steps = (0..40).map(|_| {
            let kinds = [Step::Stock, Step::Take, Step::Take, Step::TakeUnknown, Step::Stumble];
            kinds[dice.below(5) as usize]
        });
        let steps = steps.collect();
        let history = History { steps, frame_commands: 1 + dice.below(5) as usize };
        let mut disk = ModelDisk::new();
        let mut known = Known::default();
        for _ in 0..6 {
            let at = dice.below(60);
            let mut faults = Faults::default();
            match dice.below(3) {
                0 => faults.crash_at = Some(at),
                1 => faults.fail = BTreeSet::from([at]),
                _ => faults.read_bytes_max = Some(1 + dice.below(700) as usize),
            }
            disk.set_faults(faults);
            let _ = send(&history, &disk, Plant::None, &mut known);
            let kinds = PowerLoss::kinds(dice.roll());
            disk = disk.reboot(kinds[dice.below(5) as usize]);
            judge(&disk, &known, false).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
        }
        send(&history, &disk, Plant::None, &mut known)
            .unwrap_or_else(|error| panic!("seed {seed}: {error:?}"));
        judge(&disk, &known, true).unwrap_or_else(|broken| panic!("seed {seed}: {broken}"));
    }
}

#[test]
fn an_answer_that_leaves_early_is_noticed() {
    let (_, failures) = each_cut(&long_histories(), Plant::EarlyAnswer, |history, cut| {
        judge_at_once(history, Plant::EarlyAnswer, cut)
    });
    assert!(failures.iter().any(|broken| broken.contains("acknowledged and is lost")));
}

#[test]
fn a_disk_that_does_not_sync_is_noticed() {
    let (_, failures) = each_cut(&long_histories(), Plant::NoSync, |history, cut| {
        judge_at_once(history, Plant::NoSync, cut)
    });
    assert!(!failures.is_empty());
}
