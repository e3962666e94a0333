//! Rust text with everything but code blanked, so that rules can look for words without a parser.
//!
//! Comments and the contents of literals become spaces; lines and columns stay where they were.
//! Known limits: code made by macros is not seen, and a `fn` in a macro's pattern counts as one.

/// `text` with comments and literals replaced by spaces.
pub(super) fn code_only(text: &str) -> String {
    let source = text.as_bytes();
    let mut code = source.to_vec();
    let mut at = 0;
    while at < source.len() {
        let end = match skipped(source, at) {
            Some(end) => end,
            None => {
                at += 1;
                continue;
            }
        };
        for byte in &mut code[at..end] {
            if *byte != b'\n' {
                *byte = b' ';
            }
        }
        at = end;
    }
    String::from_utf8(code).expect("whole literals and comments are blanked, never half a letter")
}

/// The end of the comment or literal that starts at `at`, if one does.
fn skipped(source: &[u8], at: usize) -> Option<usize> {
    let rest = &source[at..];
    let word_before = at > 0 && is_word(source[at - 1]);
    if rest.starts_with(b"//") {
        return Some(at + rest.iter().position(|byte| *byte == b'\n').unwrap_or(rest.len()));
    }
    if rest.starts_with(b"/*") {
        return Some(at + block_comment(rest));
    }
    match rest[0] {
        b'"' => Some(at + quoted(rest)),
        b'\'' => char_literal(rest).map(|length| at + length),
        b'r' | b'b' | b'c' if !word_before => prefixed(rest).map(|length| at + length),
        _ => None,
    }
}

/// Length of a block comment; they nest.
fn block_comment(rest: &[u8]) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        if rest[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if rest[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    rest.len()
}

/// Length of a string literal with escapes, from its first quote.
fn quoted(rest: &[u8]) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            b'"' => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Length of `r"…"`, `br#"…"#`, `b"…"`, `c"…"` or `b'…'`; `None` for a plain word.
fn prefixed(rest: &[u8]) -> Option<usize> {
    let letters = rest.iter().take_while(|byte| matches!(byte, b'r' | b'b' | b'c')).count();
    if letters > 2 {
        return None;
    }
    let raw = rest[..letters].contains(&b'r');
    let hashes = rest[letters..].iter().take_while(|byte| **byte == b'#').count();
    let start = letters + hashes;
    match rest.get(start)? {
        b'"' if raw => {
            let close: Vec<u8> = [b'"'].into_iter().chain([b'#'].repeat(hashes)).collect();
            let inside = &rest[start + 1..];
            let found = inside.windows(close.len()).position(|window| window == close);
            Some(found.map_or(rest.len(), |position| start + 1 + position + close.len()))
        }
        b'"' if hashes == 0 => Some(start + quoted(&rest[start..])),
        b'\'' if hashes == 0 => char_literal(&rest[start..]).map(|length| start + length),
        _ => None,
    }
}

/// Length of a character literal; `None` for a lifetime.
fn char_literal(rest: &[u8]) -> Option<usize> {
    if rest.get(1) == Some(&b'\\') {
        let close = rest.iter().skip(3).position(|byte| *byte == b'\'')?;
        return Some(3 + close + 1);
    }
    let letter = std::str::from_utf8(&rest[1..rest.len().min(5)]);
    let valid = match letter {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&rest[1..1 + error.valid_up_to()]).ok()?,
    };
    let length = valid.chars().next()?.len_utf8();
    (rest.get(1 + length) == Some(&b'\'')).then_some(length + 2)
}

pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

/// The words of a text with the offset of each: identifiers, keywords and numbers.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = code.as_bytes();
    let mut at = 0;
    std::iter::from_fn(move || {
        while at < bytes.len() && !is_word(bytes[at]) {
            at += 1;
        }
        let start = at;
        while at < bytes.len() && is_word(bytes[at]) {
            at += 1;
        }
        (start < at).then(|| (start, &code[start..at]))
    })
}

/// The line an offset lies in, counted from 1.
pub(super) fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// A function: its name and the lines it spans.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Function<'a> {
    pub(super) name: &'a str,
    pub(super) line: usize,
    pub(super) lines: usize,
}

/// Every function with a body, in order.
pub(super) fn functions(code: &str) -> Vec<Function<'_>> {
    let mut found = Vec::new();
    let mut words = words(code).peekable();
    while let Some((offset, word)) = words.next() {
        if word != "fn" {
            continue;
        }
        let Some((at, name)) = words.peek().copied() else { break };
        if !code[offset + 2..at].trim().is_empty() {
            continue; // A function pointer: `fn(…)`.
        }
        if let Some(body) = body_start(code, at) {
            let end = body_end(code, body);
            let line = line_of(code, offset);
            found.push(Function { name, line, lines: line_of(code, end) - line + 1 });
        }
    }
    found
}

/// The brace that opens a function's body; `None` if it has none.
fn body_start(code: &str, from: usize) -> Option<usize> {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(from) {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'{' if depth == 0 => return Some(at),
            b';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

fn body_end(code: &str, open: usize) -> usize {
    let mut depth = 0_i32;
    for (at, byte) in code.bytes().enumerate().skip(open) {
        match byte {
            b'{' => depth += 1,
            b'}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    code.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_are_blanked_and_code_stays_in_place() {
        for (text, code) in [
            ("a // b\nc", "a     \nc"),
            ("a /* b /* c */ d */ e", "a                   e"),
            (r#"f("x\"y", 'z', '\'', 'é')"#, "f(      ,    ,     ,     )"),
            (r##"r#"a"b"# + br"c" + b'd'"##, "         +       +     "),
            ("fn f<'a>(x: &'a str) {}", "fn f<'a>(x: &'a str) {}"),
            ("r#type + bar", "r#type + bar"),
            ("let c = '{'; x", "let c =    ; x"),
        ] {
            assert_eq!(code_only(text), code, "{text}");
            assert_eq!(code_only(text).len(), text.len());
        }
    }

    #[test]
    fn functions_are_measured_from_their_name_to_their_closing_brace() {
        let text =
            "trait T { fn a(&self) -> [u8; 2]; }\nfn b(f: fn(u8)) {\n  if x { y }\n}\nfn c() {}\n";
        let found = functions(text);
        let found: Vec<_> = found.iter().map(|f| (f.name, f.line, f.lines)).collect();
        assert_eq!(found, [("b", 2, 3), ("c", 5, 1)]);
    }
}
