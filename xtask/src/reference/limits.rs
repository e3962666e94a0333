//! Every named limit, as a page: constants whose names end in a word of limits, with their values
//! and the first sentence of their comments.

use std::fmt::Write as _;

use crate::tree::{File, Tree};

pub(crate) const PAGE: &str = "docs/reference/limits.md";

const OPENING: &str = "\
# Limits, from the code

Every queue, batch, wait and size has a named limit, a constant with its reason beside it. What they mean together: [limits and
non-goals](../limits.md); for those who run it: [operating](../operating.md#limits).

Made by `cargo xtask reference` from the constants; `cargo xtask tidy` compares.
";

/// The crates whose limits somebody can meet, and what they are.
const CRATES: [(&str, &str); 7] = [
    ("values", "Values"),
    ("chronicle", "The chronicle"),
    ("engine", "Decisions and queries"),
    ("pipeline", "The life of a command"),
    ("server", "HTTP and live sockets"),
    ("client", "The native client"),
    ("deeds", "The command line"),
];

/// How the name of a limit ends.
const ENDS: [&str; 15] = [
    "_MAX",
    "_MAX_MS",
    "_MIN",
    "_EVERY",
    "_KEPT",
    "_PAUSE",
    "_TIMEOUT",
    "_DEFAULT",
    "_DAYS",
    "_SECONDS",
    "_PER_SECOND",
    "_FOR",
    "WINDOW_US",
    "WINDOW_COMMANDS",
    "_FREE_BYTES",
];

/// One constant.
struct Limit {
    name: String,
    value: String,
    about: String,
    path: String,
}

/// The page as the code makes it.
pub(crate) fn page(tree: &Tree) -> String {
    let mut page = OPENING.to_owned();
    for (name, title) in CRATES {
        let source = format!("crates/{name}/src/");
        let files = tree.rust().filter(|file| file.path.starts_with(&source));
        let limits: Vec<Limit> = files.flat_map(limits).collect();
        if limits.is_empty() {
            continue;
        }
        let _ = write!(page, "\n## {title}\n\n| constant | value | what |\n|---|---|---|\n");
        for Limit { name, value, about, path } in limits {
            let _ = writeln!(page, "| [`{name}`](../../{path}) | {value} | {about} |");
        }
    }
    page
}

/// The limits of a file, in order.
fn limits(file: &File) -> Vec<Limit> {
    let mut limits = Vec::new();
    let mut comment = String::new();
    for line in file.text.lines() {
        // What stands inside functions and modules is theirs alone.
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text);
        } else if let Some((name, value)) = constant(line) {
            if ENDS.iter().any(|end| name.ends_with(end)) && !comment.is_empty() {
                limits.push(Limit {
                    name: name.to_owned(),
                    value: shown(name, value),
                    about: first_sentence(&comment),
                    path: file.path.clone(),
                });
            }
            comment.clear();
        } else if !line.starts_with('#') {
            comment.clear();
        }
    }
    limits
}

/// Name and value of a constant that has its line for itself.
fn constant(line: &str) -> Option<(&str, &str)> {
    let line = line.strip_prefix("pub ").or(line.strip_prefix("pub(crate) ")).unwrap_or(line);
    let (name, rest) = line.strip_prefix("const ")?.split_once(':')?;
    Some((name, rest.split_once(" = ")?.1.strip_suffix(';')?))
}

/// The first sentence, in a table, without links that lead into the code.
fn first_sentence(comment: &str) -> String {
    let comment = comment.trim().replace('|', "\\|").replace(['[', ']'], "");
    let first = match comment.split_once(". ") {
        Some((first, _)) => format!("{first}."),
        None => comment,
    };
    // Where it is decided is for those who read the code.
    match first.split_once(" (DESIGN ") {
        Some((before, after)) => {
            format!("{before}{}", after.split_once(')').map_or("", |(_, rest)| rest))
        }
        None => first,
    }
}

/// A value as people write it, where that is plain; else as the code has it.
fn shown(name: &str, value: &str) -> String {
    for (call, unit) in [("from_secs", "s"), ("from_millis", "ms"), ("from_micros", "µs")] {
        if let Some(number) = value.strip_prefix(&format!("Duration::{call}(")) {
            return format!("{} {unit}", number.trim_end_matches(')'));
        }
    }
    let Some(number) = number(value) else { return format!("`{value}`") };
    match name {
        _ if name.contains("BYTES") => bytes(number),
        _ if name.contains("_US") && number % 3_600_000_000 == 0 => {
            format!("{} h", number / 3_600_000_000)
        }
        _ if name.contains("_US") && number % 1_000_000 == 0 => format!("{} s", number / 1_000_000),
        _ if name.contains("_US") => format!("{} ms", number / 1_000),
        _ if name.contains("MICROSECONDS") => format!("{} s", number / 1_000_000),
        _ if name.contains("_MS") && number % 60_000 == 0 => format!("{} min", number / 60_000),
        _ if name.contains("_MS") => format!("{} s", number / 1_000),
        _ if name.ends_with("_SECONDS") => format!("{number} s"),
        _ if name.ends_with("_DAYS") => format!("{number} days"),
        _ if number == (1 << 53) - 1 => "2⁵³−1".to_owned(),
        _ => grouped(number),
    }
}

/// The value of numbers joined by `<<`, `*`, `+` and `-`, as Rust binds them.
fn number(text: &str) -> Option<u64> {
    let plain = text.replace('_', "");
    let text = plain.trim().trim_end_matches(".0");
    if let Some((one, other)) = text.split_once("<<") {
        return number(one.trim_matches(['(', ' ']))?
            .checked_shl(u32::try_from(number(other.split(')').next()?)?).ok()?)?
            .checked_sub(match other.split_once(") - ") {
                Some((_, less)) => number(less)?,
                None => 0,
            });
    }
    if let Some((one, other)) = text.rsplit_once(" + ") {
        return number(one)?.checked_add(number(other)?);
    }
    if let Some((one, other)) = text.rsplit_once(" * ") {
        return number(one)?.checked_mul(number(other)?);
    }
    text.parse().ok()
}

fn bytes(number: u64) -> String {
    match number {
        _ if number >= 1 << 20 && number.is_multiple_of(1 << 20) => format!("{} MiB", number >> 20),
        _ if number >= 1 << 10 && number.is_multiple_of(1 << 10) => format!("{} KiB", number >> 10),
        _ => format!("{} bytes", grouped(number)),
    }
}

fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Whether a constant of this name is anywhere in the crates.
pub(crate) fn is_constant(tree: &Tree, name: &str) -> bool {
    let declared = format!("const {name}: ");
    tree.rust().any(|file| file.text.contains(&declared))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_told_as_people_write_them() {
        for (name, value, told) in [
            ("A_BYTES_MAX", "4 << 20", "4 MiB"),
            ("A_BYTES_MAX", "16 * 1024", "16 KiB"),
            ("A_BYTES_MAX", "100", "100 bytes"),
            ("A_TIME_MAX", "Duration::from_secs(5)", "5 s"),
            ("A_PAUSE", "Duration::from_millis(20)", "20 ms"),
            ("ROWS_MAX", "10_000", "10,000"),
            ("NUMBER_MAX", "(1 << 53) - 1", "2⁵³−1"),
            ("WINDOW_US", "24 * 3600 * 1_000_000", "24 h"),
            ("AHEAD_MS_MAX", "5 * 60 * 1_000", "5 min"),
            ("A_MAX", "B_MAX + 4 * 1024", "`B_MAX + 4 * 1024`"),
            ("A_MAX", "20.0", "20"),
        ] {
            assert_eq!(shown(name, value), told, "{name} {value}");
        }
    }

    #[test]
    fn a_limit_is_a_constant_with_a_comment_and_a_telling_name() {
        let source = "/// So many. And why.\npub const ROWS_MAX: usize = 3;\nconst OTHER_MAX: u8 = 1;\n\
                      /// No limit.\nconst NAME: &str = \"a\";\n";
        let tree = Tree::of(&[("crates/engine/src/a.rs", source)]);
        let page = page(&tree);
        let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| [")).collect();
        assert_eq!(rows, ["| [`ROWS_MAX`](../../crates/engine/src/a.rs) | 3 | So many. |"]);
        assert!(is_constant(&tree, "OTHER_MAX") && !is_constant(&tree, "THIRD_MAX"));
    }
}
