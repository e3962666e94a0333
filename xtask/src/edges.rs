//! The edges that must not exist: which crates never see which (ARCHITECTURE.md, "What is absent
//! where"). A crate exists where a dependency must be kept out of it; this is the keeping.

use anyhow::bail;

use crate::tree;

/// What one crate must not depend on, directly or through others.
struct Rule {
    of: &'static str,
    never: &'static [&'static [&'static str]],
    /// If given, the only direct dependencies allowed.
    only: Option<&'static [&'static str]>,
}

/// Sockets and asynchronous runtimes: only the server's business.
const NETWORK: &[&str] = &["tokio", "hyper", "axum", "tower", "mio"];
/// SQL: only the SQL crate's business.
const SQLITE: &[&str] = &["rusqlite", "libsqlite3-sys"];
/// Randomness: what a decision uses comes from its context.
const RANDOMNESS: &[&str] = &["getrandom", "rand"];

const RULES: [Rule; 6] = [
    Rule {
        of: "deeds-values",
        never: &[NETWORK, SQLITE, RANDOMNESS],
        only: Some(&["base64", "schemars", "serde", "uuid"]),
    },
    Rule {
        of: "deeds-chronicle",
        never: &[NETWORK, SQLITE, RANDOMNESS, &["deeds-engine", "deeds-pipeline", "deeds-server"]],
        only: None,
    },
    Rule {
        of: "deeds-engine",
        never: &[NETWORK, SQLITE, RANDOMNESS, &["deeds-chronicle", "deeds-pipeline"]],
        only: None,
    },
    Rule {
        of: "deeds-pipeline",
        never: &[NETWORK, SQLITE, RANDOMNESS, &["deeds-server"]],
        only: None,
    },
    Rule { of: "deeds-server", never: &[SQLITE], only: None },
    // What it knows of a server is the protocol.
    Rule {
        of: "deeds-client",
        never: &[
            SQLITE,
            &["axum", "deeds-chronicle", "deeds-engine", "deeds-pipeline", "deeds-server"],
        ],
        only: None,
    },
];

/// Asks `cargo tree` for every rule's crate, and names every edge that must not be.
pub(crate) fn check() -> anyhow::Result<()> {
    let mut wrong = Vec::new();
    for rule in &RULES {
        let every = dependencies(rule.of, &[])?;
        let never: Vec<&str> = rule.never.concat();
        for name in every.iter().filter(|name| never.contains(&name.as_str())) {
            wrong.push(format!(
                "{} must never see {name}\n    how it does: cargo tree -e normal -p {} -i {name}",
                rule.of, rule.of
            ));
        }
        if let Some(only) = rule.only {
            let direct = dependencies(rule.of, &["--depth", "1"])?;
            for name in direct.iter().filter(|name| !only.contains(&name.as_str())) {
                wrong.push(format!(
                    "{} may depend on {} only, not on {name}",
                    rule.of,
                    only.join(", ")
                ));
            }
        }
    }
    if !wrong.is_empty() {
        bail!("edges that must not be:\n  {}", wrong.join("\n  "));
    }
    println!("   no forbidden edge in {} rules", RULES.len());
    Ok(())
}

/// The crates that `package` is built from, on any target, without tests and build scripts.
fn dependencies(package: &str, more: &[&str]) -> anyhow::Result<Vec<String>> {
    let mut command = tree::cargo(&["tree", "--edges", "normal", "--target", "all"]);
    command.args(["--prefix", "none", "--format", "{p}", "--package", package]).args(more);
    Ok(names(&tree::output(&mut command)?, package))
}

/// Crate names of `cargo tree` lines such as `serde v1.0.229 (*)`, without `package` itself.
fn names(lines: &str, package: &str) -> Vec<String> {
    let firsts = lines.lines().filter_map(|line| line.split(' ').next());
    let mut names: Vec<String> =
        firsts.filter(|name| !name.is_empty() && *name != package).map(str::to_owned).collect();
    names.sort_unstable();
    names.dedup();
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_from_the_lines_of_cargo_tree() {
        let lines = "deeds-values v0.1.0 (here)\nserde v1.0.2\nserde v1.0.2 (*)\n\nuuid v1.0.0\n";
        assert_eq!(names(lines, "deeds-values"), ["serde", "uuid"]);
    }

    #[test]
    fn an_existing_edge_is_seen() {
        let seen = dependencies("deeds-chronicle", &[]).unwrap();
        assert!(seen.iter().any(|name| name == "deeds-values"), "{seen:?}");
    }
}
