//! In process: one thread keeps so many commands in flight, the answers come back
//! to it in batches. Answers are durable, as everywhere.

use std::path::Path;
use std::sync::{Arc, Condvar, Mutex};
use std::time::{Duration, Instant};

use anyhow::bail;
use deeds_pipeline::node::Node;
use deeds_pipeline::reply::{Reply, Submission};

use crate::figures::Run;
use crate::work::{Acts, Measured, Work};
use crate::{bank, machine};

/// No measurement asks for more than this: what lies in memory at its end stays comparable.
pub(crate) const COMMANDS_MAX: usize = 1_000_000;

/// Answers are taken when so much of what is on its way has come: whoever keeps many in flight works in
/// batches, and need not be woken for each.
const TAKEN_AT: usize = 4;

/// What came of one command.
struct Answered {
    after: Duration,
    reply: Reply,
}

/// Where answers come in.
#[derive(Default)]
struct Answers {
    come: Mutex<Come>,
    enough: Condvar,
}

#[derive(Default)]
struct Come {
    answered: Vec<Answered>,
    /// How many the client waits for, if it does.
    wanted: Option<usize>,
}

impl Answers {
    /// One comes; the client is woken if that makes enough.
    fn push(&self, answered: Answered) {
        let mut come = self.come.lock().expect("nobody panics holding answers");
        come.answered.push(answered);
        let enough = come.wanted.is_some_and(|wanted| come.answered.len() >= wanted);
        if enough {
            come.wanted = None;
            self.enough.notify_one();
        }
    }

    /// Waits for so many at least, and takes all into an empty vector.
    fn take(&self, at_least: usize, into: &mut Vec<Answered>) {
        assert!(into.is_empty(), "what was taken before is done with");
        let mut come = self.come.lock().expect("nobody panics holding answers");
        while come.answered.len() < at_least {
            come.wanted = Some(at_least);
            come = self.enough.wait(come).expect("nobody panics holding answers");
        }
        std::mem::swap(&mut come.answered, into);
    }
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
    let answers = Arc::new(Answers::default());
    let mut latencies_us = Vec::with_capacity(commands_max);
    let mut refused = 0;
    let spent_before = machine::processor("self");
    let began = Instant::now();
    let mut sent = in_flight.min(commands_max);
    submit(node, &mut acts, &answers, sent)?;
    let mut taken = Vec::with_capacity(in_flight);
    while latencies_us.len() < sent {
        let waiting = sent - latencies_us.len();
        answers.take((waiting / TAKEN_AT).max(1), &mut taken);
        let come = taken.len();
        for Answered { after, reply } in taken.drain(..) {
            latencies_us.push(after.as_secs_f64() * 1e6);
            match reply {
                Reply::Accepted { .. } => {}
                Reply::Refused { .. } => refused += 1,
                other => bail!("a command came to {other:?}"),
            }
        }
        if began.elapsed() < time {
            let more = come.min(commands_max - sent);
            submit(node, &mut acts, &answers, more)?;
            sent += more;
        }
    }
    let elapsed = began.elapsed();
    let spent = machine::processor("self") - spent_before;
    Ok(Run::of(latencies_us, refused, elapsed).costing(spent))
}

/// Sends so many commands, together.
fn submit<A: Measured>(
    node: &Node<A>,
    acts: &mut Acts,
    answers: &Arc<Answers>,
    count: usize,
) -> anyhow::Result<()> {
    let submissions = (0..count).map(|place| {
        let act = acts.next();
        let answers = Arc::clone(answers);
        let sent = Instant::now();
        let reply = move |reply| answers.push(Answered { after: sent.elapsed(), reply });
        let submission = Submission {
            caller: bank::caller(&acts.actors()[act.actor]),
            id: act.id,
            command: A::parsed(&act.wish),
            reply: Box::new(reply),
        };
        (place, submission)
    });
    match node.submit_several(submissions.collect()).pop() {
        Some((_, error)) => bail!("a command was not taken in: {error}"),
        None => Ok(()),
    }
}
