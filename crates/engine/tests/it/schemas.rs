//! The schema and its lock.

use deeds::schema::{self, SchemaLock};
use serde_json::json;

use crate::shop::Shop;

#[test]
fn the_schema_lists_everything_by_its_full_name() {
    let schema = schema::of::<Shop>();
    assert_eq!(schema.app, "shop");
    let names: Vec<&str> = schema.commands.keys().map(String::as_str).collect();
    assert_eq!(names, ["shop/Buy", "shop/Look", "shop/Misbehave", "shop/Stock"]);
    let buy = &schema.commands["shop/Buy"];
    assert_eq!(buy.doc, "Order one each of some products.");
    assert_eq!(buy.personal, ["address"]);
    assert_eq!(buy.refusals["sold_out"], "{sku} is sold out.");
    assert_eq!(buy.arguments, json!({ "$ref": "#/$defs/Buy" }));
    assert_eq!(schema.definitions["Buy"]["required"], json!(["skus", "address"]));
    assert_eq!(schema.tables["orders"], "Order");
}

#[test]
fn the_lock_names_what_has_changed() {
    let code = SchemaLock::of::<Shop>();
    assert_eq!(code.differences(&code), [""; 0]);
    let mut before = code.clone();
    before.commands.remove("shop/Look").unwrap();
    let stocked = before.events.remove("shop/Stocked").unwrap();
    before.events.insert("shop/Filled".to_owned(), stocked);
    before.events.get_mut("shop/Bought").unwrap()["properties"]["sku"] =
        json!({ "type": "integer" });
    assert_eq!(
        before.differences(&code),
        [
            "command shop/Look is new",
            "event shop/Bought has changed",
            "event shop/Filled is gone; a rename needs an alias",
            "event shop/Stocked is new",
        ]
    );
}
