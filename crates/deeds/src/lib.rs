//! What an application depends on: the words it is written in, the engine it is tested with, and
//! the command line it is run by.
//!
//! An app's `main` is one line: `fn main() -> ExitCode { deeds::main::<FoodBank>() }`.

#![forbid(unsafe_code)]

pub mod seed;

#[doc(hidden)]
pub use deeds_engine::__private;
pub use deeds_engine::{actor, app, ensure, keys, prelude, schema, testing};
pub use seed::{Hint, Person, Seed, SeedCommand};

/// Runs the command line of an app: the whole `main` of its program.
pub fn main<A: Seed>() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
