//! A record and its header: the small canonical encoding that is the record's Merkle leaf.
//!
//! Layout, little-endian; 68 bytes and 40 per body, so 148 with the usual two:
//!
//! | at | bytes | field |
//! |---|---|---|
//! | 0 | 1 | layout, 0 |
//! | 1 | 1 | kind |
//! | 2 | 1 | outcome |
//! | 3 | 1 | form of the command id: 0 none, 1 unique, 2 numbered |
//! | 4 | 1 | number of bodies |
//! | 5 | 3 | zero |
//! | 8 | 8 | position |
//! | 16 | 8 | time, i64 microseconds since 1970 |
//! | 24 | 4 × 5 | actor, credential, type, code, schema: interned numbers, 0 for none |
//! | 44 | 16 | command id: UUID; or source u32, number u64, 4 zero; or zero |
//! | 60 | 8 | cause: a lower position, or 2⁶⁴−1 for none |
//! | 68 | 40 each | bodies: class u16, commitment kind u8, zero u8, length u32, commitment 32 |
//!
//! One value has one encoding: bodies ascend strictly by class, unused bytes are zero, and decoding
//! refuses everything else. No free text and no personal data ever stands in a header.

use deeds_values::{Position, Timestamp};
use sha2::{Digest, Sha256};
use smallvec::SmallVec;

use crate::body::{Body, BodyClass, BodyDraft, CommitmentKind};
use crate::merkle::Hash;

/// The bytes of a header before its bodies.
pub const HEADER_FIXED_BYTES: usize = 68;
/// The bytes of one body in a header.
pub const HEADER_BODY_BYTES: usize = 40;
/// The most bodies of one record: one of each class now, and room for personal subjects.
pub const BODIES_MAX: usize = 32;
/// The longest header.
pub const HEADER_BYTES_MAX: usize = HEADER_FIXED_BYTES + BODIES_MAX * HEADER_BODY_BYTES;

const LAYOUT: u8 = 0;
const CAUSE_NONE: u64 = u64::MAX;
// A header with two bodies is what nearly every record has; DESIGN §5 wants it small.
const _: () = assert!(HEADER_FIXED_BYTES + 2 * HEADER_BODY_BYTES <= 160);

/// What a record is; stored as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum RecordKind {
    /// An intent of an actor with what came of it.
    Command = 1,
    /// The first record: what this chronicle is.
    Genesis = 2,
    /// Interns a text under a number, in a namespace.
    Name = 3,
    /// The stored types' names and JSON Schemas.
    Schema = 4,
    /// Code became active.
    Code = 5,
    /// An actor with its roles and claims.
    Actor = 6,
    /// A credential of an actor.
    Credential = 7,
    /// A key.
    Key = 8,
    /// The hash of the whole state at a position.
    StateRoot = 9,
    /// A correction of an earlier record.
    Amendment = 10,
    /// All records before are copies of those of another lineage.
    Restored = 11,
}

impl RecordKind {
    /// The kind of a stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Command,
            2 => Self::Genesis,
            3 => Self::Name,
            4 => Self::Schema,
            5 => Self::Code,
            6 => Self::Actor,
            7 => Self::Credential,
            8 => Self::Key,
            9 => Self::StateRoot,
            10 => Self::Amendment,
            11 => Self::Restored,
            _ => return None,
        })
    }
}

/// What came of a command; stored as its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Outcome {
    /// Not a command.
    None = 0,
    /// Events and an answer.
    Accepted = 1,
    /// The domain's no.
    Refused = 2,
    /// The application's code panicked; the intent stands recorded.
    Bug = 3,
}

impl Outcome {
    /// The outcome of a stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::None,
            1 => Self::Accepted,
            2 => Self::Refused,
            3 => Self::Bug,
            _ => return None,
        })
    }
}

/// A command's identity as stored: the source of a numbered one is interned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StoredCommandId {
    /// A system record.
    None,
    /// A UUIDv7.
    Unique([u8; 16]),
    /// The `number`-th command of a source.
    Numbered {
        /// The interned source.
        source: u32,
        /// Rises strictly within the source.
        number: u64,
    },
}

/// A body as its header knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyHeader {
    /// What the body holds.
    pub class: BodyClass,
    /// How `commitment` was made.
    pub kind: CommitmentKind,
    /// The body's bytes, without salt.
    pub length: u32,
    /// The commitment.
    pub commitment: Hash,
}

/// A record's header: what is hashed into the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordHeader {
    /// The record's place, and its leaf's index.
    pub position: Position,
    /// When it was decided; never less than the record's before.
    pub time: Timestamp,
    /// What the record is.
    pub kind: RecordKind,
    /// What came of it.
    pub outcome: Outcome,
    /// The interned actor, 0 for none.
    pub actor: u32,
    /// The interned credential the actor came with, 0 for none.
    pub credential: u32,
    /// The command's identity.
    pub command_id: StoredCommandId,
    /// The record that caused this one.
    pub cause: Option<Position>,
    /// The interned type of the command (or the namespace, in a system record), 0 for none.
    pub type_number: u32,
    /// The code that decided, 0 for none.
    pub code: u32,
    /// The schema its bodies follow, 0 for none.
    pub schema: u32,
    /// Its bodies, ascending by class.
    pub bodies: SmallVec<[BodyHeader; 2]>,
}

/// A record to be appended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordDraft {
    /// The position the caller counted; [`Writer::append`](crate::Writer::append) asserts it.
    pub position: Position,
    /// When it was decided; never less than the record's before.
    pub time: Timestamp,
    /// What the record is.
    pub kind: RecordKind,
    /// What came of it.
    pub outcome: Outcome,
    /// The interned actor, 0 for none.
    pub actor: u32,
    /// The interned credential, 0 for none.
    pub credential: u32,
    /// The command's identity.
    pub command_id: StoredCommandId,
    /// The record that caused this one.
    pub cause: Option<Position>,
    /// The interned type, 0 for none.
    pub type_number: u32,
    /// The code that decided, 0 for none.
    pub code: u32,
    /// The schema its bodies follow, 0 for none.
    pub schema: u32,
    /// Its bodies, strictly ascending by class.
    pub bodies: Vec<BodyDraft>,
}

impl RecordDraft {
    /// The bytes this record takes in a frame: what a caller sums to stay below
    /// [`FRAME_CONTENT_BYTES_MAX`](crate::frame::FRAME_CONTENT_BYTES_MAX).
    pub fn frame_bytes(&self) -> usize {
        let bodies = self.bodies.iter();
        HEADER_FIXED_BYTES
            + bodies
                .map(|b| HEADER_BODY_BYTES + b.commitment.salt_bytes() + b.bytes.len())
                .sum::<usize>()
    }
}

/// A record read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The header.
    pub header: RecordHeader,
    /// The bodies, in the header's order.
    pub bodies: Vec<Body>,
}

impl Record {
    /// The record's position.
    pub fn position(&self) -> Position {
        self.header.position
    }

    /// The bytes of the body of a class, if the record has one.
    pub fn body(&self, class: BodyClass) -> Option<&[u8]> {
        self.bodies.iter().find(|body| body.class == class).map(|body| body.bytes.as_slice())
    }
}

/// A record read back, lent: its bodies lie where they were read.
#[derive(Clone, Debug)]
pub struct RecordRef<'a> {
    /// The header.
    pub header: RecordHeader,
    /// Salts and bodies, as they are stored.
    stored: &'a [u8],
}

impl<'a> RecordRef<'a> {
    /// The record of a header and what is stored of its bodies.
    pub(crate) fn new(header: RecordHeader, stored: &'a [u8]) -> Result<Self, &'static str> {
        if (stored.len() as u64) < header.stored_body_bytes() {
            return Err("a body is missing in the bodies block");
        }
        Ok(Self { header, stored })
    }

    /// The record's position.
    pub fn position(&self) -> Position {
        self.header.position
    }

    /// The bytes of the body of a class, if the record has one.
    pub fn body(&self, class: BodyClass) -> Option<&'a [u8]> {
        self.bodies().find(|(found, _)| *found == class).map(|(_, bytes)| bytes)
    }

    /// A copy to keep.
    pub fn to_record(&self) -> Record {
        let bodies = self.bodies().map(|(class, bytes)| Body { class, bytes: bytes.to_vec() });
        Record { header: self.header.clone(), bodies: bodies.collect() }
    }

    fn bodies(&self) -> impl Iterator<Item = (BodyClass, &'a [u8])> {
        let mut rest = self.stored;
        self.header.bodies.iter().map(move |body| {
            let (salt, length) = (body.kind.salt_bytes(), body.length as usize);
            let (this, behind) = rest.split_at(salt + length);
            rest = behind;
            (body.class, &this[salt..])
        })
    }
}

/// Bytes that are no record header.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Fewer bytes than a header has.
    #[error("the record header is cut short")]
    Short,
    /// A layout of a later version.
    #[error("record header layout {0} is not known here")]
    Layout(u8),
    /// A number that stands for nothing.
    #[error("the record header's {field} cannot be {number}")]
    Number {
        /// The field.
        field: &'static str,
        /// What it holds.
        number: u64,
    },
    /// A value in other than its one encoding.
    #[error("the record header is not canonical: {0}")]
    NotCanonical(&'static str),
}

impl RecordHeader {
    /// The bytes of this header's encoding.
    pub fn encoded_bytes(&self) -> usize {
        HEADER_FIXED_BYTES + self.bodies.len() * HEADER_BODY_BYTES
    }

    /// The bytes of salts and bodies this header speaks of.
    pub fn stored_body_bytes(&self) -> u64 {
        self.bodies.iter().map(|b| b.kind.salt_bytes() as u64 + u64::from(b.length)).sum()
    }

    /// Appends the one encoding.
    pub fn encode(&self, out: &mut Vec<u8>) {
        assert!(self.bodies.len() <= BODIES_MAX, "a record has at most {BODIES_MAX} bodies");
        assert!(self.bodies.is_sorted_by(|a, b| a.class < b.class), "bodies ascend by class");
        assert!(self.cause.is_none_or(|c| c < self.position), "a cause comes before its record");
        let mut fixed = [0; HEADER_FIXED_BYTES];
        let (form, id) = encode_command_id(self.command_id);
        fixed[0] = LAYOUT;
        fixed[1] = self.kind as u8;
        fixed[2] = self.outcome as u8;
        fixed[3] = form;
        fixed[4] = self.bodies.len() as u8;
        fixed[8..16].copy_from_slice(&self.position.0.to_le_bytes());
        fixed[16..24].copy_from_slice(&self.time.0.to_le_bytes());
        fixed[24..28].copy_from_slice(&self.actor.to_le_bytes());
        fixed[28..32].copy_from_slice(&self.credential.to_le_bytes());
        fixed[32..36].copy_from_slice(&self.type_number.to_le_bytes());
        fixed[36..40].copy_from_slice(&self.code.to_le_bytes());
        fixed[40..44].copy_from_slice(&self.schema.to_le_bytes());
        fixed[44..60].copy_from_slice(&id);
        let cause = self.cause.map_or(CAUSE_NONE, |position| position.0);
        fixed[60..68].copy_from_slice(&cause.to_le_bytes());
        out.extend_from_slice(&fixed);
        for body in &self.bodies {
            out.extend_from_slice(&body.class.number().to_le_bytes());
            out.extend_from_slice(&[body.kind as u8, 0]);
            out.extend_from_slice(&body.length.to_le_bytes());
            out.extend_from_slice(&body.commitment.0);
        }
    }

    /// Reads the header at the start of `bytes`, and how many bytes it takes.
    pub fn decode(bytes: &[u8]) -> Result<(Self, usize), HeaderError> {
        let fixed: &[u8; HEADER_FIXED_BYTES] = bytes.first_chunk().ok_or(HeaderError::Short)?;
        if fixed[0] != LAYOUT {
            return Err(HeaderError::Layout(fixed[0]));
        }
        if fixed[5..8] != [0; 3] {
            return Err(HeaderError::NotCanonical("reserved bytes are not zero"));
        }
        let position = Position(u64_at(fixed, 8));
        let cause = match u64_at(fixed, 60) {
            CAUSE_NONE => None,
            cause if cause < position.0 => Some(Position(cause)),
            number => return Err(HeaderError::Number { field: "cause", number }),
        };
        let number = |field, number: u8| HeaderError::Number { field, number: number.into() };
        let header = Self {
            position,
            time: Timestamp(u64_at(fixed, 16).cast_signed()),
            kind: RecordKind::from_number(fixed[1]).ok_or(number("kind", fixed[1]))?,
            outcome: Outcome::from_number(fixed[2]).ok_or(number("outcome", fixed[2]))?,
            actor: u32_at(fixed, 24),
            credential: u32_at(fixed, 28),
            type_number: u32_at(fixed, 32),
            code: u32_at(fixed, 36),
            schema: u32_at(fixed, 40),
            command_id: decode_command_id(fixed[3], &fixed[44..60])?,
            cause,
            bodies: decode_bodies(usize::from(fixed[4]), &bytes[HEADER_FIXED_BYTES..])?,
        };
        let length = header.encoded_bytes();
        Ok((header, length))
    }
}

/// The Merkle leaf of a header's encoding.
pub fn leaf_hash(header: &[u8]) -> Hash {
    Hash(Sha256::new().chain_update([0x00]).chain_update(header).finalize().into())
}

fn encode_command_id(id: StoredCommandId) -> (u8, [u8; 16]) {
    match id {
        StoredCommandId::None => (0, [0; 16]),
        StoredCommandId::Unique(uuid) => (1, uuid),
        StoredCommandId::Numbered { source, number } => {
            let mut bytes = [0; 16];
            bytes[..4].copy_from_slice(&source.to_le_bytes());
            bytes[4..12].copy_from_slice(&number.to_le_bytes());
            (2, bytes)
        }
    }
}

fn decode_command_id(form: u8, bytes: &[u8]) -> Result<StoredCommandId, HeaderError> {
    let bytes: [u8; 16] = bytes.try_into().expect("the command id field has 16 bytes");
    match form {
        0 if bytes == [0; 16] => Ok(StoredCommandId::None),
        0 => Err(HeaderError::NotCanonical("a command id where its form says none")),
        1 => Ok(StoredCommandId::Unique(bytes)),
        2 if bytes[12..] != [0; 4] => Err(HeaderError::NotCanonical("bytes behind a numbered id")),
        2 => Ok(StoredCommandId::Numbered { source: u32_at(&bytes, 0), number: u64_at(&bytes, 4) }),
        _ => Err(HeaderError::Number { field: "form of command id", number: form.into() }),
    }
}

fn decode_bodies(count: usize, bytes: &[u8]) -> Result<SmallVec<[BodyHeader; 2]>, HeaderError> {
    if count > BODIES_MAX {
        return Err(HeaderError::Number { field: "number of bodies", number: count as u64 });
    }
    let bytes = bytes.get(..count * HEADER_BODY_BYTES).ok_or(HeaderError::Short)?;
    let mut bodies = SmallVec::with_capacity(count);
    let mut class_before = 0;
    for entry in bytes.as_chunks::<HEADER_BODY_BYTES>().0 {
        let class = u16::from_le_bytes([entry[0], entry[1]]);
        if class <= class_before {
            return Err(HeaderError::NotCanonical("bodies do not ascend by class"));
        }
        if entry[3] != 0 {
            return Err(HeaderError::NotCanonical("reserved bytes are not zero"));
        }
        class_before = class;
        bodies.push(BodyHeader {
            class: BodyClass::from_number(class)
                .ok_or(HeaderError::Number { field: "body class", number: class.into() })?,
            kind: CommitmentKind::from_number(entry[2])
                .ok_or(HeaderError::Number { field: "commitment kind", number: entry[2].into() })?,
            length: u32_at(entry, 4),
            commitment: Hash(entry[8..].try_into().expect("an entry ends with 32 bytes of hash")),
        });
    }
    Ok(bodies)
}

/// The u64 at a byte offset that is known to be inside.
pub(crate) fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes were sliced"))
}

/// The u32 at a byte offset that is known to be inside.
pub(crate) fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes were sliced"))
}
