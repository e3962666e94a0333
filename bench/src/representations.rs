//! What each way to hold the state costs for "place order": the figures of ADR 0001.
//!
//! The same orders, as events, go into the food bank's own tables: in place without a change list (as
//! replay does), in place with it, and into the persistent form, folded per frame of so many commands.
//! What the maps take of it shows when a command is taken back: that changes them by the same lists as
//! a fold changes the persistent ones, and makes no rows. Deciding on the persistent form alone would
//! cost the fold instead: of frames of one if a root is kept per command to take it back, of the
//! published frames if the change list does that.

use std::time::Duration;

use deeds_engine::changes::TableChanges;
use deeds_engine::event::{Evolve as _, Meta};
use deeds_engine::rows::Reads as _;
use deeds_engine::state::State as _;
use deeds_engine::table::AnyTable;
use deeds_values::{Position, Timestamp};
use food_bank::{Barcode, Category, FoodBank, Item, OrderNumber, OrderPlaced, Product, Sku};
use serde::Serialize;

use crate::markdown::{Table, section};
use crate::work::{Acts, PRODUCTS, Wish, Work, sku};
use crate::{bank, stopwatch};

/// Orders in the tables before the measurement, and orders measured.
const ORDERS_BEFORE: usize = 200_000;
const ORDERS: usize = 200_000;
const ORDERS_QUICK: usize = 50_000;

/// Commands per frame.
const FRAMES: [usize; 4] = [1, 16, 64, 1_024];

/// Microseconds per command.
#[derive(Debug, Serialize)]
pub(crate) struct Representations {
    in_place: f64,
    in_place_with_changes: f64,
    /// The part of it that the maps take.
    taking_back: f64,
    /// Frame sizes, and what folding their changes into the persistent form takes.
    fold: Vec<(usize, f64)>,
    /// Every change into the persistent form, nobody else holding it.
    persistent_unshared: f64,
    /// What the decision reads, from the tables in place and from the persistent form.
    reads_in_place: f64,
    reads_persistent: f64,
}

/// One table's changes with the table's place in the state.
type Changes = Vec<(usize, Box<dyn TableChanges>)>;

/// How often each is measured.
const REPEATS: usize = 3;

/// The least of several measurements: what disturbs the machine only adds.
pub(crate) fn measure(quick: bool) -> Representations {
    let count = if quick { ORDERS_QUICK } else { ORDERS };
    let events = Events::new();
    let mut least = measure_once(&events, count);
    for _ in 1..if quick { 1 } else { REPEATS } {
        least.take_least(measure_once(&events, count));
    }
    least
}

impl Representations {
    fn take_least(&mut self, other: Self) {
        self.in_place = self.in_place.min(other.in_place);
        self.in_place_with_changes = self.in_place_with_changes.min(other.in_place_with_changes);
        self.taking_back = self.taking_back.min(other.taking_back);
        for ((_, figure), (_, other)) in self.fold.iter_mut().zip(other.fold) {
            *figure = figure.min(other);
        }
        self.persistent_unshared = self.persistent_unshared.min(other.persistent_unshared);
        self.reads_in_place = self.reads_in_place.min(other.reads_in_place);
        self.reads_persistent = self.reads_persistent.min(other.reads_persistent);
    }
}

fn measure_once(events: &Events, count: usize) -> Representations {
    let per_command = |spent: Duration| spent.as_secs_f64() * 1e6 / count as f64;

    let mut replayed = events.tables();
    replayed.each_mut(|table| table.record_changes(false));
    events.place(&mut replayed, 0, ORDERS_BEFORE, 1, drop);
    let in_place = events.place(&mut replayed, ORDERS_BEFORE, count, 64, drop);
    drop(replayed);

    let mut in_place_with_changes = Duration::MAX;
    let mut reads_in_place = Duration::MAX;
    let mut fold = Vec::new();
    for size in FRAMES {
        let (mut live, mut atom) = events.tables_and_atom();
        let mut folding = Duration::ZERO;
        let spent = events.place(&mut live, ORDERS_BEFORE, count, size, |changes| {
            let (spent, replaced) = stopwatch::spent(|| {
                let mut next = atom.freeze();
                fold_into(&mut next, &changes);
                std::mem::replace(&mut atom, next)
            });
            folding += spent;
            drop(replaced);
        });
        in_place_with_changes = in_place_with_changes.min(spent);
        reads_in_place = reads_in_place.min(events.read(&live, count));
        fold.push((size, per_command(folding)));
    }

    let (mut live, mut alone) = events.tables_and_atom();
    let mut folding = Duration::ZERO;
    events.place(&mut live, ORDERS_BEFORE, count, 1, |changes| {
        folding += stopwatch::spent(|| fold_into(&mut alone, &changes)).0;
    });
    let taking_back = events.take_back(&mut live, ORDERS_BEFORE, count);
    drop(live);
    Representations {
        in_place: per_command(in_place),
        in_place_with_changes: per_command(in_place_with_changes),
        taking_back: per_command(taking_back),
        fold,
        persistent_unshared: per_command(folding),
        reads_in_place: per_command(reads_in_place),
        reads_persistent: per_command(events.read(&alone, count)),
    }
}

fn fold_into(state: &mut FoodBank, changes: &Changes) {
    let mut place = 0;
    state.each_mut(|table| {
        if let Some((_, changes)) = changes.iter().find(|(of, _)| *of == place) {
            table.fold(&[changes.as_ref()]);
        }
        place += 1;
    });
}

/// The orders, as events.
struct Events {
    orders: Vec<(usize, String)>,
    neighbors: Vec<deeds_values::ActorId>,
}

impl Events {
    fn new() -> Self {
        let mut acts = Acts::new(Work::OrderUniform, 4, bank::now_ms());
        let all = ORDERS_BEFORE + ORDERS;
        let accepted = std::iter::from_fn(|| Some(acts.next())).filter_map(|act| match act.wish {
            Wish::Order { product } if product > 0 => Some((act.actor, sku(product))),
            _ => None,
        });
        let orders = accepted.take(all).collect();
        Self { orders, neighbors: acts.actors().to_vec() }
    }

    /// Tables with the products and nothing else.
    fn tables(&self) -> FoodBank {
        let mut state = FoodBank::live();
        for number in 0..=PRODUCTS {
            state.products.insert(product(number));
        }
        state.each_mut(|table| drop(table.take_changes()));
        state
    }

    /// The tables with the orders that are there before, in both forms.
    fn tables_and_atom(&self) -> (FoodBank, FoodBank) {
        let mut live = self.tables();
        self.place(&mut live, 0, ORDERS_BEFORE, 1, drop);
        let atom = live.freeze();
        (live, atom)
    }

    /// Places some of the orders, `size` to a frame; gives away each frame's changes. The time spent
    /// on the tables.
    fn place(
        &self,
        state: &mut FoodBank,
        from: usize,
        count: usize,
        size: usize,
        mut each: impl FnMut(Changes),
    ) -> Duration {
        let mut spent = Duration::ZERO;
        for first in (from..from + count).step_by(size) {
            let last = (first + size).min(from + count);
            let events: Vec<_> = (first..last).map(|at| self.event(at)).collect();
            let (placing, changes) = stopwatch::spent(|| {
                for (at, event) in (first..).zip(events) {
                    let actor = &self.neighbors[self.orders[at].0];
                    let position = Position(at as u64);
                    let meta = Meta { position, time: Timestamp(at as i64), actor };
                    state.each_mut(|table| table.begin(position));
                    event.evolve(state, &meta);
                }
                let mut changes = Changes::new();
                let mut place = 0;
                state.each_mut(|table: &mut dyn AnyTable| {
                    changes.extend(table.take_changes().map(|list| (place, list)));
                    place += 1;
                });
                changes
            });
            spent += placing;
            each(changes);
        }
        spent
    }

    /// Places an order that takes a new number and takes it back, so often. The time spent taking back.
    fn take_back(&self, state: &mut FoodBank, from: usize, count: usize) -> Duration {
        let mut spent = Duration::ZERO;
        for at in from..from + count {
            let position = Position(at as u64);
            let actor = &self.neighbors[self.orders[at].0];
            let meta = Meta { position, time: Timestamp(at as i64), actor };
            state.each_mut(|table| table.begin(position));
            self.event(at + count).evolve(state, &meta);
            let taking = || state.each_mut(|table| table.take_back());
            spent += stopwatch::spent(taking).0;
        }
        spent
    }

    fn event(&self, at: usize) -> OrderPlaced {
        let (neighbor, sku) = &self.orders[at % self.orders.len()];
        let order: OrderNumber = serde_json::from_value((at + 1).into()).expect("a number");
        let sku = Sku::try_from(sku.clone()).expect("a SKU of ours");
        let neighbor = self.neighbors[*neighbor].clone();
        OrderPlaced { order, neighbor, items: vec![Item { sku, quantity: 1 }] }
    }

    /// What the decision reads: the product and the newest order.
    fn read(&self, state: &FoodBank, count: usize) -> Duration {
        let skus = self.orders[..count].iter();
        let skus: Vec<Sku> =
            skus.map(|(_, sku)| Sku::try_from(sku.clone()).expect("ours")).collect();
        let (spent, ()) = stopwatch::spent(|| {
            for sku in &skus {
                let product = state.products.get(sku).expect("it was inserted");
                std::hint::black_box(product.available());
                std::hint::black_box(state.orders.iter().next_back());
            }
        });
        spent
    }
}

fn product(number: u64) -> Product {
    Product {
        sku: Sku::try_from(sku(number)).expect("a SKU of ours"),
        name: format!("Product {number}"),
        category: Category::Grains,
        size: "1 kg".to_owned(),
        barcode: Barcode::try_from(bank::barcode(number)).expect("its check digit is right"),
        labels: Vec::new(),
        limit: None,
        on_hand: u32::MAX,
        reserved: 0,
        promised: 0,
    }
}

pub(crate) fn report(figures: &Representations) -> String {
    let mut table = Table::new(["ways to hold the state", "µs per order on the processor"]);
    let mut row = |name: &str, figure: f64| table.row([name.to_owned(), format!("{figure:.2}")]);
    row("in place, no change list (replay)", figures.in_place);
    row("in place, with the change list", figures.in_place_with_changes);
    row("of it the maps, as taking back changes them", figures.taking_back);
    for (size, spent) in &figures.fold {
        row(&format!("fold into the atom, {size} commands per frame"), *spent);
    }
    row("persistent alone, undo list, changes only", figures.persistent_unshared);
    row("the decision's reads, in place", figures.reads_in_place);
    row("the decision's reads, persistent", figures.reads_persistent);
    section("Ways to hold the state", &[table.to_string()])
}
