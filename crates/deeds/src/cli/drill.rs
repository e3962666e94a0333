//! `drill`: restores an archive into a scratch directory, proves the result, and removes it.

use std::fs;
use std::io::{IsTerminal, Write, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Instant;

use deeds_chronicle::{Comparison, Disk, Reader, RealDisk, TreeHead, verify_against};
use serde_json::json;

use crate::cli::archive::ArchiveArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::progress::Records;
use crate::cli::verify::refold_failure;
use crate::program::Program;

/// Restore an archive into a scratch directory, prove it, and remove it again
///
/// What `restore` would give is made and proved as `verify` does: every checksum and hash, the root
/// of the archive, and the state folded from the records, with its indexes and invariants. Changes
/// nothing in the archive, and works while backups are made.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    archive: ArchiveArguments,
    /// Where to restore; it needs as much room as the chronicle [default: the system's directory for
    /// temporary files].
    #[arg(long, value_name = "DIR")]
    scratch: Option<PathBuf>,
    /// The findings as JSON.
    #[arg(long)]
    json: bool,
}

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let started = Instant::now();
    let (drawn, quiet) = (stderr().is_terminal(), arguments.json);
    let archived = arguments.archive.open()?;
    let scratch = Scratch::make(arguments.scratch.as_deref())?;
    let copy = arguments.archive.restore_into(&archived, &scratch.path, quiet)?;
    let restored = &copy.restored;

    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(&scratch.path));
    let mut progress = Records::new("proved", drawn, quiet);
    let head = TreeHead { size: restored.position.next(), root: restored.root };
    let (verified, compared) = verify_against(Arc::clone(&disk), head, &mut |at| {
        progress.set(at.records, at.records_total);
    })?;
    let proved_line = progress.finish(verified.end.0);
    if compared != Comparison::Continues {
        let what = "the restored chronicle does not have the root of the archive";
        return Err(Failure::new(Exit::Damaged, what));
    }
    let reader = Reader::open(disk)?;
    let mut progress = Records::new("folded", drawn, quiet);
    let state = (program.refold)(&reader, &mut |done, end| progress.set(done.0, end.0));
    let state = state.map_err(refold_failure)?;
    let folded_line = progress.finish(state.records);
    let rows: u64 = state.tables.iter().map(|table| table.rows).sum();
    let invariants = (program.invariants)().len();
    scratch.remove()?;

    let seconds = started.elapsed().as_secs_f64();
    if quiet {
        let findings = json!({
            "archive": arguments.archive.archive,
            "from": restored.from,
            "position": restored.position,
            "time": restored.time,
            "root": restored.root.to_string(),
            "archived": archived.end,
            "snapshot": copy.snapshot.as_ref().map(|snapshot| snapshot.position),
            "torn": archived.torn,
            "tables": state.tables,
            "seconds": seconds,
        });
        writeln!(out, "{findings:#}")?;
    } else {
        writeln!(out, "archive  lineage {}, {} records", restored.from, archived.end)?;
        if archived.torn {
            writeln!(out, "         its last backup was cut off behind them; the next goes on")?;
        }
        writeln!(out, "last     position {}, {}", restored.position, restored.time)?;
        writeln!(out, "root     {}, restored as it is archived", restored.root)?;
        writeln!(out, "bytes    {}", copy.line)?;
        writeln!(out, "         {proved_line}")?;
        writeln!(out, "state    {folded_line}")?;
        for table in &state.tables {
            writeln!(out, "         {:>9} rows in {}", table.rows, table.table)?;
        }
        let held = format!("{rows} rows; {invariants} invariants hold");
        writeln!(out, "         live and published state agree: {held}")?;
        writeln!(out, "snapshot {}", copy.snapshot_line())?;
        writeln!(out, "drilled  in {seconds:.1} s; the scratch directory is removed")?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

/// A directory that is gone after the drill, however it ends.
struct Scratch {
    path: PathBuf,
    removed: bool,
}

impl Scratch {
    fn make(parent: Option<&Path>) -> Result<Self, Failure> {
        let parent = parent.map_or_else(std::env::temp_dir, Path::to_owned);
        let mut name = [0; 8];
        getrandom::fill(&mut name).expect("the system gives random bytes");
        let path = parent.join(format!("deeds-drill-{:016x}", u64::from_le_bytes(name)));
        fs::create_dir_all(&parent).and_then(|()| fs::create_dir(&path)).map_err(|error| {
            Failure::failed(format!("cannot make {}: {error}", path.display()))
                .advise("Name a directory with room with --scratch.")
        })?;
        Ok(Self { path, removed: false })
    }

    fn remove(mut self) -> Result<(), Failure> {
        self.removed = true;
        fs::remove_dir_all(&self.path).map_err(|error| {
            Failure::failed(format!("cannot remove {}: {error}", self.path.display()))
        })
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !self.removed {
            // The drill failed, and that is what will be told.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}
