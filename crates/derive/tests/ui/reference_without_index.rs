// A reference needs an index, to be found from the other side.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = name)]
pub struct Shelf {
    pub name: String,
}

#[row(key = number, references(shelf = Shelf))]
pub struct Tin {
    pub number: u32,
    pub shelf: String,
}

impl Audience for Shelf {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

impl Audience for Tin {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

fn main() {}
