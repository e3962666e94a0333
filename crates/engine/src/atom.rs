//! The atom: the whole published state as one immutable value at one position.
//!
//! An atom is published with each frame, and most are replaced before anybody looks. So an atom is at
//! first only the one before it and what changed since; its tables are folded when somebody reads them,
//! from the last that were, with the changes of all frames between in one go. A thousand orders of one
//! product are then one change of its row, and a node of a map is copied once for all that changed in it.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};

use deeds_values::{Lineage, Position, Timestamp};

use crate::changes::FrameChanges;
use crate::state::{self, State};

/// The state at a position. Holding one is a consistent read; it never changes.
pub struct Atom<S> {
    /// The chronicle it was folded from.
    pub lineage: Lineage,
    /// The last record in it.
    pub position: Position,
    /// When that record was made.
    pub time: Timestamp,
    tables: Arc<Tables<S>>,
}

/// Frozen tables, or what they will be folded from.
struct Tables<S> {
    folded: OnceLock<S>,
    /// None once they are folded.
    step: Mutex<Option<Step<S>>>,
    /// What has changed up to here, counted from where the atoms began.
    changes: usize,
    /// Up to where that has been folded, in the latest of these tables and those after them.
    folded_changes: Arc<AtomicUsize>,
}

/// A frame after other tables.
struct Step<S> {
    before: Arc<Tables<S>>,
    changes: Arc<FrameChanges>,
}

impl<S> Clone for Step<S> {
    fn clone(&self) -> Self {
        Self { before: Arc::clone(&self.before), changes: Arc::clone(&self.changes) }
    }
}

/// A frame counts as so many changes more than it holds: each is a step from one atom to the next,
/// and steps are gone back one by one.
const CHANGES_PER_FRAME: usize = 64;

/// How far behind an atom may be before it is folded although nobody reads it. More would save little;
/// so much is folded in some ten milliseconds, which is what a reader may have to wait.
pub const BEHIND_MAX: usize = 16_384;

impl<S: State> Atom<S> {
    /// The atom of these tables, which are frozen.
    pub fn new(lineage: Lineage, position: Position, time: Timestamp, state: S) -> Self {
        let folded = OnceLock::from(state);
        let (step, folded_changes) = (Mutex::new(None), Arc::default());
        let tables = Tables { folded, step, changes: 0, folded_changes };
        Self { lineage, position, time, tables: Arc::new(tables) }
    }

    /// The atom after one more frame, sharing all that did not change.
    #[must_use]
    pub fn after(&self, changes: Arc<FrameChanges>, position: Position, time: Timestamp) -> Self {
        assert!(position >= self.position, "atoms move forward");
        assert!(time >= self.time, "log time does not go back");
        let before = Arc::clone(&self.tables);
        let tables = Tables {
            folded: OnceLock::new(),
            changes: before.changes + CHANGES_PER_FRAME + changes.count(),
            folded_changes: Arc::clone(&before.folded_changes),
            step: Mutex::new(Some(Step { before, changes })),
        };
        Self { lineage: self.lineage, position, time, tables: Arc::new(tables) }
    }

    /// The tables, frozen. Whoever asks first folds them; others who ask meanwhile wait for it.
    pub fn state(&self) -> &S {
        self.tables.state()
    }

    /// How much is left to fold: the changes since the tables were last folded, and something for each
    /// frame. None of it is in memory twice, but who reads next waits for it.
    pub fn behind(&self) -> usize {
        let folded = self.tables.folded_changes.load(Ordering::Relaxed);
        self.tables.changes.saturating_sub(folded)
    }
}

impl<S: State> Tables<S> {
    fn state(&self) -> &S {
        let mut is_first = false;
        let state = self.folded.get_or_init(|| {
            is_first = true;
            self.fold()
        });
        if is_first {
            // Only now, so that whoever finds nothing to fold here finds the tables.
            drop(self.lock_step().take());
            self.folded_changes.fetch_max(self.changes, Ordering::Relaxed);
        }
        state
    }

    fn fold(&self) -> S {
        let mut frames = Vec::new();
        let mut step = self.step().expect("what is not folded knows what it follows from");
        let base = loop {
            frames.push(step.changes);
            if step.before.folded.get().is_some() {
                break step.before;
            }
            match step.before.step() {
                Some(earlier) => step = earlier,
                // Somebody folded it a moment ago.
                None => break step.before,
            }
        };
        frames.reverse();
        let mut state = base.state().freeze();
        state::fold(&mut state, &frames);
        state
    }

    /// What they follow from, and by what; none once they are folded.
    fn step(&self) -> Option<Step<S>> {
        self.lock_step().clone()
    }

    fn lock_step(&self) -> MutexGuard<'_, Option<Step<S>>> {
        self.step.lock().expect("nobody panics holding a step")
    }
}
