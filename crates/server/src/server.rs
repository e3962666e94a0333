//! The server: a socket, threads for it, and a bounded end.
//!
//! [`Server::start`] binds the address and serves until [`Server::stop`]. Stopping: no new connections;
//! idle ones are closed; requests under way get [`DRAIN_TIME_MAX`]; then what is left is cut off. The
//! host is stopped after that, by whoever started it, so that requests under way still have one.
//!
//! Limits here are those of connections: how many, how slow, how long their headers. The limits of
//! bodies stand in [`crate::body`], [`crate::batch`] and [`crate::queries`].

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::num::NonZero;
use std::path::PathBuf;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use deeds_pipeline::host::{Health, Host};
use deeds_values::Position;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{self, Runtime};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot, watch};
use tokio::task::JoinHandle;

use crate::access::{TokenIssuer, TokenVerifier};
use crate::dev::{Dev, Person};
use crate::gateway::{Gateway, Peer, router};
use crate::host_names::HostNames;
use crate::live::hub::Hub;
use crate::live::sockets::Sockets;
use crate::metrics::Metrics;
use crate::openapi::{openapi, version};
use crate::pages::{self, Page};
use crate::patient_stream::{PatientStream, UNREAD_TIME_MAX};
use crate::queries;
use crate::revocation::Revocations;
use crate::security_journal::SecurityJournal;
use crate::signals::Signals;

/// How many connections may be open; more wait to be accepted. At some 20 KiB each, 40 MiB.
pub const CONNECTIONS_MAX: u32 = 2_048;

/// How long the headers of a request may take to come, and how long a connection may be idle before
/// them: who sends a byte now and then does not keep a connection.
const HEADER_TIME_MAX: Duration = Duration::from_secs(30);

/// How long the first line and the headers may be: a token of 8 KiB and a query's arguments.
const HEADER_BYTES_MAX: usize = 32 * 1024;

/// How many headers: browsers and proxies send some thirty.
const HEADERS_MAX: usize = 64;

/// How long requests that are under way have when the server is asked to stop: longer than an fsync
/// on a bad day, shorter than what service managers wait before they kill (10 to 90 s).
pub const DRAIN_TIME_MAX: Duration = Duration::from_secs(5);

/// How long threads of queries have after that; they only read.
const THREADS_TIME_MAX: Duration = Duration::from_secs(1);

/// How long to wait after accepting failed: it fails when file descriptors run out, and goes on
/// failing until one is closed.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// How the server is run.
pub struct ServerOptions {
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// How callers prove who they are.
    pub authentication: Authentication,
    /// The names, besides those of the loopback address, that requests may be for: `bank.example`,
    /// or `bank.example:8443` if only that port counts.
    pub public_hosts: Vec<String>,
    /// Where the security journal is kept; none keeps none.
    pub data_directory: Option<PathBuf>,
    /// Pages of the app's own; without any, the front door is at `/`.
    pub pages: &'static [Page],
    /// Whether `/metrics` is for everybody who reaches the server, and not for operators alone.
    pub open_metrics: bool,
}

/// How callers prove who they are.
pub enum Authentication {
    /// By a token that the verifier takes.
    Tokens(TokenVerifier),
    /// By a token that the server gives to everybody who asks. On the loopback address alone.
    Development {
        /// Makes the tokens, and is the one whose tokens are taken.
        issuer: TokenIssuer,
        /// Whom the app suggests to be.
        people: Vec<Person>,
    },
}

/// The server could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Development gives tokens to everybody.
    #[error(
        "development gives a token to everybody who asks, so it listens on the loopback address \
         only; {address} is another: start without --dev, or listen on 127.0.0.1"
    )]
    DevelopmentIsLocal {
        /// The address asked for.
        address: SocketAddr,
    },
    /// Nobody could ask anything.
    #[error("no key is trusted, so no token would be taken: name a public key, or a key file")]
    NoTrustedKey,
    /// Requests from elsewhere would all be turned away.
    #[error(
        "{address} can be reached from elsewhere, and no name is configured that requests may be \
         for: name one, like --public-host bank.example"
    )]
    NoPublicHost {
        /// The address asked for.
        address: SocketAddr,
    },
    /// The address is taken, or not ours.
    #[error("cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// The cause.
        source: io::Error,
    },
    /// The security journal cannot be written.
    #[error("cannot open the security journal in {}", .directory.display())]
    SecurityJournal {
        /// The data directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// Which tokens no longer count cannot be read.
    #[error("cannot read which tokens were revoked in {}", .directory.display())]
    Revocations {
        /// The data directory.
        directory: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// No threads.
    #[error("cannot start the server's threads")]
    Threads {
        /// The cause.
        source: io::Error,
    },
}

impl StartError {
    /// Whether another process listens there already.
    pub fn is_address_in_use(&self) -> bool {
        matches!(self, Self::Listen { source, .. } if source.kind() == io::ErrorKind::AddrInUse)
    }
}

/// Why a server should stop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ended {
    /// Somebody asked: SIGINT or SIGTERM.
    Asked {
        /// The signal's name.
        signal: &'static str,
    },
    /// The host has stopped by itself: the chronicle failed.
    HostStopped {
        /// Why.
        reason: String,
    },
}

/// A running server.
pub struct Server {
    address: SocketAddr,
    host: Arc<dyn Host>,
    stop: watch::Sender<bool>,
    sockets: Arc<Sockets>,
    accepting: JoinHandle<()>,
    runtime: Runtime,
}

impl Server {
    /// Binds the address and serves, on threads of its own.
    pub fn start(host: Arc<dyn Host>, options: ServerOptions) -> Result<Self, StartError> {
        check(&options)?;
        let threads = |source| StartError::Threads { source };
        let runtime = runtime::Builder::new_multi_thread()
            .worker_threads(network_threads())
            .thread_name("deeds-http")
            .enable_all()
            .build()
            .map_err(threads)?;
        let listening = |source| StartError::Listen { address: options.listen, source };
        let listener = runtime.block_on(TcpListener::bind(options.listen)).map_err(listening)?;
        let address = listener.local_addr().map_err(listening)?;
        let (stop, stopping) = watch::channel(false);
        let gateway = gateway(Arc::clone(&host), options, address, stopping.clone())?;
        let sockets = Arc::clone(&gateway.sockets);
        runtime.spawn(Arc::clone(&gateway.replies).hand_out());
        let accepting = runtime.spawn(accept(listener, gateway, stopping));
        Ok(Self { address, host, stop, sockets, accepting, runtime })
    }

    /// The address it listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Waits until there is a reason to stop.
    pub fn wait(&self, mut signals: Signals) -> Ended {
        self.runtime.block_on(async {
            tokio::select! {
                Ok(signal) = &mut signals.first => Ended::Asked { signal },
                reason = stopped(&*self.host) => Ended::HostStopped { reason },
            }
        })
    }

    /// Stops: what is under way has [`DRAIN_TIME_MAX`] to end. Says whether all of it did.
    pub fn stop(self) -> bool {
        self.stop.send_replace(true);
        let drained = self
            .runtime
            .block_on(async { tokio::time::timeout(DRAIN_TIME_MAX, self.accepting).await.is_ok() });
        self.runtime.shutdown_timeout(THREADS_TIME_MAX);
        self.sockets.hub.stop();
        drained
    }
}

/// How many threads serve sockets: one for two cores, since the engine's and the chronicle's want as
/// many, and each one more is woken along with the first only to find nothing. On two cores, one
/// instead of two saves 7 % of the time that 64 HTTP clients cost, and 17 % of what a waiting one does.
/// What takes long or reads the disk has threads of its own.
fn network_threads() -> usize {
    const CORES_PER_THREAD: usize = 2;
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    (cores / CORES_PER_THREAD).max(1)
}

/// Refuses what would be open to everybody, or to nobody.
fn check(options: &ServerOptions) -> Result<(), StartError> {
    let address = options.listen;
    let local = address.ip().is_loopback();
    match &options.authentication {
        Authentication::Development { .. } if !local => {
            Err(StartError::DevelopmentIsLocal { address })
        }
        Authentication::Tokens(verifier) if !verifier.trusts_anybody() => {
            Err(StartError::NoTrustedKey)
        }
        _ if !local && options.public_hosts.is_empty() => Err(StartError::NoPublicHost { address }),
        _ => Ok(()),
    }
}

fn gateway(
    host: Arc<dyn Host>,
    options: ServerOptions,
    address: SocketAddr,
    stopping: watch::Receiver<bool>,
) -> Result<Arc<Gateway>, StartError> {
    let directory = options.data_directory;
    let revocations = Revocations::open(directory.as_deref()).map_err(|source| {
        StartError::Revocations { directory: directory.clone().unwrap_or_default(), source }
    })?;
    let journal = SecurityJournal::open(directory.as_deref()).map_err(|source| {
        StartError::SecurityJournal { directory: directory.unwrap_or_default(), source }
    })?;
    let (verifier, dev) = match options.authentication {
        Authentication::Tokens(verifier) => (verifier, None),
        Authentication::Development { issuer, people } => {
            (issuer.verifier(), Some(Dev { issuer, people }))
        }
    };
    let schema = host.schema();
    let schema_json = serde_json::to_vec(&*schema).expect("a schema always serializes");
    let sockets = Arc::new(Sockets::new(Hub::start(Arc::clone(&host))));
    let openapi_json = openapi(&schema).to_string().into_bytes();
    let published = follow_published(&*host);
    Ok(Arc::new(Gateway {
        pages: options.pages,
        page: pages::page_for(&schema.app, dev.is_some()),
        schema,
        schema_hash: version(&schema_json),
        schema_json: schema_json.into(),
        openapi_json: openapi_json.into(),
        verifier,
        revocations,
        sockets,
        replies: Arc::default(),
        dev,
        open_metrics: options.open_metrics,
        host_names: HostNames::new(&options.public_hosts, address),
        journal,
        metrics: Metrics::new(&crate::gateway::ROUTES),
        published,
        stopping,
        query_slots: Arc::new(Semaphore::new(queries::RUNNING_MAX)),
        host,
    }))
}

/// The published position, as something that can be waited for.
fn follow_published(host: &dyn Host) -> watch::Receiver<Position> {
    let (sender, receiver) = watch::channel(host.published());
    let sender = Arc::new(sender);
    let moved = |sender: &watch::Sender<Position>, position: Position| {
        sender.send_if_modified(|known| {
            let is_later = position > *known;
            *known = position.max(*known);
            is_later
        });
    };
    let follower = Arc::clone(&sender);
    host.on_publish(Box::new(move |published| moved(&follower, published.view.position())));
    // What was published while the callback was not there yet.
    moved(&sender, host.published());
    receiver
}

async fn accept(listener: TcpListener, gateway: Arc<Gateway>, mut stopping: watch::Receiver<bool>) {
    let sockets = Arc::clone(&gateway.sockets);
    let router = router(Arc::clone(&gateway));
    let slots = Arc::new(Semaphore::new(CONNECTIONS_MAX as usize));
    loop {
        let accepted = tokio::select! {
            accepted = accept_one(&listener, &slots) => accepted,
            () = until_true(&mut stopping) => break,
        };
        match accepted {
            Ok((stream, peer, slot)) => {
                let (gateway, router) = (Arc::clone(&gateway), router.clone());
                let stopping = stopping.clone();
                tokio::spawn(serve(stream, peer.ip(), slot, gateway, router, stopping));
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    // Every connection holds a slot: with all of them, none is left.
    drop(slots.acquire_many(CONNECTIONS_MAX).await.expect("the slots are never closed"));
    // Live sockets say `bye` first.
    sockets.all_closed().await;
}

async fn accept_one(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> io::Result<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.expect("the slots are never closed");
    let (stream, peer) = listener.accept().await?;
    stream.set_nodelay(true)?;
    Ok((stream, peer, slot))
}

/// One connection, from its first byte to its last.
async fn serve(
    stream: TcpStream,
    peer: IpAddr,
    slot: OwnedSemaphorePermit,
    gateway: Arc<Gateway>,
    router: Router,
    mut stopping: watch::Receiver<bool>,
) {
    gateway.metrics.connections.fetch_add(1, Relaxed);
    let stream = PatientStream::new(stream, UNREAD_TIME_MAX);
    let service = service_fn(move |request: hyper::Request<hyper::body::Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        let mut router = router.clone();
        async move {
            // A router is ready always, and never fails.
            tower_service::Service::call(&mut router, request).await
        }
    });
    // Not `pipeline_flush`: with it hyper hangs up before a 431 has left.
    let mut connection = pin!(
        http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEADER_TIME_MAX)
            .max_headers(HEADERS_MAX)
            .max_header_size(HEADER_BYTES_MAX)
            .serve_connection(TokioIo::new(stream), service)
            .with_upgrades()
    );
    let served = tokio::select! {
        served = connection.as_mut() => served,
        () = until_true(&mut stopping) => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = served {
        // Clients come and go; whoever looks for trouble finds it here.
        tracing::debug!(target: "deeds::http", %error, "a connection broke off");
    }
    gateway.metrics.connections.fetch_sub(1, Relaxed);
    drop(slot);
}

/// Waits for a flag that is raised once.
pub(crate) async fn until_true(flag: &mut watch::Receiver<bool>) {
    // Without a sender the server has been dropped, which means the same.
    drop(flag.wait_for(|flag| *flag).await);
}

async fn stopped(host: &dyn Host) -> String {
    let (tell, told) = oneshot::channel();
    host.on_stop(Box::new(move || tell.send(()).unwrap_or_default()));
    // A host that is gone tells nobody, and has stopped as well.
    drop(told.await);
    match host.health() {
        Health::Stopped { reason } => reason,
        _ => "the host has stopped".to_owned(),
    }
}
