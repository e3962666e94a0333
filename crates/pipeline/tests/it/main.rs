//! The pipeline as its users meet it: whole histories on the model disk, with and without threads.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their folder")]

// The macros' output names `::deeds`.
extern crate deeds_engine as deeds;

/// A small app to run histories on.
#[allow(unreachable_pub, reason = "an app's types are public wherever it stands")]
mod shelf;

/// What one client knows, and how it is held against the chronicle.
mod client;

/// Histories of commands, cut off at every step of the disk.
mod crash_histories;

/// What each reply means and when it may leave.
mod replies;

/// Opening: another app's chronicle, code that cannot read it, new code.
mod opening;

/// Long replays, read ahead on a thread.
mod replay;

/// Snapshots: a restart from one is a restart from the records.
mod snapshots;

/// Snapshots that must not be used, byte by byte.
mod snapshot_damage;

/// Snapshots on a disk that crashes, fails or is full.
mod snapshot_crashes;

/// Snapshots along with backups and restores.
mod archived_snapshots;

/// Checkpoints: what is signed, with which keys, and when nothing is.
mod checkpoints;

/// The shell of threads.
mod node;
