//! The dashboard: the numbers on the screen in the office.

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

/// What was ordered in the last seven days.
#[value]
pub struct Week {
    pub orders: u32,
    pub cancelled: u32,
    pub households: u32,
    pub items: u64,
    /// What was ordered most.
    pub top: Vec<TopProduct>,
}

/// A product that many wanted.
#[value]
pub struct TopProduct {
    pub sku: Sku,
    pub name: String,
    pub items: u64,
}

/// How many products lead the list.
const TOP_PRODUCTS: usize = 10;

/// How many of the newest orders are looked at: enough for the week of the largest food bank.
const ORDERS_MAX: usize = 20_000;

impl Read<FoodBank> for Dashboard {
    type Answer = Numbers;

    fn authorize(&self, actor: &Actor, _: &FoodBank) -> Access {
        actor.requires(Role::Admin)
    }

    fn read(&self, bank: &Visible<'_, FoodBank>, asking: &Asking<'_, FoodBank>) -> Numbers {
        let in_a_week =
            asking.time().checked_add(LIMIT_PERIOD).expect("not the end of time").date();
        let orders = |status| count(bank.orders.by_status(status));
        Numbers {
            neighbors: count(bank.neighbors.iter()),
            products: count(bank.products.iter()),
            products_out: count(bank.products.iter().filter(|product| product.available() == 0)),
            items_on_hand: sum(bank.products.iter().map(|product| product.on_hand)),
            items_in_carts: sum(bank.products.iter().map(|product| product.reserved)),
            items_promised: sum(bank.products.iter().map(|product| product.promised)),
            items_expiring: sum(bank.lots.by_best_before_in(..=in_a_week).map(|lot| lot.quantity)),
            orders_ever: count(bank.orders.iter()),
            orders_placed: orders(Status::Placed),
            orders_in_picking: orders(Status::Picking),
            orders_packed: orders(Status::Packed),
            last_seven_days: week(bank, asking.time()),
        }
    }
}

fn sum(quantities: impl Iterator<Item = u32>) -> u64 {
    quantities.map(u64::from).sum()
}

fn count<T>(rows: impl Iterator<Item = T>) -> u32 {
    u32::try_from(rows.count()).expect("far fewer than four billion")
}

fn week(bank: &Visible<'_, FoodBank>, now: Timestamp) -> Week {
    let recent = |order: &&Order| now.since(order.placed) < LIMIT_PERIOD;
    let mut week = Week { orders: 0, cancelled: 0, households: 0, items: 0, top: Vec::new() };
    let mut households = BTreeSet::new();
    let mut wanted: BTreeMap<&Sku, u64> = BTreeMap::new();
    for order in bank.orders.iter().rev().take(ORDERS_MAX).take_while(recent) {
        if order.status == Status::Cancelled {
            week.cancelled += 1;
            continue;
        }
        week.orders += 1;
        households.insert(&order.neighbor);
        for line in bank.order_lines.by_order(order.number) {
            week.items += u64::from(line.quantity);
            *wanted.entry(&line.sku).or_default() += u64::from(line.quantity);
        }
    }
    week.households = count(households.iter());

    let mut wanted: Vec<_> = wanted.into_iter().collect();
    wanted.sort_by_key(|&(sku, items)| (std::cmp::Reverse(items), sku));
    let named = wanted.into_iter().take(TOP_PRODUCTS).map(|(sku, items)| {
        let product = bank.products.get(sku).expect("products are never removed");
        TopProduct { sku: sku.clone(), name: product.name.clone(), items }
    });
    week.top = named.collect();
    week
}

/// How it went, day by day, the oldest first.
#[query(scope = Key(STAFF))]
pub struct Days {
    /// How many days, with today.
    pub days: u32,
}

/// A day, or an hour of one.
#[value]
pub struct Flow {
    /// When it began.
    pub from: Timestamp,
    pub orders: u32,
    pub items: u64,
    pub cancelled: u32,
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
        const HOUR: Duration = Duration::from_hours(1);
        const DAY: Duration = Duration::from_hours(24);
        let days = self.days.clamp(1, DAYS_MAX);
        let mut history = History {
            days: empty(days, DAY, asking.time()),
            hours: empty(24, HOUR, asking.time()),
        };
        let oldest = history.days[0].from.min(history.hours[0].from);
        let recent = |order: &&Order| order.placed >= oldest;
        for order in bank.orders.iter().rev().take(ORDERS_MAX).take_while(recent) {
            let items = bank.order_lines.by_order(order.number).map(|line| line.quantity);
            let items = sum(items);
            for flows in [&mut history.days, &mut history.hours] {
                let after = flows.partition_point(|flow| flow.from <= order.placed);
                let Some(flow) = after.checked_sub(1).map(|at| &mut flows[at]) else { continue };
                match order.status {
                    Status::Cancelled => flow.cancelled += 1,
                    _ => (flow.orders, flow.items) = (flow.orders + 1, flow.items + items),
                }
            }
        }
        history
    }
}

/// So many stretches of time, the last one with now in it, in which nothing has happened.
fn empty(number: u32, length: Duration, now: Timestamp) -> Vec<Flow> {
    let last = now.0 - now.0.rem_euclid(length.0);
    let begins = (0..i64::from(number)).rev().map(|back| Timestamp(last - back * length.0));
    begins.map(|from| Flow { from, orders: 0, items: 0, cancelled: 0 }).collect()
}
