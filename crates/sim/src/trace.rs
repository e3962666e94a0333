//! The event log of one history, to step through: acts, replies, and every operation of the disk.

/// Lines, if anybody wants them.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    lines: Option<String>,
}

impl Trace {
    /// One that is written.
    pub fn kept() -> Self {
        Self { lines: Some(String::new()) }
    }

    /// Whether anybody wants it.
    pub fn is_kept(&self) -> bool {
        self.lines.is_some()
    }

    /// Writes a line.
    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(lines) = &mut self.lines {
            lines.push_str(&line());
            lines.push('\n');
        }
    }

    /// All of it.
    pub fn text(&self) -> &str {
        self.lines.as_deref().unwrap_or_default()
    }
}
