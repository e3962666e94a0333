//! What each way to hold the state costs for "place order": the figures of ADR 0001.
//!
//! The same orders, as events, go into the food bank's own tables: in place without a change list (as
//! replay does), in place with it, and into the persistent form, folded per frame of so many commands.
//! The persistent form alone is the fold of frames of one: with a root kept per command to take it
//! back, or with the same undo list as the tables in place.

use std::any::Any;
use std::time::{Duration, Instant};

use deeds_engine::event::{Evolve as _, Meta};
use deeds_engine::rows::Reads as _;
use deeds_engine::state::State as _;
use deeds_engine::table::AnyTable;
use deeds_values::{Position, Timestamp};
use food_bank::{Barcode, Category, FoodBank, Item, OrderNumber, OrderPlaced, Product, Sku};
use serde::Serialize;

use crate::bank;
use crate::load::{Load, Orders, PRODUCTS, sku};

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
    /// Frame sizes, and what folding their changes into the persistent form takes.
    fold: Vec<(usize, f64)>,
    /// Every change into the persistent form, nobody else holding it.
    persistent_unshared: f64,
    /// What the decision reads, from the tables in place and from the persistent form.
    reads_in_place: f64,
    reads_persistent: f64,
}

/// One table's changes with the table's place in the state.
type Changes = Vec<(usize, Box<dyn Any + Send + Sync>)>;

pub(crate) fn measure(quick: bool) -> Representations {
    let count = if quick { ORDERS_QUICK } else { ORDERS };
    let events = Events::new();

    let mut replayed = events.tables();
    replayed.each_mut(&mut |table| table.record_changes(false));
    events.place(&mut replayed, 0, ORDERS_BEFORE, 1);
    let in_place = events.place(&mut replayed, ORDERS_BEFORE, count, 1).0;
    drop(replayed);

    let mut live = events.tables();
    events.place(&mut live, 0, ORDERS_BEFORE, ORDERS_BEFORE);
    let before = live.freeze();
    let (with_changes, frames) = events.place(&mut live, ORDERS_BEFORE, count, 1);
    let reads_in_place = events.read(&live, count);

    let per_command = |spent: Duration| spent.as_secs_f64() * 1e6 / count as f64;
    let mut fold = Vec::new();
    for size in FRAMES {
        let mut live = events.tables();
        events.place(&mut live, 0, ORDERS_BEFORE, ORDERS_BEFORE);
        let (_, frames) = events.place(&mut live, ORDERS_BEFORE, count, size);
        drop(live);
        let mut atom = before.freeze();
        let spent = frames.iter().map(|changes| {
            let began = Instant::now();
            let mut next = atom.freeze();
            fold_into(&mut next, changes);
            let replaced = std::mem::replace(&mut atom, next);
            let spent = began.elapsed();
            drop(replaced);
            spent
        });
        fold.push((size, per_command(spent.sum())));
    }

    let mut alone = before;
    let began = Instant::now();
    frames.iter().for_each(|changes| fold_into(&mut alone, changes));
    let persistent_unshared = per_command(began.elapsed());
    Representations {
        in_place: per_command(in_place),
        in_place_with_changes: per_command(with_changes),
        fold,
        persistent_unshared,
        reads_in_place: per_command(reads_in_place),
        reads_persistent: per_command(events.read(&alone, count)),
    }
}

fn fold_into(state: &mut FoodBank, changes: &Changes) {
    let mut place = 0;
    state.each_mut(&mut |table| {
        if let Some((_, changes)) = changes.iter().find(|(of, _)| *of == place) {
            table.fold(changes.as_ref());
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
        let mut orders = Orders::new(Load::Uniform, 4, bank::now_ms());
        let all = ORDERS_BEFORE + ORDERS;
        let accepted =
            std::iter::from_fn(|| Some(orders.next())).filter(|order| order.sku != sku(0));
        let accepted = accepted.take(all).map(|order| (order.neighbor, order.sku)).collect();
        Self { orders: accepted, neighbors: orders.actors().to_vec() }
    }

    /// Tables with the products and nothing else.
    fn tables(&self) -> FoodBank {
        let mut state = FoodBank::live();
        for number in 0..=PRODUCTS {
            state.products.insert(product(number));
        }
        state.each_mut(&mut |table| drop(table.take_changes()));
        state
    }

    /// Places some of the orders, `size` to a frame. The time it took, and each frame's changes.
    fn place(
        &self,
        state: &mut FoodBank,
        from: usize,
        count: usize,
        size: usize,
    ) -> (Duration, Vec<Changes>) {
        let mut frames = Vec::with_capacity(count / size);
        let mut spent = Duration::ZERO;
        for first in (from..from + count).step_by(size) {
            let last = (first + size).min(from + count);
            let events: Vec<_> = (first..last).map(|at| self.event(at)).collect();
            let began = Instant::now();
            for (at, event) in (first..).zip(events) {
                let actor = &self.neighbors[self.orders[at].0];
                let position = Position(at as u64);
                let meta = Meta { position, time: Timestamp(at as i64), actor };
                state.each_mut(&mut |table| table.begin(position));
                event.evolve(state, &meta);
            }
            let mut changes = Changes::new();
            let mut place = 0;
            state.each_mut(&mut |table: &mut dyn AnyTable| {
                changes.extend(table.take_changes().map(|list| (place, list)));
                place += 1;
            });
            spent += began.elapsed();
            frames.push(changes);
        }
        (spent, frames)
    }

    fn event(&self, at: usize) -> OrderPlaced {
        let (neighbor, sku) = &self.orders[at];
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
        let began = Instant::now();
        for sku in &skus {
            let product = state.products.get(sku).expect("it was inserted");
            std::hint::black_box(product.available());
            std::hint::black_box(state.orders.iter().next_back());
        }
        began.elapsed()
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

pub(crate) fn print(figures: &Representations) {
    println!("Ways to hold the state, µs per order");
    let line = |name: &str, figure: f64| println!("{name:<60} {figure:>8.2}");
    line("in place, no change list (replay)", figures.in_place);
    line("in place, with the change list", figures.in_place_with_changes);
    for (size, spent) in &figures.fold {
        line(&format!("fold into the atom, {size} commands per frame"), *spent);
    }
    line("persistent alone, undo list, changes only", figures.persistent_unshared);
    line("the decision's reads, in place", figures.reads_in_place);
    line("the decision's reads, persistent", figures.reads_persistent);
    println!();
}
