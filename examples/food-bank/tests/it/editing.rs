//! Editing: two admins at the same product, and neither undoes the other's work.

use deeds::prelude::*;
use food_bank::*;

use crate::given::*;

/// What is said of rice at first.
fn rice() -> Details {
    Details {
        name: "rice".to_owned(),
        category: Category::Grains,
        size: "1 kg".to_owned(),
        labels: vec![Label::Vegetarian],
        limit: None,
    }
}

fn edit(seen: Details, details: Details) -> EditProduct {
    EditProduct { sku: sku("RICE"), seen, details }
}

#[test]
fn the_second_of_two_who_edit_the_same_is_told_who_was_first() {
    let mut bank = a_bank();
    let named = Details { name: "Jasmine rice".to_owned(), ..rice() };
    let limited = Details { limit: Some(3), ..rice() };
    bank.as_actor("ada", Role::Admin).when(edit(rice(), named.clone())).then_accepted();
    let (by, now) = (Some(actor("ada")), named.clone());
    bank.as_actor("arne", Role::Admin)
        .when(edit(rice(), limited))
        .then_refused(EditProductRefusal::EditedMeanwhile { sku: sku("RICE"), by, now });

    // Having seen it, both are kept.
    let both = Details { limit: Some(3), ..named.clone() };
    bank.when(edit(named, both.clone())).then_accepted();
    assert_eq!(bank.state().products.get(sku("RICE")).unwrap().details(), both);
}

#[test]
fn a_limit_that_was_set_meanwhile_counts_as_edited() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    bank.when(SetLimit { sku: sku("RICE"), limit: Some(1) }).then_accepted();
    let (by, now) = (Some(actor("ada")), Details { limit: Some(1), ..rice() });
    bank.as_actor("arne", Role::Admin)
        .when(edit(rice(), Details { size: "2 kg".to_owned(), ..rice() }))
        .then_refused(EditProductRefusal::EditedMeanwhile { sku: sku("RICE"), by, now });
}

#[test]
fn what_was_ordered_meanwhile_is_no_reason_to_refuse() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("ada", Role::Admin);
    bank.when(edit(rice(), Details { category: Category::Baking, ..rice() })).then_accepted();
    let shelves = bank.ask(Stock { at_most: None });
    let shelf = shelves.iter().find(|shelf| shelf.product.sku == sku("RICE")).unwrap();
    assert_eq!(shelf.product.category, Category::Baking);
    assert_eq!(shelf.edit.as_ref().map(|edit| edit.by.clone()), Some(actor("ada")));
}

#[test]
fn one_edits_what_there_is_and_saw_what_there_was() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    let caviar = EditProduct { sku: sku("CAVIAR"), ..edit(rice(), rice()) };
    bank.when(caviar).then_refused(EditProductRefusal::UnknownProduct { sku: sku("CAVIAR") });
    let never = Details { name: "oats".to_owned(), ..rice() };
    let told = EditProductRefusal::EditedMeanwhile { sku: sku("RICE"), by: None, now: rice() };
    bank.when(edit(never, rice())).then_refused(told);
    bank.as_actor("vera", Role::Volunteer).when(edit(rice(), rice())).then_denied();
}
