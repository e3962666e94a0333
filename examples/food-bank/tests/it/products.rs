//! Products and their limits.

use food_bank::*;

use crate::given::*;

fn beans() -> AddProduct {
    AddProduct {
        sku: sku("BEANS"),
        name: "Kidney beans".to_owned(),
        category: Category::Canned,
        size: "400 g".to_owned(),
        barcode: Barcode::try_from("2000000070018".to_owned()).unwrap(),
        labels: vec![],
        limit: Some(4),
    }
}

#[test]
fn a_new_product_is_there_with_none_of_it() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin).when(beans()).then_accepted();
    assert_eq!(counts(&bank, "BEANS"), [0, 0, 0, 0]);
}

#[test]
fn a_sku_names_one_product() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin)
        .when(AddProduct { sku: sku("RICE"), ..beans() })
        .then_refused(AddProductRefusal::DuplicateSku { sku: sku("RICE") });
}

#[test]
fn a_barcode_is_on_one_product() {
    let mut bank = a_bank();
    let barcode = Barcode::try_from("2000000060019".to_owned()).unwrap();
    bank.as_actor("ada", Role::Admin)
        .when(AddProduct { barcode, ..beans() })
        .then_refused(AddProductRefusal::DuplicateBarcode { sku: sku("RICE") });
}

#[test]
fn only_admins_add_products() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer).when(beans()).then_denied();
}

#[test]
fn a_limit_can_be_set_and_lifted() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    let sku = sku("RICE");
    bank.when(SetLimit { sku: sku.clone(), limit: Some(3) })
        .then_emits(LimitSet { sku: sku.clone(), limit: Some(3) });
    bank.when(SetLimit { sku: sku.clone(), limit: None }).then_emits(LimitSet { sku, limit: None });
}

#[test]
fn a_limit_is_set_on_a_product_that_there_is() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin)
        .when(SetLimit { sku: sku("CAVIAR"), limit: Some(1) })
        .then_refused(SetLimitRefusal::UnknownProduct { sku: sku("CAVIAR") });
}

#[test]
fn what_is_no_sku_barcode_quantity_or_list_is_not_taken_for_one() {
    for text in ["", "rice", "RICE 1KG", "A-NAME-THAT-IS-FAR-TOO-LONG"] {
        assert!(Sku::try_from(text.to_owned()).is_err(), "{text:?}");
    }
    for text in ["", "200000006001", "2000000060018", "200000006001x", "20000000600190"] {
        assert!(Barcode::try_from(text.to_owned()).is_err(), "{text:?}");
    }
    for number in [0, 100_001, u32::MAX] {
        assert!(Quantity::try_from(number).is_err(), "{number}");
    }
    let nothing = vec![];
    let none_of_it = vec![item("RICE", 0)];
    let twice = vec![item("RICE", 1), item("MILK", 1), item("RICE", 1)];
    let very_long = (0..101).map(|n| item(&format!("P{n}"), 1)).collect();
    for items in [nothing, none_of_it, twice, very_long] {
        assert!(ShoppingList::try_from(items).is_err());
    }
}
