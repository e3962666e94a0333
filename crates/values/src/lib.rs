//! Values: the words that the chronicle, the engine and an application share, each with one fixed
//! encoding (DESIGN §6). Nothing here does I/O or reads a clock.
//!
//! In reading order:
//! - [`position`], [`lineage`], [`command_id`], [`actor_id`]: where and who;
//! - [`text_form`]: values that are text in JSON and in MessagePack;
//! - [`time`], [`date`]: moments, spans and days, by the days of `calendar`;
//! - [`int64`], [`decimal`], [`money`]: numbers that JSON would not keep exact;
//! - [`bytes`], [`uid`]: bytes and ids as text;
//! - [`key`]: how a value becomes bytes that sort as the value does;
//! - [`stored`]: which types may be part of a record.

#![forbid(unsafe_code)]

pub mod actor_id;
pub mod bytes;
mod calendar;
pub mod command_id;
pub mod date;
pub mod decimal;
pub mod int64;
pub mod key;
mod key_bytes;
pub mod lineage;
pub mod money;
pub mod position;
pub mod stored;
pub mod text_form;
pub mod time;
pub mod uid;

pub use actor_id::ActorId;
pub use bytes::Bytes;
pub use command_id::CommandId;
pub use date::Date;
pub use decimal::Decimal;
pub use int64::Int64;
pub use key::{Key, KeyBytes, TextKey, encode_text_prefix, prefix_end};
pub use lineage::Lineage;
pub use money::{Currency, Money, MoneyError};
pub use position::Position;
pub use stored::{MapKey, Stored};
pub use time::{Duration, Timestamp};
pub use uid::Uid;
