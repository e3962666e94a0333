//! Over sockets, pipelined: the real server in a process of its own, and so many sockets from this one,
//! each with so many commands on their way. A client sends as many new commands as it was just told
//! results, in one message.
//!
//! The client is lean, as PostgreSQL's is: both write bytes into a buffer and read an outcome from
//! what comes. What `deeds-client` costs more, which remembers and sends again, is measured beside it.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use deeds_client::Client;
use deeds_engine::actor::Roles;
use deeds_server::TokenIssuer;
use futures_util::future::try_join_all;
use serde::Serialize;
use tokio::runtime;

use crate::figures::Run;
use crate::in_process::COMMANDS_MAX;
use crate::serving::{Served, Serving, TOKEN_LIFETIME};
use crate::socket_connection::{Outcome, SocketConnection};
use crate::work::{Act, Acts, Work, neighbor};
use crate::{bank, machine};

/// Which client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Bytes.
    Lean,
    /// `deeds-client`.
    Native,
}

/// How many sockets, and how many commands on their way on each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Depth {
    pub(crate) clients: usize,
    pub(crate) each: usize,
}

impl Depth {
    pub(crate) fn in_flight(self) -> usize {
        self.clients * self.each
    }
}

/// A new, stocked app, and clients of it.
pub(crate) fn measure(
    directory: &Path,
    work: Work,
    depth: Depth,
    time: Duration,
    seed: u64,
    kind: Kind,
) -> anyhow::Result<Run> {
    let served = Served::doing(work);
    let serving = Serving::start(directory, served)?;
    let issuer = served.issuer(directory)?;
    let clients = Clients {
        acts: RefCell::new(Acts::new(work, seed, bank::now_ms())),
        // Set again when all are connected.
        began: Cell::new(Instant::now()),
        time,
        sent: Cell::new(0),
        latencies_us: RefCell::default(),
        refused: Cell::new(0),
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let run = runtime.block_on(async {
        match kind {
            Kind::Lean => clients.lean(&serving, &issuer, depth).await,
            Kind::Native => clients.native(&serving, &issuer, depth).await,
        }
    })?;
    serving.stop()?;
    Ok(run)
}

/// What the clients share.
struct Clients {
    acts: RefCell<Acts>,
    began: Cell<Instant>,
    time: Duration,
    sent: Cell<usize>,
    latencies_us: RefCell<Vec<f64>>,
    refused: Cell<u64>,
}

impl Clients {
    async fn lean(
        &self,
        serving: &Serving,
        issuer: &TokenIssuer,
        depth: Depth,
    ) -> anyhow::Result<Run> {
        let opening = (1..=depth.clients as u64).map(|number| {
            let token = issuer.issue(&neighbor(number), &Roles::none(), TOKEN_LIFETIME);
            async move { SocketConnection::open(serving.address, &token).await }
        });
        let connections = try_join_all(opening).await?;
        let all = connections.into_iter().map(|connection| self.pipeline(connection, depth.each));
        self.timed(serving, try_join_all(all)).await
    }

    async fn native(
        &self,
        serving: &Serving,
        issuer: &TokenIssuer,
        depth: Depth,
    ) -> anyhow::Result<Run> {
        let url = format!("ws://{}/v1/live", serving.address);
        let mut clients = Vec::new();
        for number in 1..=depth.clients as u64 {
            let token = issuer.issue(&neighbor(number), &Roles::none(), TOKEN_LIFETIME);
            let client = Client::connect(&url, move || {
                let token = token.clone();
                async move { Ok(token) }
            })?;
            // Greeted, and known to the server.
            let act = self.next();
            client.command_again(act.id.clone(), act.wish.command(), &json(&act)?)?.durable.await?;
            clients.push(client);
        }
        let slots = clients.iter().flat_map(|client| std::iter::repeat_n(client, depth.each));
        let all = slots.map(|client| async move {
            while self.go_on() {
                let act = self.next();
                let sent = Instant::now();
                let args = json(&act)?;
                let sending = client.command_again(act.id, act.wish.command(), &args)?;
                let outcome = sending.durable.await?;
                let refused = matches!(outcome, deeds_client::Outcome::Refused { .. });
                self.note(sent, refused);
            }
            anyhow::Ok(())
        });
        self.timed(serving, try_join_all(all)).await
    }

    /// Runs the clients, and measures what they and the server take.
    async fn timed(
        &self,
        serving: &Serving,
        all: impl Future<Output = anyhow::Result<Vec<()>>>,
    ) -> anyhow::Result<Run> {
        let server = serving.process();
        let spent_before = machine::processor(&server);
        let asked_before = machine::processor("self");
        self.began.set(Instant::now());
        all.await?;
        let elapsed = self.began.get().elapsed();
        let spent = machine::processor(&server) - spent_before;
        let asked = machine::processor("self") - asked_before;
        let latencies_us = self.latencies_us.take();
        Ok(Run::of(latencies_us, self.refused.get(), elapsed).costing(spent).asking(asked))
    }

    /// Keeps so many commands on their way. Results come in the order of the commands.
    async fn pipeline(&self, mut connection: SocketConnection, each: usize) -> anyhow::Result<()> {
        let limit = connection.commands_max;
        ensure!(each <= limit, "the server lets a socket have {limit} commands on their way");
        let mut waiting: VecDeque<(String, Instant)> = VecDeque::with_capacity(each);
        let mut messages = Vec::new();
        loop {
            let new = if self.go_on() { each - waiting.len() } else { 0 };
            if new > 0 {
                messages.clear();
                rmp::encode::write_array_len(&mut messages, new as u32)?;
                for _ in 0..new {
                    let act = self.next();
                    let id = act.id.to_string();
                    write_command(&mut messages, &id, &act);
                    waiting.push_back((id, Instant::now()));
                }
                connection.send(&messages).await?;
            }
            if waiting.is_empty() {
                return Ok(());
            }
            connection
                .hear(|told| {
                    let Some(outcome) = told.outcome()? else { return Ok(()) };
                    let (id, sent) =
                        waiting.pop_front().context("a result that nobody waits for")?;
                    ensure!(told.id == Some(&id), "results come in the order of the commands");
                    self.note(sent, outcome == Outcome::Refused);
                    Ok(())
                })
                .await?;
        }
    }

    fn go_on(&self) -> bool {
        self.sent.get() < COMMANDS_MAX && self.began.get().elapsed() < self.time
    }

    fn next(&self) -> Act {
        self.sent.set(self.sent.get() + 1);
        self.acts.borrow_mut().next()
    }

    fn note(&self, sent: Instant, refused: bool) {
        self.latencies_us.borrow_mut().push(sent.elapsed().as_secs_f64() * 1e6);
        self.refused.set(self.refused.get() + u64::from(refused));
    }
}

fn json(act: &Act) -> anyhow::Result<serde_json::Value> {
    Ok(serde_json::from_str(&act.wish.json())?)
}

/// A `command` message.
fn write_command(out: &mut Vec<u8>, id: &str, act: &Act) {
    use rmp::encode::{write_map_len, write_str};
    const TAKES_ALL: &str = "a vector takes every byte";
    write_map_len(out, 4).expect(TAKES_ALL);
    for (name, value) in [("type", "command"), ("id", id), ("name", act.wish.command())] {
        write_str(out, name).expect(TAKES_ALL);
        write_str(out, value).expect(TAKES_ALL);
    }
    write_str(out, "args").expect(TAKES_ALL);
    act.wish.write(out);
}
