//! Backups of a live server, restores to a position and to a chosen second, and drills, as an
//! operator does them.

use std::fs;
use std::path::Path;
use std::process::{Child, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::killed_under_load::{Load, arguments, clients, stock};
use crate::server_process::{Client, Place, new_id};

/// How long is waited for what should happen in a tenth of a second.
const PATIENCE: Duration = Duration::from_secs(60);
/// The load lasts longer than this, so that a whole second begins in it.
const LOAD_MS: u64 = 2_400;

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).expect("it is JSON")
}

fn text(path: &Path) -> &str {
    path.to_str().expect("temporary paths are text")
}

/// A backup that goes on; killed when dropped.
struct Following(Child);

impl Following {
    fn start(place: &Place, archive: &Path) -> Self {
        let mut command = place.command(&["backup", text(archive), "--follow"]);
        command.stdout(Stdio::null());
        Self(command.spawn().expect("the program starts"))
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        self.0.kill().expect("it is our child, and goes on until it is stopped");
        self.0.wait().expect("it is our child");
    }
}

/// Waits until the status file says that so many records are archived.
fn wait_until_archived(archive: &Path, records: u64) -> Value {
    let started = Instant::now();
    loop {
        let status = fs::read_to_string(archive.join("status.json")).unwrap_or_default();
        let status: Value = serde_json::from_str(&status).unwrap_or(Value::Null);
        if status["records"].as_u64() >= Some(records) && status["lag_records"] == 0 {
            return status;
        }
        assert!(started.elapsed() < PATIENCE, "{records} records are not archived: {status}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// What a live server answers, and the position it answers from.
struct Moment {
    query: &'static str,
    position: u64,
    answer: Value,
}

fn ask(client: &Client, query: &'static str) -> Moment {
    let (status, body) = client.get(&format!("/v1/queries/{query}"));
    let body: Value = serde_json::from_slice(&body).expect("it is JSON");
    assert_eq!(status, 200, "{body}");
    let position = body["position"].as_u64().expect("an answer has a position");
    Moment { query, position, answer: body["answer"].clone() }
}

#[test]
fn a_live_server_is_restored_to_what_it_was_at_a_position_and_at_a_chosen_second() {
    let place = Place::new();
    let archive = place.path("archive");
    let server = place.serve_with(&["--dev", "--no-seed"]);
    stock(&place);
    let ada = Client::of(&place, "ada", "admin");
    let following = Following::start(&place, &archive);
    let load = Load::start(clients(&place));
    let mut moments = Vec::new();
    for query in ["Stock", "Dashboard", "Stock"] {
        thread::sleep(Duration::from_millis(LOAD_MS / 4));
        moments.push(ask(&ada, query));
    }
    // In the middle of whatever it does; the next one goes on where its archive ends.
    drop(following);
    let following = Following::start(&place, &archive);
    thread::sleep(Duration::from_millis(LOAD_MS / 8));
    // And now the server, while the backup goes on.
    server.kill();
    load.stop();
    let server = place.serve_with(&["--dev", "--no-seed"]);
    let load = Load::start(clients(&place));
    thread::sleep(Duration::from_millis(LOAD_MS / 2));
    let answered = load.stop();
    let last = answered.iter().filter_map(|answered| answered.answer.1["position"].as_u64()).max();
    let last = last.expect("there was load");
    let status = wait_until_archived(&archive, last + 1);
    drop(following);
    let original = place.records();
    assert_eq!(status["lineage"], original[0]["lineage"]);

    for Moment { query, position, answer } in &moments {
        let data = place.path(&format!("at-{position}"));
        place.succeed(&[
            "restore",
            text(&archive),
            "--to",
            &position.to_string(),
            "--data",
            text(&data),
        ]);
        let then = place.succeed(&[
            "query",
            query,
            "--offline",
            "--json",
            "--as",
            "ada",
            "--role",
            "admin",
            "--data",
            text(&data),
        ]);
        assert_eq!(&json_of(&then)["answer"], answer, "{query} at position {position}");
    }

    // Times are texts that sort as they follow each other.
    let second =
        &original.last().expect("there are records")["time"].as_str().expect("a time")[..19];
    let is_until = |record: &&Value| record["time"].as_str() <= Some(&format!("{second}.000000Z"));
    let until: Vec<&Value> = original.iter().take_while(is_until).collect();
    assert!(until.len() > 10 && until.len() < original.len(), "{} records", until.len());
    let data = place.path("then");
    let chosen = second.replace('T', " ");
    let restored = place.succeed(&[
        "restore",
        text(&archive),
        "--to",
        &chosen,
        "--data",
        text(&data),
        "--json",
    ]);
    let restored = json_of(&restored);
    assert_eq!(restored["position"], until.last().expect("not empty")["position"]);
    let log = place.succeed(&["log", "--json", "--data", text(&data)]);
    let mut records: Vec<Value> = log.lines().map(json_of).collect();
    let said = records.pop().expect("a last record says where the others came from");
    assert_eq!(said["kind"], "restored");
    assert_eq!(said["system"]["from"], original[0]["lineage"]);
    assert_eq!(said["system"]["root"], restored["root"]);
    assert_eq!(records.len(), until.len());
    for (record, original) in records.iter_mut().zip(until) {
        record["lineage"] = original["lineage"].clone();
        assert_eq!(record, original);
    }
    place.succeed(&["verify", "--data", text(&data)]);
    println!("{} records, {} of them until {chosen}", original.len(), records.len());
    println!("{}", place.succeed(&["drill", text(&archive), "--to", &chosen]));
    let drilled = place.succeed(&["drill", text(&archive), "--to", &chosen, "--json"]);
    let info = json_of(&place.succeed(&["info", "--json", "--data", text(&data)]));
    assert_eq!(json_of(&drilled)["tables"], info["tables"]);
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn after_a_restore_what_was_answered_is_answered_again_and_old_positions_are_refused() {
    let place = Place::new();
    let archive = place.path("archive");
    let server = place.serve();
    stock(&place);
    let nora = Client::of(&place, "nora", "neighbor");
    let (before, after) = (new_id(), new_id());
    let kept = nora.send_until_answered("PlaceOrder", &before, &arguments());
    let lost = nora.send_until_answered("PlaceOrder", &after, &arguments());
    assert_eq!((kept.0, lost.0), (200, 200));
    place.succeed(&["backup", text(&archive)]);
    assert_eq!(server.stop(), Some(0));
    let data = place.path("restored");
    let to = kept.1["position"].to_string();
    place.succeed(&["restore", text(&archive), "--to", &to, "--data", text(&data)]);

    let restored = ["--dev", "--no-seed", "--check-invariants", "--data", text(&data)];
    let server = place.serve_with(&restored);
    let nora = Client::of(&place, "nora", "neighbor");
    let (status, again) = nora.send_until_answered("PlaceOrder", &before, &arguments());
    assert_eq!(status, 200, "{again}");
    assert_eq!((&again["position"], &again["answer"]), (&kept.1["position"], &kept.1["answer"]));
    assert_ne!(again["lineage"], kept.1["lineage"]);
    let (status, anew) = nora.send_until_answered("PlaceOrder", &after, &arguments());
    assert_eq!(status, 200, "{anew}");
    assert!(anew["position"].as_u64() > lost.1["position"].as_u64(), "it ran anew: {anew}");

    let (old, new) = (&kept.1["lineage"], &again["lineage"]);
    let (old, new) = (old.as_str().expect("a text"), new.as_str().expect("a text"));
    let ada = Client::of(&place, "ada", "admin");
    let operator = Client::of(&place, "olga", "operator");
    for path in ["/v1/queries/Stock?at_least=1&lineage=", "/v1/records?from=1&limit=1&lineage="] {
        let client = if path.starts_with("/v1/records") { &operator } else { &ada };
        let (status, body) = client.get(&format!("{path}{old}"));
        let body: Value = serde_json::from_slice(&body).expect("it is JSON");
        assert_eq!((status, &body["lineage"]), (412, &json!(new)), "{path}: {body}");
        assert_eq!(body["type"], "urn:deeds:problem:other-lineage");
        assert_eq!(client.get(&format!("{path}{new}")).0, 200, "{path}");
    }
    assert_eq!(server.stop(), Some(0));
}

#[test]
fn an_archive_has_one_owner_and_one_lineage() {
    let place = Place::new();
    let archive = place.path("archive");
    place.succeed(&["seed"]);
    let first = place.succeed(&["backup", text(&archive)]);
    assert!(first.contains(" 0 records, 0.0 s behind"), "{first}");
    let again = json_of(&place.succeed(&["backup", text(&archive), "--json"]));
    assert_eq!(again["copied"]["records"], 0);

    let elsewhere = |arguments: &[&str]| {
        let mut command = place.command(arguments);
        command.env("XDG_STATE_HOME", place.path("another state")).output().expect("it starts")
    };
    let refused = elsewhere(&["backup", text(&archive)]);
    assert_eq!(refused.status.code(), Some(3));
    let complaint = String::from_utf8_lossy(&refused.stderr);
    assert!(complaint.contains("--take-over"), "{complaint}");
    assert!(elsewhere(&["backup", text(&archive), "--take-over"]).status.success());
    let complaint = place.fail(3, &["backup", text(&archive)]);
    assert!(complaint.contains("generation 2"), "{complaint}");

    // Not where it should be, and no harm to the chronicle.
    place.succeed(&["backup", text(&place.data().join("archive"))]);
    place.succeed(&["seed"]);

    let other = place.path("other");
    place.succeed(&["seed", "--data", text(&other)]);
    let complaint = place.fail(1, &["backup", text(&archive), "--data", text(&other)]);
    assert!(complaint.contains("the archive is of lineage"), "{complaint}");
    let complaint = place.fail(1, &["backup", text(&other)]);
    assert!(complaint.contains("not an archive of backups"), "{complaint}");
    let complaint = place.fail(1, &["seed", "--data", text(&archive)]);
    assert!(complaint.contains("`restore`"), "{complaint}");
}

#[test]
fn a_restore_needs_an_empty_directory_and_a_cut_that_is_archived() {
    let place = Place::new();
    let (archive, data) = (place.path("archive"), place.path("restored"));
    let complaint = place.fail(1, &["restore", text(&archive), "--data", text(&data)]);
    assert!(complaint.contains("there is no archive here"), "{complaint}");
    place.succeed(&["seed"]);
    place.succeed(&["backup", text(&archive)]);
    let complaint = place.fail(1, &["restore", text(&archive)]);
    assert!(complaint.contains("is not empty"), "{complaint}");
    for to in ["1000000", "2020-01-01 00:00:00", "yesterday"] {
        place.fail(2, &["restore", text(&archive), "--data", text(&data), "--to", to]);
        assert!(!data.exists(), "{to} left something");
    }
    // Half of a restore that was killed is removed by the next.
    let half = place.path("restored.restoring");
    fs::create_dir_all(half.join("head")).expect("it can be made");
    fs::create_dir(&data).expect("it can be made");
    place.succeed(&["restore", text(&archive), "--data", text(&data)]);
    assert!(!half.exists());
    place.succeed(&["verify", "--data", text(&data)]);
}

#[test]
fn a_drill_tells_what_would_be_restored_and_finds_damage() {
    let place = Place::new();
    let (archive, scratch) = (place.path("archive"), place.path("scratch"));
    place.succeed(&["seed"]);
    place.succeed(&["backup", text(&archive)]);
    let told = place.succeed(&["drill", text(&archive), "--scratch", text(&scratch)]);
    for line in
        ["archive  lineage", "restored as it is archived", "rows in products", "drilled  in"]
    {
        assert!(told.contains(line), "{line} is not in:\n{told}");
    }
    let head = fs::read_dir(archive.join("head")).expect("it is there");
    let frames = head.map(|entry| entry.expect("an entry").path());
    let frames = frames.filter(|path| path.file_name().is_some_and(|name| name != "durable"));
    let frames = frames.last().expect("there is a segment");
    let mut bytes = fs::read(&frames).expect("it can be read");
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(&frames, bytes).expect("it can be written");
    let complaint = place.fail(4, &["drill", text(&archive), "--scratch", text(&scratch)]);
    assert!(complaint.contains("damaged"), "{complaint}");
    assert_eq!(fs::read_dir(&scratch).expect("it is there").count(), 0, "nothing is left");
}

/// A large chronicle takes long to fold; what is restored of it need not.
#[test]
fn what_is_restored_starts_from_the_snapshot_that_was_archived() {
    let place = Place::new();
    let archive = place.path("archive");
    // The last one is taken when the server stops.
    let server = place.serve_with(&["--dev", "--no-seed", "--snapshot-every=20"]);
    stock(&place);
    let nora = Client::of(&place, "nora", "neighbor");
    for _ in 0..30 {
        nora.must("PlaceOrder", &arguments());
    }
    assert_eq!(server.stop(), Some(0));
    place.succeed(&["backup", text(&archive)]);

    let drilled = json_of(&place.succeed(&["drill", text(&archive), "--json"]));
    let snapshot = drilled["snapshot"].as_u64().expect("a snapshot was archived");
    let data = place.path("then");
    let restored = place.succeed(&["restore", text(&archive), "--data", text(&data), "--json"]);
    assert_eq!(json_of(&restored)["snapshot"], snapshot);
    let info = place.succeed(&["info", "--json", "--data", text(&data)]);
    assert_eq!(json_of(&info)["snapshots"][0]["position"], snapshot, "{info}");
    place.succeed(&["verify", "--data", text(&data)]);
    let asked = |data: &Path| {
        let mut ask =
            vec!["query", "Stock", "--offline", "--json", "--as", "ada", "--role", "admin"];
        ask.extend(["--data", text(data)]);
        json_of(&place.succeed(&ask))["answer"].clone()
    };
    assert_eq!(asked(&data), asked(&place.data()));
}
