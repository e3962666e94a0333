//! The connection alone: its table, line by line, and what holds whatever happens.

use std::collections::{BTreeMap, BTreeSet};

use deeds_client::commands::{Outcome, Ticket};
use deeds_client::connection::Connection;
use deeds_client::error::Kind;
use deeds_client::step::{Action, Event, Input, Moment};
use deeds_client::subscriptions::SubscriptionId;
use deeds_client::{Error, Shown};
use deeds_values::CommandId;
use proptest::prelude::*;
use serde_json::{Value, json};

/// A connection, and what it has said and told since it was last asked.
struct Driven {
    connection: Connection,
    ms: u64,
    opens: usize,
    drops: usize,
    said: Vec<Value>,
    told: Vec<Event>,
}

impl Driven {
    fn new() -> Self {
        let connection = Connection::new(Moment { ms: 0, random: 0 });
        let mut driven = Self { connection, ms: 0, opens: 0, drops: 0, said: vec![], told: vec![] };
        driven.take();
        driven
    }

    /// One that was welcomed, and has said hello.
    fn live() -> Self {
        let mut driven = Self::new();
        driven.opened();
        driven.hears(&welcome(10, false));
        driven.said.clear();
        driven.told.clear();
        driven
    }

    fn now(&self) -> Moment {
        Moment { ms: self.ms, random: 0 }
    }

    fn put(&mut self, input: Input<'_>) {
        self.connection.handle(input, self.now());
        self.take();
    }

    fn take(&mut self) {
        for action in self.connection.take_actions() {
            match action {
                Action::Open => self.opens += 1,
                Action::Drop => self.drops += 1,
                Action::Send(frame) => self.said.push(rmp_serde::from_slice(&frame).unwrap()),
                Action::Tell(event) => self.told.push(event),
            }
        }
    }

    fn opened(&mut self) {
        self.put(Input::Opened { token: "t" });
    }

    fn hears(&mut self, message: &Value) {
        self.put(Input::Frame(&rmp_serde::to_vec_named(message).unwrap()));
    }

    /// Time passes until something is due.
    fn waits(&mut self) {
        self.ms = self.connection.alarm().expect("something is due");
        self.put(Input::Alarm);
    }

    fn subscribes(&mut self, query: &str) -> SubscriptionId {
        let id = self.connection.subscribe(query, json!({}), self.now());
        self.take();
        id
    }

    fn commands(&mut self, n: u64) -> Ticket {
        let id = CommandId::Numbered { source: "s".to_owned(), number: n };
        let ticket = self.connection.command(id, "Do", json!({"n": n}), self.now());
        self.take();
        ticket
    }

    fn types(&self) -> Vec<&str> {
        self.said.iter().map(|message| message["type"].as_str().unwrap()).collect()
    }

    fn position(&self) -> Option<u64> {
        self.connection.stood().map(|stood| stood.position.0)
    }
}

fn welcome(position: u64, resumed: bool) -> Value {
    welcome_of("0101010101010101", position, resumed)
}

fn welcome_of(lineage: &str, position: u64, resumed: bool) -> Value {
    json!({
        "type": "welcome", "protocol": 1, "app": "a", "lineage": lineage, "position": position,
        "time": "2026-11-21T05:00:00Z", "schema": "s", "who": "w", "resumed": resumed,
        "expires": "2026-11-21T06:00:00Z", "limits": {"commands": 2, "asks": 1, "subs": 256},
    })
}

fn tick(from: u64, to: u64, subs: &Value) -> Value {
    let time = "2026-11-21T05:00:00Z";
    json!({"type": "tick", "from": from, "to": to, "time": time, "subs": subs})
}

fn rows(sub: u64, reset: bool, put: &[&str], del: &[&str]) -> Value {
    let put: Vec<_> = put.iter().map(|key| json!([key, "", {"key": key}])).collect();
    json!({"sub": sub, "reset": reset, "put": put, "del": del})
}

fn result(n: u64, position: u64) -> Value {
    json!({"type": "result", "id": format!("s/{n}"), "position": position, "answer": null})
}

fn keys(shown: &Shown) -> Vec<&str> {
    let Shown::Rows(rows) = shown else { panic!("{shown:?}") };
    rows.iter().map(|(key, _)| key).collect()
}

fn bye(reason: &str, retry_ms: Option<u64>) -> Value {
    json!({"type": "bye", "reason": reason, "retry_ms": retry_ms})
}

#[test]
fn every_line_of_the_table() {
    // Opening.
    let mut it = Driven::new();
    assert_eq!((it.opens, it.connection.alarm()), (1, Some(30_000)));
    it.opened();
    assert_eq!((it.types(), &it.said[0]["token"]), (vec!["hello"], &json!("t")));
    assert_eq!(it.connection.alarm(), Some(10_000));

    // Greeting: silence, and a message that is no welcome.
    it.waits();
    assert_eq!((it.drops, it.connection.alarm()), (1, Some(10_000)), "all jitter is 0 here");
    it.waits();
    it.opened();
    it.hears(&tick(0, 0, &json!([])));
    assert_eq!((it.opens, it.drops), (2, 2));

    // Live: quiet, asked, silent.
    let mut it = Driven::live();
    assert!(it.connection.is_live());
    it.waits();
    assert_eq!((it.types(), it.ms), (vec!["ping"], 15_000));
    it.hears(&json!({"type": "pong", "n": 15_000}));
    assert_eq!(it.connection.alarm(), Some(30_000));
    it.waits();
    it.waits();
    assert_eq!((it.drops, it.ms), (1, 40_000));

    // Waiting: nothing but the alarm and somebody who looks.
    it.put(Input::Lost);
    it.put(Input::Frame(b"late"));
    assert_eq!((it.opens, it.drops), (1, 1));
    it.put(Input::Hurry);
    assert_eq!(it.opens, 2);

    // Closing.
    let mut it = Driven::live();
    it.put(Input::Close);
    assert_eq!((it.types(), it.drops), (vec!["bye"], 1));
    assert_eq!(it.connection.ended().map(|error| error.code.as_str()), Some("closed"));
    it.put(Input::Hurry);
    assert_eq!((it.opens, it.connection.alarm()), (1, None));
}

#[test]
fn a_bye_says_whether_and_when_to_come_back() {
    for (reason, retry_ms, opens_after, ends) in [
        ("stopping", Some(2_000), Some(2_000), None),
        ("slow", Some(0), Some(0), None),
        ("expired", None, Some(0), None),
        ("revoked", None, None, Some(Kind::Signin)),
        ("invalid", None, None, Some(Kind::Invalid)),
        ("version", None, None, Some(Kind::Version)),
        ("too-large", None, None, Some(Kind::TooLarge)),
    ] {
        let mut it = Driven::live();
        it.hears(&bye(reason, retry_ms));
        assert_eq!(it.drops, 1, "{reason}");
        assert_eq!(it.connection.alarm(), opens_after, "{reason}");
        assert_eq!(it.connection.ended().map(|error| error.kind), ends, "{reason}");
    }
    // A token that does not count when greeting is the end, whatever it is called.
    for reason in ["expired", "signin"] {
        let mut it = Driven::new();
        it.opened();
        it.hears(&bye(reason, None));
        assert_eq!(it.connection.ended().map(|error| error.kind), Some(Kind::Signin));
    }
}

#[test]
fn a_tick_is_applied_whole_and_one_that_begins_elsewhere_is_a_new_beginning() {
    let mut it = Driven::live();
    let (one, two) = (it.subscribes("One"), it.subscribes("Two"));
    assert_eq!(it.types(), ["sub", "sub"]);
    let first = json!([rows(1, true, &["b", "a"], &[]), {"sub": 2, "at": 9, "value": 3}]);
    it.hears(&tick(10, 10, &first));
    it.hears(&tick(10, 12, &json!([rows(1, false, &["c"], &["a", "not there"])])));
    assert_eq!(keys(it.connection.shown(one)), ["b", "c"]);
    assert!(matches!(it.connection.shown(two), Shown::Value { at, .. } if at.0 == 9));
    assert_eq!(it.position(), Some(12));

    it.said.clear();
    it.hears(&tick(13, 14, &json!([rows(1, false, &["d"], &[])])));
    assert_eq!((it.connection.shown(one), it.position()), (&Shown::Nothing, None));
    it.waits();
    it.opened();
    let hello = &it.said[0];
    assert_eq!((hello.get("resume"), hello["subs"].as_array().unwrap().len()), (None, 2));
}

#[test]
fn who_comes_back_resumes_what_is_shown_and_asks_for_the_rest_afterwards() {
    let mut it = Driven::live();
    let one = it.subscribes("One");
    it.hears(&tick(10, 11, &json!([rows(1, true, &["a"], &[])])));
    it.put(Input::Lost);
    let two = it.subscribes("Two");
    it.said.clear();
    it.waits();
    it.opened();
    let stood = json!({"lineage": "0101010101010101", "position": 11, "who": "w"});
    assert_eq!(it.said[0]["resume"], stood);
    assert_eq!(it.said[0]["subs"], json!([{"sub": 1, "query": "One", "args": {}}]));
    it.hears(&welcome(11, true));
    assert_eq!(it.said[1], json!({"type": "sub", "sub": 2, "query": "Two", "args": {}}));
    assert_eq!(keys(it.connection.shown(one)), ["a"], "still shown");
    it.hears(&tick(11, 20, &json!([rows(1, false, &["b"], &[]), rows(2, true, &["z"], &[])])));
    assert_eq!(keys(it.connection.shown(one)), ["a", "b"]);
    assert_eq!(keys(it.connection.shown(two)), ["z"]);

    // A server that claims to go on from elsewhere is not believed.
    it.put(Input::Lost);
    it.waits();
    it.opened();
    it.hears(&welcome(19, true));
    assert!(!it.connection.is_live() && *it.connection.shown(one) == Shown::Nothing);
}

#[test]
fn commands_are_sent_again_with_the_same_id_until_there_is_a_result() {
    let mut it = Driven::new();
    let tickets: Vec<_> = (1..=3).map(|n| it.commands(n)).collect();
    it.opened();
    it.hears(&welcome(10, false));
    let ids = |it: &Driven| -> Vec<String> {
        let commands = it.said.iter().filter(|message| message["type"] == "command");
        commands.map(|message| message["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids(&it), ["s/1", "s/2"], "the limit of the server is two");
    it.hears(&result(1, 11));
    assert_eq!(ids(&it), ["s/1", "s/2", "s/3"]);
    it.put(Input::Lost);
    it.said.clear();
    it.waits();
    it.opened();
    it.hears(&welcome(10, true));
    assert_eq!(ids(&it), ["s/2", "s/3"]);
    it.told.clear();
    it.hears(&json!([result(3, 13), result(2, 12), tick(10, 12, &json!([]))]));
    let told = |it: &Driven, wanted: &dyn Fn(&Event) -> Option<Ticket>| -> Vec<Ticket> {
        it.told.iter().filter_map(wanted).collect()
    };
    let durable = |event: &Event| match event {
        Event::Durable(ticket, Ok(Outcome::Accepted { .. })) => Some(*ticket),
        _ => None,
    };
    let visible = |event: &Event| match event {
        Event::Visible(ticket, Ok(_)) => Some(*ticket),
        _ => None,
    };
    assert_eq!(told(&it, &durable), [tickets[2], tickets[1]]);
    assert_eq!(told(&it, &visible), tickets[..2], "the tick reaches two of them");
    it.hears(&json!([result(3, 13), tick(12, 13, &json!([]))]));
    assert_eq!(told(&it, &durable).len(), 2, "a result that comes twice is told once");
    assert_eq!(told(&it, &visible), tickets);
}

#[test]
fn a_command_whose_outcome_is_unknown_is_sent_again_after_the_time_that_the_server_says() {
    let mut it = Driven::live();
    it.commands(1);
    let error = json!({"kind": "busy", "code": "unknown", "message": "?", "retry_ms": 3_000});
    it.hears(&json!({"type": "result", "id": "s/1", "error": error}));
    assert!(it.told.is_empty());
    it.waits();
    assert_eq!((it.ms, it.types()), (3_000, vec!["command", "command"]));
    let error = json!({"kind": "gone", "code": "gone", "message": "too old"});
    it.hears(&json!({"type": "result", "id": "s/1", "error": error}));
    assert!(matches!(
        &it.told[..],
        [Event::Durable(_, Err(Error { kind: Kind::Gone, .. })), Event::Visible(_, Err(_))]
    ));
}

#[test]
fn another_lineage_drops_what_was_shown_and_what_was_on_its_way() {
    let mut it = Driven::live();
    let one = it.subscribes("One");
    it.hears(&tick(10, 11, &json!([rows(1, true, &["a"], &[])])));
    let ticket = it.commands(1);
    it.put(Input::Lost);
    it.waits();
    it.opened();
    it.said.clear();
    it.hears(&welcome_of("0202020202020202", 500, false));
    assert_eq!(it.connection.shown(one), &Shown::Nothing);
    assert!(!it.types().contains(&"command"), "it is not run in the other one");
    let of_lineage = |event: &Event| {
        matches!(event, Event::Durable(it, Err(error))
            if *it == ticket && error.code == "other-lineage")
    };
    assert!(it.told.iter().any(of_lineage));
}

#[test]
fn who_closes_with_commands_on_their_way_is_told_that_they_may_have_run() {
    let mut it = Driven::live();
    let (sent, also, waits) = (it.commands(1), it.commands(2), it.commands(3));
    it.put(Input::Close);
    let codes: BTreeMap<Ticket, String> = it
        .told
        .iter()
        .filter_map(|event| match event {
            Event::Durable(ticket, Err(error)) => Some((*ticket, error.code.clone())),
            _ => None,
        })
        .collect();
    let expected = [(sent, "unknown"), (also, "unknown"), (waits, "closed")];
    assert_eq!(codes, expected.map(|(ticket, code)| (ticket, code.to_owned())).into());
}

/// Something that happens to a connection, sensible or not.
#[derive(Clone, Debug)]
enum Happens {
    Opened,
    Hears(Value),
    Bytes(Vec<u8>),
    Lost,
    Alarm,
    Hurry,
    Command,
    Ask,
    Subscribe,
    Unsubscribe,
}

fn happens() -> impl Strategy<Value = Happens> {
    let position = 0u64..6;
    let message = prop_oneof![
        (position.clone(), any::<bool>()).prop_map(|(at, resumed)| welcome(at, resumed)),
        (position.clone(), position.clone(), 1u64..4, any::<bool>()).prop_map(
            |(from, to, sub, reset)| tick(from, to, &json!([rows(sub, reset, &["a"], &["b"])])),
        ),
        (position.clone(), position.clone()).prop_map(|(from, to)| tick(from, to, &json!([]))),
        (1u64..6, position).prop_map(|(n, at)| result(n, at)),
        Just(bye("stopping", Some(10))),
        Just(json!({"type": "fail", "sub": 1,
            "error": {"kind": "denied", "code": "denied", "message": "no"}})),
    ];
    prop_oneof![
        4 => Just(Happens::Opened),
        8 => message.prop_map(Happens::Hears),
        1 => prop::collection::vec(any::<u8>(), 0..20).prop_map(Happens::Bytes),
        1 => Just(Happens::Lost),
        3 => Just(Happens::Alarm),
        1 => Just(Happens::Hurry),
        2 => Just(Happens::Command),
        1 => Just(Happens::Ask),
        2 => Just(Happens::Subscribe),
        1 => Just(Happens::Unsubscribe),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_everybody_is_told_once_and_nothing_is_said_without_a_socket(
        all in prop::collection::vec(happens(), 0..60),
    ) {
        let mut it = Driven::new();
        let (mut commands, mut asks, mut subs) = (0, 0, Vec::new());
        for happens in all {
            let (socket_before, drops) = (it.opens > it.drops, it.drops);
            let said = it.said.len();
            match happens {
                Happens::Opened => it.opened(),
                Happens::Hears(message) => it.hears(&message),
                Happens::Bytes(bytes) => it.put(Input::Frame(&bytes)),
                Happens::Lost => it.put(Input::Lost),
                Happens::Hurry => it.put(Input::Hurry),
                Happens::Alarm if it.connection.alarm().is_some() => it.waits(),
                Happens::Alarm => {}
                Happens::Command => {
                    commands += 1;
                    it.commands(commands);
                }
                Happens::Ask => {
                    asks += 1;
                    it.connection.ask("Q", json!(null), it.now());
                    it.take();
                }
                Happens::Subscribe => subs.push(it.subscribes("Q")),
                Happens::Unsubscribe => {
                    if let Some(id) = subs.pop() {
                        it.connection.unsubscribe(id, it.now());
                        it.take();
                    }
                }
            }
            prop_assert!(it.drops <= it.opens && it.opens <= it.drops + 1, "one socket at a time");
            prop_assert!(it.said.len() == said || (socket_before && it.drops == drops));
        }
        it.put(Input::Close);
        let mut durable = BTreeSet::new();
        let mut visible = BTreeSet::new();
        let mut answered = BTreeSet::new();
        for event in &it.told {
            match event {
                Event::Durable(ticket, _) => {
                    prop_assert!(durable.insert(*ticket));
                    prop_assert!(!visible.contains(ticket), "durable first");
                }
                Event::Visible(ticket, _) => prop_assert!(visible.insert(*ticket)),
                Event::Answered(id, _) => prop_assert!(answered.insert(*id)),
                Event::Moved => {}
            }
        }
        prop_assert_eq!(
            (durable.len() as u64, visible.len() as u64, answered.len()),
            (commands, commands, asks)
        );
    }
}
