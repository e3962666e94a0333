//! `restore`: makes a chronicle from an archive, as it was at a position or a moment.

use std::ffi::OsString;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use deeds_chronicle::disk::LockError;
use deeds_chronicle::{Disk, RealDisk};
use serde_json::json;

use crate::cli::archive::ArchiveArguments;
use crate::cli::exit::{Exit, Failure};
use crate::cli::place::DataArguments;
use crate::program::Program;

/// Make a chronicle from an archive, as it was then
///
/// The chronicle in the data directory is a new lineage: clients that hold positions of the old one
/// are told so. Its records are those of the archive, with the same Merkle roots; a last one says
/// where they came from. The directory must be empty or absent, and is there only when all is done.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    archive: ArchiveArguments,
    /// What was restored as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    data: DataArguments,
}

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let directory = arguments.data.directory(program.name);
    must_be_empty(&directory)?;
    let archived = arguments.archive.open()?;
    let aside = Aside::make(&directory)?;
    let copy = arguments.archive.restore_into(&archived, &aside.path, arguments.json)?;
    aside.publish(&directory)?;

    let restored = copy.restored;
    if arguments.json {
        let facts = json!({
            "data": directory,
            "lineage": copy.lineage,
            "from": restored.from,
            "position": restored.position,
            "time": restored.time,
            "root": restored.root.to_string(),
            "archived": archived.end,
            "snapshot": copy.snapshot.as_ref().map(|snapshot| snapshot.position),
        });
        writeln!(out, "{facts:#}")?;
    } else {
        writeln!(out, "lineage  {}, {}", copy.lineage, copy.line)?;
        writeln!(out, "from     lineage {}, {} records archived", restored.from, archived.end)?;
        writeln!(out, "last     position {}, {}", restored.position, restored.time)?;
        writeln!(out, "root     {}", restored.root)?;
        writeln!(out, "snapshot {}", copy.snapshot_line())?;
        writeln!(out, "in       {}; `serve` opens it", directory.display())?;
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn must_be_empty(directory: &Path) -> Result<(), Failure> {
    let place = directory.display();
    match fs::read_dir(directory).map(|mut entries| entries.next().is_none()) {
        Ok(true) => Ok(()),
        Ok(false) => Err(Failure::failed(format!("{place} is not empty"))
            .advise("Name a directory for the restored chronicle with --data; move the old one.")),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(Failure::failed(format!("cannot look into {place}: {error}"))),
    }
}

/// The directory in which a chronicle is restored: half of one must not be found where it is served
/// from.
struct Aside {
    path: PathBuf,
    /// Kept until the end, so that two restores do not meet.
    _lock: Box<dyn Send + Sync>,
}

impl Aside {
    /// Makes it beside the directory that it will be; what an earlier restore left is removed.
    fn make(directory: &Path) -> Result<Self, Failure> {
        let name = directory
            .file_name()
            .ok_or_else(|| Failure::usage(format!("{} names no directory", directory.display())))?;
        let mut name = OsString::from(name);
        name.push(".restoring");
        let path = directory.with_file_name(name);
        let failed = |error: &dyn std::fmt::Display| {
            Failure::failed(format!("cannot make {}: {error}", path.display()))
        };
        fs::create_dir_all(&path).map_err(|error| failed(&error))?;
        // The lock's file goes with the directory, the lock stays until this is dropped.
        let lock = RealDisk::new(&path).lock().map_err(|error| match error {
            LockError::Held => Failure::new(Exit::Locked, "another restore is at work there"),
            LockError::Io(error) => failed(&error),
        })?;
        fs::remove_dir_all(&path).map_err(|error| failed(&error))?;
        Ok(Self { path, _lock: lock })
    }

    /// Gives the directory its name, durably.
    fn publish(self, directory: &Path) -> Result<(), Failure> {
        let failed = |error: std::io::Error| {
            let (from, to) = (self.path.display(), directory.display());
            Failure::failed(format!("cannot rename {from} to {to}: {error}"))
        };
        fs::rename(&self.path, directory).map_err(failed)?;
        let parent = match directory.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        RealDisk::new(parent).sync_dir("").map_err(failed)
    }
}
