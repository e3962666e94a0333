// Nobody says who may send the command, in its short form.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = name, audience = everyone)]
pub struct Shelf {
    pub name: String,
}

#[state]
pub struct Pantry {
    pub shelves: Table<Shelf>,
}

impl Members for Pantry {}

#[command]
fn put_up_shelf(_: &mut Deciding<'_, Pantry>, name: String) -> Result<(), Never> {
    Ok(())
}

fn main() {}
