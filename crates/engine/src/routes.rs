//! Routes: from a change to those who read what it changed, without asking each of them.
//!
//! Most live queries read one row or what begins with a value (*my* orders), so those are found in a
//! map by the first bytes of the changed row's entries. Only reads of ranges and of whole tables are
//! gone through one by one.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use deeds_values::KeyBytes;
use smallvec::SmallVec;

use crate::changes::FrameChanges;
use crate::reads::{Order, RangeRead, Span, beyond};

/// Who is concerned by which changes. `T` names a reader; one may have any number of reads.
#[derive(Debug)]
pub struct Routes<T> {
    orders: BTreeMap<Order, Readers<T>>,
}

/// Those who read one order of one table.
#[derive(Debug)]
struct Readers<T> {
    /// By the prefix they read, in order: mostly one.
    exact: HashMap<KeyBytes, SmallVec<[T; 1]>>,
    /// How many prefixes there are of each length.
    lengths: BTreeMap<usize, usize>,
    /// Those who read everything, or a range.
    wide: Vec<(Span, T)>,
}

impl<T> Default for Routes<T> {
    fn default() -> Self {
        Self { orders: BTreeMap::new() }
    }
}

impl<T> Default for Readers<T> {
    fn default() -> Self {
        Self { exact: HashMap::new(), lengths: BTreeMap::new(), wide: Vec::new() }
    }
}

impl<T: Ord + Clone> Routes<T> {
    /// This reader reads this.
    pub fn insert(&mut self, read: &RangeRead, reader: T) {
        let readers = self.orders.entry(read.order).or_default();
        match &read.span {
            Span::Prefix(prefix) if !prefix.is_empty() => {
                let same = readers.exact.entry(prefix.clone()).or_default();
                if same.is_empty() {
                    *readers.lengths.entry(prefix.len()).or_default() += 1;
                }
                if let Err(place) = same.binary_search(&reader) {
                    same.insert(place, reader);
                }
            }
            span => {
                if !readers.wide.iter().any(|(known, who)| known == span && *who == reader) {
                    readers.wide.push((span.clone(), reader));
                }
            }
        }
    }

    /// This reader reads this no longer.
    pub fn remove(&mut self, read: &RangeRead, reader: &T) {
        let Some(readers) = self.orders.get_mut(&read.order) else { return };
        match &read.span {
            Span::Prefix(prefix) if !prefix.is_empty() => {
                let Some(same) = readers.exact.get_mut(prefix) else { return };
                if let Ok(place) = same.binary_search(reader) {
                    same.remove(place);
                }
                if same.is_empty() {
                    readers.exact.remove(prefix);
                    let left = readers.lengths.get_mut(&prefix.len()).expect("it was counted");
                    *left -= 1;
                    if *left == 0 {
                        readers.lengths.remove(&prefix.len());
                    }
                }
            }
            span => readers.wide.retain(|(known, who)| known != span || who != reader),
        }
        if readers.exact.is_empty() && readers.wide.is_empty() {
            self.orders.remove(&read.order);
        }
    }

    /// This reader reads other things than before. What is among both stays where it is.
    pub fn reroute<'a, I: Iterator<Item = &'a RangeRead> + Clone>(
        &mut self,
        before: I,
        after: I,
        reader: &T,
    ) {
        let gone = beyond(before.clone(), after.clone());
        gone.into_iter().for_each(|read| self.remove(read, reader));
        let new = beyond(after, before);
        new.into_iter().for_each(|read| self.insert(read, reader.clone()));
    }

    /// Whether nobody reads anything.
    pub fn is_empty(&self) -> bool {
        self.orders.is_empty()
    }

    /// Those who read something that changed.
    pub fn touched(&self, changes: &FrameChanges) -> BTreeSet<T> {
        let mut touched = BTreeSet::new();
        for (order, readers) in &self.orders {
            changes.each_entry(*order, &mut |entry| {
                for length in readers.lengths.range(..=entry.len()).map(|(length, _)| *length) {
                    if let Some(same) = readers.exact.get(&entry[..length]) {
                        touched.extend(same.iter().cloned());
                    }
                }
                for (span, reader) in &readers.wide {
                    if span.contains(entry) && !touched.contains(reader) {
                        touched.insert(reader.clone());
                    }
                }
            });
        }
        touched
    }
}
