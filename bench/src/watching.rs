//! Those who watch, in a process of their own: many sockets that read what comes and look at no more of
//! it than a measurement needs, so that they take little from the machine that is measured.

use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use clap::Args;
use deeds_client::message::{self, PROTOCOL, SUBPROTOCOL, ToServer, Wanted};
use deeds_engine::actor::Roles;
use deeds_server::TokenIssuer;
use deeds_values::Timestamp;
use food_bank::Role;
use futures_util::{SinkExt as _, StreamExt as _};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::protocol::Message;
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::figures::percentile;
use crate::serving::{Served, TOKEN_LIFETIME};
use crate::work::{NEIGHBORS, neighbor};

/// Sockets that are being opened at once: a page that is reloaded by everybody is another measurement.
const OPENING_AT_ONCE: usize = 64;

/// How often a socket says that it is there.
const PING_EVERY: Duration = Duration::from_secs(20);

/// How many watch what.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct Crowd {
    /// Neighbors with their own orders.
    #[arg(long, default_value_t = 0)]
    pub(crate) my_orders: u64,
    /// Volunteers with the pick list.
    #[arg(long, default_value_t = 0)]
    pub(crate) pick_lists: u64,
    /// Admins with the dashboard.
    #[arg(long, default_value_t = 0)]
    pub(crate) dashboards: u64,
}

/// What the process is told.
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    address: SocketAddr,
    directory: PathBuf,
    #[command(flatten)]
    crowd: Crowd,
}

/// What was seen since the last time somebody asked.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Sight {
    /// Ticks that brought something.
    pub(crate) ticks: u64,
    pub(crate) bytes: u64,
    /// From the making of the last record in a tick to its arrival.
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    #[serde(skip)]
    latencies_ms: Vec<f64>,
}

/// What is looked at of a message; the rest is skipped.
#[derive(Deserialize)]
struct Head {
    r#type: String,
    time: Option<Timestamp>,
    error: Option<Value>,
}

type Sights = Arc<Mutex<Sight>>;
type Socket = WebSocketStream<TcpStream>;

/// Opens all sockets, says `ready`, and what it saw for each line, until standard input ends.
pub(crate) fn watch(arguments: &Arguments) -> anyhow::Result<()> {
    let issuer = Served::FoodBank.issuer(&arguments.directory)?;
    let sights = Sights::default();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    // The runtime lives on this thread; lines come on another.
    let (lines, mut asked) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lock().lines() {
            if line.is_err() || lines.send(()).is_err() {
                return;
            }
        }
    });
    runtime.block_on(async {
        let mut watching = JoinSet::new();
        open_all(arguments, &issuer, &sights, &mut watching).await?;
        say("ready")?;
        loop {
            tokio::select! {
                line = asked.recv() => {
                    if line.is_none() {
                        return Ok(());
                    }
                    let sight = std::mem::take(&mut *sights.lock().expect("nobody panics"));
                    say(&serde_json::to_string(&sight.summed_up())?)?;
                }
                Some(ended) = watching.join_next() => ended??,
            }
        }
    })
}

fn say(line: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}

/// Opens all sockets, some at a time, and waits until each has its first result.
async fn open_all(
    arguments: &Arguments,
    issuer: &TokenIssuer,
    sights: &Sights,
    watching: &mut JoinSet<anyhow::Result<()>>,
) -> anyhow::Result<()> {
    let Crowd { my_orders, pick_lists, dashboards } = arguments.crowd;
    let staff = Roles::none().and(&Role::Admin);
    let mine = (0..my_orders).map(|n| ("MyOrders", json!({"status": null}), n, Roles::none()));
    let lists = (0..pick_lists).map(|n| ("PickList", json!({}), n, staff.clone()));
    let boards = (0..dashboards).map(|n| ("Dashboard", json!({}), n, staff.clone()));
    let slots = Arc::new(Semaphore::new(OPENING_AT_ONCE));
    let mut opening = JoinSet::new();
    for (query, args, number, roles) in mine.chain(lists).chain(boards) {
        let actor = neighbor(1 + number % NEIGHBORS);
        let token = issuer.issue(&actor, &roles, TOKEN_LIFETIME);
        let (slots, address) = (Arc::clone(&slots), arguments.address);
        opening.spawn(async move {
            let _slot = slots.acquire_owned().await.context("nobody closes it")?;
            open(address, &token, query, &args).await
        });
    }
    while let Some(opened) = opening.join_next().await {
        watching.spawn(follow(opened??, Arc::clone(sights)));
    }
    Ok(())
}

async fn open(
    address: SocketAddr,
    token: &str,
    query: &str,
    args: &Value,
) -> anyhow::Result<Socket> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let mut request = format!("ws://{address}/v1/live").into_client_request()?;
    request.headers_mut().insert("Sec-WebSocket-Protocol", SUBPROTOCOL.parse()?);
    let (mut socket, _) = client_async(request, stream).await?;
    let subs = vec![Wanted { sub: 1, query, args }];
    let hello = ToServer::Hello { protocol: PROTOCOL, token, resume: None, subs };
    socket.send(Message::Binary(message::write(&hello).into())).await?;
    loop {
        let frame = socket.next().await.context("the server closed a socket")??;
        if heads(&frame)?.iter().any(|head| head.r#type == "tick") {
            return Ok(socket);
        }
    }
}

/// Reads what comes, for as long as it comes.
async fn follow(mut socket: Socket, sights: Sights) -> anyhow::Result<()> {
    let mut pings = tokio::time::interval(PING_EVERY);
    pings.tick().await;
    loop {
        let frame = tokio::select! {
            frame = socket.next() => frame.context("the server closed a socket")??,
            _ = pings.tick() => {
                let ping = message::write(&ToServer::Ping { n: 0 });
                socket.send(Message::Binary(ping.into())).await?;
                continue;
            }
        };
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs_f64() * 1e3;
        let heads = heads(&frame)?;
        let times = heads.iter().filter(|head| head.r#type == "tick").filter_map(|head| head.time);
        let mut sight = sights.lock().expect("nobody panics");
        sight.bytes += frame.len() as u64;
        for time in times {
            sight.ticks += 1;
            sight.latencies_ms.push(now - time.0 as f64 / 1e3);
        }
    }
}

fn heads(frame: &Message) -> anyhow::Result<Vec<Head>> {
    let Message::Binary(bytes) = frame else {
        ensure!(!frame.is_close(), "the server closed a socket");
        return Ok(Vec::new());
    };
    // An array of messages begins with one of these.
    let several = matches!(bytes.first(), Some(0x90..=0x9f | 0xdc | 0xdd));
    let heads: Vec<Head> =
        if several { rmp_serde::from_slice(bytes)? } else { vec![rmp_serde::from_slice(bytes)?] };
    for Head { r#type, error, .. } in &heads {
        if r#type == "bye" || r#type == "fail" {
            bail!("the server said {}: {error:?}", r#type);
        }
    }
    Ok(heads)
}

impl Sight {
    fn summed_up(mut self) -> Self {
        self.latencies_ms.sort_by(f64::total_cmp);
        self.p50_ms = percentile(&self.latencies_ms, 50);
        self.p99_ms = percentile(&self.latencies_ms, 99);
        self
    }
}
