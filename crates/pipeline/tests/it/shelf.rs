//! A shelf of tins: the smallest app with a refusal, an index, a reference and a personal field.

use std::panic;

use deeds::prelude::*;

/// What [`Stumble`] panics with.
pub const STUMBLE: &str = "over a stone";

/// All of it.
#[state]
pub struct Shelf {
    pub tins: Table<Tin>,
    pub taken: Table<Taken>,
}

/// A kind of tin.
#[row(key = name)]
pub struct Tin {
    pub name: String,
    pub left: u32,
}

impl Audience for Tin {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

/// One tin that somebody took.
#[row(key = number, index(name), references(name = Tin))]
pub struct Taken {
    pub number: u64,
    pub name: String,
    pub by: String,
}

impl Audience for Taken {
    fn audience(&self) -> Keys {
        Keys::none()
    }
}

impl Members for Shelf {
    fn roles(&self, _: &ActorId) -> Roles {
        Roles::none()
    }

    fn keys(&self, _: &Actor) -> Keys {
        Keys::none()
    }
}

/// Who may do what.
#[role]
pub enum Role {
    Taker,
}

/// Put tins on the shelf.
#[command]
pub struct Stock {
    pub name: String,
    pub count: u32,
}

/// Take one tin.
#[command]
pub struct Take {
    pub name: String,
    #[personal]
    pub by: String,
}

/// Panics, as an author's mistake would.
#[command]
pub struct Stumble {}

/// Draw a number.
#[command]
pub struct Draw {}

/// Tins were put on the shelf.
#[event]
pub struct Stocked {
    pub name: String,
    pub count: u32,
}

/// A tin was taken.
#[event]
pub struct WasTaken {
    pub number: u64,
    pub name: String,
    #[personal]
    pub by: String,
}

/// Why a tin is not taken.
#[refusal]
pub enum TakeRefusal {
    /// There is no {name}.
    Unknown { name: String },
    /// None is left.
    NoneLeft,
}

impl Decide<Shelf> for Stock {
    type Answer = u32;
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Shelf) -> Access {
        Access::Allowed
    }

    fn decide(self, shelf: &mut Deciding<'_, Shelf>) -> Result<u32, Never> {
        let name = self.name.clone();
        shelf.emit(Stocked { name: self.name, count: self.count });
        Ok(shelf.tins.get(&name).expect("just stocked").left)
    }
}

impl Decide<Shelf> for Take {
    type Answer = u64;
    type Refusal = TakeRefusal;

    fn authorize(&self, actor: &Actor, _: &Shelf) -> Access {
        actor.requires(Role::Taker)
    }

    fn decide(self, shelf: &mut Deciding<'_, Shelf>) -> Result<u64, TakeRefusal> {
        let number = shelf.taken.iter().next_back().map_or(1, |last| last.number + 1);
        let unknown = || TakeRefusal::Unknown { name: self.name.clone() };
        let left = shelf.tins.get(&self.name).ok_or_else(unknown)?.left;
        // Emitted before the check, so that a refusal has something to take back.
        shelf.emit(WasTaken { number, name: self.name, by: self.by });
        ensure!(left > 0, TakeRefusal::NoneLeft);
        Ok(number)
    }
}

impl Decide<Shelf> for Stumble {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Shelf) -> Access {
        Access::Allowed
    }

    fn decide(self, shelf: &mut Deciding<'_, Shelf>) -> Result<(), Never> {
        shelf.emit(Stocked { name: "stone".to_owned(), count: 1 });
        panic::panic_any(STUMBLE);
    }
}

impl Decide<Shelf> for Draw {
    type Answer = u64;
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Shelf) -> Access {
        Access::Allowed
    }

    fn decide(self, shelf: &mut Deciding<'_, Shelf>) -> Result<u64, Never> {
        Ok(shelf.random() % 1_000_000)
    }
}

impl Evolve<Shelf> for Stocked {
    fn evolve(self, shelf: &mut Shelf, _: &Meta<'_>) {
        let before = shelf.tins.get(&self.name).map_or(0, |tin| tin.left);
        shelf.tins.put(Tin { name: self.name, left: before + self.count });
    }
}

impl Evolve<Shelf> for WasTaken {
    fn evolve(self, shelf: &mut Shelf, _: &Meta<'_>) {
        shelf.tins.update(&self.name, |tin| tin.left = tin.left.saturating_sub(1));
        shelf.taken.insert(Taken { number: self.number, name: self.name, by: self.by });
    }
}

/// How many tins were taken.
#[query]
pub struct TakenCount {}

impl Read<Shelf> for TakenCount {
    type Answer = u64;

    fn authorize(&self, _: &Actor, _: &Shelf) -> Access {
        Access::Allowed
    }

    fn read(&self, _: &Visible<'_, Shelf>, asking: &Asking<'_, Shelf>) -> u64 {
        // The rows are hidden, their number is not.
        asking.regardless_of_audience().taken.len() as u64
    }
}

fn numbers_have_no_gaps(shelf: &Shelf) -> Result<(), String> {
    for (expected, taken) in (1..).zip(shelf.taken.iter()) {
        if taken.number != expected {
            return Err(format!("{} where {expected} was expected", taken.number));
        }
    }
    Ok(())
}

app! {
    Shelf as "shelf" {
        commands: [Stock, Take, Stumble, Draw],
        events: [Stocked, WasTaken],
        queries: [TakenCount],
        invariants: [numbers_have_no_gaps],
    }
}
