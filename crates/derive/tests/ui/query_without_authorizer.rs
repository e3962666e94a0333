// Nobody says who may ask.

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

/// All shelves.
#[query]
pub struct Shelves;

impl Read<Pantry> for Shelves {
    type Answer = Vec<Shelf>;

    fn read(&self, pantry: &Visible<'_, Pantry>, _: &Asking<'_, Pantry>) -> Vec<Shelf> {
        pantry.shelves.iter().cloned().collect()
    }
}

app! {
    Pantry as "pantry" {
        commands: [],
        events: [],
        queries: [Shelves],
    }
}

fn main() {}
