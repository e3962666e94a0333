//! The last checkpoint that was signed, kept beside the guard file: a log must never sign two
//! histories, and the guard file lags a second behind.
//!
//! The file is the checkpoint itself, replaced before the checkpoint is handed out: written aside,
//! renamed, and not synced. It guards against an old copy that is put back, not against losing power:
//! that loses nothing that was signed, for only what is durable is. What is not whole counts as
//! absent.

use std::sync::Arc;

use deeds_values::Position;

use crate::checkpoint::{Checkpoint, TreeHead};
use crate::disk::{Attempt, Disk, DiskError, read_full_at};
use crate::guard::GuardFile;
use crate::note::NOTE_BYTES_MAX;
use crate::reader::{ReadError, Reader};
use crate::recovery::GuardFinding;

/// Where the last checkpoint is kept.
#[derive(Clone)]
pub struct LastSigned {
    disk: Arc<dyn Disk>,
    path: String,
}

impl LastSigned {
    /// Beside the guard file: `NAME.checkpoint` for `NAME.guard`.
    pub fn beside(guard: &GuardFile) -> Self {
        let name = guard.path.strip_suffix(".guard").unwrap_or(&guard.path);
        Self { disk: guard.disk.clone(), path: format!("{name}.checkpoint") }
    }

    /// Holds what was signed last against the durable records. Says `Off` when nothing is known to
    /// have been signed.
    pub fn compare(&self, reader: &Reader) -> Result<GuardFinding, ReadError> {
        let Some(TreeHead { size, root }) = self.read()? else { return Ok(GuardFinding::Off) };
        if size > reader.end()? {
            return Ok(GuardFinding::Behind { size });
        }
        let agrees = match size.0.checked_sub(1) {
            None => true,
            // What is signed ends with a frame, and frames stay what they are.
            Some(last) => reader.root_after(Position(last))? == Some(root),
        };
        Ok(if agrees { GuardFinding::Agrees } else { GuardFinding::Differs { size } })
    }

    /// Keeps a checkpoint that is about to be handed out, unless a later one is kept already.
    pub fn keep(&self, head: TreeHead, signed: &str) -> Result<(), DiskError> {
        if self.read()?.is_some_and(|kept| kept.size >= head.size) {
            return Ok(());
        }
        let aside = format!("{}.new", self.path);
        match self.disk.remove(&aside).attempt("remove", &aside) {
            Err(error) if !error.is_absent() => return Err(error),
            _ => {}
        }
        let file = self.disk.create_new(&aside).attempt("create", &aside)?;
        file.write_at(signed.as_bytes(), 0).attempt("write", &aside)?;
        self.disk.rename(&aside, &self.path).attempt("rename", &aside)
    }

    fn read(&self) -> Result<Option<TreeHead>, DiskError> {
        let file = match self.disk.open_read(&self.path).attempt("open", &self.path) {
            Err(error) if error.is_absent() => return Ok(None),
            file => file?,
        };
        let mut bytes = vec![0; NOTE_BYTES_MAX];
        let count = read_full_at(file.as_ref(), &mut bytes, 0).attempt("read", &self.path)?;
        Ok(Checkpoint::own(&bytes[..count]).map(|checkpoint| checkpoint.head))
    }
}
