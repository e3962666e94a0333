//! Tallies: by the hours and days of the clock on the wall.

use deeds::testing::Scenario;
use food_bank::*;

use crate::given::*;

fn order(bank: &mut Scenario<FoodBank>, order: u32, neighbor: &str) {
    let (neighbor, items) = (actor(neighbor), vec![item("RICE", 2)]);
    bank.given(OrderPlaced { order: number(order), neighbor, items });
}

/// Handed over with so many, of two that were ordered.
fn hand_over(bank: &mut Scenario<FoodBank>, order: u32, quantity: u32) {
    let (order, sku) = (number(order), sku("RICE"));
    let short = (quantity < 2).then_some(Shortage::NotFound);
    let portions = vec![portion(1, "2027-06-30", quantity)];
    bank.given(OrderClaimed { order, picker: actor("vera") });
    bank.given(LinePicked { order, sku, portions, short });
    bank.given(OrderPacked { order });
    bank.given(OrderHandedOver { order });
}

fn offset(minutes: i32) -> UtcOffset {
    UtcOffset::try_from(minutes).unwrap()
}

/// Orders, cancelled, handed over, items.
fn told(flow: &Flow) -> [u64; 4] {
    [flow.orders.into(), flow.cancelled.into(), flow.handed_over.into(), flow.items]
}

#[test]
fn days_and_hours_count_what_happened_in_them() {
    let mut bank = a_bank();
    order(&mut bank, 1, "nora");
    order(&mut bank, 2, "nils");
    bank.after_seconds(24 * 60 * 60);
    order(&mut bank, 3, "nora");
    hand_over(&mut bank, 1, 2);
    hand_over(&mut bank, 3, 1);
    bank.given(OrderCancelled { order: number(2) });
    bank.as_actor("ada", Role::Admin);
    let History { days, hours } = bank.ask(Days { days: 3 });
    let days: Vec<_> = days.iter().map(told).collect();
    assert_eq!(days, [[0, 0, 0, 0], [2, 0, 0, 0], [1, 1, 2, 3]]);
    assert_eq!(hours.len(), 24);
    assert_eq!(told(hours.last().unwrap()), [1, 1, 2, 3]);
    assert_eq!(hours.iter().map(|hour| hour.orders).sum::<u32>(), 1, "only the last day's");

    let week = bank.ask(Dashboard).last_seven_days;
    assert_eq!((week.orders, week.cancelled, week.handed_over), (3, 1, 2));
    assert_eq!((week.households, week.items), (1, 3), "nora came twice");
    assert_eq!(week.top[0].items, 3);
    bank.as_actor("vera", Role::Volunteer).ask_denied(Days { days: 3 });
}

#[test]
fn a_day_begins_at_midnight_on_the_wall() {
    let mut bank = a_bank();
    bank.given(ClockSet { offset: offset(-8 * 60) });
    bank.as_actor("ada", Role::Admin);
    let in_the_west = bank.ask(Clock).today;
    bank.given(ClockSet { offset: offset(14 * 60) });
    let in_the_east = bank.ask(Clock).today;
    assert!(in_the_west < in_the_east);
    order(&mut bank, 1, "nora");
    let History { days, .. } = bank.ask(Days { days: 1 });
    assert_eq!((days[0].day, days[0].orders), (in_the_east, 1));
}

#[test]
fn food_keeps_until_its_day_is_over_here() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    let today = bank.ask(Clock).today;
    let yesterday = today.checked_add_days(-1).unwrap();
    let lot = |best_before| ReceiveLot { sku: sku("RICE"), quantity: quantity(1), best_before };
    let refusal = ReceiveLotRefusal::Expired { best_before: yesterday };
    bank.when(lot(yesterday)).then_refused(refusal);
    // In the west it is still yesterday.
    bank.when(SetClock { offset: offset(-8 * 60) }).then_accepted();
    bank.when(lot(yesterday)).then_accepted();
}

#[test]
fn a_clock_that_is_set_back_counts_nothing_twice() {
    let mut bank = a_bank();
    bank.given(ClockSet { offset: offset(120) });
    order(&mut bank, 1, "nora");
    hand_over(&mut bank, 1, 2);
    bank.given(ClockSet { offset: offset(60) });
    bank.after_seconds(60 * 60);
    order(&mut bank, 2, "nora");
    hand_over(&mut bank, 2, 1);
    bank.after_seconds(60 * 60);
    order(&mut bank, 3, "nora");
    bank.as_actor("ada", Role::Admin);
    let History { days, hours } = bank.ask(Days { days: 1 });
    assert_eq!(told(&days[0]), [3, 0, 2, 3]);
    let hours: Vec<_> = hours.iter().rev().take(3).map(told).collect();
    assert_eq!(hours, [[1, 0, 0, 0], [1, 0, 2, 3], [1, 0, 0, 0]], "2 o'clock came twice");
}

#[test]
fn only_an_admin_sets_the_clock() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer).when(SetClock { offset: offset(60) }).then_denied();
}
