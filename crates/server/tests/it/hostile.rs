//! A real app on a real pipeline: hostile arguments change nothing and kill nothing.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use deeds::prelude::*;
use deeds_pipeline::host::Host;
use deeds_pipeline::node::Node;
use deeds_sim::ModelDisk;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::client::Client;
use crate::node;
use crate::staged_host::Served;

/// A pantry.
#[state]
pub(crate) struct Pantry {
    pub jars: Table<Jar>,
}

/// What is in it.
#[row(key = name)]
pub(crate) struct Jar {
    pub name: String,
    pub grams: u32,
    pub lines: Vec<Line>,
}

/// A part of a jar's contents.
#[value]
pub(crate) struct Line {
    pub what: String,
    pub share: Decimal,
    pub until: Option<Date>,
}

impl Audience for Jar {
    fn audience(&self) -> Keys {
        Keys::everyone()
    }
}

impl Members for Pantry {
    fn roles(&self, _: &ActorId) -> Roles {
        Roles::none()
    }

    fn keys(&self, _: &Actor) -> Keys {
        Keys::none()
    }
}

/// Fill a jar.
#[command]
pub(crate) struct Fill {
    pub name: String,
    pub grams: u32,
    pub lines: Vec<Line>,
    #[personal]
    pub by: Option<String>,
}

/// A jar was filled.
#[event]
pub(crate) struct Filled {
    pub name: String,
    pub grams: u32,
    pub lines: Vec<Line>,
}

/// Why a jar is not filled.
#[refusal]
pub(crate) enum FillRefusal {
    /// {name} has no room for {grams} g.
    NoRoom { name: String, grams: u32 },
}

impl Decide<Pantry> for Fill {
    type Answer = u32;
    type Refusal = FillRefusal;

    fn authorize(&self, _: &Actor, _: &Pantry) -> Access {
        Access::Allowed
    }

    fn decide(self, pantry: &mut Deciding<'_, Pantry>) -> Result<u32, FillRefusal> {
        let grams = self.grams;
        ensure!(grams <= 5_000, FillRefusal::NoRoom { name: self.name, grams });
        assert!(grams != 13, "a bug of this test's app");
        pantry.emit(Filled { name: self.name, grams, lines: self.lines });
        Ok(grams)
    }
}

impl Evolve<Pantry> for Filled {
    fn evolve(self, pantry: &mut Pantry, _: &Meta<'_>) {
        pantry.jars.put(Jar { name: self.name, grams: self.grams, lines: self.lines });
    }
}

/// Jars with at least so much.
#[query]
pub(crate) struct Jars {
    pub at_least: Option<u32>,
    pub named: Option<String>,
}

impl Read<Pantry> for Jars {
    type Answer = u32;

    fn authorize(&self, _: &Actor, _: &Pantry) -> Access {
        Access::Allowed
    }

    fn read(&self, _: &Visible<'_, Pantry>, asking: &Asking<'_, Pantry>) -> u32 {
        let least = self.at_least.unwrap_or(0);
        let jars = asking.regardless_of_audience().jars.iter();
        jars.filter(|jar| jar.grams >= least).count() as u32
    }
}

app! {
    Pantry as "pantry" {
        commands: [Fill],
        events: [Filled],
        queries: [Jars],
    }
}

/// One server for all of these tests: whatever one of them sends, the others are served.
struct Shared {
    served: Served,
    node: Arc<Node<Pantry>>,
}

static SHARED: LazyLock<Shared> = LazyLock::new(|| {
    let node = Arc::new(node::start(Arc::new(ModelDisk::new())));
    Shared { served: Served::start(node.clone()), node }
});

/// How many commands were recorded, of whatever outcome.
fn recorded(node: &Node<Pantry>) -> u64 {
    let counters = node.counters();
    counters.accepted + counters.refused + counters.bugs
}

/// Sends arguments that must not fit: nothing is recorded, and the server lives.
fn check_turned_away(arguments: &[u8], expected: u16) {
    let Shared { served, node } = &*SHARED;
    let headers = [("Content-Type", "application/json")];
    let before = recorded(node);
    let answer = served.ada().ask("POST", "/v1/commands/Fill", &headers, arguments);
    let shown = String::from_utf8_lossy(&arguments[..arguments.len().min(200)]);
    assert_eq!(answer.status, expected, "{shown}");
    answer.problem();
    assert_eq!(recorded(node), before, "{shown}");
    assert_eq!(served.nobody().get("/healthz").status, 200, "{shown}");
}

// These count what is recorded, so they run one after the other in one test.
#[test]
fn hostile_arguments_are_turned_away_and_nothing_is_recorded() {
    let sound = json!({"name": "jam", "grams": 5, "lines": []});
    let but = |name: &str, value: Value| {
        let mut arguments = sound.clone();
        arguments[name] = value;
        arguments.to_string().into_bytes()
    };
    let line = |line: Value| but("lines", json!([line]));
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    let mut hostile: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"{}".to_vec(),
        b"null".to_vec(),
        b"[]".to_vec(),
        b"\"Fill\"".to_vec(),
        b"{".to_vec(),
        b"{} {}".to_vec(),
        b"\xef\xbb\xbf{}".to_vec(),
        b"\xff\xfe".to_vec(),
        b"{\"name\":\"\xff\",\"grams\":1,\"lines\":[]}".to_vec(),
        b"{\"name\":\"\\ud800\",\"grams\":1,\"lines\":[]}".to_vec(),
        b"{\"name\":\"a\nb\",\"grams\":1,\"lines\":[]}".to_vec(),
        b"{\"name\":\"a\",\"name\":\"b\",\"grams\":1,\"lines\":[]}".to_vec(),
        b"{\"name\":\"a\",\"grams\":NaN,\"lines\":[]}".to_vec(),
        b"{\"name\":\"a\",\"grams\":Infinity,\"lines\":[]}".to_vec(),
        b"{\"name\":\"a\",\"grams\":01,\"lines\":[]}".to_vec(),
        b"{\"name\":\"a\",\"grams\":1e999,\"lines\":[]}".to_vec(),
        b"{\"name\":\"a\",\"grams\":1,\"lines\":[],}".to_vec(),
        b"{'name':'a','grams':1,'lines':[]}".to_vec(),
        but("extra", json!(1)),
        but("__proto__", json!({})),
        but("name", json!(null)),
        but("name", json!(["jam"])),
        but("grams", json!("5")),
        but("grams", json!(-1)),
        but("grams", json!(1.5)),
        but("grams", json!(4_294_967_296_u64)),
        but("grams", json!(9_007_199_254_740_992_u64)),
        but("grams", json!(u64::MAX)),
        but("grams", json!(1e30)),
        but("grams", json!(true)),
        but("lines", json!({})),
        but("lines", json!([null])),
        but("by", json!(7)),
        line(json!({})),
        line(json!({"what": "sugar", "share": 0.5})),
        line(json!({"what": "sugar", "share": "half"})),
        line(json!({"what": "sugar", "share": "1e9999999"})),
        line(json!({"what": "sugar", "share": "9".repeat(500)})),
        line(json!({"what": "sugar", "share": "0.5", "until": "2026-02-30"})),
        line(json!({"what": "sugar", "share": "0.5", "until": "yesterday"})),
        line(json!({"what": "sugar", "share": "0.5", "more": 1})),
        deep(100_000).into_bytes(),
        deep(500_000).into_bytes(),
        format!("{{\"name\":\"a\",\"grams\":1,\"lines\":{}}}", deep(10_000)).into_bytes(),
        format!("{{\"grams\":{}}}", "9".repeat(900_000)).into_bytes(),
        "{\"a\":".repeat(100_000).into_bytes(),
    ];
    // A sound command, cut anywhere.
    let whole = sound.to_string().into_bytes();
    hostile.extend((1..whole.len()).map(|end| whole[..end].to_vec()));
    for arguments in &hostile {
        check_turned_away(arguments, 400);
    }
    check_turned_away(&vec![b' '; (1 << 20) + 1], 413);
    named_fields();
    a_large_command_is_taken();
    a_bug_of_the_app_is_recorded_and_the_next_command_is_served();
    commands_and_queries_meet_anything();
}

/// The answer says which field is wrong.
fn named_fields() {
    let ada = SHARED.served.ada();
    for (arguments, field) in [
        (json!({"name": "jam", "grams": "5", "lines": []}), json!("grams")),
        (json!({"name": "jam", "grams": 5, "lines": [{"what": 7}]}), json!("lines[0].what")),
        (json!({"name": "jam", "grams": 1_u64 << 60, "lines": []}), json!("grams")),
        (json!({"name": "jam", "grams": 5, "lines": [], "extra": 1}), json!("extra")),
    ] {
        let answer = ada.send("Fill", None, &arguments.to_string());
        assert_eq!(answer.problem(), "arguments");
        assert_eq!(answer.json()["field"], field, "{arguments}");
    }
    let detail = ada.send("Fill", None, r#"{"name": "jam"}"#).json()["detail"].clone();
    assert!(detail.as_str().unwrap().contains("grams"), "a missing field is named: {detail}");
}

fn a_large_command_is_taken() {
    let line = json!({"what": "sugar", "share": "0.5"});
    let name = "n".repeat(500_000);
    let arguments = json!({"name": name, "grams": 7, "lines": vec![line; 5_000]});
    let answer = SHARED.served.ada().send("Fill", None, &arguments.to_string());
    assert_eq!((answer.status, &answer.json()["answer"]), (200, &json!(7)));
}

fn a_bug_of_the_app_is_recorded_and_the_next_command_is_served() {
    let Shared { served, node } = &*SHARED;
    let before = recorded(node);
    let bug = json!({"name": "jam", "grams": 13, "lines": []}).to_string();
    let first = served.ada().send("Fill", Some("bugs/1"), &bug);
    let again = served.ada().send("Fill", Some("bugs/1"), &bug);
    assert_eq!((first.status, first.problem().as_str()), (500, "bug"));
    assert_eq!(first.body, again.body);
    let sound = json!({"name": "jam", "grams": 14, "lines": []}).to_string();
    let conflict = served.ada().send("Fill", Some("bugs/1"), &sound);
    assert_eq!((conflict.status, conflict.problem().as_str()), (409, "conflict"));
    assert_eq!(served.ada().send("Fill", Some("bugs/2"), &sound).status, 200);
    assert_eq!(served.ada().send("Fill", Some("bugs/1"), &bug).problem(), "gone");
    assert_eq!(recorded(node), before + 2);
}

/// Arguments that are often nearly right.
fn arguments() -> impl Strategy<Value = Vec<u8>> {
    let leaf = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(|value| json!(value)),
        any::<i64>().prop_map(|value| json!(value)),
        (0_u32..10_000).prop_map(|value| json!(value)),
        any::<f64>().prop_map(|value| json!(value)),
        ".{0,20}".prop_map(|value| json!(value)),
        Just(json!("0.5")),
        Just(json!("2026-11-20")),
    ];
    let value = leaf.prop_recursive(3, 20, 4, |inner| {
        let name = prop_oneof![Just("what"), Just("share"), Just("until"), Just("x")];
        let fields = prop::collection::btree_map(name, inner.clone(), 0..4);
        prop_oneof![
            prop::collection::vec(inner, 0..4).prop_map(|items| json!(items)),
            fields.prop_map(|fields| json!(fields)),
        ]
    });
    let name = prop_oneof![Just("name"), Just("grams"), Just("lines"), Just("by"), Just("more")];
    let nearly = prop::collection::btree_map(name, value, 0..5).prop_map(|given| {
        let mut arguments = json!({"name": "jam", "grams": 5, "lines": []});
        for (name, value) in given {
            arguments[name] = value;
        }
        arguments.to_string().into_bytes()
    });
    prop_oneof![3 => nearly, 1 => prop::collection::vec(any::<u8>(), 0..200)]
}

fn commands_and_queries_meet_anything() {
    let Shared { served, node } = &*SHARED;
    let ada: Client = served.ada();
    let headers = [("Content-Type", "application/json")];
    let mut runner = proptest::test_runner::TestRunner::default();
    let alive = |answer: &crate::client::Answer, before: u64| {
        let expected = u64::from(matches!(answer.status, 200 | 422 | 500));
        prop_assert!([200, 400, 422, 500].contains(&answer.status), "{}", answer.status);
        prop_assert_eq!(recorded(node), before + expected);
        // Only the bug that is in the app.
        prop_assert!(answer.status != 500 || answer.json()["position"].is_u64());
        Ok(())
    };
    runner
        .run(&arguments(), |arguments| {
            let before = recorded(node);
            alive(&ada.ask("POST", "/v1/commands/Fill", &headers, &arguments), before)
        })
        .unwrap();
    let percent = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    runner
        .run(&("[a-z_]{0,10}|args|at_least|named|lineage", ".{0,30}"), |(name, text)| {
            let path = format!("/v1/queries/Jars?{}={}", percent(&name), percent(&text));
            let status = ada.get(&path).status;
            prop_assert!([200, 400, 412].contains(&status), "{path}: {status}");
            Ok(())
        })
        .unwrap();
    assert_eq!(served.nobody().get("/healthz").status, 200);
}

proptest! {
    #[test]
    fn whatever_is_taken_can_be_recorded_and_read_back(arguments in arguments()) {
        crate::arbitrary::command::<Pantry>(&arguments);
        let line = [b"{\"command\":\"Fill\",\"arguments\":", &arguments[..], b"}"].concat();
        crate::arbitrary::command::<Pantry>(&line);
    }
}

#[test]
fn a_command_is_seen_by_a_query_at_its_position() {
    let node = Arc::new(node::start::<Pantry>(Arc::new(ModelDisk::new())));
    let served = Served::start(node.clone());
    let arguments = json!({"name": "jam", "grams": 5, "lines": []}).to_string();
    for n in 1..=20 {
        let told = served.ada().send("Fill", None, &arguments.replace("jam", &format!("jam {n}")));
        let (position, lineage) = (&told.json()["position"], told.json()["lineage"].clone());
        let lineage = lineage.as_str().unwrap();
        let path = format!("/v1/queries/Jars?args=%7B%7D&at_least={position}&lineage={lineage}");
        assert_eq!(served.ada().get(&path).json()["answer"], n);
    }
    let records = served.operator().get("/v1/records").lines();
    let commands = records.iter().filter(|entry| entry["command"] == "pantry/Fill").count();
    assert_eq!(commands, 20);
    assert!(served.server.stop());
    assert!(node.shutdown(Duration::from_secs(10)));
}
