//! What the kernel sees: no answer leaves before the fdatasync of its record has returned.
//!
//! The real program runs under strace. For each connection, between the read of a command and the
//! write of its answer, a frame must have been written and an fdatasync begun and ended. It fails when
//! the fdatasync is taken out of the disk, and when the pipeline answers before it appends; kills do
//! not show either, because the kernel keeps what a killed process wrote.

use std::collections::BTreeMap;
use std::process::Command;
use std::thread;

use serde_json::json;

use crate::server_process::{Client, PROGRAM, Place, Server, new_id};

/// What is traced: every way to read a request, to write an answer or a frame, and to sync.
const TRACED: &str = "trace=read,readv,recvfrom,recvmsg,write,writev,sendto,sendmsg,pwrite64,pwritev,\
                      fdatasync,fsync";
const CLIENTS: usize = 4;
const COMMANDS_EACH: usize = 25;

#[test]
fn no_answer_leaves_before_its_fdatasync() {
    if !can_trace() {
        assert!(std::env::var_os("CI").is_none(), "CI needs strace, and leave to trace");
        println!("skipped: strace is not here, or may not trace");
        return;
    }
    let place = Place::new();
    let trace = place.path("trace");
    let mut command = Command::new("strace");
    command.args(["-f", "-s", "64", "-e", TRACED, "-o"]).arg(&trace);
    command.args([PROGRAM, "serve", "--dev", "--no-seed"]);
    place.surround(&mut command);
    let server = Server::start(command, &place.url());

    let threads: Vec<_> = (0..CLIENTS)
        .map(|number| {
            let client = Client::of(&place, &format!("neighbor-{number}"), "neighbor");
            thread::spawn(move || {
                for turn in 0..COMMANDS_EACH {
                    let person = json!({
                        "name": format!("{number}-{turn}"), "phone": "", "address": "",
                    });
                    // The first is accepted, the others refused: both are recorded.
                    let (status, body) =
                        client.send("Register", &new_id(), &person).expect("the server answers");
                    assert!(matches!(status, 200 | 422), "{status}: {body}");
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().expect("every command was answered");
    }
    assert_eq!(server.stop_traced(), Some(0));

    let calls = calls(&std::fs::read_to_string(&trace).expect("strace wrote its file"));
    assert_eq!(answers_after_sync(&calls), CLIENTS * COMMANDS_EACH);
}

fn can_trace() -> bool {
    let traced = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    traced.is_ok_and(|output| output.status.success())
}

/// A system call, at the line where it began or ended.
#[derive(Debug)]
enum Seen {
    Began(Call),
    Ended(Call),
}

#[derive(Clone, Debug)]
struct Call {
    name: String,
    descriptor: i32,
    /// The text behind the descriptor, and the result.
    rest: String,
}

/// The calls of a trace in order, those cut in two by another thread's put together again.
fn calls(trace: &str) -> Vec<Seen> {
    let mut unfinished: BTreeMap<&str, Call> = BTreeMap::new();
    let mut seen = Vec::new();
    for line in trace.lines() {
        let Some((thread, call)) = line.trim_start().split_once(char::is_whitespace) else {
            continue;
        };
        let call = call.trim_start();
        if let Some(resumed) = call.strip_prefix("<... ") {
            let Some(mut began) = unfinished.remove(thread) else { continue };
            began.rest.push_str(resumed);
            seen.push(Seen::Ended(began));
        } else if let Some((name, rest)) = call.split_once('(') {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let Ok(descriptor) = digits.parse() else { continue };
            let call = Call { name: name.to_owned(), descriptor, rest: rest.to_owned() };
            seen.push(Seen::Began(call.clone()));
            if rest.contains("<unfinished ...>") {
                unfinished.insert(thread, call);
            } else {
                seen.push(Seen::Ended(call));
            }
        }
    }
    seen
}

/// Counts the answers to commands, each of which must have come after a sync that began when its
/// command had been read already.
fn answers_after_sync(calls: &[Seen]) -> usize {
    // By connection: whether a frame was written, a sync begun and ended since the command was read.
    #[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
    enum Since {
        Read,
        Written,
        SyncBegan,
        Synced,
    }
    let mut commands: BTreeMap<i32, Since> = BTreeMap::new();
    let mut answers = 0;
    let advance = |commands: &mut BTreeMap<i32, Since>, from: Since, to: Since| {
        commands.values_mut().filter(|since| **since == from).for_each(|since| *since = to);
    };
    for seen in calls {
        match seen {
            Seen::Ended(call)
                if is_read(&call.name) && call.rest.contains("POST /v1/commands/") =>
            {
                commands.insert(call.descriptor, Since::Read);
            }
            Seen::Ended(call) if call.name.starts_with("pwrite") => {
                advance(&mut commands, Since::Read, Since::Written);
            }
            Seen::Began(call) if call.name == "fdatasync" => {
                advance(&mut commands, Since::Written, Since::SyncBegan);
            }
            Seen::Ended(call) if call.name == "fdatasync" => {
                assert!(call.rest.contains("= 0"), "fdatasync failed: {call:?}");
                advance(&mut commands, Since::SyncBegan, Since::Synced);
            }
            Seen::Began(call) if call.rest.contains("\"HTTP/1.1 ") && !is_read(&call.name) => {
                if let Some(since) = commands.remove(&call.descriptor) {
                    assert_eq!(since, Since::Synced, "answered too early: {call:?}");
                    answers += 1;
                }
            }
            Seen::Began(_) | Seen::Ended(_) => {}
        }
    }
    answers
}

fn is_read(name: &str) -> bool {
    matches!(name, "read" | "readv" | "recvfrom" | "recvmsg")
}

#[test]
fn an_answer_before_its_sync_would_be_seen() {
    let early = "1 recvfrom(9, \"POST /v1/commands/Register HTTP\"..., 8192, 0, NULL, NULL) = 300\n\
                 2 pwrite64(5, \"DEED\"..., 400, 0) = 400\n\
                 2 fdatasync(5 <unfinished ...>\n\
                 1 sendto(9, \"HTTP/1.1 200 OK\\r\\n\"..., 200, 0, NULL, 0) = 200\n\
                 2 <... fdatasync resumed>) = 0\n";
    assert!(std::panic::catch_unwind(|| answers_after_sync(&calls(early))).is_err());
    let mut lines: Vec<&str> = early.lines().collect();
    lines.swap(3, 4);
    assert_eq!(answers_after_sync(&calls(&lines.join("\n"))), 1);
}
