//! System records: what the chronicle says about itself. Their one body, of class text, is
//! MessagePack with field names.

use deeds_chronicle::{
    BodyClass, BodyDraft, CommitmentKind, Outcome, RecordDraft, RecordKind, StoredCommandId,
};
use deeds_engine::recorded::{self, DecodeError};
use deeds_values::{Lineage, Position, Timestamp};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The first record: what this chronicle is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Genesis {
    /// The name of the app it belongs to.
    pub app: String,
    /// 32 random bytes in hexadecimal; randomness in decisions is derived from them, so they are
    /// shown to nobody.
    pub secret: String,
}

/// Definitions of numbers in one namespace, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definitions {
    /// The namespace.
    pub namespace: String,
    /// The number of the first name; the others follow.
    pub first: u32,
    /// The names.
    pub names: Vec<String>,
}

/// The stored types from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchemaActivation {
    /// The schema's number, from 1.
    pub number: u32,
    /// The schema as JSON.
    pub schema: String,
}

/// The code from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CodeActivation {
    /// The code's number, from 1.
    pub number: u32,
    /// What identifies it: a version, or a hash of the executable.
    pub code: String,
}

/// All records before are copies: where they came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Restoration {
    /// The lineage they were copied from.
    pub from: Lineage,
    /// The last one copied.
    pub position: Position,
    /// The Merkle root over all of them, in hexadecimal: here as there.
    pub root: String,
}

/// A system record with this body, ready to be appended.
pub fn draft(
    kind: RecordKind,
    position: Position,
    time: Timestamp,
    body: &impl Serialize,
) -> RecordDraft {
    assert_ne!(kind, RecordKind::Command, "a system record is no command");
    let mut bytes = Vec::new();
    recorded::write(body, &mut bytes);
    // The genesis body holds a secret: a plain hash of it would let a guess be checked.
    let commitment = match kind {
        RecordKind::Genesis => CommitmentKind::Salted,
        _ => CommitmentKind::Plain,
    };
    RecordDraft {
        position,
        time,
        kind,
        outcome: Outcome::None,
        actor: 0,
        credential: 0,
        command_id: StoredCommandId::None,
        cause: None,
        type_number: 0,
        code: 0,
        schema: 0,
        bodies: vec![BodyDraft { class: BodyClass::Text, commitment, bytes }],
    }
}

/// The 32 bytes that 64 hexadecimal digits stand for.
pub(crate) fn bytes_32(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u8> = text
        .as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
        .collect::<Option<_>>()?;
    digits.try_into().ok()
}

/// What the body of class text says, the only one that a system record has.
pub fn body<T: DeserializeOwned>(text: Option<&[u8]>) -> Result<T, DecodeError> {
    let missing = || DecodeError {
        field: String::new(),
        reason: "a system record has a body of class text".to_owned(),
    };
    recorded::read_whole(text.ok_or_else(missing)?)
}
