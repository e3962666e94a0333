//! Commands, events and queries: names, forms, personal fields.

use deeds::command::parse_json;
use deeds::query::Query;
use deeds::recorded::{Recorded, to_json};
use deeds_values::ActorId;
use schemars::SchemaGenerator;
use serde_json::json;

use crate::pantry::{CountTins, Named, Open, Opened, PutUpShelf, Registered, Shelves};

fn registered() -> Registered {
    Registered {
        who: ActorId::new("ada").unwrap(),
        full_name: "Ada Lovelace".to_owned(),
        phone: None,
        household: 3,
    }
}

#[test]
fn the_name_the_aliases_and_the_doc_comment_are_those_of_the_type() {
    assert_eq!(PutUpShelf::NAME, "PutUpShelf");
    assert_eq!(PutUpShelf::ALIASES, ["AddShelf", "NewShelf"]);
    assert_eq!(PutUpShelf::DOC, "Put a shelf up.");
    assert_eq!(PutUpShelf::PERSONAL, [""; 0]);
    assert_eq!(
        (CountTins::NAME, CountTins::DOC),
        ("CountTins", "How many tins of a kind I can see.")
    );
}

#[test]
fn a_type_without_fields_is_an_empty_object() {
    assert_eq!(parse_json::<Open>(b"{}").unwrap(), Open);
    assert_eq!(parse_json::<Open>(b"").unwrap(), Open);
    assert_eq!(parse_json::<Shelves>(b"{}").unwrap(), Shelves);
    let error = parse_json::<Open>(br#"{"now":true}"#).unwrap_err();
    assert!(error.reason.starts_with("unknown field `now`"), "{error:?}");
    assert!(parse_json::<Open>(b"null").is_err());

    let (mut plain, mut personal) = (Vec::new(), Vec::new());
    Opened.encode(&mut plain, &mut personal);
    assert_eq!(to_json(&plain).unwrap(), json!({}));
    assert_eq!(Opened::decode(&mut plain.as_slice(), None).unwrap(), Opened);

    let schema = Open::schema(&mut SchemaGenerator::default()).to_value();
    assert_eq!(schema, json!({ "$ref": "#/$defs/Open" }));
    let mut generator = SchemaGenerator::default();
    Open::schema(&mut generator);
    let open = &generator.definitions()["Open"];
    assert_eq!(
        *open,
        json!({ "type": "object", "description": "Open the pantry.", "additionalProperties": false })
    );
}

#[test]
fn wrong_arguments_name_the_field() {
    let error = parse_json::<PutUpShelf>(br#"{"name": 7}"#).unwrap_err();
    assert_eq!(error.field, "name");
    let error = parse_json::<PutUpShelf>(b"{}").unwrap_err();
    assert!(error.reason.starts_with("missing field `name`"), "{error:?}");
    let error = parse_json::<CountTins>(br#"{"content": "Beans"}"#).unwrap_err();
    assert_eq!(error.field, "content");
    assert!(error.reason.contains("expected one of `beans`, `chick_peas`, `sweetcorn`"));
}

#[test]
fn personal_fields_have_a_body_of_their_own() {
    assert_eq!(Registered::PERSONAL, ["full_name", "phone"]);
    let (mut plain, mut personal) = (Vec::new(), Vec::new());
    registered().encode(&mut plain, &mut personal);
    assert_eq!(to_json(&plain).unwrap(), json!({ "who": "ada", "household": 3 }));
    assert_eq!(to_json(&personal).unwrap(), json!({ "full_name": "Ada Lovelace", "phone": null }));
    let back = Registered::decode(&mut plain.as_slice(), Some(&personal)).unwrap();
    assert_eq!(back, registered());
}

#[test]
fn a_record_without_its_personal_body_says_so() {
    let (mut plain, mut personal) = (Vec::new(), Vec::new());
    registered().encode(&mut plain, &mut personal);
    let error = Registered::decode(&mut plain.as_slice(), None).unwrap_err();
    assert_eq!(error.to_string(), "the personal fields are not there");
}

#[test]
fn an_event_may_be_personal_altogether() {
    let (mut plain, mut personal) = (Vec::new(), Vec::new());
    let named = Named { full_name: "Ada Lovelace".to_owned() };
    named.encode(&mut plain, &mut personal);
    assert_eq!(to_json(&plain).unwrap(), json!({}));
    assert_eq!(Named::decode(&mut plain.as_slice(), Some(&personal)).unwrap(), named);
}

#[test]
fn decoding_moves_past_one_value() {
    let (mut plain, mut personal) = (Vec::new(), Vec::new());
    for _ in 0..2 {
        registered().encode(&mut plain, &mut personal);
    }
    let mut rest = plain.as_slice();
    Registered::decode(&mut rest, Some(&personal)).unwrap();
    assert_eq!(rest.len(), plain.len() / 2);
}

#[test]
fn the_schema_marks_personal_fields() {
    let mut generator = SchemaGenerator::default();
    Registered::schema(&mut generator);
    let schema = &generator.definitions()["Registered"];
    assert_eq!(schema["properties"]["full_name"]["x-personal"], true);
    assert_eq!(schema["properties"]["household"].get("x-personal"), None);
}
