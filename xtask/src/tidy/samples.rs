//! Rust shown in README.md stands, to the letter, in an example that is compiled and tested.

use super::Finding;
use crate::tree::Tree;

/// Where a reader meets code first, and believes it.
const SHOWS: &str = "README.md";
const EXAMPLES: &str = "examples/";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let Some(file) = tree.find(SHOWS) else { return Vec::new() };
    let sources = || tree.files.iter().filter(|file| file.path.starts_with(EXAMPLES));
    let untested = |(_, sample): &(usize, String)| {
        !sources().any(|source| source.path.ends_with(".rs") && source.text.contains(sample))
    };
    samples(&file.text)
        .into_iter()
        .filter(untested)
        .map(|(line, _)| {
            let what = format!("this code stands in no file of {EXAMPLES}: show what is tested");
            Finding::at(SHOWS, line, what)
        })
        .collect()
}

/// The Rust blocks, each with its first line's number.
fn samples(text: &str) -> Vec<(usize, String)> {
    let mut samples = Vec::new();
    let mut inside: Option<(usize, String)> = None;
    for (index, line) in text.lines().enumerate() {
        match &mut inside {
            Some(_) if line == "```" => samples.extend(inside.take()),
            Some((_, sample)) => sample.extend([line, "\n"]),
            None if line == "```rust" => inside = Some((index + 2, String::new())),
            None => {}
        }
    }
    samples
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::File;

    fn tree(readme: &str) -> Tree {
        let file = |path: &str, text: &str| File { path: path.to_owned(), text: text.to_owned() };
        Tree {
            files: vec![
                file("README.md", readme),
                file("examples/a/src/lib.rs", "fn a() {}\nfn b() {}\n"),
            ],
        }
    }

    #[test]
    fn code_that_stands_in_an_example_passes_and_other_code_is_found_by_line() {
        assert_eq!(check(&tree("Text\n```rust\nfn b() {}\n```\n```sh\nrm\n```\n")), []);
        let findings = check(&tree("Text\n\n```rust\nfn c() {}\n```\n"));
        assert_eq!(findings.len(), 1);
        assert_eq!(findings[0].line, 4);
    }
}
