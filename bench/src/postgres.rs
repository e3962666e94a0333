//! The peer: a PostgreSQL of our own in a temporary directory, asked by [`crate::postgres_client`].
//!
//! Tuned as one would for this load on a small machine, durable as by default: fsync and synchronous
//! commit are on. It listens on a Unix socket only; a server that already runs is not touched.

use std::fs;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};

use crate::figures::Run;
use crate::ledger::{ACCOUNTS, BALANCE};
use crate::machine;
use crate::postgres_client::{self, Way};
use crate::socket::Depth;
use crate::teardown::Started;
use crate::work::{NEIGHBORS, PRODUCTS, Work};

const SCHEMA: &str = include_str!("../postgres/schema.sql");
const STOCK: &str = include_str!("../postgres/stock.sql");

/// What differs from the defaults, each in PostgreSQL's favour.
const SETTINGS: &[(&str, &str)] = &[
    ("listen_addresses", "''"),
    ("max_connections", "600"),
    // All of the data fits.
    ("shared_buffers", "256MB"),
    // Log files are recycled rather than made anew, and no checkpoint falls into a measurement.
    ("min_wal_size", "1GB"),
    ("max_wal_size", "4GB"),
    ("checkpoint_timeout", "1h"),
    ("wal_buffers", "64MB"),
    ("jit", "off"),
    ("random_page_cost", "1.1"),
];

/// How long the log is written before the first measurement, so that its files can be recycled.
const WARM_UP: Duration = Duration::from_secs(3);

/// Unprivileged users that Debian has: PostgreSQL refuses to run as root.
const UNPRIVILEGED: [&str; 2] = ["postgres", "nobody"];

/// A running server; stopped when dropped.
pub(crate) struct Postgres {
    programs: PathBuf,
    directory: PathBuf,
    /// Whom the server runs as, if not as us.
    user: Option<&'static str>,
    started: Option<Started>,
}

impl Postgres {
    /// Starts a server whose files lie in `directory`, which is empty.
    pub(crate) fn start(directory: &Path) -> anyhow::Result<Self> {
        let user = unprivileged(directory)?;
        let mut server =
            Self { programs: programs()?, directory: directory.to_owned(), user, started: None };
        let data = server.data();
        let mut initdb = server.server_program("initdb");
        initdb.arg("--pgdata").arg(&data);
        run(initdb.args(["--auth=trust", "--encoding=UTF8", "--locale=C", "--username=bench"]))?;

        let mut settings = format!("unix_socket_directories = '{}'\n", directory.display());
        for (name, value) in SETTINGS {
            settings.push_str(&format!("{name} = {value}\n"));
        }
        let file = data.join("postgresql.auto.conf");
        fs::write(&file, settings).with_context(|| format!("cannot write {}", file.display()))?;

        let mut start = server.server_program("pg_ctl");
        start.arg("--pgdata").arg(&data).arg("--log").arg(directory.join("log"));
        run(start.args(["--wait", "start"]))?;
        server.started = Some(Started::new(server.first()?));
        server.sql(SCHEMA)?;
        server.stock()?;
        let depth = Depth { clients: 16, each: 1 };
        server.drive(Work::OrderUniform, Way::Function, depth, WARM_UP, 0)?;
        Ok(server)
    }

    /// What it calls itself.
    pub(crate) fn version(&self) -> anyhow::Result<String> {
        let text = run(Command::new(self.programs.join("postgres")).arg("--version"))?;
        Ok(text.trim().to_owned())
    }

    /// Empties the tables, then measures.
    pub(crate) fn measure(
        &self,
        work: Work,
        way: Way,
        depth: Depth,
        time: Duration,
        seed: u64,
    ) -> anyhow::Result<Run> {
        self.stock()?;
        let run = self.drive(work, way, depth, time, seed)?;
        let table = if work.is_append() { "notes" } else { "commands" };
        let recorded = self.sql(&format!("SELECT count(*) FROM {table}"))?;
        let recorded: u64 = recorded.trim().parse()?;
        ensure!(recorded == run.commands, "PostgreSQL answered what it did not record");
        Ok(run)
    }

    fn stock(&self) -> anyhow::Result<()> {
        let mut text = String::new();
        for (name, value) in [
            ("products", PRODUCTS),
            ("neighbors", NEIGHBORS),
            ("accounts", u64::from(ACCOUNTS)),
            ("balance", u64::from(BALANCE)),
        ] {
            text.push_str(&format!("\\set {name} {value}\n"));
        }
        self.sql(&format!("{text}{STOCK}"))?;
        Ok(())
    }

    fn drive(
        &self,
        work: Work,
        way: Way,
        depth: Depth,
        time: Duration,
        seed: u64,
    ) -> anyhow::Result<Run> {
        let spent = || self.on_processors();
        postgres_client::drive(&self.directory, &spent, work, way, depth, time, seed)
    }

    /// Its first process.
    fn first(&self) -> anyhow::Result<u32> {
        let file = fs::read_to_string(self.data().join("postmaster.pid"))?;
        let first = file.lines().next().context("the server's file names its process")?;
        Ok(first.trim().parse()?)
    }

    /// What the processes that serve connections have spent so far. Its writers in the background are
    /// left out, in its favour.
    fn on_processors(&self) -> anyhow::Result<Duration> {
        let first = self.first()?;
        let children = fs::read_to_string(format!("/proc/{first}/task/{first}/children"))?;
        // Their titles say what they are for.
        let title = |child: &str| fs::read_to_string(format!("/proc/{child}/cmdline"));
        let serves = |child: &&str| title(child).unwrap_or_default().contains("[local]");
        Ok(children.split_whitespace().filter(serves).map(machine::on_processor).sum())
    }

    /// Runs SQL and returns what it prints, unaligned.
    fn sql(&self, text: &str) -> anyhow::Result<String> {
        let file = self.directory.join("sql");
        fs::write(&file, text)?;
        let mut psql = self.client_program("psql");
        psql.args(["--no-psqlrc", "--quiet", "--tuples-only", "--no-align"]);
        psql.args(["--set=ON_ERROR_STOP=1", "--file"]).arg(file).arg("postgres");
        run(&mut psql)
    }

    fn data(&self) -> PathBuf {
        self.directory.join("data")
    }

    /// A program of the server, run as its user.
    fn server_program(&self, name: &str) -> Command {
        let program = self.programs.join(name);
        let Some(user) = self.user else { return Command::new(program) };
        let mut command = Command::new("setpriv");
        command.args([format!("--reuid={user}"), "--clear-groups".to_owned(), "--".to_owned()]);
        command.arg(program).current_dir(&self.directory);
        command
    }

    /// A program that connects to the server.
    fn client_program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command.arg("--host").arg(&self.directory).arg("--username=bench");
        command
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if self.started.take().is_none() {
            return;
        }
        let mut stop = self.server_program("pg_ctl");
        stop.arg("--pgdata").arg(self.data()).args(["--mode=immediate", "--wait", "stop"]);
        if let Err(error) = run(&mut stop) {
            println!("PostgreSQL was not stopped: {error:#}");
        }
    }
}

/// Where PostgreSQL's programs are: `cargo xtask bench` says; else in PATH.
fn programs() -> anyhow::Result<PathBuf> {
    if let Some(directory) = std::env::var_os("DEEDS_POSTGRES_BIN") {
        return Ok(directory.into());
    }
    let path = std::env::var_os("PATH").unwrap_or_default();
    let on_path = std::env::split_paths(&path).find(|dir| dir.join("initdb").is_file());
    on_path.context("PostgreSQL's `initdb` is not in PATH; `cargo xtask bench` finds it")
}

/// If we are root: another user, who then owns the directory.
fn unprivileged(directory: &Path) -> anyhow::Result<Option<&'static str>> {
    if run(Command::new("id").arg("--user"))?.trim() != "0" {
        return Ok(None);
    }
    for user in UNPRIVILEGED {
        if let Ok(id) = run(Command::new("id").args(["--user", user])) {
            chown(directory, Some(id.trim().parse()?), None)?;
            return Ok(Some(user));
        }
    }
    bail!("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

/// Runs a program to its end and returns what it printed; its errors are in the error.
fn run(command: &mut Command) -> anyhow::Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    // A server that pg_ctl starts would keep a pipe open for as long as it lives.
    let starts_server = command.get_args().any(|argument| argument == "start");
    if starts_server {
        let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status()?;
        ensure!(status.success(), "{name} failed: {status}");
        return Ok(String::new());
    }
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("cannot run {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {}: {}", output.status, errors.trim());
    Ok(String::from_utf8(output.stdout)?)
}
