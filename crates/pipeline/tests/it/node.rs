//! The shell of threads: many clients, stopping, failing.

use std::collections::BTreeSet;
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use deeds_chronicle::{Disk, Reader, RealDisk, WriterOptions};
use deeds_engine::actor::Roles;
use deeds_engine::engine::EngineOptions;
use deeds_engine::rows::Reads;
use deeds_pipeline::host::{Arguments, Health, Host, Offer};
use deeds_pipeline::node::{Node, NodeOptions};
use deeds_pipeline::queue::QueueLimits;
use deeds_pipeline::reply::{Reply, SubmitError};
use deeds_pipeline::report::Report;
use deeds_pipeline::snapshot::{self, SnapshotPolicy};
use deeds_sim::{Faults, ModelDisk};
use deeds_values::CommandId;

use crate::client::{caller, prove, taker, writer_options};
use crate::shelf::Shelf;

const PATIENCE: Duration = Duration::from_secs(30);

fn start(disk: &Arc<dyn Disk>) -> Node<Shelf> {
    start_with(disk, SnapshotPolicy::OFF)
}

fn start_with(disk: &Arc<dyn Disk>, snapshots: SnapshotPolicy) -> Node<Shelf> {
    let options = NodeOptions { snapshots, ..options(disk) };
    Node::start(options, &mut |_, _| {}).expect("an empty or whole disk")
}

fn options(disk: &Arc<dyn Disk>) -> NodeOptions {
    NodeOptions {
        checkpoint_keys: None,
        keep_free_bytes: 0,
        disk: Arc::clone(disk),
        writer: Box::new(|| writer_options(64 << 20)),
        engine: EngineOptions { check_invariants: true, decode_again: true, window_commands: 100 },
        queue: QueueLimits { commands_max: 100, commands_per_actor_max: 50 },
        code: "test".to_owned(),
        seed: [9; 40],
        snapshots: SnapshotPolicy::OFF,
        report: Arc::new(|_| {}),
    }
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
    assert_eq!(node.atom().state().tins.get("beans".to_owned()).unwrap().left, 0);
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

/// Splitting a segment takes as much room again. An opening without it serves, says that it needed the
/// reserve, and the segment is split in the same life once there is room.
#[test]
fn a_node_started_on_a_full_disk_splits_a_full_segment_when_there_is_room() {
    let model = ModelDisk::new();
    let disk = model.as_disk();
    let told = Arc::new(Mutex::new(Vec::new()));
    let small = || {
        let told = Arc::clone(&told);
        let writer = || WriterOptions {
            reserve_bytes: 9_000,
            write_ahead_bytes: 0,
            ..writer_options(4_000)
        };
        let report = Arc::new(move |report: Report| told.lock().unwrap().push(report));
        let options = NodeOptions { writer: Box::new(writer), report, ..options(&disk) };
        Node::<Shelf>::start(options, &mut |_, _| {}).expect("an empty or whole disk")
    };
    let stock = |node: &Node<Shelf>, number| {
        let json = format!(r#"{{"name": "{}", "count": 1}}"#, "b".repeat(500));
        send(node, "stock", number, "Stock", &json)
    };
    let split = || model.files().iter().filter(|(path, _)| path.starts_with("log/")).count();
    let heads = || model.files().iter().filter(|(path, _)| path.starts_with("head/0")).count();

    // The segment in which opening recorded the schema is full already.
    let node = small();
    let (before, mut number) = (split(), 0);
    while heads() < 2 {
        number += 1;
        let space_bytes = Some(model.used_bytes() + 2_500);
        model.set_faults(Faults { space_bytes, ..Faults::default() });
        let answer = stock(&node, number);
        assert!(matches!(answer, Reply::Accepted { .. }), "{answer:?}");
    }
    drop(node);
    wait_for("the node is gone", || disk.lock().is_ok());
    model.set_faults(Faults { space_bytes: Some(model.used_bytes()), ..Faults::default() });

    told.lock().unwrap().clear();
    let node = small();
    assert_eq!((split(), heads()), (before, 2), "there is no room");
    let is_told = |report: &Report| matches!(report, Report::ReserveGivenBack { .. });
    wait_for("the operators are told", || told.lock().unwrap().iter().any(is_told));
    model.set_faults(Faults::default());
    let Reply::Accepted { .. } = stock(&node, number + 1) else { panic!("not accepted") };
    wait_for("the segment is split", || split() > before && heads() == 1);
    assert!(node.shutdown(PATIENCE));
    prove(&disk);
}

#[expect(clippy::disallowed_methods, reason = "a test that waits gives up at some time")]
fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let since = Instant::now();
    while !is_so() {
        assert!(since.elapsed() < PATIENCE, "not so: {what}");
        thread::yield_now();
    }
}

/// What operators see of each outcome.
#[test]
fn every_outcome_is_counted_once() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    let before = node.counters();
    let stock = r#"{"name": "beans", "count": 1}"#;
    let take = r#"{"name": "beans", "by": "me"}"#;
    for (source, number, command, json) in [
        ("a", 1, "Stock", stock),
        ("a", 2, "Stock", stock),
        ("a", 3, "Stock", stock),
        ("b", 1, "Take", r#"{"name": "nothing", "by": "me"}"#),
        ("b", 2, "Take", r#"{"name": "nothing", "by": "me"}"#),
        ("c", 1, "Stumble", "{}"),
        ("a", 3, "Stock", stock),
        ("a", 3, "Stock", stock),
        ("a", 3, "Take", take),
        ("a", 1, "Stock", stock),
    ] {
        send(&node, source, number, command, json);
    }
    let (reply, replies) = channel();
    for number in 1..=2 {
        let id = CommandId::Numbered { source: "d".to_owned(), number };
        let reply = reply.clone();
        let reply_to = Box::new(move |answer| reply.send(answer).expect("the test waits"));
        let nobody = caller("nobody", Roles::none());
        node.submit(nobody, id, "Take", take.as_bytes(), reply_to).expect("there is room");
        replies.recv_timeout(PATIENCE).expect("a reply");
    }
    let after = node.counters();
    assert_eq!(
        (after.accepted - before.accepted, after.refused, after.bugs, after.denied),
        (3, 2, 1, 2)
    );
    // A repeat twice; other content, and a number that was passed over.
    assert_eq!((after.duplicates, after.unsound_ids, after.no_room), (2, 2, 0));
    assert_eq!((after.busy, after.waiting), (0, 0));
    assert_eq!(after.frames - before.frames, 6, "one for each record: they came one by one");
    assert!(after.append_us > before.append_us);
    assert!(node.shutdown(PATIENCE));
}

/// A frame may hold replies alone.
#[test]
fn who_is_denied_is_told_so_though_nothing_is_recorded() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    let before = node.published();
    let (reply, replies) = channel();
    let id = CommandId::Numbered { source: "nobody".to_owned(), number: 1 };
    let reply_to = Box::new(move |answer| reply.send(answer).expect("the test waits"));
    let nobody = caller("nobody", Roles::none());
    let json = br#"{"name": "beans", "by": "me"}"#;
    node.submit(nobody, id, "Take", json, reply_to).expect("there is room");
    let denied = replies.recv_timeout(PATIENCE).expect("a reply");
    assert!(matches!(denied, Reply::Denied(_)), "{denied:?}");
    assert_eq!(node.published(), before);
    assert!(node.shutdown(PATIENCE));
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
    assert_eq!(again.atom().state().tins.get("beans".to_owned()).unwrap().left, 1);
    assert!(again.shutdown(PATIENCE));
}

/// Sends two commands at once; the replies, and the threads they came on.
fn send_two(node: &Node<Shelf>, source: &str, first: u64) -> Vec<(Reply, String)> {
    let (reply, replies) = channel();
    let offer = |number| {
        let reply = reply.clone();
        let tell = move |answer| {
            let thread = thread::current().name().expect("ours have names").to_owned();
            reply.send((answer, thread)).expect("the test waits");
        };
        let id = CommandId::Numbered { source: source.to_owned(), number };
        let arguments = Arguments::Json(br#"{"name": "beans", "count": 1}"#);
        Offer { id, name: "Stock", arguments, reply: Box::new(tell) }
    };
    let offers = vec![offer(first), offer(first + 1)];
    assert_eq!(Host::submit_several(node, &taker(), offers), []);
    (0..2).map(|_| replies.recv_timeout(PATIENCE).expect("a reply")).collect()
}

#[test]
fn who_comes_alone_waits_for_one_thread_and_several_make_one_frame() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    let (reply, replies) = channel();
    let reply_to = move |_| {
        let thread = thread::current().name().expect("ours have names").to_owned();
        reply.send(thread).expect("the test waits");
    };
    let id = CommandId::Numbered { source: "alone".to_owned(), number: 1 };
    let json = br#"{"name": "beans", "count": 1}"#;
    node.submit(taker(), id, "Stock", json, Box::new(reply_to)).expect("there is room");
    assert_eq!(replies.recv_timeout(PATIENCE).expect("a reply"), "engine");
    let frames = node.counters().frames;
    let replies = send_two(&node, "two", 1);
    assert!(replies.iter().all(|(reply, _)| matches!(reply, Reply::Accepted { .. })));
    assert!(replies.iter().all(|(_, thread)| thread == "chronicle"));
    assert_eq!(node.counters().frames, frames + 1);
    assert!(node.shutdown(PATIENCE));
    prove(&disk);
}

#[test]
fn what_is_not_taken_in_is_told_by_its_place_and_the_rest_is_done() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    let (reply, replies) = channel();
    let packed = rmp_serde::to_vec_named(&[("name", "beans")]).unwrap();
    let offers = [
        ("Stock", Arguments::Json(br#"{"name": "beans", "count": 3}"#)),
        ("Store", Arguments::Json(b"")),
        ("Stock", Arguments::Json(br#"{"name": "beans"}"#)),
        ("Stock", Arguments::Packed(&packed)),
        ("Stumble", Arguments::Packed(b"")),
    ];
    let offers = offers.into_iter().enumerate().map(|(n, (name, arguments))| {
        let id = CommandId::Numbered { source: "several".to_owned(), number: n as u64 + 1 };
        let reply = reply.clone();
        let reply = Box::new(move |answer| reply.send((n, answer)).expect("the test waits"));
        Offer { id, name, arguments, reply }
    });
    let left_out = Host::submit_several(&node, &taker(), offers.collect());
    let told: Vec<_> = left_out.iter().map(|(n, error)| (*n, error.to_string())).collect();
    assert_eq!(told.len(), 3, "{told:?}");
    assert_eq!(told[0], (1, "there is no command `Store`".to_owned()));
    assert!(told[1].0 == 2 && told[1].1.contains("missing field `count`"), "{told:?}");
    assert_eq!(told[2].0, 3);
    let answered: Vec<_> =
        (0..2).map(|_| replies.recv_timeout(PATIENCE).expect("a reply")).collect();
    assert!(matches!(answered[..], [(0, Reply::Accepted { .. }), (4, Reply::Bug { .. })]));
    assert!(node.shutdown(PATIENCE));
}

#[test]
fn a_failed_sync_on_either_thread_stops_the_node_and_says_so_once() {
    for is_alone in [true, false] {
        let model = ModelDisk::new();
        let disk: Arc<dyn Disk> = Arc::new(model.clone());
        let node = start(&disk);
        let (stop, stops) = channel();
        let stop_again = stop.clone();
        node.on_stop(Box::new(move || stop.send("first").expect("the test waits")));
        send(&node, "stock", 1, "Stock", r#"{"name": "beans", "count": 1}"#);
        let next: BTreeSet<u64> = (1..10).collect();
        model.set_faults(Faults { fail: next, ..Faults::default() });
        if is_alone {
            let json = r#"{"name": "beans", "count": 1}"#;
            assert_eq!(send(&node, "stock", 2, "Stock", json), Reply::Unknown);
        } else {
            let replies = send_two(&node, "two", 1);
            assert!(replies.iter().all(|(reply, _)| *reply == Reply::Unknown), "{replies:?}");
        }
        assert_eq!(stops.recv_timeout(PATIENCE), Ok("first"));
        node.on_stop(Box::new(move || stop_again.send("again").expect("the test waits")));
        assert_eq!(stops.recv_timeout(PATIENCE), Ok("again"), "it has stopped already");
        assert!(stops.recv().is_err(), "each is called once");
    }
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
    assert_eq!(node.atom().state().tins.get("beans".to_owned()).unwrap().left, 1, "not published");
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

/// Waits until it holds; how long that takes is the machine's business.
#[expect(clippy::disallowed_methods, reason = "a test that waits gives up at some time")]
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    let began = Instant::now();
    while !holds() {
        assert!(began.elapsed() < PATIENCE, "{what}: not in {PATIENCE:?}");
        std::thread::yield_now();
    }
}

fn draw(node: &Node<Shelf>, numbers: std::ops::RangeInclusive<u64>) {
    for number in numbers {
        send(node, "draws", number, "Draw", "{}");
    }
}

#[test]
fn snapshots_are_taken_in_the_background_and_at_the_end_and_the_next_start_uses_one() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let every_20 = SnapshotPolicy { every_records: Some(20), interval_min: Duration::ZERO };
    let node = start_with(&disk, every_20);
    draw(&node, 1..=30);
    wait_until("a snapshot", || node.snapshots().count > 0);
    let first = node.snapshots().latest.expect("just taken");
    draw(&node, 31..=60);
    wait_until("another", || node.snapshots().latest > Some(first));
    draw(&node, 61..=63);
    let last = node.published();
    assert!(node.shutdown(PATIENCE));
    assert_eq!(node.snapshots().failed, 0);
    assert_eq!(snapshot::list(&disk).expect("the disk works")[0].position, last, "the last one");
    prove(&disk);

    let again = start_with(&disk, SnapshotPolicy::OFF);
    assert_eq!(again.snapshots.loaded.as_ref().expect("it fits").position, last);
    assert_eq!(again.replayed, 0, "nothing came after it");
    assert_eq!(again.snapshots().latest, Some(last));
    assert!(again.shutdown(PATIENCE));
    assert_eq!(snapshot::list(&disk).expect("the disk works")[0].position, last, "none is taken");
}

#[test]
fn a_disk_that_fails_under_a_snapshot_is_reported_and_the_node_goes_on() {
    let directory = tempfile::tempdir().expect("the system has a place for it");
    let disk: Arc<dyn Disk> = Arc::new(RealDisk::new(directory.path()));
    // The directory of snapshots cannot be made where a file lies.
    disk.create_new("snapshots").expect("an empty directory");
    let every_20 = SnapshotPolicy { every_records: Some(20), interval_min: Duration::ZERO };
    let node = start_with(&disk, every_20);
    draw(&node, 1..=30);
    wait_until("a failure", || node.snapshots().failed > 0);
    draw(&node, 31..=32);
    assert_eq!(node.health(), Health::Serving);
    assert!(node.shutdown(PATIENCE));
    prove(&disk);
}

#[test]
fn an_old_atom_that_is_held_is_counted_until_it_is_let_go() {
    let disk: Arc<dyn Disk> = Arc::new(ModelDisk::new());
    let node = start(&disk);
    let held = node.atom();
    draw(&node, 1..=3);
    wait_until("it is replaced", || node.held_atoms().count == 1);
    drop(held);
    wait_until("it is let go", || node.held_atoms().count == 0);
    assert!(node.shutdown(PATIENCE));
}
