//! The chronicle's tests, one binary.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

// Appending, reading, locking, guard file: on the real disk.
mod append;
// Archives, fences, restores; crashes of backups: on the model disk.
mod backups;
// Signed checkpoints: their form, the proofs between them, and rewritten histories.
mod checkpoints;
// Crashes at every operation, and failing ones: on the model disk.
mod crashes;
// Encodings: round trips, and arbitrary bytes.
mod codecs;
// Every flipped bit and every cut: on the model disk.
mod damage;
// The bytes of format 0.
mod golden;
// What the tests write and expect.
mod histories;
// The tree against RFC 6962, word for word; the tiles.
mod tree;
