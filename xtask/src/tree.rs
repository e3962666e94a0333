//! The source tree: where it is, and which files belong to it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, bail};

/// The repository's top directory.
pub(crate) fn root() -> PathBuf {
    // Cargo sets the variable when it runs us, so a target directory shared by two clones cannot
    // lead from one into the other; what was compiled in serves a binary called by itself.
    let manifest = std::env::var("CARGO_MANIFEST_DIR");
    let xtask = manifest.unwrap_or_else(|_| env!("CARGO_MANIFEST_DIR").to_owned());
    Path::new(&xtask).parent().expect("xtask lies in the repository").to_owned()
}

/// The cargo that called us, in the repository's top directory.
pub(crate) fn cargo(arguments: &[&str]) -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root()).args(arguments);
    command
}

/// What builds the programs as the tests were built, so that nothing is built twice: cargo's `test` makes
/// only those that have tests in files of their own.
pub(crate) fn built_with_tests() -> Command {
    cargo(&["build", "--workspace", "--bins", "--tests", "--quiet"])
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match std::env::var_os("CARGO_TARGET_DIR") {
        Some(directory) => root().join(directory),
        None => root().join("target"),
    }
}

/// A command's output as text, or what it complained of.
pub(crate) fn output(command: &mut Command) -> anyhow::Result<String> {
    let shown = format!("{command:?}");
    let output = command.output().with_context(|| format!("cannot start {shown}"))?;
    if !output.status.success() {
        bail!("{shown} failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    String::from_utf8(output.stdout).with_context(|| format!("{shown} printed no UTF-8"))
}

/// The files that belong to the tree, as paths from its top with `/`, and their text.
pub(crate) struct Tree {
    pub(crate) files: Vec<File>,
}

/// One file of the tree.
pub(crate) struct File {
    pub(crate) path: String,
    /// Empty for a file that is not UTF-8.
    pub(crate) text: String,
}

impl File {
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// Inputs of tests (wrong on purpose, or compared byte by byte), which no rule of style binds.
    pub(crate) fn is_fixture(&self) -> bool {
        ["/tests/ui/", "/fixtures/"].iter().any(|part| self.path.contains(part))
    }

    /// Tests and benchmarks in files of their own.
    pub(crate) fn is_test(&self) -> bool {
        ["/tests/", "/benches/"].iter().any(|part| self.path.contains(part))
    }

    pub(crate) fn name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }

    pub(crate) fn directory(&self) -> &str {
        self.path.rsplit_once('/').map_or("", |(directory, _)| directory)
    }
}

impl Tree {
    /// Reads what git tracks and what it would track: all but the ignored.
    pub(crate) fn read() -> anyhow::Result<Tree> {
        let root = root();
        let mut git = Command::new("git");
        git.current_dir(&root);
        // Reading names is safe in a tree that somebody else owns, as containers often have it.
        git.args(["-c", "safe.directory=*"]);
        git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
        let listed = output(&mut git).context("listing the tree's files")?;
        let mut paths: Vec<&str> = listed.split_terminator('\0').collect();
        paths.sort_unstable();
        paths.dedup();
        let mut files = Vec::with_capacity(paths.len());
        for path in paths {
            let full = root.join(path);
            if !full.is_file() {
                continue; // Removed and not yet committed so, or a symbolic link to a directory.
            }
            let bytes = std::fs::read(&full).with_context(|| format!("reading {path}"))?;
            files.push(File {
                path: path.to_owned(),
                text: String::from_utf8(bytes).unwrap_or_default(),
            });
        }
        Ok(Tree { files })
    }

    pub(crate) fn rust(&self) -> impl Iterator<Item = &File> {
        self.files.iter().filter(|file| file.is_rust() && !file.is_fixture())
    }

    pub(crate) fn find(&self, path: &str) -> Option<&File> {
        self.files.iter().find(|file| file.path == path)
    }

    /// A tree of a few files, for the rules' own tests.
    #[cfg(test)]
    pub(crate) fn of(files: &[(&str, &str)]) -> Tree {
        let file =
            |(path, text): &(&str, &str)| File { path: (*path).into(), text: (*text).into() };
        Tree { files: files.iter().map(file).collect() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tree_holds_this_file_and_nothing_that_was_built() {
        let tree = Tree::read().unwrap();
        assert!(tree.find("xtask/src/tree.rs").is_some());
        assert!(!tree.files.iter().any(|file| file.path.starts_with("target/")));
    }
}
