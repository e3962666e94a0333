//! Old atoms that somebody still reads from: how many there are, and how long the oldest has been
//! replaced. Nobody can take an atom from its reader, so what is kept alive must be seen.

// Part of the shell: see `node`.
#![allow(clippy::disallowed_methods)]

use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::{Duration, Instant};

/// How many are remembered before those that are gone are looked for.
const REMEMBERED_MIN: usize = 64;

/// Replaced atoms that are held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct HeldAtoms {
    /// How many.
    pub count: usize,
    /// How long ago the oldest was replaced.
    pub oldest: Duration,
}

/// Remembers what was replaced for as long as somebody holds it.
pub(crate) struct Replaced<T>(Mutex<Vec<(Instant, Weak<T>)>>);

impl<T> Default for Replaced<T> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<T> Replaced<T> {
    /// Drops an atom that was replaced, and remembers it if others hold it.
    pub(crate) fn drop_one(&self, atom: Arc<T>) {
        let weak = Arc::downgrade(&atom);
        drop(atom);
        if weak.strong_count() == 0 {
            return;
        }
        let mut held = self.held();
        // Looking only when the list is about to grow makes the cost of each look that of a push.
        if held.len() == held.capacity() {
            held.retain(|(_, atom)| atom.strong_count() > 0);
            let room = held.len().max(REMEMBERED_MIN);
            held.reserve(room);
        }
        held.push((Instant::now(), weak));
    }

    /// Those that are held now.
    pub(crate) fn count(&self) -> HeldAtoms {
        let mut held = self.held();
        held.retain(|(_, atom)| atom.strong_count() > 0);
        let oldest = held.first().map_or(Duration::ZERO, |(replaced, _)| replaced.elapsed());
        HeldAtoms { count: held.len(), oldest }
    }

    fn held(&self) -> MutexGuard<'_, Vec<(Instant, Weak<T>)>> {
        self.0.lock().expect("nobody panics holding the list")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_atom_counts_for_as_long_as_somebody_holds_it() {
        let replaced = Replaced::default();
        let readers: Vec<Arc<u32>> = (0..200).map(Arc::new).collect();
        for reader in &readers {
            replaced.drop_one(Arc::clone(reader));
            replaced.drop_one(Arc::new(7));
        }
        assert_eq!(replaced.count().count, 200);
        drop(readers);
        assert_eq!(replaced.count(), HeldAtoms::default());
    }
}
