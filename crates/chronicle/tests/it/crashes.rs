//! Crashes at every write, sync, creation, rename and removal of short histories, with every fate of
//! what was not synced; crashes while recovering from crashes; operations that fail.
//!
//! What must hold each time: opening succeeds; every acknowledged frame is there, whole and once;
//! nothing is there that was not handed over; positions are dense; `verify` agrees; and the
//! chronicle goes on from there, through another opening.

use std::collections::BTreeSet;
use std::sync::Arc;

use deeds_chronicle::{
    AppendError, Disk, GuardFile, GuardFinding, OpenError, Reader, Sealing, Writer, WriterOptions,
    verify,
};
use deeds_sim::{Dice, Faults, ModelDisk, PowerLoss};
use deeds_values::Position;

use crate::histories::{LINEAGE, draft, drafts, options, read_all, written_ahead};

/// One step of a history.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Deed {
    /// Append this many records as one frame.
    Append(u64),
    /// Close and open again.
    Close,
    /// Drop the writer without closing, and open again.
    Abandon,
}
use Deed::{Abandon, Append, Close};

/// What is known of a chronicle when a history has stopped.
#[derive(Clone, Copy, Debug, Default)]
struct Promise {
    /// Records acknowledged.
    acknowledged: u64,
    /// Records handed over.
    handed_over: u64,
}

/// How large a segment gets, and how far its frames are written ahead.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sizes {
    segment: u64,
    ahead: u64,
}

impl Sizes {
    /// Segments of this size, and nothing ahead.
    pub(crate) const fn of(segment: u64) -> Self {
        Self { segment, ahead: 0 }
    }
}

/// The histories, with the size of their files.
pub(crate) const HISTORIES: &[(Sizes, &[Deed])] = &[
    (Sizes::of(100_000), &[Append(1), Append(2), Close, Append(1), Abandon, Append(1)]),
    // Every frame or two a new segment, so that sealing is met at every place.
    (Sizes::of(700), &[Append(1), Append(2), Append(1), Abandon, Append(2), Close]),
    (Sizes::of(1), &[Append(1), Close, Append(1), Append(1)]),
    // Larger than a sector, so that the middle of a frame can be lost.
    (Sizes::of(3_000), &[Append(9), Append(7), Abandon, Append(8)]),
    // Frames that overwrite zeros, frames that grow the file by more, and large ones that do not.
    (
        Sizes { segment: 100_000, ahead: 9_000 },
        &[Append(1), Append(1), Abandon, Append(1), Append(4), Append(1), Close, Append(1)],
    ),
    // The zeros end with the segment.
    (
        Sizes { segment: 4_000, ahead: 9_000 },
        &[Append(1), Append(9), Append(1), Abandon, Append(1)],
    ),
];

fn guarded(disk: &Arc<dyn Disk>, sizes: Sizes) -> WriterOptions {
    let guard = GuardFile { disk: disk.clone(), path: "guard".to_owned() };
    let Sizes { segment: segment_bytes_max, ahead } = sizes;
    WriterOptions { guard: Some(guard), segment_bytes_max, ..written_ahead(ahead) }
}

/// Lives through a history until something fails.
fn live(disk: &Arc<dyn Disk>, sizes: Sizes, history: &[Deed]) -> (Promise, Result<(), String>) {
    let mut promise = Promise { acknowledged: 0, handed_over: 1 };
    let lived = live_on(disk, sizes, history, &mut promise);
    (promise, lived.map_err(|error| error.to_string()))
}

fn live_on(
    disk: &Arc<dyn Disk>,
    sizes: Sizes,
    history: &[Deed],
    promise: &mut Promise,
) -> Result<(), Box<dyn std::error::Error>> {
    let options = || guarded(disk, sizes);
    let mut writer = Writer::create(disk.clone(), options(), LINEAGE, &drafts(0..1))?;
    promise.acknowledged = 1;
    for deed in history {
        match deed {
            Append(count) => {
                let end = writer.end().0 + count;
                promise.handed_over = promise.handed_over.max(end);
                writer.append(&drafts(writer.end().0..end))?;
                promise.acknowledged = end;
            }
            Close => {
                writer.close()?;
                writer = Writer::open(disk.clone(), options())?.0;
            }
            Abandon => {
                drop(writer);
                writer = Writer::open(disk.clone(), options())?.0;
            }
        }
    }
    Ok(())
}

/// Checks what must hold of a disk after a history stopped on it.
fn check(disk: &ModelDisk, sizes: Sizes, promise: Promise) -> Result<(), String> {
    let disk = disk.as_disk();
    let say = |what: &'static str| move |error: &dyn std::fmt::Display| format!("{what}: {error}");
    if let Ok(reader) = Reader::open(disk.clone()) {
        let records = read_all(&reader).map_err(|e| say("read before opening")(&e))?;
        as_promised(&records, Promise { acknowledged: 0, ..promise })?;
    }
    let mut writer = match Writer::open(disk.clone(), guarded(&disk, sizes)) {
        Err(OpenError::Absent) if promise.acknowledged == 0 => {
            Writer::create(disk.clone(), guarded(&disk, sizes), LINEAGE, &drafts(0..1))
                .map_err(|e| say("create anew")(&e))?
        }
        opened => {
            let (writer, recovered) = opened.map_err(|e| {
                let source = std::error::Error::source(&e).map(ToString::to_string);
                format!("open: {e}: {source:?}")
            })?;
            if !matches!(recovered.guard, GuardFinding::Agrees | GuardFinding::Created) {
                return Err(format!("the guard file says {:?}", recovered.guard));
            }
            if recovered.end != writer.end() {
                return Err("the writer goes on elsewhere than recovery ended".to_owned());
            }
            writer
        }
    };
    let reader = writer.reader();
    as_promised(&read_all(&reader).map_err(|e| say("read")(&e))?, promise)?;
    let end = writer.end().0;
    writer.append(&drafts(end..end + 2)).map_err(|e| say("append")(&e))?;
    verify(disk.clone(), &mut |_| {}).map_err(|e| say("verify beside the writer")(&e))?;
    drop(writer);
    let after = Promise { acknowledged: end + 2, handed_over: end + 2 };
    let (writer, recovered) =
        Writer::open(disk.clone(), guarded(&disk, sizes)).map_err(|e| say("reopen")(&e))?;
    if recovered.end.0 != end + 2 || recovered.torn.is_some() {
        return Err(format!("reopened at {recovered:?}"));
    }
    writer.close().map_err(|e| say("close")(&e))?;
    let reader = Reader::open(disk.clone()).map_err(|e| say("reader")(&e))?;
    as_promised(&read_all(&reader).map_err(|e| say("read at last")(&e))?, after)?;
    let verified = verify(disk, &mut |_| {}).map_err(|e| say("verify")(&e))?;
    if verified.end != Position(end + 2) { Err("verify ends elsewhere".to_owned()) } else { Ok(()) }
}

fn as_promised(records: &[deeds_chronicle::Record], promise: Promise) -> Result<(), String> {
    let count = records.len() as u64;
    if count < promise.acknowledged {
        return Err(format!("{count} records are left of {promise:?}"));
    }
    if count > promise.handed_over {
        return Err(format!("{count} records came of {promise:?}"));
    }
    for (position, record) in records.iter().enumerate() {
        let drafted = draft(position as u64);
        let same = record.header.position == drafted.position
            && record.bodies.len() == drafted.bodies.len()
            && record.bodies.iter().zip(&drafted.bodies).all(|(a, b)| a.bytes == b.bytes);
        if !same {
            return Err(format!("the record at {position} is not what was handed over"));
        }
    }
    Ok(())
}

/// Crashes a history at every operation, with every fate; returns how many crashes there were.
pub(crate) fn crash_everywhere(
    sizes: Sizes,
    history: &[Deed],
    syncs_lie: bool,
    seeds: std::ops::Range<u64>,
) -> Result<u64, String> {
    let mut crashes = 0;
    for crash_at in 0.. {
        let faults = Faults { crash_at: Some(crash_at), syncs_lie, ..Faults::default() };
        let disk = ModelDisk::with_faults(faults);
        let (promise, lived) = live(&disk.as_disk(), sizes, history);
        for loss in seeds.clone().flat_map(PowerLoss::kinds) {
            crashes += 1;
            check(&disk.reboot(loss), sizes, promise).map_err(|error| {
                format!("history {history:?}, crash at {crash_at}, {loss:?}: {error}")
            })?;
        }
        if !disk.has_crashed() {
            lived.expect("a history without a crash goes through");
            return Ok(crashes);
        }
    }
    unreachable!("every history ends")
}

#[test]
fn nothing_acknowledged_is_lost_by_a_crash_at_any_operation() {
    let mut crashes = 0;
    for (sizes, history) in HISTORIES {
        crashes += crash_everywhere(*sizes, history, false, 0..3).unwrap();
    }
    assert!(crashes > 4_000, "only {crashes} crashes were tried");
}

#[test]
fn a_crash_while_recovering_from_a_crash_loses_nothing() {
    for (sizes, history) in &HISTORIES[1..] {
        for crash_at in (0..).step_by(3) {
            let faults = Faults { crash_at: Some(crash_at), ..Faults::default() };
            let disk = ModelDisk::with_faults(faults);
            let (promise, _) = live(&disk.as_disk(), *sizes, history);
            if !disk.has_crashed() {
                break;
            }
            for loss in [PowerLoss::Kept, PowerLoss::Sectors { seed: crash_at }] {
                crash_while_recovering(&disk.reboot(loss), *sizes, promise);
            }
        }
    }
}

fn crash_while_recovering(disk: &ModelDisk, sizes: Sizes, promise: Promise) {
    for crash_at in 0.. {
        let again = disk.copy();
        again.set_faults(Faults { crash_at: Some(crash_at), ..Faults::default() });
        let opened = Writer::open(again.as_disk(), guarded(&again.as_disk(), sizes));
        if !again.has_crashed() {
            return;
        }
        assert!(opened.is_err(), "an opening that crashed says so");
        for loss in [PowerLoss::Lost, PowerLoss::CutShort { seed: crash_at }] {
            check(&again.reboot(loss), sizes, promise).unwrap();
        }
    }
}

/// Five lives of one chronicle, each ended by a power loss or a failure at a place that the seed
/// says, each with its own size of segments.
#[test]
fn through_many_lives_nothing_acknowledged_is_lost() {
    for seed in 0..300 {
        let mut dice = Dice::new(seed);
        let mut disk = ModelDisk::new();
        let mut promise = Promise { acknowledged: 0, handed_over: 1 };
        for life in 0..5 {
            let mut faults = Faults::default();
            match dice.below(3) {
                0 => faults.fail = BTreeSet::from([dice.below(40)]),
                _ => faults.crash_at = Some(dice.below(60)),
            }
            disk.set_faults(faults);
            let ahead = if dice.coin() { 9_000 } else { 0 };
            let sizes = Sizes { segment: 300 << dice.below(6), ahead };
            spend_a_life(&disk.as_disk(), sizes, &mut dice, &mut promise);
            disk = disk.reboot(PowerLoss::kinds(seed * 5 + life)[dice.below(5) as usize]);
        }
        check(&disk, Sizes::of(700), promise)
            .unwrap_or_else(|error| panic!("seed {seed}: {error}"));
    }
}

fn spend_a_life(disk: &Arc<dyn Disk>, sizes: Sizes, dice: &mut Dice, promise: &mut Promise) {
    let options = guarded(disk, sizes);
    let opened = match Writer::open(disk.clone(), options) {
        Err(OpenError::Absent) if promise.acknowledged == 0 => {
            let options = guarded(disk, sizes);
            Writer::create(disk.clone(), options, LINEAGE, &drafts(0..1))
        }
        opened => opened.map(|(writer, _)| writer),
    };
    let Ok(mut writer) = opened else { return };
    // What is open is durable, whoever was told.
    let end = writer.end().0;
    assert!((promise.acknowledged..=promise.handed_over).contains(&end), "{promise:?}, {end}");
    *promise = Promise { acknowledged: end, handed_over: end };
    for _ in 0..dice.below(8) {
        let end = promise.acknowledged + 1 + dice.below(9);
        promise.handed_over = end;
        if writer.append(&drafts(promise.acknowledged..end)).is_err() {
            return;
        }
        promise.acknowledged = end;
    }
    if dice.coin() {
        let _ = writer.close();
    }
}

/// A failed write or sync poisons the writer. Opening again in the same process, with what the
/// system's cache holds, must give a state that the next power loss does not take back.
#[test]
fn after_a_failed_operation_reopening_gives_a_state_that_lasts() {
    for (sizes, history) in HISTORIES {
        for fail in 0.. {
            let faults = Faults { fail: BTreeSet::from([fail]), ..Faults::default() };
            let disk = ModelDisk::with_faults(faults);
            let (mut promise, lived) = live(&disk.as_disk(), *sizes, history);
            if disk.operations() <= fail {
                assert!(lived.is_ok());
                break;
            }
            disk.set_faults(Faults::default());
            if let Ok((writer, _)) = Writer::open(disk.as_disk(), guarded(&disk.as_disk(), *sizes))
            {
                promise.acknowledged = writer.end().0;
            }
            for loss in PowerLoss::kinds(fail) {
                check(&disk.reboot(loss), *sizes, promise)
                    .unwrap_or_else(|e| panic!("{history:?}, failure at {fail}, {loss:?}: {e}"));
            }
        }
    }
}

/// Nothing that fails while a chronicle is opened is passed over: what a failed sync leaves is not known.
#[test]
fn an_opening_during_which_anything_fails_says_so() {
    // Segments that wait to be sealed: work for each step.
    let disk = ModelDisk::new();
    let handed =
        WriterOptions { sealing: Sealing::Handed, ..guarded(&disk.as_disk(), Sizes::of(700)) };
    let mut writer = Writer::create(disk.as_disk(), handed, LINEAGE, &drafts(0..1)).unwrap();
    for number in 1..8 {
        writer.append(&drafts(number..number + 1)).unwrap();
    }
    drop(writer);
    let mut failures = 0;
    for fail in 0.. {
        let again = disk.copy();
        again.set_faults(Faults { fail: BTreeSet::from([fail]), ..Faults::default() });
        let opened = Writer::open(again.as_disk(), guarded(&again.as_disk(), Sizes::of(700)));
        if again.operations() <= fail {
            assert!(opened.is_ok(), "nothing failed");
            break;
        }
        assert!(opened.is_err(), "operation {fail} failed, and nobody was told");
        failures += 1;
    }
    assert!(failures > 40, "only {failures} operations");
}

#[test]
fn a_poisoned_writer_refuses_everything() {
    let disk = ModelDisk::new();
    let mut writer = crate::histories::create(&disk.as_disk(), options());
    for fail in [0, 1] {
        // First the write, then the sync.
        disk.set_faults(Faults { fail: BTreeSet::from([fail]), ..Faults::default() });
        assert!(matches!(writer.append(&drafts(1..2)), Err(AppendError::Disk(_))));
        assert!(matches!(writer.append(&drafts(1..2)), Err(AppendError::Poisoned)));
        assert!(matches!(writer.close(), Err(AppendError::Poisoned)));
        writer = Writer::open(disk.as_disk(), options()).unwrap().0;
        let end = writer.end();
        assert!(end == Position(1) || fail == 1, "half a frame is no frame");
        disk.set_faults(Faults::default());
        if end == Position(2) {
            return;
        }
    }
    panic!("a frame whose sync failed is there in the same process");
}

#[test]
fn a_full_disk_is_an_error_and_with_room_again_all_goes_on() {
    let (sizes, history) = HISTORIES[1];
    let mut refused = 0;
    for space in (0..9_000).step_by(61) {
        let faults = Faults { space_bytes: Some(space), ..Faults::default() };
        let disk = ModelDisk::with_faults(faults);
        let (promise, lived) = live(&disk.as_disk(), sizes, history);
        refused += u64::from(lived.is_err());
        disk.set_faults(Faults::default());
        check(&disk.copy(), sizes, promise).unwrap();
        check(&disk.reboot(PowerLoss::Lost), sizes, promise).unwrap();
    }
    assert!(refused > 50, "the disk was full only {refused} times");
}

fn with_reserve(disk: &Arc<dyn Disk>, bytes: u64) -> WriterOptions {
    WriterOptions { reserve_bytes: bytes, ..guarded(disk, Sizes { segment: 4_000, ahead: 9_000 }) }
}

fn reserve_of(disk: &ModelDisk) -> Option<u64> {
    disk.files().into_iter().find(|(path, _)| path == "reserve").map(|(_, bytes)| bytes)
}

/// Others fill the disk to the last byte, at every moment of a history: what was under way is done in
/// the room of the reserve, is answered, and outlives a power loss.
#[test]
fn with_a_reserve_a_disk_that_fills_up_costs_no_frame_that_was_under_way() {
    let mut given_back = 0;
    for filled_before in 1..24 {
        let disk = ModelDisk::new();
        let options = || with_reserve(&disk.as_disk(), 20_000);
        let mut writer = Writer::create(disk.as_disk(), options(), LINEAGE, &drafts(0..1)).unwrap();
        assert_eq!(reserve_of(&disk), Some(20_000));
        for number in 1..24 {
            if number == filled_before {
                let full = Faults { space_bytes: Some(disk.used_bytes()), ..Faults::default() };
                disk.set_faults(full);
            }
            writer.append(&drafts(number..number + 1)).unwrap();
            if writer.take_no_room().is_some() {
                given_back += 1;
                assert_eq!(reserve_of(&disk), None);
                // Nobody decides more now.
                break;
            }
        }
        let end = writer.end().0;
        let promise = Promise { acknowledged: end, handed_over: end };
        drop(writer);
        let lost = disk.reboot(PowerLoss::Lost);
        check(&lost, Sizes::of(4_000), promise).unwrap();
        // Opened where it is still full; with room again the reserve is there again.
        let (mut writer, recovered) = Writer::open(disk.as_disk(), options()).unwrap();
        assert_eq!(recovered.end.0, end);
        disk.set_faults(Faults::default());
        writer.append(&drafts(end..end + 1)).unwrap();
        assert_eq!(reserve_of(&disk), Some(20_000));
        writer.close().unwrap();
    }
    assert!(given_back > 15, "the reserve was needed {given_back} times");
}

/// What opening writes anew, it writes in the room of the reserve.
#[test]
fn tiles_are_written_anew_on_a_full_disk() {
    let disk = ModelDisk::new();
    let options = || with_reserve(&disk.as_disk(), 20_000);
    let mut writer = Writer::create(disk.as_disk(), options(), LINEAGE, &drafts(0..1)).unwrap();
    while writer.end().0 < 40 {
        let end = writer.end().0;
        writer.append(&drafts(end..end + 1)).unwrap();
    }
    writer.close().unwrap();
    disk.as_disk().remove("tiles/0").unwrap();
    disk.set_faults(Faults { space_bytes: Some(disk.used_bytes()), ..Faults::default() });
    let (_, recovered) = Writer::open(disk.as_disk(), options()).unwrap();
    assert!(recovered.tiles_rebuilt);
    assert_eq!(reserve_of(&disk), None);
    check(&disk, Sizes::of(4_000), Promise { acknowledged: 40, handed_over: 40 }).unwrap();
}

#[test]
fn a_reserve_is_not_what_fills_the_disk() {
    let disk = ModelDisk::with_faults(Faults { space_bytes: Some(50_000), ..Faults::default() });
    let options = with_reserve(&disk.as_disk(), 20_000);
    let mut writer = Writer::create(disk.as_disk(), options, LINEAGE, &drafts(0..1)).unwrap();
    assert_eq!(reserve_of(&disk), None, "less than four of them are free");
    writer.append(&drafts(1..2)).unwrap();
    writer.close().unwrap();
}

/// A full segment needs as much room again to be split. Without it the chronicle is whole as it is.
#[test]
fn a_sealing_without_room_is_put_off_and_leaves_nothing_behind() {
    for sealing in [Sealing::Inline, Sealing::Handed] {
        let disk = ModelDisk::new();
        let options = || WriterOptions { sealing, ..guarded(&disk.as_disk(), Sizes::of(4_000)) };
        let mut writer = Writer::create(disk.as_disk(), options(), LINEAGE, &drafts(0..1)).unwrap();
        while disk.files().iter().filter(|(path, _)| path.starts_with("head/0")).count() < 2 {
            let room = Faults { space_bytes: Some(disk.used_bytes() + 1_500), ..Faults::default() };
            disk.set_faults(room);
            let end = writer.end().0;
            writer.append(&drafts(end..end + 1)).unwrap();
        }
        let job = writer.take_sealing().expect("what was not sealed waits");
        assert!(!job.has_room());
        assert!(job.run().unwrap_err().is_no_room());
        let names = |disk: &ModelDisk| disk.files().into_iter().map(|(path, _)| path).collect();
        let paths: Vec<String> = names(&disk);
        assert!(!paths.iter().any(|path| path.ends_with(".new") || path.starts_with("log/")));
        drop((job, writer));

        // An opening does not need it either, and the next one that has room seals.
        let (mut writer, recovered) = Writer::open(disk.as_disk(), options()).unwrap();
        let job = writer.take_sealing().expect("it waits again");
        disk.set_faults(Faults::default());
        assert!(job.has_room());
        job.run().unwrap();
        let paths: Vec<String> = names(&disk);
        assert!(paths.iter().any(|path| path.starts_with("log/")), "{paths:?}");
        drop((job, writer));
        let end = recovered.end.0;
        check(&disk, Sizes::of(4_000), Promise { acknowledged: end, handed_over: end }).unwrap();
    }
}

#[test]
fn short_reads_change_nothing() {
    let (sizes, history) = HISTORIES[1];
    let disk = ModelDisk::with_faults(Faults { read_bytes_max: Some(7), ..Faults::default() });
    let (promise, lived) = live(&disk.as_disk(), sizes, history);
    lived.unwrap();
    check(&disk, sizes, promise).unwrap();
}

#[test]
fn the_same_history_gives_the_same_bytes() {
    let run = || {
        let disk = ModelDisk::new();
        live(&disk.as_disk(), Sizes::of(700), HISTORIES[1].1).1.unwrap();
        let files = disk.files();
        files.into_iter().map(|(path, _)| (path.clone(), disk.bytes(&path))).collect::<Vec<_>>()
    };
    assert_eq!(run(), run());
}
