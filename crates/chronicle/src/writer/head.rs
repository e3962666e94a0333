//! The segment file being written.

use crate::disk::{Attempt, Disk, DiskError, DiskFile};
use crate::recovery::Tail;
use crate::segment::{SegmentHeader, SegmentKind};

/// The file being written.
pub(super) struct Head {
    pub(super) file: Box<dyn DiskFile>,
    pub(super) path: String,
    pub(super) header: SegmentHeader,
    /// Where the next frame goes.
    pub(super) offset: u64,
}

impl Head {
    /// Writes a segment's header to a file that does not have its name yet.
    pub(super) fn create(disk: &dyn Disk, header: SegmentHeader) -> Result<Self, DiskError> {
        let path = header.path();
        let aside = format!("{path}.new");
        let file = disk.create_new(&aside).attempt("create", &aside)?;
        let mut bytes = Vec::new();
        header.encode(&mut bytes);
        file.write_at(&bytes, 0).attempt("write", &aside)?;
        Ok(Self { file, path, header, offset: bytes.len() as u64 })
    }

    /// Gives the file its name, durably: a segment's name never stands on a file without a header.
    pub(super) fn publish(&self, disk: &dyn Disk) -> Result<(), DiskError> {
        let aside = format!("{}.new", self.path);
        disk.rename(&aside, &self.path).attempt("rename", &aside)?;
        disk.sync_dir(SegmentKind::Head.directory()).attempt("sync", "head")
    }

    pub(super) fn reopen(disk: &dyn Disk, tail: &Tail) -> Result<Self, DiskError> {
        let path = tail.header.path();
        let file = disk.open_write(&path).attempt("open", &path)?;
        Ok(Self { file, path, header: tail.header.clone(), offset: tail.at.offset })
    }
}
