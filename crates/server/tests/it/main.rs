//! The server over real sockets, before a host made for the test or a real one.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

// What an app's code calls its one dependency.
extern crate deeds_engine as deeds;

/// A small HTTP client that can say anything, also what no other client would.
mod client;
/// A real app on a real pipeline, on whatever disk.
mod node;
/// A host that replies what a test wants, when it wants it.
mod staged_host;

/// Every reply and error of the host has its status, its type and its members.
mod statuses;

/// Whose tokens are taken: all that can be wrong with one.
mod tokens;

/// What is turned away before anything looks at it: hosts, media types, sizes, addresses.
mod gates;

/// Being asked to stop.
mod signals;

/// Many commands in one body.
mod batches;

/// Queries, records, health, metrics.
mod reading;

/// The page at `/`, and what it needs.
mod front_door;

/// Arbitrary bytes as what clients send; the fuzz target `command` has the same entry.
mod arbitrary;

/// A real app on a real pipeline: hostile arguments change nothing and kill nothing.
mod hostile;

/// A small app to watch: notes for everyone, for their owner, for members.
mod board;

/// A live client that believes nothing: it checks every tick against where it stands.
mod watcher;

/// Live sockets: what is seen, when, by whom.
mod live;

/// docs/protocol.md, held against the server: its tables are read, and every row of them is tried.
mod protocol;

/// Windows: a part of a long list, live, and how long it is.
mod windows;

/// Streams of events, where no sockets get through.
mod streams;

/// Live clients that mean harm: clear errors for them, nothing for the others.
mod hostile_live;

/// What an actor may not see makes no difference to it: two worlds, told the same.
mod noninterference;

/// Arbitrary histories: at every position each client shows what its queries answer there.
mod histories;
