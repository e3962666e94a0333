//! The peer without a server: SQLite in this process, with the same tables, keys and indexes. Durable:
//! a write-ahead log that is synced with every commit. One writer, which is all it has.
//!
//! A transaction is one command, as everywhere; or a group of [`GROUP`], which then stand or fall
//! together and are all answered at its end: what a program does that gathers requests.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, ensure};
use deeds_values::CommandId;
use rusqlite::{Connection, OptionalExtension as _, Transaction, TransactionBehavior, params};

use crate::figures::Run;
use crate::in_process::COMMANDS_MAX;
use crate::ledger::{ACCOUNTS, BALANCE};
use crate::work::{Act, Acts, NEIGHBORS, PRODUCTS, Wish, Work, neighbor, sku};
use crate::{bank, machine};

/// Commands of one transaction, where several share one.
pub(crate) const GROUP: usize = 64;

const SCHEMA: &str = include_str!("../sqlite/schema.sql");

/// What differs from the defaults, or is said for the reader.
const SETTINGS: &[(&str, &str)] = &[
    ("journal_mode", "WAL"),
    ("synchronous", "FULL"),
    // All of the data fits; negative is KiB.
    ("cache_size", "-262144"),
    // No checkpoint falls into a measurement but what 256 MiB of log ask for.
    ("wal_autocheckpoint", "65536"),
    ("temp_store", "MEMORY"),
];

/// Statements that are prepared once.
const STATEMENTS: usize = 32;

/// A new database, stocked; then commands for so long.
pub(crate) fn measure(
    directory: &Path,
    work: Work,
    group: usize,
    time: Duration,
    seed: u64,
) -> anyhow::Result<Run> {
    std::fs::create_dir(directory)?;
    let mut database = open(&directory.join("bank.sqlite"))?;
    let mut acts = Acts::new(work, seed, bank::now_ms());
    let (mut latencies_us, mut refused) = (Vec::new(), 0);
    let spent_before = machine::processor("self");
    let began = Instant::now();
    while latencies_us.len() < COMMANDS_MAX && began.elapsed() < time {
        let sent = Instant::now();
        let transaction = database.transaction_with_behavior(TransactionBehavior::Immediate)?;
        for _ in 0..group {
            let act = acts.next();
            let actor = acts.actors()[act.actor].as_str();
            refused += u64::from(decide(&transaction, actor, &act)?);
        }
        transaction.commit()?;
        let took_us = sent.elapsed().as_secs_f64() * 1e6;
        latencies_us.extend(std::iter::repeat_n(took_us, group));
    }
    let elapsed = began.elapsed();
    let spent = machine::processor("self") - spent_before;
    let table = if work.is_append() { "notes" } else { "commands" };
    let count = format!("SELECT count(*) FROM {table}");
    let recorded: i64 = database.query_row(&count, [], |row| row.get(0))?;
    ensure!(recorded as usize == latencies_us.len(), "SQLite answered what it did not record");
    Ok(Run::of(latencies_us, refused, elapsed).costing(spent))
}

/// What it calls itself.
pub(crate) fn version() -> String {
    format!("SQLite {}", rusqlite::version())
}

fn open(file: &Path) -> anyhow::Result<Connection> {
    let mut database = Connection::open(file)?;
    for (name, value) in SETTINGS {
        database.pragma_update(None, name, value)?;
    }
    let mode: String = database.query_row("PRAGMA journal_mode", [], |row| row.get(0))?;
    ensure!(mode == "wal", "SQLite has no write-ahead log here: {mode}");
    database.set_prepared_statement_cache_capacity(STATEMENTS);
    database.execute_batch(SCHEMA)?;
    let transaction = database.transaction()?;
    for number in 0..=PRODUCTS {
        let (name, category) = (format!("Product {number}"), format!("Category {}", number % 10));
        let on_hand = if number == 0 { 0 } else { 1_000_000_000 };
        transaction
            .prepare_cached(
                "INSERT INTO products VALUES (?, ?, ?, '1 kg', ?, '[]', NULL, ?, 0, 0)",
            )?
            .execute(params![sku(number), name, category, bank::barcode(number), on_hand])?;
    }
    for number in 1..=NEIGHBORS {
        transaction
            .prepare_cached("INSERT INTO neighbors VALUES (?, 'Neighbor', '000', 'Some Street')")?
            .execute([neighbor(number).as_str()])?;
    }
    for number in 1..=ACCOUNTS {
        transaction
            .prepare_cached("INSERT INTO accounts VALUES (?, ?)")?
            .execute([number, BALANCE])?;
    }
    transaction.commit()?;
    database.execute_batch("ANALYZE; PRAGMA wal_checkpoint(TRUNCATE)")?;
    Ok(database)
}

/// Decides one command; whether it was refused.
fn decide(database: &Transaction<'_>, actor: &str, act: &Act) -> anyhow::Result<bool> {
    let CommandId::Unique(id) = &act.id else { anyhow::bail!("{} is no UUID", act.id) };
    let id: &[u8] = id.as_bytes();
    if let Wish::Note { text } = &act.wish {
        let insert = "INSERT INTO notes (actor, id, at, text) VALUES (?, ?, ?, ?)
            ON CONFLICT (actor, id) DO NOTHING";
        let at = bank::now_ms() as i64;
        database.prepare_cached(insert)?.execute(params![actor, id, at, &**text])?;
        return Ok(false);
    }
    let seen = "SELECT outcome FROM commands WHERE actor = ? AND id = ?";
    let seen =
        database.prepare_cached(seen)?.query_row(params![actor, id], |row| row.get::<_, String>(0));
    if let Some(outcome) = seen.optional()? {
        return Ok(outcome.contains("code"));
    }
    let (outcome, refused) = match act.wish {
        Wish::Order { product } => place_order(database, actor, &sku(product))?,
        Wish::Transfer { from, to, amount } => transfer(database, from, to, amount)?,
        Wish::Note { .. } => unreachable!("it is written down above"),
    };
    database.prepare_cached("INSERT INTO commands VALUES (?, ?, ?, ?)")?.execute(params![
        actor,
        id,
        act.wish.json(),
        outcome
    ])?;
    Ok(refused)
}

fn place_order(
    database: &Transaction<'_>,
    actor: &str,
    sku: &str,
) -> anyhow::Result<(String, bool)> {
    let known = database.prepare_cached("SELECT 1 FROM neighbors WHERE id = ?")?.exists([actor])?;
    ensure!(known, "denied");
    let promise = "UPDATE products SET promised = promised + 1
        WHERE sku = ? AND on_hand - reserved - promised >= 1 RETURNING name, size";
    let both = |row: &rusqlite::Row<'_>| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?));
    let promised = database.prepare_cached(promise)?.query_row([sku], both).optional()?;
    let Some((name, size)) = promised else {
        return Ok((format!(r#"{{"code":"NotEnough","sku":"{sku}","left":0}}"#), true));
    };
    let last = "SELECT max(number) FROM orders";
    let last: Option<i64> = database.prepare_cached(last)?.query_row([], |row| row.get(0))?;
    let number = last.unwrap_or(0) + 1;
    database
        .prepare_cached("INSERT INTO order_lines VALUES (?, ?, ?, ?, ?, 1, NULL)")?
        .execute(params![number, sku, actor, name, size])?;
    database
        .prepare_cached("INSERT INTO orders VALUES (?, ?, 'Placed', ?, NULL)")?
        .execute(params![number, actor, bank::now_ms() as i64])?;
    Ok((format!(r#"{{"order":{number}}}"#), false))
}

fn transfer(
    database: &Transaction<'_>,
    from: u32,
    to: u32,
    amount: u32,
) -> anyhow::Result<(String, bool)> {
    let take = "UPDATE accounts SET balance = balance - ?2 WHERE number = ?1 AND balance >= ?2";
    if database.prepare_cached(take)?.execute([from, amount])? == 0 {
        return Ok((r#"{"code":"Short"}"#.to_owned(), true));
    }
    let give = "UPDATE accounts SET balance = balance + ?2 WHERE number = ?1";
    let given = database.prepare_cached(give)?.execute([to, amount])?;
    (given == 1).then_some(()).context("there is no such account")?;
    Ok(("null".to_owned(), false))
}
