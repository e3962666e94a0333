//! How long a question takes over HTTP, one after the other on one connection, from a food bank that has
//! taken orders.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use deeds_engine::actor::Roles;
use food_bank::Role;
use serde::Serialize;
use tokio::runtime;

use crate::figures::{grouped, percentile};
use crate::http;
use crate::http_connection::Connection;
use crate::markdown::{Table, section};
use crate::serving::{Served, Serving, TOKEN_LIFETIME};
use crate::work::neighbor;

/// Connections that place the orders, and how long they do.
const CONNECTIONS: usize = 64;
const ORDERING: Duration = Duration::from_secs(2);

/// What is asked, and by whom.
const QUESTIONS: [(&str, &str, bool); 5] = [
    ("catalogue, one aisle of 1,000 products", "Catalogue?category=dairy", false),
    ("catalogue, a search", "Catalogue?search=Product%20777", false),
    ("my orders", "MyOrders", false),
    ("pick list", "PickList", true),
    ("dashboard", "Dashboard", true),
];

/// One question, asked many times.
#[derive(Debug, Serialize)]
pub(crate) struct Question {
    pub(crate) name: &'static str,
    pub(crate) bytes: usize,
    pub(crate) p50_us: f64,
    pub(crate) p99_us: f64,
    asked: usize,
}

pub(crate) fn measure(directory: &Path, quick: bool) -> anyhow::Result<Vec<Question>> {
    let time = Duration::from_secs(if quick { 1 } else { 4 });
    let place = tempfile::tempdir_in(directory)?;
    let serving = Serving::start(place.path(), Served::FoodBank)?;
    let issuer = Served::FoodBank.issuer(place.path())?;
    http::measure_running(&serving, &issuer, CONNECTIONS, ORDERING, 1)?;
    let household = issuer.issue(&neighbor(1), &Roles::none(), TOKEN_LIFETIME);
    let roles = Roles::none().and(&Role::Admin);
    let staff = issuer.issue(&neighbor(2), &roles, TOKEN_LIFETIME);
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    let questions = runtime.block_on(async {
        let mut connection = Connection::open(serving.address).await?;
        let mut questions = Vec::new();
        for (name, question, of_staff) in QUESTIONS {
            let token = if of_staff { &staff } else { &household };
            let (mut latencies_us, mut bytes) = (Vec::new(), 0);
            let began = Instant::now();
            while began.elapsed() < time {
                let sent = Instant::now();
                let answer = connection.query(token, question).await?;
                latencies_us.push(sent.elapsed().as_secs_f64() * 1e6);
                let body = || String::from_utf8_lossy(&answer.body);
                ensure!(answer.status == 200, "{question}: {}: {}", answer.status, body());
                bytes = answer.body.len();
            }
            latencies_us.sort_by(f64::total_cmp);
            let (p50_us, p99_us) = (percentile(&latencies_us, 50), percentile(&latencies_us, 99));
            questions.push(Question { name, bytes, p50_us, p99_us, asked: latencies_us.len() });
        }
        anyhow::Ok(questions)
    })?;
    serving.stop()?;
    Ok(questions)
}

pub(crate) fn report(questions: &[Question]) -> String {
    let mut table =
        Table::new(["asked over HTTP, one by one", "bytes", "p50 µs", "p99 µs", "times"]);
    for Question { name, bytes, p50_us, p99_us, asked } in questions {
        let count = |count: usize| grouped(count as f64);
        let (bytes, asked) = (count(*bytes), count(*asked));
        table.row([(*name).to_owned(), bytes, grouped(*p50_us), grouped(*p99_us), asked]);
    }
    section("Queries", &[table.to_string()])
}
