//! Places orders at a food bank that is an engine alone: no disk, no threads, no clock, so that every
//! run executes the same instructions. `cargo xtask instructions` runs it under callgrind, which counts
//! them in the two functions that are named `counted_…`, and holds the counts against those that were
//! written down.
//!
//! Hashing and writing are left out: callgrind does not know the processor's own SHA-256.

#![forbid(unsafe_code)]
#![allow(clippy::print_stdout, reason = "its one line is for standard output")]

use std::sync::Arc;

use anyhow::bail;
use deeds_engine::actor::Roles;
use deeds_engine::app::App;
use deeds_engine::atom::Atom;
use deeds_engine::changes::FrameChanges;
use deeds_engine::clock::Now;
use deeds_engine::command::Parsed;
use deeds_engine::engine::{Engine, EngineOptions, Intent, Outcome, Verdict};
use deeds_engine::state::State as _;
use deeds_values::{ActorId, CommandId, Lineage, Position, Timestamp};
use food_bank::{FoodBank, Role};

/// Rows enough that the tables have the depth they have in a shop that lives.
const PRODUCTS: u64 = 10_000;
const NEIGHBORS: u64 = 1_000;

/// Orders placed before counting, so that what grows has grown.
const ORDERS_BEFORE: u64 = 2_048;

/// Orders counted. The counts are divided by this.
const ORDERS: u64 = 4_096;

/// Orders per frame: what waits for an fsync under load.
const ORDERS_PER_FRAME: u64 = 64;

fn main() -> anyhow::Result<()> {
    let mut bank = Bank::stocked()?;
    for number in 0..ORDERS_BEFORE / ORDERS_PER_FRAME {
        let frame = frame_of_orders(number);
        bank.place(frame)?;
    }
    for number in 0..ORDERS / ORDERS_PER_FRAME {
        let frame = frame_of_orders(ORDERS_BEFORE / ORDERS_PER_FRAME + number);
        bank.place_counted(frame)?;
    }
    println!("{ORDERS} orders");
    Ok(())
}

/// A food bank without a chronicle.
struct Bank {
    engine: Engine<FoodBank>,
    atom: Atom<FoodBank>,
    next: Position,
    actors: Vec<ActorId>,
}

/// A command on its way.
struct Sent {
    /// The place of the actor in [`Bank::actors`].
    actor: usize,
    id: CommandId,
    command: Parsed<FoodBank>,
}

impl Bank {
    fn stocked() -> anyhow::Result<Self> {
        let options = EngineOptions {
            check_invariants: false,
            decode_again: false,
            ..EngineOptions::default()
        };
        let mut engine = Engine::new([7; 32], options);
        for (number, event) in (1..).zip(FoodBank::EVENTS) {
            engine.name_event(number, event.name);
        }
        let empty = FoodBank::live().freeze();
        let atom = Atom::new(Lineage([1; 8]), Position(0), Timestamp(0), empty);
        let mut actors = vec![ActorId::new("admin")?];
        for number in 1..=NEIGHBORS {
            actors.push(ActorId::new(format!("neighbor-{number}"))?);
        }
        let mut bank = Self { engine, atom, next: Position(1), actors };
        for (number, (name, arguments)) in (0..).zip(stock()) {
            let id = id(u64::MAX - number);
            bank.place(vec![Sent { actor: 0, id, command: parsed(name, &arguments)? }])?;
        }
        Ok(bank)
    }

    fn place(&mut self, frame: Vec<Sent>) -> anyhow::Result<()> {
        for verdict in self.decide(frame) {
            expect_an_answer(&verdict)?;
        }
        let changes = Arc::new(self.engine.take_changes());
        self.fold(changes);
        Ok(())
    }

    fn place_counted(&mut self, frame: Vec<Sent>) -> anyhow::Result<()> {
        let (verdicts, changes) = counted_decide(self, frame);
        let changes = Arc::new(changes);
        let before = counted_fold(self, Arc::clone(&changes));
        drop((changes, before));
        verdicts.iter().try_for_each(expect_an_answer)
    }

    fn decide(&mut self, frame: Vec<Sent>) -> Vec<Verdict> {
        let mut verdicts = Vec::with_capacity(frame.len());
        for Sent { actor, id, command } in frame {
            let roles = if actor == 0 { Roles::none().and(&Role::Admin) } else { Roles::none() };
            let intent = Intent {
                actor: self.actors[actor].clone(),
                actor_number: u32::try_from(actor).expect("a thousand"),
                roles,
                id,
                index: command.index,
                act: command.act,
                has_room: true,
                arguments: &command.arguments,
                personal: &command.personal,
            };
            let now = Now { wall: Timestamp(self.time_us()), monotonic_us: self.next.0 };
            verdicts.push(self.engine.decide(intent, now, self.next));
            self.next = self.next.next();
        }
        verdicts
    }

    /// Moves the atom; the one before it.
    fn fold(&mut self, changes: Arc<FrameChanges>) -> Atom<FoodBank> {
        let last = Position(self.next.0 - 1);
        let after = self.atom.after(changes, last, Timestamp(self.time_us()));
        after.state();
        std::mem::replace(&mut self.atom, after)
    }

    /// A microsecond for each record, from a day in 2026 on.
    fn time_us(&self) -> i64 {
        START_MS as i64 * 1_000 + self.next.0 as i64
    }
}

/// A day in 2026, in milliseconds.
const START_MS: u64 = 1_780_000_000_000;

#[inline(never)]
fn counted_decide(bank: &mut Bank, frame: Vec<Sent>) -> (Vec<Verdict>, FrameChanges) {
    (bank.decide(frame), bank.engine.take_changes())
}

#[inline(never)]
fn counted_fold(bank: &mut Bank, changes: Arc<FrameChanges>) -> Atom<FoodBank> {
    bank.fold(changes)
}

fn expect_an_answer(verdict: &Verdict) -> anyhow::Result<()> {
    match verdict {
        Verdict::Recorded(recording) if matches!(recording.outcome, Outcome::Accepted { .. }) => {
            Ok(())
        }
        other => bail!("a command of this load came to {other:?}"),
    }
}

/// The orders of one frame: one line of one unit each, scattered over neighbors and products.
fn frame_of_orders(frame: u64) -> Vec<Sent> {
    let order = |place: u64| {
        let number = frame * ORDERS_PER_FRAME + place;
        let product = 1 + number * 7_919 % PRODUCTS;
        let arguments = format!(r#"{{"lines":[{{"sku":"P-{product:05}","quantity":1}}]}}"#);
        Sent {
            actor: 1 + (number * 331 % NEIGHBORS) as usize,
            id: id(number),
            command: parsed("PlaceOrder", &arguments).expect("the food bank knows its orders"),
        }
    };
    (0..ORDERS_PER_FRAME).map(order).collect()
}

/// What the bank has before anybody orders.
fn stock() -> impl Iterator<Item = (&'static str, String)> {
    let products = (1..=PRODUCTS).map(|n| {
        let arguments = format!(
            r#"{{"sku":"P-{n:05}","name":"Product {n}","category":"canned","size":"1 kg",
                "barcode":"{}","labels":[],"limit":null}}"#,
            barcode(n)
        );
        ("AddProduct", arguments)
    });
    let lots = (1..=PRODUCTS).map(|n| {
        let lot = format!(r#"{{"sku":"P-{n:05}","quantity":1000,"best_before":"2100-01-01"}}"#);
        ("ReceiveLot", lot)
    });
    let neighbors = (1..=NEIGHBORS).map(|n| {
        let arguments = format!(
            r#"{{"neighbor":"neighbor-{n}","name":"Neighbor {n}","phone":"000","address":"{n} Street"}}"#
        );
        ("RegisterNeighbor", arguments)
    });
    products.chain(lots).chain(neighbors)
}

fn parsed(name: &str, arguments: &str) -> anyhow::Result<Parsed<FoodBank>> {
    let Some(index) = FoodBank::COMMANDS.iter().position(|command| command.name == name) else {
        bail!("the food bank has no command {name}");
    };
    Ok((FoodBank::COMMANDS[index].parse)(index, arguments.as_bytes())?)
}

/// An in-store EAN-13 with its check digit.
fn barcode(number: u64) -> String {
    let digits = format!("20{number:010}");
    let weighed = digits.bytes().zip([1, 3].into_iter().cycle());
    let sum: u64 = weighed.map(|(digit, weight)| u64::from(digit - b'0') * weight).sum();
    format!("{digits}{}", (10 - sum % 10) % 10)
}

/// A UUIDv7 of the day on which all this happens, the same for the same number.
fn id(number: u64) -> CommandId {
    let mut bytes = [0; 16];
    bytes[..6].copy_from_slice(&START_MS.to_be_bytes()[2..]);
    bytes[6] = 0x70;
    bytes[8..].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes());
    bytes[7] = bytes[8];
    bytes[8] = 0x80 | bytes[8] & 0x3f;
    CommandId::unique(bytes).expect("version 7, variant 1")
}
