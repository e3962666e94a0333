//! Sealing: the split of a segment that is no longer written into `log/` and `bodies/`.
//!
//! 1. Dead bytes behind the last good frame, if any, are copied to `torn/NAME`; nothing is thrown
//!    away but zeros that were written ahead.
//! 2. Frame and record headers are written to `log/NAME.new`, bodies blocks to `bodies/NAME.new`;
//!    both are synced.
//! 3. `bodies/NAME.new` gets its name, then `log/NAME.new`, the directory being synced after each.
//! 4. The head file is removed, and `head/` synced.
//!
//! A crash before step 3 ends leaves files that the next opening removes or replaces; the head file
//! counts. After it, both are there and hold the same: the sealed files are checked, and the head
//! file is removed, or, should they be bad, sealed again.

use std::sync::Arc;

use crate::disk::{Attempt, Disk, DiskError, DiskFile};
use crate::frame::{FRAME_BYTES_MAX, encode_block};
use crate::scan::{Depth, FrameBuffer, ScanError, SegmentScan, Step};
use crate::segment::{SegmentHeader, SegmentKind};
use crate::window::READ_AHEAD_BYTES;

/// Dead bytes are kept here.
pub(crate) const TORN_DIRECTORY: &str = "torn";
/// How much is collected before a write.
const WRITE_BYTES: usize = 1 << 20;

/// A file being written front to back, under a name for things that are not finished.
struct Aside {
    file: Box<dyn DiskFile>,
    path: String,
    waiting: Vec<u8>,
    written: u64,
}

impl Aside {
    fn create(disk: &dyn Disk, path: &str) -> Result<Self, DiskError> {
        let aside = format!("{path}.new");
        match disk.remove(&aside).attempt("remove", &aside) {
            Err(error) if !error.is_absent() => return Err(error),
            _ => {}
        }
        let file = disk.create_new(&aside).attempt("create", &aside)?;
        Ok(Self { file, path: path.to_owned(), waiting: Vec::new(), written: 0 })
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), DiskError> {
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= WRITE_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), DiskError> {
        self.file.write_at(&self.waiting, self.written).attempt("write", &self.path)?;
        self.written += self.waiting.len() as u64;
        self.waiting.clear();
        Ok(())
    }

    fn sync(&mut self) -> Result<(), DiskError> {
        if !self.waiting.is_empty() {
            self.flush()?;
        }
        self.file.sync().attempt("sync", &self.path)
    }

    /// Gives the file its name, durably.
    fn publish(self, disk: &dyn Disk) -> Result<(), DiskError> {
        let directory = self.path.split('/').next().expect("a path starts with its directory");
        let aside = format!("{}.new", self.path);
        disk.rename(&aside, &self.path).attempt("rename", &aside)?;
        disk.sync_dir(directory).attempt("sync", directory)
    }
}

/// Splits the segment before `next` and removes its head file. It takes as much room again as the
/// head file, until that is removed; if there is none, it leaves nothing behind.
pub(crate) fn seal(
    disk: &Arc<dyn Disk>,
    segment: &SegmentHeader,
    next: &SegmentHeader,
) -> Result<(), ScanError> {
    let sealed = split(disk.as_ref(), segment, next);
    if let Err(ScanError::Disk(error)) = &sealed
        && error.is_no_room()
    {
        for directory in ["log", "bodies", TORN_DIRECTORY] {
            // Already an error: what cannot be removed now is removed at the next opening.
            let _ = disk.remove(&format!("{directory}/{}.new", segment.name()));
        }
    }
    sealed
}

fn split(disk: &dyn Disk, segment: &SegmentHeader, next: &SegmentHeader) -> Result<(), ScanError> {
    let name = segment.name();
    let mut scan = SegmentScan::open_kind(disk, name, SegmentKind::Head, READ_AHEAD_BYTES)?;
    let mut log = Aside::create(disk, &SegmentKind::Log.path(name))?;
    let mut bodies = Aside::create(disk, &SegmentKind::Bodies.path(name))?;
    let mut bytes = Vec::with_capacity(FRAME_BYTES_MAX);
    for (file, kind) in [(&mut log, SegmentKind::Log), (&mut bodies, SegmentKind::Bodies)] {
        bytes.clear();
        SegmentHeader { kind, ..scan.header.clone() }.encode(&mut bytes);
        file.write(&bytes)?;
    }
    let mut frame = FrameBuffer::new();
    while scan.at.index < next.first_index {
        if !scan.next(&mut frame, Depth::Bodies)? {
            return Err(scan.damage_at(scan.at, "the segment ends before its last frame").into());
        }
        if frame.header.kind.is_local() {
            continue;
        }
        log.write(&frame.header_bytes)?;
        log.write(&frame.record_headers)?;
        bytes.clear();
        encode_block(&mut bytes, frame.header.index, &frame.bodies, &segment.salt);
        bodies.write(&bytes)?;
    }
    keep_dead_bytes(disk, &mut scan, next.previous_end)?;
    log.sync()?;
    bodies.sync()?;
    bodies.publish(disk)?;
    log.publish(disk)?;
    remove_head(disk, segment)
}

/// Finishes a sealing that a crash cut off behind step 3, or does it again.
pub(crate) fn finish(
    disk: &Arc<dyn Disk>,
    segment: &SegmentHeader,
    next: &SegmentHeader,
) -> Result<(), ScanError> {
    match is_sealed_well(disk.as_ref(), segment, next) {
        Ok(true) => {
            // The names may have been given and not yet synced.
            for directory in [SegmentKind::Bodies.directory(), SegmentKind::Log.directory()] {
                disk.sync_dir(directory).attempt("sync", directory)?;
            }
            remove_head(disk.as_ref(), segment)
        }
        Ok(false) | Err(ScanError::Damaged(_)) => seal(disk, segment, next),
        Err(error) => Err(error),
    }
}

fn is_sealed_well(
    disk: &dyn Disk,
    segment: &SegmentHeader,
    next: &SegmentHeader,
) -> Result<bool, ScanError> {
    let name = segment.name();
    let mut scan = SegmentScan::open_kind(disk, name, SegmentKind::Log, READ_AHEAD_BYTES)?;
    let mut frame = FrameBuffer::new();
    loop {
        match scan.step(&mut frame, Depth::Bodies)? {
            Step::Frame => {}
            Step::Bad { .. } => return Ok(false),
            Step::End => break,
        }
    }
    scan.check_sealed_end()?;
    Ok(scan.at.index == next.first_index)
}

fn remove_head(disk: &dyn Disk, segment: &SegmentHeader) -> Result<(), ScanError> {
    let path = SegmentKind::Head.path(segment.name());
    disk.remove(&path).attempt("remove", &path)?;
    let directory = SegmentKind::Head.directory();
    Ok(disk.sync_dir(directory).attempt("sync", directory)?)
}

fn keep_dead_bytes(disk: &dyn Disk, scan: &mut SegmentScan, end: u64) -> Result<(), DiskError> {
    scan.at.offset = end;
    let total = scan.content_end()?;
    if total == end {
        return Ok(());
    }
    let mut torn = Aside::create(disk, &format!("{TORN_DIRECTORY}/{}", scan.header.name()))?;
    let mut offset = end;
    while offset < total {
        let count = READ_AHEAD_BYTES.min((total - offset) as usize);
        let piece = scan.log.bytes(offset, count)?;
        assert!(!piece.is_empty(), "the file holds what was just found in it");
        offset += piece.len() as u64;
        torn.write(piece)?;
    }
    torn.sync()?;
    torn.publish(disk)
}
