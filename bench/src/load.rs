//! The load: which orders are placed, by whom. The same for every system that is measured.
//!
//! One line of one unit per order; 1,000 neighbors; either 10,000 products evenly or one product that
//! all want. One order in a hundred asks for the product that is sold out, and is refused.

use deeds_engine::app::App as _;
use deeds_engine::command::Parsed;
use deeds_values::{ActorId, CommandId};
use food_bank::{FoodBank, Item, PlaceOrder, ShoppingList, Sku};
use serde::Serialize;

/// How many products can be ordered; number 0 is sold out.
pub(crate) const PRODUCTS: u64 = 10_000;

/// How many households order.
pub(crate) const NEIGHBORS: u64 = 1_000;

/// One order in so many is refused.
const REFUSED_ONE_IN: u64 = 100;

/// What the orders ask for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Load {
    /// Every product alike.
    Uniform,
    /// All the same product.
    Hot,
}

impl Load {
    pub(crate) const ALL: [Load; 2] = [Load::Uniform, Load::Hot];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Load::Uniform => "uniform",
            Load::Hot => "one hot product",
        }
    }
}

/// An endless line of orders, the same for the same seed.
pub(crate) struct Orders {
    load: Load,
    draw: Draw,
    ids: Ids,
    actors: Vec<ActorId>,
    place_order: usize,
}

/// One order.
pub(crate) struct Order {
    /// Who places it: the place in [`Orders::actors`].
    pub(crate) neighbor: usize,
    pub(crate) id: CommandId,
    pub(crate) sku: String,
}

impl Orders {
    /// Orders whose ids are made from this time on, in milliseconds.
    pub(crate) fn new(load: Load, seed: u64, now_ms: u64) -> Self {
        let actors = (1..=NEIGHBORS).map(neighbor).collect();
        let named = |name: &str| FoodBank::COMMANDS.iter().position(|command| command.name == name);
        let place_order = named("PlaceOrder").expect("the food bank takes orders");
        Self {
            load,
            draw: Draw(seed),
            ids: Ids { ms: now_ms, draw: Draw(!seed) },
            actors,
            place_order,
        }
    }

    pub(crate) fn next(&mut self) -> Order {
        let neighbor = self.draw.below(NEIGHBORS) as usize;
        let product = match self.load {
            _ if self.draw.below(REFUSED_ONE_IN) == 0 => 0,
            Load::Uniform => 1 + self.draw.below(PRODUCTS),
            Load::Hot => 1,
        };
        Order { neighbor, id: self.ids.next(), sku: sku(product) }
    }

    /// The neighbors' names.
    pub(crate) fn actors(&self) -> &[ActorId] {
        &self.actors
    }

    /// The order as the engine takes it.
    pub(crate) fn parsed(&self, order: &Order) -> Parsed<FoodBank> {
        let sku = Sku::try_from(order.sku.clone()).expect("a SKU of ours");
        let lines = ShoppingList::try_from(vec![Item { sku, quantity: 1 }]).expect("one line");
        Parsed::new(self.place_order, PlaceOrder { lines })
    }

    /// An order's arguments, parsed as they come from a client.
    pub(crate) fn parse(&self, json: &str) -> Parsed<FoodBank> {
        let parse = FoodBank::COMMANDS[self.place_order].parse;
        parse(self.place_order, json.as_bytes()).expect("the food bank knows its orders")
    }

    /// The order's arguments as a client sends them.
    pub(crate) fn json(order: &Order) -> String {
        format!(r#"{{"lines":[{{"sku":"{}","quantity":1}}]}}"#, order.sku)
    }
}

/// The n-th neighbor's name.
pub(crate) fn neighbor(number: u64) -> ActorId {
    ActorId::new(format!("neighbor-{number}")).expect("visible ASCII")
}

/// The n-th product's SKU.
pub(crate) fn sku(number: u64) -> String {
    format!("P-{number:05}")
}

/// UUIDv7s of ever later milliseconds.
///
/// They must lie neither behind the duplicate window nor far ahead of the clock: a thousand ids share
/// a millisecond, so that a million take a second of it.
pub(crate) struct Ids {
    ms: u64,
    draw: Draw,
}

impl Ids {
    pub(crate) fn from_ms(ms: u64) -> Self {
        Self { ms, draw: Draw(ms) }
    }

    pub(crate) fn next(&mut self) -> CommandId {
        let random = self.draw.next();
        self.ms += u64::from(random.is_multiple_of(1_000));
        let mut bytes = [0; 16];
        bytes[..6].copy_from_slice(&self.ms.to_be_bytes()[2..]);
        bytes[6..8].copy_from_slice(&(0x7000 | (random as u16 & 0x0fff)).to_be_bytes());
        bytes[8..].copy_from_slice(&(self.draw.next() >> 2 | 1 << 63).to_be_bytes());
        CommandId::unique(bytes).expect("version 7, variant 1")
    }
}

/// Numbers that look random: splitmix64.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }

    /// A number below the bound; the bounds here are small enough that the bias does not matter.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
