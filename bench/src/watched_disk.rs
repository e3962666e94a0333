//! A real disk that counts what the chronicle asks of it and how long that takes: writing in time on
//! the processor, syncing in time that passes.

use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deeds_chronicle::disk::LockError;
use deeds_chronicle::{Disk, DiskFile, RealDisk};

use crate::stopwatch::on_processor;

/// What was asked of the disk since the last time somebody looked.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Watched {
    pub(crate) syncing: Duration,
    pub(crate) syncs: u64,
    pub(crate) writing: Duration,
    pub(crate) bytes: u64,
    /// Time on the processor while syncing.
    pub(crate) in_sync: Duration,
    /// The thread's time on the processor when the last write or sync was done.
    pub(crate) last_done: Duration,
}

/// The disk.
pub(crate) struct WatchedDisk {
    disk: RealDisk,
    watched: Arc<Mutex<Watched>>,
}

impl WatchedDisk {
    pub(crate) fn new(directory: impl Into<PathBuf>) -> Self {
        Self { disk: RealDisk::new(directory), watched: Arc::default() }
    }

    /// What was asked since this was last called.
    pub(crate) fn take(&self) -> Watched {
        std::mem::take(&mut self.watched.lock().expect("nobody panics holding the counts"))
    }

    fn file(&self, file: Box<dyn DiskFile>) -> Box<dyn DiskFile> {
        Box::new(WatchedFile { file, watched: Arc::clone(&self.watched) })
    }
}

impl Disk for WatchedDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        self.disk.create_dir(path)
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.create_new(path)?))
    }

    fn open_read(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        self.disk.open_read(path)
    }

    fn open_write(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(self.file(self.disk.open_write(path)?))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        self.disk.list(path)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        self.disk.rename(from, to)
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        self.disk.remove(path)
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        self.disk.sync_dir(path)
    }

    fn free_bytes(&self) -> io::Result<u64> {
        self.disk.free_bytes()
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>, LockError> {
        self.disk.lock()
    }
}

struct WatchedFile {
    file: Box<dyn DiskFile>,
    watched: Arc<Mutex<Watched>>,
}

impl DiskFile for WatchedFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.file.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        let began = on_processor();
        self.file.write_at(bytes, offset)?;
        let done = on_processor();
        let mut watched = self.watched.lock().expect("nobody panics holding the counts");
        watched.writing += done - began;
        watched.bytes += bytes.len() as u64;
        watched.last_done = done;
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        let (began, passed) = (on_processor(), Instant::now());
        self.file.sync()?;
        let done = on_processor();
        let mut watched = self.watched.lock().expect("nobody panics holding the counts");
        watched.syncing += passed.elapsed();
        watched.in_sync += done - began;
        watched.syncs += 1;
        watched.last_done = done;
        Ok(())
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        self.file.allocate(bytes)
    }

    fn len(&self) -> io::Result<u64> {
        self.file.len()
    }
}
