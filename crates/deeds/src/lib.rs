//! What an application depends on: the words it is written in, the engine it is tested with, and
//! the command line it is run by.
//!
//! An app's `main` is one line: `fn main() -> ExitCode { deeds::main::<FoodBank>() }`.

#![forbid(unsafe_code)]

#[doc(hidden)]
pub use deeds_engine::__private;
pub use deeds_engine::{actor, app, ensure, keys, prelude, schema, testing};
