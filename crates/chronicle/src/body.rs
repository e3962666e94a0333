//! A record's bodies: the text that its header only commits to, so that it can be moved, packed or
//! erased while the header, the tree and the chain stay true.
//!
//! Commitments (SHA-256, class as u16 little-endian):
//!
//! | kind | bytes hashed |
//! |---|---|
//! | plain | `"deeds-p0"`, class, body |
//! | salted | `"deeds-s0"`, class, 16 bytes of salt, body |
//!
//! The salt lies beside the body, not in the header: with both erased nothing can be guessed from
//! the commitment.

use sha2::{Digest, Sha256};

use crate::merkle::Hash;

/// The bytes of salt before a salted body.
pub const SALT_BYTES: usize = 16;

/// What a body holds; stored as its number. Numbers from 16 on are kept for one class per personal
/// subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum BodyClass {
    /// A command's arguments.
    Arguments = 1,
    /// What came of it: events and answer, or the refusal.
    Outcome = 2,
    /// The arguments' fields marked personal.
    PersonalArguments = 3,
    /// The outcome's fields marked personal.
    PersonalOutcome = 4,
    /// The text of a system record.
    Text = 5,
}

impl BodyClass {
    /// The class of a stored number.
    pub fn from_number(number: u16) -> Option<Self> {
        Some(match number {
            1 => Self::Arguments,
            2 => Self::Outcome,
            3 => Self::PersonalArguments,
            4 => Self::PersonalOutcome,
            5 => Self::Text,
            _ => return None,
        })
    }

    /// The stored number.
    pub fn number(self) -> u16 {
        self as u16
    }
}

/// How a header commits to a body; stored as its number. 3 is kept for ciphertext.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum CommitmentKind {
    /// The hash of the body.
    Plain = 1,
    /// The hash of a salt and the body: for personal data, whose plain hash could be guessed.
    Salted = 2,
}

impl CommitmentKind {
    /// The kind of a stored number.
    pub fn from_number(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::Plain,
            2 => Self::Salted,
            _ => return None,
        })
    }

    /// The bytes that lie before the body in the bodies block.
    pub fn salt_bytes(self) -> usize {
        match self {
            Self::Plain => 0,
            Self::Salted => SALT_BYTES,
        }
    }
}

/// A body to be appended. A salted one gets its salt from the writer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BodyDraft {
    /// What it holds. The bodies of a record are in ascending order of class.
    pub class: BodyClass,
    /// How the header commits to it.
    pub commitment: CommitmentKind,
    /// The bytes.
    pub bytes: Vec<u8>,
}

/// A body read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    /// What it holds.
    pub class: BodyClass,
    /// The bytes, without salt.
    pub bytes: Vec<u8>,
}

/// The commitment to a body, `stored` being its salt, if any, followed by its bytes: as they lie
/// on disk.
pub fn commitment(kind: CommitmentKind, class: BodyClass, stored: &[u8]) -> Hash {
    let tag: &[u8; 8] = match kind {
        CommitmentKind::Plain => b"deeds-p0",
        CommitmentKind::Salted => b"deeds-s0",
    };
    assert!(stored.len() >= kind.salt_bytes(), "a salted body is stored behind its salt");
    let mut hasher = Sha256::new();
    hasher.update(tag);
    hasher.update(class.number().to_le_bytes());
    hasher.update(stored);
    Hash(hasher.finalize().into())
}
