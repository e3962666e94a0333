//! The integration tests of the value types.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

/// Every value type is the same text in JSON and in MessagePack, and says what it expected.
mod encodings;
/// Command ids, actor ids, lineages.
mod identities;
/// Bytes of keys sort as the values do, and none is a prefix of another.
mod keys;
/// Moments, spans and days.
mod moments;
/// Decimal numbers and money.
mod numbers;
