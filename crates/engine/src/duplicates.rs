//! The same command sent again is answered again, never run again (DESIGN §4.2).
//!
//! Two kinds of identity, both per actor:
//! - a UUIDv7: remembered for [`WINDOW_US`] of log time, and for at most as many commands as the
//!   window holds. What is forgotten moves the *horizon*: an id made at or before it may have been
//!   seen, so it is `gone`, never run.
//! - a number of a named source, strictly rising: the last one is remembered for ever.
//!
//! Derived from records alone, so a replay makes the same window. Looking up takes a table of places
//! in the window besides; who only remembers, as replay and the snapshotter do, has none.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, RandomState};

use deeds_values::{CommandId, Position, Timestamp};
use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

/// How long a UUIDv7 is remembered, in log time: 24 hours.
pub const WINDOW_US: i64 = 24 * 3600 * 1_000_000;

/// How many UUIDv7s are remembered unless told otherwise: 48 bytes each, and 5 to 10 to look up.
pub const WINDOW_COMMANDS: usize = 1_000_000;

/// How far ahead of log time a UUIDv7 may be: 5 minutes, the usual bound for clocks that are meant
/// to be right.
pub const AHEAD_MS_MAX: u64 = 5 * 60 * 1_000;

/// What makes two sendings the same content: a hash of the command's type and arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint(pub u64);

/// What is known of a command's id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    /// Never seen: run it.
    New,
    /// Seen, recorded at this position.
    Seen(Position),
    /// Seen with other content, at this position.
    Conflict(Position),
    /// Too old to know, or passed over by a later number: never run.
    Gone,
    /// Its clock is more than [`AHEAD_MS_MAX`] ahead of log time.
    Ahead,
}

#[derive(Clone, Copy, Debug)]
struct Seen {
    position: Position,
    fingerprint: Fingerprint,
}

/// A UUIDv7 in the window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RememberedUnique {
    /// The record.
    pub position: Position,
    /// Its time.
    pub time: Timestamp,
    /// The actor's number.
    pub actor: u32,
    /// The UUID.
    pub id: [u8; 16],
    /// The content.
    pub fingerprint: Fingerprint,
}

/// The last number of a source.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RememberedNumber {
    /// The record.
    pub position: Position,
    /// The actor's number.
    pub actor: u32,
    /// The source.
    pub source: String,
    /// The number.
    pub number: u64,
    /// The content.
    pub fingerprint: Fingerprint,
}

/// The window and the sources.
#[derive(Clone, Debug)]
pub struct Duplicates {
    capacity: usize,
    /// In the order of recording.
    unique: VecDeque<RememberedUnique>,
    places: Option<Places>,
    /// The newest id time ever forgotten, in milliseconds.
    horizon_ms: Option<u64>,
    numbered: HashMap<(u32, String), (u64, Seen)>,
}

/// Where in the window an id is. A place is counted from the first id ever put in, modulo 2³²: so
/// none has to be changed when the oldest is forgotten.
#[derive(Clone, Debug, Default)]
struct Places {
    table: HashTable<u32>,
    /// The place of the oldest.
    first: u32,
    /// Clients choose their ids, so the hash is one that they cannot predict.
    hasher: RandomState,
}

impl Places {
    fn find(&self, window: &VecDeque<RememberedUnique>, actor: u32, id: &[u8; 16]) -> Option<Seen> {
        let at = |place: u32| &window[place.wrapping_sub(self.first) as usize];
        let same = |place: &u32| at(*place).actor == actor && at(*place).id == *id;
        let place = self.table.find(self.hasher.hash_one((actor, id)), same)?;
        let RememberedUnique { position, fingerprint, .. } = *at(*place);
        Some(Seen { position, fingerprint })
    }

    /// Takes in what is put behind the youngest of the window next; whether it is not in there yet.
    fn add(&mut self, window: &VecDeque<RememberedUnique>, unique: &RememberedUnique) -> bool {
        let (first, hasher) = (self.first, &self.hasher);
        let at = |place: &u32| &window[place.wrapping_sub(first) as usize];
        let same = |place: &u32| at(place).actor == unique.actor && at(place).id == unique.id;
        let hash = |unique: &RememberedUnique| hasher.hash_one((unique.actor, &unique.id));
        let next = u32::try_from(window.len()).expect("a window holds less than 4 billion");
        match self.table.entry(hash(unique), same, |place| hash(at(place))) {
            Entry::Occupied(_) => false,
            Entry::Vacant(entry) => {
                entry.insert(first.wrapping_add(next));
                true
            }
        }
    }

    /// Takes out the oldest, which was taken from the window just now.
    fn remove_first(&mut self, forgotten: &RememberedUnique) {
        let hash = self.hasher.hash_one((forgotten.actor, &forgotten.id));
        let entry = self.table.find_entry(hash, |place| *place == self.first);
        entry.expect("the window and its places hold the same ids").remove();
        self.first = self.first.wrapping_add(1);
    }
}

impl Duplicates {
    /// An empty window that holds at most `capacity` UUIDs.
    pub fn new(capacity: usize) -> Self {
        Self { places: Some(Places::default()), ..Self::only_remembering(capacity) }
    }

    /// The same, but nothing can be looked up in it until [`Self::to_look_up`].
    pub fn only_remembering(capacity: usize) -> Self {
        assert!(capacity > 0, "a window remembers something");
        assert!(u32::try_from(capacity).is_ok(), "a window holds less than 4 billion");
        Self {
            capacity,
            unique: VecDeque::new(),
            places: None,
            horizon_ms: None,
            numbered: HashMap::new(),
        }
    }

    /// A copy that only remembers.
    pub fn to_remember(&self) -> Self {
        Self {
            capacity: self.capacity,
            unique: self.unique.clone(),
            places: None,
            horizon_ms: self.horizon_ms,
            numbered: self.numbered.clone(),
        }
    }

    /// The window to look up in; none if it holds an id twice.
    pub fn to_look_up(mut self) -> Option<Self> {
        if self.places.is_none() {
            let table = HashTable::with_capacity(self.unique.len());
            let mut places = Places { table, ..Places::default() };
            let hash =
                |unique: &RememberedUnique| places.hasher.hash_one((unique.actor, &unique.id));
            for (place, unique) in (0..).zip(&self.unique) {
                let same = |other: &u32| {
                    let other = &self.unique[*other as usize];
                    other.actor == unique.actor && other.id == unique.id
                };
                let rehash = |place: &u32| hash(&self.unique[*place as usize]);
                match places.table.entry(hash(unique), same, rehash) {
                    Entry::Occupied(_) => return None,
                    Entry::Vacant(entry) => drop(entry.insert(place)),
                }
            }
            self.places = Some(places);
        }
        Some(self)
    }

    /// What is known of this id of this actor, at this log time.
    ///
    /// # Panics
    /// If the window only remembers.
    pub fn look_up(
        &self,
        actor: u32,
        id: &CommandId,
        fingerprint: Fingerprint,
        log_time: Timestamp,
    ) -> Sighting {
        let places = self.places.as_ref().expect("a window that only remembers is not asked");
        match id {
            CommandId::Unique(uuid) => match places.find(&self.unique, actor, uuid.as_bytes()) {
                Some(seen) => sighting(seen, fingerprint),
                None => {
                    let id_ms = CommandId::unique_ms(uuid);
                    let log_ms = u64::try_from(log_time.0 / 1_000).unwrap_or(0);
                    if id_ms > log_ms.saturating_add(AHEAD_MS_MAX) {
                        Sighting::Ahead
                    } else if self.horizon_ms.is_some_and(|horizon| id_ms <= horizon) {
                        Sighting::Gone
                    } else {
                        Sighting::New
                    }
                }
            },
            CommandId::Numbered { source, number } => {
                match self.numbered.get(&(actor, source.clone())) {
                    Some((last, seen)) if number == last => sighting(*seen, fingerprint),
                    Some((last, _)) if number < last => Sighting::Gone,
                    _ => Sighting::New,
                }
            }
        }
    }

    /// Remembers a recorded command.
    ///
    /// # Panics
    /// If the id was seen before: it is looked up first. A window that only remembers does not notice
    /// before [`Self::to_look_up`].
    pub fn remember(
        &mut self,
        actor: u32,
        id: &CommandId,
        fingerprint: Fingerprint,
        position: Position,
        time: Timestamp,
    ) {
        match id {
            CommandId::Unique(uuid) => {
                let id = *uuid.as_bytes();
                let remembered = RememberedUnique { position, time, actor, id, fingerprint };
                if let Some(places) = &mut self.places {
                    let is_new = places.add(&self.unique, &remembered);
                    assert!(is_new, "a command is recorded once");
                }
                self.unique.push_back(remembered);
                self.forget(time);
            }
            CommandId::Numbered { source, number } => {
                let seen = Seen { position, fingerprint };
                let before = self.numbered.insert((actor, source.clone()), (*number, seen));
                assert!(before.is_none_or(|(last, _)| last < *number), "a source's numbers rise");
            }
        }
    }

    fn forget(&mut self, now: Timestamp) {
        while let Some(oldest) = self.unique.front() {
            if now.0 - oldest.time.0 <= WINDOW_US && self.unique.len() <= self.capacity {
                break;
            }
            let forgotten = self.unique.pop_front().expect("there is an oldest one");
            if let Some(places) = &mut self.places {
                places.remove_first(&forgotten);
            }
            let id_ms = CommandId::unique_ms(&uuid::Uuid::from_bytes(forgotten.id));
            self.horizon_ms = self.horizon_ms.max(Some(id_ms));
        }
        let places = self.places.as_ref().map_or(self.unique.len(), |places| places.table.len());
        assert_eq!(places, self.unique.len());
    }

    /// The newest id time ever forgotten, in milliseconds since 1970.
    pub fn horizon_ms(&self) -> Option<u64> {
        self.horizon_ms
    }

    /// How many UUIDs it holds at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// The remembered UUIDs, in the order of their records.
    pub fn uniques(&self) -> impl Iterator<Item = RememberedUnique> + '_ {
        self.unique.iter().copied()
    }

    /// The remembered numbers, by actor and source.
    #[expect(clippy::disallowed_methods, reason = "collected and sorted")]
    pub fn numbers(&self) -> Vec<RememberedNumber> {
        let remembered = self.numbered.iter().map(|((actor, source), (number, seen))| {
            let Seen { position, fingerprint } = *seen;
            let (actor, source, number) = (*actor, source.clone(), *number);
            RememberedNumber { position, actor, source, number, fingerprint }
        });
        let mut numbers: Vec<RememberedNumber> = remembered.collect();
        numbers.sort_unstable_by(|a, b| (a.actor, &a.source).cmp(&(b.actor, &b.source)));
        numbers
    }

    /// The window that remembered this, and only remembers; none if one window cannot have. Whether
    /// an id is in it twice shows [`Self::to_look_up`].
    pub fn remembering(
        capacity: usize,
        horizon_ms: Option<u64>,
        uniques: impl IntoIterator<Item = RememberedUnique>,
        numbers: impl IntoIterator<Item = RememberedNumber>,
    ) -> Option<Self> {
        let mut window = Self { horizon_ms, ..Self::only_remembering(capacity) };
        for unique in uniques {
            let in_order = window.unique.back().is_none_or(|last| last.time <= unique.time);
            window.unique.push_back(unique);
            if !in_order || window.unique.len() > capacity {
                return None;
            }
        }
        for RememberedNumber { position, actor, source, number, fingerprint } in numbers {
            let seen = Seen { position, fingerprint };
            if window.numbered.insert((actor, source), (number, seen)).is_some() {
                return None;
            }
        }
        Some(window)
    }

    /// How many UUIDs are remembered, and how many sources.
    pub fn counts(&self) -> (usize, usize) {
        (self.unique.len(), self.numbered.len())
    }
}

fn sighting(seen: Seen, fingerprint: Fingerprint) -> Sighting {
    if seen.fingerprint == fingerprint {
        Sighting::Seen(seen.position)
    } else {
        Sighting::Conflict(seen.position)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    const PRINT: Fingerprint = Fingerprint(7);

    fn id(ms: u64, n: u8) -> CommandId {
        let mut bytes = [n; 16];
        bytes[..6].copy_from_slice(&ms.to_be_bytes()[2..]);
        bytes[6] = 0x70;
        bytes[8] = 0x80;
        CommandId::Unique(Uuid::from_bytes(bytes))
    }

    fn at_ms(ms: i64) -> Timestamp {
        Timestamp(ms * 1_000)
    }

    #[test]
    fn a_command_sent_again_is_seen_and_other_content_conflicts() {
        let mut window = Duplicates::new(10);
        window.remember(1, &id(1_000, 1), PRINT, Position(5), at_ms(1_000));
        let look = |actor, print| window.look_up(actor, &id(1_000, 1), print, at_ms(2_000));
        assert_eq!(look(1, PRINT), Sighting::Seen(Position(5)));
        assert_eq!(look(1, Fingerprint(8)), Sighting::Conflict(Position(5)));
        assert_eq!(look(2, PRINT), Sighting::New, "identities are per actor");
    }

    #[test]
    fn what_the_window_forgot_is_gone_and_never_new() {
        let mut window = Duplicates::new(2);
        for n in 1..=3 {
            let ms = u64::from(n) * 1_000;
            window.remember(1, &id(ms, n), PRINT, Position(n.into()), at_ms(ms as i64));
        }
        assert_eq!(window.horizon_ms(), Some(1_000));
        let look = |id: &CommandId| window.look_up(1, id, PRINT, at_ms(4_000));
        assert_eq!(look(&id(1_000, 1)), Sighting::Gone);
        assert_eq!(look(&id(900, 9)), Sighting::Gone, "it may have been forgotten too");
        assert_eq!(look(&id(1_001, 9)), Sighting::New);
        assert_eq!(look(&id(2_000, 2)), Sighting::Seen(Position(2)));
    }

    #[test]
    fn a_day_old_id_is_forgotten() {
        let mut window = Duplicates::new(10);
        window.remember(1, &id(1_000, 1), PRINT, Position(1), at_ms(1_000));
        let day_ms = WINDOW_US / 1_000;
        window.remember(1, &id(2_000, 2), PRINT, Position(2), at_ms(1_000 + day_ms));
        assert_eq!(window.counts().0, 2, "exactly a day is still remembered");
        window.remember(1, &id(3_000, 3), PRINT, Position(3), at_ms(1_001 + day_ms));
        assert_eq!(window.counts().0, 2);
    }

    /// Promised in so many words (DESIGN §4.2), so in numbers of their own here.
    #[test]
    fn the_window_is_a_day_and_a_clock_may_be_five_minutes_ahead() {
        assert_eq!(WINDOW_US, 86_400_000_000);
        assert_eq!(AHEAD_MS_MAX, 300_000);
    }

    #[test]
    fn no_window_remembers_out_of_order_twice_or_more_than_fits() {
        let unique = |n: u8, ms: i64| RememberedUnique {
            position: Position(n.into()),
            time: at_ms(ms),
            actor: 1,
            id: [n; 16],
            fingerprint: PRINT,
        };
        let number = |number| RememberedNumber {
            position: Position(1),
            actor: 1,
            source: "import".to_owned(),
            number,
            fingerprint: PRINT,
        };
        let window = |uniques: &[RememberedUnique], numbers: &[RememberedNumber]| {
            Duplicates::remembering(2, None, uniques.to_vec(), numbers.to_vec())?.to_look_up()
        };
        let whole = window(&[unique(1, 5), unique(2, 5)], &[number(3)]).expect("one can have");
        assert_eq!(whole.counts(), (2, 1));
        assert!(window(&[unique(1, 5), unique(2, 4)], &[]).is_none(), "times run back");
        assert!(window(&[unique(1, 5), unique(1, 6)], &[]).is_none(), "one id twice");
        let three = [unique(1, 5), unique(2, 6), unique(3, 7)];
        assert!(window(&three, &[]).is_none(), "more than it holds");
        assert!(window(&[], &[number(3), number(4)]).is_none(), "one source twice");
    }

    #[test]
    fn an_id_from_the_future_is_told_apart() {
        let window = Duplicates::new(10);
        let log = at_ms(1_000);
        let limit = 1_000 + AHEAD_MS_MAX;
        assert_eq!(window.look_up(1, &id(limit, 1), PRINT, log), Sighting::New);
        assert_eq!(window.look_up(1, &id(limit + 1, 1), PRINT, log), Sighting::Ahead);
    }

    #[test]
    fn numbers_of_a_source_rise_and_only_the_last_is_answered_again() {
        let mut window = Duplicates::new(10);
        let numbered = |number| CommandId::Numbered { source: "import".to_owned(), number };
        window.remember(1, &numbered(3), PRINT, Position(1), at_ms(0));
        window.remember(1, &numbered(7), PRINT, Position(2), at_ms(0));
        let look = |number| window.look_up(1, &numbered(number), PRINT, at_ms(0));
        assert_eq!(look(7), Sighting::Seen(Position(2)));
        assert_eq!(look(3), Sighting::Gone);
        assert_eq!(look(5), Sighting::Gone, "passed over");
        assert_eq!(look(8), Sighting::New);
    }
}
