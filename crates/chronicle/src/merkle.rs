//! The RFC 6962 tree over record headers: leaf i is the header of position i, nodes are SHA-256.
//!
//! Only the right edge is kept in memory: one hash per complete subtree, at most 64, from the
//! largest to the smallest. A push merges equal neighbours, so it costs one node hash on average.

use std::fmt;

use sha2::{Digest, Sha256};

/// 32 bytes of SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Hash(pub [u8; 32]);

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hash({self})")
    }
}

/// The hash of an inner node.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut bytes = [0; 65];
    bytes[0] = 0x01;
    bytes[1..33].copy_from_slice(&left.0);
    bytes[33..].copy_from_slice(&right.0);
    Hash(Sha256::digest(bytes).into())
}

/// The right edge of the tree: enough to grow it and to state its root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// The complete subtrees, largest first; their sizes are the binary digits of `size`.
    subtrees: Vec<Hash>,
}

impl Frontier {
    /// The edge with these subtrees, largest first; `None` if their number does not fit the size.
    pub fn from_subtrees(size: u64, subtrees: Vec<Hash>) -> Option<Self> {
        (subtrees.len() == size.count_ones() as usize).then_some(Self { size, subtrees })
    }

    /// The number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The complete subtrees, largest first.
    pub fn subtrees(&self) -> &[Hash] {
        &self.subtrees
    }

    /// Adds a leaf. `completed` hears of every subtree that becomes complete, the leaf itself
    /// first: its height and its hash.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(u32, Hash)) {
        let mut hash = leaf;
        completed(0, hash);
        // Each trailing one of the size is a subtree that this leaf completes to double size.
        for height in 1..=self.size.trailing_ones() {
            let left = self.subtrees.pop().expect("each binary one has its subtree");
            hash = node_hash(&left, &hash);
            completed(height, hash);
        }
        self.subtrees.push(hash);
        self.size += 1;
        assert_eq!(self.subtrees.len(), self.size.count_ones() as usize, "one subtree per digit");
    }

    /// The root; of the empty tree the hash of nothing.
    pub fn root(&self) -> Hash {
        let mut rising = self.subtrees.iter().rev();
        let Some(&smallest) = rising.next() else { return Hash(Sha256::digest([]).into()) };
        rising.fold(smallest, |right, left| node_hash(left, &right))
    }
}
