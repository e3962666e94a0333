//! What became of rows in some frames together, found by where they lie in an order.
//!
//! Many queries are moved over the same frames, and each is concerned by few of the rows. So the rows of
//! an order are sorted once, for the first query that asks, and the others look up their part of it.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use deeds_values::KeyBytes;

use crate::changes::{Change, FrameChanges};
use crate::reads::{Order, RangeRead, ReadSet, Span};
use crate::row::Row;

/// See the module.
pub struct Changed<'a> {
    frames: Vec<&'a FrameChanges>,
    by_order: RefCell<BTreeMap<Order, Rc<[Found]>>>,
}

/// A row that lay or lies somewhere.
struct Found {
    entry: KeyBytes,
    first: Place,
    last: Place,
}

/// A change: the place of its frame, and its own among the changes of its table.
type Place = (usize, usize);

/// The first and the last change of a row.
pub(crate) type Ends<'a, R> = (&'a Change<R>, &'a Change<R>);

/// Where a row lies in an order.
pub(crate) fn entry<R: Row>(order: Order, row: &R, key: &[u8]) -> KeyBytes {
    match order.index {
        None => KeyBytes::from_slice(key),
        Some(index) => R::INDEXES[index].entry(row, key).0,
    }
}

impl<'a> Changed<'a> {
    /// Of frames in their order.
    pub fn new(frames: impl IntoIterator<Item = &'a FrameChanges>) -> Self {
        Self { frames: frames.into_iter().collect(), by_order: RefCell::default() }
    }

    /// The rows that lay in this part of their order before the first of their changes, or lie there
    /// after the last; in the order of their keys.
    pub(crate) fn within<R: Row>(&self, range: &RangeRead) -> Vec<Ends<'a, R>> {
        let all = self.sorted::<R>(range.order);
        let part: Vec<&Found> = match &range.span {
            Span::Prefix(prefix) => {
                let begins =
                    all.partition_point(|found| found.entry.as_slice() < prefix.as_slice());
                let is_in = |found: &&Found| found.entry.starts_with(prefix);
                all[begins..].iter().take_while(is_in).collect()
            }
            span => all.iter().filter(|found| span.contains(&found.entry)).collect(),
        };
        let mut rows: BTreeMap<&KeyBytes, Ends<'a, R>> = BTreeMap::new();
        for Found { first, last, .. } in part {
            let ends = (self.change::<R>(*first), self.change::<R>(*last));
            rows.insert(&ends.0.key, ends);
        }
        rows.into_values().collect()
    }

    /// Whether one of the changes is of something that was read.
    pub(crate) fn touches(&self, reads: &ReadSet) -> bool {
        self.frames.iter().any(|frame| reads.is_touched(frame))
    }

    fn change<R: Row>(&self, (frame, place): Place) -> &'a Change<R> {
        let changes = self.frames[frame].of::<R>();
        &changes.expect("it was found in this frame")[place]
    }

    fn sorted<R: Row>(&self, order: Order) -> Rc<[Found]> {
        let mut by_order = self.by_order.borrow_mut();
        Rc::clone(by_order.entry(order).or_insert_with(|| self.sort::<R>(order)))
    }

    fn sort<R: Row>(&self, order: Order) -> Rc<[Found]> {
        let mut rows: BTreeMap<&KeyBytes, (Place, Place)> = BTreeMap::new();
        for (frame, changes) in self.frames.iter().enumerate() {
            for (place, change) in changes.of::<R>().into_iter().flatten().enumerate() {
                let at = (frame, place);
                rows.entry(&change.key).and_modify(|ends| ends.1 = at).or_insert((at, at));
            }
        }
        let mut all = Vec::with_capacity(rows.len());
        for (key, (first, last)) in rows {
            let before = self.change::<R>(first).before.as_ref();
            let after = self.change::<R>(last).after.as_ref();
            let before = before.map(|row| entry::<R>(order, row, key));
            let after = after.map(|row| entry::<R>(order, row, key));
            let moved = after.filter(|after| before.as_ref() != Some(after));
            all.extend(before.into_iter().chain(moved).map(|entry| Found { entry, first, last }));
        }
        all.sort_unstable_by(|one, other| one.entry.cmp(&other.entry));
        all.into()
    }
}
