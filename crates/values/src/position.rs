//! A record's place in the chronicle: dense, 0, 1, 2 …; also its Merkle leaf index.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The dense number of a record. Travels with its [`Lineage`](crate::Lineage) wherever it leaves
/// the process, because positions repeat after a restore and lineages do not.
#[derive(
    Clone,
    Copy,
    Debug,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Position(pub u64);

impl Position {
    /// The position after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add(1).expect("a chronicle has fewer than 2^64 records"))
    }
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
