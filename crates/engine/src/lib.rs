//! The engine: an application's state in memory and the one place where it changes.
//!
//! Pure: no I/O, no clock, no randomness of its own, no threads. Every function is a function of
//! the state and its arguments, so that the same records make the same state for ever.
//!
//! In reading order:
//! - what an author writes: [`command`], [`event`], [`refusal`], [`query`], [`row`], [`actor`],
//!   gathered by [`app`];
//! - what they read and change: [`table`] and its [`rows`], recorded as [`changes`], gathered by
//!   [`state`]; the published form is the [`atom`];
//! - how a command is decided: [`engine`], with [`deciding`] as the author's view of it,
//!   [`duplicates`] and [`clock`] as its gates; how it comes back: [`replay`], from a [`snapshot`],
//!   until it is [frozen](freezing) and published;
//! - how live readers follow: [`live`] queries without their types, [`select`] for those that pick
//!   rows, [`window`] for a part of them, [`changed`] for what became of these, [`reads`] for what the
//!   others read, [`routes`] from a change to whom it concerns;
//! - how things are written and read: [`recorded`], [`exact`], [`packed`], [`transcode`], [`schema`];
//! - how an author tests: [`testing`].

#![forbid(unsafe_code)]

pub mod actor;
pub mod app;
pub mod atom;
pub mod changed;
pub mod changes;
pub mod clock;
pub mod command;
pub mod deciding;
pub mod duplicates;
pub mod engine;
pub mod event;
pub mod exact;
pub mod freezing;
mod in_place;
mod indexes;
pub mod live;
pub mod packed;
#[cfg(feature = "plant")]
pub mod plant;
pub mod query;
pub mod reads;
pub mod recorded;
pub mod refusal;
pub mod replay;
pub mod routes;
pub mod row;
pub mod rows;
pub mod schema;
pub mod select;
pub mod snapshot;
mod sorted;
pub mod state;
pub mod table;
pub mod testing;
pub mod transcode;
pub mod window;

/// What an application's modules start with: `use deeds::prelude::*;`.
pub mod prelude {
    pub use deeds_derive::{app, command, event, id, query, refusal, role, row, state, value};
    pub use deeds_values::{
        ActorId, Bytes, Date, Decimal, Duration, Int64, Money, Position, Timestamp,
    };

    pub use crate::actor::{Access, Actor, Audience, AudienceKey, Keys, Operator, Roles};
    pub use crate::command::Decide;
    pub use crate::deciding::Deciding;
    pub use crate::event::{Evolve, Meta};
    pub use crate::query::{Asking, Read, Select};
    pub use crate::refusal::Never;
    pub use crate::rows::{Reads, Rows};
    pub use crate::state::{Members, Visible};
    pub use crate::table::Table;
    pub use crate::{ensure, keys};
}

/// Refuses unless the condition holds: `ensure!(left > 0, CartRefusal::SoldOut)`.
#[macro_export]
macro_rules! ensure {
    ($condition:expr, $refusal:expr $(,)?) => {
        if !$condition {
            return Err($refusal);
        }
    };
}

/// The audience keys of a row, or those an actor holds: `keys![AudienceKey::group("staff")]`.
#[macro_export]
macro_rules! keys {
    ($($key:expr),* $(,)?) => {
        <$crate::actor::Keys as ::core::iter::FromIterator<$crate::actor::AudienceKey>>::from_iter(
            [$($key),*],
        )
    };
}

/// What the macros' output names; not for authors.
#[doc(hidden)]
pub mod __private {
    pub use {deeds_values as values, schemars, serde};

    pub use crate::{
        actor, app, command, deciding, event, query, recorded, refusal, row, rows, state, table,
    };
}
