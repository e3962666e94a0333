//! `verify --against`: a checkpoint that somebody kept, held against the chronicle.
//!
//! A history that was rewritten with care proves itself: every checksum, hash and root is made anew.
//! What was kept elsewhere it cannot make anew.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use deeds_chronicle::note::{NOTE_BYTES_MAX, VerifierKey};
use deeds_chronicle::{Checkpoint, Comparison, Origin, Verified};
use serde_json::{Value, json};

use crate::cli::checkpoint::recorded_keys;
use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::place::DataArguments;
use crate::program::Program;

/// Which checkpoint, and whose signatures count.
#[derive(Debug, clap::Args)]
pub(crate) struct Given {
    /// Hold the chronicle against a checkpoint that was kept: a file with what `checkpoint` printed.
    #[arg(long, value_name = "FILE")]
    against: Option<PathBuf>,
    /// A key whose signature counts, as `checkpoint keys` shows it; repeatable. Without one, those
    /// that the chronicle itself names count, which shows less.
    #[arg(long = "key", value_name = "KEY", requires = "against")]
    keys: Vec<VerifierKey>,
}

/// A checkpoint whose signature holds.
pub(crate) struct Kept {
    pub(crate) checkpoint: Checkpoint,
    signed_by: Vec<String>,
    /// Whether the caller named the key, and not the chronicle.
    pinned: bool,
}

impl Given {
    /// Reads the checkpoint, if one was named, and checks who signed it.
    pub(crate) fn read(
        &self,
        program: &Program,
        data: &DataArguments,
    ) -> Result<Option<Kept>, Failure> {
        let Some(path) = &self.against else { return Ok(None) };
        let bytes = read_note(path)?;
        let pinned = !self.keys.is_empty();
        let keys = match pinned {
            true => self.keys.clone(),
            false => {
                let recorded = recorded_keys(&data.reader(program.name)?)?;
                recorded.iter().filter_map(|key| key.activation.key.parse().ok()).collect()
            }
        };
        let (checkpoint, signed) = Checkpoint::verify(&bytes, &keys).map_err(|error| {
            let what = format!("{} does not count: {}", path.display(), chain(&error));
            Failure::new(Exit::InvalidCheckpoint, what).advise(match pinned {
                true => "Name the key that signed it with --key.",
                false => "The chronicle names no such key. If you know the one that signed it, name it with --key.",
            })
        })?;
        let signed_by = signed.iter().map(|key| format!("{}+{}", key.name(), key.id())).collect();
        Ok(Some(Kept { checkpoint, signed_by, pinned }))
    }
}

fn read_note(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| {
        // One more than a note may have: what is longer is seen to be.
        file.take(NOTE_BYTES_MAX as u64 + 1).read_to_end(&mut bytes)
    });
    read.map_err(|error| Failure::usage(format!("cannot read {}: {error}", path.display())))?;
    Ok(bytes)
}

impl Kept {
    /// A failure, unless the chronicle continues what the checkpoint was made of.
    pub(crate) fn judge(
        &self,
        program: &Program,
        verified: &Verified,
        comparison: Comparison,
    ) -> Result<(), Failure> {
        let Checkpoint { origin, head } = &self.checkpoint;
        let size = head.size;
        let of_another = match self.is_of_another(program, verified) {
            true => format!(" It is of {origin}, and this chronicle does not continue that."),
            false => String::new(),
        };
        match comparison {
            Comparison::Continues => Ok(()),
            Comparison::Diverged { found } => Err(Failure::new(
                Exit::Diverged,
                format!(
                    "the history is another: the checkpoint says that the first {size} records have \
                     the root {}, and here they have {found}.{of_another}",
                    head.root
                ),
            )
            .advise(
                "What is here proves itself, so it was rewritten with care, or belongs to something \
                 else. Keep it and the checkpoint, and compare with a backup: `log --json` of both.",
            )),
            Comparison::Incomplete => Err(Failure::new(
                Exit::Incomplete,
                format!(
                    "the checkpoint was made of {size} records, and here are {}.{of_another}",
                    verified.end
                ),
            )
            .advise("An old copy was put back, or the end is lost: look for a newer copy.")),
        }
    }

    fn is_of_another(&self, program: &Program, verified: &Verified) -> bool {
        self.checkpoint.origin != Origin::new(program.name, verified.lineage)
    }

    /// What is told when the chronicle continues it.
    pub(crate) fn lines(&self, program: &Program, verified: &Verified) -> String {
        let Checkpoint { origin, head } = &self.checkpoint;
        let mut lines = format!(
            "against the first {} records are those of the checkpoint, signed by {}",
            head.size,
            self.signed_by.join(" and ")
        );
        if !self.pinned {
            lines.push_str(
                "\n        the chronicle itself names that key; --key KEY checks for one that you trust",
            );
        }
        if self.is_of_another(program, verified) {
            lines.push_str(&format!("\n        it is of {origin}, which this chronicle continues"));
        }
        lines
    }

    /// The same as JSON.
    pub(crate) fn json(&self) -> Value {
        let Checkpoint { origin, head } = &self.checkpoint;
        json!({
            "origin": origin.as_str(),
            "size": head.size,
            "root": head.root.to_string(),
            "signed_by": self.signed_by,
            "key_named_by": if self.pinned { "caller" } else { "chronicle" },
        })
    }
}
