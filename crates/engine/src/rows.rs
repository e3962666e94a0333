//! Reading rows: the one read API, the same for the engine's tables, for atoms, and for the part of
//! a table that an actor may see.

use std::any::TypeId;
use std::borrow::Borrow;
use std::collections::btree_map;
use std::ops::{Bound, RangeBounds};
use std::sync::Arc;

use deeds_values::KeyBytes;

use crate::actor::Keys;
use crate::indexes::Split;
use crate::reads::{self, Order, RangeRead, Span};
use crate::row::Row;
use crate::sorted;
use crate::table::{Store, Table, bytes_of};

/// The part of a table that the holder of some keys may see.
pub struct VisibleTable<'a, R: Row> {
    table: &'a Table<R>,
    keys: &'a Keys,
}

impl<'a, R: Row> VisibleTable<'a, R> {
    /// What the holder of these keys sees of the table.
    pub fn new(table: &'a Table<R>, keys: &'a Keys) -> Self {
        Self { table, keys }
    }
}

/// A place to read rows of one type from. All reads are in key order, or in the order of the index
/// and then of the key.
///
/// `#[row]` adds typed reads for each index: `by_<index>(value)`, `by_<index>_in(range)`, and
/// `by_<index>_prefix("text")` where the index ends in text.
pub trait Reads<R: Row> {
    /// The table and, if only a part is visible, the keys held.
    #[doc(hidden)]
    fn source(&self) -> (&Table<R>, Option<&Keys>);

    /// The row with this key.
    fn get(&self, key: impl Borrow<R::Key>) -> Option<&R> {
        let (table, keys) = self.source();
        let bytes = bytes_of(key.borrow());
        table.note_key(&bytes);
        table.row(&bytes).filter(|row| visible(*row, keys))
    }

    /// Whether a row has this key.
    fn contains(&self, key: impl Borrow<R::Key>) -> bool {
        self.get(key).is_some()
    }

    /// How many rows there are; counts one by one where only a part is visible.
    fn len(&self) -> usize {
        let (table, keys) = self.source();
        match keys {
            None => {
                table.note(None, Span::whole);
                crate::table::AnyTable::row_count(table)
            }
            Some(_) => self.iter().count(),
        }
    }

    /// Whether there are no rows.
    fn is_empty(&self) -> bool {
        self.iter().next().is_none()
    }

    /// All rows.
    fn iter(&self) -> Rows<'_, R> {
        self.read(None, Span::whole())
    }

    /// The rows whose keys lie in the range.
    fn range(&self, range: impl RangeBounds<R::Key>) -> Rows<'_, R> {
        let (low, high) = (range.start_bound().map(bytes_of), range.end_bound().map(bytes_of));
        self.read(None, Span::Between(low, high))
    }

    /// The rows whose key's bytes start with `prefix`: the leading part of a composite key.
    #[doc(hidden)]
    fn key_prefix(&self, prefix: &[u8]) -> Rows<'_, R> {
        self.read(None, Span::Prefix(KeyBytes::from_slice(prefix)))
    }

    /// The rows of an index whose value's bytes start with `prefix`.
    #[doc(hidden)]
    fn index_prefix(&self, index: usize, prefix: &[u8]) -> Rows<'_, R> {
        self.read(Some(index), Span::Prefix(KeyBytes::from_slice(prefix)))
    }

    /// The rows of an index whose value's bytes lie in the range; an entry is a value's bytes and
    /// more, so "up to and with a value" ends where its prefix ends.
    #[doc(hidden)]
    fn index_range(
        &self,
        index: usize,
        low: Bound<KeyBytes>,
        high: Bound<KeyBytes>,
    ) -> Rows<'_, R> {
        let low = match low {
            Bound::Excluded(value) => match prefix_end(&value) {
                Bound::Excluded(end) => Bound::Included(end),
                // Nothing is after everything that starts with it.
                _ => {
                    let nothing = Bound::Excluded(value);
                    return self.read(Some(index), Span::Between(nothing.clone(), nothing));
                }
            },
            other => other,
        };
        let high = match high {
            Bound::Included(value) => prefix_end(&value),
            other => other,
        };
        let span = match (low, high) {
            (Bound::Unbounded, Bound::Unbounded) => Span::whole(),
            (low, high) => Span::Between(low, high),
        };
        self.read(Some(index), span)
    }

    /// The rows of this part of an index, or of the order of the keys.
    #[doc(hidden)]
    fn read(&self, index: Option<usize>, span: Span) -> Rows<'_, R> {
        let (table, keys) = self.source();
        let noted = table.note(index, || span.clone());
        let (low, high) = span.bounds();
        let cursor = match index {
            None => table.cursor(low, high),
            Some(index) => table.index_cursor(index, low, high),
        };
        Rows { table, cursor, keys, backwards: false, noted }
    }
}

impl<R: Row> Reads<R> for Table<R> {
    fn source(&self) -> (&Table<R>, Option<&Keys>) {
        (self, None)
    }
}

impl<R: Row> Reads<R> for VisibleTable<'_, R> {
    fn source(&self) -> (&Table<R>, Option<&Keys>) {
        (self.table, Some(self.keys))
    }
}

fn visible<R: Row>(row: &R, keys: Option<&Keys>) -> bool {
    keys.is_none_or(|held| row.audience().meet(held))
}

/// The exclusive end of everything that starts with `prefix`.
fn prefix_end(prefix: &[u8]) -> Bound<KeyBytes> {
    deeds_values::key::prefix_end(prefix).map_or(Bound::Unbounded, Bound::Excluded)
}

/// Rows in order, from either end.
pub struct Rows<'a, R: Row> {
    table: &'a Table<R>,
    cursor: Cursor<'a, R>,
    keys: Option<&'a Keys>,
    pub(crate) backwards: bool,
    /// What was read, if somebody asked for it.
    pub(crate) noted: Option<RangeRead>,
}

impl<'a, R: Row> Rows<'a, R> {
    /// The same rows, the last one first.
    #[must_use]
    pub fn backwards(mut self) -> Self {
        self.backwards = !self.backwards;
        self
    }

    /// All rows of the table, in the order of this index.
    pub(crate) fn sorted(self, index: usize) -> Self {
        let order = Order { row_type: TypeId::of::<R>(), index: Some(index) };
        let cursor = self.table.index_cursor(index, Bound::Unbounded, Bound::Unbounded);
        let noted = Some(RangeRead { order, span: Span::whole() });
        Self { cursor, noted, backwards: false, ..self }
    }

    /// Those of the rows that are told after this entry of their order, which need not be one of
    /// theirs. Only where what is read is noted.
    pub(crate) fn after(self, entry: Option<KeyBytes>) -> Self {
        let Some(entry) = entry else { return self };
        let noted = self.noted.as_ref().expect("what is read is noted");
        let (mut low, mut high) = noted.span.clone().bounds();
        // Never wider than it was, wherever the entry lies.
        if self.backwards {
            if !matches!(&high, Bound::Included(end) | Bound::Excluded(end) if *end < entry) {
                high = Bound::Excluded(entry);
            }
        } else if !matches!(&low, Bound::Included(start) | Bound::Excluded(start) if *start > entry)
        {
            low = Bound::Excluded(entry);
        }
        let cursor = match noted.order.index {
            None => self.table.cursor(low, high),
            Some(index) => self.table.index_cursor(index, low, high),
        };
        Self { cursor, ..self }
    }
}

enum Cursor<'a, R: Row> {
    None,
    Live(btree_map::Range<'a, KeyBytes, Arc<R>>),
    Frozen(sorted::Range<'a, Arc<R>>),
    LiveIndex(&'a Table<R>, btree_map::Range<'a, KeyBytes, Split>),
    FrozenIndex(&'a Table<R>, sorted::Range<'a, Split>),
}

fn indexed<'a, R: Row>(table: &'a Table<R>, entry: &KeyBytes, split: Split) -> &'a R {
    let key = KeyBytes::from_slice(&entry[split as usize..]);
    table.row(&key).expect("an index entry names a row")
}

impl<'a, R: Row> Iterator for Cursor<'a, R> {
    type Item = &'a R;

    fn next(&mut self) -> Option<&'a R> {
        match self {
            Cursor::None => None,
            Cursor::Live(range) => range.next().map(|(_, row)| &**row),
            Cursor::Frozen(range) => range.next().map(|(_, row)| &**row),
            Cursor::LiveIndex(table, range) => {
                range.next().map(|(entry, &split)| indexed(table, entry, split))
            }
            Cursor::FrozenIndex(table, range) => {
                range.next().map(|(entry, &split)| indexed(table, entry, split))
            }
        }
    }
}

impl<'a, R: Row> DoubleEndedIterator for Cursor<'a, R> {
    fn next_back(&mut self) -> Option<&'a R> {
        match self {
            Cursor::None => None,
            Cursor::Live(range) => range.next_back().map(|(_, row)| &**row),
            Cursor::Frozen(range) => range.next_back().map(|(_, row)| &**row),
            Cursor::LiveIndex(table, range) => {
                range.next_back().map(|(entry, &split)| indexed(table, entry, split))
            }
            Cursor::FrozenIndex(table, range) => {
                range.next_back().map(|(entry, &split)| indexed(table, entry, split))
            }
        }
    }
}

impl<'a, R: Row> Iterator for Rows<'a, R> {
    type Item = &'a R;

    fn next(&mut self) -> Option<&'a R> {
        let keys = self.keys;
        let seen = |row: &&'a R| visible(*row, keys);
        if self.backwards { self.cursor.rfind(seen) } else { self.cursor.find(seen) }
    }
}

impl<R: Row> DoubleEndedIterator for Rows<'_, R> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let keys = self.keys;
        let seen = |row: &Self::Item| visible(*row, keys);
        if self.backwards { self.cursor.find(seen) } else { self.cursor.rfind(seen) }
    }
}

impl<R: Row> Table<R> {
    /// Notes a read of the frozen form, if somebody asked; see [`crate::reads`].
    fn note(&self, index: Option<usize>, span: impl FnOnce() -> Span) -> Option<RangeRead> {
        match &self.store {
            Store::Live(_) => None,
            Store::Frozen(_) => reads::note(|| RangeRead {
                order: Order { row_type: TypeId::of::<R>(), index },
                span: span(),
            }),
        }
    }

    fn note_key(&self, key: &KeyBytes) {
        self.note(None, || Span::Prefix(key.clone()));
    }

    fn row(&self, key: &KeyBytes) -> Option<&R> {
        match &self.store {
            Store::Live(live) => live.rows.get(key).map(|row| &**row),
            Store::Frozen(frozen) => frozen.rows.get(key).map(|row| &**row),
        }
    }

    fn cursor(&self, low: Bound<KeyBytes>, high: Bound<KeyBytes>) -> Cursor<'_, R> {
        if is_empty(&low, &high) {
            return Cursor::None;
        }
        match &self.store {
            Store::Live(live) => Cursor::Live(live.rows.range((low, high))),
            Store::Frozen(frozen) => Cursor::Frozen(frozen.rows.range(low, high)),
        }
    }

    fn index_cursor(
        &self,
        index: usize,
        low: Bound<KeyBytes>,
        high: Bound<KeyBytes>,
    ) -> Cursor<'_, R> {
        if is_empty(&low, &high) {
            return Cursor::None;
        }
        match &self.store {
            Store::Live(live) => Cursor::LiveIndex(self, live.index(index).range((low, high))),
            Store::Frozen(frozen) => {
                Cursor::FrozenIndex(self, frozen.indexes[index].range(low, high))
            }
        }
    }
}

/// Whether the bounds enclose nothing: the maps panic on a range that starts after its end.
fn is_empty(low: &Bound<KeyBytes>, high: &Bound<KeyBytes>) -> bool {
    match (low, high) {
        (Bound::Included(low), Bound::Included(high)) => low > high,
        (Bound::Included(low) | Bound::Excluded(low), Bound::Excluded(high))
        | (Bound::Excluded(low), Bound::Included(high)) => low >= high,
        (Bound::Unbounded, _) | (_, Bound::Unbounded) => false,
    }
}
