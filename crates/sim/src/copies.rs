//! Backups of a history, and what is made of them.
//!
//! The archive lies on a disk of its own. A backup may be cut off anywhere, by the power of that
//! disk; others may try to write to the archive, or take it over. Whatever became of a backup, the
//! archive can be read, holds all that one ever reported, and is a beginning of the chronicle: its
//! size and root are kept as a checkpoint, which every later chronicle is held against.
//!
//! What is restored holds all that clients were told up to the cut and nothing behind it, under a
//! new lineage. In some histories life then goes on there, and clients are told anew what was lost.

use deeds_chronicle::{
    Archived, Backup, BackupError, Cut, DiskError, Marker, OpenError, OwnerId, Reader, RecordDraft,
    RecordKind, RestoreError, Restored, TreeHead, restore,
};
use deeds_pipeline::snapshot::copies::{carry, copy_newest};
use deeds_pipeline::system::{self, Restoration};
use deeds_values::{Lineage, Position, Timestamp};

use crate::faults::Faults;
use crate::judge::{Verdict, judge, judge_checkpoints, judge_state};
use crate::life::Life;
use crate::model_disk::ModelDisk;
use crate::oracle::{Broken, Oracle, broken};
use crate::plan::RestoreAct;
use crate::plants::Plant;
use crate::power_loss::PowerLoss;
use crate::restart::Machine;
use crate::tallies::Group;

/// The archive of a history, and what backups have said of it.
pub(crate) struct Copies {
    disk: ModelDisk,
    plant: Option<Plant>,
    /// How many records backups have reported as archived.
    reported: Position,
    /// How many restored chronicles there have been: each is another lineage.
    lineages: u64,
}

/// What a pass of a backup has copied.
#[derive(Debug)]
struct Passed {
    end: Position,
    /// Whether there was a newer snapshot.
    snapshot: Result<bool, DiskError>,
}

impl Copies {
    pub(crate) fn new(plant: Option<Plant>) -> Self {
        let disk = ModelDisk::with_faults(Plant::faults(plant));
        Self { disk, plant, reported: Position(0), lineages: 0 }
    }

    /// One pass of a backup by this owner, and the newest snapshot after it.
    fn pass(
        &self,
        (source, disk): (Reader, &ModelDisk),
        owner: OwnerId,
        take_over: bool,
    ) -> Result<Passed, BackupError> {
        let mut backup = Backup::open(source, self.disk.as_disk(), owner, take_over)?;
        let copied = backup.pass(&mut |_| {})?;
        let snapshot = copy_newest(&disk.as_disk(), &self.disk.as_disk(), copied.end);
        Ok(Passed { end: copied.end, snapshot: snapshot.map(|snapshot| snapshot.is_some()) })
    }

    fn marker(&self) -> Result<Option<Marker>, Broken> {
        Marker::read(&*self.disk.as_disk())
            .map_err(|error| Broken(format!("the archive's marker cannot be read: {error:?}")))
    }

    /// The archive, if anything was ever durable in it.
    fn archived(&self) -> Result<Option<Archived>, Broken> {
        match Archived::open(self.disk.as_disk()) {
            Ok(archived) if archived.end < self.reported => {
                let (end, reported) = (archived.end, self.reported);
                broken(format!("{reported} records were archived, and {end} are"))
            }
            Ok(archived) => Ok(Some(archived).filter(|archived| archived.end > Position(0))),
            Err(OpenError::Absent) if self.reported == Position(0) => Ok(None),
            Err(error) => broken(format!("the archive cannot be read: {error:?}")),
        }
    }

    /// The power of the archive's disk comes back.
    fn reboot(&mut self, loss: PowerLoss) {
        self.disk = self.disk.reboot(loss);
        self.disk.set_faults(Plant::faults(self.plant));
    }
}

impl Life<'_> {
    /// Somebody makes a backup, beside a live writer or a dead one's files.
    pub(crate) fn back_up(
        &mut self,
        owner: u8,
        take_over: bool,
        cut: Option<(u64, PowerLoss)>,
    ) -> Result<(), Broken> {
        let Some(source) = self.source()? else { return Ok(()) };
        let owner = OwnerId([owner; 16]);
        let before = self.copies.marker()?;
        let is_anothers = before.is_some_and(|marker| marker.owner != owner);
        if let Some((after, _)) = cut {
            self.copies.disk.change_faults(|faults, next| faults.crash_at = Some(next + after));
        }
        let passed = self.copies.pass((source.clone(), &self.machine.disk), owner, take_over);
        self.trace.note(|| format!("  backup: {passed:?}"));
        let was_cut = self.copies.disk.has_crashed();
        if let Some((_, loss)) = cut {
            if was_cut {
                self.tallies.count(Group::CutDuring, "a backup");
                self.copies.reboot(loss);
            }
            self.copies.disk.change_faults(|faults, _| faults.crash_at = None);
        }
        match passed {
            Ok(_) if is_anothers && !take_over => {
                return broken("a backup wrote to another owner's archive");
            }
            Ok(Passed { end, snapshot }) => {
                self.copies.reported = end;
                self.tallies.count(Group::Copy, "backups");
                match snapshot {
                    Ok(true) => self.tallies.count(Group::Copy, "snapshots archived"),
                    Ok(false) => {}
                    Err(_) if was_cut => self.tallies.count(Group::Copy, "snapshots cut off"),
                    Err(error) => return broken(format!("no snapshot archived: {error:?}")),
                }
                if is_anothers {
                    self.tallies.count(Group::Copy, "archives taken over");
                }
            }
            Err(_) if was_cut => self.tallies.count(Group::Copy, "backups cut off"),
            Err(BackupError::Owned(_)) if is_anothers && !take_over => {
                self.tallies.count(Group::Copy, "another owner shut out");
            }
            // What a power loss leaves need not show what is durable before a writer has opened it.
            Err(BackupError::Ahead { .. }) if self.living.is_none() => {
                self.tallies.count(Group::Copy, "put off until the writer is back");
            }
            Err(error) => return broken(format!("no backup: {error:?}")),
        }
        let raised = u64::from(is_anothers && take_over);
        let after = self.copies.marker()?;
        if let (Some(before), Some(after)) = (before, after)
            && ![before.generation, before.generation + raised].contains(&after.generation)
        {
            return broken(format!("the owner's marker went from {before:?} to {after:?}"));
        }
        self.judge_archive(&source)
    }

    /// The chronicle as a backup reads it; none if it was never founded.
    fn source(&self) -> Result<Option<Reader>, Broken> {
        if let Some(living) = &self.living {
            return Ok(Some(living.opened.publisher.reader()));
        }
        match Reader::open(self.machine.disk.as_disk()) {
            Ok(reader) => Ok(Some(reader)),
            Err(_) if self.oracle.seen.is_none() => Ok(None),
            Err(error) => broken(format!("a backup cannot read a dead writer's files: {error:?}")),
        }
    }

    /// An archive is a beginning of the chronicle, now and ever after.
    fn judge_archive(&mut self, source: &Reader) -> Result<(), Broken> {
        let Some(archived) = self.copies.archived()? else { return Ok(()) };
        let head = TreeHead { size: archived.end, root: archived.root };
        // A dead writer's files may show less until they are opened; then this is judged, too.
        if self.living.is_some() {
            judge_checkpoints(source, &[head])?;
        }
        self.oracle.heads.push(head);
        self.oracle.saw(Position(head.size.0 - 1));
        self.tallies.count(Group::Check, "archives judged");
        Ok(())
    }

    /// The archive is restored, judged, and perhaps lived in.
    pub(crate) fn restore(&mut self, act: &RestoreAct) -> Result<(), Broken> {
        let Some(archived) = self.copies.archived()? else { return Ok(()) };
        let through = Position(u64::from(act.permille) * archived.end.0 / 1_001);
        let (cut, through) = self.cut(act, &archived, through)?;
        self.copies.lineages += 1;
        let lineage = Lineage((u64::MAX - self.copies.lineages).to_be_bytes());
        if let Some(after) = act.crash_after {
            let faults = Faults { crash_at: Some(after), ..Faults::default() };
            let target = self.machine.with_disk(ModelDisk::with_faults(faults));
            // What it leaves never gets the name of a chronicle: there is nothing to look at.
            if self.restore_to(&archived, cut, &target, lineage).is_err() {
                self.tallies.count(Group::CutDuring, "a restore");
            }
        }
        let empty = ModelDisk::with_faults(Plant::faults(self.plant));
        let target = self.machine.with_disk(empty);
        let restored = self
            .restore_to(&archived, cut, &target, lineage)
            .map_err(|error| Broken(format!("an archive cannot be restored: {error:?}")))?;
        self.trace.note(|| format!("  restored to {through}"));
        self.tallies.count(Group::Copy, "restores");
        let (archive, disk) = (self.copies.disk.as_disk(), target.disk.as_disk());
        match carry(&archive, &disk, (restored.position, lineage)) {
            Ok(Some(_)) => self.tallies.count(Group::Copy, "snapshots restored"),
            Ok(None) => {}
            Err(error) => return broken(format!("no snapshot restored: {error:?}")),
        }
        let target = self.machine.with_disk(target.disk.reboot(act.loss));
        target.disk.set_faults(Plant::faults(self.plant));
        if act.live_on {
            self.move_to(target, through, lineage)
        } else {
            self.rehearse(target, through, lineage)
        }
    }

    /// Where to cut: at a position, or at the time of the record there.
    fn cut(
        &self,
        act: &RestoreAct,
        archived: &Archived,
        through: Position,
    ) -> Result<(Cut, Position), Broken> {
        let too_far = self.plant == Some(Plant::RestoreTooFar);
        if !act.by_time {
            let last = if too_far { through.next().0.min(archived.end.0 - 1) } else { through.0 };
            return Ok((Cut::Through(Position(last)), through));
        }
        let mut last = (through, Timestamp(i64::MIN));
        for record in archived.reader().stream(through) {
            let record =
                record.map_err(|error| Broken(format!("an archive is unreadable: {error:?}")))?;
            if record.position() > through && record.header.time > last.1 {
                break;
            }
            last = (record.position(), record.header.time);
        }
        Ok((Cut::At(last.1), last.0))
    }

    fn restore_to(
        &self,
        archived: &Archived,
        cut: Cut,
        target: &Machine,
        lineage: Lineage,
    ) -> Result<Restored, RestoreError> {
        let options = target.writer_options(&self.plan.setting);
        let now = self.now.wall;
        let say = |restored: &Restored| said(restored, now);
        restore(archived, cut, (target.disk.as_disk(), options, lineage), say, &mut |_| {})
    }

    /// What is restored is opened by the code that ships, judged, and thrown away.
    fn rehearse(
        &mut self,
        target: Machine,
        through: Position,
        lineage: Lineage,
    ) -> Result<(), Broken> {
        let mut oracle = self.oracle.as_restored(through, lineage);
        let opened = target
            .open(&self.plan.setting, self.now.wall)
            .map_err(|error| Broken(format!("what was restored does not open: {error:?}")))?;
        if let Some(discarded) = opened.snapshots.discarded.first() {
            return broken(format!("a restored snapshot is unfit: {discarded:?}"));
        }
        if opened.snapshots.loaded.is_some() {
            self.tallies.count(Group::Copy, "opened from an archived snapshot");
        }
        let published = opened.publisher.published();
        oracle.looked(published.lineage, published.position)?;
        let reader = opened.publisher.reader();
        let atoms: Vec<_> =
            self.atoms.iter().filter(|atom| atom.position <= through).cloned().collect();
        judge(&reader, &oracle, &atoms).map_err(Verdict::on_a_sound_disk)?;
        judge_state(&reader, &published)?;
        judge_checkpoints(&reader, &oracle.heads)?;
        self.tallies.count(Group::Check, "restored chronicles judged");
        Ok(())
    }

    /// Life goes on in what was restored; the old chronicle is gone.
    fn move_to(
        &mut self,
        target: Machine,
        through: Position,
        lineage: Lineage,
    ) -> Result<(), Broken> {
        self.die();
        self.trace_disk();
        self.oracle = self.oracle.as_restored(through, lineage);
        self.atoms.retain(|atom| atom.position <= through);
        self.machine = target;
        if self.trace.is_kept() {
            self.machine.disk.start_log();
        }
        self.tallies.count(Group::Copy, "lives that went on in a restored chronicle");
        self.wake()?;
        // The old archive is of another lineage, and stays that.
        let reader = self.living().opened.publisher.reader();
        match self.copies.pass((reader, &self.machine.disk), OwnerId([0; 16]), true) {
            Err(BackupError::OtherLineage { .. }) => {}
            other => return broken(format!("a backup to another lineage's archive: {other:?}")),
        }
        let lineages = self.copies.lineages;
        self.copies = Copies { lineages, ..Copies::new(self.plant) };
        Ok(())
    }
}

/// The record that says where the ones before came from.
fn said(restored: &Restored, now: Timestamp) -> RecordDraft {
    let Restored { from, position, time, root } = *restored;
    let body = Restoration { from, position, root: root.to_string() };
    system::draft(RecordKind::Restored, position.next(), time.max(now), &body)
}

impl Oracle {
    /// What the clients may rely on after a restore through this position: what was told of later
    /// records is void, and is as if it had never been sent.
    fn as_restored(&self, through: Position, lineage: Lineage) -> Self {
        let mut restored = self.clone();
        restored.forget_behind(through);
        restored.lineage = Some(lineage);
        restored
    }
}
