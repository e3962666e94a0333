//! What was read: which keys, prefixes and ranges of which tables, so that a live query knows which
//! changes concern it.
//!
//! [`recording`] notes every read of a frozen table that happens on this thread while a function
//! runs. Reads of the engine's own tables cost nothing and are not noted: nobody waits for changes
//! of a decision.

use std::any::TypeId;
use std::cell::RefCell;
use std::collections::{BTreeMap, HashSet};
use std::ops::Bound;

use deeds_values::KeyBytes;

use crate::changes::FrameChanges;

/// How many reads of one table are kept apart. A query that reads more is told of every change of
/// the table: looking each change up among so many would cost more than it saves.
const READS_PER_TABLE_MAX: usize = 256;

/// One order of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Order {
    /// The type of the rows: a state has one table of each.
    pub row_type: TypeId,
    /// The place of the index in [`Row::INDEXES`](crate::row::Row::INDEXES); none is the order of
    /// the keys.
    pub index: Option<usize>,
}

/// Which entries of an order: an entry is a row's key, or in an index the value and then the key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Span {
    /// Those that begin with these bytes. A whole key names one row; no bytes are all rows.
    Prefix(KeyBytes),
    /// Those between the bounds.
    Between(Bound<KeyBytes>, Bound<KeyBytes>),
}

/// One read: a part of one order.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RangeRead {
    /// The order that was read.
    pub order: Order,
    /// The part of it.
    pub span: Span,
}

impl Span {
    /// All entries.
    pub(crate) fn whole() -> Self {
        Self::Prefix(KeyBytes::new())
    }

    /// Whether the entry lies in it.
    pub fn contains(&self, entry: &[u8]) -> bool {
        match self {
            Self::Prefix(prefix) => entry.starts_with(prefix),
            Self::Between(low, high) => {
                let after_low = match low {
                    Bound::Included(low) => entry >= low.as_slice(),
                    Bound::Excluded(low) => entry > low.as_slice(),
                    Bound::Unbounded => true,
                };
                let before_high = match high {
                    Bound::Included(high) => entry <= high.as_slice(),
                    Bound::Excluded(high) => entry < high.as_slice(),
                    Bound::Unbounded => true,
                };
                after_low && before_high
            }
        }
    }

    /// The bounds, for a map.
    pub(crate) fn bounds(self) -> (Bound<KeyBytes>, Bound<KeyBytes>) {
        match self {
            Self::Between(low, high) => (low, high),
            Self::Prefix(prefix) => {
                let end = deeds_values::key::prefix_end(&prefix);
                (Bound::Included(prefix), end.map_or(Bound::Unbounded, Bound::Excluded))
            }
        }
    }
}

/// Everything that was read while a function ran.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    tables: BTreeMap<TypeId, Vec<RangeRead>>,
    time: bool,
}

impl ReadSet {
    /// Whether nothing was read.
    pub fn is_empty(&self) -> bool {
        self.tables.is_empty() && !self.time
    }

    /// Whether the time was asked for, which moves with every record.
    pub fn reads_time(&self) -> bool {
        self.time
    }

    /// Each read.
    pub fn ranges(&self) -> impl Iterator<Item = &RangeRead> + Clone {
        self.tables.values().flatten()
    }

    /// Whether one of the changes is of something that was read, or could have been.
    pub fn is_touched(&self, changes: &FrameChanges) -> bool {
        self.ranges().any(|read| read.is_touched(changes))
    }

    /// These and those.
    #[must_use]
    pub fn and(mut self, other: ReadSet) -> Self {
        other.tables.into_values().flatten().for_each(|read| self.note(read));
        self.time |= other.time;
        self
    }

    /// These without one of them.
    pub(crate) fn without(mut self, read: &RangeRead) -> Self {
        if let Some(reads) = self.tables.get_mut(&read.order.row_type) {
            reads.retain(|other| other != read);
            if reads.is_empty() {
                self.tables.remove(&read.order.row_type);
            }
        }
        self
    }

    fn note(&mut self, read: RangeRead) {
        let reads = self.tables.entry(read.order.row_type).or_default();
        match reads.last() {
            Some(last) if *last == read || last.is_whole() => return,
            _ => {}
        }
        if reads.len() == READS_PER_TABLE_MAX || read.is_whole() {
            // Every row has an entry in every order, so one whole order stands for all reads.
            *reads = vec![RangeRead { order: read.order, span: Span::whole() }];
        } else {
            reads.push(read);
        }
    }
}

impl RangeRead {
    /// Whether it covers every row there can be.
    pub(crate) fn is_whole(&self) -> bool {
        matches!(&self.span, Span::Prefix(prefix) if prefix.is_empty())
    }

    /// Whether one of the changes has an entry in it, before or after.
    pub fn is_touched(&self, changes: &FrameChanges) -> bool {
        let mut touched = false;
        changes.each_entry(self.order, &mut |entry| touched |= self.span.contains(entry));
        touched
    }
}

/// Those of some reads that are not among others: who asks again mostly reads the same.
pub fn beyond<'a>(
    reads: impl Iterator<Item = &'a RangeRead>,
    others: impl Iterator<Item = &'a RangeRead>,
) -> HashSet<&'a RangeRead> {
    let others: HashSet<_> = others.collect();
    reads.filter(|read| !others.contains(read)).collect()
}

thread_local! {
    /// What is being noted on this thread, if somebody asked for it.
    static NOTED: RefCell<Option<ReadSet>> = const { RefCell::new(None) };
}

/// Runs the function, and says what it read of frozen tables on this thread. One recording within
/// another counts for both.
pub fn recording<T>(run: impl FnOnce() -> T) -> (T, ReadSet) {
    /// Puts the outer recording back, also when the function panics.
    struct Outer(Option<ReadSet>);
    impl Drop for Outer {
        fn drop(&mut self) {
            NOTED.set(self.0.take());
        }
    }
    let mut outer = Outer(NOTED.replace(Some(ReadSet::default())));
    let result = run();
    let noted = NOTED.take().expect("it is put back by whoever takes it");
    outer.0 = outer.0.take().map(|set| set.and(noted.clone()));
    (result, noted)
}

/// Notes a read, if anybody asked; the read itself is only made then, and given back.
pub(crate) fn note(read: impl FnOnce() -> RangeRead) -> Option<RangeRead> {
    NOTED.with_borrow_mut(|noted| {
        let noted = noted.as_mut()?;
        let read = read();
        noted.note(read.clone());
        Some(read)
    })
}

/// Notes that the time was asked for.
pub(crate) fn note_time() {
    NOTED.with_borrow_mut(|noted| {
        if let Some(noted) = noted {
            noted.time = true;
        }
    });
}
