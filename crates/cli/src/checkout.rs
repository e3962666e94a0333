//! Where Deeds itself is: published nowhere yet, so an app depends on the folder this was built from.

use std::path::{Path, PathBuf};

use crate::Failure;

/// The folder of Deeds.
pub(crate) fn find() -> Result<PathBuf, Failure> {
    // Cargo sets the variable when it runs us: a program that a shared target directory got from
    // another clone must not lead there.
    let package = std::env::var("CARGO_MANIFEST_DIR").ok();
    let package = package.filter(|package| Path::new(package).ends_with("crates/cli"));
    let package = package.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").to_owned());
    let top = Path::new(&package).ancestors().nth(2).expect("this crate lies two folders deep");
    if top.join("crates/deeds/Cargo.toml").is_file() {
        return Ok(top.to_owned());
    }
    let what = format!("Deeds was at {} when this was built, and is not there", top.display());
    Err(Failure::new(what).advise("Build `deeds` again, from where Deeds is now."))
}

/// The way from one folder to another, both absolute, as npm writes it.
pub(crate) fn way(from: &Path, to: &Path) -> String {
    let shared = from.components().zip(to.components()).take_while(|(a, b)| a == b).count();
    let up = from.components().skip(shared).map(|_| "..".to_owned());
    let down = to.components().skip(shared);
    let down = down.map(|part| part.as_os_str().to_string_lossy().into_owned());
    up.chain(down).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_goes_up_to_what_both_share_and_down_from_there() {
        for (from, to, expected) in [
            ("/a/app/web", "/a/deeds/sdk", "../../deeds/sdk"),
            ("/app/web", "/deeds/sdk", "../../deeds/sdk"),
            ("/deeds/my-app/web", "/deeds/sdk", "../../sdk"),
        ] {
            assert_eq!(way(Path::new(from), Path::new(to)), expected);
        }
    }
}
