//! Markdown pages taken apart: each fenced block with what it is and what was noted above it.
//!
//! A note is an HTML comment on a line of its own right above the block, so that no reader sees it:
//!
//! | note | the block |
//! |---|---|
//! | `<!-- not run: REASON -->` | is not run, and this is why |
//! | `<!-- before: COMMAND -->` | needs this to be run first; may be repeated |
//! | `<!-- beside: COMMAND -->` | needs this server, which serves until the page ends |
//! | `<!-- goes on: TEXT -->` | its last command goes on until the page ends; the next runs when it has printed this; a server and what follows need no note |
//! | `<!-- ends with CODE -->` | its last command ends with this exit code |
//! | `<!-- saved as FILE -->` | is a file that later commands of the page read |
//! | `<!-- in the repository -->` | runs in the top directory of the repository |

use std::fmt;

/// One fenced block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Block {
    /// The number of its first line inside, from 1.
    pub(crate) line: usize,
    /// The word after the fence, empty where there is none.
    pub(crate) kind: String,
    /// What stands inside, each line with its end.
    pub(crate) text: String,
    pub(crate) notes: Vec<Note>,
}

/// What is noted above a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Note {
    NotRun(String),
    Before(String),
    Beside(String),
    GoesOn(String),
    EndsWith(u8),
    SavedAs(String),
    InTheRepository,
}

/// A comment above a block that is no note.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unknown {
    pub(crate) line: usize,
    comment: String,
}

impl fmt::Display for Unknown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known = "not run:, before:, beside:, goes on:, ends with, saved as, in the repository";
        write!(f, "`{}` above a block says nothing that is known: {known}", self.comment)
    }
}

impl Block {
    /// Why the block is not run, if it is not.
    pub(crate) fn not_run(&self) -> Option<&str> {
        self.notes.iter().find_map(|note| match note {
            Note::NotRun(why) => Some(why.as_str()),
            _ => None,
        })
    }

    /// The file that the block is.
    pub(crate) fn saved_as(&self) -> Option<&str> {
        self.notes.iter().find_map(|note| match note {
            Note::SavedAs(name) => Some(name.as_str()),
            _ => None,
        })
    }
}

/// The blocks of a page, in order.
pub(crate) fn blocks(text: &str) -> Result<Vec<Block>, Unknown> {
    let mut blocks = Vec::new();
    let mut above: Vec<(usize, &str)> = Vec::new();
    let mut inside: Option<Block> = None;
    let mut indent = "";
    for (index, line) in text.lines().enumerate() {
        let fence = line.trim_start();
        match &mut inside {
            Some(_) if fence == "```" => blocks.extend(inside.take()),
            Some(block) => block.text.extend([line.strip_prefix(indent).unwrap_or(line), "\n"]),
            None => {
                if let Some(info) = fence.strip_prefix("```") {
                    let mut notes = Vec::new();
                    for (line, comment) in above.drain(..) {
                        notes.push(
                            note(comment)
                                .ok_or_else(|| Unknown { line, comment: comment.to_owned() })?,
                        );
                    }
                    indent = &line[..line.len() - fence.len()];
                    let (kind, text) = (info.trim().to_owned(), String::new());
                    inside = Some(Block { line: index + 2, kind, text, notes });
                } else if let Some(comment) = comment(line) {
                    above.push((index + 1, comment));
                } else {
                    above.clear();
                }
            }
        }
    }
    Ok(blocks)
}

/// What a comment that has its line for itself says.
fn comment(line: &str) -> Option<&str> {
    Some(line.trim().strip_prefix("<!--")?.strip_suffix("-->")?.trim())
}

fn note(comment: &str) -> Option<Note> {
    let after = |start: &str| Some(comment.strip_prefix(start)?.trim().to_owned());
    let found = if comment == "in the repository" {
        Note::InTheRepository
    } else if let Some(why) = after("not run:") {
        Note::NotRun(why)
    } else if let Some(command) = after("before:") {
        Note::Before(command)
    } else if let Some(command) = after("beside:") {
        Note::Beside(command)
    } else if let Some(text) = after("goes on:") {
        Note::GoesOn(text)
    } else if let Some(name) = after("saved as ") {
        Note::SavedAs(name)
    } else {
        Note::EndsWith(after("ends with ")?.parse().ok()?)
    };
    let is_empty = matches!(&found, Note::NotRun(text) | Note::Before(text) | Note::Beside(text) | Note::GoesOn(text) | Note::SavedAs(text) if text.is_empty());
    (!is_empty).then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_block_has_its_kind_its_line_and_the_notes_right_above_it() {
        let page = "# A\n\n<!-- before: x -->\n\ntext\n\n<!-- ends with 3 -->\n<!-- goes on: serves -->\n\
                    ```console\n$ a\nb\n```\n```\nc\n```\n";
        let blocks = blocks(page).unwrap();
        assert_eq!(blocks.len(), 2);
        assert_eq!((blocks[0].line, blocks[0].kind.as_str()), (10, "console"));
        assert_eq!(blocks[0].text, "$ a\nb\n");
        assert_eq!(blocks[0].notes, [Note::EndsWith(3), Note::GoesOn("serves".to_owned())]);
        assert_eq!((blocks[1].kind.as_str(), blocks[1].notes.len()), ("", 0));
    }

    #[test]
    fn a_note_that_says_nothing_known_is_found() {
        for comment in ["not run", "not run:", "ends with seven", "run it"] {
            let page = format!("<!-- {comment} -->\n```sh\nx\n```\n");
            assert_eq!(blocks(&page).unwrap_err().line, 1, "{comment}");
        }
    }
}
