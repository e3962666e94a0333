//! Tables: typed rows in memory, by key and by index.
//!
//! A table has two representations behind one type (ADR 0001):
//! - *live*: mutable ordered maps, owned by the engine's thread; every mutation appends to a change
//!   list, which takes a refused command back and then moves the frozen form;
//! - *frozen*: persistent maps that share structure; part of an atom, read by the world, moved only
//!   by folding a frame's changes.
//!
//! Rows are shared between the two. Keys and index entries (`crate::indexes`) are order-preserving
//! bytes ([`deeds_values::key`]), so one kind of map serves all.
//!
//! Misuse by an author (inserting a key that exists, updating one that does not, changing a key,
//! breaking a unique index) panics with words for the author; the engine catches it, takes the
//! command back and records a bug. All checks and all calls into the row's own code come before the
//! first mutation, so a panic leaves the table as it was.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry as MapEntry;
use std::sync::Arc;

use deeds_values::{Key, KeyBytes, Position};

use crate::changes::{Change, TableChanges};
use crate::freezing::Freezing;
use crate::indexes::{IndexMove, IndexMoves, LiveIndex, Split, allowed_moves, index_moves};
use crate::row::Row;
use crate::snapshot::Entries;
use crate::sorted::{self, Sorted};

/// A typed collection of rows.
pub struct Table<R: Row> {
    pub(crate) name: &'static str,
    pub(crate) store: Store<R>,
}

pub(crate) enum Store<R> {
    Live(Live<R>),
    Frozen(Frozen<R>),
}

pub(crate) struct Live<R> {
    pub(crate) rows: BTreeMap<KeyBytes, Arc<R>>,
    pub(crate) indexes: Vec<LiveIndex>,
    /// The changes of the frame being built.
    changes: Vec<Change<R>>,
    /// How many of them belong to earlier commands.
    mark: usize,
    /// The record being decided or replayed.
    position: Position,
    /// False while replaying: nothing will be taken back or folded, so nothing is remembered, and
    /// indexes sleep.
    recording: bool,
}

#[derive(Clone)]
pub(crate) struct Frozen<R> {
    pub(crate) rows: Sorted<Arc<R>>,
    pub(crate) indexes: Vec<Sorted<Split>>,
}

impl<R: Row> Table<R> {
    /// An empty table in its live form.
    pub fn live(name: &'static str) -> Self {
        let live = Live {
            rows: BTreeMap::new(),
            indexes: R::INDEXES.iter().map(|_| LiveIndex::empty()).collect(),
            changes: Vec::new(),
            mark: 0,
            position: Position(0),
            recording: true,
        };
        Self { name, store: Store::Live(live) }
    }

    /// The table's name: the field of the state that holds it.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Adds a row whose key is new.
    ///
    /// # Panics
    /// If a row with its key exists, or a unique index has its value: decide first, then emit.
    pub fn insert(&mut self, row: R) {
        let (name, key) = (self.name, key_of(&row));
        let live = self.live_mut();
        let moves = allowed_moves(name, &live.indexes, &key, None, Some(&row));
        let row = Arc::new(row);
        match live.rows.entry(key.clone()) {
            MapEntry::Vacant(place) => drop(place.insert(Arc::clone(&row))),
            MapEntry::Occupied(_) => {
                panic!("{name}: insert of a row whose key exists already");
            }
        }
        live.changed(key, None, Some(row), moves);
    }

    /// Adds a row, or replaces the one with its key.
    ///
    /// # Panics
    /// If a unique index has its value for another row.
    pub fn put(&mut self, row: R) {
        let (name, key) = (self.name, key_of(&row));
        let live = self.live_mut();
        let before = live.rows.get(&key).cloned();
        let moves = allowed_moves(name, &live.indexes, &key, before.as_deref(), Some(&row));
        let row = Arc::new(row);
        live.rows.insert(key.clone(), Arc::clone(&row));
        live.changed(key, before, Some(row), moves);
    }

    /// Changes the row with this key; gives the row as it is then.
    ///
    /// # Panics
    /// If there is none, if the change alters the key, or if a unique index has the new value.
    pub fn update(&mut self, key: &R::Key, change: impl FnOnce(&mut R)) -> &R {
        let (name, key) = (self.name, bytes_of(key));
        let live = self.live_mut();
        if !live.recording {
            return live.update_in_place(name, key, change);
        }
        let Live { rows, indexes, changes, position, .. } = live;
        let Some(place) = rows.get_mut(&key) else {
            panic!("{name}: update of a row that does not exist");
        };
        let before = Arc::clone(place);
        let mut row = R::clone(&before);
        change(&mut row);
        if key_of(&row) != key {
            panic!("{name}: update changed the key of a row; remove the row and insert another");
        }
        let moves = allowed_moves(name, indexes, &key, Some(&*before), Some(&row));
        *place = Arc::new(row);
        move_entries(indexes, moves);
        let after = Some(Arc::clone(place));
        changes.push(Change { position: *position, key, before: Some(before), after });
        place
    }

    /// Removes the row with this key.
    ///
    /// # Panics
    /// If there is none.
    pub fn remove(&mut self, key: &R::Key) {
        let (name, key) = (self.name, bytes_of(key));
        let live = self.live_mut();
        let Some(before) = live.rows.get(&key).cloned() else {
            panic!("{name}: remove of a row that does not exist");
        };
        let moves = allowed_moves(name, &live.indexes, &key, Some(&*before), None);
        live.rows.remove(&key);
        live.changed(key, Some(before), None, moves);
    }

    fn live_mut(&mut self) -> &mut Live<R> {
        match &mut self.store {
            Store::Live(live) => live,
            Store::Frozen(_) => panic!("{}: only events change tables", self.name),
        }
    }
}

/// The payload of a panic that says our own tables are broken. Unlike a panic in an author's code it
/// is not taken back and recorded: the engine lets it end the process.
#[derive(Debug)]
pub struct Broken(pub &'static str);

fn intact(holds: bool, what: &'static str) {
    if !holds {
        std::panic::panic_any(Broken(what));
    }
}

/// The bytes of a row's key.
pub(crate) fn key_of<R: Row>(row: &R) -> KeyBytes {
    let mut bytes = KeyBytes::new();
    row.encode_key(&mut bytes);
    bytes
}

/// The bytes of a key.
pub(crate) fn bytes_of(key: &impl Key) -> KeyBytes {
    let mut bytes = KeyBytes::new();
    key.encode(&mut bytes);
    bytes
}

impl<R: Row> Live<R> {
    /// The entries of an index, which is awake from here on.
    pub(crate) fn index(&self, number: usize) -> &BTreeMap<KeyBytes, Split> {
        self.indexes[number].awake(&R::INDEXES[number], &self.rows)
    }

    /// Moves the index entries of a row that was changed, and remembers the change.
    fn changed(
        &mut self,
        key: KeyBytes,
        before: Option<Arc<R>>,
        after: Option<Arc<R>>,
        moves: IndexMoves,
    ) {
        move_entries(&mut self.indexes, moves);
        if self.recording {
            self.changes.push(Change { position: self.position, key, before, after });
        }
    }
}

pub(crate) fn move_entries(indexes: &mut [LiveIndex], moves: IndexMoves) {
    for IndexMove { index, old, new } in moves {
        let index = indexes[index].if_awake_mut().expect("what sleeps is not moved");
        if let Some((entry, _)) = old {
            let removed = index.remove(&entry);
            intact(removed.is_some(), "a row's index entries are there while it is");
        }
        if let Some((entry, split)) = new {
            let replaced = index.insert(entry, split);
            intact(replaced.is_none(), "an index entry belongs to one row");
        }
    }
}

fn changes_of<R: Row>(changes: &dyn TableChanges) -> &Vec<Change<R>> {
    changes.as_any().downcast_ref().expect("changes of rows of this type")
}

impl<R: Row> Frozen<R> {
    /// The rows and indexes after these changes, in the order in which they were made.
    fn after(&self, mut changes: Vec<&Change<R>>) -> Self {
        // Sorted by key, so that a row that changed many times is written once: its first before and its
        // last after.
        changes.sort_by(|one, other| one.key.cmp(&other.key));
        let mut rows: Vec<sorted::Change<Arc<R>>> = Vec::with_capacity(changes.len());
        let mut moves: Vec<Vec<sorted::Change<Split>>> = vec![Vec::new(); self.indexes.len()];
        for same_row in changes.chunk_by(|one, other| one.key == other.key) {
            let (first, last) = (same_row[0], same_row[same_row.len() - 1]);
            let (before, after) = (first.before.as_deref(), last.after.as_deref());
            for IndexMove { index, old, new } in index_moves(|_| true, &first.key, before, after) {
                moves[index].extend(old.map(|(entry, _)| (entry, None)));
                moves[index].extend(new.map(|(entry, split)| (entry, Some(split))));
            }
            rows.push((first.key.clone(), last.after.clone()));
        }
        let mut indexes = Vec::with_capacity(self.indexes.len());
        for (index, mut moves) in self.indexes.iter().zip(moves) {
            moves.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
            indexes.push(index.after(moves));
        }
        Self { rows: self.rows.after(rows), indexes }
    }
}

/// What the engine and the atom do with a table, whatever its rows. Not for authors.
#[doc(hidden)]
pub trait AnyTable: Entries + Freezing + Send + Sync {
    fn name(&self) -> &'static str;
    fn row_type(&self) -> TypeId;
    fn row_name(&self) -> &'static str;
    fn row_count(&self) -> usize;
    /// Rows as JSON in key order, for comparison and for people.
    fn rows_json(&self) -> Box<dyn Iterator<Item = serde_json::Value> + '_>;
    /// Starts a command at this position: what follows can be taken back.
    fn begin(&mut self, position: Position);
    /// Takes back everything since `begin`.
    fn take_back(&mut self);
    /// Turns the change list on or off (off: replay).
    fn record_changes(&mut self, recording: bool);
    /// Takes the frame's changes, if there are any.
    fn take_changes(&mut self) -> Option<Box<dyn TableChanges>>;
    /// Folds the changes of some frames, in their order, into the frozen form.
    fn fold(&mut self, frames: &[&dyn TableChanges]);
    fn contains_bytes(&self, key: &KeyBytes) -> bool;
    /// Checks the references of the rows changed since `begin`; the error is for the author.
    fn check_references(&self, tables: &dyn Tables) -> Result<(), String>;
    /// Whether some row's reference to `target` holds this key; says which field.
    fn refers_to(&self, target: TypeId, key: &[u8]) -> Option<&'static str>;
    /// Whether every index holds exactly the rows' entries; the error names the index.
    fn check_indexes(&self) -> Result<(), String>;
}

/// The tables of a state by their row types. Not for authors.
#[doc(hidden)]
pub trait Tables {
    fn find(&self, row_type: TypeId) -> Option<&dyn AnyTable>;
    fn each(&self, visit: &mut dyn FnMut(&dyn AnyTable));
}

impl<R: Row> AnyTable for Table<R> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn row_type(&self) -> TypeId {
        TypeId::of::<R>()
    }

    fn row_name(&self) -> &'static str {
        R::NAME
    }

    fn row_count(&self) -> usize {
        match &self.store {
            Store::Live(live) => live.rows.len(),
            Store::Frozen(frozen) => frozen.rows.len(),
        }
    }

    fn rows_json(&self) -> Box<dyn Iterator<Item = serde_json::Value> + '_> {
        let json = |row: &R| serde_json::to_value(row).expect("stored types always serialize");
        match &self.store {
            Store::Live(live) => Box::new(live.rows.values().map(move |row| json(row))),
            Store::Frozen(frozen) => Box::new(frozen.rows.iter().map(move |(_, row)| json(row))),
        }
    }

    #[inline]
    fn begin(&mut self, position: Position) {
        let live = self.live_mut();
        live.mark = live.changes.len();
        live.position = position;
    }

    fn take_back(&mut self) {
        let live = self.live_mut();
        assert!(live.recording, "only recorded changes can be taken back");
        while live.changes.len() > live.mark {
            let change = live.changes.pop().expect("longer than the mark");
            let Change { key, before, after, .. } = change;
            let moves = index_moves(|_| true, &key, after.as_deref(), before.as_deref());
            match before {
                Some(row) => drop(live.rows.insert(key, row)),
                None => drop(live.rows.remove(&key)),
            }
            move_entries(&mut live.indexes, moves);
        }
    }

    fn record_changes(&mut self, recording: bool) {
        let live = self.live_mut();
        assert!(live.changes.is_empty(), "changes are taken before recording is switched");
        live.recording = recording;
        for (number, spec) in R::INDEXES.iter().enumerate() {
            if recording {
                live.index(number);
            } else {
                live.indexes[number].sleep(spec);
            }
        }
    }

    fn take_changes(&mut self) -> Option<Box<dyn TableChanges>> {
        let live = self.live_mut();
        live.mark = 0;
        let changes = std::mem::take(&mut live.changes);
        if changes.is_empty() { None } else { Some(Box::new(changes)) }
    }

    fn fold(&mut self, frames: &[&dyn TableChanges]) {
        let Store::Frozen(frozen) = &mut self.store else {
            panic!("{}: only atoms are folded", self.name);
        };
        *frozen = frozen.after(frames.iter().flat_map(|frame| changes_of(*frame)).collect());
    }

    fn contains_bytes(&self, key: &KeyBytes) -> bool {
        match &self.store {
            Store::Live(live) => live.rows.contains_key(key),
            Store::Frozen(frozen) => frozen.rows.contains_key(key),
        }
    }

    #[inline]
    fn check_references(&self, tables: &dyn Tables) -> Result<(), String> {
        let Store::Live(live) = &self.store else {
            panic!("{}: references are checked where tables change", self.name);
        };
        match &live.changes[live.mark..] {
            [] => Ok(()),
            since_begin => self.check_references_of(live, since_begin, tables),
        }
    }

    fn refers_to(&self, target: TypeId, key: &[u8]) -> Option<&'static str> {
        let Store::Live(live) = &self.store else { return None };
        R::REFERENCES.iter().filter(|reference| (reference.target)() == target).find_map(
            |reference| {
                let index = live.index(reference.index);
                let mut start = KeyBytes::new();
                if reference.optional {
                    start.push(deeds_values::key::SOME_MARK);
                }
                start.extend_from_slice(key);
                let (entry, _) = index.range(start.clone()..).next()?;
                entry.starts_with(&start).then_some(reference.field)
            },
        )
    }

    fn check_indexes(&self) -> Result<(), String> {
        for (number, spec) in R::INDEXES.iter().enumerate() {
            let (entries, has): (usize, Box<dyn Fn(&KeyBytes) -> bool + '_>) = match &self.store {
                Store::Live(live) => {
                    let index = live.index(number);
                    (index.len(), Box::new(move |entry| index.contains_key(entry)))
                }
                Store::Frozen(frozen) => {
                    let index = &frozen.indexes[number];
                    (index.len(), Box::new(move |entry| index.contains_key(entry)))
                }
            };
            let whole = self.each_row().all(|(key, row)| {
                let mut entry = KeyBytes::new();
                (spec.encode)(row, &mut entry);
                entry.extend_from_slice(key);
                has(&entry)
            });
            if !whole || entries != self.row_count() {
                return Err(format!(
                    "{}: index `{}` does not match its rows",
                    self.name, spec.name
                ));
            }
        }
        Ok(())
    }
}

impl<R: Row> Table<R> {
    pub(crate) fn each_row(&self) -> Box<dyn Iterator<Item = (&KeyBytes, &R)> + '_> {
        match &self.store {
            Store::Live(live) => Box::new(live.rows.iter().map(|(key, row)| (key, &**row))),
            Store::Frozen(frozen) => Box::new(frozen.rows.iter().map(|(key, row)| (key, &**row))),
        }
    }

    fn check_references_of(
        &self,
        live: &Live<R>,
        since_begin: &[Change<R>],
        tables: &dyn Tables,
    ) -> Result<(), String> {
        if !R::REFERENCES.is_empty() {
            for Change { key, after, .. } in since_begin {
                let Some(row) = after else { continue };
                let outcome = self.check_row_references(row, tables);
                // A row that was changed again is not what counts.
                if outcome.is_err() && live.rows.get(key).is_some_and(|now| Arc::ptr_eq(now, row)) {
                    return outcome;
                }
            }
        }
        for change in since_begin.iter().filter(|change| change.after.is_none()) {
            if live.rows.contains_key(&change.key) {
                continue;
            }
            let mut left = None;
            tables.each(&mut |table| {
                if let Some(field) = table.refers_to(TypeId::of::<R>(), &change.key) {
                    left = Some(format!(
                        "{}: a row was removed that `{}.{field}` still refers to",
                        self.name,
                        table.name()
                    ));
                }
            });
            left.map_or(Ok(()), Err)?;
        }
        Ok(())
    }

    fn check_row_references(&self, row: &R, tables: &dyn Tables) -> Result<(), String> {
        for reference in R::REFERENCES {
            let mut key = KeyBytes::new();
            if !(reference.encode)(row, &mut key) {
                continue;
            }
            let target = tables.find((reference.target)()).ok_or_else(|| {
                format!("{}: `{}` refers to a table the state lacks", self.name, reference.field)
            })?;
            if !target.contains_bytes(&key) {
                return Err(format!(
                    "{}: `{}` refers to a row of `{}` that does not exist",
                    self.name,
                    reference.field,
                    target.name()
                ));
            }
        }
        Ok(())
    }
}
