//! What an actor may not see makes no difference to it: two worlds that differ only in hidden rows
//! tell it the same, word for word, in answers, in live ticks and in errors, but for positions and
//! times.
//!
//! A decision sees the whole state, so what a *command* answers is the app's business; here nobody
//! but queries and errors is asked.

use std::sync::Arc;

use deeds_sim::ModelDisk;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::board;
use crate::staged_host::Served;
use crate::watcher::{Form, Shown, Watcher};

/// Something that happens: `Seen` in both worlds, `Hidden` in one of them.
#[derive(Clone, Debug)]
enum Deed {
    /// Ben writes or erases a note of his, or ada one for everyone.
    Seen { by_ben: bool, id: u32, weight: u32, erase: bool },
    /// Ada writes or erases a note that ben does not see, or makes somebody else a member.
    Hidden { world: usize, id: u32, weight: u32, erase: bool },
}

fn deed() -> impl Strategy<Value = Deed> {
    let numbers = || (0..4_u32, 0..50_u32, prop::bool::weighted(0.3));
    prop_oneof![
        (any::<bool>(), numbers()).prop_map(|(by_ben, (id, weight, erase))| Deed::Seen {
            by_ben,
            id,
            weight,
            erase
        }),
        (0..2_usize, numbers()).prop_map(|(world, (id, weight, erase))| Deed::Hidden {
            world,
            id,
            weight,
            erase
        }),
    ]
}

const LIVE: [&str; 6] = ["Public", "Seen", "Mine", "Heaviest", "All", "Total"];

/// A server with ben watching, and everything that he was told.
struct World {
    served: Served,
    ben: Watcher,
    told: Vec<Value>,
}

impl World {
    fn new() -> Self {
        let served = Served::start(board::start(Arc::new(ModelDisk::new())));
        let token = served.client("ben", &[]).token.unwrap();
        let subs = LIVE.map(|query| (query, json!({})));
        let ben = Watcher::greet(served.address(), Form::Json, &token, &subs);
        let mut world = Self { served, ben, told: Vec::new() };
        // What is refused comes before the first tick, which waits for all the others.
        world.hear_until(|message| message["type"] == "tick");
        world
    }

    fn hear_until(&mut self, is_last: impl Fn(&Value) -> bool) {
        loop {
            let message = self.ben.next();
            let is_last = is_last(&message);
            self.told.extend(masked(message));
            if is_last {
                return;
            }
        }
    }

    /// Somebody else does something, by HTTP; its position.
    fn sends(&self, who: &str, name: &str, arguments: &Value) -> u64 {
        let headers = [("Content-Type", "application/json")];
        let path = format!("/v1/commands/{name}");
        let client = self.served.client(who, &[]);
        let answer = client.ask("POST", &path, &headers, arguments.to_string().as_bytes());
        assert!([200, 422].contains(&answer.status));
        let json = answer.json();
        json["position"].as_u64().expect("accepted or refused, it is recorded")
    }

    fn write(&self, who: &str, id: u32, weight: u32, for_everyone: bool, erase: bool) -> u64 {
        let text = format!("note {id}");
        let note = json!({"id": id, "text": text, "weight": weight, "for_everyone": for_everyone});
        if erase {
            self.sends(who, "Erase", &json!({"id": id}))
        } else {
            self.sends(who, "Write", &note)
        }
    }

    /// Everything that ben is answered when he asks.
    fn answers(&mut self) -> Vec<Value> {
        let mut answers = Vec::new();
        for (ask, query) in LIVE.iter().chain(&["Nonsense"]).enumerate() {
            self.ben.say(&json!({"type": "ask", "ask": ask, "query": query}));
            loop {
                let message = self.ben.next();
                if message["type"] == "answer" {
                    answers.extend(masked(message));
                    break;
                }
                self.told.extend(masked(message));
            }
        }
        answers
    }

    /// Follows until the value that is shown is the one that is answered.
    fn settle(&mut self) {
        let total = loop {
            let answers = self.answers();
            let total = answers[5]["answer"].clone();
            match &self.ben.shown[&6] {
                Shown::Value(_, shown) if *shown == total => break total,
                _ => self.hear_until(|message| message["type"] == "tick"),
            }
        };
        assert!(total["notes"].is_u64());
    }
}

/// A message without what may differ: positions, times, and values, which come when they come. None
/// when nothing is left.
fn masked(mut message: Value) -> Option<Value> {
    for member in ["from", "to", "time", "position", "at", "reference"] {
        message.as_object_mut()?.remove(member);
    }
    if message["type"] == "tick" {
        let subs = message["subs"].as_array_mut()?;
        subs.retain(|sub| sub.get("value").is_none());
        if subs.is_empty() {
            return None;
        }
    }
    Some(message)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn what_is_hidden_from_an_actor_makes_no_difference_to_it(
        deeds in prop::collection::vec(deed(), 1..25),
    ) {
        let mut worlds = [World::new(), World::new()];
        for deed in &deeds {
            match *deed {
                Deed::Hidden { world, id, weight, erase } => {
                    let world = &worlds[world];
                    world.write("ada", id, weight, false, erase);
                    let carl = json!({"who": "carl", "is_member": weight % 2 == 0});
                    world.sends("ada", "Admit", &carl);
                }
                Deed::Seen { by_ben, id, weight, erase } => {
                    for world in &mut worlds {
                        let position = if by_ben {
                            world.write("ben", 100 + id, weight, false, erase)
                        } else {
                            world.write("ada", 200 + id, weight, true, erase)
                        };
                        // He asks whether he is up to date, and is told what there is up to here.
                        while world.ben.position < position {
                            world.ben.say(&json!({"type": "ping", "n": 1}));
                            world.hear_until(|message| message["type"] == "pong");
                        }
                    }
                }
            }
        }
        for world in &mut worlds {
            world.settle();
        }
        let [one, other] = &mut worlds;
        prop_assert_eq!(one.answers(), other.answers());
        let without_pongs = |told: &[Value]| -> Vec<Value> {
            told.iter().filter(|message| message["type"] != "pong").cloned().collect()
        };
        prop_assert_eq!(without_pongs(&one.told), without_pongs(&other.told));
        for sub in [1, 2, 3, 4] {
            prop_assert_eq!(one.ben.shown[&sub].rows(), other.ben.shown[&sub].rows());
        }
        prop_assert_eq!(&one.ben.who, &other.ben.who);
    }
}
