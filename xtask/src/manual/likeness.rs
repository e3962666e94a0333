//! Whether what a program printed is what a page shows of it.
//!
//! Positions, times, ids, hashes and rates differ from run to run, so each number of more than two
//! digits, each fraction, date and time stands for any other, and each long hash or key, too. `…` stands for any text, and on a line of its own
//! for any lines. Everything else has to be the same, but for the width of gaps.

/// Words this long with a digit, or this long without any gap, are hashes, ids and keys.
const HEX_LENGTH_MIN: usize = 8;
const KEY_LENGTH_MIN: usize = 24;
/// Numbers this short are counts, and told exactly: two accepted, none refused.
const COUNT_LENGTH_MAX: usize = 2;

/// The first shown line that is not among what was printed, in order; none if all is as shown.
pub(crate) fn missing<'a>(shown: &'a str, printed: &str) -> Option<&'a str> {
    let printed: Vec<String> = printed.lines().map(plain).filter(|line| !line.is_empty()).collect();
    let shown = || shown.lines().filter(|line| !line.trim().is_empty());
    let mut at = 0;
    let mut any_lines = false;
    for line in shown() {
        if line.trim() == "…" {
            any_lines = true;
            continue;
        }
        let wanted = plain(line);
        let found = match any_lines {
            false => printed.get(at).is_some_and(|line| fits(&wanted, line)).then_some(at),
            true => (at..printed.len()).find(|&at| fits(&wanted, &printed[at])),
        };
        match found {
            Some(found) => at = found + 1,
            None => return Some(line),
        }
        any_lines = false;
    }
    (!any_lines && at < printed.len()).then_some("(the end: more was printed)")
}

/// `…` in what is wanted stands for any text.
fn fits(wanted: &str, line: &str) -> bool {
    let mut pieces = wanted.split('…');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = line.strip_prefix(first) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        match rest.find(piece) {
            Some(at) => rest = &rest[at + piece.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

/// A line with one gap between words, `0` for every number and `#` for every hash.
fn plain(line: &str) -> String {
    line.split_whitespace().map(plain_word).collect::<Vec<_>>().join(" ")
}

fn plain_word(word: &str) -> String {
    numbers(&without_keys(word))
}

/// `#` for hashes and keys; a long number is one that is any.
fn without_keys(word: &str) -> String {
    let mut plain = String::new();
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !in_key(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length.max(first.len_utf8()));
        let has_digit = run.contains(|c: char| c.is_ascii_digit());
        let is_hex = run.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if has_digit && (run.len() >= KEY_LENGTH_MIN || is_hex && run.len() >= HEX_LENGTH_MIN) {
            plain.push_str(if run.chars().all(|c| c.is_ascii_digit() || c == '-') {
                run
            } else {
                "#"
            });
        } else {
            plain.push_str(run);
        }
        rest = after;
    }
    plain
}

/// Each long number as `0`; the parts of dates, times and fractions are one number.
fn numbers(word: &str) -> String {
    let mut plain = String::new();
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        if !first.is_ascii_digit() {
            plain.push(first);
            rest = &rest[first.len_utf8()..];
            continue;
        }
        let in_number = |c: char| c.is_ascii_digit() || matches!(c, '.' | ',' | ':' | '-');
        let end = rest.find(|c| !in_number(c)).unwrap_or(rest.len());
        let number = rest[..end].trim_end_matches(|c: char| !c.is_ascii_digit());
        let is_count =
            number.len() <= COUNT_LENGTH_MAX && number.bytes().all(|b| b.is_ascii_digit());
        plain.push_str(if is_count { number } else { "0" });
        rest = &rest[number.len()..];
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_hashes_and_times_stand_for_any_other() {
        for (shown, printed) in [
            ("3481 records in 0.1 s", "123 records  in 1.3 s"),
            ("root 2ada934a46b7846f", "root 8f0c2b6e91d4a375"),
            (
                "last position 990, 2026-11-21T00:34:56.999513Z",
                "last position 8888, 2027-01-01T01:02:03Z",
            ),
            (
                "{\"lineage\":\"8f0c2b6e91d4a375\",\"answer\":[…]}",
                "{\"lineage\":\"aaaa2b6e91d4a375\",\"answer\":[1,2]}",
            ),
            ("a\n…\nd", "a\nb\nc\nd"),
            ("20,852,163", "777"),
        ] {
            assert_eq!(missing(shown, printed), None, "{shown}");
        }
    }

    #[test]
    fn other_words_missing_lines_and_more_lines_are_found() {
        for (shown, printed, what) in [
            ("3 records", "3 rows", "3 records"),
            ("3 accepted", "2 accepted", "3 accepted"),
            ("a\nb", "a", "b"),
            ("a", "a\nb", "(the end: more was printed)"),
            ("a\n…\nd", "a\nb", "d"),
            ("[…] ok", "[1] no", "[…] ok"),
        ] {
            assert_eq!(missing(shown, printed), Some(what), "{shown}");
        }
    }
}
