//! How a verb ends: exit codes, and failures that say what to do.
//!
//! The codes are a promise to scripts and service managers; `docs/cli.md` has the same table.

use std::io;
use std::process::ExitCode;

use deeds_chronicle::{OpenError, ReadError, VerifyError};

/// An exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// It was done.
    Done = 0,
    /// Something failed that has no code of its own.
    Failed = 1,
    /// The command line was not understood; clap's own code for it.
    Usage = 2,
    /// Another process has the chronicle open for writing.
    Locked = 3,
    /// The chronicle is not what was written.
    Damaged = 4,
    /// This code cannot read the chronicle.
    Unreadable = 5,
    /// The chronicle failed while serving.
    ChronicleFailed = 6,
    /// Another process listens on the address.
    AddressInUse = 7,
    /// The app said no.
    SaidNo = 8,
    /// No server answers.
    NoServer = 9,
    /// The checkpoint does not count: it is no checkpoint, or not signed by a key that is trusted.
    InvalidCheckpoint = 10,
    /// The chronicle holds another history than the checkpoint was made of.
    Diverged = 11,
    /// The chronicle holds fewer records than the checkpoint was made of.
    Incomplete = 12,
}

/// What `--help` says about exit codes.
pub(crate) const EXIT_CODES_HELP: &str = "\
Exit codes:
  0  done
  1  an error
  2  the command line was not understood
  3  another process has the chronicle open for writing, or writes to the archive
  4  the chronicle is damaged
  5  this code cannot read the chronicle
  6  the chronicle failed while serving
  7  another process listens on the address
  8  the app said no: refused or denied, or some lines of an import were
  9  no server answers
  10 the checkpoint is not signed by a key that is trusted, or none may be signed
  11 the history is not the one that the checkpoint was made of
  12 the chronicle has fewer records than the checkpoint was made of";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        ExitCode::from(exit as u8)
    }
}

/// Why a verb did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What failed, lower case, with its causes.
    pub what: String,
    /// What the reader can do, a sentence of its own.
    pub advice: Option<String>,
}

impl Failure {
    /// A failure with a code.
    pub(crate) fn new(exit: Exit, what: impl Into<String>) -> Self {
        Self { exit, what: what.into(), advice: None }
    }

    /// A failure without a code of its own.
    pub(crate) fn failed(what: impl Into<String>) -> Self {
        Self::new(Exit::Failed, what)
    }

    /// The command line asks for what is not there.
    pub(crate) fn usage(what: impl Into<String>) -> Self {
        Self::new(Exit::Usage, what)
    }

    /// With what the reader can do.
    pub(crate) fn advise(mut self, advice: impl Into<String>) -> Self {
        self.advice = Some(advice.into());
        self
    }

    /// With what was attempted in front.
    pub(crate) fn while_doing(mut self, what: &str) -> Self {
        self.what = format!("{what}: {}", self.what);
        self
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        source = cause.source();
    }
    text
}

/// Whoever read the output has gone: `log | head`. There is nobody to tell, so it is no failure.
pub(crate) fn nobody_reads(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::BrokenPipe
}

/// Of writing output. A reader who has gone away ends a verb without a word.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        if nobody_reads(&error) {
            return Self::new(Exit::Done, "");
        }
        Self::failed(format!("cannot write output: {error}"))
    }
}

const RESTORE: &str = "Stop writing to this disk, keep the directory as it is, and restore from a \
                       backup; `verify` says what is whole.";
/// What to do about a format that is not known here.
fn other_format(format: u8) -> &'static str {
    match format {
        0 => "That was a draft, which no release wrote: only the code that wrote it reads it.",
        _ => "It was written by a later version: run that one.",
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        let what = chain(&error);
        match error {
            ReadError::Absent => Self::failed(what)
                .advise("Name its directory with --data or DEEDS_DATA; `serve` makes a new one."),
            ReadError::Format { format, .. } => {
                Self::new(Exit::Unreadable, what).advise(other_format(format))
            }
            ReadError::Damaged(_) => Self::new(Exit::Damaged, what).advise(RESTORE),
            ReadError::Disk(_) => Self::failed(what),
        }
    }
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let what = chain(&error);
        match error {
            OpenError::Absent | OpenError::Exists | OpenError::Disk(_) => Self::failed(what),
            OpenError::Locked => Self::new(Exit::Locked, what).advise(
                "A chronicle has one writer: stop that process, or ask it (`query`, `command`). \
                 `log`, `info` and `verify` work beside it.",
            ),
            OpenError::Archive => {
                Self::failed(what).advise("`restore` makes a chronicle from it that can be served.")
            }
            OpenError::Format { format, .. } => {
                Self::new(Exit::Unreadable, what).advise(other_format(format))
            }
            OpenError::Damaged(_) => Self::new(Exit::Damaged, what).advise(RESTORE),
        }
    }
}

impl From<VerifyError> for Failure {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Read(error) => error.into(),
            tile @ VerifyError::Tile { .. } => Self::new(Exit::Damaged, tile.to_string())
                .advise("Tiles are derived: remove that file, the next start writes it anew."),
        }
    }
}
