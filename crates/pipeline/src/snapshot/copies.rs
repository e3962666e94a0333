//! Snapshots that go along: from a data directory to an archive, and from there to what is restored.
//!
//! A copy is a snapshot like any other: written chunk by chunk so that a crash leaves the older one
//! usable, proved by its hashes as it is read, and trusted only after it was held against the chronicle
//! it lies beside. A restored chronicle has the same records under another lineage, and the same
//! tree over them; so a snapshot of the old one fits, and only the lineage in it is replaced.

use std::collections::BTreeSet;
use std::sync::Arc;

use deeds_chronicle::{Disk, DiskError};
use deeds_values::{Lineage, Position};

use crate::snapshot::manifest::Manifest;
use crate::snapshot::store::{Store, without_rests};
use crate::snapshot::{SnapshotInfo, Unfit};

/// Copies the newest snapshot of `from` that is of the first `end` records to `to`, where the one before is
/// kept beside it; none if it is there already, or there is none. The caller holds the lock of `to`.
///
/// One that goes away meanwhile, because its server has taken a newer one, is left out: the next call
/// finds that one.
pub fn copy_newest(
    from: &Arc<dyn Disk>,
    to: &Arc<dyn Disk>,
    end: Position,
) -> Result<Option<SnapshotInfo>, DiskError> {
    let source = Store::new(Arc::clone(from));
    let newest = source.positions()?.into_iter().find(|position| *position < end);
    let Some(Ok(manifest)) = newest.map(|position| source.manifest(position)) else {
        return Ok(None);
    };
    let target = Store::new(Arc::clone(to));
    if target.positions()?.first().is_some_and(|latest| *latest >= manifest.position) {
        return Ok(None);
    }
    copy(&source, &target, &manifest)
}

/// Gives what was restored from an archive, up to a position and as a new lineage, the newest snapshot
/// of the archive that is not later; none if there is none.
pub fn carry(
    archive: &Arc<dyn Disk>,
    to: &Arc<dyn Disk>,
    (through, lineage): (Position, Lineage),
) -> Result<Option<SnapshotInfo>, DiskError> {
    let source = Store::new(Arc::clone(archive));
    let earlier = source.positions()?.into_iter().filter(|position| *position <= through);
    for position in earlier {
        // One that is damaged is as good as none: the records do its work.
        let Ok(manifest) = source.manifest(position) else { continue };
        let manifest = Manifest { lineage, ..manifest };
        if let Some(carried) = copy(&source, &Store::new(Arc::clone(to)), &manifest)? {
            return Ok(Some(carried));
        }
    }
    Ok(None)
}

/// Copies what a manifest names, and then the manifest; none if a chunk is not there, or not what it was.
fn copy(
    source: &Store,
    target: &Store,
    manifest: &Manifest,
) -> Result<Option<SnapshotInfo>, DiskError> {
    target.prepare()?;
    let copied = copy_chunks(source, target, manifest);
    if let Ok(Ok(())) = copied {
        target.publish(manifest)?;
    }
    // After a failure, too: a full disk wants the unnamed chunks back.
    let swept = target.sweep(&BTreeSet::new(), &mut without_rests);
    let whole = copied?.is_ok();
    swept?;
    Ok(whole.then(|| manifest.info()))
}

fn copy_chunks(
    source: &Store,
    target: &Store,
    manifest: &Manifest,
) -> Result<Result<(), Unfit>, DiskError> {
    for chunk in manifest.chunks() {
        if target.chunk(chunk).is_ok() {
            continue;
        }
        match source.chunk(chunk) {
            Ok(bytes) => {
                let written = target.write_chunk(chunk.id, &bytes, &mut without_rests)?;
                assert!(written.is_continue(), "nobody broke it off");
            }
            Err(why) => return Ok(Err(why)),
        }
    }
    Ok(Ok(()))
}
