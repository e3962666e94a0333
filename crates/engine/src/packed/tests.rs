//! MessagePack read at once against the same read as JSON.

use std::collections::BTreeMap;

use deeds_values::{Bytes, Date, Int64};
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::*;
use crate::command::parse_json;
use crate::transcode;

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Basket {
    count: u32,
    #[serde(default)]
    note: Option<String>,
    shift: i16,
    weight: f64,
    kind: Kind,
    lines: Vec<(Name, Kind)>,
    by_day: BTreeMap<u8, bool>,
    by_name: BTreeMap<String, Int64>,
    day: Option<Date>,
    photo: Bytes,
    anything: Value,
}

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct Name(String);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Plain,
    One(u8),
    Pair(u8, bool),
    With { left: u32 },
}

fn basket() -> Value {
    json!({
        "count": 3, "note": "two\nlines", "shift": -7, "weight": 0.5, "kind": "plain",
        "lines": [["a", {"one": 1}], ["b", {"pair": [1, true]}], ["c", {"with": {"left": 9}}]],
        "by_day": {"3": true}, "by_name": {"x": "-9007199254740993"}, "day": "2026-11-21",
        "photo": "AAEC", "anything": {"deep": [[[1.5, null]]]},
    })
}

fn pack(value: &impl Serialize) -> Vec<u8> {
    rmp_serde::to_vec_named(value).unwrap()
}

/// What JSON makes of it.
fn as_json<T: DeserializeOwned>(packed: &[u8]) -> Option<T> {
    let mut json = Vec::new();
    transcode::to_json(packed, &mut json).ok()?;
    parse_json(&json).ok()
}

#[test]
fn what_is_read_at_once_is_what_json_would_be_read_as() {
    let mut value = basket();
    // Numbers as names are left to JSON.
    value["by_day"] = json!({});
    let read = read::<Basket>(&pack(&value)).unwrap();
    assert_eq!(Some(read), as_json(&pack(&value)));
    value["by_day"] = basket()["by_day"].clone();
    assert_eq!(super::read::<Basket>(&pack(&value)), Err(NotTaken));
    assert!(as_json::<Basket>(&pack(&value)).is_some());
}

#[test]
fn what_is_no_json_and_what_json_would_change_is_not_taken() {
    let value = |bytes: &[u8]| Packed::new(bytes).value().map(<[u8]>::len);
    let exact = pack(&EXACT_MAX);
    assert_eq!(value(&exact), Ok(exact.len()));
    let (large, low) = (pack(&(EXACT_MAX + 1)), pack(&-(1_i64 << 53)));
    let (nan, float) = (pack(&f64::NAN), pack(&1e300));
    let bytes: [&[u8]; 12] = [
        &large,
        &low,
        &nan,
        &float,
        b"\xc4\x01a",
        b"\xc7\x00\x00",
        b"\xc1",
        b"",
        b"\xa1\xff",
        b"\x92\x01",
        b"\xdb\xff\xff\xff\xffa",
        b"\xdf\xff\xff\xff\xff",
    ];
    for bytes in bytes {
        assert_eq!(value(bytes), Err(NotTaken), "{bytes:x?}");
    }
    assert_eq!(value(&[0x91; 1_000_000]), Err(NotTaken));
    assert_eq!(value(&[&[0x91; DEPTH_MAX][..], &[0]].concat()), Ok(DEPTH_MAX + 1));
}

#[test]
fn a_place_in_a_list_of_variants_is_no_variant() {
    let (mut number, mut list) = (basket(), basket());
    (number["kind"], list["kind"]) = (json!(0), json!([0, 1]));
    for wrong in [number, list] {
        assert_eq!(read::<Basket>(&pack(&wrong)), Err(NotTaken));
        assert_eq!(as_json::<Basket>(&pack(&wrong)), None);
    }
    // A list of the fields in their order is none of their names.
    assert_eq!(read::<Kind>(&pack(&[1])), Err(NotTaken));
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Into::into),
        (-(1_i64 << 54)..1 << 54).prop_map(Into::into),
        (-3_i64..300).prop_map(Into::into),
        // Fractions that `serde_json` reads back to the last bit, and what it calls integers.
        any::<i32>().prop_map(|n| (f64::from(n) / 8.0).into()),
        any::<i32>().prop_map(|n| (f64::from(n) * 1e8).into()),
        prop::sample::select(vec!["plain", "one", "with", "left", "2026-11-21", "12", "AAEC", ""])
            .prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 32, 4, |inner| {
        let names = prop::sample::select(vec!["one", "pair", "with", "left", "plain", "3"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Into::into),
            prop::collection::btree_map(names, inner, 0..3).prop_map(|map| json!(map)),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn nothing_is_taken_that_json_would_not_take_as_the_same(
        field in prop::sample::select(vec![
            "count", "note", "shift", "weight", "kind", "lines", "by_day", "by_name", "day",
            "photo", "anything", "unknown",
        ]),
        value in any_value(),
    ) {
        let mut basket = basket();
        basket["by_day"] = json!({});
        basket[field] = value;
        let packed = pack(&basket);
        if let Ok(taken) = read::<Basket>(&packed) {
            prop_assert_eq!(Some(taken), as_json(&packed));
        }
        let mut walked = Packed::new(&packed);
        if walked.value().is_ok() {
            prop_assert!(walked.is_empty());
            let mut json = Vec::new();
            prop_assert!(transcode::to_json(&packed, &mut json).is_ok());
        }
    }

    #[test]
    fn any_bytes_end(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        drop(read::<Basket>(&bytes));
        let _ = Packed::new(&bytes).value();
    }
}
