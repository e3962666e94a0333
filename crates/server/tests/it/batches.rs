//! Many commands in one body.

use std::collections::VecDeque;
use std::io::{BufRead as _, BufReader, Write as _};
use std::sync::atomic::Ordering::SeqCst;
use std::sync::{Arc, Mutex};

use deeds_engine::command::ArgumentError;
use deeds_pipeline::reply::{Reply, ReplyTo, SubmitError};
use deeds_values::Position;
use serde_json::{Value, json};

use crate::client::Client;
use crate::staged_host::{Given, Served, StagedHost, body};

/// Answers with what it was sent.
fn echo(given: &Given) -> Reply {
    Reply::Accepted { position: Position(1), answer: body(&given.arguments) }
}

#[test]
fn every_line_is_answered_as_the_command_alone_would_be() {
    let served = Served::start(StagedHost::new(|given, reply_to| {
        match given.name.as_str() {
            "AddToCart" => reply_to(echo(&given)),
            "Checkout" => {
                let refusal = json!({"code": "empty", "message": "Empty.", "data": null});
                reply_to(Reply::Refused { position: Position(2), refusal: body(&refusal) });
            }
            "Typo" => return Err(SubmitError::UnknownCommand(given.name)),
            _ => {
                let (field, reason) = ("sku".to_owned(), "missing field `sku`".to_owned());
                return Err(SubmitError::Arguments(ArgumentError { field, reason }));
            }
        }
        Ok(())
    }));
    let lines = [
        r#"{"command": "AddToCart", "id": "import/1", "arguments": {"sku": 7}}"#,
        r#"{"command": "Checkout", "id": "import/2"}"#,
        "",
        r#"{"command": "Typo"}"#,
        r#"{"command": "NoArguments", "id": "import/5"}"#,
        r#"{"command": "AddToCart", "id": "5"}"#,
        r#"{"command": "AddToCart", "argument": {}}"#,
        "not JSON",
        "\u{1}",
        r#"{"command": "AddToCart", "arguments": [1]}"#,
    ];
    let answer = served.ada().batch(&lines.join("\n"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("content-type"), Some("application/x-ndjson"));
    let told: Vec<_> = answer
        .lines()
        .iter()
        .map(|line| {
            let kind = line["type"].as_str().map(|kind| kind.rsplit(':').next().unwrap());
            let id =
                line["id"].as_str().map_or("none", |id| if id.len() == 36 { "made" } else { id });
            format!("{} {} {id} {}", line["line"], line["status"], kind.unwrap_or("accepted"))
        })
        .collect();
    assert_eq!(
        told,
        [
            "1 200 import/1 accepted",
            "2 422 import/2 refused",
            "4 404 made name",
            "5 400 import/5 arguments",
            "6 400 none command-id",
            "7 400 none malformed",
            "8 400 none malformed",
            "9 400 none malformed",
            "10 200 made accepted",
        ]
    );
    let lines = answer.lines();
    assert_eq!(lines[0]["answer"], json!({"sku": 7}));
    assert_eq!(lines[1]["refusal"]["code"], "empty");
    assert_eq!(lines[3]["field"], "sku");
    assert!(lines[5]["detail"].as_str().unwrap().contains("argument"));
}

/// Holds replies back, until there are some, and gives them in the other order.
fn replying_backwards(at_once: usize) -> Arc<StagedHost> {
    let mut held: Vec<(Given, ReplyTo)> = Vec::new();
    StagedHost::new(move |given, reply_to| {
        held.push((given, reply_to));
        if held.len() == at_once {
            for (given, reply_to) in held.drain(..).rev() {
                reply_to(echo(&given));
            }
        }
        Ok(())
    })
}

fn numbered_lines(count: usize) -> String {
    (0..count)
        .map(|n| format!("{{\"command\":\"AddToCart\",\"arguments\":{{\"n\":{n}}}}}\n"))
        .collect()
}

#[test]
fn answers_come_in_the_order_of_the_lines_whatever_the_order_of_the_replies() {
    let served = Served::start(replying_backwards(50));
    let lines = served.ada().batch(&numbered_lines(1_000)).lines();
    assert_eq!(lines.len(), 1_000);
    for (n, line) in lines.iter().enumerate() {
        assert_eq!((&line["line"], &line["answer"]["n"]), (&json!(n + 1), &json!(n)));
    }
}

#[test]
fn a_client_may_send_everything_before_it_reads_anything() {
    let served = Served::start(StagedHost::new(|given, reply_to| {
        reply_to(echo(&given));
        Ok(())
    }));
    let lines = served.ada().batch(&numbered_lines(30_000)).lines();
    assert_eq!(lines.len(), 30_000);
}

#[test]
fn a_line_is_answered_before_the_next_one_is_sent() {
    let served = Served::start(StagedHost::new(|given, reply_to| {
        reply_to(echo(&given));
        Ok(())
    }));
    let ada = served.ada();
    let mut stream = ada.connect();
    let head = format!(
        "POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n",
        ada.token.unwrap()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut told = BufReader::new(stream.try_clone().unwrap());
    for n in 0..3 {
        let line = format!("{{\"command\":\"AddToCart\",\"arguments\":{{\"n\":{n}}}}}\n");
        write!(stream, "{:x}\r\n{line}\r\n", line.len()).unwrap();
        let mut answer = String::new();
        while !answer.contains("\"answer\"") {
            answer.clear();
            assert!(told.read_line(&mut answer).unwrap() > 0);
        }
        let answer: Value = serde_json::from_str(&answer).unwrap();
        assert_eq!(answer["answer"]["n"], n);
    }
}

#[test]
fn a_full_queue_makes_the_batch_slower_and_no_line_fail() {
    // Room for four; every refusal to take one in lets one go.
    let waiting: Mutex<VecDeque<(Given, ReplyTo)>> = Mutex::default();
    let host = StagedHost::new(move |given, reply_to| {
        let mut waiting = waiting.lock().unwrap();
        if waiting.len() == 4 {
            let (given, reply_to) = waiting.pop_front().unwrap();
            reply_to(echo(&given));
            return Err(match given.arguments["n"].as_u64().unwrap() % 2 {
                0 => SubmitError::ActorFull { limit: 4 },
                _ => SubmitError::QueueFull { limit: 4 },
            });
        }
        // The last ones find nobody behind them.
        if given.arguments["n"].as_u64().unwrap() >= 96 {
            while let Some((given, reply_to)) = waiting.pop_front() {
                reply_to(echo(&given));
            }
            reply_to(echo(&given));
        } else {
            waiting.push_back((given, reply_to));
        }
        Ok(())
    });
    let served = Served::start(host.clone());
    let lines = served.ada().batch(&numbered_lines(100)).lines();
    assert_eq!(lines.len(), 100);
    assert!(lines.iter().all(|line| line["status"] == 200));
    assert!(host.submitted.load(SeqCst) > 100, "some were sent to a full queue");
}

#[test]
fn when_the_host_stops_the_line_it_did_not_take_is_the_last_one_answered() {
    let served = Served::start(StagedHost::new(|given, reply_to| {
        if given.arguments["n"] == 3 {
            return Err(SubmitError::Stopping);
        }
        reply_to(echo(&given));
        Ok(())
    }));
    let lines = served.ada().batch(&numbered_lines(10)).lines();
    let statuses: Vec<_> = lines.iter().map(|line| line["status"].as_u64().unwrap()).collect();
    assert_eq!(statuses, [200, 200, 200, 503]);
}

#[test]
fn a_line_that_is_too_long_is_one_line() {
    let served = Served::start(StagedHost::new(|given, reply_to| {
        reply_to(echo(&given));
        Ok(())
    }));
    let long = format!("{{\"command\":\"AddToCart\",\"arguments\":[\"{}\"]}}", "x".repeat(2 << 20));
    let lines = served.ada().batch(&format!("{}{long}\n{}", numbered_lines(1), numbered_lines(1)));
    let statuses: Vec<_> = lines.lines().iter().map(|line| line["status"].clone()).collect();
    assert_eq!(statuses, [200, 413, 200]);
}

#[test]
fn a_client_that_goes_away_leaves_nothing_behind() {
    let held = Arc::new(Mutex::new(Vec::new()));
    let holding = Arc::clone(&held);
    let host = StagedHost::new(move |given, reply_to| {
        holding.lock().unwrap().push((given, reply_to));
        Ok(())
    });
    let served = Served::start(host.clone());
    let Client { address, token } = served.ada();
    let lines = numbered_lines(10);
    let request = format!(
        "POST /v1/commands HTTP/1.1\r\nHost: {address}\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-ndjson\r\nContent-Length: {}\r\n\r\n{lines}",
        token.unwrap(),
        lines.len() + 1
    );
    let mut stream = served.nobody().connect();
    stream.write_all(request.as_bytes()).unwrap();
    while host.submitted.load(SeqCst) < 10 {
        std::thread::yield_now();
    }
    drop(stream);
    for (given, reply_to) in held.lock().unwrap().drain(..) {
        reply_to(echo(&given));
    }
    // Only connections that have ended let the server stop without cutting them off.
    assert!(served.server.stop());
}

#[test]
fn a_batch_does_not_hold_up_a_server_that_stops() {
    let served = Served::start(StagedHost::new(|given, reply_to| {
        reply_to(echo(&given));
        Ok(())
    }));
    let ada = served.ada();
    let mut stream = ada.connect();
    let line = numbered_lines(1);
    let head = format!(
        "POST /v1/commands HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/x-ndjson\r\nTransfer-Encoding: chunked\r\n\r\n\
         {:x}\r\n{line}\r\n",
        ada.token.unwrap(),
        line.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    let mut told = BufReader::new(stream).lines().map(Result::unwrap);
    assert!(told.any(|line| line.contains("\"status\":200")));
    // The client would go on sending, at its leisure.
    assert!(served.server.stop());
    assert!(told.any(|line| line.contains("problem:stopping")));
    assert_eq!(told.last().as_deref(), Some(""), "the body is whole");
}
