//! A disk in memory that knows what is durable and what only seems to be.
//!
//! Each file has the bytes a process reads, the bytes that were synced, and the writes between; each
//! directory has its entries, its synced entries, and the changes between. [`ModelDisk::reboot`]
//! makes the disk as a power loss leaves it. [`Faults`] make operations fail; the same faults and
//! the same calls give the same disk, bit for bit.
//!
//! An *operation*, as faults count them, is a write, a sync, a creation, a rename or a removal:
//! whatever can be cut off by a crash.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deeds_chronicle::disk::{Disk, DiskFile, LockError};

use crate::power_loss::{PowerLoss, place};

/// What goes wrong, and when. Operations are numbered from 0.
#[derive(Clone, Debug, Default)]
pub struct Faults {
    /// The power goes before this operation: it and all later calls fail.
    pub crash_at: Option<u64>,
    /// These operations fail. A failed write leaves half of its bytes; a failed sync leaves what it
    /// should have synced looking clean: a later sync does not write it, as Linux does.
    pub fail: BTreeSet<u64>,
    /// How many bytes of files there is room for.
    pub space_bytes: Option<u64>,
    /// Reads return at most this many bytes.
    pub read_bytes_max: Option<usize>,
    /// Syncs say that they did what they did not do: to show that the tests would notice.
    pub syncs_lie: bool,
}

/// A write that was not synced.
#[derive(Clone, Debug)]
struct Pending {
    at: u64,
    bytes: Vec<u8>,
    /// A sync failed over it: later syncs take it for clean.
    given_up: bool,
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
struct Inode {
    seen: Arc<Vec<u8>>,
    durable: Arc<Vec<u8>>,
    pending: Vec<Pending>,
}

/// A change of a directory's entries.
#[derive(Clone, Debug)]
enum Change {
    Link { name: String, inode: u64 },
    Unlink { name: String },
    Rename { from: String, to: String, inode: u64 },
}

impl Change {
    fn apply(&self, entries: &mut BTreeMap<String, u64>) {
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

#[derive(Clone, Debug, Default)]
struct Directory {
    seen: BTreeMap<String, u64>,
    durable: BTreeMap<String, u64>,
    changes: Vec<Change>,
    /// Whether the directory itself is sure to be there.
    is_durable: bool,
}

#[derive(Clone, Debug, Default)]
struct State {
    directories: BTreeMap<String, Directory>,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    operations: u64,
    crashed: bool,
    locked: bool,
    faults: Faults,
}

/// A disk in memory with faults. Clones are the same disk; [`ModelDisk::copy`] is another one.
#[derive(Clone, Debug, Default)]
pub struct ModelDisk {
    state: Arc<Mutex<State>>,
}

impl ModelDisk {
    /// An empty disk without faults.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty disk with faults.
    pub fn with_faults(faults: Faults) -> Self {
        let disk = Self::default();
        disk.set_faults(faults);
        disk
    }

    /// The disk as the chronicle wants it.
    pub fn as_disk(&self) -> Arc<dyn Disk> {
        Arc::new(self.clone())
    }

    /// Replaces the faults; operations are counted from 0 again.
    pub fn set_faults(&self, faults: Faults) {
        let mut state = self.state();
        state.faults = faults;
        state.operations = 0;
    }

    /// How many operations there have been.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether the power has gone.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed
    }

    /// The disk after a power loss now, without faults.
    #[must_use]
    pub fn reboot(&self, loss: PowerLoss) -> Self {
        let before = self.state();
        let mut after = State { next_inode: before.next_inode, ..State::default() };
        for (number, (path, directory)) in before.directories.iter().enumerate() {
            let mut dice = loss.dice(number as u64 + 1_000_000);
            let is_there = directory.is_durable || loss.changes_kept(1, &mut dice) == 1;
            if !is_there {
                continue;
            }
            let mut entries = directory.durable.clone();
            let kept = loss.changes_kept(directory.changes.len(), &mut dice);
            directory.changes[..kept].iter().for_each(|change| change.apply(&mut entries));
            let kept = Directory {
                seen: entries.clone(),
                durable: entries,
                changes: Vec::new(),
                is_durable: true,
            };
            after.directories.insert(path.clone(), kept);
        }
        let named = after.directories.values().flat_map(|directory| directory.seen.values());
        for &number in named.collect::<BTreeSet<_>>() {
            let inode = &before.inodes[&number];
            let writes: Vec<_> = inode.pending.iter().map(|p| (p.at, p.bytes.clone())).collect();
            let bytes = if writes.is_empty() {
                inode.durable.clone()
            } else {
                Arc::new(loss.remains(&inode.durable, &writes, &mut loss.dice(number)))
            };
            after
                .inodes
                .insert(number, Inode { seen: bytes.clone(), durable: bytes, pending: Vec::new() });
        }
        Self { state: Arc::new(Mutex::new(after)) }
    }

    /// Another disk with the same bytes, without faults, and not locked; cheap.
    #[must_use]
    pub fn copy(&self) -> Self {
        let mut state = self.state().clone();
        state.faults = Faults::default();
        state.operations = 0;
        state.crashed = false;
        state.locked = false;
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The paths of all files with their lengths.
    pub fn files(&self) -> Vec<(String, u64)> {
        let state = self.state();
        let mut files = Vec::new();
        for (directory, entries) in &state.directories {
            for (name, inode) in &entries.seen {
                let path =
                    if directory.is_empty() { name.clone() } else { format!("{directory}/{name}") };
                files.push((path, state.inodes[inode].seen.len() as u64));
            }
        }
        files
    }

    /// A file's bytes.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn bytes(&self, path: &str) -> Vec<u8> {
        let state = self.state();
        let inode = state.find(path).expect("a test names a file that is there");
        state.inodes[&inode].seen.to_vec()
    }

    /// Changes a file's bytes behind everybody's back, durably.
    ///
    /// # Panics
    /// When there is no such file.
    pub fn tamper(&self, path: &str, change: impl FnOnce(&mut Vec<u8>)) {
        let mut state = self.state();
        let number = state.find(path).expect("a test names a file that is there");
        let inode = state.inodes.get_mut(&number).expect("an entry names an inode");
        let mut bytes = inode.seen.to_vec();
        change(&mut bytes);
        inode.seen = Arc::new(bytes);
        inode.durable = inode.seen.clone();
        inode.pending.clear();
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn error(kind: ErrorKind, what: &str) -> io::Error {
    io::Error::new(kind, what.to_owned())
}

impl State {
    /// Whether anything works at all.
    fn is_up(&self) -> io::Result<()> {
        if self.crashed { Err(error(ErrorKind::Other, "crashed")) } else { Ok(()) }
    }

    /// Counts an operation; says whether it is one that fails.
    fn operation(&mut self) -> io::Result<bool> {
        self.is_up()?;
        let number = self.operations;
        if self.faults.crash_at == Some(number) {
            self.crashed = true;
            return self.is_up().map(|()| false);
        }
        self.operations += 1;
        Ok(self.faults.fail.contains(&number))
    }

    /// Counts an operation that leaves nothing when it fails.
    fn whole_operation(&mut self) -> io::Result<()> {
        if self.operation()? { Err(error(ErrorKind::Other, "planted failure")) } else { Ok(()) }
    }

    fn find(&self, path: &str) -> io::Result<u64> {
        let (directory, name) = split(path);
        let entries = self.directories.get(directory);
        let inode = entries.and_then(|directory| directory.seen.get(name));
        inode.copied().ok_or_else(|| error(ErrorKind::NotFound, "no such file"))
    }

    fn directory(&mut self, path: &str) -> io::Result<&mut Directory> {
        let directory = self.directories.get_mut(path);
        directory.ok_or_else(|| error(ErrorKind::NotFound, "no such directory"))
    }

    fn change(&mut self, directory: &str, change: Change) -> io::Result<()> {
        let directory = self.directory(directory)?;
        change.apply(&mut directory.seen);
        directory.changes.push(change);
        Ok(())
    }

    fn used_bytes(&self) -> u64 {
        let named = self.directories.values().flat_map(|directory| directory.seen.values());
        named.map(|inode| self.inodes[inode].seen.len() as u64).sum()
    }
}

impl Disk for ModelDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.is_up()?;
        if state.directories.contains_key(path) {
            return Ok(());
        }
        state.whole_operation()?;
        // The root's own entry is the caller's business, as it is for the real disk.
        let directory = Directory { is_durable: path.is_empty(), ..Directory::default() };
        state.directories.insert(path.to_owned(), directory);
        Ok(())
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.whole_operation()?;
        if state.find(path).is_ok() {
            return Err(error(ErrorKind::AlreadyExists, "the file exists"));
        }
        let (directory, name) = split(path);
        let inode = state.next_inode;
        state.change(directory, Change::Link { name: name.to_owned(), inode })?;
        state.next_inode += 1;
        state.inodes.insert(inode, Inode::default());
        Ok(Box::new(ModelFile { disk: self.clone(), inode }))
    }

    fn open_read(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.is_up()?;
        Ok(Box::new(ModelFile { disk: self.clone(), inode: state.find(path)? }))
    }

    fn open_write(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.open_read(path)
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut state = self.state();
        state.is_up()?;
        Ok(state.directory(path)?.seen.keys().cloned().collect())
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        let mut state = self.state();
        state.whole_operation()?;
        let inode = state.find(from)?;
        let ((directory, from), (target, to)) = (split(from), split(to));
        assert_eq!(directory, target, "a rename stays within its directory");
        state.change(directory, Change::Rename { from: from.to_owned(), to: to.to_owned(), inode })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.is_up()?;
        state.find(path)?;
        state.whole_operation()?;
        let (directory, name) = split(path);
        state.change(directory, Change::Unlink { name: name.to_owned() })
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.whole_operation()?;
        if state.faults.syncs_lie {
            return Ok(());
        }
        let directory = state.directory(path)?;
        directory.durable = directory.seen.clone();
        directory.changes.clear();
        for (child, directory) in &mut state.directories {
            if split(child).0 == path {
                directory.is_durable = true;
            }
        }
        Ok(())
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>, LockError> {
        let mut state = self.state();
        state.is_up()?;
        if std::mem::replace(&mut state.locked, true) {
            return Err(LockError::Held);
        }
        Ok(Box::new(Locked(self.clone())))
    }
}

/// Gives the lock back when dropped.
struct Locked(ModelDisk);

impl Drop for Locked {
    fn drop(&mut self) {
        self.0.state().locked = false;
    }
}

struct ModelFile {
    disk: ModelDisk,
    inode: u64,
}

impl DiskFile for ModelFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        let state = self.disk.state();
        state.is_up()?;
        let seen = &state.inodes[&self.inode].seen;
        let rest = seen.get(offset as usize..).unwrap_or_default();
        let most = state.faults.read_bytes_max.unwrap_or(usize::MAX);
        let count = rest.len().min(buffer.len()).min(most);
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let mut state = self.disk.state();
        let mut failure = None;
        let mut count = bytes.len();
        if state.operation()? {
            failure = Some(error(ErrorKind::Other, "planted failure"));
            count /= 2;
        }
        if let Some(space) = state.faults.space_bytes {
            let length = state.inodes[&self.inode].seen.len() as u64;
            let room = length + space.saturating_sub(state.used_bytes());
            if offset + count as u64 > room {
                failure = Some(error(ErrorKind::StorageFull, "no space left"));
                count = room.saturating_sub(offset) as usize;
            }
        }
        let inode = state.inodes.get_mut(&self.inode).expect("an open file has its inode");
        place(Arc::make_mut(&mut inode.seen), offset, &bytes[..count]);
        let written = bytes[..count].to_vec();
        // What was given up and is written again is no longer given up.
        let (given_up, waiting): (Vec<_>, Vec<_>) =
            inode.pending.drain(..).partition(|pending| pending.given_up);
        inode.pending = given_up.into_iter().flat_map(|p| p.without(offset, count)).collect();
        inode.pending.extend(waiting);
        inode.pending.push(Pending { at: offset, bytes: written, given_up: false });
        failure.map_or(Ok(()), Err)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let fails = state.operation()?;
        if state.faults.syncs_lie {
            return Ok(());
        }
        let inode = state.inodes.get_mut(&self.inode).expect("an open file has its inode");
        if fails {
            inode.pending.iter_mut().for_each(|pending| pending.given_up = true);
            return Err(error(ErrorKind::Other, "planted failure"));
        }
        let durable = Arc::make_mut(&mut inode.durable);
        for pending in inode.pending.iter().filter(|pending| !pending.given_up) {
            place(durable, pending.at, &pending.bytes);
        }
        inode.pending.retain(|pending| pending.given_up);
        Ok(())
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.is_up()?;
        Ok(state.inodes[&self.inode].seen.len() as u64)
    }
}
