//! Which types may be part of a command, an event, a row, a refusal or an answer.
//!
//! What is stored must mean the same on every machine, in JSON and in MessagePack, today and after
//! replay in ten years. So these are left out, and the compiler says so:
//! - `f32`, `f64`: sums depend on their order, and NaN is not equal to itself;
//! - `HashMap`, `HashSet`: their order differs from run to run, and so would bytes and decisions;
//! - `usize`, `isize`: their size depends on the machine;
//! - `u128`, `i128`: no JSON reader keeps them exact (`Decimal` and `Int64` are text);
//! - `Uuid`: its serde form differs between JSON and MessagePack (`Uid` is text in both);
//! - `std::time` types: they come from clocks, and decisions see only the chronicle's time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// A type with one fixed meaning and encoding, fit for the chronicle. A marker: the attribute
/// macros implement it for an application's types and check it for every field.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be stored in the chronicle",
    label = "this type has no fixed encoding",
    note = "a struct or enum of your own: put `#[value]` on it; an id: `#[id] struct LotId;`",
    note = "instead of a float use `Decimal`, `Money`, or an integer in a smaller unit; instead of \
            `HashMap`/`HashSet` use `BTreeMap`/`BTreeSet`; instead of `usize` use `u32` or `u64`; \
            instead of `u128`/`i128` use `Decimal`; instead of `Uuid` use `Uid`; instead of \
            `SystemTime` use `Timestamp`"
)]
pub trait Stored {}

/// Compiles if the type can be stored. What the attribute macros call for every field.
#[doc(hidden)]
pub const fn check<T: Stored + ?Sized>() {}

/// A value that can be the key of a stored map: in JSON such keys are text.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the key of a stored map",
    label = "this type is not written as one text",
    note = "map keys are text, integers, ids, dates and moments, and `#[value]` enums without \
            fields; for anything else use a `Vec` of pairs"
)]
pub trait MapKey: Stored + Ord {}

macro_rules! stored {
    ($($type:ty),* $(,)?) => { $(impl Stored for $type {})* };
}
stored!((), bool, char, String, u8, u16, u32, u64, i8, i16, i32, i64);
stored!(crate::Position, crate::Lineage, crate::ActorId);

macro_rules! map_keys {
    ($($type:ty),* $(,)?) => { $(impl MapKey for $type {})* };
}
map_keys!(String, u8, u16, u32, u64, i8, i16, i32, i64, crate::ActorId, crate::Position);

impl<T: Stored> Stored for Option<T> {}
impl<T: Stored> Stored for Vec<T> {}
impl<T: Stored + ?Sized> Stored for Box<T> {}
impl<T: Stored + ?Sized> Stored for Arc<T> {}
impl<T: Stored, const N: usize> Stored for [T; N] {}
impl<K: MapKey, V: Stored> Stored for BTreeMap<K, V> {}
impl<T: Stored + Ord> Stored for BTreeSet<T> {}
impl Stored for str {}

macro_rules! tuples {
    ($($name:ident),+) => { impl<$($name: Stored),+> Stored for ($($name,)+) {} };
}
tuples!(A);
tuples!(A, B);
tuples!(A, B, C);
tuples!(A, B, C, D);
