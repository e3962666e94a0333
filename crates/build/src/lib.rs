//! What an application's build script calls, to put its pages into its program.
//!
//! `build.rs` is one line, `fn main() { deeds_build::pages("web/dist") }`, and `deeds::pages!()` is what
//! it made. Without built pages, and so without Node, an app compiles as well and serves the front door.

#![forbid(unsafe_code)]
#![expect(clippy::print_stdout, reason = "that is how a build script talks to cargo")]

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Puts the files of a directory of the package, and of `assets` in it, into the program; none if it is
/// not there.
///
/// # Panics
/// When what is there cannot be read: then the build stops.
pub fn pages(directory: &str) {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where it is"));
    let built = package.join(directory);
    println!("cargo::rerun-if-changed={directory}");
    println!("cargo::rerun-if-changed=build.rs");
    let mut pages = String::from("&[\n");
    for directory in [built.clone(), built.join("assets")] {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        let files = entries.map(|entry| entry.expect("a directory can be read").path());
        // `.gitignore` has no extension, and is no page.
        let is_page = |path: &PathBuf| path.is_file() && path.extension().is_some();
        let mut files: Vec<PathBuf> = files.filter(is_page).collect();
        files.sort();
        for file in files {
            let path = file.strip_prefix(&built).expect("it lies there").display().to_string();
            writeln!(
                pages,
                "    ::deeds::Page {{ path: {path:?}, bytes: include_bytes!({file:?}) }},"
            )
            .expect("text takes text");
        }
    }
    pages.push_str("]\n");
    let out = env::var_os("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("pages.rs"), pages).expect("cargo's directory can be written");
}
