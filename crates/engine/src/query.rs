//! Queries: named, typed, authorized reads of the published state.

use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use deeds_values::Stored;

use crate::actor::{Access, Actor};
use crate::app::App;
use crate::state::Visible;

/// A read by its name and arguments. Implemented by `#[query]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a query",
    note = "put `#[query]` above the struct"
)]
pub trait Query: DeserializeOwned + JsonSchema + Send + 'static {
    /// The type's own name.
    const NAME: &'static str;
    /// The doc comment.
    const DOC: &'static str;
}

/// How a query reads the state.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is in the app's list of queries, but says not how it reads `{A}`",
    label = "not a query of `{A}`",
    note = "write `impl Read<{A}> for {Self}` with `authorize` and `read`"
)]
pub trait Read<A: App>: Query {
    /// What it answers.
    type Answer: Serialize + JsonSchema + Stored;

    /// Whether this actor may ask this now.
    fn authorize(&self, actor: &Actor, state: &A) -> Access;

    /// Reads the rows that the actor may see, at one position.
    fn read(&self, state: &Visible<'_, A>, asking: &Asking<'_, A>) -> Self::Answer;
}

/// Who asks, and about which moment.
pub struct Asking<'a, A> {
    /// The actor.
    pub actor: &'a Actor,
    /// When the last record of the state was decided.
    pub time: deeds_values::Timestamp,
    pub(crate) whole: &'a A,
}

impl<A: App> Asking<'_, A> {
    /// The whole state, hidden rows included: for counts and sums that may be told to this actor
    /// although the rows may not. Say why where you call it.
    pub fn regardless_of_audience(&self) -> &A {
        self.whole
    }
}
