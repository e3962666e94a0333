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
        let today = UtcOffset::now(bank.clock.iter()).wall(asking.time()).date();
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
            last_seven_days: week(bank, today),
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

fn week(bank: &Visible<'_, FoodBank>, today: Date) -> Week {
    let days = (0..7).map(|back| days_from(today, -back));
    let mut sum = Flow::nothing(today, None);
    for flow in flows(bank, days_from(today, -6)) {
        sum.add(&flow);
    }
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
        orders: sum.orders,
        cancelled: sum.cancelled,
        handed_over: sum.handed_over,
        households: count(households.iter()),
        items: sum.items,
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
        let wall = UtcOffset::now(bank.clock.iter()).wall(asking.time());
        let today = wall.date();
        let back = i32::try_from(self.days.clamp(1, DAYS_MAX)).expect("a season is short") - 1;
        let days = (-back..=0).map(|back| days_from(today, back));
        let mut days: BTreeMap<_, _> = days.map(|day| (day, Flow::nothing(day, None))).collect();
        let hours = (0..24).map(|back| Timestamp(wall.0 - back * HOUR.0));
        let hours = hours.map(|at| (at.date(), Some(hour_of(at))));
        let mut hours: BTreeMap<_, _> =
            hours.map(|(day, hour)| ((day, hour), Flow::nothing(day, hour))).collect();
        // The last 24 hours may begin yesterday, also when only today is asked for.
        for flow in flows(bank, days_from(today, -back.max(1))) {
            let of_day = days.get_mut(&flow.day);
            let of_hour = hours.get_mut(&(flow.day, flow.hour));
            for sum in of_day.into_iter().chain(of_hour) {
                sum.add(&flow);
            }
        }
        History { days: days.into_values().collect(), hours: hours.into_values().collect() }
    }
}

impl Flow {
    fn nothing(day: Date, hour: Option<u32>) -> Self {
        Self { day, hour, orders: 0, cancelled: 0, handed_over: 0, items: 0 }
    }

    fn add(&mut self, other: &Self) {
        self.orders += other.orders;
        self.cancelled += other.cancelled;
        self.handed_over += other.handed_over;
        self.items += other.items;
    }
}

/// The hours since a day began, in which something happened, the oldest first.
fn flows(bank: &Visible<'_, FoodBank>, since: Date) -> Vec<Flow> {
    let mut next_order = newest_order(bank) + 1;
    let newest_first = bank.hours.iter().rev().take_while(|hour| hour.day >= since);
    let flow = |hour: &Hour| {
        let first_order = hour.first_order.number();
        let orders = next_order - first_order;
        next_order = first_order;
        let &Hour { day, hour, cancelled, handed_over, items, .. } = hour;
        Flow { day, hour: Some(hour), orders, cancelled, handed_over, items }
    };
    let mut flows: Vec<Flow> = newest_first.map(flow).collect();
    flows.reverse();
    flows
}
