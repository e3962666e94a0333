// The command is listed, but nothing decides it.

extern crate deeds_engine as deeds;

use deeds::prelude::*;

#[row(key = name)]
pub struct Shelf {
    pub name: String,
}

impl Audience for Shelf {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

#[state]
pub struct Pantry {
    pub shelves: Table<Shelf>,
}

impl Members for Pantry {
    fn roles(&self, _: &ActorId) -> Roles {
        Roles::none()
    }

    fn keys(&self, _: &Actor) -> Keys {
        Keys::none()
    }
}

/// Put a shelf up.
#[command]
pub struct PutUpShelf {
    pub name: String,
}

app! {
    Pantry as "pantry" {
        commands: [PutUpShelf],
        events: [],
    }
}

fn main() {}
