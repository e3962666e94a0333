//! What the app is made of: whether any of it has changed.
//!
//! Looked at again and again, and not told by the system: the files are few, their times cost less than
//! a thousandth of a core, and it works the same in containers and on network disks.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Folders with what is made of the sources, or looked after by others: the page has a watcher of its own.
const NOT_SOURCES: [&str; 4] = ["target", "data", "web", "node_modules"];

/// Of the files beside them only these: a log or a note is none, and cargo writes its lock itself.
const AT_THE_TOP: [&str; 2] = ["Cargo.toml", "build.rs"];

/// Every file with when it was last written, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sources(Vec<(PathBuf, SystemTime, u64)>);

impl Sources {
    /// The sources as they are.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut files = Vec::new();
        gather(folder, &mut files);
        files.retain(|(path, ..)| {
            let is_at_the_top = path.parent() == Some(folder);
            !is_at_the_top || AT_THE_TOP.iter().any(|name| path.ends_with(name))
        });
        files.sort();
        Self(files)
    }

    /// A file that is new, gone or another, to be named.
    pub(crate) fn changed_since(&self, before: &Self) -> Option<&Path> {
        let is_new = self.0.iter().find(|file| !before.0.contains(file));
        let gone =
            || before.0.iter().find(|(path, ..)| !self.0.iter().any(|(other, ..)| other == path));
        // What is gone is named by the earlier look, which lives as long as the later one is compared.
        is_new.map(|(path, ..)| path.as_path()).or_else(|| gone().map(|_| Path::new("a file")))
    }
}

/// What cannot be read is as good as not there: it may be gone since it was listed.
fn gather(folder: &Path, files: &mut Vec<(PathBuf, SystemTime, u64)>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if name.starts_with('.') || NOT_SOURCES.contains(&name.as_ref()) {
            continue;
        }
        let Ok(metadata) = entry.metadata() else { continue };
        if metadata.is_dir() {
            gather(&entry.path(), files);
        } else if let Ok(written) = metadata.modified() {
            files.push((entry.path(), written, metadata.len()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_new_another_or_gone_is_a_change_and_what_is_built_is_none() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let file = folder.path().join(path);
            fs::create_dir_all(file.parent().unwrap()).unwrap();
            fs::write(file, text).unwrap();
        };
        write("src/main.rs", "fn main() {}");
        let first = Sources::of(folder.path());
        for path in [
            "target/debug/app",
            "data/app/head",
            "web/src/main.tsx",
            ".git/index",
            "Cargo.lock",
            "log",
        ] {
            write(path, "made");
        }
        assert_eq!(Sources::of(folder.path()), first);
        write("src/main.rs", "fn main() { }");
        let second = Sources::of(folder.path());
        assert!(second.changed_since(&first).unwrap().ends_with("src/main.rs"));
        write("src/part.rs", "");
        let third = Sources::of(folder.path());
        assert!(third.changed_since(&second).unwrap().ends_with("src/part.rs"));
        fs::remove_file(folder.path().join("src/part.rs")).unwrap();
        let last = Sources::of(folder.path());
        assert!(last.changed_since(&third).is_some() && last == second);
    }
}
