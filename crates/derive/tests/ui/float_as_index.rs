// Floats have no order that all machines agree on.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = number, index(weight))]
pub struct Tin {
    pub number: u32,
    pub weight: f64,
}

impl Audience for Tin {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

fn main() {}
