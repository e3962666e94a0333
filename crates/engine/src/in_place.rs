//! Changing a row where it is: how tables change while records are replayed.

use std::sync::Arc;

use deeds_values::KeyBytes;
use smallvec::SmallVec;

use crate::indexes::{IndexMove, IndexMoves, check_unique};
use crate::row::Row;
use crate::table::{Live, key_of, move_entries};

impl<R: Row> Live<R> {
    /// Changes a row where it is: nothing will be taken back, so there need be no copy of what it was.
    /// Gives the row as it is then. A panic leaves it changed, and ends the replay.
    pub(crate) fn update_in_place(
        &mut self,
        name: &'static str,
        key: KeyBytes,
        change: impl FnOnce(&mut R),
    ) -> &R {
        let Live { rows, indexes, .. } = self;
        let Some(place) = rows.get_mut(&key) else {
            panic!("{name}: update of a row that does not exist");
        };
        let row = Arc::make_mut(place);
        let kept = || (0..R::INDEXES.len()).filter(|index| indexes[*index].if_awake().is_some());
        let old: SmallVec<[_; 3]> = kept().map(|at| R::INDEXES[at].entry(row, &key)).collect();
        change(row);
        if key_of(row) != key {
            panic!("{name}: update changed the key of a row; remove the row and insert another");
        }
        let mut moves = IndexMoves::new();
        for (index, old) in kept().zip(old) {
            let new = R::INDEXES[index].entry(row, &key);
            if new != old {
                check_unique(name, &R::INDEXES[index], &indexes[index], (row, &key), &new);
                moves.push(IndexMove { index, old: Some(old), new: Some(new) });
            }
        }
        move_entries(indexes, moves);
        row
    }
}
