// Sums of floats depend on their order.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

/// A tin was weighed.
#[event]
pub struct TinWeighed {
    pub kilograms: f64,
}

fn main() {}
