// Nobody says who may see the rows.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = name)]
pub struct Shelf {
    pub name: String,
}

fn main() {}
