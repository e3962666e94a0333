//! A segment: a file of frames, and its header.
//!
//! A segment lies in `head/` while it is the last one, with frames whole. Full or closed, it is
//! sealed: frame and record headers to `log/`, bodies blocks to `bodies/`, each file starting with
//! the same header but for its kind. Names: first position with 20 digits, `-`, segment number with
//! 8; so names sort as segments follow each other.
//!
//! Header, little-endian, 136 bytes and 32 for each complete subtree at its start:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 8 | magic `DEEDSSEG` |
//! | 8 | 1 | format, 1 |
//! | 9 | 1 | kind: 1 head, 2 log, 3 bodies |
//! | 10 | 2 | bytes of this header, in every format; its last 8 are its checksum |
//! | 12 | 4 | zero |
//! | 16 | 8 | lineage |
//! | 24 | 8 | segment number, 0, 1, 2 … |
//! | 32 | 8 | first position |
//! | 40 | 8 | index of the first frame |
//! | 48 | 8 | byte at which the last good frame of the previous segment ended, in its head file |
//! | 56 | 32 | hash of the frame before the first, zero if there is none |
//! | 88 | 16 | salt of every checksum in the segment |
//! | 104 | 8 | time of the record before, −2⁶³ if there is none |
//! | 112 | 8, 8 | epoch (term, node) of the frame before, 0 if there is none |
//! | 128 | 32 each | Merkle subtrees over all records before, largest first |
//! | | 8 | checksum of all before, under a salt of zeros |

use deeds_values::{Lineage, Position, Timestamp};

use crate::checksum::{Salt, checksum, holds};
use crate::frame::{Epoch, FORMAT, FrameIndex};
use crate::merkle::{Frontier, Hash};
use crate::record::u64_at;

/// The longest segment header: a tree has at most 64 complete subtrees.
pub const SEGMENT_HEADER_BYTES_MAX: usize = FIXED_BYTES + 64 * 32 + 8;

const SEGMENT_MAGIC: &[u8; 8] = b"DEEDSSEG";
const FIXED_BYTES: usize = 128;
const HEADER_SALT: Salt = [0; 16];
const _: () = assert!(SEGMENT_HEADER_BYTES_MAX <= u16::MAX as usize);

/// Where a segment's name says it stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SegmentName {
    /// The first position.
    pub position: Position,
    /// The segment's number.
    pub number: u64,
}

impl std::fmt::Display for SegmentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:020}-{:08}", self.position.0, self.number)
    }
}

impl SegmentName {
    /// The name a file name spells, if it is a segment's.
    pub fn parse(text: &str) -> Option<Self> {
        let (position, number) = text.split_once('-')?;
        let name =
            Self { position: Position(position.parse().ok()?), number: number.parse().ok()? };
        (name.to_string() == text).then_some(name)
    }
}

/// Which file of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum SegmentKind {
    /// Whole frames.
    Head = 1,
    /// Frame and record headers.
    Log = 2,
    /// Bodies blocks.
    Bodies = 3,
}

impl SegmentKind {
    /// The directory such files lie in.
    pub fn directory(self) -> &'static str {
        match self {
            Self::Head => "head",
            Self::Log => "log",
            Self::Bodies => "bodies",
        }
    }

    /// The path of a segment's file of this kind.
    pub fn path(self, name: SegmentName) -> String {
        format!("{}/{name}", self.directory())
    }
}

/// A segment's header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SegmentHeader {
    /// Which file this is.
    pub kind: SegmentKind,
    /// The chronicle's lineage.
    pub lineage: Lineage,
    /// The segment's number.
    pub number: u64,
    /// The index of its first frame; the frame before is the last good one of the segment before.
    pub first_index: FrameIndex,
    /// Where that one ended in its head file. Bytes behind are dead.
    pub previous_end: u64,
    /// Its hash.
    pub previous_hash: Hash,
    /// The salt of every checksum in the segment.
    pub salt: Salt,
    /// The time of the record before.
    pub time: Option<Timestamp>,
    /// The epoch of the frame before.
    pub epoch: Epoch,
    /// The tree over the records before; its size is the first position.
    pub frontier: Frontier,
}

/// Bytes that are no segment header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SegmentError {
    /// Fewer bytes than the header has.
    #[error("the segment header is cut short")]
    Short,
    /// Other bytes than a segment starts with.
    #[error("no segment starts here")]
    Magic,
    /// The checksum does not hold.
    #[error("the segment header's checksum does not hold")]
    Checksum,
    /// A later format.
    #[error("format {0} is not known here")]
    Format(u8),
    /// The checksum holds, and yet a field cannot be so.
    #[error("the segment header's {0} cannot be so")]
    Field(&'static str),
}

impl SegmentHeader {
    /// The first position.
    pub fn first_position(&self) -> Position {
        Position(self.frontier.size())
    }

    /// The name of the segment's files.
    pub fn name(&self) -> SegmentName {
        SegmentName { position: self.first_position(), number: self.number }
    }

    /// The path of the file that this header starts.
    pub fn path(&self) -> String {
        self.kind.path(self.name())
    }

    /// The bytes of the encoding.
    pub fn encoded_bytes(&self) -> u64 {
        (FIXED_BYTES + self.frontier.subtrees().len() * 32 + 8) as u64
    }

    /// Appends the encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let mut fixed = [0; FIXED_BYTES];
        let length = self.encoded_bytes() as u16;
        fixed[..8].copy_from_slice(SEGMENT_MAGIC);
        fixed[8] = FORMAT;
        fixed[9] = self.kind as u8;
        fixed[10..12].copy_from_slice(&length.to_le_bytes());
        fixed[16..24].copy_from_slice(&self.lineage.0);
        fixed[24..32].copy_from_slice(&self.number.to_le_bytes());
        fixed[32..40].copy_from_slice(&self.frontier.size().to_le_bytes());
        fixed[40..48].copy_from_slice(&self.first_index.0.to_le_bytes());
        fixed[48..56].copy_from_slice(&self.previous_end.to_le_bytes());
        fixed[56..88].copy_from_slice(&self.previous_hash.0);
        fixed[88..104].copy_from_slice(&self.salt);
        let time = self.time.map_or(i64::MIN, |time| time.0);
        fixed[104..112].copy_from_slice(&time.to_le_bytes());
        fixed[112..120].copy_from_slice(&self.epoch.term.to_le_bytes());
        fixed[120..128].copy_from_slice(&self.epoch.node.to_le_bytes());
        let start = out.len();
        out.extend_from_slice(&fixed);
        for subtree in self.frontier.subtrees() {
            out.extend_from_slice(&subtree.0);
        }
        let sum = checksum(&HEADER_SALT, &out[start..]);
        out.extend_from_slice(&sum.to_le_bytes());
        assert_eq!(out.len() - start, usize::from(length), "the header states its own length");
    }

    /// Reads the header at the start of `bytes`.
    pub fn decode(bytes: &[u8]) -> Result<Self, SegmentError> {
        let fixed: &[u8; FIXED_BYTES] = bytes.first_chunk().ok_or(SegmentError::Short)?;
        if &fixed[..8] != SEGMENT_MAGIC {
            return Err(SegmentError::Magic);
        }
        let length = usize::from(u16::from_le_bytes([fixed[10], fixed[11]]));
        if !(FIXED_BYTES + 8..=SEGMENT_HEADER_BYTES_MAX).contains(&length) {
            return Err(SegmentError::Checksum);
        }
        let bytes = bytes.get(..length).ok_or(SegmentError::Short)?;
        let (content, sum) = bytes.split_at(length - 8);
        if !holds(&HEADER_SALT, content, u64_at(sum, 0)) {
            return Err(SegmentError::Checksum);
        }
        if fixed[8] != FORMAT {
            return Err(SegmentError::Format(fixed[8]));
        }
        Self::decode_fields(fixed, &content[FIXED_BYTES..])
    }

    fn decode_fields(fixed: &[u8; FIXED_BYTES], subtrees: &[u8]) -> Result<Self, SegmentError> {
        let (subtrees, rest) = subtrees.as_chunks::<32>();
        if !rest.is_empty() || fixed[12..16] != [0; 4] {
            return Err(SegmentError::Field("length"));
        }
        let subtrees = subtrees.iter().copied().map(Hash).collect();
        let time = u64_at(fixed, 104).cast_signed();
        Ok(Self {
            kind: match fixed[9] {
                1 => SegmentKind::Head,
                2 => SegmentKind::Log,
                3 => SegmentKind::Bodies,
                _ => return Err(SegmentError::Field("kind")),
            },
            lineage: Lineage(fixed[16..24].try_into().expect("8 bytes were sliced")),
            number: u64_at(fixed, 24),
            first_index: FrameIndex(u64_at(fixed, 40)),
            previous_end: u64_at(fixed, 48),
            previous_hash: Hash(fixed[56..88].try_into().expect("32 bytes were sliced")),
            salt: fixed[88..104].try_into().expect("16 bytes were sliced"),
            time: (time != i64::MIN).then_some(Timestamp(time)),
            epoch: Epoch { term: u64_at(fixed, 112), node: u64_at(fixed, 120) },
            frontier: Frontier::from_subtrees(u64_at(fixed, 32), subtrees)
                .ok_or(SegmentError::Field("number of subtrees"))?,
        })
    }
}
