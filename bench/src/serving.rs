//! The real server with an app, in a process of its own: what clients of sockets and of HTTP are
//! measured against.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, ensure};
use clap::ValueEnum;
use deeds_engine::app::App as _;
use deeds_pipeline::host::Host;
use deeds_server::{Authentication, Server, ServerOptions, TokenIssuer};
use food_bank::FoodBank;

use crate::bank;
use crate::ledger::Ledger;
use crate::teardown::Started;
use crate::work::{Measured, Work};

/// The key that the measured server trusts and the clients' tokens are signed with.
const KEY_FILE: &str = "token.key";

/// Longer than any measurement.
pub(crate) const TOKEN_LIFETIME: Duration = Duration::from_secs(3_600);

/// Which app is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Served {
    FoodBank,
    Ledger,
}

impl Served {
    /// The app that does this work.
    pub(crate) fn doing(work: Work) -> Self {
        if work.is_order() { Self::FoodBank } else { Self::Ledger }
    }

    fn app(self) -> &'static str {
        match self {
            Self::FoodBank => FoodBank::NAME,
            Self::Ledger => Ledger::NAME,
        }
    }

    /// Makes the tokens that the server in this directory takes.
    pub(crate) fn issuer(self, directory: &Path) -> anyhow::Result<TokenIssuer> {
        Ok(TokenIssuer::open(&directory.join(KEY_FILE), self.app())?)
    }
}

/// Serves a new, stocked app until standard input ends; what the other process runs.
pub(crate) fn serve(directory: &Path, served: Served) -> anyhow::Result<()> {
    match served {
        Served::FoodBank => serve_app::<FoodBank>(directory, served),
        Served::Ledger => serve_app::<Ledger>(directory, served),
    }
}

fn serve_app<A: Measured>(directory: &Path, served: Served) -> anyhow::Result<()> {
    let node = Arc::new(bank::stocked::<A>(directory)?);
    let options = ServerOptions {
        pages: &[],
        listen: SocketAddr::from(([127, 0, 0, 1], 0)),
        authentication: Authentication::Tokens(served.issuer(directory)?.verifier()),
        public_hosts: Vec::new(),
        data_directory: Some(directory.to_owned()),
        open_metrics: false,
    };
    let server = Server::start(Arc::clone(&node) as Arc<dyn Host>, options)?;
    println!("{}", server.address());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    ensure!(server.stop(), "the server did not end in time");
    ensure!(node.shutdown(TOKEN_LIFETIME), "the app did not close in time");
    Ok(())
}

/// The other process. Killed when dropped before it was stopped.
pub(crate) struct Serving {
    process: Child,
    _started: Started,
    pub(crate) address: SocketAddr,
}

impl Serving {
    pub(crate) fn start(directory: &Path, served: Served) -> anyhow::Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let name = served.to_possible_value().expect("none is hidden");
        command.arg("serve").arg(directory).args(["--app", name.get_name()]);
        let mut process = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        let started = Started::new(process.id());
        let said = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim().parse().context("the server names its address")?;
        Ok(Self { process, _started: started, address })
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

impl Drop for Serving {
    fn drop(&mut self) {
        if let Ok(None) = self.process.try_wait() {
            // A measurement failed: what is left of it goes.
            let _ = self.process.kill();
            let _ = self.process.wait();
        }
    }
}
