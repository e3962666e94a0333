// The command is decided, but is not in the list.

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

/// A shelf was put up.
#[event]
pub struct ShelfPutUp {
    pub name: String,
}

impl Evolve<Pantry> for ShelfPutUp {
    fn evolve(self, pantry: &mut Pantry, _: &Meta<'_>) {
        pantry.shelves.insert(Shelf { name: self.name });
    }
}

impl Decide<Pantry> for PutUpShelf {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Pantry) -> Access {
        Access::Allowed
    }

    fn decide(self, pantry: &mut Deciding<'_, Pantry>) -> Result<(), Never> {
        pantry.emit(ShelfPutUp { name: self.name });
        Ok(())
    }
}

app! {
    Pantry as "pantry" {
        commands: [],
        events: [ShelfPutUp],
    }
}

pub fn a_shelf_is_put_up() {
    let mut scenario = deeds::testing::Scenario::<Pantry>::new();
    scenario.when(PutUpShelf { name: String::from("A1") }).then_accepted();
}

fn main() {}
