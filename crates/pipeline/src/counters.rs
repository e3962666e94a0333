//! What a node has done since it started, for `/metrics`: counted frame by frame, before the frame's
//! commands are answered.

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Commands accepted.
    pub accepted: u64,
    /// Commands refused.
    pub refused: u64,
    /// Commands that met a bug.
    pub bugs: u64,
    /// Commands denied.
    pub denied: u64,
    /// Commands answered from the record of their first sending.
    pub duplicates: u64,
    /// Commands with a conflicting, gone or untimely id.
    pub unsound_ids: u64,
    /// Commands not run because the disk was almost full.
    pub no_room: u64,
    /// Commands not taken in because a queue was full.
    pub busy: u64,
    /// Frames made durable.
    pub frames: u64,
    /// Microseconds spent committing frames: hash, write, sync; publishing and answering are in it, too.
    pub append_us: u64,
    /// Commands waiting now.
    pub waiting: u64,
}

impl Counters {
    /// Adds what one frame counted.
    pub(crate) fn add(&mut self, frame: &Counters) {
        self.accepted += frame.accepted;
        self.refused += frame.refused;
        self.bugs += frame.bugs;
        self.denied += frame.denied;
        self.duplicates += frame.duplicates;
        self.unsound_ids += frame.unsound_ids;
        self.no_room += frame.no_room;
        self.frames += frame.frames;
    }
}
