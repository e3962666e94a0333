//! `deeds new`: an app that runs and tests at once, in a folder of its own.
//!
//! It is written beside its place and moved there when it is whole, so that nothing half-written is left.

use std::fs;
use std::path::{Path, PathBuf};

use crate::template::{self, Place};
use crate::{Failure, checkout, page};

/// Longer names are too long for somebody's disk.
const NAME_BYTES_MAX: usize = 60;

/// Names that cargo, or the compiler, has use for itself.
const TAKEN: [&str; 12] = [
    "deeds",
    "deeds-build",
    "test",
    "core",
    "std",
    "alloc",
    "proc-macro",
    "build",
    "deps",
    "examples",
    "incremental",
    "data",
];

/// Words of the language, which no package can be called.
const KEYWORDS: [&str; 39] = [
    "abstract", "as", "async", "await", "become", "box", "break", "const", "continue", "crate",
    "do", "dyn", "else", "enum", "extern", "false", "final", "fn", "for", "gen", "if", "impl",
    "in", "let", "loop", "macro", "match", "mod", "move", "mut", "override", "priv", "pub", "ref",
    "return", "self", "static", "struct", "super",
];

/// Runs the verb.
pub(crate) fn run(path: &str) -> Result<(), Failure> {
    let path = Path::new(path);
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    check(name)?;
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    let folder = folder.canonicalize().map_err(Failure::at("make an app in", folder))?;
    let at = folder.join(name);
    if at.symlink_metadata().is_ok() {
        return Err(Failure::new(format!("{} is there already", at.display()))
            .advise("Choose another name: nothing is overwritten."));
    }
    let deeds = checkout::find()?;
    write(&Place { name, at: &at, deeds: &deeds })?;
    tell(name, &at, &deeds);
    Ok(())
}

/// What cargo, the chronicle and a browser all take for a name.
fn check(name: &str) -> Result<(), Failure> {
    let advice = "A name is lower-case letters, digits and `-`, beginning with a letter: `my-app`.";
    let letters = name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    let begins = name.starts_with(|first: char| first.is_ascii_lowercase());
    if !letters || !begins || name.ends_with('-') || name.len() > NAME_BYTES_MAX {
        return Err(Failure::usage(format!("`{name}` is no name for an app")).advise(advice));
    }
    if TAKEN.contains(&name) || KEYWORDS.contains(&name) {
        let what = format!("`{name}` is no name for an app: Rust or Deeds has use for it");
        return Err(Failure::usage(what).advise("Choose another one."));
    }
    Ok(())
}

/// All of it, or nothing.
fn write(place: &Place<'_>) -> Result<(), Failure> {
    let folder = place.at.parent().expect("an app lies in a folder");
    let partial: PathBuf = folder.join(format!(".{}-{}", place.name, std::process::id()));
    let written = files(place, &partial)
        .and_then(|()| fs::rename(&partial, place.at).map_err(Failure::at("make", place.at)));
    if written.is_err() {
        // What is said is why it failed; that the rest cannot be removed either adds nothing.
        let _ = fs::remove_dir_all(&partial);
    }
    written
}

fn files(place: &Place<'_>, partial: &Path) -> Result<(), Failure> {
    fs::create_dir(partial)
        .map_err(Failure::at("make an app in", place.at.parent().expect("its folder")))?;
    for (path, text) in template::files(place)? {
        let file = partial.join(path);
        let folder = file.parent().expect("a file lies in a folder");
        fs::create_dir_all(folder).map_err(Failure::at("write", folder))?;
        fs::write(&file, text).map_err(Failure::at("write", &file))?;
    }
    Ok(())
}

fn tell(name: &str, at: &Path, deeds: &Path) {
    println!("{name} is made, in {}.", at.display());
    println!("It uses Deeds from {} (published nowhere yet): leave that there.", deeds.display());
    if !page::has_node() {
        println!("Node and npm were not found: without them it runs, but without its page.");
    }
    println!("\n  cd {}", at.display());
    println!("  cargo test    # what it promises");
    println!("  cargo dev     # runs it, and again after every change\n");
    println!("Its README says what is where. The first build takes minutes.");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_one_that_cargo_and_the_chronicle_take() {
        for (name, is_one) in [
            ("my-app", true),
            ("shop2", true),
            ("", false),
            ("My-App", false),
            ("2nd", false),
            ("my_app", false),
            ("app-", false),
            ("fn", false),
            ("test", false),
            ("..", false),
        ] {
            assert_eq!(check(name).is_ok(), is_one, "{name}");
        }
        assert!(check(&"a".repeat(NAME_BYTES_MAX + 1)).is_err());
    }
}
