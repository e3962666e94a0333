//! An archive named on the command line: opening it, the moment wanted of it, and restoring it; for
//! `restore` and `drill`.

use std::io::{IsTerminal, stderr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use deeds_chronicle::{
    Archived, BackupError, Cut, Disk, OpenError, RealDisk, RecordKind, RestoreError, Restored,
    WriterOptions, restore,
};
use deeds_pipeline::snapshot::{SnapshotInfo, copies};
use deeds_pipeline::system::{self, Restoration};
use deeds_values::{Lineage, Position, Timestamp};

use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::opening::salt;
use crate::cli::progress::Records;

/// Which archive, and how much of it.
#[derive(Debug, clap::Args)]
pub(crate) struct ArchiveArguments {
    /// The archive that `backup` wrote.
    #[arg(value_name = "ARCHIVE")]
    pub archive: PathBuf,
    /// The last record wanted: its position, or a moment like 2026-11-20T08:15:00Z or "2026-11-20
    /// 08:15:00", which is UTC; of records at that moment the last counts [default: the newest].
    #[arg(long, value_name = "POSITION|TIME", value_parser = parse_cut)]
    pub to: Option<Cut>,
}

impl ArchiveArguments {
    /// Opens the archive and finds its end.
    pub(crate) fn open(&self) -> Result<Archived, Failure> {
        let disk = Arc::new(RealDisk::new(&self.archive));
        Archived::open(disk).map_err(|error| {
            let failure = match error {
                OpenError::Absent => Failure::failed("there is no archive here")
                    .advise("Name a directory that `backup` wrote."),
                error => error.into(),
            };
            failure.while_doing(&self.archive.display().to_string())
        })
    }

    /// Restores the archive into an empty directory, as a new lineage.
    pub(crate) fn restore_into(
        &self,
        archived: &Archived,
        directory: &Path,
        quiet: bool,
    ) -> Result<Copy, Failure> {
        let mut lineage = [0; 8];
        getrandom::fill(&mut lineage).expect("the system gives random bytes");
        let lineage = Lineage(lineage);
        let target = (Arc::new(RealDisk::new(directory)) as _, WriterOptions::new(salt), lineage);
        let mut progress = Records::new("restored", stderr().is_terminal(), quiet);
        let restored = restore(archived, self.to.unwrap_or(Cut::End), target, said, &mut |at| {
            progress.set(at.records, at.records_total);
        });
        let restored = restored.map_err(|error| {
            Failure::from(error).while_doing(&self.archive.display().to_string())
        })?;
        let line = progress.finish(restored.position.0 + 1);
        let (from, to): (Arc<dyn Disk>, Arc<dyn Disk>) =
            (Arc::new(RealDisk::new(&self.archive)), Arc::new(RealDisk::new(directory)));
        let snapshot = copies::carry(&from, &to, (restored.position, lineage));
        let snapshot = snapshot.map_err(|error| Failure::failed(chain(&error)))?;
        Ok(Copy { lineage, restored, snapshot, line })
    }
}

/// What was restored.
pub(crate) struct Copy {
    /// The new lineage.
    pub lineage: Lineage,
    /// Where it came from.
    pub restored: Restored,
    /// The snapshot that came along, for a quick start.
    pub snapshot: Option<SnapshotInfo>,
    /// How much, and how fast.
    pub line: String,
}

impl Copy {
    /// Which snapshot came along, in words.
    pub(crate) fn snapshot_line(&self) -> String {
        match &self.snapshot {
            Some(SnapshotInfo { position, rows, .. }) => {
                format!(
                    "of position {position}, {rows} rows: the first start folds what is after it"
                )
            }
            None => "none: the first start folds every record".to_owned(),
        }
    }
}

/// The record that says where the ones before came from.
fn said(restored: &Restored) -> deeds_chronicle::RecordDraft {
    let body = Restoration {
        from: restored.from,
        position: restored.position,
        root: restored.root.to_string(),
    };
    let time = restored.time.max(now());
    system::draft(RecordKind::Restored, restored.position.next(), time, &body)
}

/// The wall clock.
pub(crate) fn now() -> Timestamp {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp(i64::try_from(since.as_micros()).unwrap_or(i64::MAX))
}

/// A position, or a moment as RFC 3339 or with a space and without an offset, in UTC.
fn parse_cut(text: &str) -> Result<Cut, String> {
    if text.bytes().all(|byte| byte.is_ascii_digit()) {
        let position = text.parse().map_err(|_| "the position is no 64-bit number".to_owned())?;
        return Ok(Cut::Through(Position(position)));
    }
    let mut moment = text.trim().replacen(' ', "T", 1);
    let time = moment.split_once('T').map_or("", |(_, time)| time);
    if !time.contains(['Z', '+', '-']) {
        moment.push('Z');
    }
    let moment: Result<Timestamp, _> = moment.parse();
    moment.map(Cut::At).map_err(|_| {
        "write a position, or a moment like 2026-11-20T08:15:00Z or \"2026-11-20 08:15:00\" (UTC)"
            .to_owned()
    })
}

impl From<RestoreError> for Failure {
    fn from(error: RestoreError) -> Self {
        let what = chain(&error);
        match error {
            RestoreError::Archive(error) => error.into(),
            RestoreError::Create(error) => error.into(),
            RestoreError::BehindEnd { .. } | RestoreError::BeforeStart { .. } => {
                Self::usage(what).advise("`drill ARCHIVE` says what the archive holds.")
            }
            RestoreError::Empty | RestoreError::Append(_) => Self::failed(what),
        }
    }
}

impl From<BackupError> for Failure {
    fn from(error: BackupError) -> Self {
        let what = chain(&error);
        match error {
            BackupError::Source(error) => error.into(),
            BackupError::Archive(OpenError::Locked) => {
                Self::new(Exit::Locked, "another process writes to this archive")
            }
            BackupError::Archive(OpenError::Damaged(_)) => Self::new(Exit::Damaged, what)
                .advise("The archive is damaged: keep it, and start another."),
            BackupError::Archive(error) => error.into(),
            BackupError::Owned(_) | BackupError::Fenced { .. } => Self::new(Exit::Locked, what)
                .advise(
                    "Somebody else makes backups of this chronicle there. Name another directory, \
                     or, if nobody does any more, say --take-over.",
                ),
            BackupError::Ahead { .. } => Self::failed(what).advise(
                "After a power loss start the server first: it finds out what is durable. If that \
                 changes nothing, an old copy was put back: name another directory.",
            ),
            BackupError::NoArchive
            | BackupError::OtherLineage { .. }
            | BackupError::Diverged { .. } => {
                Self::failed(what).advise("Name another directory for this chronicle's backups.")
            }
            BackupError::Poisoned => Self::failed(what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cut_is_a_position_or_a_moment_in_utc_unless_it_says_otherwise() {
        let moment = |text: &str| Cut::At(text.parse().expect("a moment"));
        for (text, cut) in [
            ("17", Cut::Through(Position(17))),
            ("2026-11-20T08:15:00Z", moment("2026-11-20T08:15:00Z")),
            ("2026-11-20 08:15:00", moment("2026-11-20T08:15:00Z")),
            ("2026-11-20 08:15:00.25", moment("2026-11-20T08:15:00.25Z")),
            ("2026-11-20 08:15:00+02:00", moment("2026-11-20T06:15:00Z")),
        ] {
            assert_eq!(parse_cut(text), Ok(cut), "{text}");
        }
        for text in ["", "yesterday", "2026-11-20", "-1", "99999999999999999999"] {
            // The empty text has no byte that is no digit.
            assert!(parse_cut(text).is_err(), "{text}");
        }
    }
}
