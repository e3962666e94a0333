//! `cargo xtask sim`: simulated histories, built optimised and with every assertion.

use crate::usage::{self, Others};
use crate::{steps, tree};

const HELP: &str = "\
Runs the code that ships on a disk that loses, tears, fails and lies, and holds what comes of it
against what clients were promised.

Usage: cargo xtask sim --seeds FIRST..LAST [--threads N]
       cargo xtask sim --plant NAME [--seeds FIRST..LAST]
       cargo xtask sim --seed N [--trace]
       cargo xtask sim --file KEPT [--trace]

  --seeds FIRST..LAST  these seeds, without the last
  --plant NAME         plant a fault, and succeed when it is caught; `--plant list` names them
  --seed N --trace     print the event log of one seed
  --file KEPT          run a plan that was kept

Exits with 0 when every promise was kept, and prints what happened, counted. A seed that fails is made
short and kept in crates/sim/kept, where a test runs it from then on.
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given = usage::parse("sim", arguments, &[], Others::PassedOn)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    let is_planted = given.others.iter().any(|argument| argument.starts_with("--plant"));
    let mut command = tree::cargo(&["run", "--profile", "sim", "--package", "deeds-sim"]);
    if is_planted {
        // Only then is the code under test compiled with places for faults.
        command.args(["--features", "plant"]);
    }
    command.arg("--").args(&given.others);
    if !is_planted {
        command.arg("--keep").arg(tree::root().join("crates/sim/kept"));
    }
    steps::program(&mut command)
}
