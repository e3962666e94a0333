//! `kill -9` at random moments under load: nothing that was answered is lost, and `verify` passes.
//!
//! `DEEDS_KILLS` says how often, a hundred for the full proof; `DEEDS_SEED` repeats a run's moments.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, SystemTime};

use serde_json::{Value, json};

use crate::server_process::{Answer, Client, Place, new_id};

/// How often the server is killed unless told: what CI has time for.
const KILLS: u64 = 4;
const CLIENTS: usize = 8;
/// The server lives this long at least and at most, in milliseconds.
const LIFE_MS: (u64, u64) = (30, 400);
/// How long a client waits that was told to come back.
const PAUSE: Duration = Duration::from_millis(5);
/// How many answers of each life are asked for again in the next.
const ASKED_AGAIN: usize = 20;

pub(crate) struct Answered {
    pub(crate) client: usize,
    pub(crate) id: String,
    pub(crate) answer: Answer,
}

#[test]
fn nothing_answered_is_lost_when_the_server_is_killed_at_random() {
    let (kills, seed) = kills_and_seed(KILLS);
    println!("DEEDS_KILLS={kills} DEEDS_SEED={seed}");
    let mut moments = Moments::of(seed);
    let place = Place::new();
    let mut server = place.serve_with(&["--dev", "--no-seed"]);
    stock(&place);

    let mut answered_before: Vec<Answered> = Vec::new();
    let mut answers = 0;
    for kill in 1..=kills {
        let clients = clients(&place);
        ask_again(&clients, &answered_before);
        let load = Load::start(clients);
        thread::sleep(moments.life());
        server.kill();
        answered_before = load.stop();
        answers += answered_before.len();

        let verified = place.succeed(&["verify", "--json"]);
        let verified: Value = serde_json::from_str(&verified).expect("it is JSON");
        let records = verified["records"].as_u64().expect("a number of records");
        for Answered { answer: (_, body), .. } in &answered_before {
            let position = body["position"].as_u64().expect("an answer has a position");
            assert!(
                position < records,
                "kill {kill}: {position} was answered, {records} are there"
            );
        }
        server = place.serve_with(&["--dev", "--no-seed"]);
    }
    ask_again(&clients(&place), &answered_before);
    println!("{answers} answers in {kills} lives");
    assert!(answers > 0, "there was load");
    assert_eq!(server.stop(), Some(0));
    place.succeed(&["verify"]);
}

/// How often to kill, and what moments are drawn from.
pub(crate) fn kills_and_seed(kills_unless_told: u64) -> (u64, u64) {
    let kills = number("DEEDS_KILLS").unwrap_or(kills_unless_told);
    let seed = number("DEEDS_SEED").unwrap_or_else(|| {
        SystemTime::UNIX_EPOCH.elapsed().expect("we live after 1970").as_nanos() as u64
    });
    (kills, seed)
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|text| text.parse().expect("a number"))
}

/// Moments drawn from a seed: xorshift is random enough to choose when to kill.
pub(crate) struct Moments(u64);

impl Moments {
    pub(crate) fn of(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below this one.
    pub(crate) fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % end
    }

    pub(crate) fn life(&mut self) -> Duration {
        Duration::from_millis(LIFE_MS.0 + self.below(LIFE_MS.1 - LIFE_MS.0))
    }
}

pub(crate) fn stock(place: &Place) {
    let ada = Client::of(place, "ada", "admin");
    ada.must(
        "AddProduct",
        &json!({
            "sku": "RICE", "name": "Rice", "category": "grains", "size": "1 kg",
            "barcode": "2000000000008", "labels": [], "limit": null,
        }),
    );
    ada.must(
        "ReceiveLot",
        &json!({ "sku": "RICE", "quantity": 100_000, "best_before": "2099-12-31" }),
    );
}

pub(crate) fn clients(place: &Place) -> Vec<Client> {
    (0..CLIENTS)
        .map(|number| Client::of(place, &format!("neighbor-{number}"), "neighbor"))
        .collect()
}

pub(crate) fn arguments() -> Value {
    json!({ "lines": [{ "sku": "RICE", "quantity": 1 }] })
}

/// Asks for some earlier answers again: they are the same.
pub(crate) fn ask_again(clients: &[Client], answered: &[Answered]) {
    for Answered { client, id, answer } in answered.iter().rev().take(ASKED_AGAIN) {
        let again = clients[*client].send_until_answered("PlaceOrder", id, &arguments());
        assert_eq!(&again, answer, "the same id, the same answer");
    }
}

/// Clients that order one after the other until the server is gone.
pub(crate) struct Load {
    stopped: Arc<AtomicBool>,
    answered: Arc<Mutex<Vec<Answered>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Load {
    pub(crate) fn start(clients: Vec<Client>) -> Self {
        let stopped = Arc::new(AtomicBool::new(false));
        let answered = Arc::new(Mutex::new(Vec::new()));
        let threads = clients
            .into_iter()
            .enumerate()
            .map(|(number, client)| {
                let (stopped, answered) = (Arc::clone(&stopped), Arc::clone(&answered));
                thread::spawn(move || {
                    while !stopped.load(Ordering::SeqCst) {
                        let id = new_id();
                        let Ok(answer) = client.send("PlaceOrder", &id, &arguments()) else {
                            return;
                        };
                        assert!(matches!(answer.0, 200 | 503), "{answer:?}");
                        if answer.0 == 503 {
                            thread::sleep(PAUSE);
                        } else {
                            let entry = Answered { client: number, id, answer };
                            answered.lock().expect("nobody panics holding it").push(entry);
                        }
                    }
                })
            })
            .collect();
        Self { stopped, answered, threads }
    }

    /// Ends the load; gives what was answered.
    pub(crate) fn stop(self) -> Vec<Answered> {
        self.stopped.store(true, Ordering::SeqCst);
        for thread in self.threads {
            thread.join().expect("a client saw nothing unexpected");
        }
        std::mem::take(&mut *self.answered.lock().expect("nobody panics holding it"))
    }
}
