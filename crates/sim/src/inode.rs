//! Files and directories of the model disk: what a process sees, what is durable, and what lies
//! between.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use crate::power_loss::place;

/// How many of the last writes can be found to have gone elsewhere.
const WRITES_REMEMBERED: usize = 24;

/// A write that was not synced.
#[derive(Clone, Debug)]
pub(crate) struct Pending {
    pub(crate) at: u64,
    pub(crate) bytes: Vec<u8>,
    /// A sync failed over it: later syncs take it for clean.
    pub(crate) given_up: bool,
}

impl Pending {
    /// What is left of this write where a later one of `count` bytes at `at` does not cover it.
    fn without(self, at: u64, count: usize) -> impl Iterator<Item = Self> {
        let (start, end) = (self.at, self.at + self.bytes.len() as u64);
        let (cover, cover_end) = (at.clamp(start, end), (at + count as u64).clamp(start, end));
        [(start, cover), (cover_end, end)].into_iter().filter(|(a, b)| a < b).map(move |(a, b)| {
            let bytes = self.bytes[(a - start) as usize..(b - start) as usize].to_vec();
            Self { at: a, bytes, given_up: self.given_up }
        })
    }
}

/// A file's bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Inode {
    pub(crate) seen: Arc<Vec<u8>>,
    pub(crate) durable: Arc<Vec<u8>>,
    pub(crate) pending: Vec<Pending>,
}

impl Inode {
    /// Writes; returns what stood there before, as far as the file went.
    pub(crate) fn write(&mut self, at: u64, bytes: &[u8]) -> Vec<u8> {
        let end = self.seen.len().min(at as usize + bytes.len());
        let before = self.seen.get(at as usize..end).unwrap_or_default().to_vec();
        place(Arc::make_mut(&mut self.seen), at, bytes);
        // What was given up and is written again is no longer given up.
        let (given_up, waiting): (Vec<_>, Vec<_>) =
            self.pending.drain(..).partition(|pending| pending.given_up);
        self.pending = given_up.into_iter().flat_map(|p| p.without(at, bytes.len())).collect();
        self.pending.extend(waiting);
        self.pending.push(Pending { at, bytes: bytes.to_vec(), given_up: false });
        before
    }

    /// A sync that fails: what it should have written looks clean from here on.
    pub(crate) fn give_up(&mut self) {
        self.pending.iter_mut().for_each(|pending| pending.given_up = true);
    }

    /// A sync that works.
    pub(crate) fn sync(&mut self) {
        let durable = Arc::make_mut(&mut self.durable);
        for pending in self.pending.iter().filter(|pending| !pending.given_up) {
            place(durable, pending.at, &pending.bytes);
        }
        self.pending.retain(|pending| pending.given_up);
    }

    /// Changes the bytes behind everybody's back, durably.
    pub(crate) fn tamper(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        let mut bytes = self.seen.to_vec();
        change(&mut bytes);
        self.seen = Arc::new(bytes);
        self.durable = self.seen.clone();
        self.pending.clear();
    }
}

/// A change of a directory's entries.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Link { name: String, inode: u64 },
    Unlink { name: String },
    Rename { from: String, to: String, inode: u64 },
}

impl Change {
    pub(crate) fn apply(&self, entries: &mut BTreeMap<String, u64>) {
        match self {
            Self::Link { name, inode } => {
                entries.insert(name.clone(), *inode);
            }
            Self::Unlink { name } => {
                entries.remove(name);
            }
            Self::Rename { from, to, inode } => {
                entries.remove(from);
                entries.insert(to.clone(), *inode);
            }
        }
    }
}

/// A directory's entries.
#[derive(Clone, Debug, Default)]
pub(crate) struct Directory {
    pub(crate) seen: BTreeMap<String, u64>,
    pub(crate) durable: BTreeMap<String, u64>,
    pub(crate) changes: Vec<Change>,
    /// Whether the directory itself is sure to be there.
    pub(crate) is_durable: bool,
}

/// A write, and what it replaced.
#[derive(Clone, Debug)]
struct Written {
    inode: u64,
    at: u64,
    bytes: Vec<u8>,
    before: Vec<u8>,
}

/// The last writes, whatever became of them.
#[derive(Clone, Debug, Default)]
pub(crate) struct LastWrites(VecDeque<Written>);

impl LastWrites {
    pub(crate) fn remember(&mut self, inode: u64, at: u64, bytes: &[u8], before: Vec<u8>) {
        if self.0.len() == WRITES_REMEMBERED {
            self.0.pop_front();
        }
        self.0.push_back(Written { inode, at, bytes: bytes.to_vec(), before });
    }

    /// Undoes the write that is `back` writes ago, so that its place reads as if it had never
    /// arrived; the bytes, if nothing was written over them since.
    pub(crate) fn undo(
        &self,
        back: usize,
        inodes: &mut BTreeMap<u64, Inode>,
    ) -> Option<(u64, u64, Vec<u8>)> {
        let place_in_line = self.0.len().checked_sub(back + 1)?;
        let Written { inode, at, bytes, before } = &self.0[place_in_line];
        let end = at + bytes.len() as u64;
        let overlaps = |later: &Written| {
            later.inode == *inode && later.at < end && later.at + later.bytes.len() as u64 > *at
        };
        if bytes.is_empty() || self.0.iter().skip(place_in_line + 1).any(overlaps) {
            return None;
        }
        let file = inodes.get_mut(inode)?;
        file.tamper(|seen| {
            // The length is kept elsewhere than the bytes: it has arrived.
            let place = &mut seen[*at as usize..end as usize];
            place.fill(0);
            place[..before.len()].copy_from_slice(before);
        });
        Some((*inode, *at, bytes.clone()))
    }
}
