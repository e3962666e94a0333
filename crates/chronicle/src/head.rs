//! The head file: the segment that frames are being appended to.
//!
//! A segment's file is written under another name first and gets its own by a rename, so that a
//! segment's name never stands on a file without a whole header.

use crate::disk::{Attempt, Disk, DiskError, DiskFile};
use crate::recovery::Tail;
use crate::seal::TORN_DIRECTORY;
use crate::segment::{SegmentHeader, SegmentKind};
use crate::tiles;

/// The file being written.
pub(crate) struct Head {
    pub(crate) file: Box<dyn DiskFile>,
    pub(crate) path: String,
    pub(crate) header: SegmentHeader,
    /// Where the next frame goes.
    pub(crate) offset: u64,
    /// The file is known to hold zeros up to here, durably: a frame that ends before it overwrites
    /// them, and the file does not grow.
    pub(crate) ahead: u64,
}

impl Head {
    /// Writes a segment's header to a file that does not have its name yet.
    pub(crate) fn create(disk: &dyn Disk, header: SegmentHeader) -> Result<Self, DiskError> {
        assert_eq!(header.kind, SegmentKind::Head, "frames are appended to head files only");
        let path = header.path();
        let aside = format!("{path}.new");
        // One that found no room for its header.
        match disk.remove(&aside).attempt("remove", &aside) {
            Err(error) if !error.is_absent() => return Err(error),
            _ => {}
        }
        let file = disk.create_new(&aside).attempt("create", &aside)?;
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        file.write_at(&bytes, 0).attempt("write", &aside)?;
        let offset = bytes.len() as u64;
        Ok(Self { file, path, header, offset, ahead: offset })
    }

    /// Gives the file its name, durably.
    pub(crate) fn publish(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let aside = format!("{}.new", self.path);
        disk.rename(&aside, &self.path).attempt("rename", &aside)?;
        disk.sync_dir(SegmentKind::Head.directory()).attempt("sync", "head")
    }

    /// Opens the head file of a recovered tail, to go on behind its last good frame. Zeros may be
    /// there, but perhaps in the system's cache alone: the next frame writes them anew.
    pub(crate) fn reopen(disk: &dyn Disk, tail: &Tail) -> Result<Self, DiskError> {
        let path = tail.header.path();
        let file = disk.open_write(&path).attempt("open", &path)?;
        let offset = tail.at.offset;
        Ok(Self { file, path, header: tail.header.clone(), offset, ahead: offset })
    }
}

/// Makes the directories of a chronicle.
pub(crate) fn create_directories(disk: &dyn Disk) -> Result<(), DiskError> {
    let directories = ["", "head", "log", "bodies", tiles::DIRECTORY, TORN_DIRECTORY];
    for directory in directories {
        disk.create_dir(directory).attempt("create", directory)?;
    }
    disk.sync_dir("").attempt("sync", "the directory")
}
