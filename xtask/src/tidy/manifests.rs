//! Every manifest takes its dependencies and lints from the workspace, every clippy.toml the root's
//! settings: clippy reads only the nearest one, so a crate's own would silently drop them.

use super::Finding;
use crate::tree::{File, Tree};

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let settings = tree.find("clippy.toml").map(|file| settings(&file.text)).unwrap_or_default();
    for file in tree.files.iter().filter(|file| !file.is_fixture()) {
        match file.name() {
            // A workspace of its own (the root, the fuzz targets) is not a member of ours.
            "Cargo.toml" if !has_line(file, "[workspace]") => findings.extend(member(file)),
            "clippy.toml" => {
                for setting in settings.iter().filter(|setting| !has_line(file, setting)) {
                    let what = format!("repeat the root's `{setting}`: only this file is read");
                    findings.push(Finding::at(&file.path, 0, what));
                }
            }
            _ => {}
        }
    }
    findings
}

fn member(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut table = "";
    let mut lints = false;
    for (index, line) in file.text.lines().map(str::trim).enumerate() {
        if line.starts_with('[') {
            table = line.trim_matches(['[', ']']);
            continue;
        }
        lints |= table == "lints" && line == "workspace = true";
        let dependency = table.ends_with("dependencies") && line.contains('=');
        let here = line.contains(".workspace = true") || line.contains("workspace = true,");
        let alone = line.contains("{ workspace = true }");
        if dependency && !line.starts_with('#') && !here && !alone {
            let name = line.split(['=', '.']).next().unwrap_or_default().trim();
            let what = format!(
                "list `{name}` in the root's [workspace.dependencies] and take it from there"
            );
            findings.push(Finding::at(&file.path, index + 1, what));
        }
    }
    if !lints {
        let what = "add `[lints]` with `workspace = true`: without it no lint of ours applies";
        findings.push(Finding::at(&file.path, 0, what));
    }
    findings
}

fn settings(text: &str) -> Vec<String> {
    let lines = text.lines().filter(|line| !line.starts_with('#') && line.contains(" = "));
    lines.map(str::to_owned).collect()
}

fn has_line(file: &File, sought: &str) -> bool {
    file.text.lines().any(|line| line.trim() == sought)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(files: &[(&str, &str)]) -> Vec<String> {
        check(&Tree::of(files)).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_dependency_with_a_version_of_its_own_is_found() {
        let good = "[lints]\nworkspace = true\n[dependencies]\nserde.workspace = true\n\
            uuid = { workspace = true, features = [\"v7\"] }\n";
        assert!(said(&[("a/Cargo.toml", good)]).is_empty());
        let bad = format!("{good}[dev-dependencies]\nrand = \"1\"\n");
        let found = said(&[("a/Cargo.toml", &bad)]);
        assert!(found.len() == 1 && found[0].contains("`rand`"), "{found:?}");
    }

    #[test]
    fn a_member_without_the_workspaces_lints_is_found() {
        assert!(said(&[("a/Cargo.toml", "[package]\n")])[0].contains("[lints]"));
        assert!(said(&[("fuzz/Cargo.toml", "[package]\n[workspace]\n")]).is_empty());
    }

    #[test]
    fn a_clippy_file_that_forgets_the_roots_settings_is_found() {
        let root = ("clippy.toml", "# why\nallow-x = true\n");
        assert_eq!(said(&[root, ("a/clippy.toml", "# own\n")]).len(), 1);
        assert!(said(&[root, ("a/clippy.toml", "allow-x = true\n")]).is_empty());
    }
}
