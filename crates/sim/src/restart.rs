//! How a history's process dies and comes back: the machine it runs on, and what is held against the
//! chronicle each time it has been opened.

use std::collections::VecDeque;
use std::fmt::Debug;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use deeds_chronicle::{Disk, GuardFile, GuardFinding, Sealing, WriterOptions, verify};
use deeds_engine::engine::EngineOptions;
use deeds_pipeline::chores::Chore;
use deeds_pipeline::opening::{self, OpenError, OpenOptions, Opened};
use deeds_pipeline::report::Report;
use deeds_values::Timestamp;

use crate::faults::{Faults, Operation};
use crate::judge::{Verdict, judge, judge_checkpoints, judge_state};
use crate::larder::Larder;
use crate::life::{Life, Living};
use crate::model_disk::{Cut, ModelDisk};
use crate::oracle::{Broken, broken};
use crate::plan::{Act, Setting};
use crate::plants::Plant;
use crate::power_loss::PowerLoss;
use crate::tallies::{Group, Tallies};

/// Opening fails at most so often in a row: at the cuts and failures that were planted.
const ATTEMPTS_MAX: usize = 8;

/// What was going on when the power went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    Founding,
    Recovery,
    Serving,
    Snapshot,
    Closing,
}

/// The machine that a history runs on: its disks, and what they are about to do.
pub(crate) struct Machine {
    pub(crate) disk: ModelDisk,
    guard: ModelDisk,
    plant: Option<Plant>,
    /// Whether something was made to fail and has not been mended.
    pub(crate) is_faulty: bool,
    pub(crate) phase: Phase,
    /// What the next power loss leaves, and where the power goes again.
    loss: PowerLoss,
    again: Option<(Operation, u64)>,
    /// Salts that were drawn: each is another, also after a restart.
    salts: Arc<AtomicU64>,
}

impl Machine {
    pub(crate) fn new(plant: Option<Plant>, logged: bool) -> Self {
        let disk = ModelDisk::with_faults(Plant::faults(plant));
        if logged {
            disk.start_log();
        }
        let guard = ModelDisk::with_faults(Plant::faults(plant));
        guard.create_dir("").expect("nothing fails");
        Self {
            disk,
            guard,
            plant,
            is_faulty: false,
            phase: Phase::Founding,
            loss: PowerLoss::Lost,
            again: None,
            salts: Arc::default(),
        }
    }

    /// Arms a cut.
    pub(crate) fn cut_at(
        &mut self,
        operation: Operation,
        after: u64,
        loss: PowerLoss,
        again: Option<(Operation, u64)>,
    ) {
        self.disk.change_faults(|faults, _| faults.crash_on = Some((operation, after)));
        (self.loss, self.again) = (loss, again);
    }

    /// Disarms it.
    pub(crate) fn no_cut(&mut self) {
        self.disk.change_faults(|faults, _| faults.crash_on = None);
        self.again = None;
    }

    /// Makes something fail, or mends all that fails.
    pub(crate) fn fault(&mut self, act: &Act, tallies: &mut Tallies) {
        let used = self.disk.used_bytes();
        let plant = self.plant;
        let mut kind = None;
        self.disk.change_faults(|faults, next| match act {
            Act::Fail { after } => {
                faults.fail.insert(next + after);
                kind = Some("an operation fails");
            }
            Act::Dying { after } => {
                faults.syncs_fail_from = Some(next + after);
                kind = Some("every sync fails");
            }
            Act::Full { bytes } => {
                faults.space_bytes = Some(used + bytes);
                kind = Some("the disk is full");
            }
            Act::Room => faults.space_bytes = None,
            Act::ShortReads { bytes } => {
                faults.read_bytes_max = Some(*bytes);
                tallies.count(Group::Fault, "reads are short");
            }
            _ => {
                let crash_on = faults.crash_on;
                *faults = Faults { crash_on, ..Plant::faults(plant) };
            }
        });
        self.is_faulty = match (act, kind) {
            (Act::Mend, _) => false,
            (_, kind) => self.is_faulty || kind.is_some(),
        };
        if let Some(kind) = kind {
            tallies.count(Group::Fault, kind);
        }
    }

    fn reboot(&mut self, loss: PowerLoss) {
        self.disk = self.disk.reboot(loss);
        self.guard = self.guard.reboot(loss);
        self.disk.set_faults(Plant::faults(self.plant));
        self.guard.set_faults(Plant::faults(self.plant));
        self.is_faulty = false;
        self.disk.change_faults(|faults, _| faults.crash_on = self.again.take());
    }

    /// Another machine with the same bytes.
    pub(crate) fn copy(&self) -> Self {
        Self {
            disk: self.disk.copy(),
            guard: self.guard.copy(),
            plant: None,
            is_faulty: false,
            phase: Phase::Recovery,
            loss: PowerLoss::Lost,
            again: None,
            salts: Arc::new(AtomicU64::new(self.salts.load(Ordering::Relaxed))),
        }
    }

    /// A machine with this disk, and none of this one's files; it draws other salts.
    pub(crate) fn with_disk(&self, disk: ModelDisk) -> Self {
        let (phase, salts) = (Phase::Recovery, Arc::clone(&self.salts));
        Self { disk, phase, salts, ..Self::new(self.plant, false) }
    }

    /// Opens the chronicle on it.
    pub(crate) fn open(
        &self,
        setting: &Setting,
        now: Timestamp,
    ) -> Result<Opened<Larder>, OpenError> {
        let options = OpenOptions {
            engine: EngineOptions {
                check_invariants: true,
                decode_again: true,
                window_commands: setting.window_commands,
            },
            code: "simulated".to_owned(),
            now,
            seed: [9; 40],
            checkpoint_keys: None,
            keep_free_bytes: setting.keep_free_bytes,
        };
        let writer = || self.writer_options(setting);
        opening::open(self.disk.as_disk(), writer, &options, &mut |_, _| {})
    }

    pub(crate) fn writer_options(&self, setting: &Setting) -> WriterOptions {
        let salts = Arc::clone(&self.salts);
        let mut options = WriterOptions::new(move || {
            let mut salt = [0; 16];
            salt[..8].copy_from_slice(&salts.fetch_add(1, Ordering::Relaxed).to_le_bytes());
            salt
        });
        options.segment_bytes_max = setting.segment_bytes;
        options.write_ahead_bytes = setting.write_ahead_bytes;
        options.reserve_bytes = setting.reserve_bytes;
        if setting.sealing_handed {
            options.sealing = Sealing::Handed;
        }
        if setting.guard {
            let path = "guard".to_owned();
            options.guard = Some(GuardFile { disk: self.guard.as_disk(), path });
        }
        options
    }

    /// What was going on, seen by the file that was being changed.
    fn during(&self, cut: &Cut) -> &'static str {
        let sealing = ["log/", "bodies/", "torn/"].iter().any(|of| cut.path.starts_with(of))
            || ["log", "bodies", "torn"].contains(&cut.path.as_str())
            || (cut.operation == Operation::Remove && cut.path.starts_with("head/"));
        match self.phase {
            Phase::Founding => "founding",
            Phase::Recovery => "recovery",
            Phase::Closing => "closing",
            Phase::Snapshot if cut.path.starts_with("snapshots") => "a snapshot",
            Phase::Snapshot | Phase::Serving if sealing => "sealing",
            Phase::Snapshot | Phase::Serving => "serving",
        }
    }
}

impl Life<'_> {
    /// Opens the chronicle, if nobody is alive, and judges it.
    pub(crate) fn wake(&mut self) -> Result<(), Broken> {
        if self.living.is_some() {
            return Ok(());
        }
        if self.machine.phase != Phase::Founding {
            self.machine.phase = Phase::Recovery;
        }
        for _ in 0..ATTEMPTS_MAX {
            match self.machine.open(&self.plan.setting, self.now.wall) {
                // A segment that was sealed last thing may have met the cut: nobody waited for that.
                Ok(opened) if self.machine.disk.has_crashed() => {
                    drop(opened);
                    self.trace_disk();
                    self.power_cut(self.machine.loss);
                }
                Ok(opened) => {
                    self.trace_disk();
                    return self.awake(opened);
                }
                Err(error) => self.not_opened(&error)?,
            }
        }
        broken("the chronicle does not open, however often one tries")
    }

    /// Opening fails only where something was made to.
    fn not_opened(&mut self, error: &OpenError) -> Result<(), Broken> {
        self.trace_disk();
        self.trace.note(|| format!("  not opened: {error:?}"));
        if self.machine.disk.has_crashed() {
            self.power_cut(self.machine.loss);
            return Ok(());
        }
        if self.machine.is_faulty {
            self.tallies.count(Group::Restart, "not opened until mended");
            self.machine.fault(&Act::Mend, self.tallies);
            return Ok(());
        }
        broken(format!("the chronicle does not open again: {error:?}"))
    }

    fn awake(&mut self, mut opened: Opened<Larder>) -> Result<(), Broken> {
        let was_founding = std::mem::replace(&mut self.machine.phase, Phase::Serving);
        let chores: Arc<Mutex<VecDeque<Chore<Larder>>>> = Arc::default();
        let waiting = Arc::clone(&chores);
        opened.publisher.defer_to(move |chore| match chore {
            Chore::Fold(atom) => _ = atom.state(),
            Chore::Drop(atom) => drop(atom),
            chore @ Chore::Seal(_) => {
                waiting.lock().unwrap_or_else(PoisonError::into_inner).push_back(chore);
            }
        });
        let reports: Arc<Mutex<Vec<Report>>> = Arc::default();
        let told = Arc::clone(&reports);
        opened.publisher.report_to(Arc::new(move |report| {
            told.lock().unwrap_or_else(PoisonError::into_inner).push(report);
        }));
        if self.machine.disk.free_bytes().is_ok_and(|free| free < 4_000) {
            self.tallies.count(Group::Restart, "on a full disk");
        }
        let published = opened.publisher.published();
        if let Some(recovered) = &opened.recovered {
            let found = match recovered.guard {
                GuardFinding::Off | GuardFinding::Created | GuardFinding::Agrees => None,
                other => Some(other),
            };
            if let Some(other) = found {
                return broken(format!("the guard file says {other:?}"));
            }
            let torn = if recovered.torn.is_some() { "with a torn tail" } else { "opened whole" };
            self.tallies.count(Group::Restart, torn);
        } else if was_founding != Phase::Founding {
            return broken("the chronicle is gone, and another was founded");
        }
        if let Some(discarded) = opened.snapshots.discarded.first() {
            return broken(format!("a snapshot is unfit: {discarded:?}"));
        }
        if opened.snapshots.loaded.is_some() {
            self.tallies.count(Group::Restart, "from a snapshot");
        }
        self.trace.note(|| format!("  opened, position {}", published.position));
        let (lineage, position) = (published.lineage, published.position);
        let published = vec![published];
        let in_flight = None;
        let living = Living { opened, chores, reports, in_flight, published, booked: position };
        self.living = Some(living);
        self.oracle.looked(lineage, position)?;
        self.judge()
    }

    /// Holds the chronicle against what the clients know.
    fn judge(&mut self) -> Result<(), Broken> {
        let living = self.living.as_ref().expect("somebody is alive");
        let reader = living.opened.publisher.reader();
        judge(&reader, &self.oracle, &self.atoms).map_err(Verdict::on_a_sound_disk)?;
        judge_state(&reader, &living.opened.publisher.published())?;
        judge_checkpoints(&reader, &self.oracle.heads)?;
        self.tallies.count(Group::Check, "chronicles judged");
        Ok(())
    }

    /// At the end: every hash, checksum and body once more.
    pub(crate) fn prove(&mut self) -> Result<(), Broken> {
        self.judge()?;
        let disk: Arc<dyn Disk> = self.machine.disk.as_disk();
        verify(disk, &mut |_| {})
            .map_err(|error| Broken(format!("the chronicle does not prove itself: {error:?}")))?;
        self.tallies.count(Group::Check, "histories");
        Ok(())
    }

    /// The process is gone.
    pub(crate) fn die(&mut self) {
        self.living = None;
        self.abandon();
    }

    /// The process stopped at an error: fair only where something was made to fail.
    pub(crate) fn stopped(&mut self, error: &dyn Debug) -> Result<(), Broken> {
        self.trace_disk();
        self.trace.note(|| format!("  stopped: {error:?}"));
        self.die();
        if self.machine.disk.has_crashed() {
            self.power_cut(self.machine.loss);
            return Ok(());
        }
        if self.machine.is_faulty {
            self.tallies.count(Group::Restart, "stopped at a failure");
            return Ok(());
        }
        broken(format!("a sound disk failed: {error:?}"))
    }

    /// The power goes, and comes back.
    pub(crate) fn power_cut(&mut self, loss: PowerLoss) {
        if let Some(cut) = self.machine.disk.cut() {
            self.tallies.count(Group::CutAt, cut.operation);
            self.tallies.count(Group::CutDuring, self.machine.during(&cut));
        }
        let kind = match loss {
            PowerLoss::Lost => "all that was not synced lost",
            PowerLoss::Kept => "all of it kept",
            PowerLoss::CutShort { .. } => "the last writes cut short",
            PowerLoss::Sectors { .. } => "any sectors of it",
            PowerLoss::Reordered { .. } => "reordered, stale names",
            PowerLoss::Garbage { .. } => "garbage behind the end",
        };
        self.tallies.count(Group::Loss, kind);
        self.trace.note(|| format!("  the power goes: {kind}"));
        self.machine.reboot(loss);
    }
}
