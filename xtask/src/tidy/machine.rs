//! Nothing of one machine in the tree: no absolute paths, no registry hosts.

use super::Finding;
use crate::tree::{File, Tree};

/// Top directories that are somebody's own. A path into one is right on one machine only.
const OWN: [&str; 6] = ["work", "root", "tmp", "home", "Users", "private"];

/// What Cargo.lock calls crates.io, wherever it was fetched from.
const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| !file.is_fixture()) {
        findings.extend(match file.name() {
            "Cargo.lock" => cargo_lock(file),
            "package-lock.json" => package_lock(file),
            _ => paths(file),
        });
    }
    findings
}

fn paths(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        if let Some(directory) = OWN.iter().find(|directory| holds_path(line, directory)) {
            let what = format!("a path into /{directory}: name it from the tree, or make a place");
            findings.push(Finding::at(&file.path, index + 1, what));
        }
    }
    findings
}

/// Whether the line holds `/directory/x` where a path starts.
fn holds_path(line: &str, directory: &str) -> bool {
    let sought = format!("/{directory}/");
    line.match_indices(&sought).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        let after = line[at + sought.len()..].chars().next();
        let inside = before.is_some_and(|c| c.is_alphanumeric() || "._-~/}*)".contains(c));
        !inside && after.is_some_and(|c| c.is_alphanumeric() || "._-$".contains(c))
    })
}

fn cargo_lock(file: &File) -> Vec<Finding> {
    let sources = file.text.lines().enumerate().filter_map(|(index, line)| {
        Some((index + 1, line.strip_prefix("source = \"")?.trim_end_matches('"')))
    });
    sources
        .filter(|(_, source)| *source != CRATES_IO)
        .map(|(line, source)| Finding::at(&file.path, line, format!("`{source}` is not crates.io")))
        .collect()
}

fn package_lock(file: &File) -> Vec<Finding> {
    let mut lines = file.text.lines().enumerate();
    let first = lines.find(|(_, line)| line.contains("\"resolved\": \"http"));
    let what = "names the host a package came from: write it again with the tree's .npmrc";
    first.map(|(index, _)| Finding::at(&file.path, index + 1, what)).into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_one_machine_are_found_and_others_are_not() {
        // Put together here, or this file would find itself.
        let own = |directory: &str, rest: &str| format!("cd /{directory}/{rest}");
        for (line, found) in [
            (own("tmp", "x"), true),
            (own("Users", "ada"), true),
            (own("usr", "lib"), false),
            ("see docs/tmp/x".to_owned(), false),
            ("https://example.org/home/x".to_owned(), false),
            (format!("path/{}", "work/x"), false),
            ("GET /home".to_owned(), false),
        ] {
            let tree = Tree::of(&[("a.md", &line)]);
            assert_eq!(!check(&tree).is_empty(), found, "{line}");
        }
    }

    #[test]
    fn lock_files_name_the_public_registries_only() {
        let tree = Tree::of(&[
            ("Cargo.lock", "source = \"registry+https://elsewhere\"\n"),
            ("sdk/package-lock.json", "\"resolved\": \"https://elsewhere\"\n"),
        ]);
        assert_eq!(check(&tree).len(), 2);
        let tree = Tree::of(&[("Cargo.lock", &format!("source = \"{CRATES_IO}\"\n"))]);
        assert!(check(&tree).is_empty());
    }
}
