//! Structs, newtypes, enums, ids and roles.

use std::collections::{BTreeMap, BTreeSet};

use deeds::actor::RoleName;
use deeds::prelude::*;
use deeds_values::{Key, Uid};
use serde_json::json;

use crate::pantry::{Content, Role, ShelfName, TinId};

/// A place in the house.
#[value(key)]
struct Place {
    room: u8,
    shelf: ShelfName,
}

#[value(key)]
enum Holder {
    Nobody,
    Actor(ActorId),
    Household { number: u32, member: Option<u8> },
}

#[value]
struct Parcel {
    place: Place,
    tins: BTreeMap<Content, u32>,
    labels: BTreeSet<ShelfName>,
    note: Option<String>,
}

/// A name of a day, checked where it enters.
#[value(key, check = is_a_day)]
struct DayName(String);

fn is_a_day(text: &str) -> Result<(), &'static str> {
    if text.ends_with("day") { Ok(()) } else { Err("the name of a day ends in day") }
}

/// A count between 1 and 99, checked by hand where it enters.
#[value]
#[serde(try_from = "u32")]
struct Handful(u32);

impl TryFrom<u32> for Handful {
    type Error = &'static str;

    fn try_from(count: u32) -> Result<Self, Self::Error> {
        if (1..=99).contains(&count) { Ok(Self(count)) } else { Err("a handful is 1 to 99") }
    }
}

#[test]
fn an_enum_is_written_in_snake_case_or_as_renamed() {
    assert_eq!(json!(Content::ChickPeas), json!("chick_peas"));
    assert_eq!(Content::ChickPeas.to_string(), "chick_peas");
    assert_eq!(json!(Content::Corn), json!("sweetcorn"));
    assert_eq!(Content::Corn.to_string(), "sweetcorn");
    let household = Holder::Household { number: 3, member: None };
    assert_eq!(json!(household), json!({ "household": { "number": 3, "member": null } }));
    assert_eq!(json!(Holder::Nobody), json!("nobody"));
}

#[test]
fn a_struct_comes_back_and_unknown_fields_are_refused() {
    let parcel = Parcel {
        place: Place { room: 1, shelf: "A1".into() },
        tins: BTreeMap::from([(Content::Corn, 2)]),
        labels: BTreeSet::from(["B2".into()]),
        note: None,
    };
    let json = json!(parcel);
    assert_eq!(json["tins"], json!({ "sweetcorn": 2 }));
    assert_eq!(serde_json::from_value::<Parcel>(json.clone()).unwrap(), parcel);
    let mut longer = json;
    longer["weight"] = json!(1);
    assert!(serde_json::from_value::<Parcel>(longer).is_err());
}

#[test]
fn a_newtype_is_written_as_what_it_holds() {
    assert_eq!(json!(ShelfName::from("A1")), json!("A1"));
    assert_eq!(ShelfName::from(String::from("A1")).to_string(), "A1");
    assert_eq!(ShelfName::from("A1").as_ref(), "A1");
}

#[test]
fn a_newtype_can_check_what_it_holds() {
    assert!(serde_json::from_str::<Handful>("12").is_ok());
    let error = serde_json::from_str::<Handful>("100").unwrap_err();
    assert!(error.to_string().starts_with("a handful is 1 to 99"));
}

#[test]
fn a_checked_value_lets_in_only_what_passes() {
    let monday = DayName::new("Monday").unwrap();
    assert_eq!(serde_json::from_value::<DayName>(json!("Monday")).unwrap(), monday);
    assert_eq!(DayName::try_from("Monday").as_ref(), Ok(&monday));
    assert_eq!(DayName::new("May").unwrap_err(), "the name of a day ends in day");
    let error = serde_json::from_value::<DayName>(json!("May")).unwrap_err();
    assert_eq!(error.to_string(), "the name of a day ends in day");
}

#[test]
fn keys_sort_as_the_values_do() {
    let ada = ActorId::new("ada").unwrap();
    let holders = [
        Holder::Nobody,
        Holder::Actor(ada),
        Holder::Household { number: 1, member: None },
        Holder::Household { number: 1, member: Some(0) },
        Holder::Household { number: 2, member: None },
    ];
    assert!(holders.is_sorted());
    assert!(holders.map(|holder| holder.key_bytes()).is_sorted());
    let places =
        [(1, "B"), (2, "A"), (2, "AA")].map(|(room, shelf)| Place { room, shelf: shelf.into() });
    assert!(places.is_sorted());
    assert!(places.map(|place| place.key_bytes()).is_sorted());
}

#[test]
fn an_id_is_text_of_its_own_type() {
    let id = TinId::from(Uid::from_hash([7; 16]));
    let text = "07070707-0707-8707-8707-070707070707";
    assert_eq!((id.to_string(), json!(id)), (text.to_owned(), json!(text)));
    assert_eq!(text.parse(), Ok(id));
    assert_eq!(serde_json::from_value::<TinId>(json!(text)).unwrap(), id);
    let schema = schemars::schema_for!(TinId).to_value();
    assert_eq!((&schema["title"], &schema["format"]), (&json!("TinId"), &json!("uuid")));
}

#[test]
fn a_role_is_named_in_snake_case() {
    assert_eq!(Role::NightKeeper.role_name(), "night_keeper");
    assert_eq!(json!(Role::Keeper), json!("keeper"));
}
