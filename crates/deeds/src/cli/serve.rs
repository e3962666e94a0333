//! `serve`: opens the chronicle and serves it over HTTP until it is told to stop.

use std::io::Write;
use std::net::SocketAddr;
use std::time::Duration;

use crate::cli::exit::{Exit, Failure};
use crate::cli::logging::{self, LogForm};
use crate::cli::opening::{self, Guarding};
use crate::cli::place::DataArguments;
use crate::cli::seed;
use crate::program::Program;

/// Serve the app over HTTP
///
/// Opens the chronicle in the data directory, or founds one there, and serves on a loopback
/// address. SIGTERM or Ctrl-C ends it: what was taken in is recorded and answered first.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Development: anybody is whoever they say, an empty chronicle gets the app's seed, and no
    /// guard file is kept. Only on a loopback address.
    #[arg(long)]
    dev: bool,
    /// The address to listen on.
    #[arg(long, env = "DEEDS_LISTEN", default_value = "127.0.0.1:8080", value_name = "ADDRESS")]
    listen: SocketAddr,
    #[command(flatten)]
    data: DataArguments,
    /// A name that browsers and clients reach this server by, besides localhost; repeatable.
    #[arg(long = "public-host", value_name = "NAME")]
    public_hosts: Vec<String>,
    /// Send the app's seed first.
    #[arg(long)]
    seed: bool,
    /// Keep no guard file.
    #[arg(long)]
    no_guard: bool,
    /// The form of log lines.
    #[arg(long, value_enum, default_value = "human", value_name = "FORM")]
    log: LogForm,
    /// What is logged, like deeds_server=debug.
    #[arg(long, env = "DEEDS_LOG", value_name = "FILTER")]
    log_filter: Option<String>,
}

/// How long stopping may take: requests are answered, the chronicle is closed.
const SHUTDOWN_TIME_MAX: Duration = Duration::from_secs(10);

/// Runs the verb.
pub(crate) fn run(
    program: &Program,
    arguments: &Arguments,
    out: &mut dyn Write,
) -> Result<Exit, Failure> {
    logging::start(arguments.log, arguments.log_filter.as_deref()).map_err(Failure::usage)?;
    let guarding = if arguments.dev || arguments.no_guard { Guarding::Off } else { Guarding::On };
    let running = opening::start(program, &arguments.data, guarding)?;
    if arguments.dev || arguments.seed {
        let sown = seed::sow(running.host.as_ref(), (program.seed)())?;
        writeln!(out, "{sown}")?;
    }
    out.flush()?;
    (running.shutdown)(SHUTDOWN_TIME_MAX);
    Ok(Exit::Done)
}
