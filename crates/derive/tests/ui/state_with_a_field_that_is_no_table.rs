// A state holds tables only.

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
    pub opened: bool,
}

impl Members for Pantry {
    fn roles(&self, _: &ActorId) -> Roles {
        Roles::none()
    }

    fn keys(&self, _: &Actor) -> Keys {
        Keys::none()
    }
}

fn main() {}
