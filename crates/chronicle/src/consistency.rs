//! Consistency proofs (RFC 6962 §2.1.2): that the tree of an older checkpoint is the beginning of the
//! tree of a newer one. Made from the tiles, and for the newest records from their headers; checked
//! with nothing but the two roots and the proof.

use deeds_values::Position;

use crate::checkpoint::TreeHead;
use crate::merkle::{Hash, node_hash};
use crate::reader::{ReadError, Reader};
use crate::record::leaf_hash;
use crate::scan::{Depth, FrameBuffer};
use crate::tiles::{self, TILE_HEIGHT};

/// A consistency proof that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The older tree is the larger one.
    #[error("a tree of {old} records is not the beginning of one of {new}")]
    Sizes {
        /// The size of the older tree.
        old: Position,
        /// The size of the newer one.
        new: Position,
    },
    /// Too few or too many hashes.
    #[error("{found} hashes do not lead from one size to the other")]
    Length {
        /// How many hashes it has.
        found: usize,
    },
    /// The hashes make other roots.
    #[error("the proof does not lead to both roots")]
    Roots,
}

/// Checks that the tree of `old` is the beginning of the tree of `new`.
pub fn check_consistency(old: TreeHead, new: TreeHead, proof: &[Hash]) -> Result<(), ProofError> {
    if old.size > new.size {
        return Err(ProofError::Sizes { old: old.size, new: new.size });
    }
    let wrong_length = ProofError::Length { found: proof.len() };
    // Everything continues the empty tree, and a tree itself: there is nothing to be shown.
    if old.size.0 == 0 || old.size == new.size {
        return match proof {
            [] if old.size.0 == 0 || old.root == new.root => Ok(()),
            [] => Err(ProofError::Roots),
            _ => Err(wrong_length),
        };
    }
    // Up from the largest complete subtree that ends the old tree. If that is all of the old tree,
    // its root is not repeated in the proof. `place` and `last` are the index of that subtree, and
    // of the one that ends the new tree, among those of their height.
    let height = old.size.0.trailing_zeros();
    let (mut place, mut last) = ((old.size.0 - 1) >> height, (new.size.0 - 1) >> height);
    let mut hashes = proof.iter();
    let start = match old.size.0.is_power_of_two() {
        true => old.root,
        false => *hashes.next().ok_or(wrong_length)?,
    };
    let (mut old_root, mut new_root) = (start, start);
    for hash in hashes {
        if last == 0 {
            return Err(wrong_length);
        }
        if place & 1 == 1 || place == last {
            old_root = node_hash(hash, &old_root);
            new_root = node_hash(hash, &new_root);
            // At the right edge, nodes without a right sibling are the nodes above them.
            let rise = place.trailing_zeros() + 1;
            (place, last) = (place >> rise, last >> rise);
        } else {
            new_root = node_hash(&new_root, hash);
            (place, last) = (place >> 1, last >> 1);
        }
    }
    if last != 0 {
        return Err(wrong_length);
    }
    match old_root == old.root && new_root == new.root {
        true => Ok(()),
        false => Err(ProofError::Roots),
    }
}

impl Reader {
    /// The Merkle root over all records up to this one and with it; `None` if it is not durable. At the
    /// end of a frame the frame says it; within one it is made from the tiles.
    pub fn root_after(&self, position: Position) -> Result<Option<Hash>, ReadError> {
        let durable = self.durable()?;
        if position >= durable.at.position {
            return Ok(None);
        }
        let mut scan = self.locate(position, durable)?;
        let (at, mut frame) = (scan.at, FrameBuffer::new());
        if !scan.next(&mut frame, Depth::FrameHeader)? {
            return Err(scan.damage_at(at, "the file ends before its last frame").into());
        }
        if scan.at.position == position.next() {
            return Ok(Some(frame.header.root));
        }
        TreeReader::open(self)?.root(position.next()).map(Some)
    }

    /// The size and the root of what is durable now: what a checkpoint signs. The writer of this
    /// process tells it from memory; without one it is read from the last frame of records.
    pub fn tree_head(&self) -> Result<TreeHead, ReadError> {
        if let Some(head) = self.live_head() {
            return Ok(head);
        }
        let size = self.end()?;
        let Some(last) = size.0.checked_sub(1) else { return Ok(TreeHead::default()) };
        let root = self.root_after(Position(last))?;
        let root = root.expect("what is durable ends with a whole frame");
        Ok(TreeHead { size, root })
    }
}

/// The tree on disk, up to a size that was durable when it was opened.
pub struct TreeReader {
    reader: Reader,
    size: u64,
    /// How many leaves the tiles can be believed to cover; behind them are the records' headers.
    tiled: u64,
    /// The leaves from `tiled` on, once they were read from headers.
    newest: Option<Vec<Hash>>,
}

impl TreeReader {
    /// Opens the tree.
    pub fn open(reader: &Reader) -> Result<Self, ReadError> {
        let durable = reader.durable()?;
        let size = durable.at.position.0;
        // Tiles are synced when a segment ends. Beside a writer that lives, what they hold is right
        // all the same; after a crash it may not be.
        let tiled = match reader.live_head().is_some() || durable.closed {
            true => size,
            false => reader.segment(durable.segment)?.first_position().0,
        };
        Ok(Self { reader: reader.clone(), size, tiled, newest: None })
    }

    /// How many records the tree has.
    pub fn size(&self) -> Position {
        Position(self.size)
    }

    /// The root over the first `size` records.
    ///
    /// # Panics
    /// When the tree is smaller.
    pub fn root(&mut self, size: Position) -> Result<Hash, ReadError> {
        assert!(size.0 <= self.size, "the tree has {size} records");
        match size.0 {
            0 => Ok(crate::merkle::Frontier::default().root()),
            size => self.range(0, size),
        }
    }

    /// The proof that the tree of the first `old` records is the beginning of that of the first
    /// `new`. Empty when there is nothing to be shown.
    ///
    /// # Panics
    /// When `old` is larger than `new`, or the tree smaller than that.
    pub fn consistency(&mut self, old: Position, new: Position) -> Result<Vec<Hash>, ReadError> {
        assert!(
            old <= new && new.0 <= self.size,
            "the tree has {new} records, and {old} are fewer"
        );
        let mut proof = Vec::new();
        if old.0 == 0 || old == new {
            return Ok(proof);
        }
        // Down to the subtree that ends the old tree, noting what is beside the way.
        let (mut start, mut end) = (0, new.0);
        let mut beside = Vec::new();
        while old.0 < end {
            let split = start + split_size(end - start);
            if old.0 <= split {
                beside.push((split, end));
                end = split;
            } else {
                beside.push((start, split));
                start = split;
            }
        }
        if start > 0 {
            proof.push(self.range(start, end)?);
        }
        for (start, end) in beside.into_iter().rev() {
            proof.push(self.range(start, end)?);
        }
        Ok(proof)
    }

    /// The hashes of complete subtrees of 2^height records, `count` of them from the `first` on.
    ///
    /// # Panics
    /// When the tree does not have them.
    pub fn subtrees(
        &mut self,
        height: u32,
        first: u64,
        count: usize,
    ) -> Result<Vec<Hash>, ReadError> {
        let end = u128::from(first) + count as u128;
        assert!(height < 64 && end << height <= u128::from(self.size), "the tree has the subtrees");
        let mut hashes = Vec::new();
        if height.is_multiple_of(TILE_HEIGHT) {
            let level = (height / TILE_HEIGHT) as usize;
            let tiled = (self.tiled >> height).saturating_sub(first).min(count as u64) as usize;
            hashes = tiles::read_hashes(self.reader.disk().as_ref(), level, first, tiled)?;
        }
        // What the tiles of this level do not hold yet comes from the level below.
        let (first, count) = (first + hashes.len() as u64, count - hashes.len());
        if height == 0 {
            hashes.extend(self.leaves(first, count)?);
        } else {
            let below = height - 1 - (height - 1) % TILE_HEIGHT;
            let each = 1_usize << (height - below);
            let parts = self.subtrees(below, first * each as u64, count * each)?;
            hashes.extend(parts.chunks_exact(each).map(fold));
        }
        Ok(hashes)
    }

    /// The root over the records from `start` to `end`, where a subtree begins at `start`.
    fn range(&mut self, start: u64, end: u64) -> Result<Hash, ReadError> {
        // One complete subtree per binary digit of the length, the largest first.
        let mut subtrees = Vec::new();
        let mut at = start;
        while at < end {
            let height = (end - at).ilog2();
            subtrees.push(self.subtrees(height, at >> height, 1)?[0]);
            at += 1 << height;
        }
        let last = subtrees.pop().expect("a range has at least one record");
        Ok(subtrees.iter().rev().fold(last, |right, left| node_hash(left, &right)))
    }

    /// Leaves made from record headers.
    fn leaves(&mut self, first: u64, count: usize) -> Result<Vec<Hash>, ReadError> {
        if count == 0 || first < self.tiled {
            // Before what the tiles should hold: a level file is missing, and a start makes it anew.
            return self.read_leaves(first, first + count as u64);
        }
        if self.newest.is_none() {
            self.newest = Some(self.read_leaves(self.tiled, self.size)?);
        }
        let newest = self.newest.as_ref().expect("it was read above");
        let from = (first - self.tiled) as usize;
        Ok(newest[from..from + count].to_vec())
    }

    fn read_leaves(&self, first: u64, end: u64) -> Result<Vec<Hash>, ReadError> {
        let mut leaves = Vec::with_capacity((end - first) as usize);
        let mut bytes = Vec::new();
        for record in self.reader.stream(Position(first)).take((end - first) as usize) {
            bytes.clear();
            record?.header.encode(&mut bytes);
            leaves.push(leaf_hash(&bytes));
        }
        assert_eq!(leaves.len() as u64, end - first, "what was durable once is there");
        Ok(leaves)
    }
}

/// Where RFC 6962 splits a tree of `size` leaves: the largest power of two below it.
fn split_size(size: u64) -> u64 {
    assert!(size > 1, "a single leaf is not split");
    1 << (size - 1).ilog2()
}

/// The root of a complete tree.
fn fold(hashes: &[Hash]) -> Hash {
    assert!(hashes.len().is_power_of_two(), "a complete tree has 2^n leaves");
    match hashes {
        [hash] => *hash,
        _ => {
            let (left, right) = hashes.split_at(hashes.len() / 2);
            node_hash(&fold(left), &fold(right))
        }
    }
}
