//! Arguments from outside: whatever the bytes, the answer is a command or an error that names the
//! field, and what is taken reads back as it was recorded.

use deeds::app::App;
use deeds::command::{ArgumentError, Parsed};
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::shop::Shop;

/// Parses; if it is taken, its recorded form must read back and be recorded the same.
fn parse(command: &str, text: &[u8]) -> Result<Vec<u8>, ArgumentError> {
    let index = Shop::COMMANDS.iter().position(|known| known.name == command).unwrap();
    let known = &Shop::COMMANDS[index];
    let Parsed { arguments, personal, .. } = (known.parse)(index, text)?;
    let again = (known.reread)(index, &arguments, Some(&personal)).expect("just recorded");
    assert_eq!((&again.arguments, &again.personal), (&arguments, &personal));
    Ok(arguments)
}

#[track_caller]
fn refused(command: &str, text: &str, field: &str, reason: &str) {
    let error = parse(command, text.as_bytes()).expect_err(text);
    assert_eq!(error.field, field, "{text}: {error}");
    assert!(error.reason.starts_with(reason), "{text}: {error}");
}

#[test]
fn what_does_not_fit_is_named() {
    refused("Stock", r#"{"sku":"a","shelf":1}"#, "", "missing field `count`");
    refused("Stock", r#"{"sku":"a","shelf":1,"count":1,"x":1}"#, "x", "unknown field `x`");
    refused("Stock", r#"{"sku":"a","sku":"b","shelf":1,"count":1}"#, "", "duplicate field `sku`");
    refused("Stock", r#"{"sku":"","shelf":1,"count":1}"#, "sku", "a SKU is not empty");
    refused("Stock", r#"{"sku":7,"shelf":1,"count":1}"#, "sku", "invalid type: integer `7`");
    refused(
        "Stock",
        r#"{"sku":"a","shelf":256,"count":1}"#,
        "shelf",
        "invalid value: integer `256`",
    );
    refused("Stock", r#"{"sku":"a","shelf":1,"count":1.0}"#, "count", "invalid type: floating");
    refused("Stock", r#"{"sku":"a","shelf":1,"count":-1}"#, "count", "invalid value: integer `-1`");
    refused("Stock", r#"{"sku":"a","shelf":1,"count":1e99}"#, "count", "an integer beyond");
    refused("Stock", r#"["a",1,1]"#, "", "arguments are a JSON object");
    refused("Buy", r#"{"skus":["a",null],"address":""}"#, "skus[1]", "invalid type: null");
    refused("Misbehave", r#"{"how":"nicely"}"#, "how", "unknown variant `nicely`");
    refused("Misbehave", "null", "", "arguments are a JSON object");
    refused("Misbehave", "{", "", "EOF while parsing");
    refused("Look", r#"{"at":"me"}"#, "at", "unknown field `at`");
}

#[test]
fn text_that_is_deep_or_not_text_is_an_error() {
    let deep = "[".repeat(100_000);
    assert!(parse("Look", deep.as_bytes()).is_err());
    let deep = format!(r#"{{"skus":{}"#, r#"{"a":"#.repeat(100_000));
    assert!(parse("Buy", deep.as_bytes()).is_err());
    assert!(parse("Buy", b"{\"skus\":[\"\xff\"],\"address\":\"\"}").is_err());
    assert!(parse("Buy", br#"{"skus":["\ud800"],"address":""}"#).is_err());
}

/// JSON of any shape, often with the names and types that a command expects.
fn shape() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2..300_i64).prop_map(Value::from),
        any::<f64>().prop_map(|float| json!(float)),
        "[a-z\\x00é]{0,3}".prop_map(Value::from),
        Just(json!("insert_twice")),
    ];
    leaf.prop_recursive(3, 24, 4, |inner| {
        let name = prop_oneof![
            Just("sku"),
            Just("shelf"),
            Just("count"),
            Just("skus"),
            Just("address"),
            Just("how"),
            Just("other"),
        ];
        let entry = (name.prop_map(str::to_owned), inner.clone());
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(Value::from),
            prop::collection::vec(entry, 0..4).prop_map(|entries| entries.into_iter().collect()),
        ]
    })
}

fn command() -> impl Strategy<Value = &'static str> {
    prop_oneof![Just("Stock"), Just("Buy"), Just("Misbehave"), Just("Look")]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn any_json_is_a_command_or_an_error(command in command(), value in shape()) {
        let _ = parse(command, value.to_string().as_bytes());
    }

    #[test]
    fn any_bytes_are_a_command_or_an_error(command in command(), bytes in any::<Vec<u8>>()) {
        let _ = parse(command, &bytes);
    }

    #[test]
    fn a_fitting_command_with_one_byte_changed_is_a_command_or_an_error(
        at in 0..64_usize,
        byte in any::<u8>(),
    ) {
        let mut text = br#"{"skus":["a","bc"],"address":"1 Elm St"}"#.to_vec();
        let at = at % text.len();
        text[at] = byte;
        let _ = parse("Buy", &text);
    }

    #[test]
    fn any_recorded_bytes_are_read_or_an_error(
        plain in any::<Vec<u8>>(),
        personal in any::<Option<Vec<u8>>>(),
    ) {
        for (index, known) in Shop::COMMANDS.iter().enumerate() {
            let _ = (known.reread)(index, &plain, personal.as_deref());
        }
    }
}
