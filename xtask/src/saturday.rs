//! `cargo xtask saturday`: a Saturday at the food bank, simulated against the real server with pages open
//! in a real browser (`tests/browser/saturday_hour.mjs`), everything built for release.

use crate::needs::{self, CHROMIUM, NODE, NPM};
use crate::usage::{self, Flag, Others, UsageError};
use crate::{browser, steps, tree, typescript};

const HELP: &str = "\
Simulates a Saturday: 120 requests a minute from 300 neighbors and 24 tablets, with the pages of a
shop, a warehouse and the office open in a browser meanwhile; says what the server took and how
soon others saw what was done, and fails if anything is not as it must be.

Usage: cargo xtask saturday [--factor N] [--minutes N]

  --factor N   so many times faster than on a Saturday (default 12)
  --minutes N  so many minutes of the Saturday (default 60)
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let flags = [Flag::with("--factor", "number"), Flag::with("--minutes", "number")];
    let given = usage::parse("saturday", arguments, &flags, Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    let number = |flag: &str, usual: u32| match given.values(flag).last() {
        None => Ok(usual),
        Some(text) => match text.parse() {
            Ok(number @ 1..=1_000) => Ok(number),
            _ => Err(UsageError::new(format!("`{text}` is no number from 1 to 1000"))),
        },
    };
    let (factor, minutes) = (number("--factor", 12)?, number("--minutes", 60)?);
    needs::meet(&[&NODE, &NPM, &CHROMIUM])?;
    typescript::build()?;
    steps::program(&mut tree::cargo(&["build", "--release", "--package", "food-bank"]))?;
    let mut hour = browser::node("release/food-bank")?;
    hour.args(["saturday_hour.mjs", &factor.to_string(), &minutes.to_string()]);
    steps::program(&mut hour)
}
