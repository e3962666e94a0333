// A name stands for one thing, whatever module it is in.

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

mod day {
    use deeds::prelude::*;

    /// It opened.
    #[event]
    pub struct Opened;
}

mod night {
    use deeds::prelude::*;

    /// It opened.
    #[event]
    pub struct Opened;
}

app! {
    Pantry as "pantry" {
        commands: [],
        events: [day::Opened, night::Opened],
    }
}

fn main() {}
