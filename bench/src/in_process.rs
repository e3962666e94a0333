//! In process: one thread keeps so many commands in flight, the answers come back
//! through a channel. Answers are durable, as everywhere.

use std::path::Path;
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, Instant};

use anyhow::bail;
use deeds_pipeline::node::Node;
use deeds_pipeline::reply::{Reply, Submission};

use crate::figures::Run;
use crate::work::{Acts, Measured, Work};
use crate::{bank, machine};

/// No measurement asks for more than this: what lies in memory at its end stays comparable.
pub(crate) const COMMANDS_MAX: usize = 1_000_000;

/// What came of one command.
struct Answered {
    after: Duration,
    reply: Reply,
}

/// Measures a new, stocked app.
pub(crate) fn measure<A: Measured>(
    directory: &Path,
    work: Work,
    in_flight: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    let node = bank::stocked::<A>(directory)?;
    let run = drive(&node, work, in_flight, COMMANDS_MAX, time, seed)?;
    bank::close(node)?;
    Ok(run)
}

/// Works until the time is over or so much is done.
pub(crate) fn drive<A: Measured>(
    node: &Node<A>,
    work: Work,
    in_flight: usize,
    commands_max: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    let mut acts = Acts::new(work, seed, bank::now_ms());
    let (sender, answers) = channel();
    let mut latencies_us = Vec::with_capacity(commands_max);
    let mut refused = 0;
    let spent_before = machine::processor("self");
    let began = Instant::now();
    let mut sent = 0;
    while sent < in_flight.min(commands_max) {
        submit(node, &mut acts, &sender)?;
        sent += 1;
    }
    while latencies_us.len() < sent {
        let Answered { after, reply } = answers.recv()?;
        latencies_us.push(after.as_secs_f64() * 1e6);
        match reply {
            Reply::Accepted { .. } => {}
            Reply::Refused { .. } => refused += 1,
            other => bail!("a command came to {other:?}"),
        }
        if sent < commands_max && began.elapsed() < time {
            submit(node, &mut acts, &sender)?;
            sent += 1;
        }
    }
    let elapsed = began.elapsed();
    let spent = machine::processor("self") - spent_before;
    Ok(Run::of(latencies_us, refused, elapsed).costing(spent))
}

fn submit<A: Measured>(
    node: &Node<A>,
    acts: &mut Acts,
    answers: &Sender<Answered>,
) -> anyhow::Result<()> {
    let act = acts.next();
    let answers = answers.clone();
    let sent = Instant::now();
    node.submit_parsed(Submission {
        caller: bank::caller(&acts.actors()[act.actor]),
        id: act.id,
        command: A::parsed(&act.wish),
        reply: Box::new(move |reply| drop(answers.send(Answered { after: sent.elapsed(), reply }))),
    })?;
    Ok(())
}
