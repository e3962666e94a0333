//! Donations: a crate is taken in whole, or not at all.

use food_bank::*;

use crate::given::*;

fn received(name: &str, number: u32, best_before: &str) -> Received {
    Received { sku: sku(name), quantity: quantity(number), best_before: date(best_before) }
}

fn donation(food: Vec<Received>) -> ReceiveDonation {
    ReceiveDonation { from: "Corner bakery".to_owned(), food }
}

#[test]
fn a_crate_becomes_lots_and_stands_in_the_book() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer);
    let food = vec![received("RICE", 5, "2027-01-01"), received("MILK", 2, "2026-02-01")];
    let first = bank.when(donation(food)).then_answers();
    let second = bank.when(donation(vec![received("RICE", 1, "2027-01-01")])).then_answers();
    assert_eq!([first, second], [DonationNumber::from(1), DonationNumber::from(2)]);
    assert_eq!([counts(&bank, "RICE")[0], counts(&bank, "MILK")[0]], [18, 7]);

    let book = bank.ask(Donations);
    let told: Vec<_> = book.iter().map(|one| (one.number, one.lots, one.items)).collect();
    assert_eq!(told, [(second, 1, 1), (first, 2, 7)]);
    assert_eq!((book[1].from.as_str(), &book[1].by), ("Corner bakery", &actor("vera")));
}

#[test]
fn one_wrong_line_and_none_of_it_is_taken_in() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer);
    let good = || received("RICE", 5, "2027-01-01");
    bank.when(donation(vec![good(), received("CAVIAR", 1, "2027-01-01")]))
        .then_refused(DonationRefusal::UnknownProduct { sku: sku("CAVIAR") });
    let (sku, best_before) = (sku("MILK"), date("2020-01-01"));
    bank.when(donation(vec![good(), received("MILK", 1, "2020-01-01")]))
        .then_refused(DonationRefusal::Expired { sku, best_before });
    bank.when(donation(vec![])).then_refused(DonationRefusal::Nothing);
    let lorry = (0..201).map(|_| good()).collect();
    bank.when(donation(lorry)).then_refused(DonationRefusal::TooMany { max: 200 });
    assert_eq!(counts(&bank, "RICE")[0], 12);
    assert!(bank.ask(Donations).is_empty());
    bank.as_actor("nora", Role::Neighbor).when(donation(vec![good()])).then_denied();
}
