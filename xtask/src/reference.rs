//! `cargo xtask reference`: writes the pages of `docs/reference` from the code.
//!
//! - [`limits`]: every named limit, from the constants and their comments; `tidy` compares.
//! - [`told`]: the server's problems and metrics; `tidy` compares.
//! - [`command_line`]: what the food bank's program says of itself; the step `manual` compares.

pub(crate) mod command_line;
pub(crate) mod limits;
pub(crate) mod told;

use anyhow::Context as _;

use crate::tree::{self, Tree};
use crate::usage::{self, Others};
use crate::{needs, steps};

const HELP: &str = "\
Writes the pages of docs/reference from the code. `tidy` and `manual` say when they are not current.

Usage: cargo xtask reference
";

pub(crate) fn run(arguments: &[String]) -> anyhow::Result<()> {
    let given = usage::parse("reference", arguments, &[], Others::Refused)?;
    if given.help {
        print!("{HELP}");
        return Ok(());
    }
    needs::meet(&[&needs::GIT])?;
    steps::program(&mut tree::cargo(&["build", "--quiet", "--package", "food-bank"]))?;
    let tree = Tree::read()?;
    for (path, text) in [
        (limits::PAGE, limits::page(&tree)),
        (told::PAGE, told::page(&tree)),
        (command_line::PAGE, command_line::page()?),
    ] {
        std::fs::write(tree::root().join(path), text).with_context(|| format!("writing {path}"))?;
        println!("   {path}");
    }
    Ok(())
}
