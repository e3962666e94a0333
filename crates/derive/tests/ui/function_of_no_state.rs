// A command that looks at no state, and an event that answers.

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

#[command(by = anyone)]
fn put_up_shelf(name: String) -> Result<(), Never> {
    Ok(())
}

#[event]
fn shelf_put_up(pantry: &mut Pantry, name: String) -> bool {
    true
}

fn main() {}
