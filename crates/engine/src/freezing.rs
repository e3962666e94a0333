//! Freezing: the frozen form of a live table, made at the end of a replay.
//!
//! A table is frozen in parts, its rows and each of its indexes, which look at nothing else; so they
//! can be frozen side by side, and with them the indexes wake that slept. Here is no thread: who has
//! some hands out the parts.

use std::any::Any;
use std::sync::Arc;

use crate::indexes::Split;
use crate::row::Row;
use crate::sorted::Sorted;
use crate::state::State;
use crate::table::{AnyTable, Frozen, Live, Store, Table};

/// A part of a table, frozen.
pub struct FrozenPart(Box<dyn Any + Send>);

/// A table as freezing knows it, whatever its rows. Not for authors.
#[doc(hidden)]
pub trait Freezing {
    /// How many parts it has.
    fn parts(&self) -> usize;
    /// Freezes one of the parts.
    fn freeze_part(&self, part: usize) -> FrozenPart;
    /// Makes this empty table the frozen one of these parts, in order.
    fn assemble(&mut self, parts: Vec<FrozenPart>);
}

impl<R: Row> Freezing for Table<R> {
    fn parts(&self) -> usize {
        1 + R::INDEXES.len()
    }

    fn freeze_part(&self, part: usize) -> FrozenPart {
        let Store::Live(live) = &self.store else { panic!("{}: it is frozen", self.name) };
        match part.checked_sub(1) {
            None => FrozenPart(Box::new(live.frozen_rows())),
            Some(index) => FrozenPart(Box::new(live.frozen_index(index))),
        }
    }

    fn assemble(&mut self, parts: Vec<FrozenPart>) {
        assert_eq!((self.row_count(), parts.len()), (0, self.parts()), "all of one table");
        let mut parts = parts.into_iter();
        let rows = parts.next().expect("rows are the first part");
        let rows = *rows.0.downcast::<Sorted<Arc<R>>>().expect("rows of this table");
        let indexes = parts.map(|part| *part.0.downcast().expect("an index of this table"));
        self.store = Store::Frozen(Frozen { rows, indexes: indexes.collect() });
    }
}

impl<R: Row> Live<R> {
    fn frozen_rows(&self) -> Sorted<Arc<R>> {
        self.rows.iter().map(|(key, row)| (key.clone(), Arc::clone(row))).collect()
    }

    fn frozen_index(&self, number: usize) -> Sorted<Split> {
        self.index(number).iter().map(|(entry, split)| (entry.clone(), *split)).collect()
    }
}

impl<R: Row> Table<R> {
    /// The frozen form of the same rows, sharing them.
    pub fn freeze(&self) -> Self {
        let frozen = match &self.store {
            Store::Live(live) => Frozen {
                rows: live.frozen_rows(),
                indexes: (0..R::INDEXES.len()).map(|index| live.frozen_index(index)).collect(),
            },
            Store::Frozen(frozen) => frozen.clone(),
        };
        Self { name: self.name, store: Store::Frozen(frozen) }
    }
}

/// The parts of all tables of a state, the largest first: by place of the table, then of the part.
pub fn parts(state: &impl State) -> Vec<(usize, usize)> {
    let (mut parts, mut place) = (Vec::new(), 0);
    state.each(&mut |table| {
        parts.extend((0..table.parts()).map(|part| (table.row_count(), (place, part))));
        place += 1;
    });
    parts.sort_by_key(|(rows, _)| std::cmp::Reverse(*rows));
    parts.into_iter().map(|(_, part)| part).collect()
}

/// Freezes one part of a state.
pub fn freeze_part(state: &impl State, (place, part): (usize, usize)) -> FrozenPart {
    let (mut frozen, mut at) = (None, 0);
    state.each(&mut |table| {
        if at == place {
            frozen = Some(table.freeze_part(part));
        }
        at += 1;
    });
    frozen.expect("a place that was named")
}

/// The frozen state of all its parts, in any order.
pub fn assemble<S: State>(mut parts: Vec<((usize, usize), FrozenPart)>) -> S {
    parts.sort_by_key(|(place, _)| *place);
    let mut parts = parts.into_iter().peekable();
    let (mut state, mut place) = (S::live(), 0);
    state.each_mut(|table| {
        let of_table = std::iter::from_fn(|| parts.next_if(|((at, _), _)| *at == place));
        table.assemble(of_table.map(|(_, part)| part).collect());
        place += 1;
    });
    state
}
