//! What a table puts into a snapshot and takes out of it: its rows as entries.
//!
//! An entry is a row's key, as the table sorts it, and the row as MessagePack with field names, the
//! form of the bodies of records ([`crate::recorded`]). Indexes are not written: they follow from
//! the rows. Reading is a function of the entries alone, so that parts of a table can be read side
//! by side; filling then puts the parts in, in order, into an empty live table.

use std::any::Any;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use deeds_values::KeyBytes;

use crate::indexes::{LiveIndex, Split};
use crate::recorded::{self, DecodeError};
use crate::row::Row;
use crate::table::{Store, Table, key_of};

/// One row in a snapshot: the bytes of its key, and the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The key.
    pub key: &'a [u8],
    /// What stands under it.
    pub value: &'a [u8],
}

/// Rows of one table, read from entries and not yet put in.
pub struct ReadRows(Box<dyn Any + Send>);

struct Part<R> {
    rows: Vec<(KeyBytes, Arc<R>)>,
    /// For each index its entries, sorted.
    indexes: Vec<Vec<(KeyBytes, Split)>>,
}

/// A table as a snapshot knows it, whatever its rows. Not for authors.
#[doc(hidden)]
pub trait Entries {
    /// Visits the rows in the order of their keys, until the visitor breaks off.
    fn each_entry(&self, visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>) -> ControlFlow<()>;
    /// Whether an entry, read and written again, is the same bytes.
    fn reads_back(&self, entry: Entry<'_>) -> Result<(), DecodeError>;
    /// Reads rows from entries in the order of their keys; looks at nothing else.
    fn read_entries(
        &self,
        entries: &mut dyn Iterator<Item = Entry<'_>>,
    ) -> Result<ReadRows, DecodeError>;
    /// Puts rows that were read, in the order of their keys, into this empty live table.
    fn fill(&mut self, parts: Vec<ReadRows>);
}

impl<R: Row> Entries for Table<R> {
    fn each_entry(&self, visit: &mut dyn FnMut(Entry<'_>) -> ControlFlow<()>) -> ControlFlow<()> {
        let mut value = Vec::new();
        for (key, row) in self.each_row() {
            value.clear();
            recorded::write(row, &mut value);
            visit(Entry { key, value: &value })?;
        }
        ControlFlow::Continue(())
    }

    fn reads_back(&self, entry: Entry<'_>) -> Result<(), DecodeError> {
        let row = read_row::<R>(entry)?;
        let mut again = Vec::with_capacity(entry.value.len());
        recorded::write(&row, &mut again);
        if again == entry.value {
            return Ok(());
        }
        Err(wrong("it does not read back as it was written"))
    }

    fn read_entries(
        &self,
        entries: &mut dyn Iterator<Item = Entry<'_>>,
    ) -> Result<ReadRows, DecodeError> {
        let mut rows: Vec<(KeyBytes, Arc<R>)> = Vec::new();
        let mut indexes: Vec<Vec<(KeyBytes, Split)>> =
            R::INDEXES.iter().map(|_| Vec::new()).collect();
        for entry in entries {
            let row = read_row::<R>(entry)?;
            for (spec, index) in R::INDEXES.iter().zip(&mut indexes) {
                index.push(spec.entry(&row, entry.key));
            }
            rows.push((KeyBytes::from_slice(entry.key), Arc::new(row)));
        }
        indexes.iter_mut().for_each(|index| index.sort_unstable());
        Ok(ReadRows(Box::new(Part { rows, indexes })))
    }

    fn fill(&mut self, parts: Vec<ReadRows>) {
        let Store::Live(live) = &mut self.store else { panic!("only live tables are filled") };
        assert!(live.rows.is_empty(), "an empty table is filled");
        let mut rows = Vec::new();
        let mut indexes: Vec<Vec<(KeyBytes, Split)>> =
            R::INDEXES.iter().map(|_| Vec::new()).collect();
        for part in parts {
            let part: Box<Part<R>> = part.0.downcast().expect("rows of this table");
            rows.push(part.rows);
            for (all, some) in indexes.iter_mut().zip(part.indexes) {
                all.extend(some);
            }
        }
        let count: usize = rows.iter().map(Vec::len).sum();
        live.rows = rows.into_iter().flatten().collect();
        assert_eq!(live.rows.len(), count, "a key has one row");
        for (index, mut entries) in live.indexes.iter_mut().zip(indexes) {
            // Runs that are sorted already: merging them is quick.
            entries.sort();
            let entries = BTreeMap::from_iter(entries);
            assert_eq!(entries.len(), count, "a row has one entry in each index");
            *index = LiveIndex::of(entries);
        }
    }
}

fn read_row<R: Row>(entry: Entry<'_>) -> Result<R, DecodeError> {
    let row: R = recorded::read_whole(entry.value)?;
    if key_of(&row).as_slice() != entry.key {
        return Err(wrong("the row has another key than its entry"));
    }
    Ok(row)
}

fn wrong(reason: &str) -> DecodeError {
    DecodeError { field: String::new(), reason: reason.to_owned() }
}
