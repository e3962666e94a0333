//! The server: a running app over HTTP. The only crate that knows sockets and an asynchronous
//! runtime; whoever starts it needs neither. `docs/http.md` is its contract.
//!
//! In reading order:
//! - [`mod@server`]: the socket, its threads, its end; [`patient_stream`] is one connection,
//!   [`signals`] ask for the end;
//! - [`gateway`]: every route, and what happens around each request; [`host_names`] is its first gate;
//! - [`access`]: who is asking; with [`eddsa`] and [`key_file`] under it, and [`dev`] for development;
//!   [`checkpoint_key`] has the files of another key;
//! - [`commands`], [`batch`], [`queries`] (with [`parameters`]), [`records`], [`checkpoints`],
//!   [`operations`]: what can be asked; [`mod@openapi`] says it in a form that generators read;
//! - [`pages`]: the front door, for people with a browser;
//! - [`body`], [`replies`], [`problem`]: how things come in and go out;
//! - [`security_journal`], [`metrics`]: what operators see.
#![forbid(unsafe_code)]
#![allow(rustdoc::private_intra_doc_links)]

mod access;
mod batch;
mod body;
pub mod checkpoint_key;
mod checkpoints;
mod commands;
mod dev;
mod eddsa;
mod gateway;
mod host_names;
mod key_file;
mod live;
mod metrics;
mod openapi;
mod operations;
mod pages;
mod parameters;
mod patient_stream;
mod problem;
mod queries;
mod records;
mod replies;
mod revocation;
mod security_journal;
mod server;
mod signals;

pub use access::{OWN_ISSUER, TokenError, TokenIssuer, TokenVerifier, TrustedIssuer};
pub use batch::Line as BatchLine;
pub use dev::Person;
pub use key_file::{KeyFileError, PublicKey};
pub use openapi::{openapi, schema_version};
pub use pages::Page;
pub use security_journal::SECURITY_JOURNAL_FILE;
pub use server::{
    Authentication, CONNECTIONS_MAX, DRAIN_TIME_MAX, Ended, Server, ServerOptions, StartError,
};
pub use signals::Signals;
