//! One day at the food bank.

use deeds::testing::Scenario;
use food_bank::*;

use crate::given::*;

#[test]
fn a_donation_becomes_a_meal() {
    let mut bank: Scenario<FoodBank> = Scenario::new();

    // Ada takes rice into the range, and lets vera work here.
    bank.as_actor("ada", Role::Admin);
    bank.when(AddProduct {
        sku: sku("RICE"),
        name: "Long-grain rice".to_owned(),
        category: Category::Grains,
        size: "1 kg".to_owned(),
        barcode: Barcode::try_from("2000000060019".to_owned()).unwrap(),
        labels: vec![Label::Vegan],
        limit: Some(2),
    })
    .then_accepted();
    bank.when(GrantRole { member: actor("vera"), role: Role::Volunteer }).then_accepted();

    // Vera needs no role in her token: the bank knows her. She receives what a shop donated.
    bank.as_guest("vera");
    let best_before = date("2027-06-30");
    let lot = bank
        .when(ReceiveLot { sku: sku("RICE"), quantity: quantity(20), best_before })
        .then_answers();

    // Nora registers, fills a cart, and checks out.
    bank.as_guest("nora");
    bank.when(AddToCart { sku: sku("RICE"), quantity: quantity(2) }).then_denied();
    let (name, phone, address) = ("Nora Lind".into(), "555 0101".into(), "12 Mill Lane".into());
    bank.when(Register { name, phone, address }).then_accepted();
    bank.when(AddToCart { sku: sku("RICE"), quantity: quantity(2) }).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [20, 2, 0, 18]);
    let Receipt { order } = bank.when(Checkout).then_answers();
    assert_eq!(order, number(1));
    assert_eq!(counts(&bank, "RICE"), [20, 0, 2, 18]);

    // Vera picks the order, packs it, and hands it over.
    bank.as_guest("vera");
    bank.when(ClaimOrder { order }).then_accepted();
    let all = PickLine { order, sku: sku("RICE"), quantity: 2, short: None };
    let portions = bank.when(all).then_answers();
    assert_eq!(portions, [Portion { lot, best_before, quantity: 2 }]);
    bank.when(PackOrder { order }).then_accepted();
    bank.when(HandOver { order }).then_accepted();
    assert_eq!(counts(&bank, "RICE"), [18, 0, 0, 18]);
}

#[test]
fn nobody_gets_what_another_was_quicker_to_put_aside() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    bank.when(AddToCart { sku: sku("RICE"), quantity: quantity(11) }).then_accepted();
    bank.as_actor("nils", Role::Neighbor);
    bank.when(AddToCart { sku: sku("RICE"), quantity: quantity(2) })
        .then_refused(ItemRefusal::NotEnough { sku: sku("RICE"), left: 1 });
    bank.when(AddToCart { sku: sku("RICE"), quantity: quantity(1) }).then_accepted();
}
