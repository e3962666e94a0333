//! `serve`: opens the chronicle and serves it over HTTP until it is told to stop.

use std::io::Write;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use deeds_pipeline::room::KEEP_FREE_BYTES;
use deeds_pipeline::snapshot::{SNAPSHOT_EVERY, SnapshotPolicy};
use deeds_server::{
    Authentication, Ended, PublicKey, Server, ServerOptions, Signals, StartError, TokenIssuer,
    TokenVerifier, TrustedIssuer,
};

use crate::cli::exit::{Exit, Failure, chain};
use crate::cli::logging::{self, LogForm};
use crate::cli::opening::{self, Guarding, Keeping};
use crate::cli::place::{CheckpointKeyArguments, KeyArguments};
use crate::cli::seed;
use crate::program::{Program, Running};

/// Serve the app over HTTP
///
/// Opens the chronicle in the data directory, or founds one there, and serves it. SIGTERM or Ctrl-C
/// ends it: what was taken in is recorded and answered first.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Development: anybody is whoever they say, the app's seed is sent, and no guard file is kept.
    /// Only on a loopback address.
    #[arg(long)]
    dev: bool,
    /// The address to listen on; port 0 takes a free one.
    #[arg(long, env = "DEEDS_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    key: KeyArguments,
    #[command(flatten)]
    checkpoint_key: CheckpointKeyArguments,
    /// A name that clients reach this server by, besides localhost; repeatable.
    #[arg(long = "public-host", value_name = "NAME")]
    public_hosts: Vec<String>,
    /// Take the tokens of another issuer, too, signed with the Ed25519 key whose public part is in a
    /// PEM file; repeatable.
    #[arg(
        long = "trust",
        value_name = "ISSUER=FILE.pem",
        value_parser = parse_trust,
        conflicts_with = "dev"
    )]
    trusted: Vec<(String, PathBuf)>,
    /// Let everybody who reaches the server read /metrics, not operators alone.
    #[arg(long)]
    open_metrics: bool,
    /// Send the app's seed first; --dev does.
    #[arg(long)]
    seed: bool,
    /// Send no seed, in spite of --dev.
    #[arg(long, conflicts_with = "seed")]
    no_seed: bool,
    /// Keep no guard file.
    #[arg(long)]
    no_guard: bool,
    /// Check the app's invariants after every command; slow where there are many rows.
    #[arg(long)]
    check_invariants: bool,
    /// Take a snapshot after so many records, in the background, so that the next start is quick;
    /// 0 takes none.
    #[arg(
        long,
        env = "DEEDS_SNAPSHOT_EVERY",
        default_value_t = SNAPSHOT_EVERY,
        value_name = "RECORDS"
    )]
    snapshot_every: u64,
    /// Refuse commands while less of the disk is free, like 512MiB or 2GiB; queries and backups go on.
    /// 0 fills it to the last byte.
    #[arg(
        long,
        env = "DEEDS_KEEP_FREE",
        default_value = KEEP_FREE_DEFAULT,
        value_name = "BYTES",
        value_parser = parse_bytes
    )]
    keep_free: u64,
    /// The form of log lines.
    #[arg(long, value_enum, default_value = "human", value_name = "FORM")]
    log: LogForm,
    /// What is logged, like deeds=debug.
    #[arg(long, env = "DEEDS_LOG", value_name = "FILTER")]
    log_filter: Option<String>,
}

/// [`KEEP_FREE_BYTES`] as it is said on the command line.
const KEEP_FREE_DEFAULT: &str = "256MiB";

const _: () = assert!(KEEP_FREE_BYTES == 256 << 20);

/// How long the chronicle has to record what was taken in and to close, once requests have ended.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(5);

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    logging::start(arguments.log, arguments.log_filter.as_deref()).map_err(Failure::usage)?;
    look_at_address(arguments).map_err(|error| start_failure(&error))?;
    let guarding = if arguments.dev || arguments.no_guard { Guarding::Off } else { Guarding::On };
    let keeping = Keeping {
        guarding,
        check_invariants: arguments.check_invariants,
        snapshots: snapshots(arguments.snapshot_every),
        keep_free_bytes: arguments.keep_free,
    };
    let (data, checkpoint_key) = (&arguments.key.data, &arguments.checkpoint_key);
    let running = opening::start(program, data, checkpoint_key, keeping)?;
    if arguments.seed || (arguments.dev && !arguments.no_seed) {
        let sown = seed::sow(running.host.as_ref(), (program.seed)())?;
        tracing::info!("{sown}");
    }
    let signals = Signals::watch()
        .map_err(|error| Failure::failed(format!("cannot watch signals: {error}")))?;
    let server = Server::start(running.host.clone(), options(program, arguments)?)
        .map_err(|error| start_failure(&error))?;
    let url = format!("http://{}", server.address());
    tell(program, arguments.dev, &url, out)?;

    let ended = server.wait(signals);
    if let Ended::Asked { signal } = &ended {
        tracing::info!(signal, "stopping");
    }
    if !server.stop() {
        tracing::warn!("some requests had not ended and were cut off");
    }
    close(&running, ended)
}

fn snapshots(every: u64) -> SnapshotPolicy {
    let every_records = (every > 0).then_some(every);
    SnapshotPolicy { every_records, ..SnapshotPolicy::default() }
}

/// Before a replay that may take long: fails at once where the server would not start after it.
fn look_at_address(arguments: &Arguments) -> Result<(), StartError> {
    let address = arguments.listen;
    if !address.ip().is_loopback() {
        if arguments.dev {
            return Err(StartError::DevelopmentIsLocal { address });
        }
        if arguments.public_hosts.is_empty() {
            return Err(StartError::NoPublicHost { address });
        }
    }
    let probe = TcpListener::bind(address);
    probe.map(drop).map_err(|source| StartError::Listen { address, source })
}

fn options(program: &Program, arguments: &Arguments) -> Result<ServerOptions, Failure> {
    let failed = |error: &dyn std::error::Error| Failure::failed(chain(error));
    let issuer = arguments.key.open(program.name)?;
    let authentication = if arguments.dev {
        let people = (program.people)().into_iter().map(|person| deeds_server::Person {
            actor: person.actor,
            roles: person.roles.names().map(str::to_owned).collect(),
            about: person.about.to_owned(),
        });
        Authentication::Development { issuer, people: people.collect() }
    } else {
        let mut issuers = vec![TokenIssuer::trusted(&issuer)];
        for (name, file) in &arguments.trusted {
            let key = PublicKey::from_file(file).map_err(|error| failed(&error))?;
            issuers.push(TrustedIssuer {
                issuer: name.clone(),
                audience: program.name.to_owned(),
                keys: vec![key],
            });
        }
        Authentication::Tokens(TokenVerifier::trusting(issuers))
    };
    Ok(ServerOptions {
        pages: (program.pages)(),
        listen: arguments.listen,
        authentication,
        public_hosts: arguments.public_hosts.clone(),
        data_directory: Some(arguments.key.data.directory(program.name)),
        open_metrics: arguments.open_metrics,
    })
}

/// A number of bytes: digits, and perhaps a unit.
fn parse_bytes(text: &str) -> Result<u64, &'static str> {
    let units = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0), ("", 0)];
    let unit = units.into_iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, shift)));
    let (digits, shift) = unit.expect("every text ends with nothing");
    let number: u64 =
        digits.trim_end().parse().map_err(|_| "this is no size like 512MiB or 2GiB")?;
    number.checked_mul(1 << shift).ok_or("no disk is so large")
}

fn parse_trust(text: &str) -> Result<(String, PathBuf), &'static str> {
    match text.split_once('=') {
        Some((issuer, file)) if !issuer.is_empty() && !file.is_empty() => {
            Ok((issuer.to_owned(), PathBuf::from(file)))
        }
        _ => Err("this is no ISSUER=FILE.pem"),
    }
}

fn start_failure(error: &StartError) -> Failure {
    let what = chain(error);
    if error.is_address_in_use() {
        return Failure::new(Exit::AddressInUse, what)
            .advise("Stop the process that listens there, or choose another with --listen.");
    }
    match error {
        StartError::DevelopmentIsLocal { .. }
        | StartError::NoTrustedKey
        | StartError::NoPublicHost { .. } => Failure::usage(what),
        StartError::Listen { .. }
        | StartError::SecurityJournal { .. }
        | StartError::Revocations { .. }
        | StartError::Threads { .. } => Failure::failed(what),
    }
}

/// Says where it serves, and in development what to try. The first line is for programs, too.
fn tell(program: &Program, dev: bool, url: &str, out: &mut dyn Write) -> Result<(), Failure> {
    writeln!(out, "{} serves {url}", program.name)?;
    if dev {
        let people = (program.people)();
        if !people.is_empty() {
            writeln!(out, "\nAnybody may be (--as NAME):")?;
        }
        for person in &people {
            writeln!(out, "  {:<12}{}", person.actor.as_str(), person.about)?;
        }
        let hints = (program.hints)();
        if !hints.is_empty() {
            writeln!(out, "\nOpen {url} in a browser, or try, in another terminal:")?;
        }
        let started = started_as(program.name);
        for hint in &hints {
            let line = hint.line.replace("{program}", &started).replace("{url}", url);
            writeln!(out, "  # {}\n  {line}", hint.does)?;
        }
        writeln!(out, "\nCtrl-C stops it.")?;
    }
    out.flush()?;
    Ok(())
}

/// How this program can be started from the same directory: as it was, or by its path from here.
fn started_as(name: &str) -> String {
    let started = std::env::args().next().unwrap_or_else(|| name.to_owned());
    let here = std::env::current_dir().map(|here| format!("{}/", here.display()));
    match here {
        Ok(here) => started.strip_prefix(&here).unwrap_or(&started).to_owned(),
        Err(_) => started,
    }
}

/// Closes the chronicle and says how it all ended.
fn close(running: &Running, ended: Ended) -> Result<Exit, Failure> {
    let closed = (running.shutdown)(CLOSE_TIME_MAX);
    match ended {
        Ended::Asked { .. } if closed => {
            tracing::info!("the chronicle is closed");
            Ok(Exit::Done)
        }
        Ended::Asked { .. } => Err(Failure::new(
            Exit::ChronicleFailed,
            format!("the chronicle was not closed within {} s", CLOSE_TIME_MAX.as_secs()),
        )
        .advise("It is whole, as after a crash: what was answered is recorded.")),
        Ended::HostStopped { reason } => Err(Failure::new(Exit::ChronicleFailed, reason).advise(
            "What was answered is recorded; what was on its way was answered as unknown. Look at the \
             disk, and start again: opening says what it finds.",
        )),
    }
}
