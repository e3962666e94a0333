//! Keys, indexes and references, and their typed reads.

use std::any::TypeId;

use deeds::row::Row;
use deeds::rows::{Reads, Rows};
use deeds::table::{AnyTable, Table};
use deeds_values::{ActorId, Date, Key, Uid};

use crate::pantry::{Content, Note, Shelf, ShelfName, Tin, TinId, TinReads, Visit, VisitReads};

fn tin(number: u8, content: Content, shelf: &str, label: &str) -> Tin {
    Tin {
        id: TinId::from(Uid::from_hash([number; 16])),
        content,
        best_before: Date::new(2026, 1, number).unwrap(),
        shelf: shelf.into(),
        label: label.to_owned(),
        taken_by: number.is_multiple_of(2).then(|| ActorId::new("ada").unwrap()),
        barcode: 100 + u64::from(number),
    }
}

fn tins() -> Table<Tin> {
    let mut tins = Table::live("tins");
    tins.insert(tin(1, Content::Beans, "A1", "red beans"));
    tins.insert(tin(2, Content::Beans, "A2", "baked beans"));
    tins.insert(tin(3, Content::ChickPeas, "A1", "chick peas"));
    tins.insert(tin(4, Content::Beans, "A1", "red kidney beans"));
    tins
}

/// The days of the rows, which number them.
fn days(rows: Rows<'_, Tin>) -> Vec<u8> {
    rows.map(|tin| tin.best_before.day()).collect()
}

fn day(day: u8) -> Date {
    Date::new(2026, 1, day).unwrap()
}

#[test]
fn indexes_are_named_by_their_fields() {
    let names: Vec<_> = Tin::INDEXES.iter().map(|index| (index.name, index.unique)).collect();
    assert_eq!(
        names,
        [
            ("content_best_before", false),
            ("shelf_label", false),
            ("taken_by", false),
            ("barcode", true),
        ]
    );
    assert_eq!((Tin::NAME, Tin::DOC), ("Tin", "A tin on a shelf."));
    let reference = &Tin::REFERENCES[0];
    assert_eq!((reference.field, reference.index), ("shelf", 1));
}

#[test]
fn rows_are_read_by_all_fields_of_an_index() {
    let tins = tins();
    assert_eq!(days(tins.by_content_best_before(Content::Beans, day(2))), [2]);
    assert_eq!(days(tins.by_content_best_before(Content::Beans, day(3))), [0; 0]);
    assert_eq!(days(tins.by_shelf_label(ShelfName::from("A1"), "chick peas")), [3]);
    assert_eq!(days(tins.by_shelf_label(ShelfName::from("A1"), String::from("chick peas"))), [3]);
}

#[test]
fn rows_are_read_by_the_leading_fields_in_the_order_of_the_rest() {
    let tins = tins();
    assert_eq!(days(tins.by_content(Content::Beans)), [1, 2, 4]);
    assert_eq!(days(tins.by_content(Content::ChickPeas)), [3]);
    assert_eq!(days(tins.by_shelf(ShelfName::from("A1"))), [3, 1, 4]);
}

#[test]
fn a_unique_index_finds_one_row() {
    let tins = tins();
    assert_eq!(tins.by_barcode(103).map(|tin| tin.label.as_str()), Some("chick peas"));
    assert_eq!(tins.by_barcode(99), None);
}

#[test]
fn an_optional_field_is_read_by_an_option() {
    let (tins, ada) = (tins(), ActorId::new("ada").unwrap());
    assert_eq!(days(tins.by_taken_by(Some(&ada))), [2, 4]);
    assert_eq!(days(tins.by_taken_by(None)), [1, 3]);
}

#[test]
fn a_range_of_the_last_field_keeps_to_the_leading_ones() {
    let tins = tins();
    let beans = |range: (std::ops::Bound<Date>, std::ops::Bound<Date>)| {
        days(tins.by_content_best_before_in(Content::Beans, range))
    };
    use std::ops::Bound::{Excluded, Included, Unbounded};
    assert_eq!(beans((Unbounded, Unbounded)), [1, 2, 4]);
    assert_eq!(beans((Included(day(2)), Unbounded)), [2, 4]);
    assert_eq!(beans((Excluded(day(2)), Unbounded)), [4]);
    assert_eq!(beans((Unbounded, Excluded(day(2)))), [1]);
    assert_eq!(beans((Unbounded, Included(day(2)))), [1, 2]);
    assert_eq!(beans((Included(day(4)), Excluded(day(2)))), [0; 0]);
    assert_eq!(days(tins.by_barcode_in(102..=103)), [2, 3]);
    assert_eq!(days(tins.by_barcode_in(..)), [1, 2, 3, 4]);
}

#[test]
fn text_is_read_by_how_it_starts() {
    let tins = tins();
    assert_eq!(days(tins.by_shelf_label_prefix(ShelfName::from("A1"), "red")), [1, 4]);
    assert_eq!(days(tins.by_shelf_label_prefix(ShelfName::from("A1"), "red ")), [1, 4]);
    assert_eq!(days(tins.by_shelf_label_prefix(ShelfName::from("A2"), "red")), [0; 0]);
}

#[test]
fn a_key_of_two_fields_is_a_tuple() {
    let mut visits = Table::live("visits");
    let who = ActorId::new("ada").unwrap();
    visits.insert(Visit { who: who.clone(), day: day(1), times: 1 });
    visits.update(&(who.clone(), day(1)), |visit| visit.times += 1);
    assert_eq!(visits.get((who, day(1))).map(|visit| visit.times), Some(2));
}

#[test]
fn rows_are_read_by_the_leading_part_of_their_key() {
    let mut visits = Table::live("visits");
    let actor = |name: &str| ActorId::new(name).unwrap();
    for (name, on) in [("ada", 2), ("adam", 1), ("ada", 1)] {
        visits.insert(Visit { who: actor(name), day: day(on), times: 1 });
    }
    let days: Vec<_> = visits.by_who(actor("ada")).map(|visit| visit.day.day()).collect();
    assert_eq!(days, [1, 2]);
}

#[test]
fn whoever_refers_to_a_row_is_found_by_its_key() {
    let shelf = |name: &str| ShelfName::from(name);
    let (mut tins, mut notes) = (tins(), Table::live("notes"));
    notes.insert(Note { number: 1, shelf: Some(shelf("A2")) });
    notes.insert(Note { number: 2, shelf: None });
    let refers = |table: &dyn AnyTable, name: &str| {
        table.refers_to(TypeId::of::<Shelf>(), &shelf(name).key_bytes())
    };
    assert_eq!(refers(&tins, "A2"), Some("shelf"));
    assert_eq!(refers(&notes, "A2"), Some("shelf"));
    assert_eq!(refers(&notes, "A1"), None);
    tins.remove(&tin(2, Content::Beans, "A2", "baked beans").id);
    assert_eq!(refers(&tins, "A2"), None);
}
