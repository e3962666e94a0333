//! What people see: each what is theirs.

use food_bank::*;

use crate::given::*;

#[test]
fn the_catalogue_is_sorted_and_filtered() {
    let mut bank = a_bank();
    bank.given(product("BEANS", Category::Canned, "2000000070018", None));
    let everything =
        || Catalogue { category: None, search: None, labels: vec![], available: false };
    let names = |query: Catalogue| -> Vec<String> {
        bank.ask(query).into_iter().map(|offer| offer.name).collect()
    };
    assert_eq!(names(everything()), ["beans", "milk", "rice"]);
    assert_eq!(names(Catalogue { available: true, ..everything() }), ["milk", "rice"]);
    assert_eq!(names(Catalogue { category: Some(Category::Dairy), ..everything() }), ["milk"]);
    assert_eq!(names(Catalogue { search: Some("IC".to_owned()), ..everything() }), ["rice"]);
    assert!(names(Catalogue { labels: vec![Label::Vegan], ..everything() }).is_empty());
}

#[test]
fn neighbors_see_their_own_orders_and_staff_see_all() {
    let mut bank = a_bank_with_an_order();
    let order = || OrderByNumber { number: number(1) };
    bank.as_actor("nora", Role::Neighbor);
    assert_eq!(bank.ask(MyOrders { status: None }).len(), 1);
    let seen = bank.ask(order()).expect("it is hers");
    let lines: Vec<_> = seen.lines.iter().map(|line| (line.name.as_str(), line.quantity)).collect();
    assert_eq!(lines, [("milk", 1), ("rice", 3)]);

    bank.as_actor("nils", Role::Neighbor);
    assert!(bank.ask(MyOrders { status: None }).is_empty());
    assert!(bank.ask(order()).is_none());

    bank.as_actor("vera", Role::Volunteer);
    assert!(bank.ask(order()).is_some());
}

#[test]
fn my_cart_is_mine() {
    let mut bank = a_bank();
    bank.given(ItemReserved { neighbor: actor("nora"), item: item("RICE", 4) });
    bank.as_actor("nils", Role::Neighbor);
    assert!(bank.ask(MyCart).is_empty());
    bank.as_actor("nora", Role::Neighbor);
    assert_eq!(bank.ask(MyCart)[0].quantity, 4);
}

#[test]
fn the_pick_list_moves_with_the_work() {
    let mut bank = a_bank_with_an_order();
    bank.as_actor("vera", Role::Volunteer);
    let numbers = |list: ToDo| [list.picking.len(), list.open.len(), list.at_the_counter.len()];
    assert_eq!(numbers(bank.ask(PickList)), [0, 1, 0]);
    bank.given(OrderClaimed { order: number(1), picker: actor("vera") });
    assert_eq!(numbers(bank.ask(PickList)), [1, 0, 0]);
    for name in ["RICE", "MILK"] {
        bank.given(LinePicked { order: number(1), sku: sku(name), portions: vec![], short: None });
    }
    bank.given(OrderPacked { order: number(1) });
    assert_eq!(numbers(bank.ask(PickList)), [0, 0, 1]);
}

#[test]
fn the_dashboard_counts() {
    let mut bank = a_bank_with_an_order();
    bank.given(ItemReserved { neighbor: actor("nils"), item: item("RICE", 2) });
    bank.as_actor("ada", Role::Admin);
    let numbers = bank.ask(Dashboard);
    assert_eq!((numbers.products, numbers.orders_ever, numbers.orders_placed), (2, 1, 1));
    assert_eq!(numbers.items_on_hand, 17);
    assert_eq!(numbers.items_in_carts, 2);
    assert_eq!(numbers.items_promised, 4);
    assert_eq!(numbers.items_expiring, 2);
    let week = numbers.last_seven_days;
    assert_eq!((week.orders, week.handed_over, week.items, week.top.len()), (1, 0, 0, 0));
}

#[test]
fn a_scanner_finds_the_product() {
    let mut bank = a_bank();
    bank.as_actor("vera", Role::Volunteer);
    let barcode = Barcode::try_from("2000000060019".to_owned()).unwrap();
    let product = bank.ask(ProductByBarcode { barcode }).expect("it is rice");
    assert_eq!(product.sku, sku("RICE"));
}

#[test]
fn staff_see_the_shelves_by_date() {
    let mut bank = a_bank();
    bank.as_actor("ada", Role::Admin);
    let shelves = bank.ask(Stock { at_most: Some(5) });
    assert_eq!(shelves.len(), 1);
    let expiring = bank.ask(ExpiringLots { until: date("2026-01-20") });
    let lots: Vec<_> = expiring.iter().map(|lot| lot.quantity).collect();
    assert_eq!(lots, [2, 5]);
}

#[test]
fn what_is_for_staff_is_not_asked_by_neighbors() {
    let mut bank = a_bank();
    bank.as_actor("nora", Role::Neighbor);
    bank.ask_denied(Dashboard);
    bank.ask_denied(PickList);
    bank.ask_denied(Stock { at_most: None });
    bank.ask_denied(ExpiringLots { until: date("2026-01-20") });
}

#[test]
fn everybody_learns_who_they_are() {
    let mut bank = a_bank();
    bank.given(RoleGranted { member: actor("vera"), role: Role::Volunteer });
    bank.as_guest("vera");
    let me = bank.ask(Me);
    assert_eq!(me.roles.into_iter().collect::<Vec<_>>(), ["volunteer"]);
    assert!(me.registered.is_none());
}

#[test]
fn all_orders_come_the_newest_first_with_their_lines() {
    let mut bank = a_bank();
    for order in 1..=60 {
        let (neighbor, items) = (actor("nora"), vec![item("RICE", 1)]);
        bank.given(OrderPlaced { order: number(order), neighbor, items });
    }
    bank.given(OrderCancelled { order: number(7) });
    bank.as_actor("ada", Role::Admin);
    let numbers = |status| -> Vec<OrderNumber> {
        let orders = bank.ask(AllOrders { status });
        assert!(orders.iter().all(|order| order.lines.len() == 1));
        orders.iter().map(|order| order.number).collect()
    };
    assert_eq!(numbers(None), (1..=60).rev().map(number).collect::<Vec<_>>());
    assert_eq!(numbers(Some(Status::Cancelled)), [number(7)]);
}

#[test]
fn short_lines_are_told_to_those_who_look_after_shelves() {
    let mut bank = a_bank_with_an_order();
    bank.given(OrderClaimed { order: number(1), picker: actor("vera") });
    let short = Some(Shortage::Damaged);
    bank.given(LinePicked { order: number(1), sku: sku("RICE"), portions: vec![], short });
    bank.as_actor("ada", Role::Admin);
    let lines = bank.ask(ShortLines);
    assert_eq!(lines.len(), 1);
    assert_eq!((lines[0].line.picked, lines[0].line.short), (Some(0), short));
    assert_eq!(lines[0].picker, Some(actor("vera")));
}

#[test]
fn the_stock_row_by_row_is_the_stock() {
    let mut bank = a_bank_with_an_order();
    bank.given(ShelfAssigned { sku: sku("RICE"), shelf: Some(shelf("F-02")) });
    bank.given(LimitSet { sku: sku("MILK"), limit: Some(3) });
    bank.as_actor("ada", Role::Admin);
    let [places, edits] = [bank.ask(Places).len(), bank.ask(Edits).len()];
    assert_eq!([places, edits], [1, 1]);
    let lots = bank.ask(ExpiringLots { until: date("9999-12-31") });
    let mut products = bank.ask(Products);
    products.sort_by(|one, other| one.sku.cmp(&other.sku));
    for (shelf, product) in bank.ask(Stock { at_most: None }).into_iter().zip(&products) {
        assert_eq!(&shelf.product, product);
        let of_it: Vec<_> = lots.iter().filter(|lot| lot.sku == product.sku).cloned().collect();
        assert_eq!(shelf.lots, of_it, "the first to expire first");
    }
    bank.as_actor("nora", Role::Neighbor);
    bank.ask_denied(Products);
    bank.ask_denied(Places);
    bank.ask_denied(Edits);
}
