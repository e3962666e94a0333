// A hash map's order differs from run to run.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

use std::collections::HashMap;

/// Tins were counted.
#[event]
pub struct TinsCounted {
    pub by_label: HashMap<String, u32>,
}

fn main() {}
