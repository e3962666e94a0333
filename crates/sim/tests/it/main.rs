//! The simulator itself: that seeds repeat, that plans are kept, that the oracle sees.

#![allow(clippy::unwrap_used, reason = "clippy knows tests by their attribute, not their folder")]

/// Histories by seed, and plans that failed once.
mod histories;

/// The model disk where nothing protects from it.
mod decay;

/// Faults planted in the code under test.
#[cfg(feature = "plant")]
mod planted;
