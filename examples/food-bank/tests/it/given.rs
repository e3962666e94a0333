//! What the tests start from, and short words for its parts.

use deeds::prelude::*;
use deeds::testing::Scenario;
use food_bank::*;

/// Rice without a limit: ten that keep long, and two that expire tomorrow. Milk, two a household in
/// a week: five.
pub(crate) fn a_bank() -> Scenario<FoodBank> {
    let mut bank = Scenario::new();
    bank.given(product("RICE", Category::Grains, "2000000060019", None));
    bank.given(product("MILK", Category::Dairy, "2000000030012", Some(2)));
    bank.given(received(1, "RICE", 10, "2027-06-30"));
    bank.given(received(2, "RICE", 2, "2026-01-02"));
    bank.given(received(3, "MILK", 5, "2026-01-20"));
    bank
}

/// The same with an order of three rice and one milk by nora.
pub(crate) fn a_bank_with_an_order() -> Scenario<FoodBank> {
    let mut bank = a_bank();
    let items = vec![item("RICE", 3), item("MILK", 1)];
    bank.given(OrderPlaced { order: number(1), neighbor: actor("nora"), items });
    bank
}

pub(crate) fn product(
    name: &str,
    category: Category,
    barcode: &str,
    limit: Option<u32>,
) -> ProductAdded {
    ProductAdded {
        sku: sku(name),
        name: name.to_lowercase(),
        category,
        size: "1 kg".to_owned(),
        barcode: Barcode::try_from(barcode.to_owned()).unwrap(),
        labels: vec![Label::Vegetarian],
        limit,
    }
}

pub(crate) fn received(id: u32, name: &str, quantity: u32, best_before: &str) -> LotReceived {
    LotReceived { lot: lot(id), sku: sku(name), quantity, best_before: date(best_before) }
}

pub(crate) fn sku(name: &str) -> Sku {
    Sku::try_from(name.to_owned()).unwrap()
}

pub(crate) fn lot(id: u32) -> LotId {
    format!("00000000-0000-8000-8000-{id:012}").parse().unwrap()
}

pub(crate) fn portion(id: u32, best_before: &str, quantity: u32) -> Portion {
    Portion { lot: lot(id), best_before: date(best_before), quantity }
}

pub(crate) fn date(text: &str) -> Date {
    text.parse().unwrap()
}

pub(crate) fn quantity(number: u32) -> Quantity {
    Quantity::try_from(number).unwrap()
}

pub(crate) fn item(name: &str, quantity: u32) -> Item {
    Item { sku: sku(name), quantity }
}

pub(crate) fn list(items: &[(&str, u32)]) -> ShoppingList {
    let items: Vec<Item> = items.iter().map(|&(name, quantity)| item(name, quantity)).collect();
    ShoppingList::try_from(items).unwrap()
}

pub(crate) fn number(order: u32) -> OrderNumber {
    order.into()
}

pub(crate) fn shelf(mark: &str) -> ShelfMark {
    ShelfMark::try_from(mark.to_owned()).unwrap()
}

pub(crate) fn code(digits: &str) -> ShiftCode {
    ShiftCode::try_from(digits.to_owned()).unwrap()
}

pub(crate) fn actor(name: &str) -> ActorId {
    ActorId::new(name).unwrap()
}

/// What there is of a product: on hand, reserved, promised, available.
pub(crate) fn counts(bank: &Scenario<FoodBank>, name: &str) -> [u32; 4] {
    let product = bank.state().products.get(sku(name)).unwrap();
    [product.on_hand, product.reserved, product.promised, product.available()]
}
