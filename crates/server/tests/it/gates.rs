//! What is turned away before anything looks at it: hosts, media types, sizes, addresses.

use std::io::{Read as _, Write as _};
use std::net::TcpListener;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use deeds_pipeline::reply::Reply;
use deeds_server::{
    Authentication, DRAIN_TIME_MAX, Server, StartError, TokenIssuer, TokenVerifier,
};

use crate::staged_host::{Served, StagedHost, options};

const JSON: (&str, &str) = ("Content-Type", "application/json");

#[test]
fn a_request_for_another_host_is_turned_away_whatever_it_asks() {
    let host = StagedHost::replying(Reply::Gone);
    let served = Served::in_development(host.clone());
    let port = served.address().port();
    let rebound = format!("attacker.example:{port}");
    for name in [&rebound, "attacker.example", "localhost.attacker.example", "127.0.0.2", ""] {
        for path in ["/healthz", "/v1/schema", "/v1/dev/people"] {
            let answer = served.ada().ask("GET", path, &[("Host", name)], b"");
            assert_eq!((answer.status, answer.problem().as_str()), (421, "misdirected"), "{name}");
        }
        let wanted = br#"{"actor":"ada"}"#;
        let answer = served.nobody().ask("POST", "/v1/dev/token", &[("Host", name), JSON], wanted);
        assert_eq!(answer.status, 421);
    }
    for name in
        ["localhost", "LocalHost:1", "127.0.0.1", "[::1]:80", "bank.example", "Bank.Example:1"]
    {
        let answer = served.nobody().ask("GET", "/healthz", &[("Host", name)], b"");
        assert_eq!(answer.status, 200, "{name}");
    }
    let say =
        |head: &str| served.nobody().say(format!("{head}\r\nConnection: close\r\n\r\n").as_bytes());
    assert_eq!(say("GET /healthz HTTP/1.1").status, 400);
    let twice = "GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: attacker.example";
    assert_eq!(say(twice).status, 400);
    let both = "GET http://attacker.example/healthz HTTP/1.1\r\nHost: localhost";
    assert_eq!(say(both).status, 421);
    assert_eq!(host.submitted.load(SeqCst), 0);
}

#[test]
fn a_body_that_is_not_said_to_be_json_is_not_read() {
    let host = StagedHost::replying(Reply::Gone);
    let served = Served::start(host.clone());
    let send = |path: &str, headers: &[(&str, &str)]| {
        served.ada().ask("POST", path, headers, b"{}").status
    };
    let command = "/v1/commands/AddToCart";
    for wrong in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/x-ndjson",
        "application/jsonp",
        "application/json, text/plain",
        "",
        "text/plain; application/json",
    ] {
        assert_eq!(send(command, &[("Content-Type", wrong)]), 415, "{wrong}");
    }
    assert_eq!(send(command, &[]), 415);
    assert_eq!(send(command, &[JSON, ("Content-Encoding", "gzip")]), 415);
    assert_eq!(send(command, &[JSON, ("Content-Type", "text/plain")]), 415);
    assert_eq!(send("/v1/commands", &[JSON]), 415);
    assert_eq!(host.submitted.load(SeqCst), 0);
    for right in ["application/json", "Application/JSON; charset=utf-8", "application/json;x=y"] {
        assert_eq!(send(command, &[("Content-Type", right)]), 410, "{right}");
    }
}

#[test]
fn other_sites_are_given_no_permission() {
    let served = Served::start(StagedHost::replying(Reply::Gone));
    let origin = ("Origin", "https://attacker.example");
    let asks_first = [
        origin,
        ("Access-Control-Request-Method", "POST"),
        ("Access-Control-Request-Headers", "content-type, authorization"),
    ];
    for answer in [
        served.ada().ask("OPTIONS", "/v1/commands/AddToCart", &asks_first, b""),
        served.ada().ask("GET", "/v1/schema", &[origin], b""),
        served.ada().ask("POST", "/v1/commands/AddToCart", &[origin, JSON], b"{}"),
    ] {
        assert!(!answer.headers.iter().any(|(name, _)| name.starts_with("access-control")));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

#[test]
fn a_body_that_is_too_long_is_turned_away_before_it_is_read() {
    let host = StagedHost::replying(Reply::Gone);
    let served = Served::start(host.clone());
    let token = served.ada().token.unwrap();
    let head = format!(
        "POST /v1/commands/AddToCart HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\
         Authorization: Bearer {token}\r\nContent-Type: application/json\r\n"
    );
    // Announced, and never sent.
    let announced = format!("{head}Content-Length: 99999999999\r\n\r\n");
    let answer = served.nobody().say(announced.as_bytes());
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"));
    // Not announced.
    let chunk = format!("{:x}\r\n{}\r\n", 64 << 10, "x".repeat(64 << 10));
    let unannounced = format!("{head}Transfer-Encoding: chunked\r\n\r\n{}", chunk.repeat(17));
    let answer = served.nobody().say(unannounced.as_bytes());
    assert_eq!((answer.status, answer.problem().as_str()), (413, "too-large"));
    assert_eq!(host.submitted.load(SeqCst), 0);
    // Of exactly the limit.
    let longest = format!("{{{}}}", " ".repeat((1 << 20) - 2));
    assert_eq!(served.ada().send("AddToCart", None, &longest).status, 410);
    assert_eq!(served.ada().send("AddToCart", None, &format!("{longest} ")).status, 413);
}

#[test]
fn headers_that_are_too_long_or_too_many_are_turned_away() {
    let served = Served::start(StagedHost::replying(Reply::Gone));
    // The server hangs up in the middle of it, and the answer may be lost on the way.
    let long =
        format!("GET /healthz HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(100_000));
    let (mut stream, mut told) = (served.nobody().connect(), Vec::new());
    let _ =
        stream.write_all(long.as_bytes()).and_then(|()| stream.read_to_end(&mut told).map(drop));
    assert!(told.is_empty() || told.starts_with(b"HTTP/1.1 431"));
    let many = vec![("X-Many", "1"); 200];
    assert_eq!(served.nobody().ask("GET", "/healthz", &many, b"").status, 431);
    assert_eq!(served.nobody().get("/healthz").status, 200);
}

#[test]
fn what_is_no_http_does_no_harm() {
    let served = Served::start(StagedHost::replying(Reply::Gone));
    for noise in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..],
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"\r\n\r\n\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\x00 / HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"POST /v1/commands/A HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
        b"POST /v1/commands/A HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\n\
          Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    ] {
        let mut stream = served.nobody().connect();
        stream.write_all(noise).unwrap();
        stream.shutdown(std::net::Shutdown::Write).unwrap();
        let mut told = Vec::new();
        let _ = stream.read_to_end(&mut told);
        let told = String::from_utf8_lossy(&told);
        assert!(told.is_empty() || told.starts_with("HTTP/1.1 4"), "{noise:?}: {told}");
    }
    assert_eq!(served.nobody().get("/healthz").status, 200);
}

#[test]
fn a_server_that_would_be_open_to_everybody_or_nobody_does_not_start() {
    let start = |listen: &str, change: &dyn Fn(&mut deeds_server::ServerOptions)| {
        let mut options = options(&TokenIssuer::ephemeral("bank"), None);
        options.listen = listen.parse().unwrap();
        change(&mut options);
        Server::start(StagedHost::replying(Reply::Gone), options).err()
    };
    let development = |options: &mut deeds_server::ServerOptions| {
        let issuer = TokenIssuer::ephemeral("bank");
        options.authentication = Authentication::Development { issuer, people: Vec::new() };
    };
    for open in ["0.0.0.0:0", "[::]:0", "192.0.2.1:0"] {
        let error = start(open, &development).unwrap();
        assert!(matches!(error, StartError::DevelopmentIsLocal { .. }));
        assert!(error.to_string().contains("127.0.0.1"), "says what to do: {error}");
        let error = start(open, &|options| options.public_hosts.clear()).unwrap();
        assert!(matches!(error, StartError::NoPublicHost { .. }));
        assert!(error.to_string().contains("--public-host"), "says what to do: {error}");
    }
    let nobody = |options: &mut deeds_server::ServerOptions| {
        let verifier = TokenVerifier::from_public_keys("idp", "bank", []);
        options.authentication = Authentication::Tokens(verifier);
    };
    assert!(matches!(start("127.0.0.1:0", &nobody), Some(StartError::NoTrustedKey)));
    assert!(start("127.0.0.1:0", &development).is_none());
    assert!(start("127.0.0.1:0", &|options| options.public_hosts.clear()).is_none());

    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    assert!(start(&address, &|_| {}).unwrap().is_address_in_use());
}

#[test]
fn stopping_answers_what_is_under_way_and_closes_what_is_idle() {
    let (sender, replies) = std::sync::mpsc::channel();
    let served = Served::start(StagedHost::new(move |_, reply_to| {
        sender.send(reply_to).unwrap();
        Ok(())
    }));
    let mut idle = served.nobody().connect();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    let mut first = [0; 12];
    idle.read_exact(&mut first).unwrap();
    assert_eq!(&first, b"HTTP/1.1 200");

    let ada = served.ada();
    let address = served.address();
    let client = std::thread::spawn(move || ada.send("AddToCart", None, "{}"));
    let reply_to = replies.recv().unwrap();
    let started = Instant::now();
    let stopping = std::thread::spawn(move || served.server.stop());
    // The idle connection is closed: stopping has begun.
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).unwrap();
    reply_to(Reply::Gone);
    assert_eq!(client.join().unwrap().status, 410);
    assert!(stopping.join().unwrap(), "everything was answered");
    assert!(started.elapsed() < DRAIN_TIME_MAX);
    assert!(std::net::TcpStream::connect(address).is_err(), "nobody listens any more");
}

#[test]
fn stopping_is_bounded_even_if_somebody_holds_a_connection() {
    let served = Served::start(StagedHost::new(|_, reply_to| {
        std::mem::forget(reply_to);
        Ok(())
    }));
    let ada = served.ada();
    let mut held = ada.connect();
    let head = format!(
        "POST /v1/commands/AddToCart HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\n\
         Content-Type: application/json\r\nContent-Length: 100\r\n\r\n{{",
        ada.token.unwrap()
    );
    held.write_all(head.as_bytes()).unwrap();
    let started = Instant::now();
    served.server.stop();
    assert!(started.elapsed() < DRAIN_TIME_MAX + Duration::from_secs(5));
}
