//! A disk in memory that knows what is durable and what only seems to be.
//!
//! Each file has the bytes a process reads, the bytes that were synced, and the writes between; each
//! directory has its entries, its synced entries, and the changes between. [`ModelDisk::reboot`]
//! makes the disk as a power loss leaves it. [`Faults`] make operations fail; the same faults and
//! the same calls give the same disk, bit for bit.
//!
//! What no sync protects from happens behind everybody's back: [`ModelDisk::tamper`] changes bytes,
//! [`ModelDisk::misdirect`] has a write land elsewhere.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use deeds_chronicle::checksum::checksum;
use deeds_chronicle::disk::{Disk, DiskFile, LockError};

use crate::faults::{Faults, Operation};
use crate::inode::{Change, Directory, Inode, LastWrites};
use crate::power_loss::PowerLoss;

#[derive(Clone, Debug, Default)]
struct State {
    directories: BTreeMap<String, Directory>,
    inodes: BTreeMap<u64, Inode>,
    next_inode: u64,
    operations: u64,
    crashed: Option<Cut>,
    locked: bool,
    faults: Faults,
    last_writes: LastWrites,
    /// What was done, for those who step through it.
    log: Option<Vec<String>>,
}

/// Where the power went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// What was about to be done.
    pub operation: Operation,
    /// To which file or directory.
    pub path: String,
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

    /// Changes the faults; the number of the next operation goes on.
    pub fn change_faults(&self, change: impl FnOnce(&mut Faults, u64)) {
        let mut state = self.state();
        let next = state.operations;
        change(&mut state.faults, next);
    }

    /// How many operations there have been.
    pub fn operations(&self) -> u64 {
        self.state().operations
    }

    /// Whether the power has gone.
    pub fn has_crashed(&self) -> bool {
        self.state().crashed.is_some()
    }

    /// Where the power went, if it has.
    pub fn cut(&self) -> Option<Cut> {
        self.state().crashed.clone()
    }

    /// The bytes that its files take.
    pub fn used_bytes(&self) -> u64 {
        self.state().used_bytes()
    }

    /// Starts writing down what is done.
    pub fn start_log(&self) {
        self.state().log = Some(Vec::new());
    }

    /// What was done since it was last asked.
    pub fn take_log(&self) -> Vec<String> {
        self.state().log.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// The disk after a power loss now, without faults.
    #[must_use]
    pub fn reboot(&self, loss: PowerLoss) -> Self {
        let before = self.state();
        let log = before.log.is_some().then(Vec::new);
        let mut after = State { next_inode: before.next_inode, log, ..State::default() };
        for (number, (path, directory)) in before.directories.iter().enumerate() {
            let mut dice = loss.dice(number as u64 + 1_000_000);
            let is_there = directory.is_durable || loss.changes_kept(1, &mut dice) == 1;
            if !is_there {
                continue;
            }
            let entries = loss.entries(directory, &mut dice);
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
        state.crashed = None;
        state.locked = false;
        state.log = None;
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// The paths of all files with their lengths.
    pub fn files(&self) -> Vec<(String, u64)> {
        let state = self.state();
        let mut files = Vec::new();
        for (directory, entries) in &state.directories {
            for (name, inode) in &entries.seen {
                files.push((joined(directory, name), state.inodes[inode].seen.len() as u64));
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
        state.inodes.get_mut(&number).expect("an entry names an inode").tamper(change);
    }

    /// A write of a moment ago turns out to have landed elsewhere: its own place reads as if it had
    /// never arrived, and its bytes stand in `target` at `at`, if there is a target. Says from which
    /// file it is missing; `None` if it was overwritten since, or there are not so many.
    pub fn misdirect(&self, back: usize, target: Option<(&str, u64)>) -> Option<(String, u64)> {
        let mut guard = self.state();
        let state = &mut *guard;
        let (inode, at, bytes) = state.last_writes.undo(back, &mut state.inodes)?;
        let path = state.path_of(inode)?;
        if let Some((target, offset)) = target {
            let target = state.find(target).expect("a test names a file that is there");
            let target = state.inodes.get_mut(&target).expect("an entry names an inode");
            target.tamper(|seen| {
                // A disk that mistakes the place does not make the file longer.
                let offset = (offset as usize).min(seen.len());
                let count = bytes.len().min(seen.len() - offset);
                seen[offset..offset + count].copy_from_slice(&bytes[..count]);
            });
        }
        Some((path, at))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock has failed anyway.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn split(path: &str) -> (&str, &str) {
    path.rsplit_once('/').unwrap_or(("", path))
}

fn joined(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

fn error(kind: ErrorKind, what: &str) -> io::Error {
    io::Error::new(kind, what.to_owned())
}

impl State {
    /// Whether anything works at all.
    fn is_up(&self) -> io::Result<()> {
        if self.crashed.is_some() { Err(error(ErrorKind::Other, "crashed")) } else { Ok(()) }
    }

    /// Counts an operation; says whether it is one that fails.
    fn operation(&mut self, operation: Operation, path: &str) -> io::Result<bool> {
        self.is_up()?;
        let number = self.operations;
        if self.faults.power_goes(operation, number) {
            self.note(|| format!("{operation} {path}: the power goes"));
            self.crashed = Some(Cut { operation, path: path.to_owned() });
            return self.is_up().map(|()| false);
        }
        self.operations += 1;
        let fails = self.faults.fails(operation, number);
        self.note(|| format!("{operation} {path}{}", if fails { ": fails" } else { "" }));
        Ok(fails)
    }

    /// Counts an operation that leaves nothing when it fails.
    fn whole_operation(&mut self, operation: Operation, path: &str) -> io::Result<()> {
        match self.operation(operation, path)? {
            true => Err(error(ErrorKind::Other, "planted failure")),
            false => Ok(()),
        }
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(log) = &mut self.log {
            log.push(line());
        }
    }

    fn path_of(&self, inode: u64) -> Option<String> {
        self.directories.iter().find_map(|(directory, entries)| {
            let (name, _) = entries.seen.iter().find(|(_, named)| **named == inode)?;
            Some(joined(directory, name))
        })
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
        state.whole_operation(Operation::CreateDir, path)?;
        // The root's own entry is the caller's business, as it is for the real disk.
        let directory = Directory { is_durable: path.is_empty(), ..Directory::default() };
        state.directories.insert(path.to_owned(), directory);
        Ok(())
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let mut state = self.state();
        state.whole_operation(Operation::Create, path)?;
        if state.find(path).is_ok() {
            return Err(error(ErrorKind::AlreadyExists, "the file exists"));
        }
        let (directory, name) = split(path);
        let inode = state.next_inode;
        state.change(directory, Change::Link { name: name.to_owned(), inode })?;
        state.next_inode += 1;
        state.inodes.insert(inode, Inode::default());
        Ok(Box::new(ModelFile { disk: self.clone(), inode, path: path.to_owned() }))
    }

    fn open_read(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let state = self.state();
        state.is_up()?;
        let inode = state.find(path)?;
        Ok(Box::new(ModelFile { disk: self.clone(), inode, path: path.to_owned() }))
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
        state.whole_operation(Operation::Rename, from)?;
        let inode = state.find(from)?;
        let ((directory, from), (target, to)) = (split(from), split(to));
        assert_eq!(directory, target, "a rename stays within its directory");
        state.change(directory, Change::Rename { from: from.to_owned(), to: to.to_owned(), inode })
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.is_up()?;
        state.find(path)?;
        state.whole_operation(Operation::Remove, path)?;
        let (directory, name) = split(path);
        state.change(directory, Change::Unlink { name: name.to_owned() })
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        let mut state = self.state();
        state.whole_operation(Operation::SyncDir, path)?;
        if state.faults.dir_syncs_lie {
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

    fn free_bytes(&self) -> io::Result<u64> {
        let state = self.state();
        state.is_up()?;
        let space = state.faults.space_bytes;
        Ok(space.map_or(u64::MAX, |space| space.saturating_sub(state.used_bytes())))
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
    /// The name it was opened by: for the log.
    path: String,
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
        if state.operation(Operation::Write, &self.path)? {
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
        let written = &bytes[..count];
        state.note(|| format!("  {count} bytes at {offset}, {:016x}", checksum(&[0; 16], written)));
        let state = &mut *state;
        let inode = state.inodes.get_mut(&self.inode).expect("an open file has its inode");
        let before = inode.write(offset, written);
        state.last_writes.remember(self.inode, offset, written, before);
        failure.map_or(Ok(()), Err)
    }

    fn sync(&self) -> io::Result<()> {
        let mut state = self.disk.state();
        let fails = state.operation(Operation::Sync, &self.path)?;
        if state.faults.syncs_lie {
            return Ok(());
        }
        let inode = state.inodes.get_mut(&self.inode).expect("an open file has its inode");
        if fails {
            inode.give_up();
            return Err(error(ErrorKind::Other, "planted failure"));
        }
        inode.sync();
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.write_at(&vec![0; bytes as usize], 0)
    }

    fn len(&self) -> io::Result<u64> {
        let state = self.disk.state();
        state.is_up()?;
        Ok(state.inodes[&self.inode].seen.len() as u64)
    }
}
