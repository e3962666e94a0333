//! What was published since the hub last looked: put here by the chronicle's thread, taken by the hub.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use deeds_engine::live::Publication;

/// How many publications gather while nobody is here before the thread looks: each holds an atom.
const GATHERED_MAX: usize = 64;

/// How many changes of rows gather then: what they replaced is held as long.
const GATHERED_CHANGES_MAX: usize = 4_096;

/// See the module.
#[derive(Default)]
pub(crate) struct Gathered(Mutex<Gathering>);

#[derive(Default)]
struct Gathering {
    publications: Vec<Publication>,
    /// Of rows, in all of them.
    changes: usize,
    /// Whether the thread was woken for them: once, however many follow before its next step.
    is_told: bool,
}

impl Gathered {
    /// Says whether the thread is to be woken: while somebody is here, or when they are many.
    pub(crate) fn put(&self, publication: &Publication, present: &AtomicUsize) -> bool {
        let mut gathering = self.0.lock().expect("nobody panics holding it");
        gathering.changes += publication.changes.count();
        gathering.publications.push(publication.clone());
        let is_much = gathering.publications.len() >= GATHERED_MAX
            || gathering.changes >= GATHERED_CHANGES_MAX;
        // Looked at last: who comes after this look has the thread take what was put here.
        let wakes = is_much || present.load(Ordering::SeqCst) > 0;
        wakes && !std::mem::replace(&mut gathering.is_told, true)
    }

    pub(crate) fn take(&self) -> Vec<Publication> {
        std::mem::take(&mut *self.0.lock().expect("nobody panics holding it")).publications
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use deeds_engine::live::View;
    use deeds_values::{Lineage, Position};

    use super::*;

    #[test]
    fn publications_wake_the_thread_while_somebody_is_here_or_when_they_are_many() {
        let (gathered, present) = (Gathered::default(), AtomicUsize::new(0));
        let view = View::staged(Lineage([1; 8]), Position(1), deeds_values::Timestamp(1));
        let publication = Publication { view, changes: Arc::default() };
        let wakes = || gathered.put(&publication, &present);
        assert_eq!((1..=GATHERED_MAX).position(|_| wakes()), Some(GATHERED_MAX - 1));
        assert!(!wakes(), "it was told");
        assert_eq!(gathered.take().len(), GATHERED_MAX + 1);
        assert!(!wakes(), "those were taken");
        present.store(1, Ordering::SeqCst);
        assert!(wakes());
        assert!(!wakes(), "it was told");
        gathered.take();
        assert!(wakes());
    }
}
