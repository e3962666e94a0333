//! What an application depends on: the words it is written in, the engine it is tested with, and
//! the command line it is run by.
//!
//! An app's `main` is one line: `fn main() -> ExitCode { deeds::main::<FoodBank>() }`.

#![forbid(unsafe_code)]

mod cli;
mod program;
pub mod seed;
mod typescript;

use std::process::ExitCode;

#[doc(hidden)]
pub use deeds_engine::__private;
pub use deeds_engine::{actor, app, command, ensure, keys, prelude, schema, testing};

pub use deeds_server::Page;

pub use crate::cli::schema::schema_lock_matches;
pub use crate::seed::{Hint, Person, Seed, SeedCommand};

/// Rows are made on the engine's thread and freed on two others, which costs less with this than with
/// the system's allocator: a tenth of the processor time of a command, more of a replay
/// (`docs/benchmarks.md`). An app that brings an allocator of its own leaves out the default features.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// The pages that `deeds_build::pages` put into the program, in the app's `build.rs`.
#[macro_export]
macro_rules! pages {
    () => {
        include!(concat!(env!("OUT_DIR"), "/pages.rs"))
    };
}

/// Runs the command line of an app: the whole `main` of its program.
///
/// The verbs, the files and the exit codes are those of `docs/cli.md`.
pub fn main<A: Seed>() -> ExitCode {
    cli::main(&program::Program::of::<A>())
}
