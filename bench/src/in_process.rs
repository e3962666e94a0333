//! "Place order" in process: one thread keeps so many commands in flight, the answers come back
//! through a channel. Answers are durable, as everywhere.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::bail;
use deeds_pipeline::node::Node;
use deeds_pipeline::reply::{Reply, Submission};
use food_bank::FoodBank;

use crate::figures::Run;
use crate::load::{Load, Orders};
use crate::{bank, machine};

/// No measurement places more orders than this: what lies in memory at its end stays comparable.
pub(crate) const COMMANDS_MAX: usize = 500_000;

/// What came of one order.
struct Answered {
    after: Duration,
    reply: Reply,
}

/// Measures a new, stocked food bank.
pub(crate) fn measure(
    directory: &Path,
    load: Load,
    in_flight: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    let node = bank::stocked(directory)?;
    let run = place(&node, load, in_flight, COMMANDS_MAX, time, seed)?;
    bank::close(node)?;
    Ok(run)
}

/// Places orders until the time is over or so many are placed.
pub(crate) fn place(
    node: &Node<FoodBank>,
    load: Load,
    in_flight: usize,
    commands_max: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    let mut orders = Orders::new(load, seed, bank::now_ms());
    let (sender, answers) = channel();
    let mut latencies_us = Vec::with_capacity(commands_max);
    let mut refused = 0;
    let spent_before = machine::processor("self").own;
    let began = Instant::now();
    let mut sent = 0;
    while sent < in_flight.min(commands_max) {
        submit(node, &mut orders, &sender)?;
        sent += 1;
    }
    while latencies_us.len() < sent {
        let Answered { after, reply } = answers.recv()?;
        latencies_us.push(after.as_secs_f64() * 1e6);
        match reply {
            Reply::Accepted { .. } => {}
            Reply::Refused { .. } => refused += 1,
            other => bail!("an order came to {other:?}"),
        }
        if sent < commands_max && began.elapsed() < time {
            submit(node, &mut orders, &sender)?;
            sent += 1;
        }
    }
    let elapsed = began.elapsed();
    let spent = machine::processor("self").own - spent_before;
    Ok(Run::of(latencies_us, refused, elapsed).costing(spent))
}

fn submit(
    node: &Node<FoodBank>,
    orders: &mut Orders,
    answers: &Sender<Answered>,
) -> anyhow::Result<()> {
    let order = orders.next();
    let answers = answers.clone();
    let sent = Instant::now();
    node.submit_parsed(Submission {
        caller: bank::neighbor_caller(&orders.actors()[order.neighbor]),
        id: order.id.clone(),
        command: orders.parsed(&order),
        reply: Box::new(move |reply| drop(answers.send(Answered { after: sent.elapsed(), reply }))),
    })?;
    Ok(())
}
