//! A frame: one group commit on disk.

use std::fmt;

/// The number of a replicated frame: 1, 2, 3 …; 0 stands for "no frame".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameIndex(pub u64);

impl fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// The longest frame: what one fsync may make people wait for, and a reader must hold at once.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// The most bytes of records in a frame ([`RecordDraft::frame_bytes`](crate::RecordDraft::frame_bytes)).
pub const FRAME_CONTENT_BYTES_MAX: usize = FRAME_BYTES_MAX - 1024;
