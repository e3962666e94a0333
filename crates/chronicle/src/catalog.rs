//! Which segments there are: the names in `head/`, `log/` and `bodies/`, and their headers.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::disk::{Attempt, Disk, DiskError};
use crate::frame::FrameIndex;
use crate::scan::{Depth, FrameBuffer, ScanError, SegmentScan, damage, read_header};
use crate::segment::{SegmentHeader, SegmentKind, SegmentName};
use crate::window::{READ_SPOT_BYTES, Window};

/// How often a reader looks again when a writer moved a segment between its looks.
const LOOKS_MAX: u32 = 8;

/// A segment as the directories show it.
#[derive(Clone, Debug)]
pub(crate) struct Listed {
    pub(crate) header: Arc<SegmentHeader>,
    /// Whether its head file is there.
    pub(crate) in_head: bool,
    /// Whether its log file is there, which is so once sealing is complete.
    pub(crate) in_log: bool,
}

impl Listed {
    /// The path of the file that counts.
    pub(crate) fn path(&self) -> String {
        let kind = if self.in_log { SegmentKind::Log } else { SegmentKind::Head };
        kind.path(self.header.name())
    }
}

/// Which files of a segment are there.
#[derive(Clone, Copy, Default)]
struct Files {
    head: bool,
    log: bool,
    bodies: bool,
}

/// The segments' names, in order.
fn names(disk: &dyn Disk) -> Result<BTreeMap<SegmentName, Files>, DiskError> {
    let mut found: BTreeMap<SegmentName, Files> = BTreeMap::new();
    // In the order in which sealing moves a segment: it is then in at least one of the lists, and
    // its bodies file in the last if its log file is in the second.
    for kind in [SegmentKind::Head, SegmentKind::Log, SegmentKind::Bodies] {
        let directory = kind.directory();
        let listed = match disk.list(directory).attempt("list", directory) {
            Err(error) if error.is_absent() => Vec::new(),
            listed => listed?,
        };
        for name in listed.iter().filter_map(|name| SegmentName::parse(name)) {
            let files = found.entry(name).or_default();
            match kind {
                SegmentKind::Head => files.head = true,
                SegmentKind::Log => files.log = true,
                SegmentKind::Bodies => files.bodies = true,
            }
        }
    }
    Ok(found)
}

/// Lists the segments and checks that they follow each other. Headers in `known` (by number) are
/// not read again. The last segment is always in `head/`.
pub(crate) fn load(
    disk: &dyn Disk,
    known: &[Arc<SegmentHeader>],
) -> Result<Vec<Listed>, ScanError> {
    let mut looks = 0;
    loop {
        looks += 1;
        match look(disk, known) {
            // Absence and moves may be a live writer's doing; damage shows at every look.
            Err(ScanError::Damaged(_)) if looks < LOOKS_MAX => {}
            Err(ScanError::Disk(error)) if error.is_absent() && looks < LOOKS_MAX => {}
            other => return other,
        }
    }
}

fn look(disk: &dyn Disk, known: &[Arc<SegmentHeader>]) -> Result<Vec<Listed>, ScanError> {
    let names = names(disk)?;
    if names.is_empty() {
        return Err(ScanError::Absent);
    }
    let mut listed: Vec<Listed> = Vec::with_capacity(names.len());
    for (name, files) in names {
        let number = listed.len();
        let kind = match files {
            Files { log: true, .. } => SegmentKind::Log,
            Files { head: true, .. } => SegmentKind::Head,
            Files { .. } => SegmentKind::Bodies,
        };
        let path = kind.path(name);
        if name.number != number as u64 {
            let before = listed.last();
            let frame = before.map_or(FrameIndex(1), |before| before.header.first_index);
            let what = format!("segment {number} is missing before it");
            return Err(damage(path, frame, 0, name.position, what).into());
        }
        let header = match known.get(number) {
            Some(header) if header.name() == name => header.clone(),
            _ => {
                // A head file that is gone has been sealed since it was listed.
                let (kind, window) = match Window::open(disk, &path, READ_SPOT_BYTES) {
                    Err(error) if error.is_absent() && kind == SegmentKind::Head => {
                        let path = SegmentKind::Log.path(name);
                        (SegmentKind::Log, Window::open(disk, &path, READ_SPOT_BYTES))
                    }
                    window => (kind, window),
                };
                Arc::new(read_header(&mut window?, name, kind)?)
            }
        };
        follows(listed.last(), &header, &path)?;
        if let Some(path) = missing_file(name, files) {
            let what = "the file is missing";
            return Err(damage(path, header.first_index, 0, name.position, what).into());
        }
        listed.push(Listed { header, in_head: files.head, in_log: files.log });
    }
    let last = listed.last().expect("at least one name was found");
    if !last.in_head {
        return Err(missing_after(disk, last)?);
    }
    Ok(listed)
}

/// The file that a segment lacks. A bodies file beside a head file is a sealing that was cut off.
fn missing_file(name: SegmentName, files: Files) -> Option<String> {
    let missing = match files {
        Files { head: true, .. } | Files { log: true, bodies: true, .. } => return None,
        Files { log: true, bodies: false, .. } => SegmentKind::Bodies,
        Files { log: false, .. } => SegmentKind::Log,
    };
    Some(missing.path(name))
}

fn follows(before: Option<&Listed>, header: &SegmentHeader, path: &str) -> Result<(), ScanError> {
    let position = header.first_position();
    let what = match before {
        None if header.first_index != FrameIndex(1) || position.0 != 0 => {
            "the first segment does not start at the first frame"
        }
        Some(before) if before.header.lineage != header.lineage => {
            "the segment belongs to another lineage"
        }
        Some(before) if before.header.first_index > header.first_index => {
            "the segment starts before the one it follows"
        }
        _ => return Ok(()),
    };
    Err(damage(path.to_owned(), header.first_index, 0, position, what).into())
}

/// The damage of a sealed last segment: sealing waits for a successor, so there was one.
fn missing_after(disk: &dyn Disk, last: &Listed) -> Result<ScanError, ScanError> {
    let name = last.header.name();
    let mut scan = SegmentScan::open_kind(disk, name, SegmentKind::Log, READ_SPOT_BYTES)?;
    let mut frame = FrameBuffer::new();
    while scan.next(&mut frame, Depth::FrameHeader)? {}
    let missing = SegmentName { position: scan.at.position, number: name.number + 1 };
    let path = SegmentKind::Head.path(missing);
    Ok(damage(path, scan.at.index, 0, scan.at.position, "the file is missing").into())
}
