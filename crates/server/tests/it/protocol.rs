//! docs/protocol.md, held against the server: its tables are read, and every row of them is tried.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use deeds_engine::actor::Roles;
use deeds_sim::ModelDisk;
use deeds_values::ActorId;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use tungstenite::Message;

use crate::board;
use crate::staged_host::Served;
use crate::watcher::{Form, Shown, Watcher, connect};

const DOC: &str = include_str!("../../../../docs/protocol.md");

fn served() -> Served {
    Served::start(board::start(Arc::new(ModelDisk::new())))
}

/// The rows of the first table after a heading, cell by cell.
fn table(heading: &str) -> Vec<Vec<String>> {
    let at = DOC.find(&format!("# {heading}\n")).unwrap_or_else(|| panic!("no `{heading}`"));
    let lines = DOC[at..].lines().skip_while(|line| !line.starts_with('|'));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    let cells = |row: &str| row.trim_matches('|').split(" | ").map(|it| it.trim().into()).collect();
    rows.map(cells).collect()
}

/// The words between backticks, and whether a question mark follows.
fn words(cell: &str) -> Vec<(&str, bool)> {
    let parts: Vec<&str> = cell.split('`').collect();
    let word = |at: usize| (parts[at], parts[at + 1].starts_with('?'));
    (1..parts.len()).step_by(2).map(word).filter(|(it, _)| !it.starts_with('{')).collect()
}

fn token(served: &Served, who: &str, seconds: u64) -> String {
    let actor = ActorId::new(who).unwrap();
    served.issuer.issue(&actor, &Roles::none(), Duration::from_secs(seconds))
}

/// Says this first on a new socket; what comes back.
fn first(served: &Served, message: &Value) -> Value {
    let mut socket = connect(served.address(), Form::Json, &[]).unwrap();
    socket.send(Message::Text(message.to_string().into())).unwrap();
    serde_json::from_str(socket.read().unwrap().to_text().unwrap()).unwrap()
}

/// A message of this type with all its members.
fn sample(served: &Served, kind: &str, members: &[(&str, bool)]) -> Value {
    let mut message = json!({"type": kind});
    for (member, _) in members {
        message[*member] = match *member {
            "protocol" => json!(1),
            "token" => json!(token(served, "ben", 600)),
            "resume" => json!({"lineage": "0123456789abcdef", "position": 1, "who": "x"}),
            "subs" => json!([{"sub": 1, "query": "Public", "args": {}}]),
            "sub" => json!(2),
            "query" => json!("board/Public"),
            "name" => json!("Admit"),
            "args" if kind == "command" => json!({"who": "ben", "is_member": true}),
            "args" => json!({}),
            "window" => json!({"size": 3}),
            "ask" => json!(7),
            "id" => json!("test/1"),
            "n" => json!(9),
            other => panic!("a member that is new to the test: {other}"),
        };
    }
    message
}

fn greeted(served: &Served, form: Form) -> Watcher {
    Watcher::greet(served.address(), form, &token(served, "ben", 600), &[])
}

#[test]
fn every_message_of_a_client_is_understood_and_needs_what_the_table_says() {
    let served = served();
    // What answers each; nothing for those that are not answered.
    let answers = BTreeMap::from([
        ("hello", Some("welcome")),
        ("sub", Some("tick")),
        ("unsub", None),
        ("ask", Some("answer")),
        ("command", Some("result")),
        ("token", None),
        ("ping", Some("pong")),
        ("bye", None),
    ]);
    let rows = table("What a client sends");
    assert_eq!(rows.len(), answers.len());
    for row in &rows {
        let kind = words(&row[0])[0].0;
        let members = words(&row[1]);
        let message = sample(&served, kind, &members);
        if kind == "hello" {
            assert_eq!(first(&served, &message)["type"], "welcome");
        } else {
            for form in [Form::Json, Form::MessagePack] {
                let mut ben = greeted(&served, form);
                ben.shown.insert(2, Shown::Nothing);
                ben.say(&message);
                match answers[kind] {
                    Some(answer) => drop(ben.until(answer)),
                    None if kind == "bye" => assert_eq!(ben.try_next(Duration::MAX), None),
                    None => {
                        ben.say(&json!({"type": "ping", "n": 3}));
                        assert_eq!(ben.until("pong")["n"], 3, "{kind} is no error");
                    }
                }
            }
        }
        for (member, may_be_left_out) in members {
            let mut without = message.clone();
            without.as_object_mut().unwrap().remove(member);
            let told = if kind == "hello" {
                first(&served, &without)
            } else {
                let mut ben = greeted(&served, Form::Json);
                ben.shown.insert(2, Shown::Nothing);
                ben.say(&without);
                if may_be_left_out || member == "args" {
                    continue;
                }
                ben.next()
            };
            let wanted = if may_be_left_out { "welcome" } else { "bye" };
            assert_eq!(told["type"], wanted, "{kind} without {member}: {told}");
            if wanted == "bye" {
                assert_eq!(told["reason"], "invalid", "{kind} without {member}");
            }
        }
    }
}

#[test]
fn every_message_of_the_server_has_the_members_of_the_table_and_no_others() {
    let served = served();
    let rows = table("What the server sends");
    let known: BTreeMap<&str, Vec<(&str, bool)>> =
        rows.iter().map(|row| (words(&row[0])[0].0, words(&row[1]))).collect();
    let hello = json!({"type": "hello", "protocol": 1, "token": token(&served, "ben", 600)});
    let mut told = vec![first(&served, &hello)];
    let mut ben = greeted(&served, Form::Json);
    ben.shown.insert(1, Shown::Nothing);
    for message in [
        json!({"type": "sub", "sub": 1, "query": "Total"}),
        json!({"type": "sub", "sub": 2, "query": "Totl"}),
        json!({"type": "ask", "ask": 1, "query": "Public"}),
        json!({"type": "ask", "ask": 2, "query": "Secrets"}),
        json!({"type": "command", "id": "test/1", "name": "Erase", "args": {"id": 1}}),
        json!({"type": "command", "id": "test/2", "name": "Admit",
               "args": {"who": "ben", "is_member": false}}),
        json!({"type": "command", "id": "test/3", "name": "Fail"}),
        json!({"type": "ping", "n": 1}),
        json!({"type": "ping"}),
    ] {
        if message["type"] == "ping" && message.get("n").is_none() {
            // It ends the socket; the answers are to be here by then.
            let mut missing =
                vec!["tick", "fail", "answer", "answer", "result", "result", "result"];
            while !missing.is_empty() {
                let message = ben.next();
                let found = missing.iter().position(|kind| message["type"] == *kind);
                found.map(|place| missing.swap_remove(place));
                told.push(message);
            }
        }
        ben.say(&message);
    }
    while told.last().unwrap()["type"] != "bye" {
        told.push(ben.next());
    }
    let kinds: BTreeSet<&str> = told.iter().map(|it| it["type"].as_str().unwrap()).collect();
    assert_eq!(kinds, known.keys().copied().collect(), "each was seen");
    for message in &told {
        let members = &known[message["type"].as_str().unwrap()];
        let has: BTreeSet<&str> = message.as_object().unwrap().keys().map(|it| &**it).collect();
        let may: BTreeSet<&str> = members.iter().map(|(member, _)| *member).collect();
        let more: Vec<_> = has.difference(&may).filter(|member| **member != "type").collect();
        assert!(more.is_empty(), "{more:?} is not in the table: {message}");
        // Of results and answers, one of several.
        if !["result", "answer"].contains(&message["type"].as_str().unwrap()) {
            for (member, may_be_left_out) in members {
                assert!(*may_be_left_out || has.contains(member), "{member} lacks in {message}");
            }
        }
    }
    let limits: BTreeSet<String> =
        told[0]["limits"].as_object().unwrap().keys().map(String::clone).collect();
    let names = table("Limits");
    let names: BTreeSet<String> =
        names.iter().flat_map(|row| words(&row[0])).map(|(name, _)| name.to_owned()).collect();
    assert_eq!(limits, names);
}

#[test]
fn every_reason_of_a_bye_is_given_when_the_table_says() {
    let served = served();
    let hello = |token: &str| json!({"type": "hello", "protocol": 1, "token": token});
    let ben = token(&served, "ben", 600);
    // Says nothing while the others go on, and is given up after ten seconds.
    let mut silent = connect(served.address(), Form::Json, &[]).unwrap();
    let mut byes = vec![
        first(&served, &hello("nobody's")),
        first(&served, &json!({"type": "ping", "n": 1})),
        first(&served, &json!({"type": "hello", "protocol": 2, "token": ben})),
        first(&served, &hello(&"x".repeat(2 << 20))),
    ];
    let mut twice = greeted(&served, Form::Json);
    twice.say(&hello(&ben));
    assert_eq!(twice.until("bye")["reason"], "invalid");
    byes.push(
        Watcher::greet(served.address(), Form::Json, &token(&served, "eve", 1), &[]).until("bye"),
    );

    let out = served.client("sam", &[]);
    let mut sam = Watcher::greet(served.address(), Form::Json, out.token.as_ref().unwrap(), &[]);
    assert_eq!(out.ask("POST", "/v1/sign-out", &[], b"").status, 204);
    byes.push(sam.until("bye"));
    let mut rita = Watcher::greet(served.address(), Form::Json, &token(&served, "rita", 600), &[]);
    let headers = [("Content-Type", "application/json")];
    let revoke = "/v1/operations/revoke";
    let answer = served.operator().ask("POST", revoke, &headers, br#"{"actor":"rita"}"#);
    assert_eq!(answer.status, 204);
    byes.push(rita.until("bye"));

    let many: Vec<_> = (0..64).map(|_| greeted(&served, Form::MessagePack)).collect();
    byes.push(first(&served, &hello(&ben)));
    drop(many);

    byes.push(serde_json::from_str(silent.read().unwrap().to_text().unwrap()).unwrap());
    let mut last = Watcher::greet(served.address(), Form::Json, &token(&served, "amy", 600), &[]);
    let stopping = std::thread::spawn(move || served.server.stop());
    byes.push(last.until("bye"));
    assert!(stopping.join().unwrap());

    let given: BTreeMap<&str, bool> = byes
        .iter()
        .map(|bye| {
            assert_eq!(bye["type"], "bye", "{bye}");
            (bye["reason"].as_str().unwrap(), bye["retry_ms"].is_u64())
        })
        .collect();
    let mut wanted = BTreeMap::new();
    let rows = reasons();
    for row in &rows {
        wanted.extend(words(&row[0]).into_iter().map(|(reason, _)| (reason, row[2] == "yes")));
    }
    assert_eq!(given, wanted);
}

/// The second table under "Errors".
fn reasons() -> Vec<Vec<String>> {
    let lines = DOC.lines().skip_while(|line| !line.starts_with("| `bye` reason"));
    let rows = lines.take_while(|line| line.starts_with('|')).skip(2);
    rows.map(|row| row.trim_matches('|').split(" | ").map(|it| it.trim().into()).collect())
        .collect()
}

/// The members of a map as they were written.
type Members<'a> = BTreeMap<&'a str, &'a RawValue>;

#[test]
fn a_command_sent_again_on_a_socket_is_told_what_http_was_told_byte_by_byte() {
    let served = served();
    let ada = served.client("ada", &[]);
    let commands = [
        ("Write", json!({"id": 1, "text": "é\u{1F980}", "weight": 3, "for_everyone": true})),
        ("Erase", json!({"id": 9})),
        ("Admit", json!({"who": "ben", "is_member": true})),
    ];
    let mut socket = connect(served.address(), Form::Json, &[]).unwrap();
    let hello = json!({"type": "hello", "protocol": 1, "token": ada.token.as_ref().unwrap()});
    socket.send(Message::Text(hello.to_string().into())).unwrap();
    for (number, (name, args)) in (1..).zip(&commands) {
        let id = format!("http/{number}");
        let by_http = ada.send(name, Some(&id), &args.to_string());
        let command = json!({"type": "command", "id": id, "name": name, "args": args});
        socket.send(Message::Text(command.to_string().into())).unwrap();
        let by_socket = loop {
            let frame = socket.read().unwrap().to_text().unwrap().to_owned();
            if frame.starts_with(r#"{"type":"result""#) {
                break frame;
            }
        };
        let (one, other): (Members<'_>, Members<'_>) = (
            serde_json::from_slice(&by_http.body).unwrap(),
            serde_json::from_str(&by_socket).unwrap(),
        );
        let text = |members: &Members<'_>, name| members.get(name).map(|it| it.get().to_owned());
        for member in ["position", "answer", "refusal"] {
            assert_eq!(text(&one, member), text(&other, member), "{name}");
        }
        assert!(one.contains_key("answer") != one.contains_key("refusal"), "{name}");
    }
}
