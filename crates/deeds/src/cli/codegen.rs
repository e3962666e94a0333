//! `codegen`: code for clients, from what the app says of itself.

use std::fs;
use std::io::Write;
use std::path::PathBuf;

use crate::cli::exit::{Exit, Failure};
use crate::program::Program;
use crate::typescript::typescript;

/// Write code for clients: types and names of the queries and commands
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    language: Language,
}

#[derive(Debug, clap::Subcommand)]
enum Language {
    /// For the SDK in sdk/typescript
    ///
    /// The file is committed, so that clients build without the server's code; `--check` in CI says
    /// when it is no longer what the code says.
    Typescript {
        /// The file; without it the code is printed.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Only compare; exit with 1 if the file differs.
        #[arg(long, requires = "out")]
        check: bool,
    },
}

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    let Language::Typescript { out: file, check } = &arguments.language;
    let schema = (program.schema)();
    let code = typescript(&schema, &deeds_server::schema_version(&schema), program.name);
    let Some(file) = file else {
        out.write_all(code.as_bytes())?;
        out.flush()?;
        return Ok(Exit::Done);
    };
    let shown = file.display();
    if *check {
        let found = fs::read_to_string(file)
            .map_err(|error| Failure::failed(format!("cannot read {shown}: {error}")))?;
        if found != code {
            let advice =
                format!("`{} codegen typescript --out {shown}` writes it anew.", program.name);
            return Err(
                Failure::failed(format!("{shown} is not what the code says")).advise(advice)
            );
        }
        writeln!(out, "{shown} is as the code")?;
    } else {
        fs::write(file, code)
            .map_err(|error| Failure::failed(format!("cannot write {shown}: {error}")))?;
        writeln!(out, "{shown} written; commit it")?;
    }
    out.flush()?;
    Ok(Exit::Done)
}
