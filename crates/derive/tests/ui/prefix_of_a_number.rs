// Only text has beginnings.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = number, index(barcode))]
pub struct Tin {
    pub number: u32,
    pub barcode: u64,
}

impl Audience for Tin {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

pub fn tins_from_here(tins: &Table<Tin>) -> usize {
    tins.by_barcode_prefix("400").count()
}

fn main() {}
