//! Simulation: a disk that loses, tears, fails and lies on purpose, and the same way each time.
//!
//! In reading order:
//! - [`model_disk`]: the [`Disk`](deeds_chronicle::Disk) of simulations and crash tests;
//! - [`faults`]: what goes wrong on it, and when;
//! - `inode`: its files and directories;
//! - [`power_loss`]: what a crash leaves of what was not synced;
//! - [`dice`]: numbers that follow from a seed.

#![forbid(unsafe_code)]

pub mod dice;
pub mod faults;
mod inode;
pub mod model_disk;
pub mod power_loss;

pub use dice::Dice;
pub use faults::{Faults, Operation};
pub use model_disk::{Cut, ModelDisk};
pub use power_loss::PowerLoss;
