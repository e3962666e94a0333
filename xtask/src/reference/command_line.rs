//! What every app's program says of itself: `--help` of each verb, as a page.

use std::process::Command;

use anyhow::bail;

use crate::tree;

pub(crate) const PAGE: &str = "docs/reference/command-line.md";

const OPENING: &str = "\
# The command line, word for word

What `food-bank --help` says, and each verb's; every app has the same verbs. [cli.md](../cli.md) explains them.

Made by `cargo xtask reference` from the program; a test compares.
";

/// The page as the program that was built last makes it.
pub(crate) fn page() -> anyhow::Result<String> {
    let mut page = OPENING.to_owned();
    let top = help(&[])?;
    section(&mut page, &[], &top);
    for verb in verbs(&top) {
        let text = help(&[&verb])?;
        section(&mut page, &[&verb], &text);
        for inner in verbs(&text) {
            section(&mut page, &[&verb, &inner], &help(&[&verb, &inner])?);
        }
    }
    Ok(page)
}

/// Fails when the page in the tree is another.
pub(crate) fn check() -> anyhow::Result<()> {
    let kept = std::fs::read_to_string(tree::root().join(PAGE)).unwrap_or_default();
    if kept != page()? {
        bail!("{PAGE} is not what the program says: `cargo xtask reference` writes it");
    }
    Ok(())
}

fn help(verb: &[&str]) -> anyhow::Result<String> {
    let mut program = Command::new(tree::target().join("debug/food-bank"));
    // Help tells what the environment sets.
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("DEEDS_") {
            program.env_remove(name);
        }
    }
    tree::output(program.args(verb).arg("--help"))
}

fn section(page: &mut String, verb: &[&str], help: &str) {
    let line = [&["food-bank"], verb].concat().join(" ");
    let help: Vec<&str> = help.lines().map(str::trim_end).collect();
    let help = help.join("\n");
    page.push_str(&format!("\n## {line}\n\n```text\n{}\n```\n", help.trim_end()));
}

/// The verbs that a help text lists.
fn verbs(help: &str) -> Vec<String> {
    let listed = help.lines().skip_while(|line| *line != "Commands:").skip(1);
    let names = listed.map_while(|line| line.strip_prefix("  "));
    let names = names.filter(|line| !line.starts_with(' '));
    let names = names.filter_map(|line| line.split_whitespace().next());
    names.filter(|name| *name != "help").map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_verbs_of_a_help_text_are_found() {
        let help =
            "About\n\nCommands:\n  serve  Serve\n         it\n  help   Print\n\nOptions:\n  -h\n";
        assert_eq!(verbs(help), ["serve"]);
        assert_eq!(verbs("About\n"), [] as [&str; 0]);
    }
}
