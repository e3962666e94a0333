// A reference holds the other row's key.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = name)]
pub struct Shelf {
    pub name: String,
}

#[row(key = number, index(shelf), references(shelf = Shelf))]
pub struct Tin {
    pub number: u32,
    pub shelf: u32,
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
