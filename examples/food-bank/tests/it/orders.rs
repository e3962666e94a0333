//! Orders: placed, checked out, cancelled.

use food_bank::*;

use crate::given::*;

fn order(items: &[(&str, u32)]) -> PlaceOrder {
    PlaceOrder { lines: list(items) }
}

#[test]
fn orders_are_numbered_without_gaps() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(order(&[("RICE", 1), ("MILK", 1)])).then_emits(OrderPlaced {
        order: number(1),
        neighbor: actor("nora"),
        items: vec![item("RICE", 1), item("MILK", 1)],
    });
    bank.when(order(&[("RICE", 100)]))
        .then_refused(ItemRefusal::NotEnough { sku: sku("RICE"), left: 11 });
    assert_eq!(bank.when(order(&[("RICE", 11)])).then_answers(), Receipt { order: number(2) });
    assert_eq!(counts(&bank, "RICE"), [12, 0, 12, 0]);
}

#[test]
fn an_order_is_placed_whole_or_not_at_all() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor)
        .when(order(&[("RICE", 1), ("CAVIAR", 1)]))
        .then_refused(ItemRefusal::UnknownProduct { sku: sku("CAVIAR") });
    assert_eq!(counts(&bank, "RICE"), [12, 0, 0, 12]);
}

#[test]
fn a_limit_is_for_seven_days() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("nora", Role::Neighbor);
    let refusal = ItemRefusal::HouseholdLimit { sku: sku("MILK"), limit: 2, had: 1 };
    bank.when(order(&[("MILK", 2)])).then_refused(refusal);
    bank.after_seconds(7 * 24 * 60 * 60);
    bank.when(order(&[("MILK", 2)])).then_accepted();
}

#[test]
fn a_limit_is_for_each_household() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("nils", Role::Neighbor).when(order(&[("MILK", 2)])).then_accepted();
}

#[test]
fn a_cancelled_order_does_not_count_for_the_limit() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(CancelOrder { order: number(1) }).then_accepted();
    bank.when(order(&[("MILK", 2)])).then_accepted();
}

#[test]
fn only_neighbors_order() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer);
    bank.when(order(&[("RICE", 1)])).then_denied();
    bank.when(AddToCart { sku: sku("RICE"), quantity: quantity(1) }).then_denied();
    bank.when(Checkout).then_denied();
}

#[test]
fn a_cart_becomes_an_order() {
    let mut bank = a_bank();
    bank.given(ItemReserved { neighbor: actor("nora"), item: item("RICE", 4) });
    bank.given(ItemReserved { neighbor: actor("nora"), item: item("MILK", 2) });
    bank.as_actor("nora", Role::Neighbor);
    assert_eq!(bank.when(Checkout).then_answers(), Receipt { order: number(1) });
    assert_eq!(counts(&bank, "RICE"), [12, 0, 4, 8]);
    bank.when(Checkout).then_refused(CheckoutRefusal::EmptyCart);
}

#[test]
fn a_cart_is_not_checked_out_when_its_food_is_gone() {
    let mut bank = a_bank();
    bank.given(ItemReserved { neighbor: actor("nora"), item: item("RICE", 4) });
    bank.given(LotCounted { lot: lot(1), counted: 1 });
    bank.as_actor("nora", Role::Neighbor)
        .when(Checkout)
        .then_refused(CheckoutRefusal::NoLongerThere { sku: sku("RICE"), left: 3 });
    // Nothing was taken out of the cart either.
    assert_eq!(counts(&bank, "RICE"), [3, 4, 0, 0]);
}

#[test]
fn cancelling_puts_everything_back() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("nora", Role::Neighbor)
        .when(CancelOrder { order: number(1) })
        .then_emits(OrderCancelled { order: number(1) });
    assert_eq!(counts(&bank, "RICE"), [12, 0, 0, 12]);
    assert_eq!(counts(&bank, "MILK"), [5, 0, 0, 5]);
}

#[test]
fn an_order_is_cancelled_once() {
    let mut bank = a_bank_with_an_order();
    bank.given(OrderCancelled { order: number(1) });
    bank.as_actor("nora", Role::Neighbor)
        .when(CancelOrder { order: number(1) })
        .then_refused(CancelRefusal::AlreadyCancelled { order: number(1) });
}

#[test]
fn one_cancels_ones_own_order() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("nils", Role::Neighbor).when(CancelOrder { order: number(1) }).then_denied();
    bank.as_actor("nils", Role::Neighbor).when(CancelOrder { order: number(2) }).then_denied();
    bank.as_actor("vera", Role::Volunteer)
        .when(CancelOrder { order: number(2) })
        .then_refused(CancelRefusal::UnknownOrder { order: number(2) });
}

#[test]
fn once_it_is_being_picked_only_the_staff_cancel_it() {
    let mut bank = a_bank_with_an_order();
    bank.given(OrderClaimed { order: number(1), picker: actor("vera") });
    bank.given(LinePicked {
        order: number(1),
        sku: sku("RICE"),
        portions: vec![portion(2, "2026-01-02", 2), portion(1, "2027-06-30", 1)],
        short: None,
    });
    bank.as_actor("nora", Role::Neighbor)
        .when(CancelOrder { order: number(1) })
        .then_refused(CancelRefusal::AlreadyPicked { order: number(1) });
    bank.as_actor("vera", Role::Volunteer).when(CancelOrder { order: number(1) }).then_accepted();
    // The lot that was used up is back as well.
    assert_eq!(counts(&bank, "RICE"), [12, 0, 0, 12]);
}

#[test]
fn what_was_handed_over_is_not_cancelled() {
    let mut bank = a_bank_with_an_order();
    bank.given(OrderClaimed { order: number(1), picker: actor("vera") });
    for name in ["RICE", "MILK"] {
        bank.given(LinePicked { order: number(1), sku: sku(name), portions: vec![], short: None });
    }
    bank.given(OrderPacked { order: number(1) });
    bank.given(OrderHandedOver { order: number(1) });
    bank.as_actor("vera", Role::Volunteer)
        .when(CancelOrder { order: number(1) })
        .then_refused(CancelRefusal::HandedOver { order: number(1) });
}
