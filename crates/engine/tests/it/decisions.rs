//! One decision: what it sees, what it answers, what a refusal or a bug takes back.

use deeds::deciding::predict_id;
use deeds::prelude::*;
use deeds::state::State;
use deeds::testing::{Scenario, same_state};
use deeds_values::CommandId;

use crate::shop::{
    Bought, Buy, BuyRefusal, Look, Misbehave, Misdeed, Order, ParcelId, Role, Shop, Stock, Stocked,
    sku,
};

fn stocked(count: u32) -> Scenario<Shop> {
    let mut shop = Scenario::new();
    shop.given(Stocked { sku: sku("mild"), shelf: 1, count });
    shop.as_actor("ada", Role::Customer);
    shop
}

fn buy(skus: &[&str]) -> Buy {
    Buy { skus: skus.iter().map(|text| sku(text)).collect(), address: "1 Elm St".to_owned() }
}

fn left(shop: &Scenario<Shop>) -> u32 {
    shop.state().products.get(sku("mild")).unwrap().left
}

#[test]
fn a_decision_sees_what_it_emitted_a_line_before() {
    let mut shop = stocked(2);
    shop.when(buy(&["mild", "mild", "mild"]))
        .then_refused(BuyRefusal::SoldOut { sku: sku("mild") });
    let parcels = shop.when(buy(&["mild", "mild"])).then_answers();
    assert_eq!(left(&shop), 0);
    let orders: Vec<&Order> = shop.state().orders.iter().collect();
    assert_eq!(orders.iter().map(|order| order.number).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(orders.iter().map(|order| order.parcel).collect::<Vec<_>>(), parcels);
}

#[test]
fn a_refusal_takes_back_what_was_emitted() {
    let mut shop = stocked(2);
    let before = shop.state().freeze();
    shop.when(buy(&["mild", "absent"])).then_refused(BuyRefusal::Unknown { sku: sku("absent") });
    same_state(&before, shop.state()).unwrap();
}

#[test]
fn a_denied_command_is_not_decided() {
    let mut shop = stocked(2);
    shop.when(Stock { sku: sku("mild"), shelf: 1, count: 1 }).then_denied();
    assert_eq!(left(&shop), 2);
    shop.as_actor("kim", Role::Clerk);
    assert_eq!(shop.when(Stock { sku: sku("mild"), shelf: 1, count: 1 }).then_answers(), 3);
}

#[test]
fn a_bug_takes_everything_back_and_says_what_it_was() {
    for (how, words) in [
        (Misdeed::InsertTwice, "Misbehave: products: insert of a row whose key exists already"),
        (Misdeed::UpdateNothing, "Misbehave: products: update of a row that does not exist"),
        (
            Misdeed::UpdateTheKey,
            "Misbehave: products: update changed the key of a row; remove the row and insert another",
        ),
        (Misdeed::RemoveNothing, "Misbehave: products: remove of a row that does not exist"),
        (
            Misdeed::TakeABarcode,
            "Misbehave: products: another row has this value of the unique index `barcode`",
        ),
        (
            Misdeed::RemoveWhatIsReferredTo,
            "Misbehave: products: a row was removed that `orders.product` still refers to",
        ),
        (
            Misdeed::ReferToNothing,
            "Misbehave: orders: `product` refers to a row of `products` that does not exist",
        ),
        (
            Misdeed::ReferToNothingInTheEnd,
            "Misbehave: orders: `product` refers to a row of `products` that does not exist",
        ),
        (Misdeed::BreakTheInvariant, "Misbehave: invariant stock_is_believable: 2000000 of mild"),
        (Misdeed::Panic, "Misbehave: out of beans"),
        (Misdeed::AnswerTooMuch, "Misbehave: its events and answer are 3145782 bytes; 2097152 fit"),
    ] {
        let mut shop = stocked(2);
        let before = shop.state().freeze();
        assert_eq!(shop.when(Misbehave { how }).then_bug(), words);
        same_state(&before, shop.state()).unwrap();
        shop.when(buy(&["mild"])).then_accepted();
    }
}

#[test]
fn a_row_that_others_refer_to_is_not_removed() {
    let mut shop = stocked(2);
    shop.when(buy(&["mild"])).then_accepted();
    let words = shop.when(Misbehave { how: Misdeed::RemoveWhatIsReferredTo }).then_bug();
    assert!(words.contains("refers to"), "{words}");
    assert_eq!(left(&shop), 1);
}

#[test]
fn what_a_row_refers_to_is_there_when_the_command_ends() {
    let mut shop = stocked(2);
    shop.when(Misbehave { how: Misdeed::ReferToNothingForAMoment }).then_accepted();
    assert_eq!(shop.state().orders.len(), 1);
}

#[test]
fn a_decision_is_told_the_same_on_the_same_turn_and_nothing_else() {
    let look = || stocked(1).when(Look).then_answers();
    let (first, again) = (look(), look());
    assert_eq!(first, again);
    assert_ne!(first.ids[0], first.ids[1]);
    assert_ne!(first.randoms[0], first.randoms[1]);
    assert_eq!(first.now.to_string(), "2026-01-01T00:00:00.000000Z");
    assert_eq!(first.who.as_str(), "ada");
    let mut later = stocked(1);
    later.when(Look).then_accepted();
    assert_ne!(later.when(Look).then_answers().randoms, first.randoms);
}

#[test]
fn a_client_can_predict_the_ids_of_its_command() {
    let looked = stocked(1).when(Look).then_answers();
    let id = CommandId::Numbered { source: "scenario".to_owned(), number: looked.position.0 };
    let predicted = [0, 1].map(|number| ParcelId::from(predict_id(&looked.who, &id, number)));
    assert_eq!(looked.ids, predicted);
}

#[test]
fn roles_come_from_the_state_too() {
    let mut shop = stocked(3);
    shop.as_actor("kim", Role::Clerk);
    assert!(!shop.when(Look).then_answers().is_customer);
    shop.when(buy(&["mild"])).then_accepted();
    assert!(shop.when(Look).then_answers().is_customer);
}

#[test]
fn an_event_with_personal_fields_is_replayed_with_them() {
    let mut shop = stocked(1);
    let parcel = shop.when(Look).then_answers().ids[0];
    shop.given(Bought { sku: sku("mild"), parcel, address: "1 Elm St".to_owned() });
    assert_eq!(shop.state().orders.iter().map(|order| order.parcel).collect::<Vec<_>>(), [parcel]);
}
