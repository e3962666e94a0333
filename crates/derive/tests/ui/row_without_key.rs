// A row has a key.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(index(name))]
pub struct Shelf {
    pub name: String,
}

fn main() {}
