//! Chunks: sorted entries cut into pieces by key range, and the bytes of a piece.
//!
//! A chunk is entries one after the other, their keys rising, little-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 4 | length of the key |
//! | 4 | length of the value |
//! | … | key |
//! | … | value |
//!
//! It is cut where the snapshot before was cut, so that a range whose rows did not change gives the
//! same bytes, the same hash, and so the same file. A range that outgrew the limit is cut in its
//! middle; one that shrank to little is joined with the next.

use std::collections::VecDeque;
use std::fmt;
use std::ops::ControlFlow;

use deeds_engine::snapshot::Entry;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The most bytes of a chunk, unless a single entry is larger: small enough that a change of one row
/// writes little, large enough that a file is worth its place.
pub const CHUNK_BYTES_MAX: usize = 1 << 20;

const HEAD_BYTES: usize = 8;

/// How much is hashed in one piece of work: a tenth of a millisecond.
const HASH_BYTES: usize = 128 << 10;

/// The SHA-256 of a chunk's bytes, which is its name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct ChunkId([u8; 32]);

impl ChunkId {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        Self(Sha256::digest(bytes).into())
    }

    /// The same, with a call between pieces of work; none if that broke off.
    pub(crate) fn of_in_pieces(
        bytes: &[u8],
        between: &mut dyn FnMut() -> ControlFlow<()>,
    ) -> ControlFlow<(), Self> {
        let mut hasher = Sha256::new();
        for piece in bytes.chunks(HASH_BYTES) {
            hasher.update(piece);
            between()?;
        }
        ControlFlow::Continue(Self(hasher.finalize().into()))
    }
}

impl fmt::Display for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for ChunkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ChunkId({self})")
    }
}

impl From<ChunkId> for String {
    fn from(id: ChunkId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for ChunkId {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        crate::system::bytes_32(&text).map(Self).ok_or("a chunk's name is 64 digits")
    }
}

/// A piece of the entries.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Chunk {
    pub(crate) first_key: Vec<u8>,
    pub(crate) rows: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Cuts rising entries into chunks.
pub(crate) struct Cutter {
    bytes_max: usize,
    /// Where the snapshot before was cut, rising; those still ahead.
    cuts: VecDeque<Vec<u8>>,
    building: Chunk,
    /// The first entry in the second half of what is being built: its place, number and key.
    middle: Option<(usize, u64, Vec<u8>)>,
    ready: VecDeque<Chunk>,
}

impl Cutter {
    pub(crate) fn new(bytes_max: usize, cuts: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let building = Chunk { first_key: Vec::new(), rows: 0, bytes: Vec::new() };
        let (cuts, ready) = (cuts.into_iter().collect(), VecDeque::new());
        Self { bytes_max, cuts, building, middle: None, ready }
    }

    /// What is smaller is joined with the next range.
    fn bytes_min(&self) -> usize {
        self.bytes_max / 16
    }

    pub(crate) fn push(&mut self, entry: Entry<'_>) {
        let mut cut_here = false;
        while self.cuts.front().is_some_and(|cut| cut.as_slice() <= entry.key) {
            self.cuts.pop_front();
            cut_here = true;
        }
        if cut_here && self.building.bytes.len() >= self.bytes_min() {
            self.cut();
        }
        let length = HEAD_BYTES + entry.key.len() + entry.value.len();
        while !self.building.bytes.is_empty() && self.building.bytes.len() + length > self.bytes_max
        {
            self.cut_in_the_middle();
        }
        let building = &mut self.building;
        if building.bytes.is_empty() {
            building.first_key = entry.key.to_vec();
        } else if self.middle.is_none() && building.bytes.len() >= self.bytes_max / 2 {
            self.middle = Some((building.bytes.len(), building.rows, entry.key.to_vec()));
        }
        let length_of = |part: &[u8]| {
            u32::try_from(part.len()).expect("a row is far below 4 GiB").to_le_bytes()
        };
        building.bytes.extend_from_slice(&length_of(entry.key));
        building.bytes.extend_from_slice(&length_of(entry.value));
        building.bytes.extend_from_slice(entry.key);
        building.bytes.extend_from_slice(entry.value);
        building.rows += 1;
    }

    fn cut(&mut self) {
        self.middle = None;
        let empty = Chunk { first_key: Vec::new(), rows: 0, bytes: Vec::new() };
        self.ready.push_back(std::mem::replace(&mut self.building, empty));
    }

    fn cut_in_the_middle(&mut self) {
        let Some((at, rows, key)) = self.middle.take() else { return self.cut() };
        let rest = self.building.bytes.split_off(at);
        let rows_left = self.building.rows - rows;
        self.building.rows = rows;
        self.cut();
        self.building = Chunk { first_key: key, rows: rows_left, bytes: rest };
    }

    /// The next chunk that is complete.
    pub(crate) fn take(&mut self) -> Option<Chunk> {
        self.ready.pop_front()
    }

    /// Completes the last chunk.
    pub(crate) fn finish(&mut self) {
        if !self.building.bytes.is_empty() {
            self.cut();
        }
    }
}

/// The entries of a chunk.
pub(crate) struct Entries<'a>(&'a [u8]);

impl<'a> Entries<'a> {
    /// Checks that the bytes are so many entries with rising keys.
    pub(crate) fn checked(bytes: &'a [u8], rows: u64) -> Result<Self, &'static str> {
        let (mut rest, mut count, mut last): (_, u64, Option<&[u8]>) = (bytes, 0, None);
        while !rest.is_empty() {
            let entry = split_entry(&mut rest).ok_or("an entry is cut off")?;
            if last.is_some_and(|last| last >= entry.key) {
                return Err("its keys do not rise");
            }
            last = Some(entry.key);
            count += 1;
        }
        if count == rows { Ok(Self(bytes)) } else { Err("it holds another number of entries") }
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Entry<'a>;

    fn next(&mut self) -> Option<Entry<'a>> {
        if self.0.is_empty() {
            return None;
        }
        Some(split_entry(&mut self.0).expect("the entries were checked"))
    }
}

fn split_entry<'a>(bytes: &mut &'a [u8]) -> Option<Entry<'a>> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let length = |at: usize| {
        let digits = head[at..at + 4].try_into().expect("4 bytes were sliced");
        u32::from_le_bytes(digits) as usize
    };
    let (key, rest) = rest.split_at_checked(length(0))?;
    let (value, rest) = rest.split_at_checked(length(4))?;
    *bytes = rest;
    Some(Entry { key, value })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes_max: usize, cuts: &[Chunk], keys: impl Iterator<Item = u32>) -> Vec<Chunk> {
        let cuts = cuts.iter().skip(1).map(|chunk| chunk.first_key.clone());
        let mut cutter = Cutter::new(bytes_max, cuts);
        for key in keys {
            cutter.push(Entry { key: &key.to_be_bytes(), value: &[7; 20] });
        }
        cutter.finish();
        std::iter::from_fn(|| cutter.take()).collect()
    }

    fn keys(chunks: &[Chunk]) -> Vec<u32> {
        let entries = chunks.iter().flat_map(|chunk| {
            let entries = Entries::checked(&chunk.bytes, chunk.rows).expect("just cut");
            assert_eq!(Entries(&chunk.bytes).next().unwrap().key, chunk.first_key);
            entries.map(|entry| u32::from_be_bytes(entry.key.try_into().unwrap()))
        });
        entries.collect()
    }

    #[test]
    fn every_entry_is_in_one_chunk_and_no_chunk_is_too_large() {
        for count in [0, 1, 2, 31, 32, 33, 1_000] {
            let chunks = cut(1_024, &[], 0..count);
            assert_eq!(keys(&chunks), (0..count).collect::<Vec<_>>());
            assert!(chunks.iter().all(|chunk| chunk.bytes.len() <= 1_024));
        }
    }

    #[test]
    fn what_did_not_change_is_cut_the_same_and_a_change_moves_little() {
        let before = cut(1_024, &[], 0..1_000);
        assert!(before.len() > 30);
        assert_eq!(cut(1_024, &before, 0..1_000), before, "nothing changed");
        let changed = |after: &[Chunk]| after.iter().filter(|c| !before.contains(c)).count();
        let without_one = cut(1_024, &before, (0..1_000).filter(|key| *key != 500));
        assert_eq!(changed(&without_one), 1);
        let longer = cut(1_024, &before, 0..1_020);
        assert!(changed(&longer) <= 3, "only the end: {}", changed(&longer));
        let without_many = cut(1_024, &before, (0..1_000).filter(|key| !(300..600).contains(key)));
        assert_eq!(keys(&without_many).len(), 700);
        assert!(changed(&without_many) <= 2);
    }

    #[test]
    fn one_large_entry_is_a_chunk_of_its_own() {
        let mut cutter = Cutter::new(100, []);
        for (key, length) in [(1, 10), (2, 500), (3, 10)] {
            cutter.push(Entry { key: &[key], value: &vec![0; length] });
        }
        cutter.finish();
        let rows: Vec<u64> = std::iter::from_fn(|| cutter.take()).map(|chunk| chunk.rows).collect();
        assert_eq!(rows, [1, 1, 1]);
    }

    #[test]
    fn bytes_that_are_no_entries_are_told_apart() {
        let chunk = &cut(1_024, &[], 0..3)[0];
        let whole = chunk.bytes.len();
        assert!(Entries::checked(&chunk.bytes[..whole - 1], 3).is_err());
        assert!(Entries::checked(&chunk.bytes, 2).is_err());
        let falling = [&chunk.bytes[whole / 3..], &chunk.bytes[..whole / 3]].concat();
        assert!(Entries::checked(&falling, 3).is_err());
    }
}
