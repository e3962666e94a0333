//! Reading a part of a sorted map, from either end.

use std::ops::Bound;

use deeds_values::KeyBytes;
use smallvec::SmallVec;

use super::{Child, Entry, Node};

/// The entries between two bounds, from either end.
pub(crate) struct Range<'a, V> {
    /// The next entry from each end; none when all were given.
    ends: Option<(Path<'a, V>, Path<'a, V>)>,
}

impl<'a, V> Range<'a, V> {
    /// The entries between the bounds below these nodes; none if the bounds cross.
    pub(super) fn new(top: &'a [Child<V>], low: Bound<KeyBytes>, high: Bound<KeyBytes>) -> Self {
        let before = |key: &KeyBytes| match &low {
            Bound::Included(low) => key < low,
            Bound::Excluded(low) => key <= low,
            Bound::Unbounded => false,
        };
        let up_to = |key: &KeyBytes| match &high {
            Bound::Included(high) => key <= high,
            Bound::Excluded(high) => key < high,
            Bound::Unbounded => true,
        };
        let ends = Path::first_after(top, before).zip(Path::last_of(top, up_to));
        Range { ends: ends.filter(|(first, last)| first.entry().0 <= last.entry().0) }
    }
}

impl<'a, V> Iterator for Range<'a, V> {
    type Item = (&'a KeyBytes, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let (first, last) = self.ends.as_mut()?;
        let entry = first.entry();
        if std::ptr::eq(entry, last.entry()) {
            self.ends = None;
        } else {
            first.forwards();
        }
        Some((&entry.0, &entry.1))
    }
}

impl<V> DoubleEndedIterator for Range<'_, V> {
    fn next_back(&mut self) -> Option<Self::Item> {
        let (first, last) = self.ends.as_mut()?;
        let entry = last.entry();
        if std::ptr::eq(entry, first.entry()) {
            self.ends = None;
        } else {
            last.backwards();
        }
        Some((&entry.0, &entry.1))
    }
}

/// The way from the root to an entry.
struct Path<'a, V> {
    /// The nodes above the leaf, and which child of each it goes through: 8 levels hold 16^8 leaves.
    above: SmallVec<[(&'a [Child<V>], usize); 8]>,
    leaf: &'a [Entry<V>],
    place: usize,
}

impl<'a, V> Path<'a, V> {
    /// The way to the first entry that is not `before`.
    fn first_after(top: &'a [Child<V>], before: impl Fn(&KeyBytes) -> bool) -> Option<Self> {
        let place = top.partition_point(|child| before(&child.last));
        let mut path = Self { above: SmallVec::new(), leaf: &[], place: 0 };
        path.down(top, place, |below| below.partition_point(|child| before(&child.last)))?;
        path.place = path.leaf.partition_point(|(key, _)| before(key));
        Some(path)
    }

    /// The way to the last entry of those that are `up_to` somewhere.
    fn last_of(top: &'a [Child<V>], up_to: impl Fn(&KeyBytes) -> bool) -> Option<Self> {
        // Through the first nodes that are not up to there as a whole; there, or in the leaf before
        // it, lies the entry before the first that is beyond.
        let not_whole = |children: &[Child<V>]| {
            let place = children.partition_point(|child| up_to(&child.last));
            place.min(children.len().saturating_sub(1))
        };
        let mut path = Self { above: SmallVec::new(), leaf: &[], place: 0 };
        path.down(top, not_whole(top), not_whole)?;
        path.place = path.leaf.partition_point(|(key, _)| up_to(key));
        path.backwards().then_some(path)
    }

    fn entry(&self) -> &'a Entry<V> {
        &self.leaf[self.place]
    }

    /// Goes on through this child and those below it that are picked, to a leaf; none if there is no
    /// such child.
    fn down(
        &mut self,
        mut children: &'a [Child<V>],
        mut place: usize,
        pick: impl Fn(&'a [Child<V>]) -> usize,
    ) -> Option<()> {
        loop {
            self.above.push((children, place));
            match &children.get(place)?.node {
                Node::Branch(below) => (children, place) = (below, pick(below)),
                Node::Leaf(entries) => {
                    self.leaf = entries;
                    return Some(());
                }
            }
        }
    }

    /// Steps to the next entry; false if there is none.
    fn forwards(&mut self) -> bool {
        self.place += 1;
        if self.place < self.leaf.len() {
            return true;
        }
        while let Some((children, place)) = self.above.pop() {
            if self.down(children, place + 1, |_| 0).is_some() {
                self.place = 0;
                return true;
            }
            // That was the last of these: what going down put here leads nowhere.
            self.above.pop();
        }
        false
    }

    /// Steps to the entry before; false if there is none.
    fn backwards(&mut self) -> bool {
        if let Some(place) = self.place.checked_sub(1) {
            self.place = place;
            return true;
        }
        while let Some((children, place)) = self.above.pop() {
            if let Some(place) = place.checked_sub(1)
                && self.down(children, place, |below| below.len() - 1).is_some()
            {
                self.place = self.leaf.len() - 1;
                return true;
            }
        }
        false
    }
}
