//! Simulation: a disk that loses, tears, fails and lies on purpose, whole histories on it with the
//! code that ships, and an oracle that knows what clients were promised.
//!
//! The model disk, which crates below the pipeline are tested on, in reading order:
//! - [`model_disk`]: the [`Disk`](deeds_chronicle::Disk) of simulations and crash tests;
//! - [`faults`]: what goes wrong on it, and when;
//! - `inode`: its files and directories;
//! - [`power_loss`]: what a crash leaves of what was not synced;
//! - [`dice`]: numbers that follow from a seed.
//!
//! The simulator, with the feature `whole`:
//! - [`plan`]: all that happens in one history, written down before;
//! - [`larder`]: the app of these histories; `model`: the same as plain arithmetic;
//! - `life`, `clients`, `restart`, `copies`, `damage`: a plan carried out;
//! - [`oracle`], `judge`: what clients know, and the chronicle held against it;
//! - [`simulation`]: many seeds; [`shrink`]: a plan that fails made short;
//! - [`plants`]: faults that the oracle must see; [`tallies`], [`trace`]: what happened.

#![forbid(unsafe_code)]

// The macros of the larder name `::deeds`.
#[cfg(feature = "whole")]
extern crate deeds_engine as deeds;

pub mod dice;
pub mod faults;
mod inode;
pub mod model_disk;
pub mod power_loss;

#[cfg(feature = "whole")]
mod clients;
#[cfg(feature = "whole")]
mod copies;
#[cfg(feature = "whole")]
mod damage;
#[cfg(feature = "whole")]
mod judge;
#[cfg(feature = "whole")]
pub mod larder;
#[cfg(feature = "whole")]
mod life;
#[cfg(feature = "whole")]
mod model;
#[cfg(feature = "whole")]
pub mod oracle;
#[cfg(feature = "whole")]
pub mod plan;
#[cfg(feature = "whole")]
pub mod plants;
#[cfg(feature = "whole")]
mod restart;
#[cfg(feature = "whole")]
pub mod shrink;
#[cfg(feature = "whole")]
pub mod simulation;
#[cfg(feature = "whole")]
pub mod tallies;
#[cfg(feature = "whole")]
pub mod trace;

pub use dice::Dice;
pub use faults::{Faults, Operation};
pub use model_disk::{Cut, ModelDisk};
pub use power_loss::PowerLoss;
