//! Simulation: a disk that loses, tears, fails and lies on purpose, and the same way each time.
//!
//! In reading order:
//! - [`model_disk`]: the [`Disk`](deeds_chronicle::Disk) of simulations and crash tests;
//! - [`power_loss`]: what a crash leaves of what was not synced;
//! - [`dice`]: numbers that follow from a seed.

#![forbid(unsafe_code)]

pub mod dice;
pub mod model_disk;
pub mod power_loss;

pub use dice::Dice;
pub use model_disk::{Faults, ModelDisk};
pub use power_loss::PowerLoss;
