//! `seed`: sends the app's seed to its own chronicle, when no server runs.

use std::io::Write;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use deeds_engine::recorded;
use deeds_pipeline::host::Host;
use deeds_pipeline::reply::{Caller, Reply, SubmitError};
use deeds_pipeline::room::KEEP_FREE_BYTES;
use deeds_pipeline::snapshot::SnapshotPolicy;
use deeds_values::CommandId;

use crate::cli::exit::{Exit, Failure};
use crate::cli::logging::{self, LogForm};
use crate::cli::opening::{self, Guarding, Keeping};
use crate::cli::place::{CheckpointKeyArguments, DataArguments};
use crate::program::Program;
use crate::seed::{SEED_SOURCE, SeedCommand};

/// Fill the chronicle with the app's seed
///
/// Opens the chronicle itself, so no server may run; `serve --seed` does the same on its way.
/// Repeating it is safe: each command has an id of its own, and is run once.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Keep no guard file.
    #[arg(long)]
    no_guard: bool,
    #[command(flatten)]
    data: DataArguments,
    #[command(flatten)]
    checkpoint_key: CheckpointKeyArguments,
}

/// How long closing may take.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(10);
/// How many commands are on their way at once: fewer than one actor may have waiting.
const COMMANDS_ON_THE_WAY: usize = 512;

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    logging::start(LogForm::Human, None).map_err(Failure::usage)?;
    let guarding = if arguments.no_guard { Guarding::Off } else { Guarding::On };
    let snapshots = SnapshotPolicy::default();
    let keep_free_bytes = KEEP_FREE_BYTES;
    let keeping = Keeping { guarding, check_invariants: false, snapshots, keep_free_bytes };
    let running = opening::start(program, &arguments.data, &arguments.checkpoint_key, keeping)?;
    let sown = sow(running.host.as_ref(), (program.seed)());
    (running.shutdown)(SHUTDOWN_TIME_MAX);
    writeln!(out, "{}", sown?)?;
    out.flush()?;
    Ok(Exit::Done)
}

/// What became of the seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sown {
    /// Commands run now.
    pub new: u64,
    /// Commands run before.
    pub already_there: u64,
}

impl std::fmt::Display for Sown {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "seed: {} commands sent, {} already there", self.new, self.already_there)
    }
}

/// Sends the seed in order; ends with the first command that does not go through.
pub(crate) fn sow(host: &dyn Host, seed: Vec<SeedCommand>) -> Result<Sown, Failure> {
    let published_before = host.published();
    let mut sowing = Sowing { sown: Sown::default(), on_the_way: 0, published_before };
    let (replies, replied) = channel();
    let mut actor_before = None;
    for (number, command) in (1..).zip(seed) {
        // The queue is fair between actors, not in order: one actor's commands at a time.
        let limit =
            if actor_before.as_ref() == Some(&command.actor) { COMMANDS_ON_THE_WAY } else { 1 };
        sowing.wait_below(limit, &replied)?;
        actor_before = Some(command.actor.clone());
        send(host, number, command, &replies)
            .map_err(|error| Failure::failed(format!("{SEED_SOURCE}/{number}: {error}")))?;
        sowing.on_the_way += 1;
    }
    sowing.wait_below(1, &replied)?;
    Ok(sowing.sown)
}

struct Sowing {
    sown: Sown,
    on_the_way: usize,
    published_before: deeds_values::Position,
}

type Replied = (u64, &'static str, Reply);

fn send(
    host: &dyn Host,
    number: u64,
    command: SeedCommand,
    replies: &Sender<Replied>,
) -> Result<(), SubmitError> {
    let name = command.name;
    let caller =
        Caller { actor: command.actor, roles: command.roles, credential: SEED_SOURCE.to_owned() };
    let id = CommandId::Numbered { source: SEED_SOURCE.to_owned(), number };
    let replies = replies.clone();
    // The receiver is gone only when an earlier command has failed already.
    let reply = Box::new(move |reply| drop(replies.send((number, name, reply))));
    host.submit(caller, id, name, command.arguments.to_string().as_bytes(), reply)
}

impl Sowing {
    /// Waits until fewer than `limit` commands are on their way.
    fn wait_below(&mut self, limit: usize, replied: &Receiver<Replied>) -> Result<(), Failure> {
        while self.on_the_way >= limit {
            let (number, name, reply) =
                replied.recv().expect("the sender is kept while commands are on their way");
            self.on_the_way -= 1;
            self.count(reply)
                .map_err(|why| Failure::failed(format!("{SEED_SOURCE}/{number} {name}: {why}")))?;
        }
        Ok(())
    }

    fn count(&mut self, reply: Reply) -> Result<(), String> {
        match reply {
            Reply::Accepted { position, .. } if position > self.published_before => {
                self.sown.new += 1;
            }
            // Of an earlier seed with other contents at this place, too: it stays as it was.
            Reply::Accepted { .. } | Reply::Recorded(_) | Reply::Gone | Reply::Conflict(_) => {
                self.sown.already_there += 1;
            }
            Reply::Refused { refusal, .. } => {
                let body = recorded::to_json(&refusal).map_err(|error| error.to_string())?;
                let message = body["message"].as_str().unwrap_or_default();
                return Err(format!("refused: {message}"));
            }
            Reply::Denied(reason) => return Err(format!("denied: {reason}")),
            Reply::Bug { reference, .. } => return Err(format!("bug {reference}")),
            Reply::Clock(time) => return Err(format!("the clock stands at {time}")),
            Reply::NoRoom => return Err("the disk is almost full".to_owned()),
            Reply::Stopping | Reply::Unknown => return Err("the chronicle stopped".to_owned()),
        }
        Ok(())
    }
}
