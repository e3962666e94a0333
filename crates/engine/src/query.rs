//! Queries: named, typed, authorized reads of the published state, asked once or live.
//!
//! An author writes one of two traits. [`Select`] picks rows of one table, and a live reader is sent
//! the rows that come, change and go. [`Read`] computes whatever it likes (counts, sums, joins, the
//! best ten), and a live reader is sent the whole answer when it has changed. Both are asked once by
//! the same code.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use deeds_values::{Stored, Timestamp};

use crate::actor::{Access, Actor, AudienceKey, Keys};
use crate::app::App;
use crate::reads;
use crate::row::Row;
use crate::rows::Rows;
use crate::select::SelectRows;
use crate::state::Visible;

/// A read by its name and arguments. Implemented by `#[query]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query",
    note = "put `#[query]` above the struct"
)]
pub trait Query: Serialize + DeserializeOwned + JsonSchema + Send + Sync + 'static {
    /// The type's own name.
    const NAME: &'static str;
    /// The doc comment.
    const DOC: &'static str;
    /// With whom its answers are shared, in a word.
    const SHARED: Shared;

    /// With whom the answer to these arguments is shared.
    fn scope(&self) -> Scope;
}

/// With whom a query's answers are shared: [`Scope`] without the key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Shared {
    /// Everyone who may ask gets the same answer.
    Everyone,
    /// Those who hold a key get the same answer.
    Key,
    /// Each actor gets an answer of its own.
    Me,
}

/// With whom a query's answers are shared, and so which rows it sees. What is shared is read and
/// compared once, however many watch it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Sees the rows that everyone sees. `#[query(scope = Everyone)]`
    Everyone,
    /// Sees the rows that a holder of this key sees, and is for those who hold it.
    /// `#[query(scope = Key(STAFF))]`
    Key(AudienceKey),
    /// Sees the rows that the one who asks sees. `#[query]`, `#[query(scope = Me)]`
    Me,
}

/// What is told to an actor who asks a query of scope `Key` without holding the key.
pub const NO_KEY: &str = "this is for those who hold its key";

/// For whom a query is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asker {
    /// Who asks; none when the answer is shared.
    pub actor: Option<Actor>,
    /// The keys that decide which rows are seen.
    pub keys: Keys,
}

impl Asker {
    /// For this actor, who holds these keys, asking a query of this scope; none when the scope is a
    /// key that the actor does not hold.
    pub fn new(scope: &Scope, actor: &Actor, keys: &Keys) -> Option<Self> {
        match scope {
            Scope::Everyone => Some(Self { actor: None, keys: Keys::none() }),
            Scope::Key(key) => {
                let held = keys.named().contains(key);
                held.then(|| Self { actor: None, keys: Keys::none().and(key.clone()) })
            }
            Scope::Me => Some(Self { actor: Some(actor.clone()), keys: keys.clone() }),
        }
    }
}

/// A query that computes its answer: counts, sums, joins, the best ten.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is in the app's list of queries, but says not how it reads `{A}`",
    label = "not a query of `{A}`",
    note = "write `impl Read<{A}> for {Self}` with `authorize` and `read`, or `impl Select<{A}>` if \
            it picks rows of one table"
)]
pub trait Read<A: App>: Query {
    /// What it answers.
    type Answer: Serialize + JsonSchema + Stored;

    /// Whether it is a [`Select`].
    #[doc(hidden)]
    const SELECTS: bool = false;

    /// Whether this actor may ask this now.
    fn authorize(&self, actor: &Actor, state: &A) -> Access;

    /// Reads the rows that the actor may see, at one position.
    fn read(&self, state: &Visible<'_, A>, asking: &Asking<'_, A>) -> Self::Answer;

    /// The query as one that picks rows, if it is.
    #[doc(hidden)]
    fn select(&self) -> Option<&dyn SelectRows<A>> {
        None
    }
}

/// A query that picks rows of one table. A live reader is told of each row that comes, changes or
/// goes, which costs what the change costs and not what the table holds.
///
/// Its answer is a list of items, at most [`ROWS_MAX`](crate::select::ROWS_MAX) of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which rows of `{A}` it picks",
    note = "write `impl Select<{A}> for {Self}` with `authorize`, `rows` and `item`"
)]
pub trait Select<A: App>: Query {
    /// The rows it picks from.
    type Row: Row;
    /// What it tells of a row.
    type Item: Serialize + JsonSchema + Stored;

    /// Whether this actor may ask this now.
    fn authorize(&self, actor: &Actor, state: &A) -> Access;

    /// The rows, in their order: all of the table, or a part of an index. Only say where they are;
    /// they are read later, and when one of them has changed.
    fn rows<'a>(&self, state: &'a Visible<'_, A>, asking: &Asking<'_, A>) -> Rows<'a, Self::Row>;

    /// Whether a row of these is meant. A function of the row and the arguments alone.
    fn keeps(&self, row: &Self::Row) -> bool {
        let _ = row;
        true
    }

    /// What is told of a row: a function of the row and the arguments, and of rows of other tables
    /// where no more than some rows are told at once: to readers through a
    /// [`Window`](crate::window::Window), and by queries with a [`limit`](Self::limit).
    fn item(&self, row: &Self::Row, state: &Visible<'_, A>) -> Self::Item;

    /// How many of the first rows are told; none are all.
    fn limit(&self) -> Option<usize> {
        None
    }

    /// Whether readers through a window may have the rows in the order of any of their indexes. Only
    /// of a whole table, and where all is told of a row: its place tells of the fields it goes by.
    fn sorts(&self) -> bool {
        false
    }
}

/// Who asks, and about which moment.
pub struct Asking<'a, A> {
    pub(crate) asker: Cow<'a, Asker>,
    pub(crate) time: Timestamp,
    pub(crate) whole: &'a A,
}

impl<A: App> Asking<'_, A> {
    /// The actor.
    ///
    /// # Panics
    /// When the answer is shared: a query of scope `Everyone` or `Key` is read for nobody in
    /// particular.
    pub fn actor(&self) -> &Actor {
        let words = "a query with `scope = Everyone` or `Key` is read once for all who see it: it has \
                     no actor; make it `scope = Me` if the answer depends on who asks";
        self.asker.actor.as_ref().expect(words)
    }

    /// When the last record of the state was decided. A live query that asks for it is read again
    /// with every publication, for time moves with every record.
    pub fn time(&self) -> Timestamp {
        reads::note_time();
        self.time
    }

    /// The whole state, hidden rows included: for counts and sums that may be told to this actor
    /// although the rows may not. Say why where you call it.
    pub fn regardless_of_audience(&self) -> &A {
        self.whole
    }
}
