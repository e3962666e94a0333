//! "Place order" over HTTP: the real server in a process of its own, keep-alive connections from this
//! one, on the loopback address. Each connection sends one command and waits, or whole batches.

use std::cell::{Cell, RefCell};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use deeds_engine::actor::Roles;
use deeds_engine::app::App as _;
use deeds_pipeline::host::Host;
use deeds_server::{Authentication, Server, ServerOptions, TokenIssuer};
use food_bank::FoodBank;
use futures_util::future::try_join_all;
use tokio::runtime;

use crate::figures::Run;
use crate::http_connection::{Answer, Connection};
use crate::in_process::COMMANDS_MAX;
use crate::load::{Load, Orders, neighbor};
use crate::{bank, machine};

/// The key that the measured server trusts and the clients' tokens are signed with.
const KEY_FILE: &str = "token.key";

pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);

/// Lines of one batch: a small import.
const BATCH_LINES: usize = 1_000;

/// Serves a new, stocked bank until standard input ends; what the other process runs.
pub(crate) fn serve(directory: &Path) -> anyhow::Result<()> {
    let node = Arc::new(bank::stocked(directory)?);
    let options = ServerOptions {
        pages: &[],
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        authentication: Authentication::Tokens(issuer(directory)?.verifier()),
        public_hosts: Vec::new(),
        data_directory: Some(directory.to_owned()),
        open_metrics: false,
    };
    let server = Server::start(Arc::clone(&node) as Arc<dyn Host>, options)?;
    println!("{}", server.address());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    ensure!(server.stop(), "the server did not end in time");
    ensure!(node.shutdown(TOKEN_LIFETIME), "the food bank did not close in time");
    Ok(())
}

/// Makes the tokens that the server in this directory takes.
pub(crate) fn issuer(directory: &Path) -> anyhow::Result<TokenIssuer> {
    Ok(TokenIssuer::open(&directory.join(KEY_FILE), FoodBank::NAME)?)
}

/// The other process.
pub(crate) struct Serving {
    process: Child,
    pub(crate) address: SocketAddr,
}

impl Serving {
    pub(crate) fn start(directory: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("serve").arg(directory).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn()?;
        let said = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim().parse().context("the server names its address")?;
        Ok(Self { process, address })
    }

    /// Its number, as `/proc` names it.
    pub(crate) fn process(&self) -> String {
        self.process.id().to_string()
    }

    pub(crate) fn stop(mut self) -> anyhow::Result<()> {
        drop(self.process.stdin.take());
        let status = self.process.wait()?;
        ensure!(status.success(), "the server ended with {status}");
        Ok(())
    }
}

/// What the connections share.
struct Clients {
    orders: RefCell<Orders>,
    tokens: Vec<String>,
    began: Instant,
    time: Duration,
    /// Commands sent.
    sent: Cell<usize>,
    latencies_us: RefCell<Vec<f64>>,
    refused: Cell<u64>,
}

/// Single commands over so many connections.
pub(crate) fn measure(
    directory: &Path,
    load: Load,
    connections: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    run(directory, load, connections, time, seed, Way::Single)
}

/// Batches over so many connections. A latency is that of a whole batch.
pub(crate) fn measure_batch(
    directory: &Path,
    load: Load,
    connections: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    run(directory, load, connections, time, seed, Way::Batch)
}

#[derive(Clone, Copy)]
enum Way {
    Single,
    Batch,
}

fn run(
    directory: &Path,
    load: Load,
    connections: usize,
    time: Duration,
    seed: u64,
    way: Way,
) -> anyhow::Result<Run> {
    let serving = Serving::start(directory)?;
    let run = drive(&serving, &issuer(directory)?, load, connections, time, seed, way)?;
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
    drive(serving, issuer, Load::Uniform, connections, time, seed, Way::Single)
}

fn drive(
    serving: &Serving,
    issuer: &TokenIssuer,
    load: Load,
    connections: usize,
    time: Duration,
    seed: u64,
    way: Way,
) -> anyhow::Result<Run> {
    let issue = |number| issuer.issue(&neighbor(number), &Roles::none(), TOKEN_LIFETIME);
    let orders = Orders::new(load, seed, bank::now_ms());
    let tokens = (1..=orders.actors().len() as u64).map(issue).collect();
    let clients = Clients {
        orders: RefCell::new(orders),
        tokens,
        began: Instant::now(),
        time,
        sent: Cell::new(0),
        latencies_us: RefCell::default(),
        refused: Cell::new(0),
    };
    let server = serving.process();
    let spent_before = machine::processor(&server).own;
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
    let spent = machine::processor(&server).own - spent_before;
    let latencies_us = clients.latencies_us.into_inner();
    let mut run = Run::of(latencies_us, clients.refused.get(), elapsed);
    run.commands = clients.sent.get() as u64;
    run.per_second = run.commands as f64 / elapsed.as_secs_f64();
    Ok(run.costing(spent))
}

impl Clients {
    fn go_on(&self) -> bool {
        self.sent.get() < COMMANDS_MAX && self.began.elapsed() < self.time
    }

    async fn single(&self, mut connection: Connection) -> anyhow::Result<()> {
        while self.go_on() {
            self.sent.set(self.sent.get() + 1);
            let order = self.orders.borrow_mut().next();
            let token = &self.tokens[order.neighbor];
            let (id, body) = (&order.id, Orders::json(&order));
            let head = format!(
                "POST /v1/commands/PlaceOrder HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {token}\
                 \r\nContent-Type: application/json\r\nIdempotency-Key: {id}\r\nContent-Length: {}\
                 \r\n\r\n{body}",
                connection.address,
                body.len()
            );
            let sent = Instant::now();
            let Answer { status, body } = connection.ask(head.as_bytes()).await?;
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
            let (neighbor, body) = self.batch();
            let head = format!(
                "POST /v1/commands HTTP/1.1\r\nHost: {}\r\nAuthorization: Bearer {}\r\nContent-Type: \
                 application/x-ndjson\r\nContent-Length: {}\r\n\r\n{body}",
                connection.address,
                self.tokens[neighbor],
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

    /// One neighbor's batch.
    fn batch(&self) -> (usize, String) {
        let mut orders = self.orders.borrow_mut();
        let mut lines = String::new();
        let mut neighbor = 0;
        for _ in 0..BATCH_LINES {
            let order = orders.next();
            neighbor = order.neighbor;
            let (id, arguments) = (&order.id, Orders::json(&order));
            lines.push_str(&format!(
                "{{\"command\":\"PlaceOrder\",\"id\":\"{id}\",\"arguments\":{arguments}}}\n"
            ));
        }
        (neighbor, lines)
    }
}
