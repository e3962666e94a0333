//! The dashboard: the numbers on the screen in the office.
//!
//! What is now is read off the rows there are; what was is read off the [`tallies`], so that a question
//! about a season costs no more in a food bank that has been there for ten years.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use deeds::prelude::*;

use crate::*;

/// How it goes.
#[query(scope = Key(STAFF))]
pub struct Dashboard;

/// The numbers.
#[value]
pub struct Numbers {
    pub neighbors: u32,
    pub products: u32,
    /// Products of which nothing can be ordered.
    pub products_out: u32,
    pub items_on_hand: u64,
    pub items_in_carts: u64,
    pub items_promised: u64,
    /// In lots that expire within a week, or have.
    pub items_expiring: u64,
    pub orders_ever: u32,
    pub orders_placed: u32,
    pub orders_in_picking: u32,
    pub orders_packed: u32,
    pub last_seven_days: Week,
}

/// What happened today and in the six days before.
#[value]
pub struct Week {
    pub orders: u32,
    pub cancelled: u32,
    pub handed_over: u32,
    /// Who got it.
    pub households: u32,
    /// Single items in it.
    pub items: u64,
    /// What most of it was.
    pub top: Vec<TopProduct>,
}

/// A product that many took home.
#[value]
pub struct TopProduct {
    pub sku: Sku,
    pub name: String,
    pub items: u64,
}

/// How many products lead the list.
const TOP_PRODUCTS: usize = 10;

impl Read<FoodBank> for Dashboard {
    type Answer = Numbers;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, asking: &Asking<'_, FoodBank>) -> Numbers {
        let offset = UtcOffset::now(bank.clock.iter());
        let today = offset.wall(asking.time()).date();
        let in_a_week = days_from(today, 7);
        let orders = |status| count(bank.orders.by_status(status));
        Numbers {
            neighbors: count(bank.neighbors.iter()),
            products: count(bank.products.iter()),
            products_out: count(bank.products.iter().filter(|product| product.available() == 0)),
            items_on_hand: sum(bank.products.iter().map(|product| product.on_hand)),
            items_in_carts: sum(bank.products.iter().map(|product| product.reserved)),
            items_promised: sum(bank.products.iter().map(|product| product.promised)),
            items_expiring: sum(bank.lots.by_best_before_in(..=in_a_week).map(|lot| lot.quantity)),
            orders_ever: newest_order(bank),
            orders_placed: orders(Status::Placed),
            orders_in_picking: orders(Status::Picking),
            orders_packed: orders(Status::Packed),
            last_seven_days: week(bank, offset, today),
        }
    }
}

fn sum(quantities: impl Iterator<Item = u32>) -> u64 {
    quantities.map(u64::from).sum()
}

fn count<T>(rows: impl Iterator<Item = T>) -> u32 {
    u32::try_from(rows.count()).expect("far fewer than four billion")
}

fn days_from(day: Date, days: i32) -> Date {
    day.checked_add_days(days).expect("we live between 1970 and 9999")
}

/// Orders are numbered from 1 without gaps, so this is also how many there are.
fn newest_order(bank: &Visible<'_, FoodBank>) -> u32 {
    bank.orders.iter().next_back().map_or(0, |order| order.number.number())
}

fn week(bank: &Visible<'_, FoodBank>, offset: UtcOffset, today: Date) -> Week {
    let days = (0..7).map(|back| days_from(today, -back));
    let flows: Vec<Flow> = days.clone().map(|day| day_of(bank, offset, day)).collect();
    let total = |of: fn(&Flow) -> u32| flows.iter().map(of).sum();
    let visits = days.clone().flat_map(|day| bank.visits.by_day(day));
    let households: BTreeSet<_> = visits.map(|visit| &visit.neighbor).collect();
    let mut handed_out: BTreeMap<&Sku, u64> = BTreeMap::new();
    for Handout { sku, items, .. } in days.flat_map(|day| bank.handouts.by_day(day)) {
        *handed_out.entry(sku).or_default() += items;
    }
    let mut top: Vec<_> = handed_out.into_iter().collect();
    top.sort_by_key(|&(sku, items)| (Reverse(items), sku));
    let named = top.into_iter().take(TOP_PRODUCTS).map(|(sku, items)| {
        let product = bank.products.get(sku).expect("products are never removed");
        TopProduct { sku: sku.clone(), name: product.name.clone(), items }
    });
    Week {
        orders: total(|flow| flow.orders),
        cancelled: total(|flow| flow.cancelled),
        handed_over: total(|flow| flow.handed_over),
        households: count(households.iter()),
        items: flows.iter().map(|flow| flow.items).sum(),
        top: named.collect(),
    }
}

/// How it went, day by day, the oldest first.
#[query(scope = Key(STAFF))]
pub struct Days {
    /// How many days, with today.
    pub days: u32,
}

/// What happened in a day, or in an hour of one, as the clock on the wall shows them.
#[value]
pub struct Flow {
    pub day: Date,
    pub hour: Option<u32>,
    /// Orders placed.
    pub orders: u32,
    pub cancelled: u32,
    pub handed_over: u32,
    /// Single items in what was handed over.
    pub items: u64,
}

/// How it went over time.
#[value]
pub struct History {
    pub days: Vec<Flow>,
    /// The last 24 hours.
    pub hours: Vec<Flow>,
}

/// A season: as far back as a chart on a screen can show.
const DAYS_MAX: u32 = 92;

impl Read<FoodBank> for Days {
    type Answer = History;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, asking: &Asking<'_, FoodBank>) -> History {
        let offset = UtcOffset::now(bank.clock.iter());
        let wall = offset.wall(asking.time());
        let back = i32::try_from(self.days.clamp(1, DAYS_MAX)).expect("a season is short") - 1;
        let days = (-back..=0).map(|back| days_from(wall.date(), back));
        let hours = (0..24).rev().map(|back| Timestamp(wall.0 - back * HOUR.0));
        History {
            days: days.map(|day| day_of(bank, offset, day)).collect(),
            hours: hours.map(|at| hour_at(bank, offset, at)).collect(),
        }
    }
}

/// What happened in a day.
fn day_of(bank: &Visible<'_, FoodBank>, offset: UtcOffset, day: Date) -> Flow {
    const DAY: Duration = Duration::from_hours(24);
    let from = day.start().expect("we live between 1970 and 9999");
    let orders = orders_in(bank, offset, from, DAY);
    let mut flow = Flow { day, hour: None, orders, cancelled: 0, handed_over: 0, items: 0 };
    bank.hours.by_day(day).for_each(|hour| flow.add(hour));
    flow
}

/// What happened in the hour that the clock shows then.
fn hour_at(bank: &Visible<'_, FoodBank>, offset: UtcOffset, wall: Timestamp) -> Flow {
    let from = Timestamp(wall.0 - wall.0.rem_euclid(HOUR.0));
    let (day, hour) = (from.date(), hour_of(from));
    let orders = orders_in(bank, offset, from, HOUR);
    let mut flow = Flow { day, hour: Some(hour), orders, cancelled: 0, handed_over: 0, items: 0 };
    if let Some(hour) = bank.hours.get((day, hour)) {
        flow.add(hour);
    }
    flow
}

impl Flow {
    fn add(&mut self, hour: &Hour) {
        self.cancelled += hour.cancelled;
        self.handed_over += hour.handed_over;
        self.items += hour.items;
    }
}

/// How many orders were placed while the clock went so far.
fn orders_in(
    bank: &Visible<'_, FoodBank>,
    offset: UtcOffset,
    from: Timestamp,
    length: Duration,
) -> u32 {
    let until = Timestamp(from.0 + length.0);
    orders_before(bank, offset.moment(until)) - orders_before(bank, offset.moment(from))
}

/// How many orders were placed before a moment. They are numbered as they are placed, without gaps, so
/// the last one before it is found by halving, however many there are.
fn orders_before(bank: &Visible<'_, FoodBank>, moment: Timestamp) -> u32 {
    let (mut before, mut after) = (0, newest_order(bank) + 1);
    while after - before > 1 {
        let middle = before.midpoint(after);
        let order = bank.orders.get(OrderNumber::from(middle)).expect("orders have no gaps");
        if order.placed < moment { before = middle } else { after = middle }
    }
    before
}
