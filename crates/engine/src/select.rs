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
use crate::state::Visible;
use crate::table::key_of;

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
    /// The bytes that sort an entry of this order as the rows are told.
    fn order_of(&self, entry: &[u8]) -> KeyBytes {
        match (self.backwards, self.range.order.index) {
            (false, None) => KeyBytes::new(),
            (false, Some(_)) => KeyBytes::from_slice(entry),
            // No entry is a prefix of another, so complements sort the other way round.
            (true, _) => entry.iter().map(|byte| !byte).collect(),
        }
    }
}

/// A [`Select`] without its row type. Not for authors.
#[doc(hidden)]
pub trait SelectRows<A: App> {
    fn limit(&self) -> Option<usize>;
    fn plan(&self, state: &A, asking: &Asking<'_, A>) -> Plan;
    fn items(&self, state: &A, asking: &Asking<'_, A>) -> Result<Vec<Item>, QueryError>;
    fn item_changes(
        &self,
        plan: &Plan,
        changed: &Changed<'_>,
        asker: &Asker,
    ) -> Result<Vec<ItemChange>, QueryError>;
}

/// What is told of a row, as JSON.
fn told<A: App, Q: Select<A>>(query: &Q, row: &Q::Row) -> Result<Arc<[u8]>, QueryError> {
    Ok(QueryError::exact_json(&query.item(row))?.into())
}

impl<A: App, Q: Select<A>> SelectRows<A> for Q {
    fn limit(&self) -> Option<usize> {
        Select::limit(self)
    }

    fn plan(&self, state: &A, asking: &Asking<'_, A>) -> Plan {
        let visible = state.visible(&asking.asker.keys);
        let (found, reads) = recording(|| {
            let rows = self.rows(&visible, asking);
            (rows.backwards, rows.noted)
        });
        let (backwards, noted) = found;
        let range = noted.expect("rows are of the frozen state that is shown here");
        assert_eq!(range.order.row_type, TypeId::of::<Q::Row>(), "rows are of their type");
        Plan { others: reads.without(&range), range, backwards }
    }

    fn items(&self, state: &A, asking: &Asking<'_, A>) -> Result<Vec<Item>, QueryError> {
        let plan = self.plan(state, asking);
        let limit = Select::limit(self);
        let visible = state.visible(&asking.asker.keys);
        let rows = self.rows(&visible, asking).filter(|row| self.keeps(row));
        let mut items = Vec::new();
        for row in rows.take(limit.unwrap_or(usize::MAX)) {
            if items.len() == ROWS_MAX {
                return Err(QueryError::Excess { limit: ROWS_MAX });
            }
            let key = key_of(row);
            let order = plan.order_of(&entry(plan.range.order, row, &key));
            items.push(Item { key, order, json: told(self, row)? });
        }
        Ok(items)
    }

    fn item_changes(
        &self,
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
                    && self.keeps(row);
                seen.then_some(entry)
            };
            match (had(&first.before), had(&last.after)) {
                (None, None) => {}
                (Some(_), None) => changes.push(ItemChange::Del(key.clone())),
                (before, Some(entry)) => {
                    let json = told(self, last.after.as_ref().expect("it has an entry"))?;
                    let same = before.as_ref() == Some(&entry)
                        && told(self, first.before.as_ref().expect("it had an entry"))? == json;
                    if !same {
                        let order = plan.order_of(&entry);
                        changes.push(ItemChange::Put(Item { key: key.clone(), order, json }));
                    }
                }
            }
        }
        Ok(changes)
    }
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
        rows.take(Select::limit(self).unwrap_or(usize::MAX)).map(|row| self.item(row)).collect()
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
