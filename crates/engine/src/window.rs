//! Windows: a part of a row query's rows, and how many there are before it and in all, so that a
//! list of thousands can be looked through without being sent.
//!
//! ```text
//! rows of the query:   ● ● ● ● ● ● ● ● ● ● ● ● ● ●      total 14
//!                      └─ before 4 ┘ ^after
//!                                    └─ size 5 ┘        items
//! ```
//!
//! A window begins after a place in the order, not after a number of rows: what comes and goes before
//! it moves nothing in it. To count, all rows are looked at once; from then on change lists tell what
//! becomes of the counts, and the items are only read again when one of them is concerned.

use std::sync::Arc;

use deeds_values::KeyBytes;

use crate::actor::Audience as _;
use crate::app::{App, QueryError};
use crate::changed::{Changed, entry};
use crate::command::ArgumentError;
use crate::query::{Asker, Asking, Select};
use crate::reads::{RangeRead, ReadSet, recording};
use crate::row::Row;
use crate::rows::Rows;
use crate::select::{Item, Plan, item_of};

/// How many rows a window may have: several screens, and still a small message.
pub const WINDOW_ROWS_MAX: usize = 500;

/// Which part of a row query's rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    /// How many rows at most.
    pub size: usize,
    /// The place after which it begins: the order of an item, or its key where that is empty. None
    /// is the beginning.
    pub after: Option<KeyBytes>,
    /// The index that gives the order, where the query lets its readers choose.
    pub sort: Option<String>,
    /// Whether the last row is the first one told.
    pub reverse: bool,
}

/// What is seen through a window.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pane {
    /// Where all rows of the query are, in the order of the window.
    pub plan: Plan,
    /// The rows in the window.
    pub items: Vec<Item>,
    /// How many rows the query has.
    pub total: usize,
    /// How many of them lie before the window.
    pub before: usize,
    /// What was read to tell of the items besides their rows.
    pub(crate) joins: ReadSet,
}

impl Pane {
    /// What changes concern it.
    pub fn ranges(&self) -> impl Iterator<Item = &RangeRead> {
        let Self { plan, joins, .. } = self;
        plan.others.ranges().chain(joins.ranges()).chain([&plan.range])
    }
}

/// All rows of the query in the order of the window, and where they are.
fn spread<'a, A: App, Q: Select<A>>(
    query: &Q,
    visible: &'a A::Visible<'_>,
    asking: &Asking<'_, A>,
    window: &Window,
) -> Result<(Plan, Rows<'a, Q::Row>), QueryError> {
    let (rows, reads) = recording(|| query.rows(visible, asking));
    let mut plan = Plan::of(&rows, reads);
    let rows = match &window.sort {
        None => rows,
        Some(name) => {
            let rows = rows.sorted(sort_index::<A, Q>(query, &plan, name)?);
            plan.range = rows.noted.clone().expect("sorting notes what is read");
            rows
        }
    };
    let rows = if window.reverse { rows.backwards() } else { rows };
    plan.backwards = rows.backwards;
    Ok((plan, rows))
}

/// The index of this name, if readers of the query may have its order.
fn sort_index<A: App, Q: Select<A>>(
    query: &Q,
    plan: &Plan,
    name: &str,
) -> Result<usize, QueryError> {
    let wrong =
        |reason| QueryError::Arguments(ArgumentError { field: "window.sort".to_owned(), reason });
    if !query.sorts() || !plan.range.is_whole() {
        return Err(wrong("this query has one order, its own".to_owned()));
    }
    let indexes = <Q::Row as Row>::INDEXES;
    indexes.iter().position(|index| index.name == name).ok_or_else(|| {
        let names: Vec<&str> = indexes.iter().map(|index| index.name).collect();
        wrong(format!("the orders there are: {}", names.join(", ")))
    })
}

/// The rows in the window, and what was read besides.
fn items<A: App, Q: Select<A>>(
    query: &Q,
    visible: &A::Visible<'_>,
    asking: &Asking<'_, A>,
    window: &Window,
) -> Result<(Vec<Item>, ReadSet), QueryError> {
    let (plan, rows) = spread(query, visible, asking, window)?;
    let rows = rows.after(plan.entry_at(window.after.as_ref())).filter(|row| query.keeps(row));
    let (items, joins) = recording(|| {
        let items = rows.take(window.size).map(|row| item_of(query, &plan, row, visible));
        items.collect::<Result<Vec<_>, _>>()
    });
    Ok((items?, joins))
}

/// What is seen through a window, all of it read.
pub(crate) fn pane<A: App, Q: Select<A>>(
    query: &Q,
    state: &A,
    asking: &Asking<'_, A>,
    window: &Window,
) -> Result<Pane, QueryError> {
    let visible = state.visible(&asking.asker.keys);
    let (plan, rows) = spread(query, &visible, asking, window)?;
    let total = rows.filter(|row| query.keeps(row)).count();
    let before = match &window.after {
        None => 0,
        Some(after) => {
            let (_, rows) = spread(query, &visible, asking, window)?;
            let past = rows.after(plan.entry_at(Some(after)));
            total - past.filter(|row| query.keeps(row)).count()
        }
    };
    let (items, joins) = items(query, &visible, asking, window)?;
    Ok(Pane { plan, items, total, before, joins })
}

/// Counts what some changes make of it, where what was read to find the rows is as it was. True when
/// the items are to be [read](reread) again.
pub(crate) fn recount<A: App, Q: Select<A>>(
    query: &Q,
    asker: &Asker,
    window: &Window,
    pane: &mut Pane,
    changed: &Changed<'_>,
) -> bool {
    let Plan { range, .. } = &pane.plan;
    let is_full = pane.items.len() == window.size;
    let end = pane.items.last().filter(|_| is_full).map(Item::place);
    let (mut total, mut before) = (pane.total, pane.before);
    let begin = pane.plan.entry_at(window.after.as_ref());
    let is_before = |entry: &KeyBytes| {
        let at = begin.as_ref().map(|begin| entry.cmp(begin));
        at.is_some_and(|at| if pane.plan.backwards { at.is_ge() } else { at.is_le() })
    };
    let mut concerns_items = changed.touches(&pane.joins);
    for (first, last) in changed.within::<Q::Row>(range) {
        // The row's entry, if the query has it.
        let lay = |row: &Option<Arc<Q::Row>>| {
            let row = row.as_deref()?;
            let entry = entry(range.order, row, &first.key);
            let has =
                range.span.contains(&entry) && row.audience().meet(&asker.keys) && query.keeps(row);
            has.then_some(entry)
        };
        for (entry, by) in [(lay(&first.before), -1), (lay(&last.after), 1)] {
            let Some(entry) = entry else { continue };
            let count = |count: usize| count.checked_add_signed(by).expect("it was counted");
            total = count(total);
            if is_before(&entry) {
                before = count(before);
            } else {
                concerns_items |= end.is_none_or(|end| pane.plan.place_of(&entry) <= *end);
            }
        }
    }
    (pane.total, pane.before) = (total, before);
    concerns_items
}

/// Reads the items again.
pub(crate) fn reread<A: App, Q: Select<A>>(
    query: &Q,
    state: &A,
    asking: &Asking<'_, A>,
    window: &Window,
    pane: &mut Pane,
) -> Result<(), QueryError> {
    let visible = state.visible(&asking.asker.keys);
    (pane.items, pane.joins) = items(query, &visible, asking, window)?;
    assert!(pane.before + pane.items.len() <= pane.total, "the items are among those counted");
    Ok(())
}
