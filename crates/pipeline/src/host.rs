//! A running app without its type: what the gateway and the command line work with, so that they are
//! compiled once and not for every app.

use std::sync::Arc;
use std::time::Duration;

use deeds_chronicle::{Info, ReadError};
use deeds_engine::app::QueryError;
use deeds_engine::schema::AppSchema;
use deeds_values::{CommandId, Lineage, Position, Timestamp};

use crate::entry::Entry;
use crate::reply::{Caller, Reply, ReplyTo, SubmitError};

/// A running app. [`Node`](crate::node::Node) is its one implementation, for each app.
pub trait Host: Send + Sync {
    /// The app's schema.
    fn schema(&self) -> Arc<AppSchema>;

    /// The chronicle's lineage.
    fn lineage(&self) -> Lineage;

    /// The last record that is durable and published.
    fn published(&self) -> Position;

    /// Takes a command in; `name` is `Name` or `app/Name`, `arguments` JSON. The reply comes when it
    /// is durable and published, or at once when the pipeline stops.
    fn submit(
        &self,
        caller: Caller,
        id: CommandId,
        name: &str,
        arguments: &[u8],
        reply: ReplyTo,
    ) -> Result<(), SubmitError>;

    /// Answers a query on the published state; `arguments` is JSON. A panic in the app's code passes
    /// through: catch it where requests are isolated.
    fn query(
        &self,
        caller: &Caller,
        name: &str,
        arguments: &[u8],
    ) -> Result<QueryAnswer, QueryFailure>;

    /// What became of a recorded command: reads it back from the chronicle.
    fn recall(&self, position: Position) -> Result<Reply, ReadError>;

    /// Durable records from a position on, as people read them. Ends at the last durable record;
    /// asked again it goes on with what was appended meanwhile.
    fn records(&self, from: Position) -> Box<dyn Iterator<Item = Result<Entry, ReadError>> + Send>;

    /// Whether the caller holds the role, by token or by state.
    fn has_role(&self, caller: &Caller, role: &str) -> bool;

    /// Sizes and ends of the chronicle.
    fn chronicle_info(&self) -> Result<Info, ReadError>;

    /// The tables of the published state: name, rows.
    fn tables(&self) -> Vec<(&'static str, usize)>;

    /// How it is going.
    fn health(&self) -> Health;

    /// Numbers for `/metrics`.
    fn counters(&self) -> Counters;

    /// A person confirms that the server's clock is right after it jumped.
    fn confirm_clock(&self);

    /// Calls back after each publication, on the chronicle's thread: it must not block.
    fn on_publish(&self, call: Box<dyn Fn(Position) + Send + Sync>);
}

/// A query's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueryAnswer {
    /// The position of the state it was read from.
    pub position: Position,
    /// When that record was made.
    pub time: Timestamp,
    /// The answer, as JSON.
    pub json: Vec<u8>,
}

/// Why a query was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryFailure {
    /// The app has no such query.
    #[error("there is no query `{0}`")]
    Unknown(String),
    /// The query itself says no.
    #[error(transparent)]
    Query(#[from] QueryError),
}

/// How a running app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Health {
    /// All is well.
    Serving,
    /// A decision does not end.
    Stuck {
        /// The command.
        command: &'static str,
        /// For how long.
        since: Duration,
    },
    /// The wall clock jumped ahead; commands wait for a person to confirm it.
    ClockStopped,
    /// Stopping, or stopped after a failure.
    Stopped {
        /// Why.
        reason: String,
    },
}

/// What has happened since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Commands accepted.
    pub accepted: u64,
    /// Commands refused.
    pub refused: u64,
    /// Commands that met a bug.
    pub bugs: u64,
    /// Commands denied.
    pub denied: u64,
    /// Commands answered from the record of their first sending.
    pub duplicates: u64,
    /// Commands with a conflicting, gone or untimely id.
    pub unsound_ids: u64,
    /// Commands not taken in because a queue was full.
    pub busy: u64,
    /// Frames made durable.
    pub frames: u64,
    /// Microseconds spent appending frames: hash, write, sync.
    pub append_us: u64,
    /// Commands waiting now.
    pub waiting: u64,
}
