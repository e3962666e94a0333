//! `backup`: copies the chronicle to an archive, beside a live server.

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use deeds_chronicle::{Backup, Copied, Disk, Marker, OwnerId, ReadError, Reader, RealDisk};
use deeds_pipeline::snapshot::copies;
use deeds_values::{Lineage, Position};
use serde_json::json;

use crate::cli::archive::now;
use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::info::readable;
use crate::cli::place::{DataArguments, state_directory};
use crate::cli::progress::Records;
use crate::program::Program;

/// Copy the chronicle to an archive
///
/// Works beside a live server, and copies only what is durable. The first backup copies everything,
/// each later one what is new. Every frame is proved as it is copied. An archive has one owner: the
/// user who made the first backup, on the machine where it was made.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// The archive; a new one is made where none is.
    #[arg(value_name = "DIR")]
    archive: PathBuf,
    /// Go on copying, until stopped: what is recorded is in the archive a tenth of a second later.
    #[arg(long, short)]
    follow: bool,
    /// Become the owner of an archive that another one wrote to; that one is shut out.
    #[arg(long)]
    take_over: bool,
    /// What was archived as JSON, one object per line.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArguments,
}

/// How long the end of the chronicle is left alone before it is looked at again.
const FOLLOW_PAUSE: Duration = Duration::from_millis(100);
/// How often a line tells of a backup that goes on.
const LINE_EVERY: Duration = Duration::from_secs(10);
/// How often the status file is written: each time costs a file, and no sync.
const STATUS_EVERY: Duration = Duration::from_secs(1);
/// How often it is looked whether there is a newer snapshot.
const SNAPSHOT_EVERY: Duration = Duration::from_secs(10);
/// How far the backup is, for who watches it.
const STATUS_FILE: &str = "status.json";

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let reader = arguments.data.reader(program.name)?;
    let owner = owner(reader.lineage())?;
    let place = arguments.archive.display().to_string();
    let failed = |error| Failure::from(error).while_doing(&place);
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&arguments.archive));
    let (target, source) = (Arc::clone(&disk), arguments.data.disk(program.name));
    let mut backup =
        Backup::open(reader.clone(), disk, owner, arguments.take_over).map_err(failed)?;
    let mut snapshots = Snapshots { source, target, looked: None };
    let mut watch = Watch::new(&arguments.archive, reader, backup.marker());
    let mut progress = Some(Records::new("archived", stderr().is_terminal(), arguments.json));
    loop {
        watch.look(backup.end())?;
        let copied = backup.pass(&mut |at| {
            // Only the first pass is long enough to be watched.
            progress.iter_mut().for_each(|shown| shown.set(at.records, at.records_total));
            watch.going_on(at.records);
        });
        let copied = copied.map_err(failed)?;
        progress.take().map(|shown| shown.finish(copied.records));
        snapshots.copy_newest(copied.end);
        if watch.passed(&copied, arguments.follow)? {
            watch.tell(arguments.json, out)?;
        }
        if !arguments.follow {
            return Ok(Exit::Done);
        }
        thread::sleep(FOLLOW_PAUSE);
    }
}

/// The snapshots beside the chronicle, copied when there is a newer one.
struct Snapshots {
    source: Arc<dyn Disk>,
    target: Arc<dyn Disk>,
    looked: Option<Instant>,
}

impl Snapshots {
    /// Copies the newest that the archive's records reach, unless it was looked a moment ago. They only
    /// make a start after a restore quick: where one cannot be copied the backup goes on, and says so.
    fn copy_newest(&mut self, end: Position) {
        if self.looked.is_some_and(|looked| looked.elapsed() < SNAPSHOT_EVERY) {
            return;
        }
        self.looked = Some(Instant::now());
        if let Err(error) = copies::copy_newest(&self.source, &self.target, end) {
            // Told as far as somebody listens.
            let _ = writeln!(stderr(), "no snapshot was archived: {}", chain(&error));
        }
    }
}

/// The owner that this user's backups have on this machine: a random number, made at the first.
fn owner(lineage: Lineage) -> Result<OwnerId, Failure> {
    let directory = state_directory().ok_or_else(|| {
        Failure::failed("there is no place for the owner of the archive")
            .advise("Set HOME or XDG_STATE_HOME.")
    })?;
    let path = directory.join(format!("{lineage}.owner"));
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot {what} {}: {error}", path.display()))
    };
    if let Ok(text) = fs::read_to_string(&path) {
        return text.trim().parse().map_err(|error| failed("read", &error));
    }
    let mut owner = [0; 16];
    getrandom::fill(&mut owner).expect("the system gives random bytes");
    let owner = OwnerId(owner);
    fs::create_dir_all(&directory).map_err(|error| failed("make", &error))?;
    // Of two that are made at once one stays, and both read that one.
    let aside = directory.join(format!("{lineage}.owner.{owner}"));
    fs::write(&aside, format!("{owner}\n")).map_err(|error| failed("write", &error))?;
    let linked = fs::hard_link(&aside, &path);
    let _ = fs::remove_file(&aside);
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(failed("write", &error))
        }
        _ => {
            let text = fs::read_to_string(&path).map_err(|error| failed("read", &error))?;
            text.trim().parse().map_err(|error| failed("read", &error))
        }
    }
}

/// How far the archive was behind the chronicle.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
struct Lag {
    /// How long ago the oldest record was made that was not archived.
    seconds: f64,
    /// How many records were not archived.
    records: u64,
}

/// Watches a backup: measures its lag, keeps the status file, tells of it now and then.
struct Watch {
    status_file: PathBuf,
    chronicle: Reader,
    marker: Marker,
    lag: Lag,
    /// The worst since it was told last.
    worst: Lag,
    /// What was archived since it was told last.
    copied: Option<Copied>,
    written: Option<Instant>,
    told: Option<Instant>,
}

impl Watch {
    fn new(archive: &Path, chronicle: Reader, marker: Marker) -> Self {
        Self {
            status_file: archive.join(STATUS_FILE),
            chronicle,
            marker,
            lag: Lag::default(),
            worst: Lag::default(),
            copied: None,
            written: None,
            told: None,
        }
    }

    /// Measures how far an archive that ends here is behind.
    fn look(&mut self, archived: Position) -> Result<(), ReadError> {
        let records = self.chronicle.end()?.0.saturating_sub(archived.0);
        let oldest = match records {
            0 => None,
            _ => self.chronicle.record(archived)?,
        };
        let seconds = oldest.map_or(0.0, |record| {
            (now().since(record.header.time).as_micros().max(0)) as f64 / 1e6
        });
        self.lag = Lag { seconds, records };
        if self.lag > self.worst {
            self.worst = self.lag;
        }
        Ok(())
    }

    /// In the middle of a pass that may take long.
    fn going_on(&mut self, archived: u64) {
        if self.is_due(STATUS_EVERY) {
            // Both tell of the backup, and are not it: it goes on without them.
            let _ = self.look(Position(archived));
            let _ = self.write(archived);
        }
    }

    /// After a pass: writes the status, and says whether it is time to tell of it.
    fn passed(&mut self, now: &Copied, follow: bool) -> Result<bool, Failure> {
        let before = self.copied.map_or((0, 0), |copied| (copied.records, copied.bytes));
        let (records, bytes) = (before.0 + now.records, before.1 + now.bytes);
        self.copied = Some(Copied { records, bytes, ..*now });
        if !follow || self.is_due(STATUS_EVERY) {
            self.look(now.end)?;
            let written = self.write(now.end.0);
            let path = self.status_file.display();
            written.map_err(|error| Failure::failed(format!("cannot write {path}: {error}")))?;
        }
        let due = self.told.is_none_or(|told| records > 0 && told.elapsed() >= LINE_EVERY);
        Ok(due)
    }

    fn is_due(&self, every: Duration) -> bool {
        self.written.is_none_or(|written| written.elapsed() >= every)
    }

    /// Replaces the status file; it is read by people and their programs, and never by a backup.
    fn write(&mut self, archived: u64) -> std::io::Result<()> {
        self.written = Some(Instant::now());
        let status = json!({
            "time": now(),
            "lineage": self.marker.lineage,
            "owner": self.marker.owner.to_string(),
            "generation": self.marker.generation,
            "records": archived,
            "lag_records": self.lag.records,
            "lag_seconds": self.lag.seconds,
        });
        let aside = self.status_file.with_extension("json.new");
        fs::write(&aside, format!("{status:#}\n"))?;
        fs::rename(&aside, &self.status_file)
    }

    /// Tells what was archived since it was told last.
    fn tell(&mut self, as_json: bool, out: &mut dyn Write) -> Result<(), Failure> {
        let copied = self.copied.take().expect("told after a pass");
        let worst = std::mem::replace(&mut self.worst, self.lag);
        self.told = Some(Instant::now());
        if as_json {
            let line = json!({
                "time": now(),
                "lineage": self.marker.lineage,
                "records": copied.end,
                "root": copied.root.to_string(),
                "copied": { "records": copied.records, "bytes": copied.bytes },
                "lag_records": self.lag.records,
                "lag_seconds": self.lag.seconds,
                "worst_lag_records": worst.records,
                "worst_lag_seconds": worst.seconds,
            });
            writeln!(out, "{line}")?;
        } else {
            let Copied { records, bytes, end, root } = copied;
            let bytes = readable(bytes);
            writeln!(
                out,
                "archived {end} records of {}, {records} of them ({bytes}) now; root {root}; \
                 {} records, {:.1} s behind, at most {:.1} s",
                self.marker.lineage, self.lag.records, self.lag.seconds, worst.seconds,
            )?;
        }
        Ok(out.flush()?)
    }
}
