// A message fills in fields of its variant.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[refusal]
pub enum ShelfRefusal {
    /// No more than {max} shelves fit.
    NoRoom { most: u32, there: u32 },
}

fn main() {}
