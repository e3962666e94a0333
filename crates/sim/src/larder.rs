//! The app of simulated histories: tins in a larder. Small, and with one of everything that can go
//! wrong: refusals that follow from the state, events that are taken back, an index, a reference, a
//! personal field, an id and a random number from the context, a role, an invariant, a panic.

use std::panic;

use deeds::prelude::*;

/// What [`Stumble`] panics with.
pub const STUMBLE: &str = "over a stone";

/// All of it.
#[state]
pub struct Larder {
    /// What there is.
    pub tins: Table<Tin>,
    /// What was taken.
    pub taken: Table<Taken>,
}

/// A kind of tin.
#[row(key = name)]
pub struct Tin {
    /// What is in it.
    pub name: String,
    /// How many are left.
    pub left: u32,
}

/// A tin that somebody took.
#[row(key = number, index(name), references(name = Tin))]
pub struct Taken {
    /// Counted from 1.
    pub number: u64,
    /// What was in it.
    pub name: String,
    /// Who took it.
    pub by: String,
    /// A number drawn when it was taken.
    pub lot: u32,
}

impl Audience for Tin {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

impl Audience for Taken {
    fn audience(&self) -> Keys {
        Keys::none()
    }
}

impl Members for Larder {
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
    /// May take tins.
    Taker,
}

/// Put tins into the larder.
#[command]
pub struct Stock {
    /// What is in them.
    pub name: String,
    /// How many.
    pub count: u32,
}

/// Take tins, all of them or none.
#[command]
pub struct Take {
    /// What is in them.
    pub name: String,
    /// How many.
    pub count: u32,
    /// Who takes them.
    #[personal]
    pub by: String,
}

/// Put a tin back.
#[command]
pub struct PutBack {
    /// Which.
    pub number: u64,
}

/// Panics, as an author's mistake would.
#[command]
pub struct Stumble {}

/// Tins were put into the larder.
#[event]
pub struct Stocked {
    /// What is in them.
    pub name: String,
    /// How many.
    pub count: u32,
}

/// A tin was taken.
#[event]
pub struct WasTaken {
    /// Counted from 1.
    pub number: u64,
    /// What was in it.
    pub name: String,
    /// A number drawn when it was taken.
    pub lot: u32,
    /// Who took it.
    #[personal]
    pub by: String,
}

/// A tin was put back.
#[event]
pub struct WasPutBack {
    /// Which.
    pub number: u64,
}

/// Why tins are not taken.
#[refusal]
pub enum TakeRefusal {
    /// There is no {name}.
    Unknown {
        /// What was wanted.
        name: String,
    },
    /// Not enough: {left} left.
    NotEnough {
        /// How many there are.
        left: u32,
    },
}

/// Why a tin is not put back.
#[refusal]
pub enum PutBackRefusal {
    /// Nobody took it.
    NotTaken,
}

impl Decide<Larder> for Stock {
    type Answer = u32;
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Larder) -> Access {
        Access::Allowed
    }

    fn decide(self, larder: &mut Deciding<'_, Larder>) -> Result<u32, Never> {
        let name = self.name.clone();
        larder.emit(Stocked { name: self.name, count: self.count });
        Ok(larder.tins.get(&name).expect("just stocked").left)
    }
}

impl Decide<Larder> for Take {
    type Answer = Vec<u64>;
    type Refusal = TakeRefusal;

    fn authorize(&self, actor: &Actor, _: &Larder) -> Access {
        actor.requires(Role::Taker)
    }

    fn decide(self, larder: &mut Deciding<'_, Larder>) -> Result<Vec<u64>, TakeRefusal> {
        let Take { name, count, by } = self;
        let mut numbers = Vec::new();
        for _ in 0..count {
            let unknown = || TakeRefusal::Unknown { name: name.clone() };
            let left = larder.tins.get(&name).ok_or_else(unknown)?.left;
            // Found out late, so that a refusal has something to take back.
            ensure!(left > 0, TakeRefusal::NotEnough { left });
            let number = larder.taken.iter().next_back().map_or(1, |last| last.number + 1);
            let lot = (larder.random() % 1_000) as u32;
            larder.emit(WasTaken { number, name: name.clone(), lot, by: by.clone() });
            numbers.push(number);
        }
        Ok(numbers)
    }
}

impl Decide<Larder> for PutBack {
    type Answer = ();
    type Refusal = PutBackRefusal;

    fn authorize(&self, _: &Actor, _: &Larder) -> Access {
        Access::Allowed
    }

    fn decide(self, larder: &mut Deciding<'_, Larder>) -> Result<(), PutBackRefusal> {
        ensure!(larder.taken.get(self.number).is_some(), PutBackRefusal::NotTaken);
        larder.emit(WasPutBack { number: self.number });
        Ok(())
    }
}

impl Decide<Larder> for Stumble {
    type Answer = ();
    type Refusal = Never;

    fn authorize(&self, _: &Actor, _: &Larder) -> Access {
        Access::Allowed
    }

    fn decide(self, larder: &mut Deciding<'_, Larder>) -> Result<(), Never> {
        larder.emit(Stocked { name: "stones".to_owned(), count: 1 });
        panic::panic_any(STUMBLE);
    }
}

impl Evolve<Larder> for Stocked {
    fn evolve(self, larder: &mut Larder, _: &Meta<'_>) {
        let before = larder.tins.get(&self.name).map_or(0, |tin| tin.left);
        larder.tins.put(Tin { name: self.name, left: before + self.count });
    }
}

impl Evolve<Larder> for WasTaken {
    fn evolve(self, larder: &mut Larder, _: &Meta<'_>) {
        let Self { number, name, lot, by } = self;
        larder.tins.update(&name, |tin| tin.left -= 1);
        larder.taken.insert(Taken { number, name, by, lot });
    }
}

impl Evolve<Larder> for WasPutBack {
    fn evolve(self, larder: &mut Larder, _: &Meta<'_>) {
        let name = larder.taken.get(self.number).expect("decided").name.clone();
        larder.taken.remove(&self.number);
        larder.tins.update(&name, |tin| tin.left += 1);
    }
}

fn every_tin_taken_is_of_a_kind_there_is(larder: &Larder) -> Result<(), String> {
    match larder.taken.iter().find(|taken| larder.tins.get(&taken.name).is_none()) {
        Some(taken) => Err(format!("{} of unknown {}", taken.number, taken.name)),
        None => Ok(()),
    }
}

app! {
    Larder as "larder" {
        commands: [Stock, Take, PutBack, Stumble],
        events: [Stocked, WasTaken, WasPutBack],
        queries: [],
        invariants: [every_tin_taken_is_of_a_kind_there_is],
    }
}
