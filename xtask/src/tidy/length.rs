//! Files and functions of a size one can read in one go, with a ratchet for the exceptions.
//!
//! `xtask/tidy-ratchet.txt` lists what is longer, with its size: it may not grow, and a size that
//! was reached must be written down (`cargo xtask tidy --shrink`). Lines are `file PATH LINES` or
//! `function PATH NAME LINES`; a new line there needs its reason in the commit.

use std::collections::BTreeMap;

use super::{Finding, rust_text};
use crate::tree::{File, Tree};

/// Where the exceptions are listed.
pub(super) const RATCHET: &str = "xtask/tidy-ratchet.txt";

/// What fits a reader's head, and a review.
const FILE_LINES_MAX: usize = 500;
/// A list of cases may be longer: nobody reads it as one thought.
const TEST_FILE_LINES_MAX: usize = 700;
/// About one screen.
const FUNCTION_LINES_MAX: usize = 70;
/// A story told in steps may be longer than a thought.
const TEST_FUNCTION_LINES_MAX: usize = 120;

/// The first code that anybody reads: what it may have at most, so that it is read to its end.
const FIRST_CODE: [(&str, usize); 2] =
    [("examples/todo/src/main.rs", 119), ("examples/todo/web/src/main.tsx", 59)];

/// What is measured: a file (`file PATH`) or a function (`function PATH NAME`).
type Measured = String;

/// A size beyond its limit.
struct Long {
    path: String,
    line: usize,
    lines: usize,
    limit: usize,
}

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let long = too_long(tree);
    let allowed = ratchet(tree);
    let mut findings = first_code(tree);
    for (what, Long { path, line, lines, limit }) in &long {
        let name = what.split(' ').nth(2).unwrap_or("the file");
        match allowed.get(what) {
            None => findings.push(Finding::at(
                path,
                *line,
                format!("{name} has {lines} lines, more than {limit}: split it by concept"),
            )),
            Some(most) if lines > most => findings.push(Finding::at(
                path,
                *line,
                format!("{name} grew to {lines} lines from {most}, and may only shrink"),
            )),
            Some(_) => {}
        }
    }
    for (what, most) in &allowed {
        let lines = long.get(what).map_or(0, |long| long.lines);
        if lines < *most {
            let advice = "is smaller now: write that down with `cargo xtask tidy --shrink`";
            findings.push(Finding::at(RATCHET, 0, format!("`{what}` {advice}")));
        }
    }
    findings
}

fn first_code(tree: &Tree) -> Vec<Finding> {
    let too_long = FIRST_CODE.iter().filter_map(|(path, most)| {
        let lines = tree.find(path)?.text.lines().count();
        let words =
            format!("{lines} lines, and the first code that anybody reads has at most {most}");
        (lines > *most).then(|| Finding::at(path, 0, words))
    });
    too_long.collect()
}

/// The ratchet's text with every size that shrank; nothing is added and nothing grows.
pub(super) fn shrink(tree: &Tree) -> String {
    let long = too_long(tree);
    let text = tree.find(RATCHET).map_or("", |file| file.text.as_str());
    let mut lines: Vec<String> =
        text.lines().filter(|line| line.starts_with('#')).map(str::to_owned).collect();
    for (what, most) in ratchet(tree) {
        if let Some(long) = long.get(&what) {
            lines.push(format!("{what} {}", long.lines.min(most)));
        }
    }
    lines.join("\n") + "\n"
}

fn ratchet(tree: &Tree) -> BTreeMap<Measured, usize> {
    let text = tree.find(RATCHET).map_or("", |file| file.text.as_str());
    let entries = text.lines().filter(|line| !line.starts_with('#'));
    entries
        .filter_map(|line| {
            let (what, lines) = line.rsplit_once(' ')?;
            Some((what.to_owned(), lines.parse().ok()?))
        })
        .collect()
}

fn too_long(tree: &Tree) -> BTreeMap<Measured, Long> {
    let mut long: BTreeMap<Measured, Long> = BTreeMap::new();
    for file in tree.rust() {
        let (file_max, function_max) = limits(file);
        let lines = file.text.lines().count();
        if lines > file_max {
            let path = file.path.clone();
            long.insert(format!("file {path}"), Long { path, line: 0, lines, limit: file_max });
        }
        let code = rust_text::code_only(&file.text);
        for function in rust_text::functions(&code) {
            if function.lines <= function_max {
                continue;
            }
            let entry = Long {
                path: file.path.clone(),
                line: function.line,
                lines: function.lines,
                limit: function_max,
            };
            // Of several functions of one name in a file, the longest counts.
            let what = format!("function {} {}", file.path, function.name);
            if long.get(&what).is_none_or(|other| other.lines < entry.lines) {
                long.insert(what, entry);
            }
        }
    }
    long
}

fn limits(file: &File) -> (usize, usize) {
    match file.is_test() {
        true => (TEST_FILE_LINES_MAX, TEST_FUNCTION_LINES_MAX),
        false => (FILE_LINES_MAX, FUNCTION_LINES_MAX),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(lines: usize, ratchet: &str) -> Tree {
        let text = format!("fn long() {{\n{}}}\n", "    step();\n".repeat(lines - 2));
        Tree::of(&[("a/src/x.rs", &text), (RATCHET, ratchet)])
    }

    fn said(tree: &Tree) -> Vec<String> {
        check(tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_long_function_is_found_unless_the_ratchet_lists_it_and_it_has_not_grown() {
        for (lines, ratchet, says) in [
            (70, "", None),
            (71, "", Some("long has 71 lines")),
            (80, "function a/src/x.rs long 80\n", None),
            (81, "function a/src/x.rs long 80\n", Some("grew to 81 lines from 80")),
            (79, "# why\nfunction a/src/x.rs long 80\n", Some("is smaller now")),
            (20, "function a/src/x.rs long 80\n", Some("is smaller now")),
        ] {
            let said = said(&tree(lines, ratchet));
            assert_eq!(said.len(), usize::from(says.is_some()), "{lines}: {said:?}");
            assert!(says.is_none_or(|text| said[0].contains(text)), "{lines}: {said:?}");
        }
    }

    #[test]
    fn shrinking_keeps_the_comments_lowers_sizes_and_never_raises_them() {
        for (lines, expected) in [
            (75, "# why\nfunction a/src/x.rs long 75\n"),
            (90, "# why\nfunction a/src/x.rs long 80\n"),
            (20, "# why\n"),
        ] {
            let tree = tree(lines, "# why\nfunction a/src/x.rs long 80\n");
            assert_eq!(shrink(&tree), expected);
        }
    }

    #[test]
    fn the_first_code_that_anybody_reads_is_short() {
        for (lines, found) in [(119, 0), (120, 1)] {
            let text = "//! x\n".repeat(lines);
            assert_eq!(check(&Tree::of(&[("examples/todo/src/main.rs", &text)])).len(), found);
        }
    }

    #[test]
    fn files_of_tests_may_be_longer() {
        let text = "//! x\n".repeat(600);
        let tree = Tree::of(&[("a/src/x.rs", &text), ("a/tests/it/x.rs", &text)]);
        let found: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["a/src/x.rs"]);
    }
}
