//! Tiles written anew, where an opening finds them absent or wrong: from the record headers of the sealed
//! segments, which they are derived from.

use std::sync::Arc;

use crate::catalog::Listed;
use crate::disk::Disk;
use crate::merkle::Frontier;
use crate::record::leaf_hash;
use crate::scan::{Depth, FrameBuffer, ScanError, SegmentScan, Within};
use crate::tiles::Tiles;
use crate::window::READ_AHEAD_BYTES;

/// Writes the tile files anew, from the record headers of these segments.
pub(crate) fn rebuild_tiles(disk: &Arc<dyn Disk>, sealed: &[Listed]) -> Result<(), ScanError> {
    let mut tiles = Tiles::aside(disk.clone());
    let mut frontier = Frontier::default();
    let mut frame = FrameBuffer::new();
    for segment in sealed {
        let name = segment.header.name();
        let mut scan = SegmentScan::open(disk.as_ref(), name, READ_AHEAD_BYTES)?;
        loop {
            let at = scan.at;
            if !scan.next(&mut frame, Depth::RecordHeaders)? {
                break;
            }
            let mut within = Within::default();
            let record = |what| scan.damage_at(at, what);
            while let Some(record) = frame.record(&mut within).map_err(record)? {
                let leaf = leaf_hash(record.header_bytes);
                frontier.push(leaf, |height, hash| tiles.completed(height, hash));
            }
            tiles.write_full()?;
        }
    }
    Ok(tiles.publish()?)
}
