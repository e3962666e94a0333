//! The integration tests of `deeds`: apps are made, compiled, run and changed as a newcomer would.
//!
//! They are compiled into the target directory of the workspace: what other crates are needed is there.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

/// Made, tested, run, changed under way, broken, mended: one afternoon.
mod afternoon;
/// Names and places that no app can be made of.
mod mistakes;
