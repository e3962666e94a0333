// Rows are made from events; what is personal is said there.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = name)]
pub struct Neighbor {
    pub name: String,
    #[personal]
    pub phone: String,
}

fn main() {}
