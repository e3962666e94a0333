//! Index entries: what a change of one row moves, and what a unique index does not allow.
//!
//! An entry is the bytes of the indexed value followed by the row's key; it maps to where the key
//! starts.
//!
//! While records are replayed, the live form of an index sleeps: nobody keeps it, until somebody reads
//! it or the replay ends. To make one of all rows by sorting costs a fraction of keeping it row by row.
//! Unique indexes never sleep: a value that another row has must be found at the record that gives it.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use deeds_values::KeyBytes;
use smallvec::SmallVec;

use crate::row::{IndexSpec, Row};

/// Where the row's key starts within an index entry.
pub(crate) type Split = u32;

/// What a change of one row moves in an index.
pub(crate) struct IndexMove {
    /// The index's number.
    pub(crate) index: usize,
    /// The entry to take out.
    pub(crate) old: Option<(KeyBytes, Split)>,
    /// The entry to put in.
    pub(crate) new: Option<(KeyBytes, Split)>,
}

/// The entries of one index, unless it sleeps.
pub(crate) struct LiveIndex(OnceLock<BTreeMap<KeyBytes, Split>>);

impl LiveIndex {
    /// The index of an empty table, awake.
    pub(crate) fn empty() -> Self {
        Self::of(BTreeMap::new())
    }

    /// An index with these entries, awake.
    pub(crate) fn of(entries: BTreeMap<KeyBytes, Split>) -> Self {
        Self(OnceLock::from(entries))
    }

    /// Puts the index to sleep, if it can.
    pub(crate) fn sleep<R>(&mut self, spec: &IndexSpec<R>) {
        if !spec.unique {
            self.0.take();
        }
    }

    /// The entries; if it slept, it is awake from here on.
    pub(crate) fn awake<R: Row>(
        &self,
        spec: &IndexSpec<R>,
        rows: &BTreeMap<KeyBytes, Arc<R>>,
    ) -> &BTreeMap<KeyBytes, Split> {
        self.0.get_or_init(|| {
            assert!(!spec.unique, "a unique index never sleeps");
            let entry = |(key, row): (&KeyBytes, &Arc<R>)| spec.entry(row, key);
            let mut entries: Vec<(KeyBytes, Split)> = rows.iter().map(entry).collect();
            entries.sort_unstable();
            BTreeMap::from_iter(entries)
        })
    }

    pub(crate) fn if_awake(&self) -> Option<&BTreeMap<KeyBytes, Split>> {
        self.0.get()
    }

    pub(crate) fn if_awake_mut(&mut self) -> Option<&mut BTreeMap<KeyBytes, Split>> {
        self.0.get_mut()
    }
}

/// Few rows have more indexes than this.
pub(crate) type IndexMoves = SmallVec<[IndexMove; 3]>;

/// What a change of one row moves in the indexes that are kept; entries that stay are not named.
pub(crate) fn index_moves<R: Row>(
    is_kept: impl Fn(usize) -> bool,
    key: &[u8],
    before: Option<&R>,
    after: Option<&R>,
) -> IndexMoves {
    let mut moves = IndexMoves::new();
    for (index, spec) in R::INDEXES.iter().enumerate().filter(|(index, _)| is_kept(*index)) {
        let stays =
            matches!((before, after), (Some(before), Some(after)) if (spec.same)(before, after));
        if !stays {
            let old = before.map(|row| spec.entry(row, key));
            let new = after.map(|row| spec.entry(row, key));
            moves.push(IndexMove { index, old, new });
        }
    }
    moves
}

/// As [`index_moves`] in those that are awake, if no unique index has the new value for another row.
///
/// # Panics
/// If one has.
pub(crate) fn allowed_moves<R: Row>(
    table: &'static str,
    indexes: &[LiveIndex],
    key: &[u8],
    before: Option<&R>,
    after: Option<&R>,
) -> IndexMoves {
    let moves = index_moves(|index| indexes[index].if_awake().is_some(), key, before, after);
    for IndexMove { index, new, .. } in &moves {
        if let (Some(entry), Some(row)) = (new, after) {
            check_unique(table, &R::INDEXES[*index], &indexes[*index], (row, key), entry);
        }
    }
    moves
}

/// Checks that an index, if it is unique, has the value of a new entry for no other row.
///
/// # Panics
/// If it has.
pub(crate) fn check_unique<R>(
    table: &'static str,
    spec: &IndexSpec<R>,
    index: &LiveIndex,
    (row, key): (&R, &[u8]),
    (entry, split): &(KeyBytes, Split),
) {
    if !spec.unique || !(spec.has_value)(row) {
        return;
    }
    let entries = index.if_awake().expect("a unique index never sleeps");
    if taken_by_another(entries, &entry[..*split as usize], key) {
        panic!("{table}: another row has this value of the unique index `{}`", spec.name);
    }
}

/// Whether a unique index has this value for another row than that with this key.
fn taken_by_another(index: &BTreeMap<KeyBytes, Split>, value: &[u8], key: &[u8]) -> bool {
    let first = index.range(KeyBytes::from_slice(value)..).next();
    first.is_some_and(|(entry, &split)| {
        &entry[..split as usize] == value && &entry[split as usize..] != key
    })
}
