//! Any schedule of drops, stalls, restarts, restores, changes of keys, clients that join and leave,
//! and commands: at every position that a client shows, it shows what its actor may see there.
//!
//! A schedule follows from its seed; threads and sockets do not, so a seed that fails is worth running
//! a few times. `DEEDS_LIVE_SEEDS=0..100` runs others than CI does, `DEEDS_LIVE_STEPS=N` longer or
//! shorter ones.

#![allow(clippy::print_stdout, reason = "a test that fails shows its seed")]

use std::ops::Range;
use std::time::Duration;

use deeds_client::step::Moment;
use deeds_sim::dice::Dice;
use deeds_values::CommandId;
use serde_json::{Value, json};

use crate::history::QUERIES;
use crate::native::{Native, Seen, Tampers};
use crate::place::{Counted, Place};

const ACTORS: [&str; 4] = ["ada", "ben", "carl", "dora"];

/// How long everybody may take to show the end of a schedule, by the clients' clock: it stands still
/// while nobody gets to look, on a machine that has other things to do. In the world, 20 s and more.
const SETTLING_TIME_MAX_MS: u64 = 220_000;

/// Between two steps, so that the server has a chance to say something: it is more than a hub needs for
/// a step, and any other time would do.
const PAUSE: Duration = Duration::from_millis(3);

/// Between two steps when all are to get somewhere: the clients' clock runs some ten times too fast
/// then, and does not give up a server that is only slow.
const UNHURRIED: Duration = Duration::from_millis(20);

struct Schedule {
    /// What the schedule follows from.
    dice: Dice,
    /// What comes of how long things take: jitter, and the clients' clock.
    chance: Dice,
    place: Place,
    tampers: Tampers,
    clients: Vec<Native>,
    /// The clock of the clients, and how far it goes from one look to the next, at most.
    ms: u64,
    pace_ms: u64,
    all: Vec<Seen>,
}

impl Schedule {
    fn new(seed: u64, tampers: Tampers) -> Self {
        let (dice, place) = (Dice::new(seed), Place::open());
        let chance = Dice::new(!seed);
        Self {
            dice,
            chance,
            place,
            tampers,
            clients: Vec::new(),
            ms: 1,
            pace_ms: 400,
            all: Vec::new(),
        }
    }

    fn now(&mut self) -> Moment {
        Moment { ms: self.ms, random: self.chance.roll() }
    }

    fn actor(&mut self) -> &'static str {
        ACTORS[self.dice.below(ACTORS.len() as u64) as usize]
    }

    fn client(&mut self) -> Option<usize> {
        let count = self.clients.len() as u64;
        (count > 0).then(|| self.dice.below(count) as usize)
    }

    /// A command, and its arguments.
    fn deed(&mut self, text: &str) -> (&'static str, Value) {
        let id = self.dice.below(24);
        match self.dice.below(10) {
            0 | 1 => ("Erase", json!({"id": id})),
            2 => ("Admit", json!({"who": self.actor(), "is_member": self.dice.coin()})),
            _ => {
                let weight = if self.dice.below(60) == 0 { 13 } else { 20 + self.dice.below(9) };
                let note = json!({
                    "id": id,
                    "text": text,
                    "weight": weight,
                    "for_everyone": self.dice.coin(),
                });
                ("Write", note)
            }
        }
    }

    fn step(&mut self) {
        let now = self.now();
        let client = self.client();
        match (self.dice.below(100), client) {
            (0..8, _) | (_, None) => self.join(now),
            (8..11, Some(client)) => {
                let mut gone = self.clients.swap_remove(client);
                gone.leave(&mut self.place, now);
                self.all.push(gone.seen);
            }
            (11..18, Some(client)) => self.clients[client].cut(now),
            (18..24, Some(client)) => self.clients[client].stalled = 1 + self.dice.below(12),
            (24..30, Some(client)) => {
                let query = QUERIES[self.dice.below(QUERIES.len() as u64) as usize];
                self.clients[client].subscribe(query, now);
            }
            (30..33, Some(client)) => {
                let any = self.clients[client].subs.keys().next().copied();
                any.into_iter().for_each(|sub| self.clients[client].unsubscribe(sub, now));
            }
            (33..36, Some(client)) => self.clients[client].hurry(now),
            (36..38, _) => self.restart(),
            (38, _) if self.dice.below(3) == 0 => {
                self.stop();
                self.place.replace();
            }
            // Much at once, for those who do not read.
            (39..45, _) => {
                let text = "long ".repeat(if self.dice.coin() { 1_600 } else { 1 });
                for _ in 0..self.dice.below(60) {
                    let (actor, (name, arguments)) = (self.actor(), self.deed(&text));
                    self.place.command(actor, name, &arguments);
                }
            }
            (45..60, _) => {
                let (actor, (name, arguments)) = (self.actor(), self.deed("backstage"));
                self.place.command(actor, name, &arguments);
            }
            (_, Some(client)) => {
                for _ in 0..=self.dice.below(3) {
                    let (name, arguments) = self.deed("live");
                    let id = CommandId::Unique(uuid::Uuid::now_v7());
                    self.clients[client].command(id, name, arguments, now);
                }
            }
        }
        self.run(PAUSE);
    }

    fn join(&mut self, now: Moment) {
        const CLIENTS_MAX: usize = 6;
        if self.clients.len() == CLIENTS_MAX {
            return;
        }
        let mut client = Native::new(self.actor(), self.tampers, now);
        for query in QUERIES {
            if self.dice.below(3) == 0 {
                client.subscribe(query, now);
            }
        }
        self.clients.push(client);
    }

    /// The server stops. Those who stall do not hear it: their links break.
    fn stop(&mut self) {
        let now = self.now();
        for client in self.clients.iter_mut().filter(|client| client.stalled > 0) {
            client.stalled = 0;
            client.cut(now);
        }
        self.place.stop();
        while !self.place.has_stopped() {
            self.run(PAUSE);
        }
    }

    fn restart(&mut self) {
        self.stop();
        for _ in 0..self.dice.below(4) {
            self.run(PAUSE);
        }
        self.place.start_again();
    }

    /// Time goes on, and everybody who is awake does what there is to do.
    fn run(&mut self, pause: Duration) {
        self.ms += 20 + self.chance.below(self.pace_ms);
        std::thread::sleep(pause);
        for client in 0..self.clients.len() {
            let now = self.now();
            let client = &mut self.clients[client];
            if client.stalled > 0 {
                client.stalled -= 1;
            } else {
                client.run(&mut self.place, now);
            }
        }
    }

    /// In the end everybody shows the last position, and whatever was sent has an end.
    fn settle(&mut self) {
        self.place.start_again();
        let now = self.now();
        self.clients.iter_mut().for_each(|client| client.hears_out(now));
        let begun_ms = self.ms;
        loop {
            let position = self.place.settled();
            let Self { clients, place, .. } = self;
            let restless: Vec<_> =
                clients.iter().filter(|client| !client.is_settled(place, position)).collect();
            if restless.is_empty() {
                break;
            }
            if self.ms - begun_ms > SETTLING_TIME_MAX_MS {
                let restless: Vec<_> = restless.iter().map(|client| client.describe()).collect();
                panic!("not everybody gets to {position}:\n{}", restless.join("\n"));
            }
            // Who is behind asks after 15 s of the clients' clock.
            self.run(UNHURRIED);
        }
        for history in self.place.histories.values() {
            for (id, times) in history.times_recorded() {
                assert_eq!(times, 1, "{id} ran once");
            }
        }
        let seen = self.clients.iter().map(|client| client.seen);
        self.all.extend(seen);
    }
}

/// Runs a seed; what its clients went through, together.
fn run(seed: u64, steps: u64, tampers: Tampers) -> (Seen, Counted) {
    println!("DEEDS_LIVE_SEEDS={seed}..{} DEEDS_LIVE_STEPS={steps}", seed + 1);
    let mut schedule = Schedule::new(seed, tampers);
    for _ in 0..steps {
        schedule.step();
    }
    schedule.settle();
    schedule.stop();
    let lineages = schedule.place.histories.len();
    let mut together = Seen::default();
    for seen in schedule.all {
        together.positions += seen.positions;
        together.compared += seen.compared;
        together.opened += seen.opened;
        together.lost += seen.lost;
        together.fails += seen.fails;
        together.accepted += seen.accepted;
        together.refused += seen.refused;
        together.leaps += seen.leaps;
    }
    println!("{together:?}, {lineages} chronicles, {:?}", schedule.place.counted);
    (together, schedule.place.counted)
}

fn seeds() -> (Range<u64>, u64) {
    let given = |name| std::env::var(name).ok();
    let seeds = given("DEEDS_LIVE_SEEDS").map_or(0..4, |text| {
        let (from, to) = text.split_once("..").expect("seeds are FROM..TO");
        from.parse().unwrap()..to.parse().unwrap()
    });
    (seeds, given("DEEDS_LIVE_STEPS").map_or(200, |steps| steps.parse().unwrap()))
}

/// The board's own bugs are part of the schedules: they are not worth a word each.
fn without_words_for_planned_panics() {
    let tell = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let planned = panic.payload_as_str().is_some_and(|text| text.contains("this test's app"));
        if !planned {
            tell(panic);
        }
    }));
}

#[test]
fn whatever_happens_clients_show_what_they_may_see_at_every_position_they_show() {
    without_words_for_planned_panics();
    let (seeds, steps) = seeds();
    for seed in seeds {
        let (Seen { compared, opened, lost, .. }, counted) = run(seed, steps, Tampers::Never);
        assert!(compared > 0 && opened > 0 && lost > 0, "something happens: seed {seed}");
        let Counted { resumed, not_resumed, .. } = counted;
        assert!(resumed > 0 && not_resumed > 0, "both ways of coming back: seed {seed}");
    }
}

#[test]
fn a_tick_that_is_lost_on_the_way_costs_a_new_greeting_and_nothing_else() {
    without_words_for_planned_panics();
    run(100, 100, Tampers::Loses);
}

#[test]
fn what_a_server_forgets_or_tells_wrongly_is_seen() {
    for (tampers, seed) in [(Tampers::WithoutRows, 101), (Tampers::OtherValue, 102)] {
        // A value that is told again soon may mend it before anybody looks: then another schedule.
        let run = |seed| std::panic::catch_unwind(|| run(seed, 200, tampers)).err();
        let panic = (0..5).find_map(|n| run(seed + 10 * n)).expect("clients show what is not so");
        let text = panic.downcast_ref::<String>().unwrap();
        assert!(text.contains(" sees "), "{text}");
    }
}

/// Notes of 300 kB, 24 of them, most seen by several queries: more than may wait for one socket, even
/// if they come in one step.
#[test]
fn who_falls_far_behind_is_read_anew_and_shows_what_it_may_see() {
    without_words_for_planned_panics();
    let mut schedule = Schedule::new(400, Tampers::Never);
    // So much takes long to read: no client is to give up meanwhile.
    schedule.pace_ms = 40;
    let now = schedule.now();
    for actor in ["ada", "ben"] {
        let mut client = Native::new(actor, Tampers::Never, now);
        QUERIES[..4].iter().for_each(|query| client.subscribe(query, now));
        schedule.clients.push(client);
    }
    schedule.clients.push(Native::new("carl", Tampers::Never, now));
    schedule.clients[2].hears_out(now);
    schedule.clients[2].subscribe(QUERIES[0], now);
    for _ in 0..20 {
        schedule.run(PAUSE);
    }
    schedule.clients[..2].iter_mut().for_each(|client| client.stalled = u64::MAX);
    let text = "long ".repeat(60_000);
    for id in 0..81 {
        let (weight, for_everyone) = (20 + id % 9, id % 2 == 0);
        let id = id % 24;
        let note = json!({"id": id, "text": text, "weight": weight, "for_everyone": for_everyone});
        schedule.place.command(if id % 3 == 0 { "ada" } else { "ben" }, "Write", &note);
    }
    let position = schedule.place.settled();
    // When who reads shows the end, all of it lies ready for those who do not.
    let begun_ms = schedule.ms;
    while !schedule.clients[2].is_settled(&schedule.place, position) {
        let lasted_ms = schedule.ms - begun_ms;
        assert!(lasted_ms < SETTLING_TIME_MAX_MS, "{}", schedule.clients[2].describe());
        schedule.run(UNHURRIED);
    }
    schedule.clients.iter_mut().for_each(|client| client.stalled = 0);
    for _ in 0..40 {
        schedule.run(PAUSE);
    }
    schedule.settle();
    schedule.stop();
    let Counted { fell_behind, waiting_bytes_most, .. } = schedule.place.counted;
    assert!(fell_behind > 0, "this much does not wait");
    // Results that were read anew wait together for the tick that shows them.
    let results = QUERIES[..4].len() as u64 * 24 * text.len() as u64;
    let most = (8 << 20) + results;
    assert!(waiting_bytes_most <= most, "{waiting_bytes_most} bytes waited for one socket");
}
