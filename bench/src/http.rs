//! Over HTTP: the real server in a process of its own, keep-alive connections from this one, on the
//! loopback address. Each connection sends one command and waits, or whole batches.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use deeds_engine::actor::Roles;
use deeds_server::TokenIssuer;
use futures_util::future::try_join_all;
use tokio::runtime;

use crate::figures::Run;
use crate::http_connection::{Answer, Connection};
use crate::in_process::COMMANDS_MAX;
use crate::serving::{Served, Serving, TOKEN_LIFETIME};
use crate::work::{Acts, Work, neighbor};
use crate::{bank, machine};

/// Lines of one batch: a small import.
const BATCH_LINES: usize = 1_000;

/// What the connections share.
struct Clients {
    acts: RefCell<Acts>,
    tokens: Vec<String>,
    began: Instant,
    time: Duration,
    /// Commands sent.
    sent: Cell<usize>,
    latencies_us: RefCell<Vec<f64>>,
    refused: Cell<u64>,
}

/// How a client sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// One command, then its answer.
    Single,
    /// Batches. A latency is that of a whole batch.
    Batch,
}

/// A new, stocked app, and so many connections.
pub(crate) fn measure(
    directory: &Path,
    work: Work,
    connections: usize,
    time: Duration,
    seed: u64,
    way: Way,
) -> anyhow::Result<Run> {
    let served = Served::doing(work);
    let serving = Serving::start(directory, served)?;
    let run = drive(&serving, &served.issuer(directory)?, work, connections, time, seed, way)?;
    serving.stop()?;
    Ok(run)
}

/// Single commands to a server that runs already.
pub(crate) fn measure_running(
    serving: &Serving,
    issuer: &TokenIssuer,
    connections: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    drive(serving, issuer, Work::OrderUniform, connections, time, seed, Way::Single)
}

fn drive(
    serving: &Serving,
    issuer: &TokenIssuer,
    work: Work,
    connections: usize,
    time: Duration,
    seed: u64,
    way: Way,
) -> anyhow::Result<Run> {
    let issue = |number| issuer.issue(&neighbor(number), &Roles::none(), TOKEN_LIFETIME);
    let acts = Acts::new(work, seed, bank::now_ms());
    let tokens = (1..=acts.actors().len() as u64).map(issue).collect();
    let clients = Clients {
        acts: RefCell::new(acts),
        tokens,
        began: Instant::now(),
        time,
        sent: Cell::new(0),
        latencies_us: RefCell::default(),
        refused: Cell::new(0),
    };
    let server = serving.process();
    let spent_before = machine::processor(&server);
    let asked_before = machine::processor("self");
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let all = (0..connections).map(|_| async {
            let connection = Connection::open(serving.address).await?;
            match way {
                Way::Single => clients.single(connection).await,
                Way::Batch => clients.batches(connection).await,
            }
        });
        try_join_all(all).await
    })?;
    let elapsed = clients.began.elapsed();
    let spent = machine::processor(&server) - spent_before;
    let asked = machine::processor("self") - asked_before;
    let latencies_us = clients.latencies_us.into_inner();
    let mut run = Run::of(latencies_us, clients.refused.get(), elapsed);
    run.commands = clients.sent.get() as u64;
    run.per_second = run.commands as f64 / elapsed.as_secs_f64();
    Ok(run.costing(spent).asking(asked))
}

impl Clients {
    fn go_on(&self) -> bool {
        self.sent.get() < COMMANDS_MAX && self.began.elapsed() < self.time
    }

    async fn single(&self, mut connection: Connection) -> anyhow::Result<()> {
        while self.go_on() {
            self.sent.set(self.sent.get() + 1);
            let act = self.acts.borrow_mut().next();
            let token = &self.tokens[act.actor];
            let arguments = act.wish.json();
            let sent = Instant::now();
            let answering =
                connection.command(token, act.wish.command(), Some(&act.id), &arguments);
            let Answer { status, body } = answering.await?;
            self.latencies_us.borrow_mut().push(sent.elapsed().as_secs_f64() * 1e6);
            match status {
                200 => {}
                422 => self.refused.set(self.refused.get() + 1),
                _ => anyhow::bail!("HTTP {status}: {}", String::from_utf8_lossy(&body)),
            }
        }
        Ok(())
    }

    async fn batches(&self, mut connection: Connection) -> anyhow::Result<()> {
        while self.go_on() {
            self.sent.set(self.sent.get() + BATCH_LINES);
            let (actor, body) = self.batch();
            let head = format!(
                "POST /v1/commands HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: \
                 application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}",
                connection.address,
                self.tokens[actor],
                body.len()
            );
            let sent = Instant::now();
            let Answer { status, body } = connection.ask(head.as_bytes()).await?;
            self.latencies_us.borrow_mut().push(sent.elapsed().as_secs_f64() * 1e6);
            let body = String::from_utf8(body)?;
            ensure!(status == 200, "HTTP {status}: {body}");
            let with = |status: &str| body.lines().filter(|line| line.contains(status)).count();
            let (accepted, refused) = (with(r#""status":200"#), with(r#""status":422"#));
            self.refused.set(self.refused.get() + refused as u64);
            let other = || body.lines().find(|line| line.contains("problem")).unwrap_or(&body);
            ensure!(accepted + refused == BATCH_LINES, "a batch came to {}", other());
        }
        Ok(())
    }

    /// One actor's batch.
    fn batch(&self) -> (usize, String) {
        let mut acts = self.acts.borrow_mut();
        let mut lines = String::new();
        let mut actor = 0;
        for _ in 0..BATCH_LINES {
            let act = acts.next();
            actor = act.actor;
            let (id, name, arguments) = (&act.id, act.wish.command(), act.wish.json());
            lines.push_str(&format!(
                "{{\"command\":\"{name}\",\"id\":\"{id}\",\"arguments\":{arguments}}}\n"
            ));
        }
        (actor, lines)
    }
}
