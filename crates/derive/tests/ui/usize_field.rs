// The size of a usize depends on the machine.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

/// Tins were counted.
#[event]
pub struct TinsCounted {
    pub count: Option<usize>,
}

fn main() {}
