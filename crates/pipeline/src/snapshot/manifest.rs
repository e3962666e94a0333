//! The manifest: what a snapshot is of, and the chunks it consists of.
//!
//! The file `snapshots/<position>.snapshot`, little-endian:
//!
//! | bytes | field |
//! |---|---|
//! | 8 | magic `DEEDSSNP` |
//! | 8 | format, 0 |
//! | 8 | length of the body |
//! | … | body: a [`Manifest`] as MessagePack with field names |
//! | 8 | checksum of all before, under a salt of zeros |
//!
//! Nothing else is in the file. A manifest is right for one chronicle, one history up to its
//! position (by the Merkle root), and one code: the hash of the executable. A declared version of
//! the state was rejected: forgetting to raise it would make a wrong state that looks right, and
//! all it saves is one replay for each new executable.

use deeds_chronicle::Hash;
use deeds_chronicle::checksum::checksum;
use deeds_engine::recorded;
use deeds_values::{Bytes, Lineage, Position, Timestamp};
use serde::{Deserialize, Serialize};

use crate::keys::KeyActivation;
use crate::snapshot::chunk::ChunkId;
use crate::snapshot::{SnapshotInfo, Unfit};

const MAGIC: &[u8; 8] = b"DEEDSSNP";
const FORMAT: u64 = 0;
const HEAD_BYTES: usize = 24;
const SUM_BYTES: usize = 8;

/// What a snapshot is of, and where it lies. Not to be shown: it holds the secret.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Manifest {
    pub(crate) app: String,
    pub(crate) lineage: Lineage,
    /// The last record in it, the last one of its frame.
    pub(crate) position: Position,
    /// When that record was made.
    pub(crate) time: Timestamp,
    /// The Merkle root over all records up to there: 32 bytes.
    pub(crate) root: Bytes,
    /// The code that made it.
    pub(crate) made_by: String,
    /// How many UUIDs the duplicate window holds.
    pub(crate) window_commands: u64,
    /// The newest id time that the window ever forgot.
    pub(crate) horizon_ms: Option<u64>,
    /// The secret of the genesis record: 32 bytes.
    pub(crate) secret: Bytes,
    /// The last code record: number and identity.
    pub(crate) code: (u32, String),
    /// The last schema record: number and text.
    pub(crate) schema: (u32, String),
    /// The last key record: what signs checkpoints.
    pub(crate) key: Option<KeyActivation>,
    pub(crate) sections: Vec<Section>,
}

/// The entries of one kind, in chunks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Section {
    pub(crate) name: String,
    pub(crate) chunks: Vec<ChunkReference>,
}

/// A chunk and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ChunkReference {
    pub(crate) id: ChunkId,
    pub(crate) first_key: Bytes,
    pub(crate) rows: u64,
    pub(crate) bytes: u64,
}

/// The names that numbers stand for; the key is a namespace's place and a number.
pub(crate) const NAMES: &str = "names";
/// The UUIDs of the duplicate window, by position.
pub(crate) const UNIQUE: &str = "unique";
/// The last numbers of sources, by actor and source.
pub(crate) const NUMBERED: &str = "numbered";

/// The section of a table.
pub(crate) fn rows_of(table: &str) -> String {
    format!("rows/{table}")
}

impl Manifest {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut body = Vec::new();
        recorded::write(self, &mut body);
        let mut bytes = Vec::with_capacity(HEAD_BYTES + body.len() + SUM_BYTES);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT.to_le_bytes());
        bytes.extend_from_slice(&(body.len() as u64).to_le_bytes());
        bytes.extend_from_slice(&body);
        let sum = checksum(&[0; 16], &bytes);
        bytes.extend_from_slice(&sum.to_le_bytes());
        bytes
    }

    pub(crate) fn decode(file: &str, bytes: &[u8]) -> Result<Self, Unfit> {
        let damaged = |what: &str| Unfit::Damaged { file: file.to_owned(), what: what.to_owned() };
        if bytes.len() < HEAD_BYTES + SUM_BYTES || &bytes[..8] != MAGIC {
            return Err(damaged("it is no manifest"));
        }
        let number = |at: usize| {
            u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes were sliced"))
        };
        let covered = bytes.len() - SUM_BYTES;
        if checksum(&[0; 16], &bytes[..covered]) != number(covered) {
            return Err(damaged("its checksum does not hold"));
        }
        let format = number(8);
        if format != FORMAT {
            return Err(Unfit::Format { format });
        }
        let body = &bytes[HEAD_BYTES..covered];
        if number(16) != body.len() as u64 {
            return Err(damaged("its length is wrong"));
        }
        recorded::read_whole(body).map_err(|error| damaged(&error.to_string()))
    }

    pub(crate) fn root(&self) -> Option<Hash> {
        self.root.0.as_slice().try_into().ok().map(Hash)
    }

    pub(crate) fn secret(&self) -> Option<[u8; 32]> {
        self.secret.0.as_slice().try_into().ok()
    }

    pub(crate) fn section(&self, name: &str) -> Option<&Section> {
        self.sections.iter().find(|section| section.name == name)
    }

    pub(crate) fn chunks(&self) -> impl Iterator<Item = &ChunkReference> {
        self.sections.iter().flat_map(|section| &section.chunks)
    }

    pub(crate) fn info(&self) -> SnapshotInfo {
        let tables = self.sections.iter().filter(|section| section.name.starts_with("rows/"));
        SnapshotInfo {
            position: self.position,
            time: self.time,
            code: self.made_by.clone(),
            rows: tables.map(Section::rows).sum(),
            bytes: self.chunks().map(|chunk| chunk.bytes).sum(),
        }
    }
}

impl Section {
    pub(crate) fn rows(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.rows).sum()
    }
}
