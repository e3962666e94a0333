//! Tables at random, against a plain map: every read agrees, in both forms, and taking back
//! restores.

use std::collections::BTreeMap;

use deeds::prelude::*;
use deeds::table::AnyTable;
use deeds_values::{Key, Position};
use proptest::prelude::*;

use crate::shop::{Product, ProductReads, Sku, sku};

/// One change of a table.
#[derive(Clone, Debug)]
enum Step {
    Put(u8, u8, u32),
    Update(u8, u32),
    Remove(u8),
    Begin,
    TakeBack,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..12_u8, 0..3_u8, 0..5_u32).prop_map(|(key, shelf, left)| Step::Put(key, shelf, left)),
        2 => (0..12_u8, 0..5_u32).prop_map(|(key, left)| Step::Update(key, left)),
        2 => (0..12_u8).prop_map(Step::Remove),
        1 => Just(Step::Begin),
        1 => Just(Step::TakeBack),
    ]
}

/// Short names with shared beginnings and a zero byte.
fn name(number: u8) -> Sku {
    sku(&["a", "a\0", "ab", "b"][usize::from(number % 4)].repeat(usize::from(number / 4) + 1))
}

type Model = BTreeMap<Sku, Product>;

/// Every read of the table against the model.
fn check(table: &Table<Product>, model: &Model) {
    table.check_indexes().unwrap();
    assert_eq!(table.len(), model.len());
    assert!(table.iter().eq(model.values()));
    assert!(table.iter().rev().eq(model.values().rev()));
    for number in 0..12 {
        let key = name(number);
        assert_eq!(table.get(&key), model.get(&key));
        assert!(table.range(&key..).eq(model.range(&key..).map(|(_, row)| row)));
        assert!(table.range(..=&key).rev().eq(model.range(..=&key).rev().map(|(_, row)| row)));
    }
    for shelf in 0..3 {
        let mut rows: Vec<&Product> = model.values().filter(|row| row.shelf == shelf).collect();
        rows.sort_by_key(|row| (row.left, row.sku.clone()));
        assert!(table.by_shelf(shelf).eq(rows.iter().copied()));
        assert!(table.by_shelf(shelf).rev().eq(rows.iter().rev().copied()));
        let some = |row: &&&Product| (1..3).contains(&row.left);
        assert!(table.by_shelf_left_in(shelf, 1..3).eq(rows.iter().filter(some).copied()));
        let none = |row: &&&Product| row.left == 2;
        assert!(table.by_shelf_left(shelf, 2).eq(rows.iter().filter(none).copied()));
    }
}

proptest! {
    #[test]
    fn a_table_reads_like_a_map(steps in prop::collection::vec(step(), 1..60)) {
        let mut table: Table<Product> = Table::live("products");
        let (mut model, mut begun) = (Model::new(), Model::new());
        let mut frozen = table.freeze();
        for step in steps {
            match step {
                Step::Put(key, shelf, left) => {
                    let row = Product { sku: name(key), shelf, left, barcode: Some(u64::from(key)) };
                    model.insert(row.sku.clone(), row.clone());
                    table.put(row);
                }
                Step::Update(key, left) => {
                    if let Some(row) = model.get_mut(&name(key)) {
                        row.left = left;
                        table.update(&name(key), |row| row.left = left);
                    }
                }
                Step::Remove(key) => {
                    if model.remove(&name(key)).is_some() {
                        table.remove(&name(key));
                    }
                }
                Step::Begin => {
                    table.begin(Position(1));
                    begun = model.clone();
                }
                Step::TakeBack => {
                    table.take_back();
                    model = begun.clone();
                }
            }
        }
        check(&table, &model);
        if let Some(changes) = table.take_changes() {
            frozen.fold(&[changes.as_ref()]);
        }
        check(&frozen, &model);
        check(&table.freeze(), &model);
    }
}

#[test]
fn a_change_that_fails_leaves_the_table_as_it_was() {
    let row = |name: &str, barcode| Product { sku: sku(name), shelf: 1, left: 1, barcode };
    let mut table: Table<Product> = Table::live("products");
    table.insert(row("a", Some(1)));
    table.insert(row("b", Some(2)));
    let before: Vec<Product> = table.iter().cloned().collect();
    let mut attempt = |change: &mut dyn FnMut(&mut Table<Product>)| {
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| change(&mut table)));
        assert!(caught.is_err());
        assert!(table.iter().eq(&before));
        table.check_indexes().unwrap();
    };
    attempt(&mut |table| table.insert(row("a", None)));
    attempt(&mut |table| table.insert(row("c", Some(2))));
    attempt(&mut |table| table.put(row("a", Some(2))));
    attempt(&mut |table| {
        table.update(&sku("a"), |row| row.barcode = Some(2));
    });
    attempt(&mut |table| {
        table.update(&sku("a"), |row| row.sku = sku("c"));
    });
    attempt(&mut |table| {
        table.update(&sku("a"), |_| panic!("half way"));
    });
    attempt(&mut |table| table.remove(&sku("c")));
}

#[test]
fn a_unique_index_on_an_option_takes_many_without_a_value() {
    let mut table: Table<Product> = Table::live("products");
    for name in ["a", "b"] {
        table.insert(Product { sku: sku(name), shelf: 1, left: 1, barcode: None });
    }
    table.insert(Product { sku: sku("c"), shelf: 1, left: 1, barcode: Some(7) });
    assert_eq!(table.len(), 3);
    assert_eq!(table.by_barcode(7).map(|row| row.sku.clone()), Some(sku("c")));
    assert_eq!(table.by_barcode(0), None);
}

#[test]
fn keys_are_the_bytes_of_the_key() {
    let mut table: Table<Product> = Table::live("products");
    table.insert(Product { sku: sku("a"), shelf: 1, left: 1, barcode: None });
    assert!(table.contains_bytes(&sku("a").key_bytes()));
}
