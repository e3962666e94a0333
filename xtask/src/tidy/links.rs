//! Links in Markdown lead to a file of the tree, and to a heading in it where they name one.
//!
//! Addresses elsewhere are not asked: a check that needs the network fails for others' reasons.

use super::{Finding, reach};
use crate::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md") && !file.is_fixture()) {
        for (line, target) in links(&file.text) {
            if let Some(what) = wrong(tree, file, &target) {
                findings.push(Finding::at(&file.path, line, what));
            }
        }
    }
    findings
}

fn wrong(tree: &Tree, from: &File, target: &str) -> Option<String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return None;
    }
    let (path, heading) = target.split_once('#').unwrap_or((target, ""));
    let found = match path {
        "" => from.path.clone(),
        path => match path.strip_prefix('/') {
            Some(from_top) => reach::normal(from_top),
            None => reach::normal(&format!("{}/{path}", from.directory())),
        },
    };
    let Some(file) = tree.find(&found) else {
        let inside = format!("{found}/");
        let directory = tree.files.iter().any(|file| file.path.starts_with(&inside));
        return (!directory).then(|| format!("`{target}` leads nowhere: the tree has no {found}"));
    };
    let missing = !heading.is_empty()
        && file.path.ends_with(".md")
        && !headings(&file.text).iter().any(|known| known == heading);
    missing.then(|| format!("`{target}` leads nowhere: {found} has no such heading"))
}

/// The lines outside fenced code, with code spans blanked, each with its number.
fn prose(text: &str) -> Vec<(usize, String)> {
    let mut fenced = false;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            fenced = !fenced;
        } else if !fenced {
            let outside = line.split('`').step_by(2).collect::<Vec<_>>().join("``");
            lines.push((index + 1, outside));
        }
    }
    lines
}

/// Targets of `[text](target)` and `[name]: target`, each with its line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    for (number, line) in prose(text) {
        for rest in line.split("](").skip(1) {
            let target = rest.split([')', ' ']).next().unwrap_or_default();
            links.push((number, target.to_owned()));
        }
        if let Some((name, target)) = line.split_once("]: ")
            && name.starts_with('[')
        {
            links.push((number, target.trim().to_owned()));
        }
    }
    links
}

/// The anchors of a file's headings, made as code hosts make them.
fn headings(text: &str) -> Vec<String> {
    let mut fenced = false;
    let lines = text.lines().filter(|line| {
        fenced ^= line.trim_start().starts_with("```");
        !fenced && line.starts_with('#')
    });
    lines
        .map(|line| {
            let title = line.trim_start_matches('#').trim().to_lowercase();
            let kept =
                title.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
            kept.map(|c| if c == ' ' { '-' } else { c }).collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_to_missing_files_and_headings_are_found() {
        let text = "# Top of it\n[a](docs/a.md) [b](docs/b.md#x) [c](#top-of-it) [d](#nope)\n\
            [e](https://x.org/y) `[f](gone.md)` [g](/docs) ![h](docs/h.png)\n\
            ```\n[i](gone.md)\n```\n[j]: docs/a.md#first-steps\n[k]: gone.md\n";
        let tree = Tree::of(&[("README.md", text), ("docs/a.md", "# First `steps`\n")]);
        let found: Vec<_> =
            check(&tree).into_iter().map(|found| (found.line, found.what)).collect();
        let targets: Vec<_> =
            found.iter().map(|(line, what)| (*line, what.split('`').nth(1).unwrap())).collect();
        assert_eq!(targets, [(2, "docs/b.md#x"), (2, "#nope"), (3, "docs/h.png"), (8, "gone.md")]);
    }
}
