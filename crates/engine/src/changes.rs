//! Changes: what happened to rows, before and after. The same list takes back a refused command,
//! moves the atom, and feeds everything that is derived.

use std::any::Any;
use std::sync::Arc;

use deeds_values::{KeyBytes, Position};

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

/// The changes of one frame, table by table.
#[derive(Default)]
pub struct FrameChanges {
    /// The place of the table in its state, and its `Vec<Change<R>>` in order.
    pub(crate) tables: Vec<(usize, Box<dyn Any + Send + Sync>)>,
}

impl FrameChanges {
    /// Whether nothing changed.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty()
    }
}

impl std::fmt::Debug for FrameChanges {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.tables.iter().map(|(table, _)| table)).finish()
    }
}
