//! The directory `snapshots/` beside the chronicle: chunks named by their hashes, and a manifest for
//! each snapshot.
//!
//! Writing one, and what a crash leaves:
//! 1. each chunk that no trusted manifest names: aside, synced, renamed; the directory synced. Left
//!    over: chunks that nothing names, which the next sweep removes;
//! 2. the manifest: aside, synced, renamed; the directory synced. From the rename on the snapshot is
//!    there, and all of it is durable already;
//! 3. manifests beyond those kept are removed, the directory synced;
//! 4. chunks that no kept manifest names are removed: never one of a manifest that is there.
//!
//! The lock of the chronicle's directory covers this one: only its holder writes here.

use std::collections::BTreeSet;
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
        self.remove(names.iter().filter(|name| name.ends_with(ASIDE)))?;
        Ok(())
    }

    /// Step 1, but for the directory's sync.
    pub(crate) fn write_chunk(&self, id: ChunkId, bytes: &[u8]) -> Result<(), DiskError> {
        self.write(&chunk_path(id), bytes)
    }

    /// The end of step 1, and step 2.
    pub(crate) fn publish(&self, manifest: &Manifest) -> Result<(), DiskError> {
        self.sync()?;
        self.write(&manifest_path(manifest.position), &manifest.encode())?;
        self.sync()
    }

    /// Steps 3 and 4. Manifests in `discarded` are removed whatever their positions.
    pub(crate) fn sweep(&self, discarded: &BTreeSet<Position>) -> Result<(), DiskError> {
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
        if self.remove(dropped.iter())? > 0 {
            self.sync()?;
        }
        let names = self.names()?;
        let unnamed = names.iter().filter(|name| {
            name.ends_with(ASIDE)
                || (name.ends_with(CHUNK) && !named.contains(&format!("{DIRECTORY}/{name}")))
        });
        self.remove(unnamed)?;
        Ok(())
    }

    fn write(&self, path: &str, bytes: &[u8]) -> Result<(), DiskError> {
        let aside = format!("{path}{ASIDE}");
        let file = self.disk.create_new(&aside).attempt("create", &aside)?;
        file.write_at(bytes, 0).attempt("write", &aside)?;
        file.sync().attempt("sync", &aside)?;
        self.disk.rename(&aside, path).attempt("rename", &aside)
    }

    fn remove<'n>(&self, names: impl Iterator<Item = &'n String>) -> Result<usize, DiskError> {
        let mut removed = 0;
        for name in names {
            let path = format!("{DIRECTORY}/{name}");
            self.disk.remove(&path).attempt("remove", &path)?;
            removed += 1;
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
