//! Every value type is the same text in JSON and in MessagePack, and says what it expected.

use std::fmt::Debug;

use deeds_values::{
    ActorId, Bytes, Currency, Date, Decimal, Duration, Int64, Lineage, Money, Timestamp, Uid,
};
use proptest::prelude::*;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// A value comes back from both encodings, and both carry its display text.
#[track_caller]
fn check<T>(value: T)
where
    T: Serialize + DeserializeOwned + PartialEq + Debug + ToString,
{
    let text = value.to_string();
    let json = serde_json::to_string(&value).unwrap();
    assert_eq!(json, serde_json::to_string(&text).unwrap());
    assert_eq!(serde_json::from_str::<T>(&json).unwrap(), value);
    let packed = rmp_serde::to_vec_named(&value).unwrap();
    assert_eq!(packed, rmp_serde::to_vec_named(&text).unwrap());
    assert_eq!(rmp_serde::from_slice::<T>(&packed).unwrap(), value);
}

fn parse<T: DeserializeOwned + Debug>(json: &str) -> String {
    serde_json::from_str::<T>(json).unwrap_err().to_string()
}

proptest! {
    #[test]
    fn every_value_comes_back(number in any::<i64>(), wide in any::<u128>(), scale in 0..=18_u32) {
        check(Int64(number));
        check(Timestamp(number));
        check(Duration(number));
        check(Timestamp(number).date());
        check(Uid::from_hash(wide.to_be_bytes()));
        check(Bytes(wide.to_be_bytes()[..scale as usize % 16].to_vec()));
        check(Lineage(number.to_be_bytes()));
        for code in ["EUR", "JPY", "KWD", "UYW"] {
            check(Money::new(number, Currency::new(code).unwrap()));
        }
        let mantissa = wide.cast_signed() >> (scale * 4);
        if let Some(decimal) = Decimal::new(mantissa, 18 - scale) {
            check(decimal);
        }
    }
}

#[test]
fn the_ends_of_each_range_come_back() {
    for end in [i64::MIN, -1, 0, 1, i64::MAX] {
        check(Int64(end));
        check(Timestamp(end));
        check(Duration(end));
        check(Money::new(end, Currency::new("EUR").unwrap()));
    }
    check(Date::new(-999_999, 1, 1).unwrap());
    check(Date::new(999_999, 12, 31).unwrap());
    check(Decimal::new(i128::MAX, 18).unwrap());
    check(Decimal::new(-i128::MAX, 18).unwrap());
    check(Currency::new("EUR").unwrap());
    check(ActorId::new("alice@example.org").unwrap());
}

#[test]
fn a_value_of_another_type_is_refused_with_an_example() {
    let found = "invalid type: integer `5`, expected";
    assert!(parse::<Date>("5").starts_with(&format!("{found} a date as text, like")));
    assert!(parse::<Int64>("5").starts_with(&format!("{found} a 64-bit whole number as text")));
    assert!(parse::<Decimal>("5").starts_with(&format!("{found} a decimal number as text")));
    assert!(parse::<Money>("5").starts_with(&format!("{found} an amount of money as text")));
    assert!(parse::<Timestamp>("5").starts_with(&format!("{found} a moment as text")));
}

#[test]
fn a_malformed_text_is_refused_with_the_form_and_without_the_text() {
    assert!(parse::<Date>("\"20.11.2026\"").starts_with("a date is written like 2026-11-20"));
    assert!(parse::<Date>("\"2026-02-30\"").starts_with("there is no such day"));
    assert!(parse::<Money>("\"12.5 EUR\"").starts_with("money is written with all decimals"));
    assert!(parse::<Money>("\"12.50 EUX\"").starts_with("a currency is a code of ISO 4217"));
    assert!(parse::<Uid>("\"17\"").starts_with("an id is a UUID"));
    assert!(parse::<Bytes>("\"3q2+7w=\"").starts_with("bytes are written as padded base64"));
    assert!(parse::<ActorId>("\"a b\"").starts_with("an actor id is"));
}

#[test]
fn each_schema_names_its_form() {
    fn schema<T: JsonSchema>() -> serde_json::Value {
        schemars::schema_for!(T).to_value()
    }
    assert_eq!(schema::<Date>()["format"], "date");
    assert_eq!(schema::<Timestamp>()["format"], "date-time");
    assert_eq!(schema::<Duration>()["format"], "duration");
    assert_eq!(schema::<Uid>()["format"], "uuid");
    assert_eq!(schema::<Bytes>()["contentEncoding"], "base64");
    assert_eq!(schema::<Money>()["title"], "Money");
    assert_eq!(schema::<Int64>()["type"], "string");
}
