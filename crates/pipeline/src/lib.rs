//! The life of a command: from the queue to the answer. [`mod@pipeline`] is the one place to read it
//! from top to bottom.
//!
//! In reading order:
//! - [`reply`]: what goes in and what comes out;
//! - [`queue`]: the bounded queue before the engine, fair between actors;
//! - [`mod@pipeline`]: decide into a frame; append it; publish and answer. Synchronous, no threads;
//! - [`names`], [`system`]: the numbers that stand for names, and the records that define them;
//! - [`opening`]: founding a chronicle, or replaying one into an engine: `bookkeeping`, `replay`,
//!   `freezing`;
//! - [`keys`]: what checkpoints are signed with, and the signing;
//! - [`room`]: what is left on the disk, and commands that are refused for it;
//! - [`chores`]: what is done on the side: dropping old atoms, splitting full segments;
//! - [`node`]: the thin shell of threads and clocks around it; `inbox`: what callers share with it, `turns`:
//!   what its threads do;
//! - [`snapshot`], [`held`]: quick restarts, and what old atoms are still held;
//! - [`host`], [`entry`]: a running app without its type, and records as people read them;
//! - [`report`], [`counters`]: what operators are told;
//! - [`refold`]: proving that the state is what the records say.

#![forbid(unsafe_code)]

mod bookkeeping;
pub mod chores;
pub mod counters;
pub mod entry;
mod freezing;
pub mod held;
pub mod host;
mod inbox;
pub mod keys;
pub mod names;
pub mod node;
pub mod opening;
pub mod pipeline;
#[cfg(feature = "plant")]
pub mod plant;
pub mod queue;
pub mod refold;
mod replay;
pub mod reply;
pub mod report;
pub mod room;
pub mod snapshot;
pub mod system;
mod turns;
