//! Refolding: proof that the state is what the records say, in both of its forms.
//!
//! Every record is folded into a live state by evolve, and the changes into a frozen one as the
//! published atom is; at the end the two must be the same, row by row, and every index, reference
//! and invariant must hold.

use deeds_chronicle::Reader;
use deeds_engine::app::App;
use deeds_engine::atom::Atom;
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

/// How many records are folded into the atom together, as a frame's would be.
const FOLD_RECORDS: u64 = 512;

/// Folds all durable records; `progress` is told the position reached and the end, now and then.
pub fn refold<A: App>(
    reader: &Reader,
    progress: &mut dyn FnMut(Position, Position),
) -> Result<Refolded<A>, RefoldError> {
    let end = reader.end().map_err(OpenError::from)?;
    let mut replay = Replay::<A>::new(EngineOptions::default());
    let mut atom = Atom {
        lineage: reader.lineage(),
        position: Position(0),
        time: Timestamp(i64::MIN),
        state: A::live().freeze(),
    };
    for record in reader
        .stream(Position(0))
        .take_while(|record| record.as_ref().map_or(true, |record| record.position() < end))
    {
        let record = record.map_err(OpenError::from)?;
        replay.one(&record)?;
        if record.position() == Position(0) {
            replay.engine_mut().record_changes(true);
        }
        if replay.next().0.is_multiple_of(FOLD_RECORDS) || replay.next() == end {
            let changes = replay.engine_mut().take_changes();
            atom = atom.after(&changes, record.position(), record.header.time);
            progress(replay.next(), end);
        }
    }
    let live = replay.engine_mut().state();
    same_state(live, &atom.state).map_err(RefoldError::Differs)?;
    for invariant in A::INVARIANTS {
        (invariant.check)(live)
            .map_err(|broken| RefoldError::Invariant { name: invariant.name, broken })?;
    }
    let duplicates = replay.engine_mut().duplicates();
    let (remembered, horizon_ms) = (duplicates.counts(), duplicates.horizon_ms());
    Ok(Refolded { atom, records: replay.next().0, remembered, horizon_ms })
}
