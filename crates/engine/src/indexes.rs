//! Index entries: what a change of one row moves, and what a unique index does not allow.
//!
//! An entry is the bytes of the indexed value followed by the row's key; it maps to where the key
//! starts.

use std::collections::BTreeMap;

use deeds_values::KeyBytes;
use smallvec::SmallVec;

use crate::row::Row;

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

/// Few rows have more indexes than this.
pub(crate) type IndexMoves = SmallVec<[IndexMove; 3]>;

/// What a change of one row moves in the indexes; entries that stay are not named.
pub(crate) fn index_moves<R: Row>(key: &[u8], before: Option<&R>, after: Option<&R>) -> IndexMoves {
    let mut moves = IndexMoves::new();
    for (index, spec) in R::INDEXES.iter().enumerate() {
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

/// As [`index_moves`], if no unique index has the new value for another row.
///
/// # Panics
/// If one has.
pub(crate) fn allowed_moves<R: Row>(
    table: &'static str,
    indexes: &[BTreeMap<KeyBytes, Split>],
    key: &[u8],
    before: Option<&R>,
    after: Option<&R>,
) -> IndexMoves {
    let moves = index_moves(key, before, after);
    for IndexMove { index, new, .. } in &moves {
        let spec = &R::INDEXES[*index];
        if let Some((entry, split)) = new
            && spec.unique
            && after.is_some_and(spec.has_value)
            && taken_by_another(&indexes[*index], &entry[..*split as usize], key)
        {
            panic!("{table}: another row has this value of the unique index `{}`", spec.name);
        }
    }
    moves
}

/// Whether a unique index has this value for another row than that with this key.
fn taken_by_another(index: &BTreeMap<KeyBytes, Split>, value: &[u8], key: &[u8]) -> bool {
    let first = index.range(KeyBytes::from_slice(value)..).next();
    first.is_some_and(|(entry, &split)| {
        &entry[..split as usize] == value && &entry[split as usize..] != key
    })
}
