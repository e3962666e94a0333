//! Room on the disk: commands are refused while too little is left.
//!
//! A chronicle only grows, and a disk that is full to the last byte takes no clean end, no split
//! segment and no guard file. So once less than the *keep-free* limit is left, new commands are told so
//! and leave nothing; repeats of recorded ones, queries, checkpoints and backups go on. Nothing watches
//! the disk while nobody sends commands: it is looked at when one comes, and not more often than it
//! can fill. So commands flow again with the first one that comes when there is room.

use std::sync::Arc;

use deeds_chronicle::Disk;
use deeds_engine::clock::Now;

use crate::report::{Report, ReportTo};

/// What is kept free unless told: splitting a full segment takes 64 MiB, of which three may wait at
/// once, and the reserve is to be made anew.
pub const KEEP_FREE_BYTES: u64 = 256 << 20;

/// A look costs a microsecond or two; at 100 MB/s a disk fills by a megabyte between two.
const LOOK_EVERY_US: u64 = 10_000;

/// What is left on the disk, and how much of it is to stay.
pub struct Room {
    disk: Arc<dyn Disk>,
    keep_free_bytes: u64,
    /// When it was last looked, by the monotonic clock.
    looked_us: Option<u64>,
    is_short: bool,
}

impl Room {
    /// Looks at this disk.
    pub fn new(disk: Arc<dyn Disk>, keep_free_bytes: u64) -> Self {
        Self { disk, keep_free_bytes, looked_us: None, is_short: false }
    }

    /// Whether commands are to be refused now. Reports when that begins and ends.
    pub(crate) fn is_short(&mut self, now: Now, report: &ReportTo) -> bool {
        let since = self.looked_us.map(|looked| now.monotonic_us.saturating_sub(looked));
        if since.is_some_and(|since| since < LOOK_EVERY_US) {
            return self.is_short;
        }
        self.looked_us = Some(now.monotonic_us);
        // A disk that does not say how full it is refuses nobody: writes will show.
        let free_bytes = self.disk.free_bytes().unwrap_or(u64::MAX);
        let keep_free_bytes = self.keep_free_bytes;
        let was_short = std::mem::replace(&mut self.is_short, free_bytes < keep_free_bytes);
        match (was_short, self.is_short) {
            (false, true) => report(Report::NoRoom { free_bytes, keep_free_bytes }),
            (true, false) => report(Report::RoomAgain { free_bytes }),
            _ => {}
        }
        self.is_short
    }
}

/// What is left on the disk, as operators see it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DiskRoom {
    /// What may still be written, in bytes; none where the disk does not say.
    pub free_bytes: Option<u64>,
    /// Below this, commands are refused.
    pub keep_free_bytes: u64,
}

impl DiskRoom {
    /// Whether commands are refused.
    pub fn is_short(&self) -> bool {
        self.free_bytes.is_some_and(|free| free < self.keep_free_bytes)
    }
}
