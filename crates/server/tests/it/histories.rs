//! Arbitrary histories: whatever happens, in whatever order, each client shows at each position what
//! its queries answer there.
//!
//! A schedule is drawn from a seed: commands, drops and comings-back, silences, joins and leaves. Every
//! published state is kept by its position; after each tick, what a client shows is held against it.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use deeds::prelude::*;
use deeds_engine::live::View;
use deeds_engine::query::Asker;
use deeds_engine::window::Window;
use deeds_pipeline::host::Host;
use deeds_sim::ModelDisk;
use deeds_values::KeyBytes;
use deeds_values::key::ordered_text;
use serde_json::{Value, json};

use crate::board::{self, Board};
use crate::staged_host::Served;
use crate::watcher::{Form, Shown, Watcher};

/// Seeds that are always run.
const SEEDS: std::ops::Range<u64> = 0..8;

/// Things that happen in a history.
const DEEDS: usize = 60;

const PEOPLE: [&str; 3] = ["ada", "ben", "carl"];
const LIVE: [&str; 7] = ["Public", "Seen", "Mine", "Heaviest", "Total", "Whole", "Seen"];

/// Through which window the queries from here on are seen.
const WINDOWED_FROM: usize = 5;

/// The heaviest two that everyone sees; and three of those that I see after note 2.
fn windows() -> [Window; 2] {
    let after = Some(KeyBytes::from_slice(&2_u32.to_be_bytes()));
    [
        Window { size: 2, after: None, sort: Some("weight".to_owned()), reverse: true },
        Window { size: 3, after, sort: None, reverse: false },
    ]
}

/// The arguments of the query at this place, and its window.
fn arguments(place: usize) -> Value {
    let Some(window) = place.checked_sub(WINDOWED_FROM).map(|at| windows()[at].clone()) else {
        return json!({});
    };
    let Window { size, after, sort, reverse } = window;
    let after = after.map(|after| ordered_text(&after));
    json!({"window": {"size": size, "after": after, "sort": sort, "reverse": reverse}})
}

/// What is drawn from a seed.
struct Draws(u64);

impl Draws {
    /// A number below `end`.
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % end
    }
}

struct History {
    seed: u64,
    served: Served,
    host: Arc<dyn Host>,
    views: Arc<Mutex<BTreeMap<u64, View>>>,
    watchers: BTreeMap<usize, Watcher>,
    last: u64,
}

impl History {
    fn new(seed: u64) -> Self {
        let node = board::start(Arc::new(ModelDisk::new()));
        let host: Arc<dyn Host> = node.clone();
        let view = host.view();
        let last = view.position().0;
        let views = Arc::new(Mutex::new(BTreeMap::from([(last, view)])));
        let kept = Arc::clone(&views);
        host.on_publish(Box::new(move |publication| {
            let view = publication.view.clone();
            kept.lock().unwrap().insert(view.position().0, view);
        }));
        let served = Served::start(node);
        Self { seed, served, host, views, watchers: BTreeMap::new(), last }
    }

    fn greet(&mut self, place: usize, before: Option<Watcher>) {
        let form = if place.is_multiple_of(2) { Form::Json } else { Form::MessagePack };
        let token = self.served.client(PEOPLE[place], &[]).token.unwrap();
        let mut place_of = 0..;
        let subs = LIVE.map(|query| (query, arguments(place_of.next().unwrap())));
        // Before its first results it shows nothing that could be continued.
        let before = before.filter(|old| old.shown.values().all(|shown| *shown != Shown::Nothing));
        let (stood, shown) = before.map(|old| (old.stood(), old.shown)).unzip();
        let address = self.served.address();
        let shown = shown.unwrap_or_default();
        let watcher = Watcher::greet_again(address, form, &token, &subs, stood, shown);
        self.watchers.insert(place, watcher);
    }

    fn command(&mut self, draws: &mut Draws, seed: u64) {
        let who = PEOPLE[draws.below(3) as usize];
        let id = draws.below(8);
        let (name, arguments) = match draws.below(8) {
            0 => {
                let other = PEOPLE[draws.below(3) as usize];
                ("Admit", json!({"who": other, "is_member": draws.below(2) == 0}))
            }
            1 | 2 => ("Erase", json!({"id": id})),
            _ => {
                // Long ones in every other history, so that silences fill what is kept.
                let long = if seed.is_multiple_of(2) { 1 } else { 40_000 };
                let (weight, is_open) = (draws.below(30), draws.below(2) == 0);
                let text = "x".repeat(long);
                let note =
                    json!({"id": id, "text": text, "weight": weight, "for_everyone": is_open});
                ("Write", note)
            }
        };
        let headers = [("Content-Type", "application/json")];
        let path = format!("/v1/commands/{name}");
        let client = self.served.client(who, &[]);
        let answer = client.ask("POST", &path, &headers, arguments.to_string().as_bytes());
        if let Some(position) = answer.json()["position"].as_u64() {
            self.last = self.last.max(position);
        }
    }

    /// Hears one message, if there is one, and judges what is shown then.
    fn hear(&mut self, place: usize, patience: Duration) -> bool {
        let Some(watcher) = self.watchers.get_mut(&place) else { return false };
        let Some(message) = watcher.try_next(patience) else { return false };
        let is_known = message["type"] == "tick" || message["type"] == "pong";
        assert!(is_known, "seed {}: {message}", self.seed);
        self.judge(place);
        true
    }

    fn judge(&self, place: usize) {
        let (seed, who, watcher) = (self.seed, PEOPLE[place], &self.watchers[&place]);
        for (sub, shown) in &watcher.shown {
            let at_place = *sub as usize - 1;
            let query = LIVE[at_place];
            let (at, shown) = match shown {
                Shown::Nothing => continue,
                Shown::Rows(_) => (watcher.position, Value::Array(shown.rows())),
                Shown::Value(at, value) => (*at, value.clone()),
            };
            let view = self.views.lock().unwrap().get(&at).cloned();
            let view = view.unwrap_or_else(|| panic!("seed {seed}: nothing was published at {at}"));
            let identity = view.identity::<Board>(&who.parse().unwrap(), &Roles::none());
            let question = self.host.question(query, b"{}").unwrap();
            let asker = Asker::new(&question.scope(), &identity.actor, &identity.keys).unwrap();
            if let Some(window) = at_place.checked_sub(WINDOWED_FROM) {
                let question = question.through(windows()[window].clone());
                let pane = question.pane(&view, &asker).unwrap();
                let items = pane.items.iter();
                let rows = items.map(|item| serde_json::from_slice(&item.json).unwrap());
                let counts = (pane.total as u64, pane.before as u64);
                assert_eq!(watcher.counts[sub], counts, "seed {seed}: {who} at {at}");
                assert!(
                    shown == Value::Array(rows.collect()),
                    "seed {seed}: {who}, {query} at {at}"
                );
                continue;
            }
            let answer = question.answer(&view, &asker).unwrap();
            let answer: Value = serde_json::from_slice(&answer).unwrap();
            assert!(shown == answer, "seed {seed}: {who} was shown another {query} at {at}");
        }
    }

    fn run(seed: u64) {
        let mut draws = Draws(seed);
        let mut history = Self::new(seed);
        (0..PEOPLE.len()).for_each(|place| history.greet(place, None));
        for _ in 0..DEEDS {
            let place = draws.below(3) as usize;
            match draws.below(10) {
                0 => {
                    let before = history.watchers.remove(&place);
                    history.greet(place, before);
                }
                1 => history.greet(place, None),
                2 => drop(history.watchers.remove(&place)),
                // Who is not picked is silent meanwhile.
                3 | 4 => while history.hear(place, Duration::from_millis(2)) {},
                _ => history.command(&mut draws, seed),
            }
        }
        for (place, who) in PEOPLE.iter().enumerate() {
            // Changes that it does not see are told when it asks.
            let is_behind = |it: &Self| {
                it.watchers.get(&place).is_some_and(|watcher| watcher.position < it.last)
            };
            for asked in 0.. {
                if !is_behind(&history) {
                    break;
                }
                assert!(asked < 100, "seed {seed}: {who} is left behind");
                let watcher = history.watchers.get_mut(&place).unwrap();
                watcher.say(&json!({"type": "ping", "n": asked}));
                while history.hear(place, Duration::from_millis(50)) {}
            }
        }
    }
}

#[test]
fn at_every_position_each_client_shows_what_its_queries_answer_there() {
    let seeds = std::env::var("DEEDS_LIVE_SEEDS").ok().map_or(SEEDS, |range| {
        let (from, to) = range.split_once("..").expect("DEEDS_LIVE_SEEDS=A..B");
        from.parse().unwrap()..to.parse().unwrap()
    });
    seeds.for_each(History::run);
}
