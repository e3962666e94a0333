//! No dead file: every Rust file is a crate's root, or some `mod` leads to it from one.

use std::collections::BTreeSet;

use super::{Finding, rust_text};
use crate::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut reached: BTreeSet<String> = BTreeSet::new();
    let mut next: Vec<String> = roots(tree);
    let roots: BTreeSet<String> = next.iter().cloned().collect();
    while let Some(path) = next.pop() {
        let Some(file) = tree.find(&path) else { continue };
        if reached.insert(path.clone()) {
            next.extend(leads_to(file, roots.contains(&path)));
        }
    }
    tree.rust()
        .filter(|file| !reached.contains(&file.path))
        .map(|file| Finding::at(&file.path, 0, "no `mod` leads here: remove it, or declare it"))
        .collect()
}

/// Where cargo starts: libraries, programs, tests, benchmarks, examples and build scripts.
fn roots(tree: &Tree) -> Vec<String> {
    let mut roots = Vec::new();
    let packages = tree.files.iter().filter(|file| {
        file.name() == "Cargo.toml" && file.text.lines().any(|line| line.trim() == "[package]")
    });
    for manifest in packages {
        let top = match manifest.directory() {
            "" => String::new(),
            directory => format!("{directory}/"),
        };
        for file in tree.files.iter().filter(|file| file.is_rust()) {
            let Some(inside) = file.path.strip_prefix(&top) else { continue };
            let parts: Vec<&str> = inside.split('/').collect();
            let root = matches!(
                parts[..],
                ["build.rs"]
                    | ["src", "lib.rs" | "main.rs"]
                    | ["src", "bin", _]
                    | ["src", "bin", _, "main.rs"]
                    | ["tests" | "benches" | "examples", _]
                    | ["tests" | "benches" | "examples", _, "main.rs"]
            );
            if root {
                roots.push(file.path.clone());
            }
        }
        let named = manifest.text.lines().filter_map(|line| line.trim().strip_prefix("path = \""));
        let sources = named.filter_map(|rest| rest.split('"').next());
        roots.extend(
            sources.filter(|path| path.ends_with(".rs")).map(|path| format!("{top}{path}")),
        );
    }
    roots
}

/// The files that `mod` and `include!` in `file` may mean, whether they exist or not.
fn leads_to(file: &File, is_root: bool) -> Vec<String> {
    let stem = file.name().trim_end_matches(".rs");
    let own = match is_root || stem == "mod" {
        true => file.directory().to_owned(),
        false => join(file.directory(), stem),
    };
    let code = rust_text::code_only(&file.text);
    let mut found = Vec::new();
    // The inline modules we are in, each with the depth of braces at which it ends.
    let mut inline: Vec<(String, usize)> = Vec::new();
    let mut depth = 0;
    let mut at = 0;
    for (offset, word) in rust_text::words(&code) {
        for byte in code[at..offset].bytes() {
            match byte {
                b'{' => depth += 1,
                b'}' => {
                    depth -= 1;
                    inline.retain(|(_, end)| *end <= depth);
                }
                _ => {}
            }
        }
        at = offset;
        let after = &code[offset + word.len()..];
        match word {
            "mod" => {
                let Some((start, name)) = rust_text::words(after).next() else { continue };
                let base = inline.iter().fold(own.clone(), |base, (name, _)| join(&base, name));
                match after[start + name.len()..].trim_start().chars().next() {
                    Some('{') => inline.push((name.to_owned(), depth + 1)),
                    Some(';') => match path_attribute(&file.text[..offset]) {
                        Some(path) => found.push(normal(&join(file.directory(), path))),
                        None => {
                            found.push(join(&base, &format!("{name}.rs")));
                            found.push(join(&base, &format!("{name}/mod.rs")));
                        }
                    },
                    _ => {}
                }
            }
            "include" if after.starts_with('!') => {
                let text = &file.text[offset..];
                let path = text.split('"').nth(1).unwrap_or_default();
                found.push(normal(&join(file.directory(), path)));
            }
            _ => {}
        }
    }
    found
}

/// The path of a `#[path = "…"]` right before the `mod` at the end of `before`.
fn path_attribute(before: &str) -> Option<&str> {
    let attribute = before.rsplit([';', '}']).next()?;
    let (_, value) = attribute.rsplit_once("#[path = \"")?;
    value.split('"').next()
}

fn join(directory: &str, path: &str) -> String {
    if directory.is_empty() { path.to_owned() } else { format!("{directory}/{path}") }
}

/// A path without `..`.
pub(super) fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_file_that_nothing_leads_to_is_found() {
        let tree = Tree::of(&[
            ("a/Cargo.toml", "[package]\n[[bin]]\npath = \"odd/place.rs\"\n"),
            ("a/src/lib.rs", "mod b; // mod dead;\nmod inline { mod c; }\nmod d;\n"),
            ("a/src/b.rs", "#[path = \"../odd/e.rs\"]\nmod e;\n"),
            ("a/src/inline/c.rs", ""),
            ("a/src/d/mod.rs", "mod f;"),
            ("a/src/d/f.rs", "include!(\"g.rs\");"),
            ("a/src/d/g.rs", ""),
            ("a/src/dead.rs", ""),
            ("a/odd/place.rs", ""),
            ("a/odd/e.rs", ""),
            ("a/tests/it/main.rs", "mod h;"),
            ("a/tests/it/h.rs", ""),
            ("a/tests/ui/wrong.rs", ""),
        ]);
        let found: Vec<_> = check(&tree).into_iter().map(|finding| finding.path).collect();
        assert_eq!(found, ["a/src/dead.rs"]);
    }
}
