//! Command lines: known flags, the rest, and a suggestion for what was probably meant.

use std::fmt;

/// The command line was not understood (exit code 2).
#[derive(Debug)]
pub(crate) struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl UsageError {
    pub(crate) fn new(what: impl Into<String>) -> UsageError {
        UsageError(what.into())
    }
}

/// A flag a verb knows. `value` names what follows it, if anything does.
pub(crate) struct Flag {
    pub(crate) name: &'static str,
    pub(crate) value: Option<&'static str>,
}

impl Flag {
    pub(crate) const fn alone(name: &'static str) -> Flag {
        Flag { name, value: None }
    }

    pub(crate) const fn with(name: &'static str, value: &'static str) -> Flag {
        Flag { name, value: Some(value) }
    }
}

/// What a verb does with an argument that is none of its flags.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Others {
    Refused,
    PassedOn,
}

/// A verb's command line, taken apart.
#[derive(Debug, Default)]
pub(crate) struct Given {
    pub(crate) help: bool,
    flags: Vec<(&'static str, Option<String>)>,
    /// What is passed on, in order.
    pub(crate) others: Vec<String>,
}

impl Given {
    pub(crate) fn has(&self, name: &str) -> bool {
        self.flags.iter().any(|(given, _)| *given == name)
    }

    /// The values given for a flag, in order.
    pub(crate) fn values(&self, name: &str) -> Vec<&str> {
        let given = self.flags.iter().filter(|(given, _)| *given == name);
        given.filter_map(|(_, value)| value.as_deref()).collect()
    }
}

/// Takes the arguments of `verb` apart; `--flag=value` and `--flag value` are the same.
pub(crate) fn parse(
    verb: &str,
    arguments: &[String],
    flags: &[Flag],
    others: Others,
) -> Result<Given, UsageError> {
    let mut given = Given::default();
    let mut left = arguments.iter();
    while let Some(argument) = left.next() {
        if argument == "--help" || argument == "-h" {
            given.help = true;
            continue;
        }
        if argument == "--" && others == Others::PassedOn {
            given.others.extend(left.by_ref().cloned());
            continue;
        }
        let (name, attached) = match argument.split_once('=') {
            Some((name, value)) => (name, Some(value.to_owned())),
            None => (argument.as_str(), None),
        };
        match flags.iter().find(|flag| flag.name == name) {
            None if others == Others::PassedOn => given.others.push(argument.clone()),
            None => {
                let known = flags.iter().map(|flag| flag.name);
                let help = format!("cargo xtask {verb} --help");
                return Err(unknown("argument", argument, known, &help));
            }
            Some(Flag { name, value: None }) => match attached {
                None => given.flags.push((name, None)),
                Some(_) => return Err(UsageError(format!("{name} takes no value"))),
            },
            Some(Flag { name, value: Some(value) }) => {
                let next = attached.or_else(|| left.next().cloned());
                let text = next.ok_or_else(|| UsageError(format!("{name} needs a {value}")))?;
                given.flags.push((name, Some(text)));
            }
        }
    }
    Ok(given)
}

/// The refusal of a word nobody knows, with the nearest known one.
pub(crate) fn unknown<'a>(
    kind: &str,
    word: &str,
    known: impl Iterator<Item = &'a str>,
    help: &str,
) -> UsageError {
    let nearest = known.map(|name| (distance(word, name), name)).min();
    let meant = match nearest {
        // Beyond three edits, or half the word, a suggestion is a guess.
        Some((edits, name)) if edits <= 3 && edits * 2 <= name.len() => {
            format!("; did you mean `{name}`?")
        }
        _ => String::new(),
    };
    UsageError(format!("unknown {kind} `{word}`{meant}\n       see `{help}`"))
}

/// Edits (insert, remove, replace one character) from one word to the other.
fn distance(from: &str, to: &str) -> usize {
    let to: Vec<char> = to.chars().collect();
    let mut row: Vec<usize> = (0..=to.len()).collect();
    for (i, a) in from.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in to.iter().enumerate() {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replaced.min(row[j] + 1).min(row[j + 1] + 1);
        }
    }
    row[to.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(arguments: &[&str], others: Others) -> Result<Given, UsageError> {
        let flags = [Flag::alone("--fresh"), Flag::with("--port", "port number")];
        let arguments: Vec<String> = arguments.iter().map(|text| (*text).to_owned()).collect();
        parse("demo", &arguments, &flags, others)
    }

    #[test]
    fn flags_take_their_value_attached_or_after_and_the_rest_is_passed_on() {
        for form in [&["--port", "81", "--x", "y"][..], &["--port=81", "--x", "y"][..]] {
            let given = given(form, Others::PassedOn).unwrap();
            assert_eq!(given.values("--port"), ["81"]);
            assert_eq!(given.others, ["--x", "y"]);
            assert!(!given.has("--fresh"));
        }
    }

    #[test]
    fn mistakes_are_refused_with_what_was_probably_meant() {
        for (arguments, says) in [
            (&["--frsh"][..], "did you mean `--fresh`?"),
            (&["--port"][..], "--port needs a port number"),
            (&["--fresh=yes"][..], "--fresh takes no value"),
            (&["--something-else"][..], "unknown argument `--something-else`\n"),
        ] {
            let error = given(arguments, Others::Refused).unwrap_err().to_string();
            assert!(error.contains(says), "{arguments:?}: {error}");
        }
    }

    #[test]
    fn distance_counts_edits() {
        for (from, to, edits) in [("tset", "test", 2), ("tidy", "tidy", 0), ("", "ci", 2)] {
            assert_eq!(distance(from, to), edits, "{from} {to}");
        }
    }
}
