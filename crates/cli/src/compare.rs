//! What new code makes of an app: of its interface, and of what is recorded.
//!
//! Both programs print it (`schema`, `state`), a line each; the lines are held against each other. It is
//! asked before the new program takes over: code that cannot read what is recorded never does.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

/// How many lines of a difference are shown; the others are counted.
const SHOWN: usize = 4;

/// How long a shown line may be.
const SHOWN_WIDTH: usize = 160;

/// The new code cannot read what is recorded; the words say why.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

/// What differs, in lines for people.
pub(crate) fn programs(old: &Path, new: &Path, data: &Path) -> Result<Vec<String>, Unreadable> {
    let mut told = Vec::new();
    if let (Ok(was), Ok(is)) = (printed(old, &["schema"]), printed(new, &["schema"])) {
        interface(&was, &is, &mut told);
    }
    if !data.exists() {
        return Ok(told);
    }
    let data = data.display().to_string();
    let verb = ["state", "--data", &data];
    let is = printed(new, &verb).map_err(Unreadable)?;
    match printed(old, &verb) {
        Ok(was) => rows(&was, &is, &mut told),
        Err(why) => told.push(format!("the state before cannot be shown: {why}")),
    }
    Ok(told)
}

/// What a program prints, or what it complains of.
fn printed(program: &Path, verb: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(verb).stdin(Stdio::null());
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
    }
}

/// Commands, queries, events and tables that are new, gone or changed.
fn interface(was: &str, is: &str, told: &mut Vec<String>) {
    let (gone, new) = differences(was, is);
    if gone.is_empty() && new.is_empty() {
        return;
    }
    told.push("the interface has changed:".to_owned());
    told.extend(gone.iter().map(|line| format!("  - {}", line.trim())));
    told.extend(new.iter().map(|line| format!("  + {}", line.trim())));
}

/// Rows that are new, gone or changed, by table.
fn rows(was: &str, is: &str, told: &mut Vec<String>) {
    let (gone, new) = differences(was, is);
    if gone.is_empty() && new.is_empty() {
        let count = is.lines().count();
        told.push(format!("what is recorded makes the same state as before ({count} rows)"));
        return;
    }
    told.push("what is recorded makes another state than before:".to_owned());
    let mut tables: BTreeMap<&str, (Vec<&str>, Vec<&str>)> = BTreeMap::new();
    for line in gone {
        tables.entry(table_of(line)).or_default().0.push(line);
    }
    for line in new {
        tables.entry(table_of(line)).or_default().1.push(line);
    }
    for (table, (gone, new)) in tables {
        told.push(format!(
            "  {table}: {} rows as they were, {} as they are now",
            gone.len(),
            new.len()
        ));
        let hidden = gone.len().saturating_sub(SHOWN) + new.len().saturating_sub(SHOWN);
        told.extend(gone.iter().take(SHOWN).map(|line| format!("    - {}", row_of(line))));
        told.extend(new.iter().take(SHOWN).map(|line| format!("    + {}", row_of(line))));
        if hidden > 0 {
            told.push(format!("    and {hidden} more"));
        }
    }
}

/// Lines that only the first has, and lines that only the second has, in their order.
fn differences<'a>(was: &'a str, is: &'a str) -> (Vec<&'a str>, Vec<&'a str>) {
    (beyond(was, is), beyond(is, was))
}

/// The lines that are not known, or not so often.
fn beyond<'a>(lines: &'a str, known: &'a str) -> Vec<&'a str> {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for line in known.lines() {
        *counts.entry(line).or_default() += 1;
    }
    let mut beyond = Vec::new();
    for line in lines.lines() {
        match counts.get_mut(line) {
            Some(left) if *left > 0 => *left -= 1,
            _ => beyond.push(line),
        }
    }
    beyond
}

/// The table of a line `{"row":…,"table":"tasks"}`: the last word in it.
fn table_of(line: &str) -> &str {
    line.rsplit('"').nth(1).unwrap_or(line)
}

fn row_of(line: &str) -> String {
    let row = line.strip_prefix("{\"row\":").unwrap_or(line);
    let row = row.rsplit_once(",\"table\":").map_or(row, |(row, _)| row);
    match row.char_indices().nth(SHOWN_WIDTH) {
        Some((end, _)) => format!("{}…", &row[..end]),
        None => row.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_of_states_is_told_by_table_and_row() {
        let row = |table: &str, title: &str| {
            format!("{{\"row\":{{\"title\":\"{title}\"}},\"table\":\"{table}\"}}\n")
        };
        let was = [row("notes", "same"), row("tasks", "a"), row("tasks", "b")].concat();
        let is = [row("notes", "same"), row("tasks", "A"), row("tasks", "b"), row("people", "x")];
        let mut told = Vec::new();
        rows(&was, &is.concat(), &mut told);
        assert_eq!(
            told,
            [
                "what is recorded makes another state than before:",
                "  people: 0 rows as they were, 1 as they are now",
                "    + {\"title\":\"x\"}",
                "  tasks: 1 rows as they were, 1 as they are now",
                "    - {\"title\":\"a\"}",
                "    + {\"title\":\"A\"}",
            ]
        );
        told.clear();
        rows(&was, &was, &mut told);
        assert_eq!(told, ["what is recorded makes the same state as before (3 rows)"]);
    }

    #[test]
    fn lines_that_are_there_twice_count_twice() {
        let (gone, new) = differences("a\na\nb", "b\na\nc");
        assert_eq!((gone, new), (vec!["a"], vec!["c"]));
    }
}
