//! `info`: what the chronicle is, how large, and what its state holds.

use std::io::{IsTerminal, Write, stderr};

use deeds_chronicle::{Info, Reader};
use deeds_pipeline::snapshot::{self, SnapshotInfo};
use deeds_values::{Position, Timestamp};
use serde_json::json;

use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::place::DataArguments;
use crate::cli::progress::Records;
use crate::cli::verify::refold_failure;
use crate::program::{Folded, Program, Window};

/// Show positions, sizes, times, rows per table
///
/// Reads the chronicle itself, also beside a live server. The rows are counted by folding every
/// record; --quick leaves that out.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Leave out what needs every record to be folded: the tables and the duplicate window.
    #[arg(long)]
    quick: bool,
    /// As JSON.
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
    let reader = arguments.data.reader(program.name)?;
    let located = |error| arguments.data.located(program.name, error);
    let info = reader.info().map_err(located)?;
    let first = time_at(&reader, Position(0)).map_err(located)?;
    let last = match info.end.0.checked_sub(1) {
        Some(position) => time_at(&reader, Position(position)).map_err(located)?,
        None => None,
    };
    let folded = match arguments.quick {
        true => None,
        false => {
            let mut progress = Records::new("folded", stderr().is_terminal(), arguments.json);
            let folded = (program.refold)(&reader, &mut |done, end| progress.set(done.0, end.0));
            let folded = folded.map_err(refold_failure)?;
            progress.finish(folded.records);
            Some(folded)
        }
    };
    let snapshots = snapshot::list(&arguments.data.disk(program.name));
    let snapshots = snapshots.map_err(|error| Failure::failed(chain(&error)))?;
    let facts = Facts { app: program.name, info, first, last, snapshots, folded };
    if arguments.json {
        facts.as_json(out)?
    } else {
        facts.for_people(out)?
    }
    out.flush()?;
    Ok(Exit::Done)
}

fn time_at(
    reader: &Reader,
    position: Position,
) -> Result<Option<Timestamp>, deeds_chronicle::ReadError> {
    Ok(reader.record(position)?.map(|record| record.header.time))
}

struct Facts {
    app: &'static str,
    info: Info,
    first: Option<Timestamp>,
    last: Option<Timestamp>,
    snapshots: Vec<SnapshotInfo>,
    folded: Option<Folded>,
}

impl Facts {
    fn as_json(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let info = &self.info;
        let facts = json!({
            "app": self.app,
            "lineage": info.lineage,
            "end": info.end,
            "frame": info.frame.0,
            "first_time": self.first,
            "last_time": self.last,
            "segments": info.segments,
            "bytes": {
                "head": info.head_bytes,
                "log": info.log_bytes,
                "bodies": info.bodies_bytes,
                "tiles": info.tiles_bytes,
            },
            "snapshots": self.snapshots.iter().map(|snapshot| json!({
                "position": snapshot.position,
                "time": snapshot.time,
                "code": snapshot.code,
                "rows": snapshot.rows,
                "bytes": snapshot.bytes,
            })).collect::<Vec<_>>(),
            "window": self.folded.as_ref().map(|folded| &folded.window),
            "tables": self.folded.as_ref().map(|folded| &folded.tables),
        });
        writeln!(out, "{facts:#}")
    }

    fn for_people(&self, out: &mut dyn Write) -> std::io::Result<()> {
        let info = &self.info;
        writeln!(out, "app       {}", self.app)?;
        writeln!(out, "lineage   {}", info.lineage)?;
        writeln!(out, "records   {} in {} frames", info.end, info.frame.0 + 1)?;
        if let (Some(first), Some(last)) = (self.first, self.last) {
            writeln!(out, "times     {first} to {last}")?;
        }
        writeln!(out, "segments  {}", info.segments)?;
        for (kind, bytes, what) in [
            ("head", info.head_bytes, "being written: headers and bodies"),
            ("log", info.log_bytes, "sealed headers"),
            ("bodies", info.bodies_bytes, "sealed bodies"),
            ("tiles", info.tiles_bytes, "Merkle tree"),
        ] {
            writeln!(out, "  {kind:<8}{:>12}  {what}", readable(bytes))?;
        }
        writeln!(out, "snapshots {}", self.snapshots.len())?;
        for snapshot in &self.snapshots {
            let SnapshotInfo { position, rows, bytes, code, .. } = snapshot;
            let bytes = readable(*bytes);
            writeln!(out, "  at {position:<12}{rows:>10} rows {bytes:>12}  made by {code}")?;
        }
        let Some(folded) = &self.folded else {
            return writeln!(out, "state     not folded (--quick)");
        };
        let Window { unique_ids, sources, horizon } = &folded.window;
        writeln!(out, "window    {unique_ids} ids and {sources} sources are remembered")?;
        if let Some(horizon) = horizon {
            writeln!(out, "          ids from before {horizon} are too old to be known")?;
        }
        writeln!(out, "{:<20}{:>10} {:>12}", "tables", "rows", "as JSON")?;
        for table in &folded.tables {
            let bytes = readable(table.json_bytes);
            writeln!(out, "  {:<18}{:>10} {bytes:>12}", table.table, table.rows)?;
        }
        Ok(())
    }
}

/// Bytes as people read them, in powers of 1024.
pub(crate) fn readable(bytes: u64) -> String {
    let mut amount = bytes as f64;
    for unit in ["B", "KiB", "MiB", "GiB"] {
        if amount < 1024.0 {
            return match unit {
                "B" => format!("{bytes} B"),
                _ => format!("{amount:.1} {unit}"),
            };
        }
        amount /= 1024.0;
    }
    format!("{amount:.1} TiB")
}
