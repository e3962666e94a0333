//! The directory `snapshots/` beside the chronicle: chunks named by their hashes, and a manifest for
//! each snapshot.
//!
//! Writing one, and what a crash leaves:
//! 1. each chunk that no trusted manifest names: aside, synced slice by slice, renamed; the directory
//!    synced. Left over: chunks that nothing names, which the next sweep removes;
//! 2. the manifest: aside, synced, renamed; the directory synced. From the rename on the snapshot is
//!    there, and all of it is durable already;
//! 3. manifests beyond those kept are removed, the directory synced;
//! 4. chunks that no kept manifest names are removed: never one of a manifest that is there.
//!
//! The lock of the chronicle's directory covers this one: only its holder writes here.

use std::collections::BTreeSet;
use std::ops::ControlFlow;
use std::sync::Arc;

use deeds_chronicle::disk::read_full_at;
use deeds_chronicle::{Attempt, Disk, DiskError};
use deeds_values::Position;

use crate::report::chain;
use crate::snapshot::chunk::{ChunkId, Entries};
use crate::snapshot::manifest::{ChunkReference, Manifest};
use crate::snapshot::{SnapshotInfo, Unfit};

/// Where snapshots lie in the data directory.
pub const DIRECTORY: &str = "snapshots";

/// How many are kept: if the newest turns out to be damaged, the one before is still far better
/// than none.
pub const SNAPSHOTS_KEPT: usize = 2;

const MANIFEST: &str = ".snapshot";
const CHUNK: &str = ".chunk";
const ASIDE: &str = ".new";

/// How much is written before it is synced: a frame that is to be synced meanwhile waits for no more
/// than this, some tenths of a millisecond. Smaller slices would be more syncs, each a commit of the
/// file system's log.
const SLICE_BYTES: usize = 256 << 10;

/// Called between pieces of work of tenths of a millisecond: may wait, may break off.
pub(crate) type Pace<'a> = &'a mut dyn FnMut() -> ControlFlow<()>;

/// Works on without rests.
pub(crate) fn without_rests() -> ControlFlow<()> {
    ControlFlow::Continue(())
}

/// The directory.
#[derive(Clone)]
pub(crate) struct Store {
    disk: Arc<dyn Disk>,
}

fn manifest_path(position: Position) -> String {
    format!("{DIRECTORY}/{:020}{MANIFEST}", position.0)
}

fn chunk_path(id: ChunkId) -> String {
    format!("{DIRECTORY}/{id}{CHUNK}")
}

/// What a read failed with, as a reason not to use the snapshot.
fn unreadable(error: &DiskError) -> Unfit {
    Unfit::Damaged { file: error.path.clone(), what: chain(error) }
}

impl Store {
    pub(crate) fn new(disk: Arc<dyn Disk>) -> Self {
        Self { disk }
    }

    /// What may still be written; without end where the disk does not say.
    pub(crate) fn free_bytes(&self) -> u64 {
        self.disk.free_bytes().unwrap_or(u64::MAX)
    }

    /// The names in the directory; none if it is not there.
    fn names(&self) -> Result<Vec<String>, DiskError> {
        match self.disk.list(DIRECTORY).attempt("list", DIRECTORY) {
            Err(error) if error.is_absent() => Ok(Vec::new()),
            names => names,
        }
    }

    /// The positions of the manifests, newest first.
    pub(crate) fn positions(&self) -> Result<Vec<Position>, DiskError> {
        let mut positions: Vec<Position> = self
            .names()?
            .iter()
            .filter_map(|name| name.strip_suffix(MANIFEST)?.parse().ok().map(Position))
            .collect();
        positions.sort_unstable_by(|a, b| b.cmp(a));
        Ok(positions)
    }

    pub(crate) fn manifest(&self, position: Position) -> Result<Manifest, Unfit> {
        let path = manifest_path(position);
        let bytes = self.read(&path).map_err(|error| unreadable(&error))?;
        let manifest = Manifest::decode(&path, &bytes)?;
        if manifest.position != position {
            let what = "its name says another position than it".to_owned();
            return Err(Unfit::Damaged { file: path, what });
        }
        Ok(manifest)
    }

    /// The bytes of a chunk, proved by its hash, and that they are entries.
    pub(crate) fn chunk(&self, chunk: &ChunkReference) -> Result<Vec<u8>, Unfit> {
        let path = chunk_path(chunk.id);
        let bytes = self.read(&path).map_err(|error| unreadable(&error))?;
        let damaged = |what: &str| Unfit::Damaged { file: path.clone(), what: what.to_owned() };
        if bytes.len() as u64 != chunk.bytes || ChunkId::of(&bytes) != chunk.id {
            return Err(damaged("it is not what was written"));
        }
        let first = Entries::checked(&bytes, chunk.rows).map_err(damaged)?.next();
        if first.is_none_or(|first| *first.key != *chunk.first_key) {
            return Err(damaged("it starts with another key"));
        }
        Ok(bytes)
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, DiskError> {
        let file = self.disk.open_read(path).attempt("open", path)?;
        let length = file.len().attempt("measure", path)?;
        let mut bytes = vec![0; usize::try_from(length).expect("a file fits the address space")];
        let read = read_full_at(file.as_ref(), &mut bytes, 0).attempt("read", path)?;
        bytes.truncate(read);
        Ok(bytes)
    }

    /// Makes the directory and takes away what was being written aside.
    pub(crate) fn prepare(&self) -> Result<(), DiskError> {
        self.disk.create_dir(DIRECTORY).attempt("create", DIRECTORY)?;
        self.disk.sync_dir("").attempt("sync", "the data directory")?;
        let names = self.names()?;
        self.remove(names.iter().filter(|name| name.ends_with(ASIDE)), &mut without_rests)?;
        Ok(())
    }

    /// Step 1, but for the directory's sync. What is broken off is not there.
    pub(crate) fn write_chunk(
        &self,
        id: ChunkId,
        bytes: &[u8],
        pace: Pace<'_>,
    ) -> Result<ControlFlow<()>, DiskError> {
        self.write(&chunk_path(id), bytes, pace)
    }

    /// The end of step 1, and step 2.
    pub(crate) fn publish(&self, manifest: &Manifest) -> Result<(), DiskError> {
        self.sync()?;
        let path = manifest_path(manifest.position);
        let written = self.write(&path, &manifest.encode(), &mut without_rests)?;
        assert!(written.is_continue(), "nobody broke it off");
        self.sync()
    }

    /// Steps 3 and 4. Manifests in `discarded` are removed whatever their positions.
    pub(crate) fn sweep(
        &self,
        discarded: &BTreeSet<Position>,
        pace: Pace<'_>,
    ) -> Result<(), DiskError> {
        let mut named = BTreeSet::new();
        let mut kept = 0;
        let mut dropped = Vec::new();
        for position in self.positions()? {
            let fits = kept < SNAPSHOTS_KEPT && !discarded.contains(&position);
            match if fits { self.manifest(position).ok() } else { None } {
                Some(manifest) => {
                    kept += 1;
                    named.extend(manifest.chunks().map(|chunk| chunk_path(chunk.id)));
                }
                None => dropped.push(format!("{:020}{MANIFEST}", position.0)),
            }
        }
        if self.remove(dropped.iter(), pace)? > 0 {
            self.sync()?;
        }
        let names = self.names()?;
        let unnamed = names.iter().filter(|name| {
            name.ends_with(ASIDE)
                || (name.ends_with(CHUNK) && !named.contains(&format!("{DIRECTORY}/{name}")))
        });
        self.remove(unnamed, pace)?;
        Ok(())
    }

    fn write(
        &self,
        path: &str,
        bytes: &[u8],
        pace: Pace<'_>,
    ) -> Result<ControlFlow<()>, DiskError> {
        let aside = format!("{path}{ASIDE}");
        let file = self.disk.create_new(&aside).attempt("create", &aside)?;
        let mut offset = 0;
        for slice in bytes.chunks(SLICE_BYTES) {
            file.write_at(slice, offset).attempt("write", &aside)?;
            file.sync().attempt("sync", &aside)?;
            offset += slice.len() as u64;
            if pace().is_break() {
                return Ok(ControlFlow::Break(()));
            }
        }
        assert_eq!(offset, bytes.len() as u64, "all of it is written and synced");
        self.disk.rename(&aside, path).attempt("rename", &aside)?;
        Ok(ControlFlow::Continue(()))
    }

    /// Removes files; being told to break off does not keep it from that.
    fn remove<'n>(
        &self,
        names: impl Iterator<Item = &'n String>,
        pace: Pace<'_>,
    ) -> Result<usize, DiskError> {
        let mut removed = 0;
        for name in names {
            let path = format!("{DIRECTORY}/{name}");
            self.disk.remove(&path).attempt("remove", &path)?;
            removed += 1;
            let _ = pace();
        }
        Ok(removed)
    }

    fn sync(&self) -> Result<(), DiskError> {
        self.disk.sync_dir(DIRECTORY).attempt("sync", DIRECTORY)
    }
}

/// The snapshots in a data directory whose manifests are whole, newest first. Their chunks are not
/// looked at.
pub fn list(disk: &Arc<dyn Disk>) -> Result<Vec<SnapshotInfo>, DiskError> {
    let store = Store::new(Arc::clone(disk));
    let positions = store.positions()?;
    Ok(positions.into_iter().filter_map(|at| Some(store.manifest(at).ok()?.info())).collect())
}
