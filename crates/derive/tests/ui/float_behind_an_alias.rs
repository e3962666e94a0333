// What the macro cannot see, the compiler finds.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

type Kilograms = f64;

/// A tin was weighed.
#[event]
pub struct TinWeighed {
    pub weight: Option<Kilograms>,
}

fn main() {}
