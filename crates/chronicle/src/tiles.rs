//! Merkle tiles: the tree's hashes on disk, so that a proof needs no look at the records.
//!
//! The file `tiles/L` is the hashes of all complete subtrees of 256^L records, in order, 32 bytes
//! each: its 8 KiB slices are the full tiles of C2SP `tlog-tiles`. The files are derived: written
//! behind the frames and without a sync of their own, synced when a segment ends, checked against
//! the tree's right edge at every opening and written anew when absent or wrong.

use std::sync::Arc;

use crate::disk::{Attempt, Disk, DiskError, DiskFile, read_full_at};
use crate::merkle::{Frontier, Hash, node_hash};

/// The height of a tile: 2⁸ hashes.
pub(crate) const TILE_HEIGHT: u32 = 8;
/// The levels of a tree of 2⁶⁴ leaves.
const LEVELS: usize = 8;
/// The bytes of a full tile: hashes wait in memory until one is complete.
const TILE_BYTES: usize = 32 << TILE_HEIGHT;

/// Where the level files lie.
pub(crate) const DIRECTORY: &str = "tiles";

/// One level file.
#[derive(Default)]
struct Level {
    file: Option<Box<dyn DiskFile>>,
    /// Bytes that are in the file.
    written: u64,
    /// Hashes that are not.
    waiting: Vec<u8>,
}

/// The level files of a growing tree.
pub(crate) struct Tiles {
    disk: Arc<dyn Disk>,
    /// What stands behind the names of files that are not in use yet.
    suffix: &'static str,
    levels: [Level; LEVELS],
    /// Whether a file was created since the directory was synced.
    created: bool,
}

/// The path of a level's file.
pub(crate) fn path(level: usize) -> String {
    format!("{DIRECTORY}/{level}")
}

/// The bytes of a level's file when a tree of `size` records is on disk.
pub(crate) fn level_bytes(size: u64, level: usize) -> u64 {
    (size >> (TILE_HEIGHT as usize * level)) * 32
}

/// The levels of a tree of `size` records that have at least one hash.
pub(crate) fn levels(size: u64) -> impl Iterator<Item = usize> {
    (0..LEVELS).take_while(move |&level| level_bytes(size, level) > 0)
}

impl Tiles {
    /// Tiles that have been written up to `size` records, and are not yet to be touched on disk.
    pub(crate) fn after(disk: Arc<dyn Disk>, size: u64) -> Self {
        let mut levels: [Level; LEVELS] = Default::default();
        for (number, level) in levels.iter_mut().enumerate() {
            level.written = level_bytes(size, number);
        }
        Self { disk, suffix: "", levels, created: false }
    }

    /// Takes a completed subtree.
    pub(crate) fn completed(&mut self, height: u32, hash: Hash) {
        if height.is_multiple_of(TILE_HEIGHT) {
            let level = (height / TILE_HEIGHT) as usize;
            self.levels[level].waiting.extend_from_slice(&hash.0);
        }
    }

    /// Writes the levels in which a tile is complete.
    pub(crate) fn write_full(&mut self) -> Result<(), DiskError> {
        for number in 0..LEVELS {
            let level = &self.levels[number];
            let in_tile = level.written as usize % TILE_BYTES;
            if in_tile + level.waiting.len() >= TILE_BYTES {
                self.write_level(number)?;
            }
        }
        Ok(())
    }

    /// Writes all hashes. At an opening: what a crash left of unsynced ones must not be read.
    pub(crate) fn write_all(&mut self) -> Result<(), DiskError> {
        (0..LEVELS).try_for_each(|number| self.write_level(number))
    }

    /// Writes all hashes and makes them durable.
    pub(crate) fn write_and_sync(&mut self) -> Result<(), DiskError> {
        for number in 0..LEVELS {
            self.write_level(number)?;
            if let Some(file) = &self.levels[number].file {
                file.sync().attempt("sync", &path(number))?;
            }
        }
        if self.created {
            self.disk.sync_dir(DIRECTORY).attempt("sync", DIRECTORY)?;
            self.created = false;
        }
        Ok(())
    }

    fn write_level(&mut self, number: usize) -> Result<(), DiskError> {
        let level = &mut self.levels[number];
        if level.waiting.is_empty() {
            return Ok(());
        }
        let path = format!("{}{}", path(number), self.suffix);
        if level.file.is_none() {
            level.file = Some(match self.disk.open_write(&path).attempt("open", &path) {
                Err(error) if error.is_absent() => {
                    self.created = true;
                    self.disk.create_new(&path).attempt("create", &path)?
                }
                file => file?,
            });
        }
        let file = level.file.as_ref().expect("the level's file was opened above");
        file.write_at(&level.waiting, level.written).attempt("write", &path)?;
        level.written += level.waiting.len() as u64;
        level.waiting.clear();
        Ok(())
    }

    /// Whether the files on disk hold the tree with this right edge and nothing behind `size_max`
    /// records. Looks only at the hashes below the edge; `verify` looks at all.
    pub(crate) fn are_sound(
        disk: &dyn Disk,
        edge: &Frontier,
        size_max: u64,
    ) -> Result<bool, DiskError> {
        for level in 0..LEVELS {
            let bytes = match disk.open_read(&path(level)).attempt("open", &path(level)) {
                Err(error) if error.is_absent() => 0,
                file => file?.len().attempt("measure", &path(level))?,
            };
            let expected = level_bytes(edge.size(), level)..=level_bytes(size_max, level);
            if !expected.contains(&bytes) {
                return Ok(false);
            }
        }
        let mut start = 0;
        let mut heights = (0..64).rev().filter(|height| edge.size() >> height & 1 == 1);
        for subtree in edge.subtrees() {
            let height = heights.next().expect("one binary digit for each subtree");
            if read_subtree(disk, start, height)? != Some(*subtree) {
                return Ok(false);
            }
            start += 1 << height;
        }
        Ok(true)
    }

    /// An empty set of files written beside those on disk, to replace them.
    pub(crate) fn aside(disk: Arc<dyn Disk>) -> Self {
        Self { suffix: ".new", ..Self::after(disk, 0) }
    }

    /// Puts the files written aside in the place of those on disk.
    pub(crate) fn publish(mut self) -> Result<(), DiskError> {
        self.write_and_sync()?;
        for (number, level) in self.levels.iter().enumerate() {
            let path = path(number);
            if level.file.is_some() {
                let aside = format!("{path}{}", self.suffix);
                self.disk.rename(&aside, &path).attempt("rename", &aside)?;
                continue;
            }
            match self.disk.remove(&path).attempt("remove", &path) {
                Err(error) if !error.is_absent() => return Err(error),
                _ => {}
            }
        }
        self.disk.sync_dir(DIRECTORY).attempt("sync", DIRECTORY)
    }
}

/// The hash of the subtree of 2^height records from `start` on, made from the level below it; `None`
/// if the file ends before.
fn read_subtree(disk: &dyn Disk, start: u64, height: u32) -> Result<Option<Hash>, DiskError> {
    let level = (height / TILE_HEIGHT) as usize;
    let first = start >> (TILE_HEIGHT as usize * level);
    let mut bytes = vec![0; 32 << (height % TILE_HEIGHT)];
    let path = path(level);
    let file = disk.open_read(&path).attempt("open", &path)?;
    let count = read_full_at(file.as_ref(), &mut bytes, first * 32).attempt("read", &path)?;
    if count < bytes.len() {
        return Ok(None);
    }
    let mut hashes: Vec<Hash> = bytes.as_chunks::<32>().0.iter().copied().map(Hash).collect();
    while hashes.len() > 1 {
        hashes = hashes.as_chunks::<2>().0.iter().map(|[l, r]| node_hash(l, r)).collect();
    }
    Ok(hashes.first().copied())
}

/// Hashes of a level from the `first` on: `count` of them, or as many as are on disk.
pub(crate) fn read_hashes(
    disk: &dyn Disk,
    level: usize,
    first: u64,
    count: usize,
) -> Result<Vec<Hash>, DiskError> {
    if count == 0 {
        return Ok(Vec::new());
    }
    let path = path(level);
    let file = match disk.open_read(&path).attempt("open", &path) {
        Err(error) if error.is_absent() => return Ok(Vec::new()),
        file => file?,
    };
    let mut bytes = vec![0; count * 32];
    let read = read_full_at(file.as_ref(), &mut bytes, first * 32).attempt("read", &path)?;
    Ok(bytes[..read].as_chunks::<32>().0.iter().copied().map(Hash).collect())
}
