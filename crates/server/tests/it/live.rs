//! Live sockets: what is seen, when, by whom.

use std::sync::Arc;
use std::time::Duration;

use deeds_sim::ModelDisk;
use serde_json::{Value, json};

use crate::board;
use crate::staged_host::Served;
use crate::watcher::{Form, Shown, Watcher, connect};

fn served() -> Served {
    Served::start(board::start(Arc::new(ModelDisk::new())))
}

fn watch(served: &Served, who: &str, subs: &[&str]) -> Watcher {
    watch_as(served, who, subs, Form::Json)
}

fn watch_as(served: &Served, who: &str, subs: &[&str], form: Form) -> Watcher {
    let subs: Vec<_> = subs.iter().map(|query| (*query, json!({}))).collect();
    let token = served.client(who, &[]).token.unwrap();
    Watcher::greet(served.address(), form, &token, &subs)
}

fn note(id: u32, weight: u32, for_everyone: bool) -> Value {
    json!({"id": id, "text": format!("note {id}"), "weight": weight, "for_everyone": for_everyone})
}

/// Sends a command by HTTP; the position of its record.
fn told(served: &Served, who: &str, name: &str, arguments: &Value) -> u64 {
    let headers = [("Content-Type", "application/json")];
    let path = format!("/v1/commands/{name}");
    let client = served.client(who, &[]);
    let answer = client.ask("POST", &path, &headers, arguments.to_string().as_bytes());
    assert_eq!(answer.status, 200, "{}", String::from_utf8_lossy(&answer.body));
    answer.json()["position"].as_u64().unwrap()
}

fn ids(shown: &Shown) -> Vec<u64> {
    shown.rows().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

#[test]
fn rows_come_change_and_go_for_everyone_who_watches() {
    let served = served();
    told(&served, "ada", "Write", &note(1, 5, true));
    let mut watchers =
        [Form::Json, Form::MessagePack].map(|form| watch_as(&served, "ben", &["Public"], form));
    for watcher in &mut watchers {
        watcher.until("tick");
        assert_eq!(ids(&watcher.shown[&1]), [1]);
    }
    told(&served, "ada", "Write", &note(2, 7, true));
    told(&served, "ada", "Write", &note(1, 6, true));
    let position = told(&served, "ada", "Erase", &json!({"id": 2}));
    for watcher in &mut watchers {
        watcher.follow(position);
        assert_eq!(ids(&watcher.shown[&1]), [1]);
        assert_eq!(watcher.shown[&1].rows()[0]["weight"], 6);
        assert_eq!(watcher.resets, 1, "only at first");
    }
}

#[test]
fn the_result_of_a_command_comes_before_the_tick_that_shows_it() {
    let served = served();
    let mut watcher = watch(&served, "ada", &["Mine"]);
    watcher.until("tick");
    for number in 1..=50 {
        watcher.send(&format!("test/{number}"), "Write", &note(number, 1, false));
    }
    let (mut results, mut last) = (0, 0);
    while results < 50 || watcher.position < last {
        let message = watcher.next();
        match message["type"].as_str().unwrap() {
            "result" => {
                results += 1;
                assert_eq!(message["id"], format!("test/{results}"), "in the order sent");
                last = message["position"].as_u64().unwrap();
                assert!(watcher.position < last, "a result comes before the tick that shows it");
                assert_eq!(message["answer"], results);
            }
            "tick" => assert!(ids(&watcher.shown[&1]).len() <= results, "shown before told"),
            other => panic!("{other}"),
        }
    }
    assert_eq!(ids(&watcher.shown[&1]).len(), 50);
}

#[test]
fn refusals_errors_and_bugs_stay_apart() {
    let served = served();
    told(&served, "ada", "Write", &note(1, 5, true));
    told(&served, "ada", "Admit", &json!({"who": "ben", "is_member": true}));
    let mut ben = watch(&served, "ben", &[]);
    ben.send("test/1", "Write", &note(1, 9, true));
    let refused = ben.until("result");
    assert_eq!(refused["refusal"]["code"], "not_yours");
    assert_eq!(refused["refusal"]["data"], json!({"id": 1}));
    assert!(refused["position"].is_u64() && refused.get("error").is_none());

    ben.send("test/2", "Fail", &json!({}));
    let bug = ben.until("result");
    assert_eq!(bug["error"]["kind"], "bug");
    assert!(bug["error"]["reference"].is_string());

    let mut carl = watch(&served, "carl", &[]);
    carl.send("test/1", "Fail", &json!({}));
    assert_eq!(carl.until("result")["error"]["kind"], "denied");
    carl.send("test/2", "Wriet", &json!({}));
    let unknown = carl.until("result");
    assert_eq!(
        (&unknown["error"]["kind"], &unknown["error"]["code"]),
        (&json!("invalid"), &json!("name"))
    );
    assert_eq!(unknown["error"]["suggestion"], "Write");
    carl.send("test/3", "Write", &json!({"id": "one"}));
    let wrong = carl.until("result");
    assert_eq!(
        (&wrong["error"]["kind"], &wrong["error"]["field"]),
        (&json!("invalid"), &json!("id"))
    );
}

#[test]
fn a_change_of_keys_sends_the_rows_gained_and_lost_at_that_position() {
    let served = served();
    told(&served, "ada", "Write", &note(1, 5, false));
    told(&served, "ada", "Write", &note(2, 5, true));
    told(&served, "ben", "Write", &note(3, 5, false));
    let mut ben = watch(&served, "ben", &["Seen", "Total", "Heaviest"]);
    ben.until("tick");
    assert_eq!(ids(&ben.shown[&1]), [2, 3]);
    let gained = told(&served, "ada", "Admit", &json!({"who": "ben", "is_member": true}));
    ben.follow(gained);
    assert_eq!(ids(&ben.shown[&1]), [1, 2, 3]);
    assert_eq!(ids(&ben.shown[&3]).len(), 3);
    // What is the same before and after is not told again: the value between has to be seen.
    while !matches!(&ben.shown[&2], Shown::Value(at, _) if *at >= gained) {
        ben.until("tick");
    }
    let lost = told(&served, "ada", "Admit", &json!({"who": "ben", "is_member": false}));
    ben.follow(lost);
    assert_eq!(ids(&ben.shown[&1]), [2, 3]);
    assert_eq!(ben.resets, 2, "two row queries were read once");
    while !matches!(&ben.shown[&2], Shown::Value(at, _) if *at >= lost) {
        ben.until("tick");
    }
    assert_eq!(ben.shown[&2], Shown::Value(lost, json!({"notes": 2, "weight": 10})));
}

#[test]
fn who_loses_the_key_of_a_query_loses_the_query() {
    let served = served();
    told(&served, "ada", "Admit", &json!({"who": "ben", "is_member": true}));
    let mut ben = watch(&served, "ben", &["All", "Public"]);
    ben.until("tick");
    let mut carl = watch(&served, "carl", &["All"]);
    let fail = carl.until("fail");
    assert_eq!((&fail["sub"], &fail["error"]["kind"]), (&json!(1), &json!("denied")));
    told(&served, "ada", "Admit", &json!({"who": "ben", "is_member": false}));
    let fail = ben.until("fail");
    assert_eq!((&fail["sub"], &fail["error"]["kind"]), (&json!(1), &json!("denied")));
    let position = told(&served, "ada", "Write", &note(1, 1, true));
    ben.follow(position);
    assert_eq!(ids(&ben.shown[&2]), [1], "the other goes on");
}

#[test]
fn a_client_that_comes_back_is_told_in_one_tick_what_it_missed() {
    let served = served();
    told(&served, "ada", "Write", &note(1, 5, true));
    let mut ben = watch(&served, "ben", &["Public", "Seen"]);
    ben.until("tick");
    let (stood, shown) = (ben.stood(), ben.shown.clone());
    drop(ben);
    for number in 2..30 {
        told(&served, "ada", "Write", &note(number, 5, true));
    }
    let position = told(&served, "ada", "Erase", &json!({"id": 1}));
    let token = served.client("ben", &[]).token.unwrap();
    let subs = [("Public", json!({})), ("Seen", json!({}))];
    let back = |stood: Value, shown| {
        Watcher::greet_again(served.address(), Form::Json, &token, &subs, Some(stood), shown)
    };
    let mut ben = back(stood.clone(), shown.clone());
    assert_eq!(ben.position, stood["position"].as_u64().unwrap(), "it goes on from there");
    ben.until("tick");
    assert_eq!((ben.position, ben.ticks, ben.resets), (position, 1, 0));
    assert_eq!(ids(&ben.shown[&1]), (2..30).collect::<Vec<_>>());
    assert_eq!(ben.shown[&1], ben.shown[&2]);

    // Positions and lineages that are none of ours begin anew.
    for (member, forged) in [
        ("position", json!(position + 1_000)),
        ("lineage", json!("ffffffffffffffff")),
        ("who", json!("somebody")),
    ] {
        let mut stood = stood.clone();
        stood[member] = forged;
        let mut ben = back(stood, shown.clone());
        ben.until("tick");
        assert_eq!((ben.position, ben.resets), (position, 2), "{member}");
        assert_eq!(ids(&ben.shown[&1]).len(), 28);
    }
}

// A schedule of the client's tests found it: the `who` of the last welcome was of keys that had been
// gained since and were lost while nobody was there; so it fitted, and what only members see stayed.
#[test]
fn who_gains_a_key_and_loses_it_while_away_is_not_left_with_what_it_showed() {
    let served = served();
    told(&served, "ada", "Write", &note(1, 5, false));
    told(&served, "ada", "Write", &note(2, 5, true));
    let mut ben = watch(&served, "ben", &["Seen"]);
    ben.until("tick");
    let gained = told(&served, "ada", "Admit", &json!({"who": "ben", "is_member": true}));
    ben.follow(gained);
    assert_eq!(ids(&ben.shown[&1]), [1, 2]);
    let (stood, shown) = (ben.stood(), ben.shown.clone());
    drop(ben);
    let lost = told(&served, "ada", "Admit", &json!({"who": "ben", "is_member": false}));
    let token = served.client("ben", &[]).token.unwrap();
    let subs = [("Seen", json!({}))];
    let mut ben =
        Watcher::greet_again(served.address(), Form::Json, &token, &subs, Some(stood), shown);
    // The hub may hear of the loss before or after it hears of the greeting.
    while ben.position < lost || !matches!(&ben.shown[&1], Shown::Rows(rows) if rows.len() == 1) {
        ben.until("tick");
    }
    assert_eq!(ids(&ben.shown[&1]), [2]);
    assert_eq!(ben.resets, 1);
}

#[test]
fn a_tick_follows_every_result_even_one_that_shows_nothing() {
    let served = served();
    let mut ben = watch(&served, "ben", &["Mine"]);
    ben.until("tick");
    // Nothing changes: the command is accepted all the same.
    ben.send("test/1", "Admit", &json!({"who": "ben", "is_member": false}));
    let position = ben.until("result")["position"].as_u64().unwrap();
    ben.follow(position);
}

#[test]
fn a_query_that_fails_ends_alone() {
    let served = served();
    let mut ben = watch(&served, "ben", &["Superstitious", "Public"]);
    ben.until("tick");
    told(&served, "ada", "Write", &note(1, 13, true));
    let fail = ben.until("fail");
    assert_eq!((&fail["sub"], &fail["error"]["kind"]), (&json!(1), &json!("bug")));
    let position = told(&served, "ada", "Write", &note(2, 1, true));
    ben.follow(position);
    assert_eq!(ids(&ben.shown[&2]), [1, 2]);
}

#[test]
fn pages_of_other_sites_and_strangers_are_turned_away() {
    let served = served();
    let host = served.address().to_string();
    for origin in ["http://attacker.example", "null", "http://localhost:1"] {
        assert!(connect(served.address(), Form::Json, &[("Origin", origin)]).is_err(), "{origin}");
    }
    connect(served.address(), Form::Json, &[("Origin", &format!("http://{host}"))]).unwrap();
    assert!(connect(served.address(), Form::Json, &[("Host", "attacker.example")]).is_err());
}

#[test]
fn signing_out_ends_the_sockets_of_the_token_and_only_those() {
    let served = served();
    let (one, other) = (served.client("ben", &[]), served.client("ben", &["neighbor"]));
    let subs = [("Public", json!({}))];
    let greet = |token: &str| Watcher::greet(served.address(), Form::Json, token, &subs);
    let (mut first, mut second) =
        (greet(one.token.as_ref().unwrap()), greet(other.token.as_ref().unwrap()));
    assert_eq!(one.ask("POST", "/v1/sign-out", &[], b"").status, 204);
    let bye = first.until("bye");
    assert_eq!((&bye["reason"], &bye["retry_ms"]), (&json!("signed-out"), &Value::Null));
    assert_eq!(one.get("/v1/position").status, 401, "it does not count over HTTP either");
    assert_eq!(other.get("/v1/position").status, 200);
    let position = told(&served, "ada", "Write", &note(1, 1, true));
    second.follow(position);

    let body = json!({"actor": "ben"}).to_string();
    let headers = [("Content-Type", "application/json")];
    let revoke = |client: crate::client::Client| {
        client.ask("POST", "/v1/operations/revoke", &headers, body.as_bytes()).status
    };
    assert_eq!(revoke(served.ada()), 403);
    assert_eq!(revoke(served.operator()), 204);
    assert_eq!(second.until("bye")["reason"], "revoked");
    let journal = served.journal();
    let noted = |kind: &str, actor: &str| {
        journal.iter().any(|line| line["kind"] == kind && line["actor"] == actor)
    };
    assert!(noted("signed_out", "ben") && noted("revoked", "olga") && noted("denied", "ada"));
    assert_eq!(other.get("/v1/position").status, 401);
}

#[test]
fn a_socket_ends_when_its_token_does_unless_it_was_renewed() {
    let served = served();
    let issue = |seconds| {
        let actor = deeds_values::ActorId::new("ben").unwrap();
        let roles = deeds_engine::actor::Roles::none();
        served.issuer.issue(&actor, &roles, Duration::from_secs(seconds))
    };
    // Seconds are cut off: the short one lasts more than one.
    let (short, long) = (issue(2), issue(600));
    let subs = [("Public", json!({}))];
    let mut left = Watcher::greet(served.address(), Form::Json, &short, &subs);
    let mut renewed = Watcher::greet(served.address(), Form::Json, &short, &subs);
    renewed.say(&json!({"type": "token", "token": long}));
    assert_eq!(left.until("bye")["reason"], "expired");
    let position = told(&served, "ada", "Write", &note(1, 1, true));
    renewed.follow(position);
    assert_eq!(ids(&renewed.shown[&1]), [1]);
}

#[test]
fn a_server_that_stops_says_so_and_when_to_come_back() {
    let served = served();
    let mut ben = watch(&served, "ben", &["Public"]);
    ben.until("tick");
    let stopping = std::thread::spawn(move || served.server.stop());
    let bye = ben.until("bye");
    assert_eq!(bye["reason"], "stopping");
    assert!(bye["retry_ms"].as_u64().is_some());
    assert!(stopping.join().unwrap(), "nothing was cut off");
}
