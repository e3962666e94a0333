//! Live clients that mean harm: clear errors for them, nothing for the others.

use std::sync::Arc;
use std::time::{Duration, Instant};

use deeds_engine::actor::Roles;
use deeds_sim::ModelDisk;
use deeds_values::ActorId;
use serde_json::{Value, json};
use tungstenite::Message;

use crate::board;
use crate::staged_host::Served;
use crate::watcher::{Form, Shown, Watcher, connect};

fn served() -> Served {
    Served::start(board::start(Arc::new(ModelDisk::new())))
}

fn watch(served: &Served, who: &str, subs: &[&str]) -> Watcher {
    let subs: Vec<_> = subs.iter().map(|query| (*query, json!({}))).collect();
    let token = served.client(who, &[]).token.unwrap();
    Watcher::greet(served.address(), Form::Json, &token, &subs)
}

fn write(served: &Served, id: u32, text: &str, for_everyone: bool) -> u64 {
    let note = json!({"id": id, "text": text, "weight": 1, "for_everyone": for_everyone});
    let answer = served.client("ada", &[]).send("Write", None, &note.to_string());
    assert_eq!(answer.status, 200);
    answer.json()["position"].as_u64().unwrap()
}

/// A figure of `/metrics`.
fn figure(served: &Served, name: &str) -> u64 {
    let page = served.operator().get("/metrics").body;
    let page = String::from_utf8(page).unwrap();
    let line = page.lines().find(|line| line.starts_with(&format!("{name} ")));
    line.unwrap_or_else(|| panic!("no {name}")).rsplit(' ').next().unwrap().parse().unwrap()
}

/// Says this on a new socket, raw, after a greeting if wanted; the last thing that comes back.
fn last_words(served: &Served, form: Form, frame: Message, greets: bool) -> Option<Value> {
    let mut socket = connect(served.address(), form, &[]).unwrap();
    let token = served.client("mallory", &[]).token.unwrap();
    let hello = json!({"type": "hello", "protocol": 1, "token": token});
    if greets {
        let hello = match form {
            Form::Json => Message::Text(hello.to_string().into()),
            Form::MessagePack => Message::Binary(rmp_serde::to_vec_named(&hello).unwrap().into()),
        };
        socket.send(hello).unwrap();
        socket.read().unwrap();
    }
    // It may be cut off while it talks.
    drop(socket.send(frame));
    let mut last = None;
    while let Ok(frame) = socket.read() {
        match frame {
            Message::Text(text) => last = serde_json::from_str(&text).ok(),
            Message::Binary(bytes) => last = rmp_serde::from_slice(&bytes).ok(),
            _ => {}
        }
    }
    last
}

#[test]
fn what_makes_no_sense_ends_the_socket_that_said_it_and_no_other() {
    let served = served();
    let mut ben = watch(&served, "ben", &["Public"]);
    let deep = |open: &str, close: &str| open.repeat(100_000) + &close.repeat(100_000);
    let ask = |args: &str| format!(r#"{{"type":"ask","ask":1,"query":"Public","args":{args}}}"#);
    let texts = [
        "".to_owned(),
        "null".to_owned(),
        "[1]".to_owned(),
        "{".to_owned(),
        r#"{"type":"admin"}"#.to_owned(),
        r#"{"type":"ask","ask":-1,"query":"Public"}"#.to_owned(),
        r#"{"type":"ask","ask":1,"ask":2,"query":"Public"}"#.to_owned(),
        r#"{"type":"sub","sub":4294967296,"query":"Public"}"#.to_owned(),
        r#"{"type":"command","id":"no id","name":"Fail"}"#.to_owned(),
        deep("[", "]"),
        ask(&deep("[", "")),
    ];
    for text in texts {
        for greets in [false, true] {
            let shown: String = text.chars().take(60).collect();
            let bye = last_words(&served, Form::Json, Message::Text(text.clone().into()), greets);
            let bye = bye.unwrap_or_else(|| panic!("no bye: {shown}"));
            assert_eq!(
                (&bye["type"], &bye["reason"]),
                (&json!("bye"), &json!("invalid")),
                "{shown}"
            );
            assert_eq!(bye["retry_ms"], Value::Null);
            assert_eq!(bye["error"]["kind"], "invalid", "{shown}");
        }
    }
    let frames = [vec![], vec![0xc1], vec![0x91; 100_000], vec![0xdf, 0xff, 0xff, 0xff, 0xff]];
    for bytes in frames {
        let shown = format!("{:?}", &bytes[..bytes.len().min(5)]);
        let bye = last_words(&served, Form::MessagePack, Message::Binary(bytes.into()), true);
        assert_eq!(bye.expect(&shown)["reason"], "invalid", "{shown}");
    }
    // The wrong form, a frame beyond the limit, and one at it.
    let ping = r#"{"type":"ping","n":1}"#;
    let bye = last_words(&served, Form::Json, Message::Binary(ping.into()), true);
    assert_eq!(bye.unwrap()["reason"], "invalid");
    for greets in [false, true] {
        let long = Message::Text(" ".repeat(3 << 20).into());
        let bye = last_words(&served, Form::Json, long, greets).expect("it is told why");
        assert_eq!(
            (&bye["reason"], &bye["error"]["kind"]),
            (&json!("too-large"), &json!("too_large"))
        );
    }
    let mut at_the_limit = watch(&served, "mallory", &[]);
    let padding = " ".repeat(
        (1 << 20) + 4_096 - ping.len() - r#"{"x":"","type":"ping","n":1}"#.len() + ping.len(),
    );
    at_the_limit.say(&json!({"type": "ping", "n": 1, "x": padding}));
    at_the_limit.until("pong");

    let position = write(&served, 1, "still here", true);
    ben.follow(position);
    assert_eq!(ben.shown[&1].rows().len(), 1);
}

#[test]
fn what_does_not_exist_or_fit_is_told_and_the_socket_goes_on() {
    let served = served();
    write(&served, 1, "for ada and members only", false);
    let mut eve = watch(&served, "eve", &["Mine", "Seen", "Public"]);
    eve.until("tick");
    let mut ask = |query: &str, args: Value| {
        eve.say(&json!({"type": "ask", "ask": 1, "query": query, "args": args}));
        let answer = eve.until("answer");
        assert!(!answer.to_string().contains("members only"), "leaked: {answer}");
        answer
    };
    assert_eq!(ask("Pubic", json!({}))["error"]["suggestion"], "Public");
    assert_eq!(ask("other/Public", json!({}))["error"]["code"], "name");
    assert_eq!(ask("../Public", json!({}))["error"]["code"], "name");
    assert_eq!(ask(&"P".repeat(500_000), json!({}))["error"]["kind"], "invalid");
    assert_eq!(ask("All", json!({}))["error"]["kind"], "denied");
    // Another actor's arguments: nobody asks as somebody else.
    for args in [json!({"actor": "ada"}), json!({"owner": "ada"}), json!([]), json!("ada")] {
        for query in ["Mine", "Seen"] {
            let answer = ask(query, args.clone());
            assert!(
                answer["error"]["kind"] == "invalid" || answer["answer"] == json!([]),
                "{answer}"
            );
        }
    }
    for sub in 1..=3 {
        assert!(eve.shown[&sub].rows().is_empty());
    }
    let journal = served.journal();
    assert!(journal.iter().any(|line| line["kind"] == "denied" && line["actor"] == "eve"));
    eve.say(&json!({"type": "sub", "sub": 9, "query": "All"}));
    assert_eq!(eve.until("fail")["error"]["kind"], "denied");
    let journal = served.journal();
    assert!(journal.iter().any(|line| line["at"] == "/v1/live" && line["actor"] == "eve"));
}

#[test]
fn positions_and_lineages_that_no_client_can_have_give_nothing() {
    let served = served();
    write(&served, 1, "one", true);
    let ben = watch(&served, "ben", &[]);
    let token = served.client("ben", &[]).token.unwrap();
    for (member, forged) in [
        ("position", json!(u64::MAX)),
        ("position", json!(0)),
        ("lineage", json!("0000000000000000")),
        ("who", json!("")),
    ] {
        let mut stood = ben.stood();
        stood[member] = forged;
        let subs = [("Public", json!({}))];
        let shown = std::collections::BTreeMap::new();
        let mut back =
            Watcher::greet_again(served.address(), Form::Json, &token, &subs, Some(stood), shown);
        back.until("tick");
        assert_eq!(back.shown[&1].rows().len(), 1, "{member}");
    }
    for forged in [json!(-1), json!("1"), json!(1.5), json!(null)] {
        let mut stood = ben.stood();
        stood["position"] = forged.clone();
        let hello = json!({"type": "hello", "protocol": 1, "token": token, "resume": stood});
        let hello = Message::Text(hello.to_string().into());
        let bye = last_words(&served, Form::Json, hello, false).unwrap();
        assert_eq!(bye["reason"], "invalid", "{forged}");
    }
}

#[test]
fn tokens_that_do_not_count_end_a_socket_also_one_that_was_let_in() {
    let served = served();
    let issue = |who: &str, seconds| {
        let actor = ActorId::new(who).unwrap();
        served.issuer.issue(&actor, &Roles::none(), Duration::from_secs(seconds))
    };
    let out = served.client("eve", &["out"]);
    assert_eq!(out.ask("POST", "/v1/sign-out", &[], b"").status, 204);
    for (token, reason) in [
        ("", "signin"),
        ("garbage", "signin"),
        (&*out.token.unwrap(), "signin"),
        (&*issue("ada", 600), "invalid"),
    ] {
        let mut eve = watch(&served, "eve", &["Mine"]);
        eve.say(&json!({"type": "token", "token": token}));
        let bye = eve.until("bye");
        assert_eq!((&bye["reason"], &bye["retry_ms"]), (&json!(reason), &Value::Null));
    }
}

#[test]
fn a_flood_is_answered_in_order_and_others_are_served_meanwhile() {
    let served = served();
    let mut ben = watch(&served, "ben", &["Public"]);
    let mut mallory = watch(&served, "mallory", &[]);
    let asks: Vec<_> =
        (0..2_000).map(|ask| json!({"type": "ask", "ask": ask, "query": "Public"})).collect();
    let commands: Vec<_> = (1..=2_000)
        .map(|id| json!({"type": "command", "id": format!("m/{id}"), "name": "Erase", "args": {"id": 1}}))
        .collect();
    let pings: Vec<_> = (0..5_000).map(|n| json!({"type": "ping", "n": n})).collect();
    for flood in [&asks, &commands, &pings] {
        mallory.say(&json!(flood));
    }
    let began = Instant::now();
    for id in 1..=20 {
        let position = write(&served, id, "meanwhile", true);
        ben.follow(position);
    }
    let took = began.elapsed();
    assert!(took < Duration::from_secs(10), "others waited: {took:?}");
    let (mut answers, mut results, mut pongs) = (0, 0, 0);
    while (answers, results, pongs) != (2_000, 2_000, 5_000) {
        let message = mallory.next();
        match message["type"].as_str().unwrap() {
            "answer" => answers += 1,
            "result" => {
                results += 1;
                assert_eq!(message["id"], format!("m/{results}"));
                assert!(message["refusal"].is_object(), "{message}");
            }
            "pong" => {
                assert_eq!(message["n"], pongs);
                pongs += 1;
            }
            other => assert_eq!(other, "tick"),
        }
    }
}

#[test]
fn subscriptions_that_come_and_go_in_a_flood_leave_nothing_behind() {
    let served = served();
    let mut ben = watch(&served, "ben", &["Public"]);
    let mut mallory = watch(&served, "mallory", &[]);
    let pairs: Vec<_> = (1..3_000)
        .flat_map(|sub| {
            let query = ["Total", "Heaviest", "Seen"][sub % 3];
            [
                json!({"type": "sub", "sub": sub, "query": query}),
                json!({"type": "unsub", "sub": sub}),
            ]
        })
        .collect();
    // A result may be on its way before its subscription is given up.
    mallory.shown.extend((1..3_000).map(|sub| (sub, Shown::Nothing)));
    mallory.say(&json!(pairs));
    mallory.say(&json!({"type": "ping", "n": 1}));
    mallory.until("pong");
    let mut id = 0;
    while figure(&served, "deeds_live_subscriptions") > 1
        || figure(&served, "deeds_live_groups") > 1
    {
        id += 1;
        assert!(id < 1_000, "they stay");
        let position = write(&served, id, "meanwhile", true);
        ben.follow(position);
    }
}

#[test]
fn giving_up_what_one_never_had_makes_no_room_for_more_subscriptions() {
    let served = served();
    let mut mallory = watch(&served, "mallory", &[]);
    let sub = |sub: u64| json!({"type": "sub", "sub": sub, "query": "Total"});
    let unsub = |sub: u64| json!({"type": "unsub", "sub": sub});
    mallory.shown.extend((1_000..1_300).map(|sub| (sub, Shown::Nothing)));
    let all = (1_000..1_256).map(sub).chain((0..1_000).map(unsub)).chain((1_256..1_300).map(sub));
    mallory.say(&json!(all.collect::<Vec<_>>()));
    mallory.say(&json!({"type": "ping", "n": 1}));
    let mut failed = 0;
    loop {
        let message = mallory.next();
        match message["type"].as_str().unwrap() {
            "fail" => {
                assert_eq!(message["error"]["kind"], "busy");
                failed += 1;
            }
            "pong" => break,
            _ => {}
        }
    }
    assert_eq!(failed, 300 - 256);
}

#[test]
fn a_socket_that_stops_reading_costs_a_bounded_amount_and_catches_up_when_it_reads() {
    /// The most that may wait for a socket: docs/protocol.md, "Slow readers".
    const WAITING_BYTES_MAX: u64 = 8 << 20;
    let served = served();
    let mut stalled = watch(&served, "ben", &["Public"; 12]);
    let mut reader = watch(&served, "cleo", &["Public"]);
    stalled.until("tick");
    let mut position = 0;
    // Twelve times three megabytes, three times: more than the limit and what the system holds.
    for round in ["a", "b", "c"] {
        for id in 0..10 {
            position = write(&served, id, &round.repeat(300_000), true);
            reader.follow(position);
        }
    }
    let most = figure(&served, "deeds_live_waiting_bytes_most");
    assert!(most <= WAITING_BYTES_MAX, "{most} bytes waited");
    assert!(most > WAITING_BYTES_MAX / 2, "it was slow: {most} bytes");
    while stalled.position < position || stalled.shown.values().any(|it| *it != reader.shown[&1]) {
        stalled.until("tick");
    }
    assert!(figure(&served, "deeds_live_fell_behind_total") > 0, "some was read anew");
}

#[test]
fn a_result_longer_than_what_may_wait_comes_all_the_same() {
    let served = served();
    let text = "x".repeat(900_000);
    for id in 0..12 {
        write(&served, id, &text, true);
    }
    let mut ben = watch(&served, "ben", &["Public", "Seen"]);
    let position = write(&served, 12, &text, true);
    let is_whole = |shown: &Shown| matches!(shown, Shown::Rows(rows) if rows.len() == 13);
    while ben.position < position || !ben.shown.values().all(is_whole) {
        ben.until("tick");
    }
}

#[test]
fn a_server_that_stops_does_not_wait_for_who_does_not_read() {
    let served = served();
    let text = "x".repeat(900_000);
    let mut position = 0;
    for id in 0..12 {
        position = write(&served, id, &text, true);
    }
    // More than the system holds is on its way to it.
    let stalled = watch(&served, "ben", &["Public"; 3]);
    let mut reader = watch(&served, "cleo", &["Public"]);
    while reader.position < position || reader.ticks == 0 {
        reader.until("tick");
    }
    let began = Instant::now();
    assert!(served.server.stop(), "nothing was cut off");
    assert!(began.elapsed() < Duration::from_secs(8), "{:?}", began.elapsed());
    drop(stalled);
}
