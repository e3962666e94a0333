//! Codes, messages and data.

use deeds::recorded::to_json;
use deeds::refusal::Refusal;
use serde_json::json;

use crate::pantry::ShelfRefusal;

#[test]
fn the_codes_and_messages_are_listed_as_written() {
    let codes: Vec<_> = ShelfRefusal::CODES.iter().map(|code| (code.code, code.message)).collect();
    assert_eq!(
        codes,
        [
            ("name_taken", "There is a shelf {name} already."),
            ("no_room", "No more than {most} shelves fit, {{and}} {most} are there."),
            ("closed", "The pantry is closed."),
        ]
    );
}

#[test]
fn the_message_is_filled_in_and_the_data_are_the_fields() {
    let written = |refusal: &ShelfRefusal| {
        let mut body = Vec::new();
        refusal.write(&mut body);
        to_json(&body).unwrap()
    };
    assert_eq!(
        written(&ShelfRefusal::NameTaken { name: "A3".into() }),
        json!({
            "code": "name_taken",
            "message": "There is a shelf A3 already.",
            "data": { "name": "A3" },
        })
    );
    assert_eq!(
        written(&ShelfRefusal::NoRoom { most: 9, there: 9 }),
        json!({
            "code": "no_room",
            "message": "No more than 9 shelves fit, {and} 9 are there.",
            "data": { "most": 9, "there": 9 },
        })
    );
    assert_eq!(written(&ShelfRefusal::Closed)["code"], "closed");
    assert_eq!(ShelfRefusal::Closed.to_string(), "The pantry is closed.");
}
