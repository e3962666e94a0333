//! The integration tests of the macros: what they emit, used as an application uses it. What they
//! refuse is in `tests/ui`, with the compiler's words beside it.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

extern crate deeds_engine as deeds;

/// The state and the one list.
mod apps;
/// The short form: functions.
mod functions;
/// The commonest mistakes, in the compiler's words.
mod mistakes;
/// A small app that uses every macro.
mod pantry;
/// Commands, events and queries: names, forms, personal fields.
mod recorded;
/// Codes, messages and data.
mod refusals;
/// Keys, indexes and references, and their typed reads.
mod rows;
/// Structs, newtypes, enums, ids and roles.
mod values;
