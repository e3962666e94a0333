//! Row queries without their types: what a live reader is told of the rows that a [`Select`] picks,
//! from the state and from change lists.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::sync::Arc;

use deeds_values::KeyBytes;

use crate::actor::{Access, Actor, Audience as _};
use crate::app::{App, QueryError};
use crate::changed::{Changed, entry};
use crate::query::{Asker, Asking, Read, Select};
use crate::reads::{RangeRead, ReadSet, recording};
use crate::row::Row;
use crate::rows::Rows;
use crate::state::Visible;
use crate::table::key_of;
use crate::window::{self, Pane, Window};

/// How many rows a row query may have. A screen shows far fewer, and what is more than this is
/// better asked in parts.
pub const ROWS_MAX: usize = 10_000;

/// One row of a row query, as a live reader is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// The bytes of the row's key.
    pub key: KeyBytes,
    /// Bytes that sort as the rows do; empty where the key's bytes do.
    pub order: KeyBytes,
    /// What the query tells of the row, as JSON.
    pub json: Arc<[u8]>,
}

impl Item {
    /// The bytes that its place among the others goes by.
    pub fn place(&self) -> &KeyBytes {
        if self.order.is_empty() { &self.key } else { &self.order }
    }
}

/// What became of one row of a row query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ItemChange {
    /// It is new, or changed.
    Put(Item),
    /// It is no longer among them.
    Del(KeyBytes),
}

/// Where a row query's rows are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The part of the order that is read.
    pub range: RangeRead,
    /// Whether the last row is the first one told.
    pub backwards: bool,
    /// What else was read to find out.
    pub others: ReadSet,
}

impl Plan {
    /// Of rows that were found by these reads.
    pub(crate) fn of<R: Row>(rows: &Rows<'_, R>, reads: ReadSet) -> Self {
        let range = rows.noted.clone().expect("rows are of the frozen state that is shown here");
        assert_eq!(range.order.row_type, TypeId::of::<R>(), "rows are of their type");
        Self { others: reads.without(&range), range, backwards: rows.backwards }
    }

    /// The bytes that sort an entry of this order as the rows are told; empty where the key's do.
    fn order_of(&self, entry: &[u8]) -> KeyBytes {
        match (self.backwards, self.range.order.index) {
            (false, None) => KeyBytes::new(),
            _ => self.place_of(entry),
        }
    }

    /// The bytes that an entry's place goes by.
    pub(crate) fn place_of(&self, entry: &[u8]) -> KeyBytes {
        if !self.backwards {
            return KeyBytes::from_slice(entry);
        }
        // No entry is a prefix of another, so complements sort the other way round.
        entry.iter().map(|byte| !byte).collect()
    }

    /// The entry at a place.
    pub(crate) fn entry_at(&self, place: Option<&KeyBytes>) -> Option<KeyBytes> {
        // A complement's complement is what it was.
        place.map(|place| self.place_of(place))
    }
}

/// A [`Select`] without its row type. Not for authors.
#[doc(hidden)]
pub trait SelectRows<A: App> {
    fn limit(&self) -> Option<usize>;
    fn plan(&self, state: &A, asking: &Asking<'_, A>) -> Plan;
    fn pick(&self, state: &A, asking: &Asking<'_, A>) -> Result<Picked, QueryError>;
    /// `nothing` is a frozen state without rows: what changes a row does not need the others.
    fn item_changes(
        &self,
        nothing: &A,
        plan: &Plan,
        changed: &Changed<'_>,
        asker: &Asker,
    ) -> Result<Vec<ItemChange>, QueryError>;
    fn pane(&self, state: &A, asking: &Asking<'_, A>, window: &Window) -> Result<Pane, QueryError>;
    fn recount(
        &self,
        asker: &Asker,
        window: &Window,
        pane: &mut Pane,
        changed: &Changed<'_>,
    ) -> bool;
    fn reread(
        &self,
        state: &A,
        asking: &Asking<'_, A>,
        window: &Window,
        pane: &mut Pane,
    ) -> Result<(), QueryError>;
}

/// The rows of a row query, all of them or the first ones.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picked {
    /// Where they are, and what else was read to tell of them.
    pub plan: Plan,
    /// They themselves.
    pub items: Vec<Item>,
    /// Whether rows of other tables were read to tell of them.
    pub has_joins: bool,
}

/// What is told of a row, as JSON.
fn told<A: App, Q: Select<A>>(
    query: &Q,
    row: &Q::Row,
    state: &A::Visible<'_>,
) -> Result<Arc<[u8]>, QueryError> {
    Ok(QueryError::exact_json(&query.item(row, state))?.into())
}

/// A row as a live reader is told of it.
pub(crate) fn item_of<A: App, Q: Select<A>>(
    query: &Q,
    plan: &Plan,
    row: &Q::Row,
    state: &A::Visible<'_>,
) -> Result<Item, QueryError> {
    let key = key_of(row);
    let order = plan.order_of(&entry(plan.range.order, row, &key));
    Ok(Item { key, order, json: told(query, row, state)? })
}

impl<A: App, Q: Select<A>> SelectRows<A> for Q {
    fn limit(&self) -> Option<usize> {
        Select::limit(self)
    }

    fn plan(&self, state: &A, asking: &Asking<'_, A>) -> Plan {
        let visible = state.visible(&asking.asker.keys);
        let (rows, reads) = recording(|| self.rows(&visible, asking));
        Plan::of(&rows, reads)
    }

    fn pick(&self, state: &A, asking: &Asking<'_, A>) -> Result<Picked, QueryError> {
        let mut plan = self.plan(state, asking);
        let limit = Select::limit(self);
        let visible = state.visible(&asking.asker.keys);
        let rows = self.rows(&visible, asking).filter(|row| self.keeps(row));
        let rows = rows.take(limit.unwrap_or(ROWS_MAX + 1));
        let (items, joins) = recording(|| {
            rows.map(|row| item_of(self, &plan, row, &visible)).collect::<Result<Vec<_>, _>>()
        });
        let items = items?;
        if items.len() > ROWS_MAX {
            return Err(QueryError::Excess { limit: ROWS_MAX });
        }
        let has_joins = !joins.is_empty();
        plan.others = plan.others.and(joins);
        Ok(Picked { plan, items, has_joins })
    }

    fn item_changes(
        &self,
        nothing: &A,
        plan: &Plan,
        changed: &Changed<'_>,
        asker: &Asker,
    ) -> Result<Vec<ItemChange>, QueryError> {
        // Rows of other tables are not to be read, so there need not be any.
        let visible = nothing.visible(&asker.keys);
        let (changes, joins) = recording(|| item_changes(self, &visible, plan, changed, asker));
        if joins.is_empty() { changes } else { Err(QueryError::Unbounded) }
    }

    fn pane(&self, state: &A, asking: &Asking<'_, A>, window: &Window) -> Result<Pane, QueryError> {
        window::pane(self, state, asking, window)
    }

    fn recount(
        &self,
        asker: &Asker,
        window: &Window,
        pane: &mut Pane,
        changed: &Changed<'_>,
    ) -> bool {
        window::recount(self, asker, window, pane, changed)
    }

    fn reread(
        &self,
        state: &A,
        asking: &Asking<'_, A>,
        window: &Window,
        pane: &mut Pane,
    ) -> Result<(), QueryError> {
        window::reread(self, state, asking, window, pane)
    }
}

fn item_changes<A: App, Q: Select<A>>(
    query: &Q,
    state: &A::Visible<'_>,
    plan: &Plan,
    changed: &Changed<'_>,
    asker: &Asker,
) -> Result<Vec<ItemChange>, QueryError> {
    let order = plan.range.order;
    let mut changes = Vec::new();
    for (first, last) in changed.within::<Q::Row>(&plan.range) {
        let key = &first.key;
        // The row and its entry, if the query has it.
        let had = |row: &Option<Arc<Q::Row>>| {
            let row = row.as_deref()?;
            let entry = entry(order, row, key);
            let seen = plan.range.span.contains(&entry)
                && row.audience().meet(&asker.keys)
                && query.keeps(row);
            seen.then_some(entry)
        };
        match (had(&first.before), had(&last.after)) {
            (None, None) => {}
            (Some(_), None) => changes.push(ItemChange::Del(key.clone())),
            (before, Some(entry)) => {
                let json = told(query, last.after.as_ref().expect("it has an entry"), state)?;
                let same = before.as_ref() == Some(&entry)
                    && told(query, first.before.as_ref().expect("it had an entry"), state)? == json;
                if !same {
                    let order = plan.order_of(&entry);
                    changes.push(ItemChange::Put(Item { key: key.clone(), order, json }));
                }
            }
        }
    }
    Ok(changes)
}

/// Every query that picks rows can be asked once: its answer is the list of its items.
impl<A: App, Q: Select<A>> Read<A> for Q {
    type Answer = Vec<Q::Item>;

    const SELECTS: bool = true;

    fn authorize(&self, actor: &Actor, state: &A) -> Access {
        Select::authorize(self, actor, state)
    }

    fn read(&self, state: &Visible<'_, A>, asking: &Asking<'_, A>) -> Vec<Q::Item> {
        let rows = self.rows(state, asking).filter(|row| self.keeps(row));
        let rows = rows.take(Select::limit(self).unwrap_or(usize::MAX));
        rows.map(|row| self.item(row, state)).collect()
    }

    fn select(&self) -> Option<&dyn SelectRows<A>> {
        Some(self)
    }
}

/// What turns one list of items into another.
pub fn difference(before: &[Item], after: &[Item]) -> Vec<ItemChange> {
    let had: BTreeMap<&KeyBytes, &Item> = before.iter().map(|item| (&item.key, item)).collect();
    let has: BTreeMap<&KeyBytes, &Item> = after.iter().map(|item| (&item.key, item)).collect();
    let gone = had.keys().filter(|key| !has.contains_key(*key));
    let gone = gone.map(|key| ItemChange::Del((*key).clone()));
    let put = has.values().filter(|item| had.get(&item.key) != Some(*item));
    gone.chain(put.map(|item| ItemChange::Put((*item).clone()))).collect()
}
