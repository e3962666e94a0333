//! Bytes that change behind everybody's back: bit rot, and writes that land elsewhere.
//!
//! No sync protects from these, so the promise is another: what is read is right, or the damage is
//! named. Each is done to a copy of the disk as it is at that moment; the history itself lives on,
//! so that one damage is judged at a time.
//!
//! One thing is spared: a write that lands on the durable mark, or the mark's own write landing on
//! the last frame. That one misdirected write would take both the last frame and the evidence that it
//! had been durable, and without a guard file nothing could tell it from a torn one.

use deeds_chronicle::{OpenError as ChronicleError, ReadError, VerifyError, verify};
use deeds_pipeline::opening::OpenError;

use crate::dice::Dice;
use crate::judge::{Verdict, judge};
use crate::life::Life;
use crate::oracle::{Broken, broken};
use crate::restart::Machine;
use crate::tallies::Group;

/// The file that says how far the disk has synced.
const MARK: &str = "head/durable";

/// One bit of one file changes.
pub(crate) fn rot(life: &mut Life<'_>, place: u64) -> Result<(), Broken> {
    let machine = life.machine.copy();
    let mut dice = Dice::new(place);
    let files: Vec<_> =
        machine.disk.files().into_iter().filter(|(_, length)| *length > 0).collect();
    let (path, length) = &files[dice.below(files.len() as u64) as usize];
    let (byte, bit) = (dice.below(*length), dice.below(8));
    machine.disk.tamper(path, |bytes| bytes[byte as usize] ^= 1 << bit);
    life.trace.note(|| format!("  rot: bit {bit} of byte {byte} of {path}"));
    let kind = match path.split('/').next().expect("a path has a first part") {
        "head" if path != MARK => "a head segment",
        "head" => "the durable mark",
        "log" | "bodies" => "a sealed segment",
        "tiles" => "a tile",
        "snapshots" => "a snapshot",
        _ => "something else",
    };
    life.tallies.count(Group::Fault, format!("bit rot in {kind}"));
    read_again(life, &machine).map_err(|Broken(what)| {
        Broken(format!("bit {bit} of byte {byte} of {path} changed: {what}"))
    })
}

/// A write of a moment ago landed elsewhere, or nowhere.
pub(crate) fn misdirect(
    life: &mut Life<'_>,
    back: usize,
    place: Option<u64>,
) -> Result<(), Broken> {
    let machine = life.machine.copy();
    let target = place.and_then(|place| {
        let mut dice = Dice::new(place);
        let files: Vec<_> = machine.disk.files().into_iter().collect();
        let files: Vec<_> = files
            .into_iter()
            .filter(|(path, length)| !path.starts_with("head/") && *length > 0)
            .collect();
        let (path, length) = files.get(dice.below(files.len().max(1) as u64) as usize)?;
        // Disks mistake sectors.
        Some((path.clone(), dice.below(*length) / 512 * 512))
    });
    let aimed = target.as_ref().map(|(path, at)| (path.as_str(), *at));
    let Some((path, at)) = machine.disk.misdirect(back, aimed) else { return Ok(()) };
    life.trace.note(|| format!("  the write to {path} at {at} went to {target:?}"));
    life.tallies
        .count(Group::Fault, if target.is_some() { "misdirected write" } else { "lost write" });
    read_again(life, &machine).map_err(|Broken(what)| {
        Broken(format!("a write to {path} at {at} went to {target:?}: {what}"))
    })
}

/// What is read is right, or the damage is named.
fn read_again(life: &mut Life<'_>, machine: &Machine) -> Result<(), Broken> {
    let opened = match machine.open(&life.plan.setting, life.now.wall) {
        Ok(opened) => opened,
        Err(error) if names_damage(&error) => {
            life.tallies.count(Group::Decay, "refused to open, and named");
            return Ok(());
        }
        Err(error) => return broken(format!("it is not named: {error:?}")),
    };
    let reader = opened.publisher.reader();
    match judge(&reader, &life.oracle, &[]) {
        Err(Verdict::Broken(what)) => return Err(what),
        Err(Verdict::Unreadable(ReadError::Damaged(_) | ReadError::Format { .. })) => {
            life.tallies.count(Group::Decay, "opened, named when read");
            return Ok(());
        }
        Err(Verdict::Unreadable(error)) => return broken(format!("it is not named: {error:?}")),
        Ok(()) => {}
    }
    // All records are right, so the state must be, whatever became of snapshots.
    crate::judge::judge_state(&reader, &opened.publisher.published())?;
    let unfit = !opened.snapshots.discarded.is_empty();
    let proved = verify(machine.disk.as_disk(), &mut |_| {});
    life.tallies.count(
        Group::Decay,
        match proved {
            Err(VerifyError::Tile { .. }) => "named by verify",
            Err(VerifyError::Read(ReadError::Damaged(_) | ReadError::Format { .. })) => {
                "named by verify"
            }
            Err(error) => return broken(format!("it is not named: {error:?}")),
            Ok(_) if unfit => "a snapshot discarded",
            Ok(_) => "harmless",
        },
    );
    Ok(())
}

fn names_damage(error: &OpenError) -> bool {
    match error {
        OpenError::Chronicle(error) => {
            matches!(error, ChronicleError::Damaged(_) | ChronicleError::Format { .. })
        }
        OpenError::Read(error) => {
            matches!(error, ReadError::Damaged(_) | ReadError::Format { .. })
        }
        _ => false,
    }
}
