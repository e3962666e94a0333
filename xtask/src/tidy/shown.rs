//! What pages show is something: code stands, to the letter, in a file that is compiled and tested,
//! data is what it says it is, and commands are run (`manual`).
//!
//! | kind of block | what is held |
//! |---|---|
//! | `rust`, `ts`, `tsx`, `css`, `toml` | its lines stand together in a file of the tree, wherever indented; a line `// …` or `# …` leaves some out |
//! | `console`, `sh` | the step `manual` runs it, or a note says why not |
//! | `json` | it is JSON, as far as brackets and quotes tell |
//! | `csv`, `ini` | it is saved for commands to read, or a note says why not |
//! | `text` | a picture, or a message of a program: nothing to run, so no line begins with `$ ` |

use super::Finding;
use crate::manual::page::{self, Block};
use crate::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in tree.files.iter().filter(|file| file.path.ends_with(".md") && !file.is_fixture()) {
        match page::blocks(&file.text) {
            Ok(blocks) => findings.extend(blocks.iter().filter_map(|block| {
                Some(Finding::at(&file.path, block.line, wrong(tree, block)?))
            })),
            Err(unknown) => {
                findings.push(Finding::at(&file.path, unknown.line, unknown.to_string()));
            }
        }
    }
    findings
}

fn wrong(tree: &Tree, block: &Block) -> Option<String> {
    let text = &block.text;
    match block.kind.as_str() {
        // `rs` is what a file is called, `rust` what Markdown calls it.
        "rust" => unquoted(tree, text, &[".rs"]),
        "ts" => unquoted(tree, text, &[".ts", ".tsx"]),
        "tsx" => unquoted(tree, text, &[".tsx"]),
        "css" => unquoted(tree, text, &[".css"]),
        "toml" => unquoted(tree, text, &[".toml"]),
        "console" if block.not_run().is_none() && !text.starts_with("$ ") => {
            Some("a console begins with a command, after `$ `".to_owned())
        }
        "console" | "sh" => None,
        "json" => unbalanced(text).map(|what| format!("this is no JSON: {what}")),
        "csv" | "ini" if block.saved_as().is_none() && block.not_run().is_none() => {
            Some("nothing reads this: note `saved as FILE`, or `not run: REASON`".to_owned())
        }
        "csv" | "ini" => None,
        "text" if text.lines().any(|line| line.starts_with("$ ")) => {
            Some("text with a command in it is a `console`".to_owned())
        }
        "text" => None,
        kind => Some(format!("nobody knows how to hold a block of the kind `{kind}` to its word")),
    }
}

/// Why the lines are not those of a file, if they are not.
fn unquoted(tree: &Tree, text: &str, ends: &[&str]) -> Option<String> {
    let is_source =
        |file: &&File| !file.is_fixture() && ends.iter().any(|end| file.path.ends_with(end));
    let pieces = pieces(text);
    let found = tree.files.iter().filter(is_source).any(|file| stands_in(&pieces, &file.text));
    let what = "these lines stand in no file that is compiled and tested: show what is";
    (!found).then(|| what.to_owned())
}

/// The lines of a block, parted where it leaves some out.
fn pieces(text: &str) -> Vec<Vec<&str>> {
    let lines: Vec<&str> = text.lines().collect();
    let is_gap = |line: &&str| matches!(line.trim(), "// …" | "# …" | "{/* … */}" | "/* … */");
    let pieces = lines.split(is_gap).map(<[&str]>::to_vec);
    let trimmed = pieces.map(|piece| {
        let blank = |line: &&str| line.trim().is_empty();
        let first = piece.iter().position(|line| !blank(line)).unwrap_or(piece.len());
        let last = piece.iter().rposition(|line| !blank(line)).map_or(first, |at| at + 1);
        piece[first..last].to_vec()
    });
    trimmed.filter(|piece: &Vec<&str>| !piece.is_empty()).collect()
}

fn stands_in(pieces: &[Vec<&str>], text: &str) -> bool {
    let lines: Vec<&str> = text.lines().collect();
    let mut at = 0;
    for piece in pieces {
        match (at..lines.len()).find(|&start| begins_with(&lines[start..], piece)) {
            Some(start) => at = start + piece.len(),
            None => return false,
        }
    }
    !pieces.is_empty()
}

/// Whether the lines begin with these, all with the same indentation before them, or in a doc comment,
/// whose code is compiled, too.
fn begins_with(lines: &[&str], piece: &[&str]) -> bool {
    let Some(indent) = lines[0].strip_suffix(piece[0]) else { return false };
    let is_blank = |line: &str| matches!(line.trim(), "" | "//!" | "///");
    let same = |(line, shown): (&&str, &&str)| match shown.is_empty() {
        true => is_blank(line),
        false => line.strip_prefix(indent) == Some(*shown),
    };
    is_blank(indent) && lines.len() >= piece.len() && lines.iter().zip(piece).all(same)
}

/// What a JSON text lacks, to a reader who only counts brackets; `…` stands for what is left out.
fn unbalanced(text: &str) -> Option<String> {
    let mut open = Vec::new();
    let mut quoted = false;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        match (quoted, c) {
            (true, '\\') => drop(characters.next()),
            (_, '"') => quoted = !quoted,
            (true, _) => {}
            (false, '{') => open.push('}'),
            (false, '[') => open.push(']'),
            (false, '}' | ']') if open.pop() != Some(c) => return Some(format!("a stray `{c}`")),
            (false, _) => {}
        }
    }
    match (quoted, open.pop()) {
        (true, _) => Some("a quote does not end".to_owned()),
        (false, Some(end)) => Some(format!("`{end}` is missing")),
        (false, None) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(page: &str) -> Vec<usize> {
        let source = "fn a() {\n    one();\n\n    two();\n    three();\n}\n\
                      //! ```\n//! four();\n//!\n//! five();\n//! ```\n";
        let tree = Tree::of(&[("docs/page.md", page), ("examples/a/src/lib.rs", source)]);
        check(&tree).into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn code_of_the_tree_passes_in_whole_in_parts_and_without_its_indentation() {
        for code in [
            "fn a() {\n    one();\n",
            "one();\n\ntwo();\n",
            "fn a() {\n    // …\n    two();\n",
            "four();\n\nfive();\n",
        ] {
            assert_eq!(findings(&format!("```rust\n{code}```\n")), [], "{code}");
        }
    }

    #[test]
    fn code_that_stands_nowhere_is_found_by_line() {
        for code in
            ["fn b() {\n", "one();\ntwo();\n", "two();\n// …\none();\n", "one();\n  two();\n", ""]
        {
            assert_eq!(findings(&format!("Text\n\n```rust\n{code}```\n")), [4], "{code}");
        }
    }

    #[test]
    fn each_kind_of_block_is_held_to_what_it_is_and_an_unknown_one_is_found() {
        for (page, wrong) in [
            ("```\nx\n```\n", true),
            ("```python\nx\n```\n", true),
            ("```text\n$ x\n```\n", true),
            ("```text\nx $ y\n```\n", false),
            ("```console\nx\n```\n", true),
            ("```console\n$ x\ny\n```\n", false),
            ("```json\n{\"a\": [1, …]}\n```\n", false),
            ("```json\n{\"a\": [1}\n```\n", true),
            ("```ini\nx\n```\n", true),
            ("<!-- not run: needs systemd -->\n```ini\nx\n```\n", false),
            ("<!-- saved as a.csv -->\n```csv\nx\n```\n", false),
            ("<!-- saved a.csv -->\n```csv\nx\n```\n", true),
        ] {
            assert_eq!(!findings(page).is_empty(), wrong, "{page}");
        }
    }
}
