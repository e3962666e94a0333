//! The client as programs use it, before a real server.

use std::sync::atomic::{AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deeds_client::error::Kind;
use deeds_client::{Client, Error, Live, Outcome};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::place::Place;

/// Long enough for anything; a test that needs it has failed.
const PATIENCE: Duration = Duration::from_secs(20);

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap()
}

fn client(place: &Place, actor: &str) -> Client {
    let (url, token) = (url(place), place.token(actor));
    Client::connect(&url, move || {
        let token = token.clone();
        async move { Ok(token) }
    })
    .unwrap()
}

fn url(place: &Place) -> String {
    format!("ws://{}/v1/live", place.address().unwrap())
}

fn note(id: u32, for_everyone: bool) -> Value {
    json!({"id": id, "text": "a note", "weight": 1, "for_everyone": for_everyone})
}

fn ids(live: &Live) -> Vec<u64> {
    live.rows::<Value>().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect()
}

/// Waits until a subscription shows these notes.
async fn shows(live: &mut Live, expected: &[u64]) {
    let shown = async {
        while ids(live) != expected {
            live.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, shown).await.expect("it is shown");
}

#[test]
fn what_a_command_did_is_shown_when_it_is_visible() {
    let place = Place::open();
    runtime().block_on(async {
        let ada = client(&place, "ada");
        let ben = client(&place, "ben");
        let mut seen = ben.subscribe("Public", &json!({})).unwrap();
        let mine = ada.subscribe("Mine", &json!({})).unwrap();
        let mut total = ada.subscribe("Total", &json!({})).unwrap();
        for id in 1..=20 {
            let sent = ada.command("Write", &note(id, true)).unwrap();
            let Outcome::Accepted { position, answer } = sent.durable.await.unwrap() else {
                panic!("it is nobody else's");
            };
            assert_eq!(answer, json!(id));
            assert_eq!(sent.visible.await.unwrap(), position);
            assert!(ada.position().unwrap() >= position);
            assert_eq!(ids(&mine).len(), id as usize);
        }
        shows(&mut seen, &(1..=20).collect::<Vec<_>>()).await;
        while total.value::<Value>().unwrap() != Some(json!({"notes": 20, "weight": 20})) {
            timeout(PATIENCE, total.changed()).await.unwrap().unwrap();
        }
        let answer = ben.ask("Public", &json!({})).await.unwrap();
        assert_eq!(answer.answer.as_array().unwrap().len(), 20);
    });
}

#[test]
fn refusals_errors_and_ends_of_subscriptions_are_told_apart() {
    let place = Place::open();
    runtime().block_on(async {
        let (ada, ben) = (client(&place, "ada"), client(&place, "ben"));
        ada.command("Write", &note(1, true)).unwrap().visible.await.unwrap();

        let refused = ben.command("Erase", &json!({"id": 1})).unwrap().durable.await.unwrap();
        let Outcome::Refused { refusal, .. } = refused else { panic!("it is ada's") };
        assert_eq!((refusal.code.as_str(), refusal.data), ("not_yours", json!({"id": 1})));

        let error: Error = ben.command("Wriet", &json!({})).unwrap().durable.await.unwrap_err();
        assert_eq!((error.kind, error.code.as_str()), (Kind::Invalid, "name"));
        assert_eq!(error.details.suggestion.as_deref(), Some("Write"));
        assert_eq!(ben.ask("Seem", &json!({})).await.unwrap_err().kind, Kind::Invalid);

        let mut all = ben.subscribe("All", &json!({})).unwrap();
        assert_eq!(timeout(PATIENCE, all.changed()).await.unwrap().unwrap_err().kind, Kind::Denied);
        let nowhere = Client::connect("ws://127.0.0.1:1/v1/live", || async { Ok(String::new()) });
        let public = nowhere.unwrap().subscribe("Public", &json!({})).unwrap();
        assert_eq!(public.value::<Value>().unwrap(), None, "nothing came yet");
    });
}

#[test]
fn a_client_recovers_by_itself_when_the_server_is_started_again() {
    let mut place = Place::open();
    let runtime = runtime();
    let relay = runtime.block_on(Relay::to(place.address().unwrap()));
    let token = place.token("ada");
    let asked = Arc::new(AtomicU32::new(0));
    let provider = {
        let asked = Arc::clone(&asked);
        move || {
            let (token, nth) = (token.clone(), asked.fetch_add(1, SeqCst));
            async move {
                // The second time the token cannot be had: that is one failed attempt.
                if nth == 1 { Err("no token at the moment".into()) } else { Ok(token) }
            }
        }
    };
    let (ada, mut mine) = runtime.block_on(async {
        let ada = Client::connect(&relay.url, provider).unwrap();
        let mut mine = ada.subscribe("Mine", &json!({})).unwrap();
        ada.command("Write", &note(1, false)).unwrap().visible.await.unwrap();
        shows(&mut mine, &[1]).await;
        (ada, mine)
    });

    place.stop();
    while !place.has_stopped() {
        std::thread::yield_now();
    }
    let waiting = ada.command("Write", &note(2, false)).unwrap();
    place.start_again();
    relay.now_to(place.address().unwrap());
    runtime.block_on(async {
        timeout(PATIENCE, waiting.visible).await.expect("it comes back").unwrap();
        shows(&mut mine, &[1, 2]).await;
    });
    assert!(asked.load(SeqCst) >= 3, "each attempt has a token of its own");
    place.follow();
    let history = &place.histories[&place.lineage()];
    assert!(history.times_recorded().values().all(|times| *times == 1));
}

#[test]
fn what_is_dropped_is_not_watched_any_longer_and_the_last_one_closes() {
    let place = Place::open();
    runtime().block_on(async {
        let ada = client(&place, "ada");
        let mut public = ada.subscribe("Public", &json!({})).unwrap();
        timeout(PATIENCE, public.changed()).await.unwrap().unwrap();
        let also = ada.clone();
        drop(ada);
        also.command("Write", &note(1, true)).unwrap().visible.await.unwrap();
        assert_eq!(ids(&public), [1]);
        let sent = also.command("Write", &note(2, true)).unwrap();
        drop((also, public));
        // It was sent, or it was not: nobody can say any more, and it is told so.
        let outcome = timeout(PATIENCE, sent.durable).await.unwrap();
        assert!(outcome.is_ok() || outcome.is_err_and(|error| error.code == "unknown"));
    });
}

#[test]
fn an_address_that_is_none_and_a_token_that_does_not_count_are_told() {
    let place = Place::open();
    runtime().block_on(async {
        assert!(Client::connect("not an address", || async { Ok(String::new()) }).is_err());
        let nobody = Client::connect(&url(&place), || async { Ok("nobody's".to_owned()) }).unwrap();
        let error = timeout(PATIENCE, nobody.ask("Public", &json!({}))).await.unwrap().unwrap_err();
        assert_eq!(error.kind, Kind::Signin);
        let mut public = nobody.subscribe("Public", &json!({})).unwrap();
        assert_eq!(public.changed().await.unwrap_err().kind, Kind::Signin);
        // Nobody waits in vain afterwards, either.
        let asked = timeout(PATIENCE, nobody.ask("Public", &json!({}))).await.unwrap();
        assert_eq!(asked.unwrap_err().kind, Kind::Signin);
        let sent = nobody.command("Write", &note(1, true)).unwrap();
        let visible = timeout(PATIENCE, sent.visible).await.unwrap();
        assert_eq!(visible.unwrap_err().kind, Kind::Signin);
    });
}

/// One address for a server that has another each time it is started.
struct Relay {
    url: String,
    to: Arc<Mutex<std::net::SocketAddr>>,
}

impl Relay {
    async fn to(address: std::net::SocketAddr) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("ws://{}/v1/live", listener.local_addr().unwrap());
        let to = Arc::new(Mutex::new(address));
        let target = Arc::clone(&to);
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                let address = *target.lock().unwrap();
                tokio::spawn(async move {
                    if let Ok(mut far) = tokio::net::TcpStream::connect(address).await {
                        // Either end may break it off: that is what it is for.
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Self { url, to }
    }

    fn now_to(&self, address: std::net::SocketAddr) {
        *self.to.lock().unwrap() = address;
    }
}
