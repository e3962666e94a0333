//! The chronicle's tests, one binary.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their folder")]

// Appending, reading, locking, guard file: on both disks.
mod append;
// Arbitrary bytes: what `codecs` and the fuzz targets share.
mod arbitrary;
// Archives, fences, restores.
mod backups;
// Crashes of backups and of what they copy: on the model disk.
mod backup_crashes;
// Signed checkpoints: their form, the proofs between them, and rewritten histories.
mod checkpoints;
// Crashes at every operation, and failing ones: on the model disk.
mod crashes;
// Encodings: round trips, and arbitrary bytes.
mod codecs;
// Every flipped bit and every cut: on the model disk.
mod damage;
// What a disk promises, the real one and the model; what the model takes back.
mod disks;
// Chronicles of every released format, opened for ever.
mod golden;
// What the tests write and expect.
mod histories;
// Faults planted on purpose: that the tests above would notice them.
mod planted;
// The tree against RFC 6962, word for word; the tiles.
mod tree;
// Well-formed and untrue.
mod untrue;
