//! `cargo xtask bench`: the benchmarks, built for release, with PostgreSQL found for them, and the food
//! bank beside them.

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
    // One build of both: the food bank's own program is measured, too.
    steps::program(&mut tree::cargo(&[
        "build",
        "--release",
        "--package",
        "deeds-bench",
        "--package",
        "food-bank",
    ]))?;
    let mut command = tree::cargo(&["run", "--release", "--package", "deeds-bench", "--"]);
    command.args(&given.others);
    if let Err(error) = needs::meet(&[&POSTGRESQL]) {
        println!("PostgreSQL will be left out: {error:#}");
    }
    if let Some(initdb) = POSTGRESQL.find() {
        // Followed to where it really lies: only there are the server's other programs beside it.
        let initdb = initdb.canonicalize()?;
        let programs = initdb.parent().expect("a program lies in a directory");
        command.env("DEEDS_POSTGRES_BIN", programs);
    }
    steps::program(&mut command)
}
