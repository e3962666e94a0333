//! Picking: claimed, picked, packed, handed over.

use deeds::testing::Scenario;
use food_bank::*;

use crate::given::*;

const ORDER: u32 = 1;

fn claimed_by_vera() -> Scenario<FoodBank> {
    let mut bank = a_bank_with_an_order();
    bank.given(OrderClaimed { order: number(ORDER), picker: actor("vera") });
    bank.as_actor("vera", Role::Volunteer);
    bank
}

fn claim() -> ClaimOrder {
    ClaimOrder { order: number(ORDER) }
}

fn pick(name: &str, quantity: u32) -> PickLine {
    PickLine { order: number(ORDER), sku: sku(name), quantity, short: None }
}

fn pick_only(name: &str, quantity: u32, short: Shortage) -> PickLine {
    PickLine { short: Some(short), ..pick(name, quantity) }
}

#[test]
fn two_volunteers_never_claim_the_same_order() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("vera", Role::Volunteer).when(claim()).then_accepted();
    bank.as_actor("viktor", Role::Volunteer)
        .when(claim())
        .then_refused(PickRefusal::AlreadyClaimed { order: number(ORDER), picker: actor("vera") });
}

#[test]
fn there_is_no_such_order() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer)
        .when(claim())
        .then_refused(PickRefusal::UnknownOrder { order: number(ORDER) });
}

#[test]
fn a_cancelled_order_is_not_picked() {
    let mut bank = a_bank_with_an_order();
    bank.given(OrderCancelled { order: number(ORDER) });
    bank.as_actor("vera", Role::Volunteer)
        .when(claim())
        .then_refused(PickRefusal::OutOfTurn { order: number(ORDER), status: Status::Cancelled });
}

#[test]
fn neighbors_do_not_pick() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(claim()).then_denied();
    bank.when(pick("RICE", 1)).then_denied();
    bank.when(GiveBackOrder { order: number(ORDER) }).then_denied();
    bank.when(PackOrder { order: number(ORDER) }).then_denied();
    bank.when(HandOver { order: number(ORDER) }).then_denied();
}

#[test]
fn the_lots_that_expire_first_are_taken_first() {
    let mut bank = claimed_by_vera();
    let portions = bank.when(pick("RICE", 3)).then_answers();
    assert_eq!(portions, [portion(2, "2026-01-02", 2), portion(1, "2027-06-30", 1)]);
    assert_eq!(counts(&bank, "RICE"), [9, 0, 0, 9]);
}

#[test]
fn expired_lots_are_not_handed_out() {
    let mut bank = claimed_by_vera();
    bank.after_seconds(2 * 24 * 60 * 60);
    let portions = bank.when(pick("RICE", 3)).then_answers();
    assert_eq!(portions, [portion(1, "2027-06-30", 3)]);
}

#[test]
fn no_more_is_picked_than_is_fresh() {
    let mut bank = claimed_by_vera();
    bank.given(LotCounted { lot: lot(1), counted: 0 });
    bank.when(pick("RICE", 3))
        .then_refused(PickRefusal::NotEnoughFresh { sku: sku("RICE"), fresh: 2 });
    // Better a little than nothing.
    bank.when(pick_only("RICE", 2, Shortage::NotFound)).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [0, 0, 0, 0]);
}

#[test]
fn one_picks_what_was_ordered() {
    let mut bank = claimed_by_vera();
    bank.given(product("BEANS", Category::Canned, "2000000070018", None));
    bank.when(pick("BEANS", 1))
        .then_refused(PickRefusal::NotOrdered { order: number(ORDER), sku: sku("BEANS") });
    bank.when(pick("RICE", 4)).then_refused(PickRefusal::TooMany { sku: sku("RICE"), ordered: 3 });
    bank.when(pick("RICE", 3)).then_accepted();
    bank.when(pick("RICE", 3)).then_refused(PickRefusal::AlreadyPicked { sku: sku("RICE") });
}

#[test]
fn whoever_picks_less_says_why_and_the_neighbor_reads_it() {
    let mut bank = claimed_by_vera();
    bank.when(pick("RICE", 2)).then_refused(PickRefusal::NoReason { sku: sku("RICE") });
    bank.when(pick_only("RICE", 2, Shortage::Damaged)).then_accepted();
    // All of it was there: a reason given by mistake is none.
    bank.when(pick_only("MILK", 1, Shortage::Expired)).then_accepted();

    bank.as_actor("nora", Role::Neighbor);
    let order = bank.ask(OrderByNumber { number: number(ORDER) }).unwrap();
    let told: Vec<_> = order.lines.iter().map(|line| (line.picked, line.short)).collect();
    assert_eq!(told, [(Some(1), None), (Some(2), Some(Shortage::Damaged))]);

    bank.given(OrderGivenBack { order: number(ORDER) });
    let order = bank.ask(OrderByNumber { number: number(ORDER) }).unwrap();
    assert!(order.lines.iter().all(|line| line.picked.is_none() && line.short.is_none()));
}

#[test]
fn one_picks_ones_own_order() {
    let mut bank = claimed_by_vera();
    let hers = PickRefusal::AlreadyClaimed { order: number(ORDER), picker: actor("vera") };
    bank.as_actor("viktor", Role::Volunteer);
    bank.when(pick("RICE", 3)).then_refused(hers.clone());
    bank.when(PackOrder { order: number(ORDER) }).then_refused(hers.clone());
    bank.when(GiveBackOrder { order: number(ORDER) }).then_refused(hers);
}

#[test]
fn an_order_is_packed_when_every_line_is_picked() {
    let mut bank = claimed_by_vera();
    bank.when(pick("RICE", 3)).then_accepted();
    bank.when(PackOrder { order: number(ORDER) })
        .then_refused(PickRefusal::NotDone { order: number(ORDER), left: 1 });
    // The milk was nowhere to be found.
    bank.when(pick_only("MILK", 0, Shortage::NotFound)).then_accepted();
    bank.when(PackOrder { order: number(ORDER) }).then_emits(OrderPacked { order: number(ORDER) });
    assert_eq!(counts(&bank, "MILK"), [5, 0, 0, 5]);
}

#[test]
fn only_a_packed_order_is_handed_over() {
    let mut bank = claimed_by_vera();
    let hand_over = || HandOver { order: number(ORDER) };
    bank.when(hand_over())
        .then_refused(PickRefusal::OutOfTurn { order: number(ORDER), status: Status::Picking });
    bank.when(pick("RICE", 3)).then_accepted();
    bank.when(pick("MILK", 1)).then_accepted();
    bank.when(PackOrder { order: number(ORDER) }).then_accepted();
    bank.when(hand_over()).then_emits(OrderHandedOver { order: number(ORDER) });
    bank.when(hand_over())
        .then_refused(PickRefusal::OutOfTurn { order: number(ORDER), status: Status::HandedOver });
}

#[test]
fn what_is_given_back_can_be_picked_by_another() {
    let mut bank = claimed_by_vera();
    bank.when(pick("RICE", 3)).then_accepted();
    bank.when(GiveBackOrder { order: number(ORDER) })
        .then_emits(OrderGivenBack { order: number(ORDER) });
    assert_eq!(counts(&bank, "RICE"), [12, 0, 3, 9]);
    bank.as_actor("viktor", Role::Volunteer).when(claim()).then_accepted();
}

#[test]
fn an_admin_gives_back_what_a_volunteer_has_left_lying() {
    let mut bank = claimed_by_vera();
    bank.as_actor("ada", Role::Admin).when(GiveBackOrder { order: number(ORDER) }).then_accepted();
}
