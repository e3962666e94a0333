//! `verify`: proves the chronicle again from its bytes, and the state from its records.

use std::io::{IsTerminal, Write, stderr};

use deeds_chronicle::{AppendError, DiskError, OpenError as ChronicleError, Verified};
use deeds_pipeline::opening::OpenError;
use deeds_pipeline::refold::RefoldError;
use serde_json::json;

use crate::cli::against::{self, Kept};
use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::place::DataArguments;
use crate::cli::progress::Records;
use crate::program::{Folded, Program};

/// Prove every byte of the chronicle, and the state by it
///
/// First every checksum, the chain of frames, each body against its commitment and the Merkle tree;
/// then every record is folded again, and both forms of the state, every index, reference and
/// invariant are held against each other. Works beside a live server.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Prove the bytes only; the state is not folded again.
    #[arg(long)]
    quick: bool,
    /// The findings as JSON.
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    kept: against::Given,
    #[command(flatten)]
    data: DataArguments,
}

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let kept = arguments.kept.read(program, &arguments.data)?;
    let (verified, proved_line) = prove(program, arguments, kept.as_ref())?;
    let folded = match arguments.quick {
        true => None,
        false => Some(fold(program, arguments)?),
    };
    if arguments.json {
        let state = folded.as_ref().map(|(state, _)| state);
        let findings = json!({
            "quick": arguments.quick,
            "lineage": verified.lineage,
            "records": verified.end,
            "frames": verified.frame.0 + 1,
            "root": verified.root.to_string(),
            "segments": verified.segments,
            "bytes": verified.bytes,
            "against": kept.as_ref().map(Kept::json),
            "folded": state.map(|state| state.records),
            "tables": state.map(|state| &state.tables),
        });
        writeln!(out, "{findings:#}")?;
        out.flush()?;
        return Ok(Exit::Done);
    }
    writeln!(out, "lineage {}, {} records", verified.lineage, verified.end)?;
    writeln!(out, "root    {}", verified.root)?;
    writeln!(out, "bytes   {proved_line}")?;
    writeln!(
        out,
        "        every checksum, the chain of frames, each body by its commitment, the Merkle \
         tree: {} bytes in {} segments",
        verified.bytes, verified.segments
    )?;
    if let Some(kept) = &kept {
        writeln!(out, "{}", kept.lines(program, &verified))?;
    }
    let Some((state, folded_line)) = folded else {
        writeln!(out, "state   not folded (--quick)")?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    let rows: u64 = state.tables.iter().map(|table| table.rows).sum();
    writeln!(out, "state   {folded_line}")?;
    writeln!(
        out,
        "        live and published state agree: {rows} rows in {} tables, their indexes; \
         {} invariants hold",
        state.tables.len(),
        (program.invariants)().len()
    )?;
    out.flush()?;
    Ok(Exit::Done)
}

/// Proves the bytes, and that they continue the checkpoint if there is one; gives a line that says
/// how it went.
fn prove(
    program: &Program,
    arguments: &Arguments,
    kept: Option<&Kept>,
) -> Result<(Verified, String), Failure> {
    let mut progress = Records::new("proved", stderr().is_terminal(), arguments.json);
    let disk = arguments.data.disk(program.name);
    // Without a checkpoint the empty tree will do: everything continues it.
    let head = kept.map(|kept| kept.checkpoint.head).unwrap_or_default();
    let (verified, comparison) = deeds_chronicle::verify_against(disk, head, &mut |at| {
        progress.set(at.records, at.records_total);
    })
    .map_err(|error| {
        let place = arguments.data.directory(program.name);
        Failure::from(error).while_doing(&place.display().to_string())
    })?;
    if let Some(kept) = kept {
        kept.judge(program, &verified, comparison)?;
    }
    let line = progress.finish(verified.end.0);
    Ok((verified, line))
}

/// Folds every record; gives the state and a line that says how it went.
fn fold(program: &Program, arguments: &Arguments) -> Result<(Folded, String), Failure> {
    let reader = arguments.data.reader(program.name)?;
    let mut progress = Records::new("folded", stderr().is_terminal(), arguments.json);
    let folded = (program.refold)(&reader, &mut |done, end| progress.set(done.0, end.0));
    let folded = folded.map_err(refold_failure)?;
    let line = progress.finish(folded.records);
    Ok((folded, line))
}

/// Why the state could not be proved.
pub(crate) fn refold_failure(error: RefoldError) -> Failure {
    match error {
        RefoldError::Read(error) => open_failure(error),
        RefoldError::Differs(_) | RefoldError::Invariant { .. } => Failure::failed(chain(&error))
            .advise("The chronicle is whole, the code that folds it is not: report this."),
    }
}

/// Why a chronicle could not be opened or read.
pub(crate) fn open_failure(error: OpenError) -> Failure {
    match error {
        OpenError::Chronicle(ChronicleError::Disk(disk)) if disk.is_no_room() => full(&disk),
        OpenError::Append(AppendError::Disk(disk)) if disk.is_no_room() => full(&disk),
        OpenError::Chronicle(error) => error.into(),
        OpenError::Read(error) => error.into(),
        OpenError::Append(_) => Failure::new(Exit::ChronicleFailed, chain(&error)),
        OpenError::OtherApp { .. } => Failure::new(Exit::Unreadable, chain(&error))
            .advise("Name this app's directory with --data or DEEDS_DATA."),
        OpenError::Unreadable { .. } => {
            Failure::new(Exit::Unreadable, format!("this code cannot read {}", chain(&error)))
                .advise("Run the code that wrote it, or give the changed type its old form back.")
        }
    }
}

/// Opening writes a little, and there is no room even for that.
fn full(error: &DiskError) -> Failure {
    let what = format!("the disk is full: {}", chain(error));
    Failure::new(Exit::ChronicleFailed, what)
        .advise("Make room, a few MiB are enough, and start again: nothing is lost.")
}
