//! Where the time of "place order" goes: the two halves of the pipeline on one thread, without
//! queues, with a stopwatch between the stages and one in the disk. Time on the processor, but for the
//! wait for the disk.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use deeds_engine::app::App as _;
use deeds_engine::clock::Now;
use deeds_engine::duplicates::{Duplicates, Fingerprint, WINDOW_COMMANDS};
use deeds_engine::engine::Intent;
use deeds_pipeline::opening::{self, OpenOptions, Opened};
use deeds_pipeline::reply::Submission;
use deeds_values::{Position, Timestamp};
use food_bank::FoodBank;
use serde::Serialize;

use crate::figures::grouped;
use crate::markdown::{Table, section};
use crate::stopwatch::on_processor;
use crate::watched_disk::WatchedDisk;
use crate::work::{Act, Acts, Measured as _, Work, place_of};
use crate::{bank, stopwatch};

/// Commands per frame: one client waiting, many clients, an import.
const FRAMES: [usize; 3] = [1, 64, 1_024];

/// Orders measured with frames of one, each of which waits for the disk; and with larger ones.
const ORDERS_ALONE: usize = 2_000;
const ORDERS: usize = 200_000;

/// Microseconds per command, in the order of the stages.
#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct Stages {
    commands_per_frame: usize,
    /// JSON to a typed command and its recorded form.
    parse: f64,
    /// Look up and remember the command's id.
    duplicates: f64,
    /// Authorize, decide, evolve, encode events and answer, gather changes.
    decide: f64,
    /// Names to numbers, the record's draft, the reply.
    draft: f64,
    /// Header, commitments, Merkle tree, chain, checksums.
    hash: f64,
    /// The system's write call.
    write: f64,
    /// Waiting for the disk.
    sync: f64,
    /// Fold into the atom and publish; drop the atom before.
    publish: f64,
    /// Call back those who wait.
    answer: f64,
    /// What reaches the disk.
    bytes: f64,
    syncs_per_frame: f64,
}

/// How often each is measured.
const REPEATS: usize = 3;

/// The least of several measurements, stage by stage: what disturbs the machine only adds.
pub(crate) fn measure(directory: &Path, quick: bool) -> anyhow::Result<Vec<Stages>> {
    let mut least = measure_once(directory, quick)?;
    for _ in 1..if quick { 1 } else { REPEATS } {
        for (least, again) in least.iter_mut().zip(measure_once(directory, quick)?) {
            least.take_least(again);
        }
    }
    Ok(least)
}

fn measure_once(directory: &Path, quick: bool) -> anyhow::Result<Vec<Stages>> {
    let mut all = Vec::new();
    for commands_per_frame in FRAMES {
        let orders = if commands_per_frame == 1 { ORDERS_ALONE } else { ORDERS };
        let orders = if quick { orders / 4 } else { orders };
        let place = directory.join(format!("stages-{commands_per_frame}"));
        bank::close(bank::stocked::<FoodBank>(&place)?)?;
        let alone = engine_alone(&place, orders)?;
        let mut stages = pipeline(&place, commands_per_frame, orders)?;
        stages.duplicates = duplicates_alone(orders);
        // `pipeline` measured deciding as a whole: its inner parts were measured by themselves.
        stages.draft = (stages.decide - alone).max(0.0);
        stages.decide = (alone - stages.duplicates).max(0.0);
        all.push(stages);
        std::fs::remove_dir_all(place)?;
    }
    Ok(all)
}

fn pipeline(place: &Path, commands_per_frame: usize, count: usize) -> anyhow::Result<Stages> {
    let disk = Arc::new(WatchedDisk::new(place));
    let clock = Clock::start();
    let opened = open(Arc::clone(&disk), &clock)?;
    let Opened { mut decider, mut publisher, .. } = opened;
    let mut orders = Acts::new(Work::OrderUniform, 1, bank::now_ms());
    let mut spent = Stages { commands_per_frame, ..Stages::default() };
    let answered: Arc<Mutex<Option<Duration>>> = Arc::default();
    let frames = count / commands_per_frame;
    let place_order = place_of::<FoodBank>("PlaceOrder");
    let parse = FoodBank::COMMANDS[place_order].parse;
    for _ in 0..frames {
        let sent: Vec<(Act, String)> = (0..commands_per_frame)
            .map(|_| orders.next())
            .map(|order| {
                let json = order.wish.json();
                (order, json)
            })
            .collect();
        let (parsing, parsed) = stopwatch::spent(|| {
            let each = sent
                .iter()
                .map(|(_, json)| parse(place_order, json.as_bytes()).expect("an order of ours"));
            each.collect::<Vec<_>>()
        });
        spent.parse += us(parsing);

        let submissions: Vec<Submission<FoodBank>> = sent
            .into_iter()
            .zip(parsed)
            .map(|((order, _), command)| {
                let answered = Arc::clone(&answered);
                let caller = bank::caller(&orders.actors()[order.actor]);
                let reply = Box::new(move |_| {
                    answered.lock().expect("one thread").get_or_insert_with(on_processor);
                });
                Submission { caller, id: order.id, command, reply }
            })
            .collect();
        let (deciding, frame) = stopwatch::spent(|| {
            for submission in submissions {
                decider.decide(submission, clock.now());
            }
            decider.take_frame()
        });
        spent.decide += us(deciding);

        disk.take();
        let began = on_processor();
        publisher.commit(frame)?;
        let done = on_processor();
        let watched = disk.take();
        let stored = watched.last_done;
        let first_answer = answered.lock().expect("one thread").take().expect("all are answered");
        spent.sync += us(watched.syncing);
        spent.write += us(watched.writing);
        spent.hash += us(stored - began) - us(watched.in_sync) - us(watched.writing);
        spent.publish += us(first_answer - stored);
        spent.answer += us(done - first_answer);
        spent.bytes += watched.bytes as f64;
        spent.syncs_per_frame += watched.syncs as f64;
    }
    publisher.close()?;
    Ok(spent.per_command(frames))
}

/// Microseconds per command of the engine by itself, with its duplicate window.
fn engine_alone(place: &Path, count: usize) -> anyhow::Result<f64> {
    let clock = Clock::start();
    let mut opened = open(Arc::new(WatchedDisk::new(place)), &clock)?;
    let mut orders = Acts::new(Work::OrderUniform, 2, bank::now_ms());
    let first = opened.publisher.published().position.0 + 1;
    let mut spent = Duration::ZERO;
    for number in 0..count as u64 {
        let order = orders.next();
        let caller = bank::caller(&orders.actors()[order.actor]);
        let parsed = FoodBank::parsed(&order.wish);
        let began = on_processor();
        let intent = Intent {
            actor: caller.actor,
            actor_number: u32::try_from(order.actor).expect("a thousand") + 1,
            roles: caller.roles,
            id: order.id,
            index: parsed.index,
            act: parsed.act,
            has_room: true,
            arguments: &parsed.arguments,
            personal: &parsed.personal,
        };
        let verdict = opened.decider.engine().decide(intent, clock.now(), Position(first + number));
        if number % 64 == 63 {
            drop(opened.decider.engine().take_changes());
        }
        spent += on_processor() - began;
        drop(verdict);
    }
    // What was decided is not in the chronicle: it is closed as it was.
    opened.publisher.close()?;
    Ok(us(spent) / count as f64)
}

/// Microseconds per command of the duplicate window by itself.
fn duplicates_alone(count: usize) -> f64 {
    let mut window = Duplicates::new(WINDOW_COMMANDS);
    let mut orders = Acts::new(Work::OrderUniform, 3, bank::now_ms());
    let time = Timestamp(i64::try_from(bank::now_ms()).expect("our time") * 1_000);
    let ids: Vec<_> = (0..count).map(|_| orders.next()).collect();
    let (spent, ()) = stopwatch::spent(|| {
        for (position, order) in (0..).map(Position).zip(&ids) {
            let (actor, print) = (order.actor as u32, Fingerprint(position.0));
            std::hint::black_box(window.look_up(actor, &order.id, print, time));
            window.remember(actor, &order.id, print, position, time);
        }
    });
    us(spent) / count as f64
}

fn open(disk: Arc<WatchedDisk>, clock: &Clock) -> anyhow::Result<Opened<FoodBank>> {
    let options = OpenOptions {
        checkpoint_keys: None,
        keep_free_bytes: 0,
        engine: bank::engine_options(),
        code: "bench".to_owned(),
        now: clock.now().wall,
        seed: [7; 40],
    };
    Ok(opening::open(disk, bank::writer_options, &options, &mut |_, _| {})?)
}

/// Both clocks, as the node's shell reads them.
struct Clock(Instant);

impl Clock {
    fn start() -> Self {
        Self(Instant::now())
    }

    fn now(&self) -> Now {
        let wall = std::time::SystemTime::now();
        let wall = wall.duration_since(std::time::UNIX_EPOCH).expect("the clock is past 1970");
        Now {
            wall: Timestamp(i64::try_from(wall.as_micros()).expect("our time")),
            monotonic_us: u64::try_from(self.0.elapsed().as_micros()).expect("a short run"),
        }
    }
}

impl Stages {
    fn per_command(mut self, frames: usize) -> Self {
        let commands = (frames * self.commands_per_frame) as f64;
        self.each().into_iter().for_each(|figure| *figure /= commands);
        self.syncs_per_frame /= frames as f64;
        self
    }

    fn take_least(&mut self, mut other: Self) {
        for (figure, other) in self.each().into_iter().zip(other.each()) {
            *figure = figure.min(*other);
        }
    }

    /// The figures per command.
    fn each(&mut self) -> [&mut f64; 10] {
        let Self { parse, duplicates, decide, draft, hash, .. } = self;
        let Self { write, sync, publish, answer, bytes, .. } = self;
        [parse, duplicates, decide, draft, hash, write, sync, publish, answer, bytes]
    }
}

fn us(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

pub(crate) fn report(all: &[Stages]) -> String {
    let rows: [(&str, fn(&Stages) -> f64); 11] = [
        ("parse JSON", |s| s.parse),
        ("duplicate?", |s| s.duplicates),
        ("authorize, decide, evolve, encode", |s| s.decide),
        ("draft the record", |s| s.draft),
        ("hash and frame", |s| s.hash),
        ("write", |s| s.write),
        ("wait for the disk (time that passes)", |s| s.sync),
        ("fold and publish the atom", |s| s.publish),
        ("answer", |s| s.answer),
        ("bytes written per command", |s| s.bytes),
        ("syncs per frame", |s| s.syncs_per_frame),
    ];
    let columns = FRAMES.map(|commands| format!("frames of {commands}"));
    let [alone, people, import] = columns.each_ref().map(String::as_str);
    let mut table = Table::new(["µs per command on the processor", alone, people, import]);
    for (name, figure) in rows {
        let cell = |of: usize| all.get(of).map_or(String::new(), |s| format!("{:.2}", figure(s)));
        table.row([name.to_owned(), cell(0), cell(1), cell(2)]);
    }
    let sum = |s: &Stages| {
        s.parse + s.duplicates + s.decide + s.draft + s.hash + s.write + s.publish + s.answer
    };
    let cell = |of: usize| all.get(of).map_or(String::new(), |s| format!("{:.2}", sum(s)));
    table.row(["in all, without the wait".to_owned(), cell(0), cell(1), cell(2)]);
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let limit = all.last().map_or(String::new(), |s| {
        let per_second = cores as f64 * 1e6 / sum(s);
        format!(
            "So {cores} cores that did nothing else, and were always busy, would carry {} orders a second in \
             frames of {}: {:.0} MB/s to the disk, {:.0} syncs.",
            grouped(per_second),
            grouped(s.commands_per_frame as f64),
            per_second * s.bytes / 1e6,
            per_second / s.commands_per_frame as f64 * s.syncs_per_frame
        )
    });
    section("Where the time of an order goes", &[table.to_string(), limit])
}
