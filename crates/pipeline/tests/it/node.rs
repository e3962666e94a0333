//! The shell of threads: many clients, stopping, failing.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use deeds_chronicle::{Disk, Reader};
use deeds_engine::engine::EngineOptions;
use deeds_engine::rows::Reads;
use deeds_pipeline::host::{Health, Host};
use deeds_pipeline::node::{Node, NodeOptions};
use deeds_pipeline::queue::QueueLimits;
use deeds_pipeline::reply::{Reply, SubmitError};
use deeds_pipeline::snapshot::SnapshotPolicy;
use deeds_sim::{Faults, ModelDisk};
use deeds_values::CommandId;

use crate::client::{prove, taker, writer_options};
use crate::shelf::Shelf;

const PATIENCE: Duration = Duration::from_secs(30);

fn start(disk: &Arc<dyn Disk>) -> Node<Shelf> {
    let options = NodeOptions {
        checkpoint_keys: None,
        disk: Arc::clone(disk),
        writer: Box::new(|| writer_options(64 << 20)),
        engine: EngineOptions { check_invariants: true, decode_again: true, window_commands: 100 },
        queue: QueueLimits { commands_max: 100, commands_per_actor_max: 50 },
        code: "test".to_owned(),
        seed: [9; 40],
        snapshots: SnapshotPolicy::OFF,
        report: Arc::new(|_| {}),
    };
    Node::start(options, &mut |_, _| {}).expect("an empty or whole disk")
}

/// Sends one command and waits for its reply.
fn send(node: &Node<Shelf>, source: &str, number: u64, command: &str, json: &str) -> Reply {
    let (reply, replies) = channel();
    let id = CommandId::Numbered { source: source.to_owned(), number };
    let reply_to = Box::new(move |answer| reply.send(answer).expect("the test waits"));
    node.submit(taker(), id, command, json.as_bytes(), reply_to).expect("there is room");
    replies.recv_timeout(PATIENCE).expect("a reply")
}

#[test]
#[expect(clippy::disallowed_methods, reason = "clients are threads here")]
fn many_clients_take_what_is_there_and_no_more() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    send(&node, "stock", 1, "shelf/Stock", r#"{"name": "beans", "count": 50}"#);
    let accepted: usize = std::thread::scope(|scope| {
        let clients: Vec<_> = (0..8)
            .map(|client| {
                let node = &node;
                scope.spawn(move || {
                    let source = format!("client-{client}");
                    let take = r#"{"name": "beans", "by": "somebody"}"#;
                    (1..=10)
                        .map(|number| send(node, &source, number, "Take", take))
                        .filter(|reply| matches!(reply, Reply::Accepted { .. }))
                        .count()
                })
            })
            .collect();
        clients.into_iter().map(|client| client.join().unwrap()).sum()
    });
    assert_eq!(accepted, 50);
    assert_eq!(node.atom().state.tins.get("beans".to_owned()).unwrap().left, 0);
    let counters = node.counters();
    assert_eq!((counters.accepted, counters.refused), (51, 30));
    assert!(node.shutdown(PATIENCE));
    prove(&disk);
}

#[test]
fn a_frame_that_fills_within_a_turn_leaves_the_rest_for_the_next() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    let (reply, replies) = channel();
    let sent = 50;
    for number in 1..=sent {
        // A few of these fill a frame, and a turn takes all that wait.
        let json = format!(r#"{{"name": "{number}{}", "count": 1}}"#, "b".repeat(200_000));
        let id = CommandId::Numbered { source: "stock".to_owned(), number };
        let reply = reply.clone();
        let reply_to = Box::new(move |answer| reply.send(answer).expect("the test waits"));
        node.submit(taker(), id, "Stock", json.as_bytes(), reply_to).expect("there is room");
    }
    for _ in 1..=sent {
        let answer = replies.recv_timeout(PATIENCE).expect("a reply");
        assert!(matches!(answer, Reply::Accepted { .. }), "{answer:?}");
    }
    assert!(node.counters().frames > 1);
    assert!(node.shutdown(PATIENCE));
    prove(&disk);
}

#[test]
fn a_stopped_node_takes_nothing_and_its_chronicle_is_closed_cleanly() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    send(&node, "stock", 1, "Stock", r#"{"name": "beans", "count": 1}"#);
    assert!(node.shutdown(PATIENCE));
    let id = CommandId::Numbered { source: "late".to_owned(), number: 1 };
    let refused = node.submit(taker(), id, "Stumble", b"{}", Box::new(|_| {}));
    assert_eq!(refused, Err(SubmitError::Stopping));
    assert!(matches!(node.health(), Health::Stopped { .. }));
    let again = start(&disk);
    assert!(again.recovered.as_ref().expect("it was there").closed);
    assert_eq!(again.atom().state.tins.get("beans".to_owned()).unwrap().left, 1);
    assert!(again.shutdown(PATIENCE));
}

#[test]
fn a_failed_sync_stops_the_node_and_the_outcome_is_unknown() {
    let model = ModelDisk::new();
    let disk: Arc<dyn Disk> = Arc::new(model.clone());
    let node = start(&disk);
    send(&node, "stock", 1, "Stock", r#"{"name": "beans", "count": 1}"#);
    // The next operations: write, sync.
    let next: BTreeSet<u64> = (1..10).collect();
    model.set_faults(Faults { fail: next, ..Faults::default() });
    let reply = send(&node, "stock", 2, "Stock", r#"{"name": "beans", "count": 1}"#);
    assert_eq!(reply, Reply::Unknown);
    let reason = node.wait_for_failure(PATIENCE).expect("the node has failed");
    assert!(reason.starts_with("the chronicle failed: "), "{reason}");
    assert!(reason.ends_with("planted failure"), "the whole chain of causes: {reason}");
    assert!(!node.shutdown(Duration::from_millis(10)));
    assert_eq!(node.atom().state.tins.get("beans".to_owned()).unwrap().left, 1, "not published");
}

#[test]
fn arguments_that_do_not_fit_are_named_and_leave_no_record() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    let end = node.published();
    let huge = format!(r#"{{"name": "{}", "count": 1}}"#, "b".repeat(2 << 20));
    for (name, json, expected) in [
        ("Stock", r#"{"name": "beans"}"#, "missing field `count`"),
        ("Stock", r#"{"name": "beans", "count": 1, "colour": 2}"#, "unknown field `colour`"),
        ("Stock", r#"{"name": "beans", "count": -1}"#, "invalid value: integer `-1`"),
        ("Stock", r#"{"name": "beans", "count": 9007199254740993}"#, "beyond ±9007199254740991"),
        ("Stock", r#"{"name": "beans", "count""#, "EOF while parsing"),
        ("Stock", r#"["beans", 1]"#, "arguments are a JSON object"),
        ("Stock", r#"{"name": "beans", "count": 1} x"#, "trailing characters"),
        ("Store", "{}", "there is no command `Store`"),
        ("other/Stock", "{}", "there is no command `other/Stock`"),
        ("Stock", &huge, "longer than 1048576 bytes"),
    ] {
        let id = CommandId::Numbered { source: "hostile".to_owned(), number: 1 };
        let error = node
            .submit(taker(), id, name, json.as_bytes(), Box::new(|_| panic!("no reply is due")))
            .expect_err("it must not be taken in");
        assert!(error.to_string().contains(expected), "{error}");
    }
    assert_eq!(node.published(), end);
    assert!(node.shutdown(PATIENCE));
    assert_eq!(Reader::open(disk).unwrap().end().unwrap().0, end.0 + 1);
}

#[test]
fn a_query_reads_the_published_state_at_its_position() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    send(&node, "stock", 1, "Stock", r#"{"name": "beans", "count": 1}"#);
    send(&node, "stock", 2, "Take", r#"{"name": "beans", "by": "somebody"}"#);
    let answer = node.query(&taker(), "TakenCount", b"").expect("anyone may ask");
    assert_eq!((answer.position, answer.json.as_slice()), (node.published(), &b"1"[..]));
    assert!(node.shutdown(PATIENCE));
}
