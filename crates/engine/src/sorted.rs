//! The map behind frozen tables: sorted, immutable, and cheap to follow by another.
//!
//! A B+ tree whose nodes are shared by a map and those made from it. Nothing is put in by itself: a map
//! is laid out in one pass over what is sorted, or follows from another by one pass over sorted changes,
//! which lays out anew what they touch and shares the rest. That is all an atom needs; each node is
//! copied once for all that changed in it, and no node is ever split, merged or turned around in place.

use std::ops::Bound;
use std::sync::Arc;
use std::vec;

use deeds_values::KeyBytes;

pub(crate) use self::range::Range;

mod range;

/// The most that a node holds. To copy one is to count up each row or node in it, which lie anywhere in
/// memory; with fewer the tree is higher, and its upper nodes are copied for nothing.
const WIDTH_MAX: usize = 16;

/// The fewest that a node holds, unless it is the only one, or most around it were taken out: then it is
/// filled up when something beside it changes.
const WIDTH_MIN: usize = WIDTH_MAX / 2;

/// A sorted map from the bytes of keys.
#[derive(Clone)]
pub(crate) struct Sorted<V> {
    /// The nodes below the root, not more than one holds. All leaves are equally deep.
    top: Arc<[Child<V>]>,
    len: usize,
}

/// The value that a key has from now on; none if it is taken out.
pub(crate) type Change<V> = (KeyBytes, Option<V>);

type Entry<V> = (KeyBytes, V);

#[derive(Clone)]
enum Node<V> {
    Leaf(Arc<[Entry<V>]>),
    Branch(Arc<[Child<V>]>),
}

/// A node, and the greatest key in it.
#[derive(Clone)]
struct Child<V> {
    last: KeyBytes,
    node: Node<V>,
}

impl<V: Clone> Sorted<V> {
    /// The value of a key.
    pub(crate) fn get(&self, key: &KeyBytes) -> Option<&V> {
        let mut children = &self.top;
        loop {
            let place = children.partition_point(|child| child.last < *key);
            match &children.get(place)?.node {
                Node::Branch(below) => children = below,
                Node::Leaf(entries) => {
                    let place = entries.binary_search_by(|(other, _)| other.cmp(key)).ok()?;
                    return Some(&entries[place].1);
                }
            }
        }
    }

    /// Whether a key has a value.
    pub(crate) fn contains_key(&self, key: &KeyBytes) -> bool {
        self.get(key).is_some()
    }

    /// How many entries there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// All entries in the order of their keys.
    pub(crate) fn iter(&self) -> Range<'_, V> {
        self.range(Bound::Unbounded, Bound::Unbounded)
    }

    /// The entries between two bounds; none if the bounds cross.
    pub(crate) fn range(&self, low: Bound<KeyBytes>, high: Bound<KeyBytes>) -> Range<'_, V> {
        Range::new(&self.top, low, high)
    }

    /// The map after these changes, sorted by their keys and each key once. To take out what is not
    /// there changes nothing.
    #[must_use]
    pub(crate) fn after(&self, changes: Vec<Change<V>>) -> Self {
        debug_assert!(
            changes.is_sorted_by(|(one, _), (other, _)| one < other),
            "sorted, once each"
        );
        let mut merging = Merging { changes: changes.into_iter(), len: self.len };
        let level = merging.children(&self.top, None);
        Self { top: root(level), len: merging.len }
    }
}

/// As many nodes as one holds, of any number of them.
fn root<V: Clone>(mut level: Vec<Child<V>>) -> Arc<[Child<V>]> {
    while level.len() > WIDTH_MAX {
        let mut above = Layout::new(level.len() / WIDTH_MIN);
        level.into_iter().for_each(|child| above.push(child));
        level = above.finish();
    }
    match level.as_slice() {
        [Child { node: Node::Branch(below), .. }] => Arc::clone(below),
        _ => level.into(),
    }
}

impl<V: Clone> FromIterator<Entry<V>> for Sorted<V> {
    /// The map of these entries, sorted by their keys and each key once.
    fn from_iter<I: IntoIterator<Item = Entry<V>>>(entries: I) -> Self {
        let (mut leaves, mut len) = (Layout::new(1), 0);
        for entry in entries {
            leaves.push(entry);
            len += 1;
        }
        Self { top: root(leaves.finish()), len }
    }
}

/// What nodes hold: entries in leaves, nodes in branches.
trait Item<V>: Clone {
    fn last(&self) -> &KeyBytes;
    fn node(items: Arc<[Self]>) -> Node<V>;
    fn items(node: &Node<V>) -> &Arc<[Self]>;
}

impl<V: Clone> Item<V> for Entry<V> {
    fn last(&self) -> &KeyBytes {
        &self.0
    }

    fn node(items: Arc<[Self]>) -> Node<V> {
        Node::Leaf(items)
    }

    fn items(node: &Node<V>) -> &Arc<[Self]> {
        let Node::Leaf(entries) = node else { unreachable!("all leaves are equally deep") };
        entries
    }
}

impl<V: Clone> Item<V> for Child<V> {
    fn last(&self) -> &KeyBytes {
        &self.last
    }

    fn node(items: Arc<[Self]>) -> Node<V> {
        Node::Branch(items)
    }

    fn items(node: &Node<V>) -> &Arc<[Self]> {
        let Node::Branch(children) = node else { unreachable!("all leaves are equally deep") };
        children
    }
}

/// Nodes of one level being laid out, from the first to the last.
struct Layout<T, V> {
    done: Vec<Child<V>>,
    /// What comes next, less than two nodes hold.
    open: Vec<T>,
}

impl<T: Item<V>, V: Clone> Layout<T, V> {
    /// With room for so many nodes.
    fn new(nodes: usize) -> Self {
        Self { done: Vec::with_capacity(nodes), open: Vec::with_capacity(2 * WIDTH_MAX) }
    }

    fn push(&mut self, item: T) {
        self.open.push(item);
        if self.open.len() == 2 * WIDTH_MAX {
            self.close(WIDTH_MAX);
        }
    }

    /// Shares a node as it is, if what is open can stand without it.
    fn keep(&mut self, child: &Child<V>) {
        if (1..WIDTH_MIN).contains(&self.open.len()) {
            T::items(&child.node).iter().for_each(|item| self.push(item.clone()));
            return;
        }
        self.close_all();
        self.done.push(child.clone());
    }

    fn finish(mut self) -> Vec<Child<V>> {
        if (1..WIDTH_MIN).contains(&self.open.len())
            && let Some(child) = self.done.pop()
        {
            let few = std::mem::take(&mut self.open);
            self.open.extend(T::items(&child.node).iter().cloned().chain(few));
        }
        self.close_all();
        self.done
    }

    /// One node of all that is open, or two of half of it.
    fn close_all(&mut self) {
        if self.open.len() > WIDTH_MAX {
            self.close(self.open.len() / 2);
        }
        if !self.open.is_empty() {
            self.close(self.open.len());
        }
    }

    fn close(&mut self, count: usize) {
        let items: Arc<[T]> = self.open.drain(..count).collect();
        let last = items[count - 1].last().clone();
        self.done.push(Child { last, node: T::node(items) });
    }
}

/// Changes on their way into a tree, in the order of their keys.
struct Merging<V> {
    changes: vec::IntoIter<Change<V>>,
    len: usize,
}

impl<V: Clone> Merging<V> {
    /// Whether the next change lies below this key; any does if there is none.
    fn reaches(&self, last: Option<&KeyBytes>) -> bool {
        let next = self.changes.as_slice().first();
        next.is_some_and(|(key, _)| last.is_none_or(|last| key <= last))
    }

    /// These nodes after the changes up to this key, the greatest in them; after all if there is none.
    fn children(&mut self, children: &[Child<V>], last: Option<&KeyBytes>) -> Vec<Child<V>> {
        match children.first().map(|child| &child.node) {
            None => {
                let mut out = Layout::new(1);
                self.entries(&[], last, &mut out);
                out.finish()
            }
            Some(Node::Leaf(_)) => self.level(children, last, Self::entries),
            Some(Node::Branch(_)) => self.level(children, last, |merging, below, last, out| {
                merging.children(below, last).into_iter().for_each(|child| out.push(child));
            }),
        }
    }

    fn level<T: Item<V>>(
        &mut self,
        children: &[Child<V>],
        last: Option<&KeyBytes>,
        merge: impl Fn(&mut Self, &[T], Option<&KeyBytes>, &mut Layout<T, V>),
    ) -> Vec<Child<V>> {
        let mut out = Layout::new(children.len() + 1);
        for (place, child) in children.iter().enumerate() {
            let is_rightmost = place + 1 == children.len();
            let last = if is_rightmost { last } else { Some(&child.last) };
            if self.reaches(last) {
                merge(self, T::items(&child.node), last, &mut out);
            } else {
                out.keep(child);
            }
        }
        out.finish()
    }

    fn entries(
        &mut self,
        entries: &[Entry<V>],
        last: Option<&KeyBytes>,
        out: &mut Layout<Entry<V>, V>,
    ) {
        let mut entries = entries.iter().peekable();
        while self.reaches(last) {
            let (key, value) = self.changes.next().expect("it reaches here");
            while let Some(entry) = entries.next_if(|(other, _)| *other < key) {
                out.push(entry.clone());
            }
            let was_there = entries.next_if(|(other, _)| *other == key).is_some();
            self.len = self.len + usize::from(value.is_some()) - usize::from(was_there);
            if let Some(value) = value {
                out.push((key, value));
            }
        }
        entries.for_each(|entry| out.push(entry.clone()));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn key(number: u16) -> KeyBytes {
        KeyBytes::from_slice(&number.to_be_bytes())
    }

    fn is_node<T: Item<u32>>(items: &[T], fewest: usize) {
        assert!((fewest..=WIDTH_MAX).contains(&items.len()), "{} in a node", items.len());
        assert!(items.is_sorted_by(|one, other| one.last() < other.last()));
    }

    /// How high the tree is from here; what nodes say of others is so.
    fn height_of(child: &Child<u32>, fewest: usize) -> usize {
        match &child.node {
            Node::Leaf(entries) => {
                assert_eq!(child.last, entries[entries.len() - 1].0);
                is_node(entries, fewest);
                1
            }
            Node::Branch(below) => {
                assert_eq!(child.last, below[below.len() - 1].last);
                let heights: Vec<_> = below.iter().map(|child| height_of(child, fewest)).collect();
                assert!(heights.iter().all(|height| *height == heights[0]), "leaves equally deep");
                is_node(below, fewest);
                heights[0] + 1
            }
        }
    }

    fn is_sound(map: &Sorted<u32>, only_grew: bool) {
        assert!(map.top.len() <= WIDTH_MAX);
        let is_only = map.top.len() == 1;
        let fewest = if only_grew && !is_only { WIDTH_MIN } else { 1 };
        assert!(!is_only || matches!(map.top[0].node, Node::Leaf(_)), "no higher than it need be");
        let heights: Vec<_> = map.top.iter().map(|child| height_of(child, fewest)).collect();
        assert!(heights.iter().all(|height| *height == heights[0]), "leaves equally deep");
        assert_eq!(map.len(), map.iter().count());
    }

    fn same(map: &Sorted<u32>, model: &BTreeMap<KeyBytes, u32>, only_grew: bool) {
        is_sound(map, only_grew);
        assert_eq!(map.len(), model.len());
        assert!(map.iter().eq(model));
        assert!(map.iter().rev().eq(model.iter().rev()));
    }

    /// Changes of keys that lie close together or far apart; more or fewer of them than there are.
    fn changes() -> impl Strategy<Value = Vec<(u16, Option<u32>)>> {
        let near = (0..60_u16, any::<bool>(), any::<u32>());
        let far = (0..3_000_u16, any::<bool>(), any::<u32>());
        let some = |(key, is_put, value): (u16, bool, u32)| (key, is_put.then_some(value));
        prop_oneof![
            prop::collection::vec(near.prop_map(some), 0..80),
            prop::collection::vec(far.prop_map(some), 0..800),
            (0..3_000_u16, 0..900_u16).prop_map(|(from, count)| {
                (from..from + count).map(|key| (key, None)).collect()
            }),
            (0..3_000_u16, 0..900_u16, any::<u32>()).prop_map(|(from, count, value)| {
                (from..from + count).map(|key| (key, Some(value))).collect()
            }),
        ]
    }

    proptest! {
        #[test]
        fn a_map_after_changes_is_what_a_plain_map_is(steps in prop::collection::vec(changes(), 1..8)) {
            let mut map = Sorted::from_iter([]);
            let (mut model, mut held, mut only_grew) = (BTreeMap::new(), Vec::new(), true);
            for step in steps {
                let step: BTreeMap<KeyBytes, Option<u32>> =
                    step.into_iter().map(|(number, value)| (key(number), value)).collect();
                held.push((map.clone(), model.clone()));
                map = map.after(step.clone().into_iter().collect());
                only_grew &= step.values().all(Option::is_some);
                for (key, value) in step {
                    match value {
                        Some(value) => drop(model.insert(key, value)),
                        None => drop(model.remove(&key)),
                    }
                }
                same(&map, &model, only_grew);
                same(&model.clone().into_iter().collect(), &model, true);
            }
            held.iter().for_each(|(map, model)| same(map, model, false));
        }

        #[test]
        fn reads_are_those_of_a_plain_map(
            entries in prop::collection::btree_map(0..2_000_u16, any::<u32>(), 0..700),
            bounds in prop::collection::vec((0..2_000_u16, 0..2_000_u16, 0..9_u8, any::<u64>()), 20),
        ) {
            let model: BTreeMap<KeyBytes, u32> =
                entries.into_iter().map(|(number, value)| (key(number), value)).collect();
            let map: Sorted<u32> = model.clone().into_iter().collect();
            for (low, high, kinds, turns) in bounds {
                assert_eq!(map.get(&key(low)), model.get(&key(low)));
                let bound = |number, kind| match kind {
                    0 => Bound::Included(key(number)),
                    1 => Bound::Excluded(key(number)),
                    _ => Bound::Unbounded,
                };
                let (low, high) = (low.min(high), low.max(high));
                let (from, to) = (bound(low, kinds / 3), bound(high, kinds % 3));
                if low == high && kinds == 4 {
                    // Excluded at both ends: a plain map panics.
                    assert!(map.range(from, to).next().is_none());
                    continue;
                }
                // From both ends, in any turns, until they meet.
                let mut ours = map.range(from.clone(), to.clone());
                let mut theirs = model.range((from, to));
                for turn in 0.. {
                    let is_front = turns >> (turn % 64) & 1 == 0;
                    let one = if is_front { ours.next() } else { ours.next_back() };
                    let other = if is_front { theirs.next() } else { theirs.next_back() };
                    assert_eq!(one, other);
                    if one.is_none() {
                        break;
                    }
                }
            }
        }
    }

    #[test]
    fn bounds_that_cross_enclose_nothing() {
        let map: Sorted<u32> = (0..100).map(|number| (key(number), 0)).collect();
        let range = map.range(Bound::Included(key(50)), Bound::Excluded(key(20)));
        assert_eq!(range.count(), 0);
    }

    #[test]
    fn what_no_change_touches_is_shared() {
        let map: Sorted<u32> = (0..5_000).map(|number| (key(number), 0)).collect();
        let after = map.after(vec![(key(2_500), Some(1))]);
        let leaves = |map: &Sorted<u32>| {
            let mut leaves = Vec::new();
            let mut level: Vec<_> = map.top.to_vec();
            while let Some(Child { node, .. }) = level.pop() {
                match node {
                    Node::Leaf(entries) => leaves.push(entries.as_ptr()),
                    Node::Branch(below) => level.extend(below.iter().cloned()),
                }
            }
            leaves
        };
        let (before, after) = (leaves(&map), leaves(&after));
        let shared = after.iter().filter(|leaf| before.contains(leaf)).count();
        assert_eq!((shared, after.len()), (before.len() - 1, before.len()));
    }
}
