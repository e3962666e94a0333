//! A frame: one group commit on disk, and its bytes.
//!
//! In a head segment: frame header, record headers, bodies block. In a sealed one the first two
//! stand in `log/` and the block in `bodies/`. Frame header, little-endian, 152 bytes:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `DEEDSFRM` |
//! | 8 | 1 | format, 1 |
//! | 9 | 1 | kind: 1 records, 2 replicated control, 3 node-local |
//! | 10 | 1 | what a control or local frame says, 0 for records |
//! | 11 | 1 | zero |
//! | 12 | 4 | count of records |
//! | 16 | 8 | lineage |
//! | 24 | 8, 8 | epoch: term, node |
//! | 40 | 8 | index |
//! | 48 | 8 | first position: of the first record, or the next one to come |
//! | 56 | 8 | `durable_through`: the last frame known synced when this was written, 0 for none |
//! | 64 | 4 | bytes of record headers |
//! | 68 | 4 | bytes of salts and bodies |
//! | 72 | 32 | hash of the previous frame, zero before the first |
//! | 104 | 32 | Merkle root over all records up to here |
//! | 136 | 8 | checksum of the record headers |
//! | 144 | 8 | checksum of the 144 bytes before |
//!
//! Bodies block: magic `DEEDSBDY`, index u64, bytes u32, encoding u8 (0: as they are), 3 zero; then
//! for each record in order and each of its bodies salt (if salted) and body; then the checksum of
//! all of the block before it. Absent when there are no bodies.
//!
//! The hash of a frame is SHA-256 of `"deeds-f1"`, frame header and record headers: not of the
//! bodies, which may be packed, moved or erased one day. The headers commit to them.

use std::fmt;

use deeds_values::{Lineage, Position};
use sha2::{Digest, Sha256};

use crate::checksum::{Salt, checksum, holds};
use crate::merkle::Hash;
use crate::record::{u32_at, u64_at};

/// The longest frame: what one fsync may make people wait for, and a reader must hold at once.
pub const FRAME_BYTES_MAX: usize = 4 << 20;
/// The most bytes of records in a frame ([`RecordDraft::frame_bytes`](crate::RecordDraft::frame_bytes)).
pub const FRAME_CONTENT_BYTES_MAX: usize =
    FRAME_BYTES_MAX - FRAME_HEADER_BYTES - BLOCK_OVERHEAD_BYTES;
/// The bytes of a frame header.
pub const FRAME_HEADER_BYTES: usize = 152;
/// What every frame header starts with.
pub const FRAME_MAGIC: &[u8; 8] = b"DEEDSFRM";
/// The bytes of a bodies block before the bodies.
pub const BLOCK_HEADER_BYTES: usize = 24;
/// The bytes of a bodies block besides the bodies.
pub const BLOCK_OVERHEAD_BYTES: usize = BLOCK_HEADER_BYTES + 8;
/// The format this code writes and reads. It is frozen: `docs/format.md` says what may change (nothing),
/// and how another one would come.
pub const FORMAT: u8 = 1;

const BLOCK_MAGIC: &[u8; 8] = b"DEEDSBDY";

/// The number of a replicated frame: 1, 2, 3 …; 0 stands for "no frame".
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FrameIndex(pub u64);

impl FrameIndex {
    /// The index after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl fmt::Display for FrameIndex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Who may append, and since which opening.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Epoch {
    /// Rises with every opening for writing.
    pub term: u64,
    /// The node that opened it.
    pub node: u64,
}

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FrameKind {
    /// Records, each with a position.
    Records,
    /// Replicated, in the chain, without a position: an epoch began. (2 is kept for membership, 3
    /// for blank.)
    EpochOpened,
    /// Of this node alone, outside the chain, with the index and hash of the frame before it: the
    /// writer closed the chronicle. (2 is kept for vote, 3 for commit, 4 for truncation.)
    CleanClose,
}

impl FrameKind {
    fn numbers(self) -> (u8, u8) {
        match self {
            Self::Records => (1, 0),
            Self::EpochOpened => (2, 1),
            Self::CleanClose => (3, 1),
        }
    }

    fn from_numbers(numbers: (u8, u8)) -> Option<Self> {
        Some(match numbers {
            (1, 0) => Self::Records,
            (2, 1) => Self::EpochOpened,
            (3, 1) => Self::CleanClose,
            _ => return None,
        })
    }

    /// Whether the frame is outside the chain.
    pub fn is_local(self) -> bool {
        self == Self::CleanClose
    }
}

/// A frame's header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameHeader {
    /// What the frame holds.
    pub kind: FrameKind,
    /// The number of records.
    pub count: u32,
    /// The chronicle's lineage.
    pub lineage: Lineage,
    /// The epoch it was written in.
    pub epoch: Epoch,
    /// Its number; of a local frame, the number of the frame before it.
    pub index: FrameIndex,
    /// The position of its first record, or the next one to come.
    pub first_position: Position,
    /// The last frame known synced when this one was written.
    pub durable_through: FrameIndex,
    /// Bytes of record headers.
    pub headers_bytes: u32,
    /// Bytes of salts and bodies, as appended.
    pub bodies_bytes: u32,
    /// The hash of the frame before it.
    pub previous: Hash,
    /// The Merkle root over all records up to and with this frame.
    pub root: Hash,
    /// The checksum of the record headers.
    pub headers_checksum: u64,
}

/// Bytes that are no frame header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// Fewer bytes than a header has.
    #[error("the frame header is cut short")]
    Short,
    /// Other bytes than a frame starts with.
    #[error("no frame starts here")]
    Magic,
    /// The checksum does not hold.
    #[error("the frame header's checksum does not hold")]
    Checksum,
    /// A number that stands for nothing here.
    #[error("the frame header's {field} cannot be {number}")]
    Number {
        /// The field.
        field: &'static str,
        /// What it holds.
        number: u64,
    },
}

impl FrameHeader {
    /// The bytes of frame header and record headers: what `log/` keeps.
    pub fn log_bytes(&self) -> u64 {
        FRAME_HEADER_BYTES as u64 + u64::from(self.headers_bytes)
    }

    /// The bytes of the bodies block: what `bodies/` keeps.
    pub fn block_bytes(&self) -> u64 {
        match self.bodies_bytes {
            0 => 0,
            bytes => BLOCK_OVERHEAD_BYTES as u64 + u64::from(bytes),
        }
    }

    /// The encoding, with its checksum under the segment's salt.
    pub fn encode(&self, salt: &Salt) -> [u8; FRAME_HEADER_BYTES] {
        let mut bytes = [0; FRAME_HEADER_BYTES];
        let (kind, says) = self.kind.numbers();
        bytes[..8].copy_from_slice(FRAME_MAGIC);
        bytes[8..12].copy_from_slice(&[FORMAT, kind, says, 0]);
        bytes[12..16].copy_from_slice(&self.count.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.lineage.0);
        bytes[24..32].copy_from_slice(&self.epoch.term.to_le_bytes());
        bytes[32..40].copy_from_slice(&self.epoch.node.to_le_bytes());
        bytes[40..48].copy_from_slice(&self.index.0.to_le_bytes());
        bytes[48..56].copy_from_slice(&self.first_position.0.to_le_bytes());
        bytes[56..64].copy_from_slice(&self.durable_through.0.to_le_bytes());
        bytes[64..68].copy_from_slice(&self.headers_bytes.to_le_bytes());
        bytes[68..72].copy_from_slice(&self.bodies_bytes.to_le_bytes());
        bytes[72..104].copy_from_slice(&self.previous.0);
        bytes[104..136].copy_from_slice(&self.root.0);
        bytes[136..144].copy_from_slice(&self.headers_checksum.to_le_bytes());
        let sum = checksum(salt, &bytes[..144]);
        bytes[144..].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads the header at the start of `bytes`.
    pub fn decode(bytes: &[u8], salt: &Salt) -> Result<Self, FrameError> {
        let bytes: &[u8; FRAME_HEADER_BYTES] = bytes.first_chunk().ok_or(FrameError::Short)?;
        if &bytes[..8] != FRAME_MAGIC {
            return Err(FrameError::Magic);
        }
        if !holds(salt, &bytes[..144], u64_at(bytes, 144)) {
            return Err(FrameError::Checksum);
        }
        Self::decode_fields(bytes)
    }

    /// Reads the fields, whatever the checksum says. For [`decode`](Self::decode), and for tests
    /// that have no valid checksum to offer.
    pub fn decode_fields(bytes: &[u8; FRAME_HEADER_BYTES]) -> Result<Self, FrameError> {
        let number = |field, number: u64| Err(FrameError::Number { field, number });
        if bytes[8] != FORMAT {
            return number("format", bytes[8].into());
        }
        let Some(kind) = FrameKind::from_numbers((bytes[9], bytes[10])) else {
            return number("kind", u16::from_le_bytes([bytes[9], bytes[10]]).into());
        };
        if bytes[11] != 0 {
            return number("reserved byte", bytes[11].into());
        }
        let hash_at = |at: usize| {
            Hash(bytes[at..at + 32].try_into().expect("32 bytes were sliced from the header"))
        };
        let header = Self {
            kind,
            count: u32_at(bytes, 12),
            lineage: Lineage(bytes[16..24].try_into().expect("8 bytes were sliced")),
            epoch: Epoch { term: u64_at(bytes, 24), node: u64_at(bytes, 32) },
            index: FrameIndex(u64_at(bytes, 40)),
            first_position: Position(u64_at(bytes, 48)),
            durable_through: FrameIndex(u64_at(bytes, 56)),
            headers_bytes: u32_at(bytes, 64),
            bodies_bytes: u32_at(bytes, 68),
            previous: hash_at(72),
            root: hash_at(104),
            headers_checksum: u64_at(bytes, 136),
        };
        let content = u64::from(header.headers_bytes) + u64::from(header.bodies_bytes);
        match kind {
            FrameKind::Records if header.count == 0 => number("count", 0),
            FrameKind::Records if content > FRAME_CONTENT_BYTES_MAX as u64 => {
                number("length", content)
            }
            FrameKind::Records => Ok(header),
            FrameKind::EpochOpened | FrameKind::CleanClose if header.count != 0 => {
                number("count", header.count.into())
            }
            FrameKind::EpochOpened | FrameKind::CleanClose if content != 0 => {
                number("length", content)
            }
            FrameKind::EpochOpened | FrameKind::CleanClose => Ok(header),
        }
    }
}

/// The hash of a frame: of its header's encoding and its record headers.
pub fn frame_hash(header: &[u8; FRAME_HEADER_BYTES], record_headers: &[u8]) -> Hash {
    let hasher = Sha256::new().chain_update(b"deeds-f1").chain_update(header);
    Hash(hasher.chain_update(record_headers).finalize().into())
}

/// Appends the bodies block of a frame, unless there are no bodies.
pub fn encode_block(out: &mut Vec<u8>, index: FrameIndex, bodies: &[u8], salt: &Salt) {
    if bodies.is_empty() {
        return;
    }
    let length = u32::try_from(bodies.len()).expect("a frame is shorter than 4 MiB");
    let start = out.len();
    out.extend_from_slice(BLOCK_MAGIC);
    out.extend_from_slice(&index.0.to_le_bytes());
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&[0; 4]);
    out.extend_from_slice(bodies);
    let sum = checksum(salt, &out[start..]);
    out.extend_from_slice(&sum.to_le_bytes());
}

/// The salts and bodies of a whole bodies block, or what is wrong with it.
pub fn decode_block<'a>(
    block: &'a [u8],
    header: &FrameHeader,
    salt: &Salt,
) -> Result<&'a [u8], &'static str> {
    if block.len() as u64 != header.block_bytes() {
        return Err("the bodies block is cut short");
    }
    if block.is_empty() {
        return Ok(block);
    }
    let (content, sum) = block.split_at(block.len() - 8);
    if !holds(salt, content, u64_at(sum, 0)) {
        return Err("the bodies block's checksum does not hold");
    }
    let (start, bodies) = content.split_at(BLOCK_HEADER_BYTES);
    if &start[..8] != BLOCK_MAGIC || u64_at(start, 8) != header.index.0 {
        return Err("the bodies block belongs to another frame");
    }
    if u32_at(start, 16) != header.bodies_bytes || start[20..24] != [0; 4] {
        return Err("the bodies block is of another length or encoding");
    }
    Ok(bodies)
}
