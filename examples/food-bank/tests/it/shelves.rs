//! Shelves: where things lie, for those who work here.

use food_bank::*;

use crate::given::*;

fn assign(name: &str, mark: Option<&str>) -> AssignShelf {
    AssignShelf { sku: sku(name), shelf: mark.map(shelf) }
}

#[test]
fn a_picker_is_told_the_shelf_and_the_neighbor_is_not() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("vera", Role::Volunteer);
    bank.when(assign("RICE", Some("F-02"))).then_accepted();
    let shelves = |order: &OrderView| -> Vec<Option<ShelfMark>> {
        order.lines.iter().map(|line| line.shelf.clone()).collect()
    };
    assert_eq!(shelves(&bank.ask(PickList).open[0]), [None, Some(shelf("F-02"))]);

    bank.when(assign("RICE", Some("F-03"))).then_accepted();
    assert_eq!(shelves(&bank.ask(PickList).open[0]), [None, Some(shelf("F-03"))]);

    bank.when(assign("RICE", None)).then_accepted();
    bank.when(assign("RICE", None)).then_accepted();
    assert_eq!(shelves(&bank.ask(PickList).open[0]), [None, None]);

    bank.when(assign("RICE", Some("F-02"))).then_accepted();
    bank.as_actor("nora", Role::Neighbor);
    assert_eq!(shelves(&bank.ask(MyOrders { status: None })[0]), [None, None]);
}

#[test]
fn only_products_that_there_are_have_a_shelf() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin)
        .when(assign("CAVIAR", Some("A-01")))
        .then_refused(AssignShelfRefusal::UnknownProduct { sku: sku("CAVIAR") });
    bank.as_actor("nora", Role::Neighbor).when(assign("RICE", Some("A-01"))).then_denied();
}

#[test]
fn a_mark_is_a_letter_and_two_digits() {
    for wrong in ["", "A1", "a-01", "A-1", "A-001", "AA-01", "Ä-01"] {
        assert!(ShelfMark::try_from(wrong.to_owned()).is_err(), "{wrong}");
    }
}
