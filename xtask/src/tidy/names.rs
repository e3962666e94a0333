//! Words that name nothing, and words the glossary rejected for others.
//!
//! Names of files, modules, types and traits are looked at, not prose: a sentence may compare us
//! with an event store. The rejected words are the ones in code spans in the last column of the
//! first table of `docs/glossary.md`, which is so the only list of them.

use super::{Finding, rust_text};
use crate::tree::{File, Tree};

/// Names for code whose idea was not found.
const EMPTY_WORDS: [&str; 9] =
    ["utils", "util", "helpers", "helper", "common", "misc", "manager", "imp", "impls"];

const GLOSSARY: &str = "docs/glossary.md";

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let rejected = tree.find(GLOSSARY).map(|file| rejected(&file.text)).unwrap_or_default();
    let mut findings = Vec::new();
    for file in tree.rust() {
        findings.extend(path_words(file));
        findings.extend(defined_names(file, &rejected));
        findings.extend(open_ends(file));
    }
    findings
}

/// `connection_manager.rs`, `utils/mod.rs`.
fn path_words(file: &File) -> Option<Finding> {
    let mut words = file.path.trim_end_matches(".rs").split(['/', '_', '-']);
    let empty = words.find(|word| EMPTY_WORDS.contains(word))?;
    Some(Finding::at(&file.path, 0, format!("`{empty}` names nothing: name the file for its idea")))
}

/// `mod helpers`, `struct ConnectionManager`, `enum Mutation`.
fn defined_names(file: &File, rejected: &[Rejected]) -> Vec<Finding> {
    let code = rust_text::code_only(&file.text);
    let mut findings = Vec::new();
    let mut words = rust_text::words(&code);
    while let Some((_, keyword)) = words.next() {
        if !matches!(keyword, "struct" | "enum" | "trait" | "type" | "union" | "mod") {
            continue;
        }
        let Some((at, name)) = words.next() else { break };
        let parts = parts(name);
        let line = rust_text::line_of(&code, at);
        if let Some(empty) = parts.iter().find(|part| EMPTY_WORDS.contains(&part.as_str())) {
            let what = format!("`{name}`: `{empty}` names nothing; name the idea");
            findings.push(Finding::at(&file.path, line, what));
        }
        for word in rejected
            .iter()
            .filter(|word| parts.windows(word.parts.len()).any(|window| window == word.parts))
        {
            let what = format!("`{name}`: the glossary says `{}`", word.instead);
            findings.push(Finding::at(&file.path, line, what));
        }
    }
    findings
}

/// Comments that promise work without saying when it is due.
fn open_ends(file: &File) -> Vec<Finding> {
    // Spelled so that this file does not find itself.
    let (todo, fixme) = (concat!("TO", "DO"), concat!("FIX", "ME"));
    let mut findings = Vec::new();
    for (index, line) in file.text.lines().enumerate() {
        let Some((_, comment)) = line.split_once("//") else { continue };
        let bare = rust_text::words(comment).any(|(at, word)| {
            word == fixme || (word == todo && !comment[at + word.len()..].starts_with("(when "))
        });
        if bare {
            let what = format!("say when it is due: `{todo}(when CONDITION): WHAT`");
            findings.push(Finding::at(&file.path, index + 1, what));
        }
    }
    findings
}

/// A synonym the glossary rejected, as the parts of a name.
#[derive(Debug, PartialEq, Eq)]
struct Rejected {
    parts: Vec<String>,
    instead: String,
}

/// The code spans in the last column of the glossary's rows.
fn rejected(glossary: &str) -> Vec<Rejected> {
    let mut found = Vec::new();
    for row in glossary.lines().filter(|line| line.starts_with('|')) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let (Some(word), Some(synonyms)) = (cells.first(), cells.last()) else { continue };
        for synonym in synonyms.split('`').skip(1).step_by(2) {
            let parts = synonym.split(' ').map(str::to_lowercase).collect();
            found.push(Rejected { parts, instead: word.trim_matches('*').to_owned() });
        }
    }
    found
}

/// `EventStore` and `event_store` are `["event", "store"]`; `WAL` is `["wal"]`.
fn parts(name: &str) -> Vec<String> {
    let letters: Vec<char> = name.chars().collect();
    let mut parts = vec![String::new()];
    for (at, letter) in letters.iter().enumerate() {
        let before = at.checked_sub(1).map(|index| letters[index]);
        let after = letters.get(at + 1);
        let starts = letter.is_uppercase()
            && (before.is_some_and(|before| !before.is_uppercase())
                || after.is_some_and(|after| after.is_lowercase()));
        if *letter == '_' || starts {
            parts.push(String::new());
        }
        if *letter != '_' {
            parts.last_mut().expect("never empty").extend(letter.to_lowercase());
        }
    }
    parts.retain(|part| !part.is_empty());
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    const GLOSSARY_TEXT: &str = "| word | meaning | not |\n|---|---|---|\n\
        | **chronicle** | the log | `event store`, `WAL`, journal |\n\
        | **command** | an intent | `mutation`, request |\n";

    fn said(path: &str, text: &str) -> Vec<String> {
        let tree = Tree::of(&[(path, text), (GLOSSARY, GLOSSARY_TEXT)]);
        check(&tree).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn names_are_taken_apart_at_capitals_and_underscores() {
        for (name, expected) in
            [("EventStore", "event store"), ("WALFile", "wal file"), ("a_b", "a b"), ("X", "x")]
        {
            assert_eq!(parts(name).join(" "), expected);
        }
    }

    #[test]
    fn empty_words_and_rejected_synonyms_are_found_in_names_but_not_in_prose() {
        for (path, text, says) in [
            ("a/src/test_helpers.rs", "", "`helpers` names nothing"),
            ("a/src/x.rs", "mod utils {}", "`utils` names nothing"),
            ("a/src/x.rs", "pub struct SocketManager;", "`manager` names nothing"),
            ("a/src/x.rs", "enum MutationKind {}", "the glossary says `command`"),
            ("a/src/x.rs", "struct MyEventStore;", "the glossary says `chronicle`"),
            ("a/src/x.rs", "struct Wal;", "the glossary says `chronicle`"),
        ] {
            let said = said(path, text);
            assert!(said.len() == 1 && said[0].contains(says), "{path} {text}: {said:?}");
        }
        let prose = "//! An event store has a WAL and a manager; let request = 1; struct Wall;";
        assert!(
            said("a/src/simple.rs", &format!("{prose}\nstruct Stored; struct Request;")).is_empty()
        );
    }

    #[test]
    fn promises_need_a_condition() {
        let todo = concat!("TO", "DO");
        assert_eq!(said("a/src/x.rs", &format!("// {todo}: later")).len(), 1);
        assert!(said("a/src/x.rs", &format!("// {todo}(when format 1 is fixed): drop")).is_empty());
    }
}
