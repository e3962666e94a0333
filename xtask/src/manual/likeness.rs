//! Whether what a program printed is what a page shows of it.
//!
//! Positions, times, ids, hashes and rates differ from run to run, so each number stands for any
//! number, and each long hash or key for any other. `…` stands for any text, and on a line of its own
//! for any lines. Everything else has to be the same, but for the width of gaps.

/// Words this long with a digit, or this long without any gap, are hashes, ids and keys.
const HEX_LENGTH_MIN: usize = 8;
const KEY_LENGTH_MIN: usize = 24;

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
    let mut plain = String::new();
    let in_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=' | '_' | '-');
    let mut rest = word;
    while let Some(first) = rest.chars().next() {
        let length = rest.find(|c| !in_key(c)).unwrap_or(rest.len());
        let (run, after) = rest.split_at(length.max(first.len_utf8()));
        let has_digit = run.contains(|c: char| c.is_ascii_digit());
        let is_hex = run.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
        if has_digit && (run.len() >= KEY_LENGTH_MIN || is_hex && run.len() >= HEX_LENGTH_MIN) {
            plain.push(if run.chars().all(|c| c.is_ascii_digit() || c == '-') { '0' } else { '#' });
        } else {
            numbers(run, &mut plain);
        }
        rest = after;
    }
    // What lies between the parts of one number is no difference: 1.5, 1,234, 08:15:00.
    let mut short = String::new();
    for c in plain.chars() {
        short.push(c);
        for seam in ["0.0", "0,0", "0:0", "0-0"] {
            if short.ends_with(seam) {
                short.truncate(short.len() - 2);
            }
        }
    }
    short
}

/// Each run of digits as one `0`.
fn numbers(run: &str, plain: &mut String) {
    let mut in_number = false;
    for c in run.chars() {
        match c.is_ascii_digit() {
            true if in_number => {}
            true => plain.push('0'),
            false => plain.push(c),
        }
        in_number = c.is_ascii_digit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_hashes_and_times_stand_for_any_other() {
        for (shown, printed) in [
            ("3481 records in 0.1 s", "12 records  in 13 s"),
            ("root 2ada934a46b7846f", "root 8f0c2b6e91d4a375"),
            (
                "last position 9, 2026-11-21T00:34:56.999513Z",
                "last position 88, 2027-01-01T01:02:03Z",
            ),
            (
                "{\"lineage\":\"8f0c2b6e91d4a375\",\"answer\":[…]}",
                "{\"lineage\":\"aaaa2b6e91d4a375\",\"answer\":[1,2]}",
            ),
            ("a\n…\nd", "a\nb\nc\nd"),
            ("20,852,163", "7"),
        ] {
            assert_eq!(missing(shown, printed), None, "{shown}");
        }
    }

    #[test]
    fn other_words_missing_lines_and_more_lines_are_found() {
        for (shown, printed, what) in [
            ("3 records", "3 rows", "3 records"),
            ("a\nb", "a", "b"),
            ("a", "a\nb", "(the end: more was printed)"),
            ("a\n…\nd", "a\nb", "d"),
            ("[…] ok", "[1] no", "[…] ok"),
        ] {
            assert_eq!(missing(shown, printed), Some(what), "{shown}");
        }
    }
}
