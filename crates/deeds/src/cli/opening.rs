//! Opening the chronicle to decide: for `serve`, and for `seed` when no server runs.

use std::fs::{self, File};
use std::io::{IsTerminal, Read, stderr};
use std::path::Path;
use std::sync::Arc;

use deeds_chronicle::recovery::GuardFinding;
use deeds_chronicle::{Disk, GuardFile, RESERVE_BYTES, Reader, RealDisk, Recovered, WriterOptions};
use deeds_engine::engine::EngineOptions;
use deeds_pipeline::keys::NotSigned;
use deeds_pipeline::node::NodeOptions;
use deeds_pipeline::queue::QueueLimits;
use deeds_pipeline::report::Report;
use deeds_pipeline::snapshot::{Discarded, SnapshotFinding, SnapshotInfo, SnapshotPolicy, Unfit};
use deeds_values::Lineage;
use sha2::{Digest, Sha256};

use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::place::{CheckpointKeyArguments, DataArguments, lock_holder, state_directory};
use crate::cli::progress::Records;
use crate::cli::verify::open_failure;
use crate::program::{Program, Running};

/// Whether a guard file is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Guarding {
    /// In this user's state directory, one per lineage.
    On,
    /// Not at all.
    Off,
}

/// How an opened app is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keeping {
    /// Whether a guard file is kept.
    pub guarding: Guarding,
    /// Whether the app's invariants are checked after every command.
    pub check_invariants: bool,
    /// When snapshots are taken.
    pub snapshots: SnapshotPolicy,
    /// How many bytes of the disk are kept free.
    pub keep_free_bytes: u64,
}

/// Opens the chronicle, or founds one, and starts to decide. Tells of progress on standard error.
pub(crate) fn start(
    program: &Program,
    data: &DataArguments,
    key: &CheckpointKeyArguments,
    keeping: Keeping,
) -> Result<Running, Failure> {
    let directory = data.directory(program.name);
    let place = directory.display().to_string();
    fs::create_dir_all(&directory)
        .map_err(|error| Failure::failed(format!("cannot make {place}: {error}")))?;
    let disk = data.disk(program.name);
    let mut seed = [0; 40];
    getrandom::fill(&mut seed).expect("the system gives random bytes");
    let guard = match keeping.guarding {
        Guarding::On => Some(guard_file(lineage(&disk, &seed))?),
        Guarding::Off => None,
    };
    let Keeping { check_invariants, keep_free_bytes, .. } = keeping;
    let (code, is_exact) = code();
    let options = NodeOptions {
        disk,
        writer: Box::new(move || WriterOptions {
            guard: guard.clone(),
            reserve_bytes: RESERVE_BYTES.min(keep_free_bytes / 4),
            ..WriterOptions::new(salt)
        }),
        engine: EngineOptions { check_invariants, ..EngineOptions::default() },
        queue: QueueLimits::default(),
        code,
        seed,
        keep_free_bytes,
        checkpoint_keys: Some(key.open(program.name, data)?),
        snapshots: if is_exact { keeping.snapshots } else { SnapshotPolicy::OFF },
        report: Arc::new(|report| log(&report)),
    };
    let mut progress = Records::new("replayed", stderr().is_terminal(), false);
    let running = (program.start)(options, &mut |done, end| progress.set(done.0, end.0)).map_err(
        |error| {
            let mut failure = open_failure(error).while_doing(&place);
            if failure.exit == Exit::Locked
                && let Some(process) = lock_holder(&directory)
            {
                failure.what.push_str(&format!(" (process {process})"));
            }
            failure
        },
    )?;
    let line = progress.finish(running.replayed);
    match &running.recovered {
        None => tracing::info!(lineage = %running.host.lineage(), "founded a chronicle in {place}"),
        Some(recovered) => {
            tracing::info!(lineage = %recovered.lineage, "{line}");
            report(recovered);
            report_snapshots(&running.snapshots);
        }
    }
    // Signs one now: what forbids it is told at the start, and not when somebody asks.
    if let Err(error @ (NotSigned::Withheld(_) | NotSigned::NotKept(_))) = running.host.checkpoint()
    {
        tracing::warn!("{}", chain(&error));
    }
    Ok(running)
}

/// What a running app reports goes to the log.
fn log(report: &Report) {
    match report {
        Report::Bug { reference, message } => {
            tracing::error!(target: "app", reference, "bug in the app: {message}");
        }
        Report::RoomAgain { .. } => tracing::info!(target: "chronicle", "{report}"),
        Report::NotSealed { .. }
        | Report::NoSnapshot { .. }
        | Report::NoRoom { .. }
        | Report::ReserveGivenBack { .. }
        | Report::NotGuarded { .. } => {
            tracing::warn!(target: "chronicle", "{report}");
        }
    }
}

/// Says which snapshot the state was loaded from, and why others were not used.
fn report_snapshots(finding: &SnapshotFinding) {
    if let Some(loaded) = &finding.loaded {
        let SnapshotInfo { position, rows, bytes, .. } = loaded;
        tracing::info!(
            position = position.0,
            rows,
            bytes,
            "records up to there came from a snapshot"
        );
    }
    for Discarded { position, why } in &finding.discarded {
        let position = position.0;
        match why {
            Unfit::OtherCode { .. } | Unfit::OtherWindow { .. } => {
                tracing::info!(position, "a snapshot was not used: {why}");
            }
            _ => tracing::warn!(position, "a snapshot was not used: {why}"),
        }
    }
}

/// Says what opening found that an operator should know.
fn report(recovered: &Recovered) {
    if let Some(torn) = &recovered.torn {
        tracing::warn!(
            segment = torn.segment,
            frame = torn.frame.0,
            bytes = torn.bytes,
            position = torn.position.0,
            "the last writer was cut off while it wrote; nobody was answered for what it left, \
             and it stays where it is"
        );
    } else if !recovered.closed {
        tracing::info!("the last writer was cut off; nothing was half-written");
    }
    match recovered.guard {
        GuardFinding::Off | GuardFinding::Agrees => {}
        GuardFinding::Created => tracing::info!("a guard file was made"),
        GuardFinding::Behind { size } if size <= recovered.end => tracing::warn!(
            records = size.0,
            "the guard file knows of a later opening than this one: an old copy was put back"
        ),
        GuardFinding::Behind { size } => tracing::warn!(
            known = size.0,
            here = recovered.end.0,
            "the guard file knows of more records than are here: an old copy was put back"
        ),
        GuardFinding::Differs { size } => {
            tracing::warn!(size = size.0, "the guard file knows of another history of this size");
        }
        GuardFinding::OtherLineage(lineage) => {
            tracing::warn!(%lineage, "the guard file belongs to another chronicle");
        }
    }
}

/// The lineage that is here, or the one that will be founded by this seed.
fn lineage(disk: &Arc<dyn Disk>, seed: &[u8; 40]) -> Lineage {
    match Reader::open(Arc::clone(disk)) {
        Ok(reader) => reader.lineage(),
        // Founding, or a failure that opening to write is about to name.
        Err(_) => Lineage(*seed.first_chunk().expect("40 bytes begin with 8")),
    }
}

/// The guard file of a chronicle, for those who only look at it; none when there can be none.
pub(crate) fn guard_to_read(lineage: Lineage) -> Option<GuardFile> {
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(state_directory()?));
    Some(GuardFile { disk, path: format!("{lineage}.guard") })
}

fn guard_file(lineage: Lineage) -> Result<GuardFile, Failure> {
    let directory = state_directory().ok_or_else(|| {
        Failure::failed("there is no place for the guard file")
            .advise("Set HOME or XDG_STATE_HOME, or say --no-guard.")
    })?;
    fs::create_dir_all(&directory).map_err(|error| {
        Failure::failed(format!("cannot make {}: {error}", directory.display()))
            .advise("Set XDG_STATE_HOME to a place that can be written, or say --no-guard.")
    })?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory));
    Ok(GuardFile { disk, path: format!("{lineage}.guard") })
}

/// 16 random bytes.
pub(crate) fn salt() -> [u8; 16] {
    let mut salt = [0; 16];
    getrandom::fill(&mut salt).expect("the system gives random bytes");
    salt
}

/// What identifies this code: the hash of the executable, or its version where that cannot be read;
/// and whether it tells this code from all other.
fn code() -> (String, bool) {
    let version = env!("CARGO_PKG_VERSION");
    let hash = std::env::current_exe().and_then(|path| hash_of(&path));
    match hash {
        Ok(hash) => (format!("{version}+{}", &hash[..16]), true),
        Err(_) => (version.to_owned(), false),
    }
}

fn hash_of(path: &Path) -> std::io::Result<String> {
    let mut file = File::open(path)?;
    let mut hash = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            read => hash.update(&buffer[..read]),
        }
    }
    Ok(hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect())
}
