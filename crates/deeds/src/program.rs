//! An app without its type: what the command line works with, so that it is compiled once and not
//! for every app. [`Program::of`] is the one place that knows both.

use std::sync::Arc;
use std::time::Duration;

use deeds_chronicle::{Reader, Recovered};
use deeds_engine::app::{App, QueryError, question};
use deeds_engine::live::View;
use deeds_engine::schema::{self, AppSchema, SchemaLock};
use deeds_engine::table::AnyTable;
use deeds_pipeline::host::{Host, QueryAnswer, QueryFailure};
use deeds_pipeline::node::{Node, NodeOptions};
use deeds_pipeline::opening::OpenError;
use deeds_pipeline::refold::{RefoldError, refold};
use deeds_pipeline::reply::Caller;
use deeds_pipeline::snapshot::SnapshotFinding;
use deeds_server::Page;
use deeds_values::{Position, Timestamp};

use crate::seed::{Hint, Person, Seed, SeedCommand};

/// Told the position reached and the end, now and then.
pub(crate) type Progress<'a> = &'a mut dyn FnMut(Position, Position);

/// What the command line needs of an app.
pub(crate) struct Program {
    /// The app's name.
    pub name: &'static str,
    /// Its schema.
    pub schema: fn() -> AppSchema,
    /// Its stored types, for `schema.lock`.
    pub lock: fn() -> SchemaLock,
    /// The commands an empty chronicle starts with.
    pub seed: fn() -> Vec<SeedCommand>,
    /// People to be in development.
    pub people: fn() -> Vec<Person>,
    /// What one could try.
    pub hints: fn() -> Vec<Hint>,
    /// Pages of its own.
    pub pages: fn() -> &'static [Page],
    /// Names of what must hold after every command.
    pub invariants: fn() -> Vec<&'static str>,
    /// Opens the chronicle for writing and starts to decide.
    pub start: fn(NodeOptions, Progress<'_>) -> Result<Running, OpenError>,
    /// Folds every record again.
    pub refold: fn(&Reader, Progress<'_>) -> Result<Folded, RefoldError>,
}

/// An app that decides.
pub(crate) struct Running {
    /// What the gateway works with.
    pub host: Arc<dyn Host>,
    /// What opening found; none when the chronicle was founded now.
    pub recovered: Option<Recovered>,
    /// The snapshot that was loaded, and those that were not.
    pub snapshots: SnapshotFinding,
    /// Records replayed.
    pub replayed: u64,
    /// Refuses new commands, commits those taken in, closes; false if that took longer.
    pub shutdown: Box<dyn Fn(Duration) -> bool + Send + Sync>,
}

/// The state, folded from the records alone.
pub(crate) struct Folded {
    /// How many records were folded.
    pub records: u64,
    /// The tables.
    pub tables: Vec<TableSize>,
    /// What is remembered to recognise commands that are sent again.
    pub window: Window,
    /// Tells every row, with its table, in their order.
    pub rows: Box<dyn Fn(&mut dyn FnMut(&str, serde_json::Value))>,
    /// Answers a query on this state.
    pub query: Box<dyn Fn(&Caller, &str, &[u8]) -> Result<QueryAnswer, QueryFailure>>,
}

/// The duplicate window: what is remembered to recognise commands that are sent again.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct Window {
    /// How many unique ids are remembered.
    pub unique_ids: usize,
    /// Of how many sources the last number is.
    pub sources: usize,
    /// Unique ids from before this moment are too old to be known; none was forgotten yet if absent.
    pub horizon: Option<Timestamp>,
}

/// How large a table is.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub(crate) struct TableSize {
    /// Its name.
    pub table: &'static str,
    /// Its rows.
    pub rows: u64,
    /// The bytes of its rows written as JSON: a measure to compare tables by.
    pub json_bytes: u64,
}

impl Program {
    /// The app `A`.
    pub(crate) fn of<A: Seed>() -> Self {
        Self {
            name: A::NAME,
            schema: schema::of::<A>,
            lock: SchemaLock::of::<A>,
            seed: A::seed,
            people: A::people,
            hints: A::hints,
            pages: A::pages,
            invariants: || A::INVARIANTS.iter().map(|invariant| invariant.name).collect(),
            start: start::<A>,
            refold: fold::<A>,
        }
    }
}

fn start<A: App>(options: NodeOptions, progress: Progress<'_>) -> Result<Running, OpenError> {
    let node = Arc::new(Node::<A>::start(options, progress)?);
    let stopping = Arc::clone(&node);
    Ok(Running {
        recovered: node.recovered.clone(),
        snapshots: node.snapshots.clone(),
        replayed: node.replayed,
        shutdown: Box::new(move |allowed| stopping.shutdown(allowed)),
        host: node,
    })
}

fn fold<A: App>(reader: &Reader, progress: Progress<'_>) -> Result<Folded, RefoldError> {
    let folded = refold::<A>(reader, progress)?;
    let (unique_ids, sources) = folded.remembered;
    let horizon = folded.horizon_ms.and_then(|ms| i64::try_from(ms * 1_000).ok()).map(Timestamp);
    let window = Window { unique_ids, sources, horizon };
    let atom = folded.atom;
    let mut tables = Vec::new();
    atom.state().each(&mut |table: &dyn AnyTable| {
        let json_bytes = table.rows_json().map(|row| row.to_string().len() as u64).sum();
        tables.push(TableSize { table: table.name(), rows: table.row_count() as u64, json_bytes });
    });
    let atom = Arc::new(atom);
    let view = View::of(Arc::clone(&atom));
    Ok(Folded {
        rows: Box::new(move |tell| {
            atom.state().each(&mut |table: &dyn AnyTable| {
                for row in table.rows_json() {
                    tell(table.name(), row);
                }
            });
        }),
        records: folded.records,
        tables,
        window,
        query: Box::new(move |caller, name, arguments| {
            let question = question::<A>(name, arguments);
            let question = question.ok_or_else(|| QueryFailure::Unknown(name.to_owned()))?;
            let question = question.map_err(QueryError::Arguments)?;
            let json = view.ask(&view.identity::<A>(&caller.actor, &caller.roles), &*question)?;
            Ok(QueryAnswer { position: view.position(), time: view.time(), json })
        }),
    })
}
