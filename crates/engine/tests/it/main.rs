//! The integration tests of the engine, on a small shop. Duplicates, clocks and everything durable
//! are tested in the pipeline, where they meet; what the macros emit, in `crates/derive`.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

extern crate deeds_engine as deeds;

/// Arguments from outside, hostile ones too.
mod arguments;
/// One decision: what it sees, what it answers, what a refusal or a bug takes back.
mod decisions;
/// Histories at random: live, folded and replayed states are the same.
mod histories;
/// Live reading: change lists against reading anew, over histories at random.
mod live;
/// Queries: who may ask, which rows they see, what the answer must not hold.
mod queries;
/// The schema and its lock.
mod schemas;
/// A shop: products, customers who order them, and a command for every way to misbehave.
mod shop;
/// Tables at random, against a plain map.
mod tables;
/// Windows over histories at random: what is told of them is a part of what all of it is.
mod windows;
