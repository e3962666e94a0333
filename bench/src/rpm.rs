//! A quiet day: the food bank's own program, as people run it, under 120 requests a minute; what it takes
//! of a core and of memory; and what wakes it when nobody asks anything.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use deeds_engine::actor::Roles;
use deeds_server::TokenIssuer;
use food_bank::Role;
use serde::Serialize;
use tokio::runtime;
use tokio::time::{Instant, interval_at, sleep};

use crate::draw::Draw;
use crate::figures::percentile;
use crate::http_connection::Connection;
use crate::machine;
use crate::markdown::{Table, section};
use crate::serving::{Served, TOKEN_LIFETIME};
use crate::teardown::Started;
use crate::work::neighbor;

/// Between two requests: 120 a minute.
const PACE: Duration = Duration::from_millis(500);

/// How many households are registered, and ask.
const HOUSEHOLDS: u64 = 300;

/// What households order: some of what the food bank's own seed brings.
const SKUS: [&str; 4] = ["APPLES-1KG", "PEARS-1KG", "PASTA-SPAGHETTI-500G", "APPLES-1KG"];

/// Requests, by how often of sixteen they come.
const MIX: [(&str, u32); 5] =
    [("PlaceOrder", 4), ("Catalogue", 5), ("MyOrders", 4), ("PickList", 2), ("Dashboard", 1)];

/// After the last request, until nothing of it goes on.
const SETTLE: Duration = Duration::from_secs(5);

/// How long nobody asks anything.
const IDLE: Duration = Duration::from_secs(30);

/// What was measured.
#[derive(Debug, Serialize)]
pub(crate) struct Rpm {
    /// Of one core.
    pub(crate) cpu_percent: f64,
    /// Held at the end.
    pub(crate) rss_mib: f64,
    seconds: f64,
    requests: usize,
    p50_ms: f64,
    p99_ms: f64,
    /// How often each thread woke up in so many seconds in which nobody asked anything.
    idle_seconds: f64,
    idle_wakes: Vec<(String, u64)>,
    idle_cpu_percent: f64,
}

pub(crate) fn measure(directory: &Path, program: &Path, quick: bool) -> anyhow::Result<Rpm> {
    let time = Duration::from_secs(if quick { 60 } else { 300 });
    let data = directory.join("quiet-day");
    let seeded = Command::new(program).args(["seed", "--no-guard", "--data"]).arg(&data).output();
    let seeded = seeded.with_context(|| format!("cannot run {}", program.display()))?;
    let errors = String::from_utf8_lossy(&seeded.stderr);
    ensure!(seeded.status.success(), "the food bank was not seeded: {errors}");
    let bank = Bank::start(program, &data)?;
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let rpm = runtime.block_on(async {
        let people = People::register(bank.address, &Served::FoodBank.issuer(&data)?).await?;
        quiet_day(&bank, people, time).await
    })?;
    drop(bank);
    std::fs::remove_dir_all(data)?;
    Ok(rpm)
}

async fn quiet_day(bank: &Bank, mut people: People, time: Duration) -> anyhow::Result<Rpm> {
    let process = bank.process.id().to_string();
    let spent_before = machine::on_processor(&process);
    let began = Instant::now();
    let mut ticks = interval_at(began, PACE);
    let mut latencies_ms = Vec::new();
    while began.elapsed() < time {
        ticks.tick().await;
        let sent = Instant::now();
        people.ask().await?;
        latencies_ms.push(sent.elapsed().as_secs_f64() * 1e3);
    }
    let seconds = began.elapsed().as_secs_f64();
    let spent = machine::on_processor(&process) - spent_before;
    let rss_mib = machine::resident_bytes_of(&process) as f64 / f64::from(1 << 20);
    // Nobody has a page open, either.
    drop(people);
    sleep(SETTLE).await;
    let before = machine::threads(&process);
    let idle = Instant::now();
    sleep(IDLE).await;
    let idle_seconds = idle.elapsed().as_secs_f64();
    let after = machine::threads(&process);
    let (mut idle_wakes, mut idle_spent) = (Vec::new(), Duration::ZERO);
    for (number, thread) in &after {
        let earlier = before.get(number);
        let woke = thread.slept - earlier.map_or(0, |earlier| earlier.slept);
        idle_wakes.push((thread.name.clone(), woke));
        idle_spent +=
            thread.on_processor - earlier.map_or(Duration::ZERO, |earlier| earlier.on_processor);
    }
    let requests = latencies_ms.len();
    latencies_ms.sort_by(f64::total_cmp);
    Ok(Rpm {
        cpu_percent: spent.as_secs_f64() / seconds * 100.0,
        rss_mib,
        seconds,
        requests,
        p50_ms: percentile(&latencies_ms, 50),
        p99_ms: percentile(&latencies_ms, 99),
        idle_seconds,
        idle_wakes,
        idle_cpu_percent: idle_spent.as_secs_f64() / idle_seconds * 100.0,
    })
}

/// Those who ask: a connection that is kept, and everybody's token.
struct People {
    connection: Connection,
    tokens: Vec<String>,
    staff: String,
    draw: Draw,
}

impl People {
    async fn register(address: SocketAddr, issuer: &TokenIssuer) -> anyhow::Result<Self> {
        let mut connection = Connection::open(address).await?;
        let register = r#"{"name":"A Household","phone":"000","address":"Some Street"}"#;
        let mut tokens = Vec::new();
        for number in 1..=HOUSEHOLDS {
            let token = issuer.issue(&neighbor(number), &Roles::none(), TOKEN_LIFETIME);
            let answer = connection.command(&token, "Register", None, register).await?;
            ensure!(answer.status == 200, "a household was not registered: {}", answer.status);
            tokens.push(token);
        }
        let roles = Roles::none().and(&Role::Admin);
        let staff = issuer.issue(&neighbor(HOUSEHOLDS + 1), &roles, TOKEN_LIFETIME);
        Ok(Self { connection, tokens, staff, draw: Draw(1) })
    }

    async fn ask(&mut self) -> anyhow::Result<()> {
        let Self { connection, tokens, staff, draw } = self;
        let of = MIX.iter().map(|(_, weight)| weight).sum::<u32>();
        let mut drawn = draw.below(u64::from(of)) as u32;
        let drawn = MIX.iter().find(|(_, weight)| {
            let is_it = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            is_it
        });
        let (what, _) = drawn.expect("the draw is below the sum of the weights");
        let household = &tokens[draw.below(HOUSEHOLDS) as usize];
        let answer = match *what {
            "PlaceOrder" => {
                let sku = SKUS[draw.below(SKUS.len() as u64) as usize];
                let order = format!(r#"{{"lines":[{{"sku":"{sku}","quantity":1}}]}}"#);
                connection.command(household, what, None, &order).await?
            }
            "Dashboard" | "PickList" => connection.query(staff, what).await?,
            _ => connection.query(household, what).await?,
        };
        let body = || String::from_utf8_lossy(&answer.body);
        // A household that has had its share, or a shelf that is empty, is a fair answer.
        ensure!(matches!(answer.status, 200 | 422), "{what}: {}: {}", answer.status, body());
        Ok(())
    }
}

/// The food bank's program; killed when dropped.
struct Bank {
    process: Child,
    _started: Started,
    address: SocketAddr,
}

impl Bank {
    fn start(program: &Path, data: &Path) -> anyhow::Result<Self> {
        let mut command = Command::new(program);
        command.args(["serve", "--no-guard", "--listen", "127.0.0.1:0", "--data"]).arg(data);
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut process = command.spawn()?;
        let started = Started::new(process.id());
        let said = process.stdout.take().expect("it is piped");
        let mut line = String::new();
        BufReader::new(said).read_line(&mut line)?;
        let address = line.trim().rsplit_once("//").map(|(_, address)| address.parse());
        let address = address.with_context(|| format!("the food bank said {line:?}"))??;
        Ok(Self { process, _started: started, address })
    }
}

impl Drop for Bank {
    fn drop(&mut self) {
        // It holds nothing that is looked at later.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The food bank's program: named, or beside this one, where a build puts it.
pub(crate) fn program(named: Option<&PathBuf>) -> anyhow::Result<PathBuf> {
    let beside = std::env::current_exe()?.with_file_name("food-bank");
    let program = named.cloned().unwrap_or(beside);
    ensure!(program.is_file(), "there is no {}; --food-bank names it", program.display());
    Ok(program)
}

pub(crate) fn report(rpm: &Rpm, program_bytes: u64) -> String {
    let mut table = Table::new(["120 requests a minute, the food bank's own program", ""]);
    let mut row = |name: &str, figure: String| table.row([name.to_owned(), figure]);
    row("of a core", format!("{:.2} %", rpm.cpu_percent));
    row("resident at the end", format!("{:.1} MiB", rpm.rss_mib));
    row("answers", format!("{} in {:.0} s", rpm.requests, rpm.seconds));
    row("p50", format!("{:.2} ms", rpm.p50_ms));
    row("p99", format!("{:.2} ms", rpm.p99_ms));
    row("then idle: of a core", format!("{:.3} %", rpm.idle_cpu_percent));
    for (name, woke) in rpm.idle_wakes.iter().filter(|(_, woke)| *woke > 0) {
        let figure = format!("{woke} times in {:.0} s", rpm.idle_seconds);
        row(&format!("then idle: thread `{name}` woke up"), figure);
    }
    let woke: u64 = rpm.idle_wakes.iter().map(|(_, woke)| woke).sum();
    row("then idle: all threads woke up", format!("{woke} times"));
    row("the program, with its line tables", format!("{:.1} MB", program_bytes as f64 / 1e6));
    section("A quiet day", &[table.to_string()])
}
