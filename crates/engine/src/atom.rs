//! The atom: the whole published state as one immutable value at one position.

use deeds_values::{Lineage, Position, Timestamp};

use crate::changes::FrameChanges;
use crate::state::{self, State};

/// The state at a position. Holding one is a consistent read; it never changes.
pub struct Atom<S> {
    /// The chronicle it was folded from.
    pub lineage: Lineage,
    /// The last record folded in.
    pub position: Position,
    /// When that record was made.
    pub time: Timestamp,
    /// The tables, frozen.
    pub state: S,
}

impl<S: State> Atom<S> {
    /// The atom after one more frame, sharing all that did not change.
    #[must_use]
    pub fn after(&self, changes: &FrameChanges, position: Position, time: Timestamp) -> Self {
        assert!(position >= self.position, "atoms move forward");
        assert!(time >= self.time, "log time does not go back");
        let mut state = self.state.freeze();
        state::fold(&mut state, changes);
        Self { lineage: self.lineage, position, time, state }
    }
}
