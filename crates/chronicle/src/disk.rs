//! What the chronicle asks of a disk, as a trait with two implementations: [`RealDisk`] here, and
//! the model disk of `deeds-sim`, which loses, tears and fails on purpose.
//!
//! Paths are relative, `/`-separated, without `.` or `..`; the empty path is the root directory.
//!
//! What the chronicle assumes of an implementation (`docs/format.md` repeats it for operators):
//! 1. bytes that [`DiskFile::sync`] covered survive a power loss, whole;
//! 2. a created, renamed or removed entry survives once [`Disk::sync_dir`] of its directory
//!    returned; before, it may be there or not;
//! 3. a rename replaces its target atomically: one of the two files is there, never half of one;
//! 4. an unsynced write may be lost, kept, or torn in any way at 512-byte sectors, and never
//!    changes sectors it did not touch;
//! 5. a file that is removed while open stays readable through the handle.

#![expect(
    clippy::disallowed_types,
    clippy::disallowed_methods,
    reason = "the one place where the chronicle touches the operating system's files"
)]

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rustix::fs::FallocateFlags;

/// A directory tree that can be made durable piece by piece.
pub trait Disk: Send + Sync {
    /// Creates a directory; it is fine if it exists.
    fn create_dir(&self, path: &str) -> io::Result<()>;
    /// Creates an empty file for reading and writing; an existing one is an error.
    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file for reading.
    fn open_read(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// Opens an existing file for reading and writing.
    fn open_write(&self, path: &str) -> io::Result<Box<dyn DiskFile>>;
    /// The names (not paths) of the files in a directory, sorted.
    fn list(&self, path: &str) -> io::Result<Vec<String>>;
    /// Renames a file within its directory, replacing a file of the new name.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;
    /// Removes a file.
    fn remove(&self, path: &str) -> io::Result<()>;
    /// Makes the entries of a directory durable.
    fn sync_dir(&self, path: &str) -> io::Result<()>;
    /// How many bytes may still be written, by a process without privileges.
    fn free_bytes(&self) -> io::Result<u64>;
    /// Takes the one lock of this tree (the file `lock`); dropping the guard gives it back.
    fn lock(&self) -> Result<Box<dyn Send + Sync>, LockError>;
}

/// An open file.
pub trait DiskFile: Send + Sync {
    /// Reads at a byte offset; may return fewer bytes than asked, and 0 only at the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    /// Writes all bytes at an offset; after an error any part of them may have been written.
    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()>;
    /// Makes the file's bytes and length durable. After an error nothing is known.
    fn sync(&self) -> io::Result<()>;
    /// Takes room for this many bytes from the file's start, which then read as zeros.
    fn allocate(&self, bytes: u64) -> io::Result<()>;
    /// The file's length in bytes.
    fn len(&self) -> io::Result<u64>;
    /// Whether the file has no bytes.
    fn is_empty(&self) -> io::Result<bool> {
        Ok(self.len()? == 0)
    }
}

/// What was attempted on which file, and why it failed.
#[derive(Debug, thiserror::Error)]
#[error("cannot {what} {path}")]
pub struct DiskError {
    /// What was attempted.
    pub what: &'static str,
    /// The file or directory.
    pub path: String,
    /// The cause.
    pub source: io::Error,
}

impl DiskError {
    /// Whether the disk has no room for what was to be written. Of a failed sync nothing is known,
    /// whatever its cause.
    pub fn is_no_room(&self) -> bool {
        let full = [io::ErrorKind::StorageFull, io::ErrorKind::QuotaExceeded];
        self.what != "sync" && full.contains(&self.source.kind())
    }

    /// Whether the file is not there.
    pub fn is_absent(&self) -> bool {
        self.source.kind() == io::ErrorKind::NotFound
    }
}

/// Says what was attempted when it failed.
pub trait Attempt<T> {
    /// The result, with an error that says what was attempted on which file.
    fn attempt(self, what: &'static str, path: &str) -> Result<T, DiskError>;
}

impl<T> Attempt<T> for io::Result<T> {
    fn attempt(self, what: &'static str, path: &str) -> Result<T, DiskError> {
        self.map_err(|source| DiskError { what, path: path.to_owned(), source })
    }
}

/// The lock was not taken.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another writer holds it.
    #[error("another process has this chronicle open for writing")]
    Held,
    /// The lock file could not be opened or locked.
    #[error("the lock file could not be locked")]
    Io(#[from] io::Error),
}

/// Reads until `buffer` is full or the file ends, through short reads and interruptions. Returns
/// the number of bytes read.
pub fn read_full_at(file: &dyn DiskFile, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut done = 0;
    while done < buffer.len() {
        match file.read_at(&mut buffer[done..], offset + done as u64) {
            Ok(0) => break,
            Ok(count) => done += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(done)
}

/// A directory of the operating system's file system.
#[derive(Clone, Debug)]
pub struct RealDisk {
    root: PathBuf,
}

impl RealDisk {
    /// A disk whose paths are relative to `root`. The directory is created by the first
    /// [`Disk::create_dir`] of the empty path.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    fn path(&self, path: &str) -> PathBuf {
        if path.is_empty() { self.root.clone() } else { self.root.join(path) }
    }
}

impl Disk for RealDisk {
    fn create_dir(&self, path: &str) -> io::Result<()> {
        let path = self.path(path);
        if path.is_dir() {
            return Ok(());
        }
        std::fs::create_dir_all(&path)?;
        // The entry of the root itself stands in a directory that `sync_dir` cannot name.
        match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => File::open(".")?.sync_all(),
            Some(parent) => File::open(parent)?.sync_all(),
            None => Ok(()),
        }
    }

    fn create_new(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(self.path(path));
        Ok(Box::new(RealFile(file?)))
    }

    fn open_read(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        Ok(Box::new(RealFile(File::open(self.path(path))?)))
    }

    fn open_write(&self, path: &str) -> io::Result<Box<dyn DiskFile>> {
        let file = OpenOptions::new().read(true).write(true).open(self.path(path))?;
        Ok(Box::new(RealFile(file)))
    }

    fn list(&self, path: &str) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(self.path(path))? {
            let entry = entry?;
            if entry.file_type()?.is_file() {
                names.push(entry.file_name().to_string_lossy().into_owned());
            }
        }
        names.sort_unstable();
        Ok(names)
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path(from), self.path(to))
    }

    fn remove(&self, path: &str) -> io::Result<()> {
        std::fs::remove_file(self.path(path))
    }

    fn sync_dir(&self, path: &str) -> io::Result<()> {
        File::open(self.path(path))?.sync_all()
    }

    fn free_bytes(&self) -> io::Result<u64> {
        let figures = rustix::fs::statvfs(&self.root)?;
        Ok(figures.f_bavail.saturating_mul(figures.f_frsize))
    }

    fn lock(&self) -> Result<Box<dyn Send + Sync>, LockError> {
        let path = self.path("lock");
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        match file.try_lock() {
            Ok(()) => Ok(Box::new(file)),
            Err(TryLockError::WouldBlock) => Err(LockError::Held),
            Err(TryLockError::Error(error)) => Err(LockError::Io(error)),
        }
    }
}

/// How much is written at once where a file system cannot allocate otherwise.
const ALLOCATE_BYTES: usize = 1 << 20;

struct RealFile(File);

impl DiskFile for RealFile {
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.0.read_at(buffer, offset)
    }

    fn write_at(&self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.0.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        self.0.sync_data()
    }

    fn allocate(&self, bytes: u64) -> io::Result<()> {
        match rustix::fs::fallocate(&self.0, FallocateFlags::empty(), 0, bytes) {
            Err(rustix::io::Errno::OPNOTSUPP) => {
                let zeros = vec![0; ALLOCATE_BYTES];
                let pieces = (0..bytes).step_by(ALLOCATE_BYTES);
                pieces.into_iter().try_for_each(|offset| {
                    let count = ALLOCATE_BYTES.min((bytes - offset) as usize);
                    self.write_at(&zeros[..count], offset)
                })
            }
            allocated => Ok(allocated?),
        }
    }

    fn len(&self) -> io::Result<u64> {
        Ok(self.0.metadata()?.len())
    }
}
