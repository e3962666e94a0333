//! Moments and spans: i64 microseconds, UTC.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A moment: microseconds since 1970-01-01T00:00:00Z. In JSON an integer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A span: microseconds. In JSON an integer.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
    JsonSchema,
)]
#[serde(transparent)]
pub struct Duration(pub i64);
