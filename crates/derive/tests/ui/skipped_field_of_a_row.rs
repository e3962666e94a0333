// A restart from a snapshot would lose what serde skips.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = name)]
pub struct Neighbor {
    pub name: String,
    #[serde(default, skip)]
    pub visits: u32,
}

fn main() {}
