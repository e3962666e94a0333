//! The security journal: who was turned away, when, from where, and at what; and whose tokens were
//! made void. Not the chronicle: what was not allowed did not happen.
//!
//! `security.log` in the data directory: a JSON object per line, without arguments, tokens or other
//! content. Bounded in size ([`FILE_BYTES_MAX`], [`OLD_FILES_MAX`] older files) and in rate, so that
//! somebody who is turned away a million times fills no disk; how many lines were left out stands in
//! the next one. Written before the answer leaves, not synced: losing its last lines with the machine
//! is no gap in the record of what happened.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use deeds_values::Timestamp;
use serde::Serialize;

/// The journal's file name within the data directory.
pub const SECURITY_JOURNAL_FILE: &str = "security.log";

/// The size at which a file is put aside: some 40,000 lines, a day's worth of trouble.
pub(crate) const FILE_BYTES_MAX: u64 = 8 * 1024 * 1024;

/// How many files that were put aside are kept: `security.log.1` is the newer.
pub(crate) const OLD_FILES_MAX: u32 = 2;

/// Lines a second in the long run, and at once: what a person could still read.
const LINES_PER_SECOND: f64 = 20.0;
const BURST_LINES_MAX: f64 = 200.0;

/// The longest text of a line, in bytes: a reason comes from the app, a name from outside.
const TEXT_BYTES_MAX: usize = 200;

/// Why somebody was turned away, or will be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Turned {
    /// No token, or none that counts.
    Unauthenticated,
    /// An authorizer said no.
    Denied,
    /// The actor signed out: this token counts no more.
    SignedOut,
    /// The actor, an operator, revoked all tokens of somebody.
    Revoked,
}

/// One line, without its time.
#[derive(Clone, Debug)]
pub(crate) struct Incident<'a> {
    pub(crate) turned: Turned,
    pub(crate) actor: Option<&'a str>,
    pub(crate) peer: Option<IpAddr>,
    /// The command, the query or the path, by its pattern.
    pub(crate) at: &'a str,
    pub(crate) reason: &'a str,
}

#[derive(Serialize)]
struct Line<'a> {
    time: Timestamp,
    kind: Turned,
    #[serde(skip_serializing_if = "Option::is_none")]
    actor: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    peer: Option<IpAddr>,
    at: &'a str,
    reason: &'a str,
    #[serde(skip_serializing_if = "is_zero")]
    left_out: u64,
}

fn is_zero(number: &u64) -> bool {
    *number == 0
}

/// Writes the journal; with no file, as in tests, nothing.
pub(crate) struct SecurityJournal {
    writing: Option<Mutex<Writing>>,
}

struct Writing {
    path: PathBuf,
    file: File,
    bytes: u64,
    bytes_max: u64,
    /// How many lines may be written now.
    allowance: f64,
    allowed_at: Instant,
    left_out: u64,
}

impl SecurityJournal {
    /// Goes on with the journal in a directory, if one is given.
    pub(crate) fn open(directory: Option<&Path>) -> io::Result<Self> {
        Self::open_sized(directory, FILE_BYTES_MAX)
    }

    fn open_sized(directory: Option<&Path>, bytes_max: u64) -> io::Result<Self> {
        let Some(directory) = directory else { return Ok(Self { writing: None }) };
        let path = directory.join(SECURITY_JOURNAL_FILE);
        let file = open_append(&path)?;
        let bytes = file.metadata()?.len();
        let writing = Writing {
            path,
            file,
            bytes,
            bytes_max,
            allowance: BURST_LINES_MAX,
            allowed_at: Instant::now(),
            left_out: 0,
        };
        Ok(Self { writing: Some(Mutex::new(writing)) })
    }

    /// Writes a line, if the rate allows. A journal that cannot be written is shown in the log, and
    /// does not turn anybody's answer into another.
    pub(crate) fn record(&self, incident: &Incident<'_>) {
        let Some(writing) = &self.writing else { return };
        let mut writing = writing.lock().expect("nothing panics while it is held");
        if let Err(error) = writing.record(incident) {
            writing.left_out += 1;
            tracing::error!(%error, "cannot write the security journal");
        }
    }
}

impl Writing {
    fn record(&mut self, incident: &Incident<'_>) -> io::Result<()> {
        let now = Instant::now();
        let since = now.duration_since(self.allowed_at).as_secs_f64();
        self.allowed_at = now;
        self.allowance = (self.allowance + since * LINES_PER_SECOND).min(BURST_LINES_MAX);
        if self.allowance < 1.0 {
            self.left_out += 1;
            return Ok(());
        }
        self.allowance -= 1.0;
        let line = Line {
            time: wall_time(),
            kind: incident.turned,
            actor: incident.actor,
            peer: incident.peer,
            at: shortened(incident.at),
            reason: shortened(incident.reason),
            left_out: self.left_out,
        };
        let mut line = serde_json::to_vec(&line).expect("a line always serializes");
        line.push(b'\n');
        if self.bytes + line.len() as u64 > self.bytes_max {
            self.put_aside()?;
        }
        self.file.write_all(&line)?;
        self.bytes += line.len() as u64;
        self.left_out = 0;
        Ok(())
    }

    fn put_aside(&mut self) -> io::Result<()> {
        let old = |n: u32| self.path.with_file_name(format!("{SECURITY_JOURNAL_FILE}.{n}"));
        for n in (1..OLD_FILES_MAX).rev() {
            if old(n).exists() {
                std::fs::rename(old(n), old(n + 1))?;
            }
        }
        std::fs::rename(&self.path, old(1))?;
        self.file = open_append(&self.path)?;
        self.bytes = 0;
        Ok(())
    }
}

fn open_append(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.append(true).create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The server's wall clock.
pub(crate) fn wall_time() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// The text, or its beginning.
pub(crate) fn shortened(text: &str) -> &str {
    &text[..text.floor_char_boundary(TEXT_BYTES_MAX)]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(reason: &str) -> Incident<'_> {
        Incident {
            turned: Turned::Denied,
            actor: Some("ada"),
            peer: None,
            at: "food-bank/Restock",
            reason,
        }
    }

    #[test]
    fn a_full_file_is_put_aside_and_two_are_kept() {
        let directory = tempfile::tempdir().unwrap();
        let journal = SecurityJournal::open_sized(Some(directory.path()), 1_000).unwrap();
        for _ in 0..60 {
            journal.record(&denied("this needs the role `staff`"));
        }
        let mut names: Vec<_> = std::fs::read_dir(directory.path())
            .unwrap()
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        assert_eq!(names, ["security.log", "security.log.1", "security.log.2"]);
        for name in names {
            let text = std::fs::read_to_string(directory.path().join(name)).unwrap();
            assert!(text.len() <= 1_000);
            for line in text.lines() {
                let line: serde_json::Value = serde_json::from_str(line).unwrap();
                assert_eq!(line["kind"], "denied");
                assert_eq!(line["actor"], "ada");
            }
        }
    }

    #[test]
    fn a_flood_is_cut_and_counted() {
        let directory = tempfile::tempdir().unwrap();
        let journal = SecurityJournal::open(Some(directory.path())).unwrap();
        for _ in 0..1_000 {
            journal.record(&denied(&"é".repeat(500)));
        }
        let mut writing = journal.writing.as_ref().unwrap().lock().unwrap();
        let left_out = writing.left_out;
        assert!(left_out > 700, "{left_out}");
        writing.allowance = 1.0;
        drop(writing);
        journal.record(&denied("the end"));
        let text = std::fs::read_to_string(directory.path().join(SECURITY_JOURNAL_FILE)).unwrap();
        let last: serde_json::Value = serde_json::from_str(text.lines().last().unwrap()).unwrap();
        assert_eq!(last["left_out"], left_out);
        assert!(text.lines().count() < 300);
    }
}
