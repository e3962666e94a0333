//! The larder once more, as plain arithmetic: what every command must have come to, if commands were
//! decided one after the other in the order of their records.

use std::collections::BTreeMap;

use deeds_engine::recorded;
use deeds_engine::refusal::Refusal;
use deeds_engine::rows::Reads as _;

use crate::larder::{Larder, PutBackRefusal, TakeRefusal};
use crate::plan::{NAMES, Wish};

/// What nobody has.
pub(crate) const UNKNOWN: &str = "caviar";

/// Tins in, tins out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Model {
    tins: BTreeMap<String, u32>,
    /// What was taken, and by whom.
    taken: BTreeMap<u64, (String, String)>,
}

/// What a command must have come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expected {
    /// Accepted, with this answer.
    Accepted(Vec<u8>),
    /// Refused, with this.
    Refused(Vec<u8>),
    /// A bug of the app's.
    Bug,
}

fn answer(value: &impl serde::Serialize) -> Expected {
    let mut bytes = Vec::new();
    recorded::write(value, &mut bytes);
    Expected::Accepted(bytes)
}

fn refused(refusal: &impl Refusal) -> Expected {
    let mut bytes = Vec::new();
    refusal.write(&mut bytes);
    Expected::Refused(bytes)
}

impl Model {
    /// The next command, sent by this actor.
    pub(crate) fn decide(&mut self, wish: &Wish, by: &str) -> Expected {
        match wish {
            Wish::Stock { name, count } => {
                let left = self.tins.entry(NAMES[*name].to_owned()).or_default();
                *left += count;
                answer(left)
            }
            Wish::Take { name, count } => self.take(NAMES[*name], *count, by),
            Wish::TakeUnknown => self.take(UNKNOWN, 1, by),
            Wish::PutBack { number } => match self.taken.remove(number) {
                Some((name, _)) => {
                    *self.tins.get_mut(&name).expect("it was taken from there") += 1;
                    answer(&())
                }
                None => refused(&PutBackRefusal::NotTaken),
            },
            Wish::Stumble => Expected::Bug,
        }
    }

    fn take(&mut self, name: &str, count: u32, by: &str) -> Expected {
        let Some(left) = self.tins.get_mut(name) else {
            return refused(&TakeRefusal::Unknown { name: name.to_owned() });
        };
        if *left < count {
            // One after the other is taken, until there is none.
            return refused(&TakeRefusal::NotEnough { left: 0 });
        }
        *left -= count;
        let first = self.taken.keys().next_back().map_or(1, |last| last + 1);
        let numbers: Vec<u64> = (first..).take(count as usize).collect();
        for number in &numbers {
            self.taken.insert(*number, (name.to_owned(), by.to_owned()));
        }
        answer(&numbers)
    }

    /// Whether a state is this one.
    pub(crate) fn agrees(&self, larder: &Larder) -> Result<(), String> {
        let tins = larder.tins.iter().map(|tin| (tin.name.clone(), tin.left)).collect();
        let taken = larder.taken.iter();
        let taken =
            taken.map(|taken| (taken.number, (taken.name.clone(), taken.by.clone()))).collect();
        let found = Self { tins, taken };
        if found == *self {
            return Ok(());
        }
        Err(format!("the records make {self:?}, the state is {found:?}"))
    }
}
