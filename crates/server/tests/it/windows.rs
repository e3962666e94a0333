//! Windows on live sockets: a part of a long list, and how many there are.

use std::sync::Arc;

use deeds_sim::ModelDisk;
use serde_json::{Value, json};

use crate::board;
use crate::staged_host::Served;
use crate::watcher::{Form, Shown, Watcher};

fn served() -> Served {
    Served::start(board::start(Arc::new(ModelDisk::new())))
}

/// Writes or erases a note by HTTP; the position of its record.
fn told(served: &Served, name: &str, arguments: &Value) -> u64 {
    let headers = [("Content-Type", "application/json")];
    let client = served.client("ada", &[]);
    let path = format!("/v1/commands/{name}");
    let answer = client.ask("POST", &path, &headers, arguments.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["position"].as_u64().unwrap()
}

fn write(served: &Served, id: u32, weight: u32) -> u64 {
    let note = json!({"id": id, "text": "x", "weight": weight, "for_everyone": true});
    told(served, "Write", &note)
}

fn erase(served: &Served, id: u32) -> u64 {
    told(served, "Erase", &json!({"id": id}))
}

fn watch(served: &Served, form: Form, query: &str, window: &Value) -> Watcher {
    let token = served.client("ben", &[]).token.unwrap();
    let subs = [(query, json!({"window": window}))];
    Watcher::greet(served.address(), form, &token, &subs)
}

/// The notes in the window, how many there are, and how many before it.
fn seen(watcher: &Watcher) -> (Vec<u64>, u64, u64) {
    let rows = watcher.shown[&1].rows();
    let ids = rows.iter().map(|row| row["id"].as_u64().unwrap()).collect();
    let (total, before) = watcher.counts[&1];
    (ids, total, before)
}

#[test]
fn rows_come_change_and_go_in_a_window_and_the_counts_with_them() {
    for form in [Form::Json, Form::MessagePack] {
        let served = served();
        for id in 1..=9 {
            write(&served, id, 100 - id);
        }
        let mut first = watch(&served, form, "Whole", &json!({"size": 3, "sort": "weight"}));
        first.until("tick");
        assert_eq!(seen(&first), (vec![9, 8, 7], 9, 0));
        let Shown::Rows(rows) = &first.shown[&1] else { panic!("rows") };
        let place = rows.values().map(|(order, _)| order).max().unwrap().clone();
        let after = json!({"size": 3, "sort": "weight", "after": place});
        let mut second = watch(&served, form, "Whole", &after);
        second.until("tick");
        assert_eq!(seen(&second), (vec![6, 5, 4], 9, 3));

        // One more before both; the second window does not move.
        let position = write(&served, 10, 1);
        first.follow(position);
        second.follow(position);
        assert_eq!(seen(&first), (vec![10, 9, 8], 10, 0));
        assert_eq!(seen(&second), (vec![6, 5, 4], 10, 4));
        // The row that it begins after moves away: the place stays.
        write(&served, 7, 99);
        let position = erase(&served, 5);
        second.follow(position);
        assert_eq!(seen(&second), (vec![6, 4, 3], 9, 3));
        assert_eq!(second.resets, 1, "only at first");
    }
}

#[test]
fn a_window_of_rows_that_only_some_see_counts_what_they_see() {
    let served = served();
    write(&served, 1, 5);
    let mine = json!({"id": 2, "text": "x", "weight": 5, "for_everyone": false});
    told(&served, "Write", &mine);
    write(&served, 3, 5);
    let mut ben = watch(&served, Form::Json, "Seen", &json!({"size": 1, "reverse": true}));
    ben.until("tick");
    assert_eq!(seen(&ben), (vec![3], 2, 0));
    let position = told(&served, "Admit", &json!({"who": "ben", "is_member": true}));
    ben.follow(position);
    assert_eq!(seen(&ben), (vec![3], 3, 0));
}

#[test]
fn a_window_that_makes_no_sense_fails_alone() {
    let served = served();
    let cases = [
        ("Total", json!({"size": 3}), "window"),
        ("Whole", json!({"size": 0}), "window.size"),
        ("Whole", json!({"size": 501}), "window.size"),
        ("Whole", json!({"size": 3, "after": "no place"}), "window.after"),
    ];
    for (query, window, field) in cases {
        let mut watcher = watch(&served, Form::Json, query, &window);
        assert_eq!(watcher.until("fail")["error"]["field"], field, "{query} {window}");
    }
    for (query, sort) in [("Whole", "colour"), ("Seen", "weight")] {
        let window = json!({"size": 3, "sort": sort});
        let mut watcher = watch(&served, Form::Json, query, &window);
        assert_eq!(watcher.until("fail")["error"]["kind"], "invalid", "{query} by {sort}");
    }
}

#[test]
fn who_comes_back_sees_the_window_anew() {
    let served = served();
    for id in 1..=5 {
        write(&served, id, id);
    }
    let window = json!({"size": 2});
    let mut before = watch(&served, Form::Json, "Public", &window);
    before.until("tick");
    let position = write(&served, 6, 6);
    let token = served.client("ben", &[]).token.unwrap();
    let subs = [("Public", json!({"window": window}))];
    let (stood, shown) = (before.stood(), std::mem::take(&mut before.shown));
    let address = served.address();
    let mut after = Watcher::greet_again(address, Form::Json, &token, &subs, Some(stood), shown);
    after.follow(position);
    assert_eq!((seen(&after), after.resets), ((vec![1, 2], 6, 0), 1));
}
