//! The real program on a small file system that fills up and empties again, killed at random under
//! load: nothing that was answered is lost, and commands flow again when there is room.
//!
//! A file system of its own needs a mount, which needs a privilege or a user namespace; the test
//! takes what it gets, and fails where it gets neither. `DEEDS_WITHOUT_MOUNT=1` leaves it out.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "what was shown, and what was not")]

use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::killed_under_load::kills_and_seed;
use crate::killed_under_load::{Answered, Load, Moments, arguments, ask_again, clients, stock};
use crate::server_process::{Answer, Client, Place, new_id};

/// How often the server is killed unless told.
const KILLS: u64 = 5;
/// The file system: room for the reserve, the frames of the test, and what others write.
const DISK_MIB: u64 = 48;
const SERVE: [&str; 5] = ["--dev", "--no-seed", "--keep-free", "8MiB", "--snapshot-every=300"];
/// How long it may take until commands flow again; it takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(20);
/// So large that few of them fill what was written ahead, and a frame of them fits the reserve.
const LARGE_BYTES: usize = 64 << 10;
/// What is left then: less than is written ahead.
const LITTLE_BYTES: u64 = 128 << 10;
/// So often the disk is filled up to meet the server in the middle of a write: every fifth time does.
const ROUNDS_MAX: u64 = 100;
/// Set in the process that runs within a namespace of its own.
const INSIDE: &str = "DEEDS_TEST_IN_NAMESPACE";

#[test]
fn a_disk_that_fills_up_loses_nothing_and_commands_flow_again_when_there_is_room() {
    on_a_small_disk(
        "full_disk::a_disk_that_fills_up_loses_nothing_and_commands_flow_again_when_there_is_room",
        killed_while_it_fills_up,
    );
}

#[test]
fn a_write_that_finds_no_room_is_done_in_the_reserve_and_answered() {
    on_a_small_disk(
        "full_disk::a_write_that_finds_no_room_is_done_in_the_reserve_and_answered",
        filled_up_between_two_looks,
    );
}

/// Runs a test of this name where it can fill a disk of its own.
fn on_a_small_disk(name: &str, test: fn(&Place, &SmallDisk)) {
    if std::env::var_os("DEEDS_WITHOUT_MOUNT").is_some() {
        eprintln!("LEFT OUT: a real process on a small disk that fills up");
        return;
    }
    let place = Place::new();
    match SmallDisk::mount(&place.data(), &place.path("disk.img")) {
        Some(disk) => test(&place, &disk),
        None => in_a_namespace(name),
    }
}

fn killed_while_it_fills_up(place: &Place, disk: &SmallDisk) {
    let (kills, seed) = kills_and_seed(KILLS);
    let mut moments = Moments::of(seed);
    let mut server = place.serve_with(&SERVE);
    stock(place);

    let mut answered: Vec<Answered> = Vec::new();
    for _ in 0..kills {
        let load = Load::start(clients(place));
        // Others fill the disk meanwhile, sometimes to the last byte, and sometimes go away again.
        for _ in 0..3 {
            match moments.below(4) {
                0 => disk.fill(),
                1 => disk.make_room(),
                _ => disk.fill_by(moments.below(DISK_MIB / 2) << 20),
            }
            thread::sleep(moments.life() / 3);
        }
        server.kill();
        answered.extend(load.stop());
        // It opens however full the disk is, and answers what it answered before.
        server = place.serve_with(&SERVE);
        ask_again(&clients(place), &answered);
    }

    disk.fill();
    refused_while_full(place);
    disk.make_room();
    let client = Client::of(place, "late", "neighbor");
    let since = Instant::now();
    while client.send("PlaceOrder", &new_id(), &arguments()).expect("it serves").0 != 200 {
        assert!(since.elapsed() < PATIENCE, "there is room, and commands are refused");
        thread::sleep(Duration::from_millis(5));
    }
    let flowing_after = since.elapsed();

    ask_again(&clients(place), &answered);
    assert_eq!(server.stop(), Some(0), "closed cleanly");
    place.succeed(&["verify"]);
    recorded_once(place, &answered);
    println!("{} answers; flowing {flowing_after:?} after there was room", answered.len());
    assert!(!answered.is_empty(), "there was load");
}

/// Others take the last byte between two looks of the server's, again and again, until one of its
/// writes finds none.
fn filled_up_between_two_looks(place: &Place, disk: &SmallDisk) {
    let reserve = place.data().join("reserve");
    let mut moments = Moments::of(kills_and_seed(KILLS).1);
    let server = place.serve_with(&SERVE);
    let clients: Vec<Client> =
        (0..4).map(|number| Client::of(place, &format!("writer-{number}"), "neighbor")).collect();
    let mut answered = Vec::new();
    let mut rounds = 0;
    while reserve.exists() {
        rounds += 1;
        assert!(rounds <= ROUNDS_MAX, "no write of the server's ever found the disk full");
        let writers = clients.clone().into_iter().map(|client| thread::spawn(|| write(client)));
        let writers: Vec<_> = writers.collect();
        thread::sleep(Duration::from_millis(moments.below(40)));
        disk.fill_at_once();
        for writer in writers {
            answered.extend(writer.join().expect("a writer is answered, whatever it is told"));
        }
        disk.make_room();
    }
    println!("{} answers; the reserve was given back after {rounds} rounds", answered.len());
    let since = Instant::now();
    while !reserve.exists() {
        let (status, body) = register(&clients[0], &new_id());
        assert!(matches!(status, 200 | 422 | 503), "{status} {body}");
        assert!(since.elapsed() < PATIENCE, "there is room, and no reserve");
    }
    assert_eq!(server.stop(), Some(0), "it has never stopped");
    place.succeed(&["verify"]);
    recorded_once(place, &answered);
}

/// Sends large commands until there is no room for one.
fn write(client: Client) -> Vec<Answered> {
    let mut answered = Vec::new();
    let since = Instant::now();
    loop {
        let id = new_id();
        let answer = register(&client, &id);
        match answer.0 {
            // The first of each is accepted, the others refused by the domain: all are recorded.
            200 | 422 => answered.push(Answered { client: 0, id, answer }),
            503 => return answered,
            _ => panic!("{answer:?}"),
        }
        assert!(since.elapsed() < PATIENCE, "the disk is full, and commands are accepted");
    }
}

fn register(client: &Client, id: &str) -> Answer {
    let person = json!({ "name": "", "phone": "", "address": "x".repeat(LARGE_BYTES) });
    client.send("Register", id, &person).expect("it serves")
}

/// New commands are told to come back, and leave nothing. All else goes on.
fn refused_while_full(place: &Place) {
    let client = Client::of(place, "neighbor-0", "neighbor");
    let since = Instant::now();
    let (status, problem) = loop {
        let answer = client.send("PlaceOrder", &new_id(), &arguments()).expect("it serves");
        if answer.0 != 200 {
            break answer;
        }
        assert!(since.elapsed() < PATIENCE, "the disk is full, and commands are accepted");
    };
    assert_eq!((status, problem["type"].as_str()), (503, Some("urn:deeds:problem:no-room")));
    let before = place.records().len();
    assert_eq!(client.send("PlaceOrder", &new_id(), &arguments()).expect("it serves").0, 503);
    assert_eq!(place.records().len(), before, "it left nothing");

    assert_eq!(client.get("/v1/queries/MyOrders").0, 200);
    assert_eq!(client.get("/v1/checkpoint").0, 200);
    let (status, health) = client.get("/healthz");
    let health = String::from_utf8(health).expect("it is JSON");
    assert!(status == 503 && health.contains("the disk is almost full"), "{status} {health}");
    let operator = Client::of(place, "olga", "operator");
    let metrics = String::from_utf8(operator.get("/metrics").1).expect("it is text");
    assert!(metrics.contains("deeds_commands_total{outcome=\"no_room\"}"), "{metrics}");
    let free = metrics.lines().find_map(|line| line.strip_prefix("deeds_disk_free_bytes "));
    let free: u64 = free.expect("it is told").parse().expect("a number");
    assert!(free < 8 << 20, "{free} bytes are free");

    let archive = place.path("archive").display().to_string();
    place.succeed(&["backup", &archive]);
    place.succeed(&["drill", &archive]);
    place.succeed(&["verify"]);
}

fn recorded_once(place: &Place, answered: &[Answered]) {
    let records = place.records();
    let mut positions = BTreeSet::new();
    for Answered { id, answer: (_, body), .. } in answered {
        let position = body["position"].as_u64().expect("an answer has a position");
        assert!(positions.insert(position), "two answers at {position}");
        let record = &records[usize::try_from(position).expect("few records")];
        assert_eq!(record["id"], json!(id), "position {position}");
    }
    let ids: Vec<&Value> = records.iter().map(|record| &record["id"]).collect();
    for Answered { id, .. } in answered {
        let times = ids.iter().filter(|recorded| **recorded == &json!(id)).count();
        assert_eq!(times, 1, "{id}");
    }
}

/// The same test in a namespace in which it may mount.
fn in_a_namespace(name: &str) {
    let told = "no small file system can be mounted here: neither as this user nor in a user \
                namespace. Allow one of them, or leave this test out with DEEDS_WITHOUT_MOUNT=1";
    assert!(std::env::var_os(INSIDE).is_none(), "{told}");
    let program = std::env::current_exe().expect("the test is a program");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount"]).arg(program).args(["--exact", name]);
    let output = command.env(INSIDE, "1").output();
    let output = output.unwrap_or_else(|error| panic!("{told} (unshare: {error})"));
    let said = String::from_utf8_lossy(&output.stdout);
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && said.contains("1 passed"), "{said}{complaint}");
}

/// A file system of its own, unmounted when dropped.
struct SmallDisk {
    at: PathBuf,
}

impl SmallDisk {
    /// ext4 in a file, else one in memory; none where this process may not mount.
    fn mount(at: &Path, image: &Path) -> Option<Self> {
        fs::create_dir_all(at).expect("a temporary directory");
        let run = |program: &str, arguments: &[&str]| {
            let output = Command::new(program).args(arguments).output();
            output.is_ok_and(|output| output.status.success())
        };
        let (mount, file) = (at.to_str()?, image.to_str()?);
        File::create(image).and_then(|file| file.set_len(DISK_MIB << 20)).expect("a file");
        let made = run("mkfs.ext4", &["-q", "-F", "-m", "0", file]);
        let size = format!("size={DISK_MIB}m");
        let mounted = (made && run("mount", &["-o", "loop", file, mount]))
            || run("mount", &["-t", "tmpfs", "-o", &size, "tmpfs", mount]);
        mounted.then(|| Self { at: at.to_owned() })
    }

    fn filler(&self) -> PathBuf {
        self.at.join("of-others")
    }

    /// Others write so much, or as much of it as there is room for.
    fn fill_by(&self, bytes: u64) {
        let file = OpenOptions::new().create(true).append(true).open(self.filler());
        let Ok(mut file) = file else { return };
        let piece = vec![7; 1 << 16];
        for _ in 0..bytes / piece.len() as u64 {
            if file.write_all(&piece).is_err() {
                break;
            }
        }
        let _ = file.sync_all();
    }

    /// Others take all but a little with one call, and then write no more: nobody is there who would
    /// take the reserve before it is used.
    fn fill_at_once(&self) {
        let mut df = Command::new("df");
        let said = df.args(["--output=avail", "-B1"]).arg(&self.at).output().expect("df is there");
        let said = String::from_utf8(said.stdout).expect("df writes text");
        let free: u64 = said.lines().nth(1).expect("a number").trim().parse().expect("a number");
        let taken = free.saturating_sub(LITTLE_BYTES).to_string();
        // The server writes meanwhile: what was free a moment ago may be too much.
        let mut fallocate = Command::new("fallocate");
        let _ = fallocate.args(["-l", &taken]).arg(self.filler()).output();
    }

    /// Others write until there is no room at all.
    fn fill(&self) {
        self.fill_by(DISK_MIB << 20);
    }

    fn make_room(&self) {
        match fs::remove_file(self.filler()) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => panic!("{error}"),
            _ => {}
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A server that was not stopped, in a test that failed, may still hold it: lazily.
        let unmounted = Command::new("umount").arg("--lazy").arg(&self.at).status();
        assert!(thread::panicking() || unmounted.is_ok_and(|status| status.success()));
    }
}
