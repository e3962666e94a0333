//! Queries, records, health, metrics.

use std::io::{BufRead as _, BufReader, Write as _};
use std::time::Duration;

use deeds_pipeline::host::Health;
use deeds_pipeline::reply::Reply;
use serde_json::{Value, json};

use crate::staged_host::{LINEAGE, Served, StagedHost, TIME};

fn served() -> (Served, std::sync::Arc<StagedHost>) {
    let host = StagedHost::replying(Reply::Gone);
    (Served::start(host.clone()), host)
}

#[test]
fn a_query_is_answered_with_the_moment_it_was_read_at() {
    let (served, _) = served();
    let ask = |path: &str| served.ada().get(&format!("/v1/queries/{path}"));
    let answer = ask("Catalogue?category=Canned%20food&limit=5");
    assert_eq!(answer.status, 200);
    assert_eq!(
        answer.json(),
        json!({
            "lineage": LINEAGE.to_string(),
            "position": 4,
            "time": TIME,
            "answer": {"category": "Canned food", "limit": 5},
        })
    );
    for path in [
        "bank/Catalogue?category=5",
        "bank%2FCatalogue?category=5",
        "Catalogue?args=%7B%22category%22%3A%225%22%7D",
        "Catalogue?at_least=4&category=5",
        &format!("Catalogue?at_least=0&lineage={LINEAGE}&category=5"),
    ] {
        assert_eq!(ask(path).json()["answer"], json!({"category": "5"}), "{path}");
    }
}

#[test]
fn what_is_wrong_with_a_query_is_told() {
    let (served, _) = served();
    let table = [
        ("Catalog", 404, "name"),
        ("till/Catalogue", 404, "name"),
        ("Secrets", 403, "denied"),
        ("Catalogue?limit=1&limit=2", 400, "arguments"),
        ("Catalogue?args={}&limit=2", 400, "arguments"),
        ("Catalogue?args={}&args={}", 400, "arguments"),
        ("Catalogue?at_least=-1", 400, "arguments"),
        ("Catalogue?at_least=soon", 400, "arguments"),
        ("Catalogue?lineage=here", 400, "arguments"),
        ("Catalogue?lineage=2222222222222222", 412, "other-lineage"),
        ("Broken", 500, "bug"),
    ];
    for (path, status, word) in table {
        let answer = served.ada().get(&format!("/v1/queries/{path}"));
        assert_eq!(answer.status, status, "{path}");
        assert_eq!(answer.problem(), word, "{path}");
    }
    assert_eq!(served.ada().get("/v1/queries/Catalog").json()["suggestion"], "Catalogue");
    assert_eq!(served.nobody().get("/healthz").status, 200, "a panic in a query is one query's");
}

#[test]
fn at_least_waits_until_the_position_is_published() {
    let (served, host) = served();
    let ada = served.ada();
    let asking = std::thread::spawn(move || ada.get("/v1/queries/Catalogue?at_least=6"));
    let not_yet = served.ada();
    let never = std::thread::spawn(move || not_yet.get("/v1/queries/Catalogue?at_least=7"));
    host.publish(5);
    host.publish(6);
    assert_eq!(asking.join().unwrap().json()["position"], 6);
    let never = never.join().unwrap();
    assert_eq!((never.status, never.problem().as_str()), (503, "not-yet"));
    assert_eq!(never.json()["position"], 6);
    assert!(never.header("retry-after").is_some());
}

#[test]
fn records_are_for_operators_by_token_or_by_state() {
    let (served, _) = served();
    assert_eq!(served.ada().get("/v1/records").problem(), "denied");
    assert_eq!(served.client("grace", &[]).get("/v1/records").status, 200);
    let answer = served.operator().get("/v1/records?from=1&limit=3");
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let positions: Vec<_> = answer.lines().iter().map(|line| line["position"].clone()).collect();
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!(answer.lines()[0]["arguments"], json!({"sku": 1}));
    assert_eq!(served.operator().get("/v1/records").lines().len(), 5);
    assert_eq!(served.operator().get("/v1/records?from=5").lines(), Vec::<Value>::new());
    assert_eq!(served.operator().get("/v1/records?limit=0").lines(), Vec::<Value>::new());
    for wrong in ["from=x", "limit=-1", "follow=yes", "since=1"] {
        let answer = served.operator().get(&format!("/v1/records?{wrong}"));
        assert_eq!(answer.problem(), "arguments", "{wrong}");
    }
    assert_eq!(served.journal().len(), 1, "who was denied is noted");
}

#[test]
fn a_long_chronicle_is_read_in_pieces_and_in_whole() {
    let (served, host) = served();
    host.publish(9_999);
    let lines = served.operator().get("/v1/records").lines();
    assert_eq!(lines.len(), 10_000);
    assert!(lines.iter().enumerate().all(|(n, line)| line["position"] == n));
}

#[test]
fn a_follower_is_told_what_is_recorded_later_until_the_server_stops() {
    let (served, host) = served();
    let operator = served.operator();
    let mut stream = operator.connect();
    let request = format!(
        "GET /v1/records?from=4&follow=true HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {}\r\n\r\n",
        operator.token.unwrap()
    );
    stream.write_all(request.as_bytes()).unwrap();
    let mut told = BufReader::new(stream);
    let mut next = || loop {
        let mut line = String::new();
        if told.read_line(&mut line).unwrap() == 0 {
            return None;
        }
        if line.starts_with('{') {
            let entry: Value = serde_json::from_str(&line).unwrap();
            return Some(entry["position"].as_u64().unwrap());
        }
    };
    assert_eq!(next(), Some(4));
    host.publish(6);
    assert_eq!((next(), next()), (Some(5), Some(6)));
    host.publish(7);
    assert_eq!(next(), Some(7));
    assert!(served.server.stop(), "a follower does not hold the server up");
    assert_eq!(next(), None);
}

#[test]
fn health_is_told_to_everybody_with_the_reason() {
    let (served, host) = served();
    let answer = served.nobody().get("/healthz");
    assert_eq!((answer.status, answer.json()), (200, json!({"health": "serving"})));
    for (health, word) in [
        (Health::Stuck { command: "Checkout", since: Duration::from_secs(9) }, "`Checkout`"),
        (Health::ClockStopped, "clock"),
        (Health::Stopped { reason: "the disk is full".to_owned() }, "the disk is full"),
    ] {
        *host.health.lock().unwrap() = health;
        let answer = served.nobody().get("/healthz");
        assert_eq!((answer.status, answer.problem().as_str()), (503, "unwell"));
        assert!(answer.json()["detail"].as_str().unwrap().contains(word));
    }
}

#[test]
fn the_server_ends_when_the_host_has_stopped_by_itself() {
    let (served, host) = served();
    *host.health.lock().unwrap() = Health::Stopped { reason: "the disk is full".to_owned() };
    let reason = "the disk is full".to_owned();
    let signals = deeds_server::Signals::watch().unwrap();
    assert_eq!(served.server.wait(signals), deeds_server::Ended::HostStopped { reason });
}

#[test]
fn metrics_are_in_the_text_format_and_for_operators() {
    let (served, host) = served();
    served.ada().send("AddToCart", None, "{}");
    assert_eq!(served.ada().get("/metrics").status, 403);
    let answer = served.operator().get("/metrics");
    assert_eq!(answer.header("content-type"), Some("text/plain; version=0.0.4"));
    let page = String::from_utf8(answer.body).unwrap();
    for line in [
        "deeds_commands_total{outcome=\"accepted\"} 7",
        "deeds_append_seconds_total 1.5",
        "deeds_position 4",
        "deeds_healthy 1",
        "deeds_table_rows{table=\"products\"} 150",
        "deeds_chronicle_bytes{kind=\"bodies\"} 20",
        "deeds_http_requests_total{route=\"/v1/commands/{name}\",status=\"410\"} 1",
        "deeds_http_request_seconds_bucket{route=\"/v1/commands/{name}\",le=\"+Inf\"} 1",
        "deeds_http_request_seconds_count{route=\"/v1/commands/{name}\"} 1",
    ] {
        assert!(page.lines().any(|found| found == line), "{line} is not in\n{page}");
    }
    // Every sample belongs to a family that was announced, and every value is a number.
    let mut family = "";
    for line in page.lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            family = about.split(' ').next().unwrap();
        } else if !line.starts_with('#') {
            assert!(line.starts_with(family), "{line} in {family}");
            line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
        }
    }
    let open = Served::with(host, |options| options.open_metrics = true);
    assert_eq!(open.nobody().get("/metrics").status, 200);
    assert_eq!(open.journal(), Vec::<Value>::new());
}

#[test]
fn the_schema_is_for_everybody_with_a_token() {
    let (served, _) = served();
    let schema = served.ada().get("/v1/schema").json();
    assert_eq!(schema["app"], "bank");
    assert!(schema["commands"]["bank/AddToCart"].is_object());
}

/// `tests/browser` holds the food bank's against the specification.
#[test]
fn the_openapi_document_names_every_command_and_query_and_refers_to_what_is_there() {
    let served = Served::start(StagedHost::replying(Reply::Gone));
    assert_eq!(served.nobody().get("/openapi.json").status, 401);
    let document = served.ada().get("/openapi.json").json();
    let schema = served.ada().get("/v1/schema").json();
    let parts = [("commands", "post"), ("queries", "get")];
    for (kind, method) in parts {
        for name in schema[kind].as_object().unwrap().keys() {
            let path = format!("/v1/{kind}/{}", name.split_once('/').unwrap().1);
            let operation = &document["paths"][&path][method];
            assert!(operation["responses"]["200"].is_object(), "{path}: {operation}");
        }
    }
    let mut references = 0;
    refers_to_what_is_there(&document, &document, &mut references);
    assert!(references > 10, "only {references} references");
}

fn refers_to_what_is_there(part: &Value, document: &Value, references: &mut u32) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(target)) = members.get("$ref") {
                *references += 1;
                let pointer = target.strip_prefix('#').expect("references stay within");
                assert!(document.pointer(pointer).is_some(), "{target} is not there");
            }
            members.values().for_each(|part| refers_to_what_is_there(part, document, references));
        }
        Value::Array(items) => {
            items.iter().for_each(|part| refers_to_what_is_there(part, document, references));
        }
        _ => {}
    }
}
