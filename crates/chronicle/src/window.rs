//! Reading a file front to back through one buffer, at any offset.

use crate::disk::{Attempt, Disk, DiskError, DiskFile, read_full_at};

/// What a front-to-back reader fetches at once: few calls to the system, little memory.
pub(crate) const READ_AHEAD_BYTES: usize = 256 << 10;
/// What a look at single places fetches at once.
pub(crate) const READ_SPOT_BYTES: usize = 16 << 10;

/// An open file with the piece of it that was read last.
pub(crate) struct Window {
    file: Box<dyn DiskFile>,
    path: String,
    buffer: Vec<u8>,
    start: u64,
    filled: usize,
    pub(crate) read_ahead: usize,
}

impl Window {
    /// Opens a file for reading.
    pub(crate) fn open(disk: &dyn Disk, path: &str, ahead: usize) -> Result<Self, DiskError> {
        let file = disk.open_read(path).attempt("open", path)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            read_ahead: ahead,
        })
    }

    /// The file's path.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// The file's length.
    pub(crate) fn file_bytes(&self) -> Result<u64, DiskError> {
        self.file.len().attempt("measure", &self.path)
    }

    /// The bytes from an offset on; fewer than `count` only if the file ends before.
    pub(crate) fn bytes(&mut self, offset: u64, count: usize) -> Result<&[u8], DiskError> {
        let inside =
            offset >= self.start && offset + count as u64 <= self.start + self.filled as u64;
        if !inside {
            let want = count.max(self.read_ahead);
            if self.buffer.len() < want {
                // Fresh zeros from the system cost nothing until touched; `resize` would touch all.
                self.buffer = vec![0; want];
            }
            self.filled = 0;
            self.start = offset;
            self.filled = read_full_at(self.file.as_ref(), &mut self.buffer[..want], offset)
                .attempt("read", &self.path)?;
        }
        let from = (offset - self.start) as usize;
        Ok(&self.buffer[from..self.filled.min(from + count)])
    }

    /// Forgets what was read: the file may have grown.
    pub(crate) fn forget(&mut self) {
        self.filled = 0;
    }
}
