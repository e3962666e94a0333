//! Opening a chronicle after anything: what is whole, what is torn, what is damaged.
//!
//! 1. List the segments; each names the last good frame of the one before, so only the last one, in
//!    `head/`, is open to question.
//! 2. Prove its frames up to the first that is not one. If the file ends there, or only zeros follow
//!    that were written ahead, the tail is whole.
//! 3. Otherwise gather what is known to have been synced: the durable mark, the guard file, and what
//!    any later valid frame says (the file is searched to its end). A bad frame above all of it is
//!    *torn*: its write was cut off, it was never acknowledged. At or below, it is *damage*: opening
//!    is refused with the exact place, and nothing has been changed.
//! 4. Finish or redo sealings that were cut off, and remove files that were never finished. A sealing
//!    that the disk has no room for is left to the writer.
//! 5. Write the tail above the durable mark over itself and sync it. What was read may stand only
//!    in the system's cache: after a failed sync the system may hold it for clean, and a second
//!    sync alone would say so and do nothing.
//! 6. Check the tiles; write them anew if need be.
//!
//! Torn bytes are never cut off: the segment is closed as it is, and the next one says where the
//! good part ends.

use std::sync::Arc;

use deeds_values::{Lineage, Position};

use crate::catalog::{self, Listed};
use crate::disk::{Attempt, Disk, DiskError, LockError};
use crate::frame::{FRAME_HEADER_BYTES, FRAME_MAGIC, FrameHeader, FrameIndex, FrameKind};
use crate::guard::{Guard, GuardFile};
use crate::mark::{MARK_PATH, Mark};
use crate::merkle::Hash;
use crate::proof::Proof;
use crate::retiling::rebuild_tiles;
use crate::scan::{Depth, FrameBuffer, Point, ScanError, SegmentScan, Step, damage};
use crate::seal::{self, TORN_DIRECTORY};
use crate::segment::{SegmentHeader, SegmentKind, SegmentName};
use crate::tiles::{self, Tiles};
use crate::window::{READ_AHEAD_BYTES, READ_SPOT_BYTES};

/// What opening found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The chronicle's lineage.
    pub lineage: Lineage,
    /// The number of records: the next position.
    pub end: Position,
    /// The last frame, before the one that opened the new epoch.
    pub frame: FrameIndex,
    /// The Merkle root over all records.
    pub root: Hash,
    /// The torn tail, if the last writer was cut off while it wrote.
    pub torn: Option<Torn>,
    /// Whether the last writer closed the chronicle.
    pub closed: bool,
    /// What the guard file said.
    pub guard: GuardFinding,
    /// Whether the tile files were absent or wrong and have been written anew.
    pub tiles_rebuilt: bool,
}

/// A frame that was being written when the power went: never acknowledged, left where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Torn {
    /// The segment's file.
    pub segment: String,
    /// The index the frame would have had.
    pub frame: FrameIndex,
    /// Where its bytes begin.
    pub offset: u64,
    /// How many bytes lie behind the last good frame, up to the last that is not zero.
    pub bytes: u64,
    /// The position its first record would have had.
    pub position: Position,
}

/// What the guard file said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GuardFinding {
    /// None is configured.
    Off,
    /// There was none; it has been created.
    Created,
    /// The chronicle holds what it says.
    Agrees,
    /// It names more than is here: an old copy was put back. Serve, warn, do not sign.
    Behind {
        /// The size the guard file names.
        size: Position,
    },
    /// It names another history of the same size: serve, warn, do not sign.
    Differs {
        /// The size at which the roots differ.
        size: Position,
    },
    /// It belongs to another lineage.
    OtherLineage(Lineage),
}

/// A place where the chronicle is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{segment}, frame {frame} at byte {offset}, position {position}: {what}")]
pub struct Damage {
    /// The file.
    pub segment: String,
    /// The frame, or the one that should stand there.
    pub frame: FrameIndex,
    /// The byte offset in the file.
    pub offset: u64,
    /// The position of the frame's first record.
    pub position: Position,
    /// What is wrong.
    pub what: String,
}

/// The chronicle was not opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// There is no chronicle in the directory.
    #[error("there is no chronicle here")]
    Absent,
    /// The directory is an archive of backups.
    #[error("this is an archive of backups: it is restored from, and not written to")]
    Archive,
    /// A chronicle is there where a new one should be created.
    #[error("there is a chronicle here already")]
    Exists,
    /// Another writer has it open.
    #[error("another process has this chronicle open for writing")]
    Locked,
    /// Written by a later version.
    #[error("{file} has format {format}, which is not known here")]
    Format {
        /// The file.
        file: String,
        /// Its format.
        format: u8,
    },
    /// Bytes that were durable are not what they were. Restore from a backup or a peer.
    #[error("the chronicle is damaged")]
    Damaged(#[from] Damage),
    /// The disk failed.
    #[error("the disk failed")]
    Disk(#[from] DiskError),
}

impl From<ScanError> for OpenError {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Absent => Self::Absent,
            ScanError::Damaged(damage) => Self::Damaged(damage),
            ScanError::Format { file, format } => Self::Format { file, format },
            ScanError::Disk(error) => Self::Disk(error),
        }
    }
}

impl OpenError {
    /// The error of a lock that was not taken.
    pub(crate) fn lock(error: LockError) -> Self {
        match error {
            LockError::Held => Self::Locked,
            LockError::Io(source) => {
                Self::Disk(DiskError { what: "lock", path: "lock".to_owned(), source })
            }
        }
    }
}

/// The end of a chronicle, made ready to be continued.
pub(crate) struct Tail {
    /// The last segment.
    pub(crate) header: SegmentHeader,
    /// Where its good frames end.
    pub(crate) at: Point,
    /// What is proved up to there.
    pub(crate) proof: Proof,
    /// The tiles, with the last segment's hashes yet to be written.
    pub(crate) tiles: Tiles,
    pub(crate) torn: Option<Torn>,
    pub(crate) closed: bool,
    pub(crate) guard: GuardFinding,
    pub(crate) tiles_rebuilt: bool,
    /// Segments that there was no room to seal, each with its successor.
    pub(crate) unsealed: Vec<(SegmentHeader, SegmentHeader)>,
}

impl Tail {
    /// The tail of a chronicle that has nothing but the header of its first segment.
    pub(crate) fn before(disk: Arc<dyn Disk>, header: SegmentHeader) -> Self {
        Self {
            at: Point {
                offset: header.encoded_bytes(),
                bodies_offset: header.encoded_bytes(),
                index: header.first_index,
                position: header.first_position(),
                epoch: header.epoch,
            },
            proof: Proof::before(&header),
            tiles: Tiles::after(disk, 0),
            header,
            torn: None,
            closed: false,
            guard: GuardFinding::Off,
            tiles_rebuilt: false,
            unsealed: Vec::new(),
        }
    }
}

/// What counts as evidence that a bad frame was durable once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Evidence {
    /// The durable mark, the guard file, and what later frames say.
    All,
    /// The mark alone, which an archive syncs: what its frames say of earlier ones was so on the
    /// disk that they were copied from.
    Mark,
}

/// Takes a chronicle through the six steps. The caller holds the lock.
pub(crate) fn recover(
    disk: &Arc<dyn Disk>,
    guard: Option<&GuardFile>,
    evidence: Evidence,
) -> Result<Tail, OpenError> {
    let mark = Mark::read(disk.as_ref())?;
    let listed = match catalog::load(disk.as_ref(), &[]) {
        Err(ScanError::Absent) if mark.is_some() => return Err(all_missing(&mark).into()),
        listed => listed?,
    };
    let said = guard.map(GuardFile::read).transpose()?;
    let last = listed.last().expect("a listing has at least one segment");
    let mut tail = judge(disk, &last.header, mark, said.flatten(), evidence)?;
    check_dead_ends(&listed)?;
    tail.guard = match said {
        None => GuardFinding::Off,
        Some(said) => compare_guard(disk.as_ref(), &listed, &tail, said)?,
    };
    remove_unfinished(disk.as_ref())?;
    for pair in listed.windows(2).filter(|pair| pair[0].in_head) {
        let [segment, next] = pair else { unreachable!("windows of two have two") };
        let finish = if segment.in_log { seal::finish } else { seal::seal };
        match finish(disk, &segment.header, &next.header) {
            Err(ScanError::Disk(error)) if error.is_no_room() => {
                let pair = (segment.header.as_ref().clone(), next.header.as_ref().clone());
                tail.unsealed.push(pair);
            }
            finished => finished?,
        }
    }
    rewrite_tail(disk.as_ref(), &tail, mark)?;
    let edge = tail.header.frontier.clone();
    if !Tiles::are_sound(disk.as_ref(), &edge, tail.proof.frontier.size())? {
        rebuild_tiles(disk, &listed[..listed.len() - 1])?;
        tail.tiles_rebuilt = true;
    }
    Ok(tail)
}

fn all_missing(mark: &Option<Mark>) -> Damage {
    let mark = mark.expect("only asked when there is a mark");
    let what = "all segments are missing, and there is a durable mark";
    damage(MARK_PATH.to_owned(), mark.frame, 0, mark.end, what)
}

/// Steps 2 and 3.
pub(crate) fn judge(
    disk: &Arc<dyn Disk>,
    header: &SegmentHeader,
    mark: Option<Mark>,
    guard: Option<Guard>,
    evidence: Evidence,
) -> Result<Tail, OpenError> {
    let name = header.name();
    let mut scan =
        SegmentScan::open_kind(disk.as_ref(), name, SegmentKind::Head, READ_AHEAD_BYTES)?;
    let mut proof = Proof::before(&scan.header);
    let mut tiles = Tiles::after(disk.clone(), proof.frontier.size());
    let mut frame = FrameBuffer::new();
    let mut closed = false;
    let flaw = loop {
        let at = scan.at;
        match scan.step(&mut frame, Depth::Bodies)? {
            Step::Frame => {
                let proved = proof.check(&frame, |height, hash| tiles.completed(height, hash));
                proved.map_err(|what| scan.damage_at(at, what))?;
                closed = frame.header.kind == FrameKind::CleanClose;
            }
            Step::Bad { what, torn: false } => return Err(scan.damage_at(at, what).into()),
            Step::Bad { what, torn: true } => break Some(what),
            Step::End if scan.content_end()? > at.offset => {
                break Some("zeros stand here, and more behind them".to_owned());
            }
            Step::End => break None,
        }
    };
    let torn = match flaw {
        None => None,
        Some(what) => {
            let at = scan.at;
            if let Some(why) = known_durable(&mut scan, mark, guard, evidence)? {
                return Err(scan.damage_at(at, format!("{what}; {why}")).into());
            }
            closed = false;
            Some(Torn {
                segment: scan.log.path().to_owned(),
                frame: at.index,
                offset: at.offset,
                bytes: scan.content_end()? - at.offset,
                position: at.position,
            })
        }
    };
    check_mark(&scan, mark)?;
    Ok(Tail {
        header: scan.header,
        at: scan.at,
        proof,
        tiles,
        torn,
        closed,
        guard: GuardFinding::Off,
        tiles_rebuilt: false,
        unsealed: Vec::new(),
    })
}

/// Why the frame at which a scan stands is known to have been durable, if it is.
fn known_durable(
    scan: &mut SegmentScan,
    mark: Option<Mark>,
    guard: Option<Guard>,
    evidence: Evidence,
) -> Result<Option<&'static str>, DiskError> {
    #[cfg(feature = "plant")]
    if crate::plant::bad_checksums_cut() {
        return Ok(None);
    }
    let Point { index, offset, .. } = scan.at;
    let lineage = scan.header.lineage;
    let marked = mark.is_some_and(|mark| {
        let here = mark.segment == scan.header.number && mark.offset > offset;
        mark.lineage == lineage && (mark.frame >= index || here)
    });
    if marked {
        return Ok(Some("the durable mark covers it"));
    }
    if guard.is_some_and(|guard| guard.lineage == lineage && guard.frame >= index) {
        return Ok(Some("the guard file covers it"));
    }
    if evidence == Evidence::Mark {
        return Ok(None);
    }
    Ok(later_frame(scan)?.then_some("a later frame says that it was durable"))
}

/// Whether a valid frame behind the bad one says that the bad one was durable: by name, or by
/// being its successor where only a node-local frame can have stood between.
fn later_frame(scan: &mut SegmentScan) -> Result<bool, DiskError> {
    let expected = scan.at.index;
    let mut offset = scan.at.offset + 1;
    loop {
        let bytes = scan.log.bytes(offset, READ_AHEAD_BYTES)?;
        if bytes.len() < FRAME_HEADER_BYTES {
            return Ok(false);
        }
        let places = bytes.windows(FRAME_HEADER_BYTES).enumerate();
        for (_, place) in places.filter(|(_, place)| place.starts_with(FRAME_MAGIC)) {
            let Ok(header) = FrameHeader::decode(place, &scan.header.salt) else { continue };
            if header.durable_through >= expected || header.index >= expected {
                return Ok(true);
            }
        }
        // The last places have not been looked at whole.
        offset += (bytes.len() - FRAME_HEADER_BYTES + 1) as u64;
    }
}

/// Checks that nothing is missing behind a tail that looks whole.
fn check_mark(scan: &SegmentScan, mark: Option<Mark>) -> Result<(), Damage> {
    #[cfg(feature = "plant")]
    if crate::plant::bad_checksums_cut() {
        return Ok(());
    }
    let Some(mark) = mark else { return Ok(()) };
    if mark.lineage != scan.header.lineage {
        let what = format!("the durable mark belongs to lineage {}", mark.lineage);
        return Err(damage(MARK_PATH.to_owned(), mark.frame, 0, mark.end, what));
    }
    if mark.segment > scan.header.number {
        let missing = SegmentName { position: scan.at.position, number: scan.header.number + 1 };
        let path = SegmentKind::Head.path(missing);
        let what = "the file is missing; the durable mark names it or a later one";
        return Err(damage(path, scan.at.index, 0, scan.at.position, what));
    }
    let here = mark.segment == scan.header.number;
    if mark.frame >= scan.at.index || (here && mark.offset > scan.at.offset) {
        let what = format!(
            "the frames end here, and the durable mark covers frame {} up to byte {}",
            mark.frame, mark.offset
        );
        return Err(scan.damage_at(scan.at, what));
    }
    Ok(())
}

/// Checks that no segment names an impossible end of the one before it.
fn check_dead_ends(listed: &[Listed]) -> Result<(), Damage> {
    for pair in listed.windows(2) {
        let [segment, next] = pair else { unreachable!("windows of two have two") };
        if next.header.previous_end < segment.header.encoded_bytes() {
            let position = next.header.first_position();
            let what = "the segment before ends in the middle of its header";
            return Err(damage(next.path(), next.header.first_index, 0, position, what));
        }
    }
    Ok(())
}

fn compare_guard(
    disk: &dyn Disk,
    listed: &[Listed],
    tail: &Tail,
    said: Option<Guard>,
) -> Result<GuardFinding, OpenError> {
    let Some(guard) = said else { return Ok(GuardFinding::Created) };
    if guard.lineage != tail.header.lineage {
        return Ok(GuardFinding::OtherLineage(guard.lineage));
    }
    let size = guard.end;
    if guard.frame >= tail.at.index || size > tail.at.position {
        return Ok(GuardFinding::Behind { size });
    }
    let covers = |listed: &&Listed| listed.header.first_index <= guard.frame;
    let Some(segment) = listed.iter().rev().find(covers) else {
        return Ok(GuardFinding::Differs { size });
    };
    let mut scan = SegmentScan::open(disk, segment.header.name(), READ_SPOT_BYTES)?;
    let mut frame = FrameBuffer::new();
    while scan.at.index <= guard.frame && scan.next(&mut frame, Depth::FrameHeader)? {}
    let agrees = frame.header.index == guard.frame
        && frame.header.root == guard.root
        && scan.at.position == guard.end;
    Ok(if agrees { GuardFinding::Agrees } else { GuardFinding::Differs { size } })
}

/// Removes files that were being written aside when a writer stopped.
pub(crate) fn remove_unfinished(disk: &dyn Disk) -> Result<(), DiskError> {
    for directory in ["head", "log", "bodies", tiles::DIRECTORY, TORN_DIRECTORY] {
        for name in disk.list(directory).attempt("list", directory)? {
            if name.ends_with(".new") {
                let path = format!("{directory}/{name}");
                disk.remove(&path).attempt("remove", &path)?;
            }
        }
    }
    Ok(())
}

/// Step 5.
fn rewrite_tail(disk: &dyn Disk, tail: &Tail, mark: Option<Mark>) -> Result<(), DiskError> {
    let path = tail.header.path();
    let file = disk.open_write(&path).attempt("open", &path)?;
    let mut offset = match mark {
        Some(mark) if mark.segment == tail.header.number => mark.offset,
        _ => tail.header.encoded_bytes(),
    };
    let mut bytes = vec![0; READ_AHEAD_BYTES];
    while offset < tail.at.offset {
        let count = bytes.len().min((tail.at.offset - offset) as usize);
        let piece = &mut bytes[..count];
        crate::disk::read_full_at(file.as_ref(), piece, offset).attempt("read", &path)?;
        file.write_at(piece, offset).attempt("write", &path)?;
        offset += count as u64;
    }
    file.sync().attempt("sync", &path)?;
    let directory = SegmentKind::Head.directory();
    disk.sync_dir(directory).attempt("sync", directory)
}
