//! The reserve: room on the disk that is given back when a write finds none.
//!
//! Commands are refused long before a disk is full (`deeds_pipeline::room`), but others write to it,
//! too. When a write of the writer's finds no room, the file `reserve` is removed and the write is
//! done again: the frame that was under way is still answered, the chronicle can be closed and opened.
//! With room again the file is made anew. Nothing ever reads it, and it is never synced: losing it
//! costs only what it is there for.

use std::sync::Arc;

use crate::disk::{Attempt, Disk, DiskError};
use crate::frame::FRAME_BYTES_MAX;

/// The usual reserve, in bytes: the largest frame twice (the one under way, and the one decided
/// meanwhile) and as much again for tiles, a segment header, a new epoch and the files beside them.
pub const RESERVE_BYTES: u64 = 16 << 20;

const _: () = assert!(RESERVE_BYTES >= 4 * FRAME_BYTES_MAX as u64);

/// The reserve is made only where so many of them are free: it must not be what fills the disk.
const FREE_RESERVES_MIN: u64 = 4;

/// Its file.
pub(crate) const RESERVE_PATH: &str = "reserve";

/// See the module.
pub(crate) struct Reserve {
    disk: Arc<dyn Disk>,
    bytes: u64,
    held: bool,
}

impl Reserve {
    /// The reserve as it lies on disk; of 0 bytes it is none.
    pub(crate) fn find(disk: Arc<dyn Disk>, bytes: u64) -> Self {
        let held = bytes > 0 && disk.open_read(RESERVE_PATH).is_ok_and(|file| file.len().is_ok());
        Self { disk, bytes, held }
    }

    /// Makes it if it is not there and there is room for it. That it cannot be made is no failure.
    pub(crate) fn keep(&mut self) {
        if self.held || self.bytes == 0 {
            return;
        }
        let free = self.disk.free_bytes().unwrap_or(0);
        if free / FREE_RESERVES_MIN < self.bytes {
            return;
        }
        self.held = true;
        let made = self.disk.create_new(RESERVE_PATH).and_then(|file| file.allocate(self.bytes));
        if made.is_err() {
            // Half of one would count as held.
            let _ = self.give_back();
        }
    }

    /// Removes it. Whether there is more room now.
    pub(crate) fn give_back(&mut self) -> Result<bool, DiskError> {
        if !std::mem::take(&mut self.held) {
            return Ok(false);
        }
        match self.disk.remove(RESERVE_PATH).attempt("remove", RESERVE_PATH) {
            Err(error) if error.is_absent() => Ok(false),
            removed => removed.map(|()| true),
        }
    }
}
