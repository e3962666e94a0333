//! Every reply and error of the host has its status, its type and its members.

use std::sync::atomic::Ordering::SeqCst;

use deeds_engine::command::ArgumentError;
use deeds_pipeline::host::Health;
use deeds_pipeline::reply::{Reply, SubmitError};
use deeds_values::{CommandId, Position};
use serde_json::{Value, json};

use crate::staged_host::{LINEAGE, Served, StagedHost, TIME, body};

fn accepted() -> Reply {
    // Not in alphabetical order: the order of fields is the type's.
    #[derive(serde::Serialize)]
    struct CartLine {
        sku: &'static str,
        left: u32,
        category: Option<u8>,
    }
    let mut answer = Vec::new();
    let line = CartLine { sku: "beans", left: 3, category: None };
    deeds_engine::recorded::write(&line, &mut answer);
    Reply::Accepted { position: Position(7), answer }
}

fn refused() -> Reply {
    let refusal = json!({"code": "not_enough", "message": "Only 2 left.", "data": {"left": 2}});
    Reply::Refused { position: Position(8), refusal: body(&refusal) }
}

#[test]
fn an_accepted_command_is_answered_with_its_lineage_position_and_answer() {
    let served = Served::start(StagedHost::replying(accepted()));
    let answer = served.ada().send("AddToCart", Some("import-1/3"), "{}");
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    assert_eq!(answer.header("idempotency-key"), Some("import-1/3"));
    let expected = format!(
        r#"{{"lineage":"{LINEAGE}","position":7,"answer":{{"sku":"beans","left":3,"category":null}}}}"#
    );
    assert_eq!(String::from_utf8(answer.body).unwrap(), expected);
}

#[test]
fn a_refusal_is_told_with_its_code_and_data_and_as_a_problem() {
    let served = Served::start(StagedHost::replying(refused()));
    let answer = served.ada().send("AddToCart", None, "{}");
    assert_eq!((answer.status, answer.problem().as_str()), (422, "refused"));
    let json = answer.json();
    assert_eq!(json["lineage"], LINEAGE.to_string());
    assert_eq!(json["position"], 8);
    assert_eq!(json["detail"], "Only 2 left.");
    let refusal = json!({"code": "not_enough", "message": "Only 2 left.", "data": {"left": 2}});
    assert_eq!(json["refusal"], refusal);
}

#[test]
fn every_reply_has_its_status_and_says_what_to_do() {
    let bug = Reply::Bug { position: Position(9), reference: "bug-1f".to_owned() };
    let table: Vec<(Reply, u16, &str, Value)> = vec![
        (bug, 500, "bug", json!({"reference": "bug-1f", "position": 9})),
        (Reply::Denied("not yours".to_owned()), 403, "denied", json!({"detail": "not yours"})),
        (Reply::Conflict(Position(3)), 409, "conflict", json!({"position": 3})),
        (Reply::Gone, 410, "gone", json!({})),
        (Reply::Clock(TIME), 400, "clock", json!({"server_time": TIME})),
        (Reply::NoRoom, 503, "no-room", json!({})),
        (Reply::Stopping, 503, "stopping", json!({})),
        (Reply::Unknown, 504, "unknown", json!({})),
        // An integer that JSON would change.
        (
            Reply::Accepted { position: Position(1), answer: body(&json!(1_u64 << 60)) },
            500,
            "bug",
            json!({"position": 1}),
        ),
        // Nothing is recorded there.
        (Reply::Recorded(Position(77)), 500, "unreadable", json!({})),
    ];
    for (reply, status, word, members) in table {
        let shown = format!("{reply:?}");
        let served = Served::start(StagedHost::replying(reply));
        let answer = served.ada().send("AddToCart", None, "{}");
        assert_eq!((answer.status, answer.problem().as_str()), (status, word), "{shown}");
        let json = answer.json();
        for (name, value) in members.as_object().unwrap() {
            assert_eq!(&json[name], value, "{shown}: {name}");
        }
        let retry_after = answer.header("retry-after");
        assert_eq!(retry_after.is_some(), matches!(status, 503 | 504), "{shown}");
        assert!(answer.header("idempotency-key").is_some(), "{shown}");
    }
}

#[test]
fn every_failure_to_take_a_command_in_has_its_status() {
    let argument_error = ArgumentError {
        field: "lines[2].sku".to_owned(),
        reason: "invalid type: integer `7`, expected a string".to_owned(),
    };
    let table: Vec<(SubmitError, u16, &str, Value)> = vec![
        (
            SubmitError::UnknownCommand("AddToCard".to_owned()),
            404,
            "name",
            json!({"suggestion": "AddToCart"}),
        ),
        (
            SubmitError::Arguments(argument_error),
            400,
            "arguments",
            json!({
                "field": "lines[2].sku",
                "detail": "invalid type: integer `7`, expected a string",
            }),
        ),
        (SubmitError::TooLarge { limit: 5 }, 413, "too-large", json!({"limit": 5})),
        (SubmitError::ActorFull { limit: 5 }, 429, "actor-busy", json!({})),
        (SubmitError::QueueFull { limit: 5 }, 503, "busy", json!({})),
        (SubmitError::Stopping, 503, "stopping", json!({})),
    ];
    for (error, status, word, members) in table {
        let served = Served::start(StagedHost::new({
            let error = error.clone();
            move |_, _| Err(error.clone())
        }));
        let answer = served.ada().send("AddToCart", None, "{}");
        assert_eq!((answer.status, answer.problem().as_str()), (status, word), "{error}");
        for (name, value) in members.as_object().unwrap() {
            assert_eq!(&answer.json()[name], value, "{error}: {name}");
        }
        assert_eq!(answer.header("retry-after").is_some(), matches!(status, 429 | 503), "{error}");
    }
}

#[test]
fn the_same_command_again_gets_the_same_bytes() {
    for reply in [accepted(), refused()] {
        let first = Served::start(StagedHost::replying(reply.clone()));
        let host = StagedHost::replying(Reply::Recorded(Position(5)));
        host.recorded.lock().unwrap().insert(5, reply);
        let again = Served::start(host);
        let first = first.ada().send("AddToCart", Some("import/1"), "{}");
        let again = again.ada().send("AddToCart", Some("import/1"), "{}");
        assert_eq!(first.status, again.status);
        assert_eq!(first.body, again.body);
        assert_eq!(first.header("content-type"), again.header("content-type"));
    }
}

#[test]
fn while_the_servers_clock_has_stopped_commands_wait_for_an_operator() {
    let host = StagedHost::replying(Reply::Clock(TIME));
    *host.health.lock().unwrap() = Health::ClockStopped;
    let served = Served::start(host.clone());
    let answer = served.ada().send("AddToCart", None, "{}");
    assert_eq!((answer.status, answer.problem().as_str()), (503, "clock-stopped"));
    assert_eq!(answer.json()["server_time"], json!(TIME));
    let path = "/v1/operations/confirm-clock";
    let json = [("Content-Type", "application/json")];
    assert_eq!(served.ada().ask("POST", path, &json, b"").status, 403);
    assert!(!host.clock_confirmed.load(SeqCst));
    assert_eq!(served.operator().ask("POST", path, &json, b"").status, 204);
    assert!(host.clock_confirmed.load(SeqCst));
}

#[test]
fn a_reply_that_never_comes_leaves_the_outcome_unknown() {
    let served = Served::start(StagedHost::new(|_, reply_to| {
        drop(reply_to);
        Ok(())
    }));
    let answer = served.ada().send("AddToCart", Some("import/1"), "{}");
    assert_eq!((answer.status, answer.problem().as_str()), (504, "unknown"));
    assert!(answer.json()["detail"].as_str().unwrap().contains("same id"));
}

#[test]
fn a_panic_is_a_bug_with_a_reference_and_the_server_lives() {
    let served = Served::start(StagedHost::new(|_, _| panic!("on purpose, by this test")));
    for _ in 0..2 {
        let answer = served.ada().send("AddToCart", None, "{}");
        assert_eq!((answer.status, answer.problem().as_str()), (500, "bug"));
        assert!(answer.json()["reference"].as_str().unwrap().starts_with("gateway-"));
        let lines = served.ada().batch("{\"command\":\"AddToCart\"}\n").lines();
        assert_eq!(lines[0]["status"], 500);
    }
    assert_eq!(served.nobody().get("/healthz").status, 200);
}

#[test]
fn the_host_is_given_what_was_sent_and_who_sent_it() {
    let (sender, given) = std::sync::mpsc::channel();
    let served = Served::start(StagedHost::new(move |command, reply_to| {
        sender.send(command).unwrap();
        reply_to(accepted());
        Ok(())
    }));
    let id = "0192d3f0-0000-7000-8000-0000000000aa";
    for name in ["Checkout", "bank/Checkout", "bank%2FCheckout"] {
        let answer = served.ada().send(name, Some(id), r#" {"slot": "noon"}"#);
        assert_eq!(answer.status, 200);
        let given = given.recv().unwrap();
        assert_eq!(given.name, name.replace("%2F", "/"));
        assert_eq!(given.id.to_string(), id);
        assert_eq!(given.arguments, json!({"slot": "noon"}));
        assert_eq!(given.caller.actor.as_str(), "ada");
        assert_eq!(given.caller.roles.names().collect::<Vec<_>>(), ["neighbor"]);
        assert!(given.caller.credential.starts_with("jwt:"));
    }
    // Without an id it makes one, new each time, and tells it.
    let mut made = Vec::new();
    for _ in 0..2 {
        let answer = served.ada().send("Checkout", None, "");
        let id = given.recv().unwrap().id;
        assert!(matches!(id, CommandId::Unique(_)));
        assert_eq!(answer.header("idempotency-key"), Some(id.to_string().as_str()));
        made.push(id);
    }
    assert_ne!(made[0], made[1]);
}

#[test]
fn an_id_of_another_form_is_told_the_forms_there_are() {
    let host = StagedHost::replying(accepted());
    let served = Served::start(host.clone());
    let long = format!("{}/1", "x".repeat(200));
    for id in ["7", "a/b", "/1", "a/-1", "0192d3f0-0000-4000-8000-0000000000aa", "a b/1", "", &long]
    {
        let answer = served.ada().send("AddToCart", Some(id), "{}");
        assert_eq!((answer.status, answer.problem().as_str()), (400, "command-id"), "{id}");
        assert!(answer.json()["detail"].as_str().unwrap().contains("UUIDv7"));
    }
    let twice = [
        ("Content-Type", "application/json"),
        ("Idempotency-Key", "a/1"),
        ("Idempotency-Key", "a/2"),
    ];
    let answer = served.ada().ask("POST", "/v1/commands/AddToCart", &twice, b"{}");
    assert_eq!(answer.problem(), "command-id");
    assert_eq!(host.submitted.load(SeqCst), 0);
}

#[test]
fn paths_and_methods_that_are_not_there_say_so() {
    let served = Served::start(StagedHost::replying(accepted()));
    let ada = served.ada();
    for path in
        ["/nowhere", "/v1", "/v2/commands", "/v1/commands/a/b/c", "/v1/dev/people", "/v1/dev/token"]
    {
        let answer = ada.get(path);
        assert_eq!((answer.status, answer.problem().as_str()), (404, "path"), "{path}");
    }
    for (method, path, allowed) in [
        ("GET", "/v1/commands", "POST"),
        ("DELETE", "/v1/commands/AddToCart", "POST"),
        ("OPTIONS", "/v1/commands/AddToCart", "POST"),
        ("POST", "/v1/schema", "GET"),
    ] {
        let answer = ada.ask(method, path, &[], b"");
        assert_eq!((answer.status, answer.problem().as_str()), (405, "method"), "{method} {path}");
        assert!(answer.header("allow").unwrap().contains(allowed), "{answer:?}");
    }
    // Not UTF-8 once decoded.
    assert_eq!(ada.send("%ff", None, "{}").problem(), "malformed");
}

#[test]
fn who_is_denied_stands_in_the_security_journal() {
    let served = Served::start(StagedHost::replying(Reply::Denied("not yours".to_owned())));
    let answer = served.ada().send("AddToCart", Some("a/1"), r#"{"sku": "a secret"}"#);
    assert_eq!(answer.status, 403);
    served.ada().batch("{\"command\":\"bank/Checkout\"}\n");
    assert_eq!(served.ada().get("/v1/queries/Secrets").json()["detail"], "not for ada");
    let journal = served.journal();
    let at: Vec<_> = journal.iter().map(|line| line["at"].as_str().unwrap()).collect();
    assert_eq!(at, ["AddToCart", "bank/Checkout", "Secrets"]);
    for line in &journal {
        assert_eq!((&line["kind"], &line["actor"]), (&json!("denied"), &json!("ada")));
        assert_eq!(line["peer"], "127.0.0.1");
        assert!(!line.to_string().contains("a secret"));
    }
}
