//! What must be true after every command, whatever was asked for.
//!
//! Tests check all of these after each command; they may look at every row. None of them is needed
//! for the app to run: they are here to find the command or event that is wrong.
//!
//! Stock is never negative: quantities are unsigned, and taking more than there is panics, which
//! takes the command back (arithmetic is checked in release builds too, see the workspace's
//! `Cargo.toml`).

use std::collections::BTreeMap;

use deeds::prelude::*;

use crate::*;

/// The sums by product are those that the products name.
fn sums_match(
    bank: &FoodBank,
    what: &str,
    named: impl Fn(&Product) -> u32,
    quantities: impl Iterator<Item = (Sku, u32)>,
) -> Result<(), String> {
    let mut sums = BTreeMap::new();
    for (sku, quantity) in quantities {
        *sums.entry(sku).or_insert(0) += quantity;
    }
    for product in bank.products.iter() {
        let (named, sum) = (named(product), sums.remove(&product.sku).unwrap_or(0));
        if named != sum {
            return Err(format!("{}: {named} {what}, but it is {sum}", product.sku));
        }
    }
    sums.keys().next().map_or(Ok(()), |sku| Err(format!("{sku}: {what}, but there is no product")))
}

/// A product's `on_hand` is the sum of its lots.
pub(crate) fn what_is_on_hand_is_in_lots(bank: &FoodBank) -> Result<(), String> {
    let lots = bank.lots.iter().map(|lot| (lot.sku.clone(), lot.quantity));
    sums_match(bank, "on hand", |product| product.on_hand, lots)
}

/// A product's `reserved` is the sum of the cart lines.
pub(crate) fn what_is_reserved_is_in_carts(bank: &FoodBank) -> Result<(), String> {
    let lines = bank.cart_lines.iter().map(|line| (line.sku.clone(), line.quantity));
    sums_match(bank, "reserved", |product| product.reserved, lines)
}

/// A product's `promised` is the sum of what is ordered and neither picked nor cancelled.
pub(crate) fn what_is_promised_is_in_open_orders(bank: &FoodBank) -> Result<(), String> {
    let open = bank.orders.iter().filter(|order| order.status != Status::Cancelled);
    let lines = open.flat_map(|order| bank.order_lines.by_order(order.number));
    let waiting = lines.filter(|line| line.picked.is_none());
    let quantities = waiting.map(|line| (line.sku.clone(), line.quantity));
    sums_match(bank, "promised", |product| product.promised, quantities)
}

/// Orders are numbered 1, 2, 3, ...
pub(crate) fn order_numbers_have_no_gaps(bank: &FoodBank) -> Result<(), String> {
    for (expected, order) in (1_u32..).zip(bank.orders.iter()) {
        if order.number != expected.into() {
            return Err(format!("order {} is where {expected} should be", order.number));
        }
    }
    Ok(())
}

/// Nobody picks a placed or cancelled order; a packed one was picked by somebody, all of it.
pub(crate) fn every_order_is_in_good_order(bank: &FoodBank) -> Result<(), String> {
    let sound = |order: &Order| {
        let mut lines = bank.order_lines.by_order(order.number);
        match order.status {
            Status::Placed => order.picker.is_none() && lines.all(|line| line.picked.is_none()),
            Status::Picking => order.picker.is_some(),
            Status::Packed | Status::HandedOver => {
                order.picker.is_some() && lines.all(|line| line.picked.is_some())
            }
            Status::Cancelled => lines.all(|line| line.picked.is_none()),
        }
    };
    match bank.orders.iter().find(|order| !sound(order)) {
        Some(order) => Err(format!("order {} is not fit to be {}", order.number, order.status)),
        None => Ok(()),
    }
}

/// A lot, a cart line and an order line are of something.
pub(crate) fn nothing_is_kept_that_is_empty(bank: &FoodBank) -> Result<(), String> {
    let empty = bank.lots.iter().any(|lot| lot.quantity == 0)
        || bank.cart_lines.iter().any(|line| line.quantity == 0)
        || bank.order_lines.iter().any(|line| line.quantity == 0)
        || bank.orders.iter().any(|order| bank.order_lines.by_order(order.number).next().is_none())
        || bank.staff.iter().any(|member| member.roles.is_empty());
    if empty { Err("something of nothing is kept".to_owned()) } else { Ok(()) }
}

/// Each tally says what counting all orders says.
pub(crate) fn tallies_are_what_one_would_count(bank: &FoodBank) -> Result<(), String> {
    let orders = || bank.orders.iter().filter(|order| order.status == Status::HandedOver);
    let lines = orders().flat_map(|order| bank.order_lines.by_order(order.number));
    let counted = (orders().count(), lines.map(|line| u64::from(line.counts())).sum::<u64>());
    let by_hour = (
        bank.hours.iter().map(|hour| hour.handed_over as usize).sum(),
        bank.hours.iter().map(|hour| hour.items).sum(),
    );
    let by_visit = (
        bank.visits.iter().map(|visit| visit.orders as usize).sum(),
        bank.visits.iter().map(|visit| visit.items).sum(),
    );
    let by_product = (counted.0, bank.handouts.iter().map(|handout| handout.items).sum());
    let cancelled = bank.orders.by_status(Status::Cancelled).count();
    let cancelled_by_hour: usize = bank.hours.iter().map(|hour| hour.cancelled as usize).sum();
    if [by_hour, by_visit, by_product] != [counted; 3] || cancelled != cancelled_by_hour {
        return Err(format!("{counted:?} were handed over; by tallies {by_hour:?}, {by_visit:?}"));
    }
    Ok(())
}
