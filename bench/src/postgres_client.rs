//! What asks PostgreSQL: `tokio-postgres`, with prepared statements, over its Unix socket. Each
//! connection has so many calls on their way, pipelined; a call is a transaction of its own.
//!
//! Two ways to decide: a stored function, in one round trip; and a transaction of the client's, in two,
//! each with its statements pipelined: what can be read is read and locked at once, then all is written
//! and committed at once. That is how a careful programmer would do it without stored functions.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use futures_util::future::try_join_all;
use serde_json::{Value, json};
use tokio::runtime;
use tokio_postgres::types::ToSql;
use tokio_postgres::{Client, Config, NoTls, Row, Statement};
use uuid::Uuid;

use crate::figures::Run;
use crate::in_process::COMMANDS_MAX;
use crate::socket::Depth;
use crate::work::{Act, Acts, Wish, Work, sku};
use crate::{bank, machine};

/// How a command is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    Function,
    /// Orders only.
    ClientTransaction,
}

/// What every connection prepares.
const PLACE_ORDER: &str = "SELECT place_order($1, $2, $3, 1)";
const TRANSFER: &str = "SELECT transfer($1, $2, $3, $4, $5)";
const NOTE: &str = "INSERT INTO notes (actor, id, text) VALUES ($1, $2, $3)
    ON CONFLICT (actor, id) DO NOTHING RETURNING position";

/// What a client's transaction reads in its first round trip.
const SEEN: &str = "SELECT outcome FROM commands WHERE actor = $1 AND id = $2";
const NEIGHBOR: &str = "SELECT 1 FROM neighbors WHERE id = $1";
const PRODUCT: &str = "SELECT on_hand - reserved - promised, name, size FROM products
    WHERE sku = $1 FOR NO KEY UPDATE";

/// What it writes in its second.
const PROMISE: &str = "UPDATE products SET promised = promised + 1 WHERE sku = $1";
const ORDER: &str = "WITH number AS (SELECT nextval('order_number') AS number),
    book AS (INSERT INTO orders SELECT number, $1, 'Placed', now(), NULL FROM number),
    line AS (INSERT INTO order_lines SELECT number, $3, $1, $4, $5, 1, NULL FROM number)
    INSERT INTO commands SELECT $1, $2, $6, jsonb_build_object('order', number) FROM number
    RETURNING outcome";
const REFUSAL: &str = "INSERT INTO commands VALUES ($1, $2, $3, $4)";

/// What a statement is given.
type Values<'a, const COUNT: usize> = [&'a (dyn ToSql + Sync); COUNT];

/// A connection and its statements.
struct Connection {
    client: Client,
    statements: Statements,
}

struct Statements {
    place_order: Statement,
    transfer: Statement,
    note: Statement,
    seen: Statement,
    neighbor: Statement,
    product: Statement,
    promise: Statement,
    order: Statement,
    refusal: Statement,
}

/// Asks for so long. `spent` says what the server has spent on the connections there are.
pub(crate) fn drive(
    socket: &Path,
    spent: &dyn Fn() -> anyhow::Result<Duration>,
    work: Work,
    way: Way,
    depth: Depth,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    let together = way == Way::ClientTransaction && depth.each > 1;
    ensure!(!together, "a connection has one transaction at a time");
    let clients = Clients {
        acts: RefCell::new(Acts::new(work, seed, bank::now_ms())),
        began: Cell::new(Instant::now()),
        time,
        sent: Cell::new(0),
        latencies_us: RefCell::default(),
        refused: Cell::new(0),
    };
    let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let connections =
            try_join_all((0..depth.clients).map(|_| Connection::open(socket))).await?;
        let (spent_before, asked_before) = (spent()?, machine::processor("self"));
        clients.began.set(Instant::now());
        let slots = connections.iter().flat_map(|each| std::iter::repeat_n(each, depth.each));
        try_join_all(slots.map(|connection| clients.slot(connection, way))).await?;
        let elapsed = clients.began.get().elapsed();
        let asked = machine::processor("self") - asked_before;
        let spent = spent()? - spent_before;
        let latencies_us = clients.latencies_us.take();
        Ok(Run::of(latencies_us, clients.refused.get(), elapsed).costing(spent).asking(asked))
    })
}

/// What the connections share.
struct Clients {
    acts: RefCell<Acts>,
    began: Cell<Instant>,
    time: Duration,
    sent: Cell<usize>,
    latencies_us: RefCell<Vec<f64>>,
    refused: Cell<u64>,
}

impl Clients {
    /// One call at a time.
    async fn slot(&self, connection: &Connection, way: Way) -> anyhow::Result<()> {
        while self.sent.get() < COMMANDS_MAX && self.began.get().elapsed() < self.time {
            self.sent.set(self.sent.get() + 1);
            let act = self.acts.borrow_mut().next();
            let actor = self.acts.borrow().actors()[act.actor].clone();
            let sent = Instant::now();
            let refused = match way {
                Way::Function => connection.call(actor.as_str(), &act).await?,
                Way::ClientTransaction => connection.transaction(actor.as_str(), &act).await?,
            };
            self.latencies_us.borrow_mut().push(sent.elapsed().as_secs_f64() * 1e6);
            self.refused.set(self.refused.get() + u64::from(refused));
        }
        Ok(())
    }
}

impl Connection {
    async fn open(socket: &Path) -> anyhow::Result<Self> {
        let mut config = Config::new();
        config.host_path(socket).user("bench").dbname("postgres");
        let (client, connection) = config.connect(NoTls).await?;
        tokio::spawn(connection);
        let statements = Statements {
            place_order: client.prepare(PLACE_ORDER).await?,
            transfer: client.prepare(TRANSFER).await?,
            note: client.prepare(NOTE).await?,
            seen: client.prepare(SEEN).await?,
            neighbor: client.prepare(NEIGHBOR).await?,
            product: client.prepare(PRODUCT).await?,
            promise: client.prepare(PROMISE).await?,
            order: client.prepare(ORDER).await?,
            refusal: client.prepare(REFUSAL).await?,
        };
        Ok(Self { client, statements })
    }

    /// One round trip; whether it was refused.
    async fn call(&self, actor: &str, act: &Act) -> anyhow::Result<bool> {
        let Statements { place_order, transfer, note, .. } = &self.statements;
        let id = uuid_of(act)?;
        let row = match &act.wish {
            Wish::Order { product } => {
                self.client.query_one(place_order, &[&actor, &id, &sku(*product)]).await?
            }
            Wish::Transfer { from, to, amount } => {
                let [from, to, amount] = [*from, *to, *amount].map(|number| number as i32);
                self.client.query_one(transfer, &[&actor, &id, &from, &to, &amount]).await?
            }
            Wish::Note { text } => {
                self.client.query_one(note, &[&actor, &id, &&**text]).await?;
                return Ok(false);
            }
        };
        Ok(is_refusal(&row))
    }

    /// Two round trips, with the decision between them; whether it was refused.
    async fn transaction(&self, actor: &str, act: &Act) -> anyhow::Result<bool> {
        let Wish::Order { product } = act.wish else { anyhow::bail!("orders only") };
        let Self { client, statements } = self;
        let (id, sku) = (uuid_of(act)?, sku(product));
        let (who, by_id, by_sku): (Values<'_, 1>, Values<'_, 2>, Values<'_, 1>) =
            ([&actor], [&actor, &id], [&sku]);
        // Polled in this order, and so sent in it, before any of them is answered.
        let (_, seen, neighbor, product) = tokio::try_join!(
            client.batch_execute("BEGIN"),
            client.query_opt(&statements.seen, &by_id),
            client.query_opt(&statements.neighbor, &who),
            client.query_opt(&statements.product, &by_sku),
        )?;
        if let Some(seen) = seen {
            client.batch_execute("COMMIT").await?;
            return Ok(is_refusal(&seen));
        }
        neighbor.context("denied")?;
        let product = product.context("every order names a product")?;
        let (left, name, size): (i32, &str, &str) =
            (product.get(0), product.get(1), product.get(2));
        let arguments = json!({"sku": sku, "quantity": 1});
        if left < 1 {
            let outcome = json!({"code": "NotEnough", "sku": sku, "left": left});
            let refused: Values<'_, 4> = [&actor, &id, &arguments, &outcome];
            tokio::try_join!(
                client.execute(&statements.refusal, &refused),
                client.batch_execute("COMMIT"),
            )?;
            return Ok(true);
        }
        let order: Values<'_, 6> = [&actor, &id, &sku, &name, &size, &arguments];
        tokio::try_join!(
            client.execute(&statements.promise, &by_sku),
            client.query_one(&statements.order, &order),
            client.batch_execute("COMMIT"),
        )?;
        Ok(false)
    }
}

fn is_refusal(row: &Row) -> bool {
    row.get::<_, Value>(0).get("code").is_some()
}

fn uuid_of(act: &Act) -> anyhow::Result<Uuid> {
    match &act.id {
        deeds_values::CommandId::Unique(id) => Ok(*id),
        other => anyhow::bail!("{other} is no UUID"),
    }
}
