//! The ring: what the last publications changed, so that a client that was away for a moment is told
//! what it missed, and a read that took long is caught up.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use deeds_engine::changed::Changed;
use deeds_engine::changes::FrameChanges;
use deeds_engine::live::Publication;
use deeds_values::Position;

/// How many changes of rows are kept. They share their rows with the atoms of then; at some 500 bytes
/// a row that has been replaced since, 100 MB if all have.
const CHANGES_MAX: usize = 200_000;

/// How long they are kept: a page that was out of reach for longer is read anew.
const AGE_MAX: Duration = Duration::from_secs(300);

/// See the module.
#[derive(Debug)]
pub(crate) struct Ring {
    steps: VecDeque<Step>,
    changes: usize,
    /// The position of the last publication.
    end: Position,
}

#[derive(Debug)]
struct Step {
    /// The position before it.
    from: Position,
    changes: Arc<FrameChanges>,
    at: Instant,
}

impl Ring {
    /// Empty, at this position.
    pub(crate) fn new(end: Position) -> Self {
        Self { steps: VecDeque::new(), changes: 0, end }
    }

    /// One publication more.
    pub(crate) fn push(&mut self, publication: &Publication, now: Instant) {
        let changes = Arc::clone(&publication.changes);
        self.changes += changes.count();
        self.steps.push_back(Step { from: self.end, changes, at: now });
        self.end = publication.view.position();
        while let Some(first) = self.steps.front() {
            let is_old = now.saturating_duration_since(first.at) > AGE_MAX;
            if self.changes <= CHANGES_MAX && !is_old {
                break;
            }
            self.changes -= first.changes.count();
            self.steps.pop_front();
        }
    }

    /// What has changed since this position, if it was a publication's and is not too long ago.
    pub(crate) fn since(&self, position: Position) -> Option<Vec<Arc<FrameChanges>>> {
        if position == self.end {
            return Some(Vec::new());
        }
        let first = self.steps.binary_search_by_key(&position, |step| step.from).ok()?;
        Some(self.steps.range(first..).map(|step| Arc::clone(&step.changes)).collect())
    }

    /// How many changes it holds.
    pub(crate) fn changes(&self) -> usize {
        self.changes
    }
}

/// The changes as the engine takes them.
pub(crate) fn together(frames: &[Arc<FrameChanges>]) -> Changed<'_> {
    Changed::new(frames.iter().map(AsRef::as_ref))
}

#[cfg(test)]
mod tests {
    use deeds_engine::live::View;
    use deeds_values::{Lineage, Timestamp};

    use super::*;

    fn publication(position: u64) -> Publication {
        let view = View::staged(Lineage([1; 8]), Position(position), Timestamp(0));
        Publication { view, changes: Arc::default() }
    }

    #[test]
    fn it_reaches_back_to_publications_and_to_nothing_between_or_before_them() {
        let mut ring = Ring::new(Position(10));
        let now = Instant::now();
        for position in [12, 15, 16] {
            ring.push(&publication(position), now);
        }
        let since = |position| ring.since(Position(position)).map(|frames| frames.len());
        assert_eq!([10, 12, 15, 16].map(since), [Some(3), Some(2), Some(1), Some(0)]);
        assert_eq!([0, 9, 11, 13, 14, 17].map(since), [None; 6]);
    }

    #[test]
    fn what_is_old_is_dropped() {
        let mut ring = Ring::new(Position(0));
        let start = Instant::now();
        ring.push(&publication(1), start);
        ring.push(&publication(2), start + AGE_MAX);
        assert!(ring.since(Position(0)).is_some());
        ring.push(&publication(3), start + AGE_MAX + Duration::from_secs(1));
        assert!(ring.since(Position(0)).is_none());
        assert_eq!(ring.since(Position(1)).map(|frames| frames.len()), Some(2));
    }
}
