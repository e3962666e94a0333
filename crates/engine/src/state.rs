//! The state: an app's tables together, in either form.

use std::sync::Arc;

use deeds_values::{ActorId, Position};

use crate::actor::{Actor, Keys, Roles};
use crate::changes::{FrameChanges, TableChanges};
use crate::row::Row;
use crate::table::{AnyTable, Table, Tables};

/// A struct of [`Table`]s. Implemented by `#[state]`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a state",
    note = "put `#[state]` above a struct whose fields are all `Table<...>`"
)]
pub trait State: Tables + Sized + Send + Sync + 'static {
    /// The same fields as [`VisibleTable`](crate::rows::VisibleTable)s.
    type Visible<'a>;

    /// All tables empty, in their live form.
    fn live() -> Self;

    /// The frozen form of the same rows.
    fn freeze(&self) -> Self;

    /// What the holder of these keys sees.
    fn visible<'a>(&'a self, keys: &'a Keys) -> Self::Visible<'a>;

    /// The tables in the order of the fields.
    #[doc(hidden)]
    fn each_mut(&mut self, visit: impl FnMut(&mut dyn AnyTable));

    /// Checks the references of all rows changed since the command began. Table by table, without
    /// looking up what a table is: most were not changed.
    #[doc(hidden)]
    fn check_references(&self) -> Result<(), String>;
}

/// What an actor sees of a state `S`: the same tables, without the rows hidden from the actor.
pub type Visible<'a, S> = <S as State>::Visible<'a>;

/// Says which field of the state holds rows of one type. Implemented by `#[state]`; a state holds
/// one table per row type.
pub trait Holds<R: Row> {
    /// The table of these rows.
    fn table(&self) -> &Table<R>;
}

/// Who may be what, by the state itself. The roles of the token are added to these.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not say which roles and keys an actor has",
    note = "write `impl Members for {Self} {{}}`, with `roles` and `keys` if the state gives any"
)]
pub trait Members {
    /// The roles that the state gives an actor; unless written, none.
    fn roles(&self, actor: &ActorId) -> Roles {
        let _ = actor;
        Roles::none()
    }

    /// The audience keys that an actor holds: rows that name one of them are visible to it. Unless
    /// written, none: the actor sees what everyone sees.
    fn keys(&self, actor: &Actor) -> Keys {
        let _ = actor;
        Keys::none()
    }
}

/// Starts a command: what follows can be taken back.
pub(crate) fn begin(state: &mut impl State, position: Position) {
    state.each_mut(|table| table.begin(position));
}

/// Takes back everything since [`begin`].
pub(crate) fn take_back(state: &mut impl State) {
    state.each_mut(|table| table.take_back());
}

/// Takes the changes since they were last taken.
pub(crate) fn take_changes(state: &mut impl State) -> FrameChanges {
    let mut tables = Vec::new();
    let mut place = 0;
    state.each_mut(|table| {
        tables.extend(table.take_changes().map(|changes| (place, changes)));
        place += 1;
    });
    FrameChanges { tables }
}

/// Folds the changes of some frames, in their order, into a frozen state.
pub(crate) fn fold(state: &mut impl State, frames: &[Arc<FrameChanges>]) {
    let mut frames: Vec<_> =
        frames.iter().map(|changes| changes.tables.iter().peekable()).collect();
    let mut place = 0;
    state.each_mut(|table| {
        let of_table =
            frames.iter_mut().filter_map(|tables| tables.next_if(|(at, _)| *at == place));
        let lists: Vec<&dyn TableChanges> = of_table.map(|(_, list)| list.as_ref()).collect();
        if !lists.is_empty() {
            table.fold(&lists);
        }
        place += 1;
    });
    let all = frames.iter_mut().all(|tables| tables.peek().is_none());
    assert!(all, "changes name tables of this state in order");
}
