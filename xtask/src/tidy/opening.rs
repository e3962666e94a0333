//! Every Rust file opens with one line that says what it is for.

use super::Finding;
use crate::tree::Tree;

/// Shorter than this is a title, not a purpose.
const PURPOSE_CHARS_MIN: usize = 20;

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.rust() {
        let first = file.text.lines().next().unwrap_or_default();
        let purpose = first.strip_prefix("//!").map(str::trim).unwrap_or_default();
        if purpose.chars().count() < PURPOSE_CHARS_MIN {
            findings.push(Finding::at(
                &file.path,
                1,
                "open with a `//!` line saying what it is for",
            ));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_a_purpose_is_found_and_a_fixture_is_left_alone() {
        let tree = Tree::of(&[
            ("a/src/good.rs", "//! What this file is for, in a sentence.\n"),
            ("a/src/bare.rs", "use x;\n"),
            ("a/src/short.rs", "//! Things.\n"),
            ("a/tests/ui/wrong.rs", "fn main() {}\n"),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["a/src/bare.rs", "a/src/short.rs"]);
    }
}
