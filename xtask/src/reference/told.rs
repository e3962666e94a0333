//! What a server tells of trouble and of itself: its problems and its metrics, as a page.
//!
//! Both are read from the text of the two files that tell them: a problem is a variant with its
//! comment and an arm `(S::STATUS, "word", "title")`; a metric a string with its name, followed by
//! one with its help.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::tree::Tree;

pub(crate) const PAGE: &str = "docs/reference/told.md";

const PROBLEMS: &str = "crates/server/src/problem.rs";
const METRICS: &str = "crates/server/src/metrics.rs";

const OPENING: &str = "\
# Problems and metrics, from the code

Made by `cargo xtask reference` from the server's code; `cargo xtask tidy` compares.
";

/// The statuses by their names in the code.
const STATUSES: [(&str, u16); 17] = [
    ("BAD_REQUEST", 400),
    ("UNAUTHORIZED", 401),
    ("FORBIDDEN", 403),
    ("NOT_FOUND", 404),
    ("METHOD_NOT_ALLOWED", 405),
    ("REQUEST_TIMEOUT", 408),
    ("CONFLICT", 409),
    ("GONE", 410),
    ("PRECONDITION_FAILED", 412),
    ("PAYLOAD_TOO_LARGE", 413),
    ("UNSUPPORTED_MEDIA_TYPE", 415),
    ("MISDIRECTED_REQUEST", 421),
    ("UNPROCESSABLE_ENTITY", 422),
    ("TOO_MANY_REQUESTS", 429),
    ("INTERNAL_SERVER_ERROR", 500),
    ("SERVICE_UNAVAILABLE", 503),
    ("GATEWAY_TIMEOUT", 504),
];

/// The page as the code makes it.
pub(crate) fn page(tree: &Tree) -> String {
    let text = |path| tree.find(path).map_or("", |file| file.text.as_str());
    let mut page = OPENING.to_owned();
    page.push_str(
        "\n## Problems\n\nEvery answer from 400 on says in `type` (`urn:deeds:problem:WORD`) what it is; on a live socket the \
         word is the\n`code`. What to do about each: [http.md](../http.md#one-command), [protocol.md](../protocol.md#errors).\n\n\
         | status | word | title | when |\n|---|---|---|---|\n",
    );
    for (status, word, title, when) in problems(text(PROBLEMS)) {
        let _ = writeln!(page, "| {status} | `{word}` | {title} | {when} |");
    }
    page.push_str(
        "\n## Metrics\n\n`GET /metrics`, for Prometheus. Which of them deserve an alarm: [operating](../operating.md#watch). Some are there \
         only when\nthere is something to tell.\n\n| metric | what |\n|---|---|\n",
    );
    for (name, help) in metrics(text(METRICS)) {
        let _ = writeln!(page, "| `{name}` | {help} |");
    }
    page
}

/// Status, word, title and comment of each problem, by status.
fn problems(source: &str) -> Vec<(u16, &str, &str, String)> {
    let comments = comments(source);
    let mut problems = Vec::new();
    let mut variant = "";
    for line in source.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Self::") {
            variant = rest.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        }
        let Some((_, arm)) = line.split_once("(S::") else { continue };
        let (status, rest) = arm.split_once(',').unwrap_or((arm, ""));
        let number = STATUSES.iter().find(|(name, _)| *name == status);
        let number = number.map_or(0, |(_, number)| *number);
        let mut quoted = rest.split('"').skip(1).step_by(2);
        // Elsewhere a status alone is compared with.
        let Some((word, title)) = quoted.next().zip(quoted.next()) else { continue };
        problems.push((number, word, title, comments.get(variant).cloned().unwrap_or_default()));
    }
    problems.sort_by_key(|(status, ..)| *status);
    problems
}

/// The comments of the variants, by their names.
fn comments(source: &str) -> BTreeMap<&str, String> {
    let mut comments = BTreeMap::new();
    let mut comment = String::new();
    let inside = source.lines().skip_while(|line| !line.contains("enum Problem")).skip(1);
    for line in inside.take_while(|line| *line != "}").map(str::trim) {
        if let Some(text) = line.strip_prefix("///") {
            comment.push_str(text);
        } else if line.starts_with(|c: char| c.is_ascii_uppercase()) {
            let name = line.split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
            comments.insert(name, std::mem::take(&mut comment).trim().to_owned());
        }
    }
    comments
}

/// Name and help of each metric, by name.
fn metrics(source: &str) -> BTreeMap<&str, &str> {
    let code = source.split("#[cfg(test)]").next().unwrap_or(source);
    let strings: Vec<&str> = code.split('"').skip(1).step_by(2).collect();
    let mut metrics = BTreeMap::new();
    for (at, name) in strings.iter().enumerate().filter(|(_, text)| text.starts_with("deeds_")) {
        let kinds = ["counter", "gauge", "histogram"];
        let help = strings[at + 1..].iter().find(|text| !kinds.contains(text));
        if let Some(help) = help.filter(|help| help.ends_with('.') || help.contains(' ')) {
            metrics.entry(*name).or_insert(*help);
        }
    }
    metrics
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_has_its_status_its_word_and_its_comment() {
        let source = "enum Problem {\n    /// It is full.\n    Busy { a: u8 },\n    /// Too old.\n    Gone,\n}\n\
                      Self::Busy { .. } => (S::SERVICE_UNAVAILABLE, \"busy\", \"Full\"),\n\
                      Self::Gone =>\n    (S::GONE, \"gone\", \"Old\"),\n";
        let told = problems(source);
        assert_eq!(told[0], (410, "gone", "Old", "Too old.".to_owned()));
        assert_eq!(told[1], (503, "busy", "Full", "It is full.".to_owned()));
    }

    #[test]
    fn a_metric_has_its_help_wherever_it_stands() {
        let source = "p.gauge(\"deeds_a\", \"So many.\", 1);\nlet name = \"deeds_b\";\n\
                      p.about(name, \"counter\", \"So often.\");\np.line(\"deeds_a\", \"{x}\", 2);\n";
        let told: Vec<_> = metrics(source).into_iter().collect();
        assert_eq!(told, [("deeds_a", "So many."), ("deeds_b", "So often.")]);
    }
}
