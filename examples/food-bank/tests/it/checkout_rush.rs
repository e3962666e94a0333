//! Two hundred neighbors want the last fifty tins, some of them ask twice, and the server is killed
//! in the middle: fifty get one, the others are told no, and everybody is told the same again.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, mpsc};
use std::thread;

use serde_json::{Value, json};

use crate::server_process::{Answer, Client, Place, new_id};

const NEIGHBORS: usize = 200;
const TINS: usize = 50;
/// One request in so many is sent twice.
const TWICE_EVERY: usize = 5;
/// After so many answers the server is killed.
const ANSWERS_BEFORE_KILL: usize = 60;

/// What one neighbor was told, each time.
struct Told {
    id: String,
    answers: Vec<Answer>,
}

#[test]
fn two_hundred_neighbors_share_fifty_tins_across_a_kill() {
    let place = Place::new();
    let server = place.serve();
    stock(&place);

    let ready = Arc::new(Barrier::new(NEIGHBORS));
    let answered = Arc::new(AtomicUsize::new(0));
    let (time_to_kill, killing) = mpsc::channel();
    let neighbors: Vec<_> = (0..NEIGHBORS)
        .map(|number| {
            let client = Client::of(&place, &format!("neighbor-{number}"), "neighbor");
            let (ready, answered) = (Arc::clone(&ready), Arc::clone(&answered));
            let time_to_kill = time_to_kill.clone();
            thread::spawn(move || {
                ready.wait();
                let told = order(&client, number);
                if answered.fetch_add(1, Ordering::SeqCst) + 1 == ANSWERS_BEFORE_KILL {
                    time_to_kill.send(()).expect("the test waits for it");
                }
                told
            })
        })
        .collect();

    killing.recv().expect("enough neighbors are answered");
    server.kill();
    let server = place.serve();
    let told: Vec<Told> =
        neighbors.into_iter().map(|neighbor| neighbor.join().expect("it was answered")).collect();

    fifty_got_one(&told);
    everybody_is_told_the_same_again(&place, &told);
    stock_was_never_negative(&place.records());
    assert_eq!(server.stop(), Some(0));
    place.succeed(&["verify"]);
}

fn stock(place: &Place) {
    let ada = Client::of(place, "ada", "admin");
    ada.must(
        "AddProduct",
        &json!({
            "sku": "TUNA", "name": "Tuna", "category": "canned", "size": "150 g",
            "barcode": "2000000000008", "labels": [], "limit": null,
        }),
    );
    ada.must(
        "ReceiveLot",
        &json!({ "sku": "TUNA", "quantity": TINS, "best_before": "2099-12-31" }),
    );
}

/// Orders a tin; every fifth neighbor is impatient and sends the same request twice at once.
fn order(client: &Client, number: usize) -> Told {
    let id = new_id();
    let arguments = json!({ "lines": [{ "sku": "TUNA", "quantity": 1 }] });
    let send = || client.send_until_answered("PlaceOrder", &id, &arguments);
    let answers = if number.is_multiple_of(TWICE_EVERY) {
        thread::scope(|scope| {
            let again = scope.spawn(send);
            let first = send();
            vec![first, again.join().expect("it was answered")]
        })
    } else {
        vec![send()]
    };
    Told { id, answers }
}

fn fifty_got_one(told: &[Told]) {
    let mut numbers = Vec::new();
    let mut refused = 0;
    for Told { answers, .. } in told {
        let (status, body) = &answers[0];
        assert!(answers.iter().all(|answer| answer == &answers[0]), "told two things: {answers:?}");
        match status {
            200 => numbers.push(body["answer"]["order"].as_u64().expect("an order has a number")),
            422 => {
                assert_eq!(body["refusal"]["code"], "not_enough", "{body}");
                refused += 1;
            }
            _ => panic!("{status}: {body}"),
        }
    }
    numbers.sort_unstable();
    assert_eq!(
        numbers,
        (1..=TINS as u64).collect::<Vec<_>>(),
        "fifty orders, numbered without gaps"
    );
    assert_eq!(refused, NEIGHBORS - TINS);
}

fn everybody_is_told_the_same_again(place: &Place, told: &[Told]) {
    let arguments = json!({ "lines": [{ "sku": "TUNA", "quantity": 1 }] });
    for (number, Told { id, answers }) in told.iter().enumerate() {
        let client = Client::of(place, &format!("neighbor-{number}"), "neighbor");
        let again = client.send_until_answered("PlaceOrder", id, &arguments);
        assert_eq!(again, answers[0], "the same id, the same answer");
    }
}

/// Counts the tins by the events alone, record by record.
fn stock_was_never_negative(records: &[Value]) {
    let mut left: BTreeMap<String, i64> = BTreeMap::new();
    for record in records {
        for event in record["events"].as_array().into_iter().flatten() {
            let data = &event["data"];
            let moved = |data: &Value| {
                let sku = data["sku"].as_str().expect("a SKU").to_owned();
                (sku, data["quantity"].as_i64().expect("a quantity"))
            };
            match event["event"].as_str() {
                Some("food-bank/LotReceived") => {
                    let (sku, quantity) = moved(data);
                    *left.entry(sku).or_default() += quantity;
                }
                Some("food-bank/OrderPlaced") => {
                    for item in data["items"].as_array().expect("an order has items") {
                        let (sku, quantity) = moved(item);
                        *left.entry(sku).or_default() -= quantity;
                    }
                }
                _ => {}
            }
        }
        let position = &record["position"];
        assert!(left.values().all(|left| *left >= 0), "less than nothing at {position}: {left:?}");
    }
    assert_eq!(left["TUNA"], 0, "all were handed out");
}
