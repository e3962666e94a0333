//! Lots: received, counted, written off.

use food_bank::*;

use crate::given::*;

#[test]
fn a_lot_that_was_received_can_be_ordered() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer);
    let best_before = date("2026-01-01");
    bank.when(ReceiveLot { sku: sku("RICE"), quantity: quantity(8), best_before }).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [20, 0, 0, 20]);
}

#[test]
fn a_lot_is_of_a_known_product() {
    let mut bank = a_bank();
    let best_before = date("2026-02-01");
    bank.as_actor("vera", Role::Volunteer)
        .when(ReceiveLot { sku: sku("CAVIAR"), quantity: quantity(1), best_before })
        .then_refused(ReceiveLotRefusal::UnknownProduct { sku: sku("CAVIAR") });
}

#[test]
fn expired_food_is_not_received() {
    let mut bank = a_bank();
    let best_before = date("2025-12-31");
    bank.as_actor("vera", Role::Volunteer)
        .when(ReceiveLot { sku: sku("RICE"), quantity: quantity(1), best_before })
        .then_refused(ReceiveLotRefusal::Expired { best_before });
}

#[test]
fn neighbors_do_not_write_the_books() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    let best_before = date("2026-02-01");
    bank.when(ReceiveLot { sku: sku("RICE"), quantity: quantity(1), best_before }).then_denied();
    bank.when(WriteOffExpired).then_denied();
    bank.when(CountLot { lot: lot(1), counted: 0, seen: None }).then_denied();
}

#[test]
fn the_books_follow_the_count() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    bank.when(CountLot { lot: lot(1), counted: 7, seen: None }).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [9, 0, 0, 9]);
    bank.when(CountLot { lot: lot(1), counted: 0, seen: None }).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [2, 0, 0, 2]);
    bank.when(CountLot { lot: lot(1), counted: 4, seen: None })
        .then_refused(CountLotRefusal::UnknownLot);
}

#[test]
fn nobody_counts_to_a_million() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin)
        .when(CountLot { lot: lot(1), counted: 1_000_000, seen: None })
        .then_refused(CountLotRefusal::TooMany { counted: 1_000_000, max: 100_000 });
}

#[test]
fn what_has_expired_is_written_off_and_nothing_else() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer);
    bank.when(WriteOffExpired).then_refused(WriteOffRefusal::NothingExpired);
    // The rice with best before 2 January is good on that day, and not on the next.
    bank.after_seconds(DAY);
    bank.when(WriteOffExpired).then_refused(WriteOffRefusal::NothingExpired);
    bank.after_seconds(DAY);
    let written_off = bank.when(WriteOffExpired).then_answers();
    assert_eq!(written_off, WrittenOff { lots: 1, items: 2 });
    assert_eq!(counts(&bank, "RICE"), [10, 0, 0, 10]);
}

#[test]
fn nothing_is_available_when_more_was_promised_than_is_left() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("ada", Role::Admin);
    bank.when(CountLot { lot: lot(1), counted: 0, seen: None }).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [2, 0, 3, 0]);
}

const DAY: i64 = 24 * 60 * 60;

#[test]
fn a_count_that_began_before_somebody_took_some_out_is_made_again() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    let count = |seen, counted| CountLot { lot: lot(1), counted, seen: Some(seen) };
    bank.when(count(10, 8)).then_accepted();
    bank.when(count(10, 9)).then_refused(CountLotRefusal::MovedMeanwhile { seen: 10, now: 8 });
    bank.when(count(8, 9)).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [11, 0, 0, 11]);
}
