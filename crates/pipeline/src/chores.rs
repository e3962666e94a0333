//! Chores: work that need not keep a frame waiting, done on a thread of its own.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use deeds_chronicle::{AppendError, SealJob};
use deeds_engine::app::App;
use deeds_engine::atom::Atom;

use crate::held::Replaced;
use crate::report::{Report, ReportTo, chain};

/// Work that the chronicle's half leaves to others.
pub enum Chore<A: App> {
    /// Fold an atom that nobody has read.
    Fold(Arc<Atom<A>>),
    /// Drop an atom that has been replaced: many small frees.
    Drop(Arc<Atom<A>>),
    /// Split a full segment of the chronicle.
    Seal(Box<SealJob>),
}

impl<A: App> Chore<A> {
    /// Does it. A sealing that fails is tried again when the chronicle is opened.
    pub fn run(self) -> Result<(), AppendError> {
        match self {
            Self::Fold(atom) => {
                atom.state();
                Ok(())
            }
            Self::Drop(atom) => {
                drop(atom);
                Ok(())
            }
            Self::Seal(job) => job.run(),
        }
    }
}

/// The thread's life: chores in the order in which they come, until no more can come.
pub(crate) fn run<A: App>(
    replaced: &Replaced<Atom<A>>,
    chores: &Receiver<Chore<A>>,
    report: &ReportTo,
) {
    // Full segments, oldest first: one that there is no room to split waits for it.
    let mut full = VecDeque::new();
    for chore in chores {
        match chore {
            Chore::Fold(atom) => _ = atom.state(),
            Chore::Drop(atom) => replaced.drop_one(atom),
            Chore::Seal(job) => full.push_back(job),
        }
        while let Some(job) = full.pop_front_if(|job| job.has_room()) {
            match job.run() {
                Ok(()) => {}
                Err(error) if error.is_no_room() => {
                    report(Report::NotSealed { reason: chain(&error) });
                    full.push_front(job);
                    break;
                }
                Err(error) => report(Report::NotSealed { reason: chain(&error) }),
            }
        }
    }
}
