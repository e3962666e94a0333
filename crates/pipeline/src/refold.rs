//! Refolding: proof that the state is what the records say, in both of its forms.
//!
//! Every record is folded into a live state by evolve, and the changes into a frozen one as the
//! published atom is; at the end the two must be the same, row by row, and every index, reference
//! and invariant must hold.

use std::sync::Arc;

use deeds_chronicle::Reader;
use deeds_engine::app::App;
use deeds_engine::atom::{Atom, BEHIND_MAX};
use deeds_engine::duplicates::Duplicates;
use deeds_engine::engine::EngineOptions;
use deeds_engine::testing::same_state;
use deeds_values::{Position, Timestamp};

use crate::opening::OpenError;
use crate::replay::Replay;

/// What refolding proved.
pub struct Refolded<A: App> {
    /// The state, frozen.
    pub atom: Atom<A>,
    /// How many records were folded.
    pub records: u64,
    /// How many unique ids the duplicate window remembers, and how many sources.
    pub remembered: (usize, usize),
    /// The time of the newest id it ever forgot, in milliseconds since 1970.
    pub horizon_ms: Option<u64>,
}

/// The state is not what it should be.
#[derive(Debug, thiserror::Error)]
pub enum RefoldError {
    /// A record cannot be read.
    #[error("a record cannot be folded")]
    Read(#[from] OpenError),
    /// The two forms of the state differ.
    #[error("the live and the published state differ: {0}")]
    Differs(String),
    /// Something that must hold does not.
    #[error("invariant {name}: {broken}")]
    Invariant {
        /// The invariant.
        name: &'static str,
        /// What is wrong.
        broken: String,
    },
}

/// Folds all durable records; `progress` is told the position reached and the end, now and then.
pub fn refold<A: App>(
    reader: &Reader,
    progress: &mut dyn FnMut(Position, Position),
) -> Result<Refolded<A>, RefoldError> {
    let end = reader.end().map_err(OpenError::from)?;
    let options = EngineOptions::default();
    // Looked up in as it fills: a command that was recorded twice is seen at its second record.
    let duplicates = Duplicates::new(options.window_commands);
    let mut replay = Replay::<A>::new(options, duplicates, true);
    let (beginning, empty) = (Timestamp(i64::MIN), A::live().freeze());
    let mut atom = Atom::new(reader.lineage(), Position(0), beginning, empty);
    replay.up_to(end, reader, &mut |engine, next, time| {
        let last = next.0.checked_sub(1).expect("a record was folded");
        atom = atom.after(Arc::new(engine.take_changes()), Position(last), time);
        if atom.behind() >= BEHIND_MAX {
            atom.state();
        }
        progress(next, end);
    })?;
    let live = replay.engine().state();
    same_state(live, atom.state()).map_err(RefoldError::Differs)?;
    for invariant in A::INVARIANTS {
        (invariant.check)(live)
            .map_err(|broken| RefoldError::Invariant { name: invariant.name, broken })?;
    }
    let duplicates = &replay.ledger().duplicates;
    let (remembered, horizon_ms) = (duplicates.counts(), duplicates.horizon_ms());
    Ok(Refolded { atom, records: replay.next().0, remembered, horizon_ms })
}
