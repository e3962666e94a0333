//! `cargo xtask bench`: the benchmarks, built for release, with PostgreSQL found for them.

use crate::needs::{self, POSTGRESQL};
use crate::usage::{self, Others};
use crate::{steps, tree};

const HELP: &str = "\
Builds the benchmarks for release and runs them, PostgreSQL beside us in the same run.

Usage: cargo xtask bench [ARGS]

Every argument goes to the benchmarks; `cargo xtask bench -- --help` shows theirs.
PostgreSQL's programs are looked for in PATH and in Debian's /usr/lib/postgresql/*/bin, and
installed with apt where that is allowed. A server of its own is started in a temporary
directory; one that already runs on this machine is left alone.
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given = usage::parse("bench", arguments, &[], Others::PassedOn)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    needs::meet(&[&POSTGRESQL])?;
    let initdb = POSTGRESQL.find().expect("meet() has seen to it");
    // Followed to where it really lies: only there are the server's other programs beside it.
    let initdb = initdb.canonicalize()?;
    let programs = initdb.parent().expect("a program lies in a directory");
    let mut command = tree::cargo(&["run", "--release", "--package", "deeds-bench", "--"]);
    command.args(&given.others).env("DEEDS_POSTGRES_BIN", programs);
    steps::program(&mut command)
}
