//! Puts the pages into the program, if they were built: `npm run build` in `web` makes `web/dist`.
//! Without them, and so without Node, the program serves the front door.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    let package = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where it is"));
    let dist = package.join("web/dist");
    println!("cargo::rerun-if-changed=web/dist");
    println!("cargo::rerun-if-changed=build.rs");
    let mut pages = String::from("&[\n");
    for directory in [dist.clone(), dist.join("assets")] {
        let Ok(entries) = fs::read_dir(&directory) else { continue };
        let files = entries.map(|entry| entry.expect("a directory can be read").path());
        let is_page = |path: &PathBuf| path.is_file() && path.extension().is_some();
        let mut files: Vec<PathBuf> = files.filter(is_page).collect();
        files.sort();
        for file in files {
            let path = file.strip_prefix(&dist).expect("it lies there").display().to_string();
            writeln!(
                pages,
                "    deeds::Page {{ path: {path:?}, bytes: include_bytes!({file:?}) }},"
            )
            .expect("text takes text");
        }
    }
    pages.push_str("]\n");
    let out = env::var_os("OUT_DIR").expect("cargo says where to write");
    fs::write(Path::new(&out).join("pages.rs"), pages).expect("cargo's directory can be written");
}
