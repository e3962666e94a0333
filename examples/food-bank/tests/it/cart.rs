//! Carts: filled, emptied, forgotten.

use food_bank::*;

use crate::given::*;

fn add(name: &str, number: u32) -> AddToCart {
    AddToCart { sku: sku(name), quantity: quantity(number) }
}

#[test]
fn adding_again_adds_up() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(add("RICE", 2))
        .then_emits(ItemReserved { neighbor: actor("nora"), item: item("RICE", 2) });
    let line = bank.when(add("RICE", 3)).then_answers();
    assert_eq!(line.quantity, 5);
    assert_eq!(counts(&bank, "RICE"), [12, 5, 0, 7]);
}

#[test]
fn there_is_no_such_product() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor)
        .when(add("CAVIAR", 1))
        .then_refused(ItemRefusal::UnknownProduct { sku: sku("CAVIAR") });
}

#[test]
fn no_more_than_there_is() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor)
        .when(add("RICE", 13))
        .then_refused(ItemRefusal::NotEnough { sku: sku("RICE"), left: 12 });
}

#[test]
fn a_limit_counts_what_is_in_the_cart() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(add("MILK", 1)).then_accepted();
    bank.when(add("MILK", 2)).then_refused(ItemRefusal::HouseholdLimit {
        sku: sku("MILK"),
        limit: 2,
        had: 1,
    });
}

#[test]
fn a_refusal_says_in_words_what_is_wrong() {
    let refusal = ItemRefusal::HouseholdLimit { sku: sku("MILK"), limit: 2, had: 1 };
    assert_eq!(
        refusal.to_string(),
        "One household may have 2 of MILK in seven days, and you have 1 already."
    );
}

#[test]
fn what_is_taken_out_is_available_again() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(add("RICE", 5)).then_accepted();
    bank.when(RemoveFromCart { sku: sku("RICE"), quantity: None }).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [12, 0, 0, 12]);
    bank.when(RemoveFromCart { sku: sku("RICE"), quantity: None })
        .then_refused(RemoveFromCartRefusal::NotInCart { sku: sku("RICE") });
}

#[test]
fn one_cannot_reach_into_another_cart() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(add("RICE", 5)).then_accepted();
    bank.as_actor("nils", Role::Neighbor);
    bank.when(RemoveFromCart { sku: sku("RICE"), quantity: None })
        .then_refused(RemoveFromCartRefusal::NotInCart { sku: sku("RICE") });
}

#[test]
fn a_forgotten_cart_is_emptied_and_a_fresh_one_is_not() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor).when(add("RICE", 5)).then_accepted();
    bank.after_seconds(3 * HOUR);
    bank.as_actor("nils", Role::Neighbor).when(add("RICE", 1)).then_accepted();
    bank.as_actor("vera", Role::Volunteer);
    assert_eq!(bank.when(EmptyAbandonedCarts).then_answers(), 0);
    bank.after_seconds(2 * HOUR);
    assert_eq!(bank.when(EmptyAbandonedCarts).then_answers(), 1);
    assert_eq!(counts(&bank, "RICE"), [12, 1, 0, 11]);
}

const HOUR: i64 = 60 * 60;

#[test]
fn a_line_can_be_lowered_and_is_gone_when_nothing_is_left() {
    let mut bank = a_bank();
    bank.given(ItemReserved { neighbor: actor("nora"), item: item("RICE", 3) });
    bank.as_actor("nora", Role::Neighbor);
    let fewer = |number| RemoveFromCart { sku: sku("RICE"), quantity: Some(quantity(number)) };
    bank.when(fewer(1)).then_emits(ItemLowered { neighbor: actor("nora"), item: item("RICE", 1) });
    assert_eq!(counts(&bank, "RICE"), [12, 2, 0, 10]);
    bank.when(fewer(5)).then_emits(ItemReleased { neighbor: actor("nora"), sku: sku("RICE") });
    assert_eq!(counts(&bank, "RICE"), [12, 0, 0, 12]);
}
