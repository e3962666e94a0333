//! The work: what every system that is measured is asked to do. The same for all of them.
//!
//! - *Place order*: one line of one unit, by one of 1,000 neighbors, out of 10,000 products evenly or all
//!   the same one. One order in a hundred asks for the product that is sold out, and is refused.
//! - *Transfer*: some money from one of 100,000 accounts to another, evenly or mostly between few of
//!   them. Who is short of money is refused.
//! - *Append only*: a text that is kept and changes nothing.

use std::fmt::Write as _;
use std::sync::{Arc, OnceLock};

use deeds_engine::app::App;
use deeds_engine::command::Parsed;
use deeds_values::ActorId;
use food_bank::{FoodBank, Item, PlaceOrder, ShoppingList, Sku};
use serde::Serialize;

use crate::draw::{Draw, Ids, Zipf};
use crate::ledger::{ACCOUNTS, AMOUNT_MAX, Ledger, Note, Transfer};
use crate::{bank, ledger};

/// How many products can be ordered; number 0 is sold out.
pub(crate) const PRODUCTS: u64 = 10_000;

/// How many households order.
pub(crate) const NEIGHBORS: u64 = 1_000;

/// One order in so many is refused.
const REFUSED_ONE_IN: u64 = 100;

/// How uneven the uneven transfers are: account 1 takes part in most of them.
const ZIPF_EXPONENT: f64 = 1.5;

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Work {
    /// Orders of every product alike.
    OrderUniform,
    /// Orders that all want the same product.
    OrderHot,
    /// Transfers between all accounts alike.
    TransferEven,
    /// Transfers between few accounts, mostly.
    TransferZipf,
    /// Notes of 100 bytes.
    #[value(name = "append-100")]
    #[serde(rename = "append_100")]
    Append100,
    /// Notes of 1,000 bytes.
    #[value(name = "append-1000")]
    #[serde(rename = "append_1000")]
    Append1000,
}

impl Work {
    pub(crate) const ALL: [Work; 6] = [
        Work::OrderUniform,
        Work::OrderHot,
        Work::TransferEven,
        Work::TransferZipf,
        Work::Append100,
        Work::Append1000,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Work::OrderUniform => "place order, uniform",
            Work::OrderHot => "place order, one hot product",
            Work::TransferEven => "transfer, uniform",
            Work::TransferZipf => "transfer, Zipf 1.5",
            Work::Append100 => "append only, 100 bytes",
            Work::Append1000 => "append only, 1,000 bytes",
        }
    }

    pub(crate) fn is_order(self) -> bool {
        matches!(self, Work::OrderUniform | Work::OrderHot)
    }

    pub(crate) fn is_append(self) -> bool {
        matches!(self, Work::Append100 | Work::Append1000)
    }
}

/// One thing that somebody wants.
pub(crate) struct Act {
    /// Who: the place in [`Acts::actors`].
    pub(crate) actor: usize,
    pub(crate) id: deeds_values::CommandId,
    pub(crate) wish: Wish,
}

/// What it is.
#[derive(Clone, Debug)]
pub(crate) enum Wish {
    Order { product: u64 },
    Transfer { from: u32, to: u32, amount: u32 },
    Note { text: Arc<str> },
}

impl Wish {
    /// The command's name.
    pub(crate) fn command(&self) -> &'static str {
        match self {
            Wish::Order { .. } => "PlaceOrder",
            Wish::Transfer { .. } => "Transfer",
            Wish::Note { .. } => "Note",
        }
    }

    /// Its arguments as a client of HTTP sends them.
    pub(crate) fn json(&self) -> String {
        match self {
            Wish::Order { product } => {
                format!(r#"{{"lines":[{{"sku":"{}","quantity":1}}]}}"#, sku(*product))
            }
            Wish::Transfer { from, to, amount } => {
                format!(r#"{{"from":{from},"to":{to},"amount":{amount}}}"#)
            }
            Wish::Note { text } => format!(r#"{{"text":"{text}"}}"#),
        }
    }

    /// Its arguments as MessagePack.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        use rmp::encode::{write_array_len, write_map_len, write_str, write_uint};
        const TAKES_ALL: &str = "a vector takes every byte";
        match self {
            Wish::Order { product } => {
                write_map_len(out, 1).expect(TAKES_ALL);
                write_str(out, "lines").expect(TAKES_ALL);
                write_array_len(out, 1).expect(TAKES_ALL);
                write_map_len(out, 2).expect(TAKES_ALL);
                write_str(out, "sku").expect(TAKES_ALL);
                write_str(out, &skus()[*product as usize].1).expect(TAKES_ALL);
                write_str(out, "quantity").expect(TAKES_ALL);
                write_uint(out, 1).expect(TAKES_ALL);
            }
            Wish::Transfer { from, to, amount } => {
                write_map_len(out, 3).expect(TAKES_ALL);
                for (name, number) in [("from", from), ("to", to), ("amount", amount)] {
                    write_str(out, name).expect(TAKES_ALL);
                    write_uint(out, u64::from(*number)).expect(TAKES_ALL);
                }
            }
            Wish::Note { text } => {
                write_map_len(out, 1).expect(TAKES_ALL);
                write_str(out, "text").expect(TAKES_ALL);
                write_str(out, text).expect(TAKES_ALL);
            }
        }
    }
}

/// An endless line of acts, the same for the same seed.
pub(crate) struct Acts {
    work: Work,
    draw: Draw,
    ids: Ids,
    actors: Vec<ActorId>,
    zipf: Option<Zipf>,
    texts: Vec<Arc<str>>,
}

/// How many texts there are to append: enough that nothing gains from their being alike.
const TEXTS: u64 = 256;

impl Acts {
    /// Acts whose ids are made from this time on, in milliseconds.
    pub(crate) fn new(work: Work, seed: u64, now_ms: u64) -> Self {
        let mut draw = Draw(seed);
        let bytes = match work {
            Work::Append100 => 100,
            Work::Append1000 => 1_000,
            _ => 0,
        };
        let texts = (0..if bytes > 0 { TEXTS } else { 0 }).map(|_| text(&mut draw, bytes));
        let texts = texts.collect();
        let zipf = (work == Work::TransferZipf).then(|| Zipf::new(ACCOUNTS, ZIPF_EXPONENT));
        let actors = (1..=NEIGHBORS).map(neighbor).collect();
        Self { work, draw, ids: Ids::new(now_ms, !seed), actors, zipf, texts }
    }

    pub(crate) fn next(&mut self) -> Act {
        let actor = self.draw.below(NEIGHBORS) as usize;
        let wish = match self.work {
            Work::OrderUniform | Work::OrderHot => {
                let product = match self.work {
                    _ if self.draw.below(REFUSED_ONE_IN) == 0 => 0,
                    Work::OrderHot => 1,
                    _ => 1 + self.draw.below(PRODUCTS),
                };
                Wish::Order { product }
            }
            Work::TransferEven | Work::TransferZipf => {
                let from = self.account();
                let mut to = self.account();
                while to == from {
                    to = self.account();
                }
                let amount = 1 + self.draw.below(u64::from(AMOUNT_MAX)) as u32;
                Wish::Transfer { from, to, amount }
            }
            Work::Append100 | Work::Append1000 => {
                let text = Arc::clone(&self.texts[self.draw.below(TEXTS) as usize]);
                Wish::Note { text }
            }
        };
        Act { actor, id: self.ids.next(), wish }
    }

    fn account(&mut self) -> u32 {
        match &self.zipf {
            Some(zipf) => zipf.draw(&mut self.draw),
            None => 1 + self.draw.below(u64::from(ACCOUNTS)) as u32,
        }
    }

    /// The actors' names.
    pub(crate) fn actors(&self) -> &[ActorId] {
        &self.actors
    }
}

/// Letters that look random.
fn text(draw: &mut Draw, bytes: usize) -> Arc<str> {
    let mut text = String::new();
    while text.len() < bytes {
        write!(text, "{:016x}", draw.next()).expect("a string takes every letter");
    }
    text.truncate(bytes);
    text.into()
}

/// The n-th neighbor's name.
pub(crate) fn neighbor(number: u64) -> ActorId {
    ActorId::new(format!("neighbor-{number}")).expect("visible ASCII")
}

/// The n-th product's SKU.
pub(crate) fn sku(number: u64) -> String {
    format!("P-{number:05}")
}

/// All SKUs, checked and as text: a client that sends many orders has them at hand.
fn skus() -> &'static [(Sku, String)] {
    static SKUS: OnceLock<Vec<(Sku, String)>> = OnceLock::new();
    SKUS.get_or_init(|| {
        let both = |number| (Sku::try_from(sku(number)).expect("a SKU of ours"), sku(number));
        (0..=PRODUCTS).map(both).collect()
    })
}

/// An app that is measured.
pub(crate) trait Measured: App {
    /// The commands that it starts with, and their arguments as JSON.
    fn stock() -> Box<dyn Iterator<Item = (&'static str, String)>>;

    /// A wish as the engine takes it.
    fn parsed(wish: &Wish) -> Parsed<Self>;
}

/// A command's place in its app's list.
pub(crate) fn place_of<A: App>(command: &str) -> usize {
    A::COMMANDS.iter().position(|known| known.name == command).expect("the app has this command")
}

impl Measured for FoodBank {
    fn stock() -> Box<dyn Iterator<Item = (&'static str, String)>> {
        Box::new(bank::stock())
    }

    fn parsed(wish: &Wish) -> Parsed<Self> {
        static PLACE_ORDER: OnceLock<usize> = OnceLock::new();
        let Wish::Order { product } = wish else { unreachable!("a food bank takes orders") };
        let place = *PLACE_ORDER.get_or_init(|| place_of::<FoodBank>("PlaceOrder"));
        let sku = skus()[*product as usize].0.clone();
        let lines = ShoppingList::try_from(vec![Item { sku, quantity: 1 }]).expect("one line");
        Parsed::new(place, PlaceOrder { lines })
    }
}

/// Accounts that one command opens.
const ACCOUNTS_AT_ONCE: u32 = 1_000;

impl Measured for Ledger {
    fn stock() -> Box<dyn Iterator<Item = (&'static str, String)>> {
        let balance = ledger::BALANCE;
        let arguments = format!(r#"{{"count":{ACCOUNTS_AT_ONCE},"balance":{balance}}}"#);
        let commands = ACCOUNTS / ACCOUNTS_AT_ONCE;
        Box::new((0..commands).map(move |_| ("OpenAccounts", arguments.clone())))
    }

    fn parsed(wish: &Wish) -> Parsed<Self> {
        static PLACES: OnceLock<[usize; 2]> = OnceLock::new();
        let places = || ["Transfer", "Note"].map(place_of::<Ledger>);
        let [transfer, note] = *PLACES.get_or_init(places);
        match wish {
            Wish::Transfer { from, to, amount } => {
                Parsed::new(transfer, Transfer { from: *from, to: *to, amount: *amount })
            }
            Wish::Note { text } => Parsed::new(note, Note { text: (**text).to_owned() }),
            Wish::Order { .. } => unreachable!("a ledger takes no orders"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a client sends over either protocol is what the engine is given in process.
    fn check<A: Measured>(work: Work) {
        let wish = Acts::new(work, 1, 1).next().wish;
        let parsed = A::parsed(&wish);
        let place = place_of::<A>(wish.command());
        assert_eq!(parsed.index, place);
        let from_json = (A::COMMANDS[place].parse)(place, wish.json().as_bytes()).unwrap();
        assert_eq!(from_json.arguments, parsed.arguments, "{work:?}");
        let mut bytes = Vec::new();
        wish.write(&mut bytes);
        let value: serde_json::Value = rmp_serde::from_slice(&bytes).unwrap();
        let json: serde_json::Value = serde_json::from_str(&wish.json()).unwrap();
        assert_eq!(value, json, "{work:?}");
    }

    #[test]
    fn the_apps_take_what_is_asked_of_them_in_every_form() {
        for work in Work::ALL {
            match work.is_order() {
                true => check::<FoodBank>(work),
                false => check::<Ledger>(work),
            }
        }
    }

    #[test]
    fn nobody_passes_money_on_to_themselves() {
        for work in [Work::TransferEven, Work::TransferZipf] {
            let mut acts = Acts::new(work, 1, 1);
            for _ in 0..1_000 {
                let Wish::Transfer { from, to, .. } = acts.next().wish else { panic!("transfers") };
                assert!(
                    from != to && (1..=ACCOUNTS).contains(&from) && (1..=ACCOUNTS).contains(&to)
                );
            }
        }
    }

    #[test]
    fn a_note_is_as_long_as_it_says() {
        let text = |work| match Acts::new(work, 1, 1).next().wish {
            Wish::Note { text } => text.len(),
            other => panic!("{other:?}"),
        };
        assert_eq!((text(Work::Append100), text(Work::Append1000)), (100, 1_000));
    }
}
