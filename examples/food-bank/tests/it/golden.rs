//! A food bank as it was when format 1 was frozen: today's app has to tell of the same records, and fold
//! them to the same state, for ever. A change that breaks this breaks every food bank there is.
//!
//! `tests/golden/format-1/` holds its chronicle, what `log --json` said of it, and what queries answered.
//! `DEEDS_GOLDEN=write` makes it anew by the program of today: for a format that is not released yet.
//! Every command is in it, accepted and refused; of the events all but `LotWrittenOff`, for which a
//! day has to pass.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::server_process::{Client, Place, new_id};

/// What people of then ask today: who, as what, and what.
const QUESTIONS: &[(&str, &str, &str)] = &[
    ("ada", "admin", "Stock"),
    ("ada", "admin", "ExpiringLots?until=2098-01-01"),
    ("ada", "admin", "ProductByBarcode?barcode=2000000000008"),
    ("vera", "volunteer", "PickList"),
    ("vera", "volunteer", "OrderByNumber?number=1"),
    ("nora", "neighbor", "Catalogue"),
    ("nora", "neighbor", "MyCart"),
    ("nora", "neighbor", "MyOrders"),
    ("otto", "neighbor", "MyOrders"),
    ("otto", "neighbor", "OrderByNumber?number=1"),
    ("nora", "neighbor", "Me"),
    ("max", "neighbor", "Me"),
];

#[test]
fn a_food_bank_of_then_is_the_same_today() {
    if std::env::var_os("DEEDS_GOLDEN").is_some_and(|mode| mode == "write") {
        write();
    }
    let place = Place::new();
    copy(&golden("chronicle"), &place.data());
    // Directories without files are not kept with the code.
    for directory in ["log", "bodies"] {
        fs::create_dir_all(place.data().join(directory)).expect("a directory");
    }

    let log = place.succeed(&["log", "--json"]);
    let then = fs::read_to_string(golden("log.ndjson")).expect("a golden file");
    assert_eq!(log.lines().count(), then.lines().count(), "as many records");
    for (now, then) in log.lines().zip(then.lines()) {
        let line = |text: &str| serde_json::from_str::<Value>(text).expect("a line is JSON");
        assert_eq!(line(now), line(then));
    }
    place.succeed(&["verify"]);

    let server = place.serve();
    let then = fs::read_to_string(golden("answers.json")).expect("a golden file");
    let then: Value = serde_json::from_str(&then).expect("it is JSON");
    for (question, now) in answers(&place) {
        assert!(says_all_of(&now, &then[&question]), "{question}: {now} was {}", then[&question]);
    }
    // A repeat of then is answered from its record, and the bank goes on.
    let nora = Client::of(&place, "nora", "neighbor");
    let (status, again) = nora
        .send("AddToCart", "golden/1", &json!({ "sku": "RICE", "quantity": 2 }))
        .expect("it serves");
    assert_eq!((status, &again["answer"]["sku"]), (200, &json!("RICE")));
    let order = nora.must("PlaceOrder", &json!({ "lines": [{ "sku": "MILK", "quantity": 1 }] }));
    assert_eq!(order["answer"]["order"], 6, "the number after the last one of then");
    assert_eq!(server.stop(), Some(0));
    place.succeed(&["verify"]);
}

/// Whether an answer says what it said then. It may say more by now.
fn says_all_of(now: &Value, then: &Value) -> bool {
    match (now, then) {
        (Value::Object(now), Value::Object(then)) => {
            then.iter().all(|(name, then)| now.get(name).is_some_and(|now| says_all_of(now, then)))
        }
        (Value::Array(now), Value::Array(then)) => {
            now.len() == then.len()
                && now.iter().zip(then).all(|(now, then)| says_all_of(now, then))
        }
        _ => now == then,
    }
}

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/format-1").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory");
    for entry in fs::read_dir(from).expect("a golden directory") {
        let entry = entry.expect("it can be listed");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("it can be copied");
        }
    }
}

/// Each question, and the answer without the position it was read at.
fn answers(place: &Place) -> Vec<(String, Value)> {
    let ask = |(who, role, query): &(&str, &str, &str)| {
        let (status, body) = Client::of(place, who, role).get(&format!("/v1/queries/{query}"));
        let body: Value = serde_json::from_slice(&body).expect("it is JSON");
        assert_eq!(status, 200, "{query}: {body}");
        (format!("{who}: {query}"), body["answer"].clone())
    };
    QUESTIONS.iter().map(ask).collect()
}

/// A day at the food bank, with all that can go wrong.
fn write() {
    let place = Place::new();
    let server = place.serve();
    let client = |who, role| Client::of(&place, who, role);
    let (ada, vera, walt) =
        (client("ada", "admin"), client("vera", "volunteer"), client("walt", "volunteer"));
    let (nora, otto, max) =
        (client("nora", "neighbor"), client("otto", "neighbor"), client("max", "neighbor"));
    let product = |sku: &str, category: &str, barcode: &str, limit: Value| {
        json!({
            "sku": sku, "name": sku.to_lowercase(), "category": category, "size": "1 kg",
            "barcode": barcode, "labels": ["vegan", "gluten_free"], "limit": limit,
        })
    };
    ada.must("AddProduct", &product("RICE", "grains", "2000000000008", Value::Null));
    ada.must("AddProduct", &product("MILK", "dairy", "2000000030012", json!(6)));
    refused(&ada, "AddProduct", &product("RICE", "grains", "2000000060019", Value::Null));
    refused(&ada, "AddProduct", &product("OATS", "grains", "2000000000008", Value::Null));
    ada.must("SetLimit", &json!({ "sku": "RICE", "limit": 20 }));
    refused(&ada, "SetLimit", &json!({ "sku": "OATS", "limit": 20 }));
    let lot = |sku, quantity, best_before| json!({ "sku": sku, "quantity": quantity, "best_before": best_before });
    let first = vera.must("ReceiveLot", &lot("RICE", 40, "2097-12-31"))["answer"].clone();
    vera.must("ReceiveLot", &lot("RICE", 10, "2099-12-31"));
    vera.must("ReceiveLot", &lot("MILK", 12, "2096-02-29"));
    refused(&vera, "ReceiveLot", &lot("MILK", 12, "2001-01-01"));
    refused(&vera, "ReceiveLot", &lot("OATS", 12, "2099-01-01"));
    ada.must("CountLot", &json!({ "lot": first, "counted": 38 }));
    refused(&ada, "CountLot", &json!({ "lot": first, "counted": 1_000_000 }));
    refused(&vera, "WriteOffExpired", &json!({}));

    let household = json!({ "name": "Nora Ñandú", "phone": "0123", "address": "1 Main St" });
    nora.must("Register", &household);
    refused(&nora, "Register", &household);
    let at_the_counter =
        json!({ "neighbor": "max", "name": "Max", "phone": "-", "address": "at the bridge" });
    vera.must("RegisterNeighbor", &at_the_counter);
    ada.must("GrantRole", &json!({ "member": "vera", "role": "admin" }));
    refused(&ada, "GrantRole", &json!({ "member": "vera", "role": "admin" }));
    ada.must("RevokeRole", &json!({ "member": "vera", "role": "admin" }));
    ada.must("GrantRole", &json!({ "member": "walt", "role": "volunteer" }));
    refused(&ada, "RevokeRole", &json!({ "member": "ada", "role": "admin" }));

    let item = |sku, quantity| json!({ "sku": sku, "quantity": quantity });
    let (status, _) = nora.send("AddToCart", "golden/1", &item("RICE", 2)).expect("it serves");
    assert_eq!(status, 200);
    nora.must("AddToCart", &item("MILK", 1));
    nora.must("RemoveFromCart", &json!({ "sku": "MILK" }));
    refused(&nora, "RemoveFromCart", &json!({ "sku": "MILK" }));
    refused(&nora, "AddToCart", &item("RICE", 21));
    nora.must("Checkout", &json!({}));
    refused(&nora, "Checkout", &json!({}));
    vera.must("EmptyAbandonedCarts", &json!({}));
    let order = |lines: &[Value]| json!({ "lines": lines });
    otto.must("PlaceOrder", &order(&[item("RICE", 3), item("MILK", 2)]));
    max.must("PlaceOrder", &order(&[item("MILK", 6)]));
    otto.must("PlaceOrder", &order(&[item("RICE", 1)]));
    nora.must("PlaceOrder", &order(&[item("RICE", 5)]));
    refused(&max, "PlaceOrder", &order(&[item("MILK", 6)]));
    refused(&max, "PlaceOrder", &order(&[item("OATS", 1)]));

    let number = |order: u32| json!({ "order": order });
    for (who, command, order) in [(&vera, "ClaimOrder", 1), (&walt, "ClaimOrder", 2)] {
        who.must(command, &number(order));
    }
    refused(&walt, "ClaimOrder", &number(1));
    refused(&walt, "ClaimOrder", &number(99));
    let pick = |order: u32, sku, quantity: u32| json!({ "order": order, "sku": sku, "quantity": quantity });
    vera.must("PickLine", &pick(1, "RICE", 2));
    refused(&vera, "PackOrder", &number(99));
    vera.must("PackOrder", &number(1));
    vera.must("HandOver", &number(1));
    walt.must("PickLine", &pick(2, "RICE", 3));
    refused(&walt, "PackOrder", &number(2));
    walt.must("GiveBackOrder", &number(2));
    vera.must("ClaimOrder", &number(3));
    vera.must("PickLine", &pick(3, "MILK", 4));
    vera.must("PackOrder", &number(3));
    otto.must("CancelOrder", &number(4));
    refused(&otto, "CancelOrder", &number(4));
    refused(&vera, "CancelOrder", &number(1));
    nora.must("AddToCart", &item("MILK", 1));

    let told: serde_json::Map<String, Value> = answers(&place).into_iter().collect();
    assert_eq!(server.stop(), Some(0));
    let _ = fs::remove_dir_all(golden(""));
    for directory in ["head", "log", "bodies", "tiles"] {
        copy(&place.data().join(directory), &golden("chronicle").join(directory));
    }
    for file in fs::read_dir(golden("chronicle/head")).expect("copied") {
        // Zeros written ahead are no part of it.
        let path = file.expect("copied").path();
        let bytes = fs::read(&path).expect("copied");
        let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
        fs::write(&path, &bytes[..end]).expect("copied");
    }
    let log = place.succeed(&["log", "--json"]);
    fs::write(golden("log.ndjson"), log).expect("a golden file");
    let answers = serde_json::to_string_pretty(&told).expect("it is JSON") + "\n";
    fs::write(golden("answers.json"), answers).expect("a golden file");
}

#[track_caller]
fn refused(who: &Client, command: &str, arguments: &Value) {
    let (status, body) = who.send_until_answered(command, &new_id(), arguments);
    assert_eq!(status, 422, "{command} {arguments}: {body}");
}
