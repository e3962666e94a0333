//! The client alone, and before a real server.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

// What an app's code calls its one dependency.
extern crate deeds_engine as deeds;

/// The connection alone: its table, line by line, and what holds whatever happens.
mod connection;

/// The board of notes that the server's own tests watch.
#[allow(dead_code, reason = "the server's tests start it in a way of their own")]
#[path = "../../../server/tests/it/board.rs"]
mod board;

/// A real app on a real pipeline, on whatever disk.
#[path = "../../../server/tests/it/node.rs"]
mod node;

/// The board as plain maps: what everybody may see at every position of a chronicle.
mod history;

/// A server before the board, which is stopped and started again, or replaced.
mod place;

/// A client on a link that the test holds in its hands.
mod native;

/// The client as programs use it, before a real server.
mod shell;

/// Any schedule: what clients show is what they may see, at every position they show.
mod schedules;
