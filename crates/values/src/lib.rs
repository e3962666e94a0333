//! Values: the words that the chronicle, the engine and an application share, each with one fixed
//! encoding (DESIGN §6). Nothing here does I/O or reads a clock.
//!
//! In reading order:
//! - [`position`], [`lineage`], [`command_id`], [`actor_id`]: where and who;
//! - [`time`]: moments and spans;
//! - [`key`]: how a value becomes bytes that sort as the value does.

#![forbid(unsafe_code)]

pub mod actor_id;
pub mod command_id;
pub mod key;
pub mod lineage;
pub mod position;
pub mod time;

pub use actor_id::ActorId;
pub use command_id::CommandId;
pub use key::{Key, KeyBytes};
pub use lineage::Lineage;
pub use position::Position;
pub use time::{Duration, Timestamp};
