//! Changes: what happened to rows, before and after. The same list takes back a refused command,
//! moves the atom, and feeds everything that is derived.

use std::any::{Any, TypeId};
use std::sync::Arc;

use deeds_values::{KeyBytes, Position};

use crate::reads::Order;
use crate::row::Row;

/// One row of one table, before and after. Both absent never happens.
#[derive(Debug)]
pub struct Change<R> {
    /// The record that changed it.
    pub position: Position,
    /// The bytes of the row's key.
    pub key: KeyBytes,
    /// The row before; none if it is new.
    pub before: Option<Arc<R>>,
    /// The row after; none if it is removed.
    pub after: Option<Arc<R>>,
}

/// The changes of one table, whatever its rows: a `Vec<Change<R>>` in order. Not for authors.
#[doc(hidden)]
pub trait TableChanges: Send + Sync {
    fn row_type(&self) -> TypeId;
    fn count(&self) -> usize;
    /// Visits the entries of the changed rows in an index, before and after, or their keys.
    fn each_entry(&self, index: Option<usize>, visit: &mut dyn FnMut(&[u8]));
    fn as_any(&self) -> &dyn Any;
}

impl<R: Row> TableChanges for Vec<Change<R>> {
    fn row_type(&self) -> TypeId {
        TypeId::of::<R>()
    }

    fn count(&self) -> usize {
        self.len()
    }

    fn each_entry(&self, index: Option<usize>, visit: &mut dyn FnMut(&[u8])) {
        let Some(index) = index else {
            self.iter().for_each(|change| visit(&change.key));
            return;
        };
        let spec = &R::INDEXES[index];
        for change in self {
            let entry = |row: &Arc<R>| spec.entry(row, &change.key).0;
            let (before, after) = (change.before.as_ref(), change.after.as_ref());
            let (before, after) = (before.map(entry), after.map(entry));
            if let Some(entry) = &before {
                visit(entry);
            }
            if let Some(entry) = after.filter(|after| before.as_ref() != Some(after)) {
                visit(&entry);
            }
        }
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

/// The changes of one frame, table by table.
#[derive(Default)]
pub struct FrameChanges {
    /// The place of the table in its state, and its changes.
    pub(crate) tables: Vec<(usize, Box<dyn TableChanges>)>,
}

impl FrameChanges {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }

    /// How many changes there are; a row that changed twice counts twice.
    pub fn count(&self) -> usize {
        self.tables.iter().map(|(_, changes)| changes.count()).sum()
    }

    /// The changes of one table, if there are any.
    pub(crate) fn of<R: Row>(&self) -> Option<&Vec<Change<R>>> {
        let same = |(_, changes): &&(usize, Box<dyn TableChanges>)| {
            changes.row_type() == TypeId::of::<R>()
        };
        let (_, changes) = self.tables.iter().find(same)?;
        Some(changes.as_any().downcast_ref().expect("changes of rows of this type"))
    }

    /// Visits every entry of this order that belonged or belongs to a changed row.
    pub(crate) fn each_entry(&self, order: Order, visit: &mut dyn FnMut(&[u8])) {
        for (_, changes) in &self.tables {
            if changes.row_type() == order.row_type {
                changes.each_entry(order.index, visit);
            }
        }
    }
}

impl std::fmt::Debug for FrameChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tables.iter().map(|(table, _)| table)).finish()
    }
}
