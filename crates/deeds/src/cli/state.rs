//! `state`: every row that the records fold to, a line each: what two versions of the code are
//! compared by.

use std::io::Write;

use deeds_values::Position;
use serde_json::json;

use crate::cli::exit::{Exit, Failure};
use crate::cli::place::DataArguments;
use crate::cli::verify::refold_failure;
use crate::program::Program;

/// Print every row, folded from the records
///
/// One JSON object per line, `{"table":…,"row":…}`, tables and rows in their order. Reads the chronicle
/// itself, also beside a live server, and no snapshot: the same records and the same code print the
/// same lines. Rows may hold personal data.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
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
    let mut silent = |_: Position, _: Position| {};
    let folded = (program.refold)(&reader, &mut silent).map_err(refold_failure)?;
    let mut written = Ok(());
    (folded.rows)(&mut |table, row| {
        if written.is_ok() {
            written = writeln!(out, "{}", json!({ "table": table, "row": row }));
        }
    });
    written?;
    out.flush()?;
    Ok(Exit::Done)
}
