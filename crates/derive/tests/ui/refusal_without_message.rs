// A person who is refused is told why.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[refusal]
pub enum ShelfRefusal {
    /// There is a shelf of that name.
    NameTaken,
    NoRoom { most: u32 },
}

fn main() {}
