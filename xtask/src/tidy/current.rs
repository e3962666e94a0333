//! What is made from the code is current, and a constant that a page names is one.

use super::Finding;
use crate::reference::{limits, told};
use crate::tree::Tree;

/// Words in capitals that are no constants of ours: what the environment and other programs set.
const OTHERS: [&str; 5] = ["DEEDS_", "XDG_", "CARGO_", "RUST", "CARGO"];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, made) in [(limits::PAGE, limits::page(tree)), (told::PAGE, told::page(tree))] {
        if tree.find(path).is_some_and(|page| page.text != made) {
            let what = "the code says otherwise: `cargo xtask reference` writes the page";
            findings.push(Finding::at(path, 0, what));
        }
    }
    let pages = tree.files.iter().filter(|file| {
        file.path.starts_with("docs/") && file.path.ends_with(".md") && file.path != limits::PAGE
    });
    for page in pages {
        for (index, line) in page.text.lines().enumerate() {
            for name in line.split('`').skip(1).step_by(2).filter(|span| looks_constant(span)) {
                if !limits::is_constant(tree, name) {
                    let what = format!("no constant is called `{name}`");
                    findings.push(Finding::at(&page.path, index + 1, what));
                }
            }
        }
    }
    findings
}

fn looks_constant(span: &str) -> bool {
    let allowed = |c: char| c.is_ascii_uppercase() || c == '_';
    span.contains('_') && span.chars().all(allowed) && !OTHERS.iter().any(|o| span.starts_with(o))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_constant_that_is_gone_and_a_page_that_is_old_are_found() {
        let code = ("crates/engine/src/a.rs", "/// Rows.\npub const ROWS_MAX: usize = 3;\n");
        let names = ("docs/a.md", "`ROWS_MAX`, `DEEDS_DATA`\n`LINES_MAX`\n");
        let old = (limits::PAGE, "old");
        let findings = check(&Tree::of(&[code, names, old]));
        let places: Vec<_> = findings.iter().map(|f| (f.path.as_str(), f.line)).collect();
        assert_eq!(places, [(limits::PAGE, 0), ("docs/a.md", 2)]);
    }
}
