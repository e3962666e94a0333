//! A native client of the live protocol (`docs/protocol.md`), over MessagePack: live queries,
//! one-shot queries and commands on one socket that comes back by itself.
//!
//! ```no_run
//! use deeds_client::{Client, Outcome};
//! use serde_json::{Value, json};
//!
//! # async fn shop() -> Result<(), deeds_client::Error> {
//! let token = || async { Ok("a token of the server's".to_owned()) };
//! let client = Client::connect("ws://localhost:4460/v1/live", token)?;
//!
//! let mut orders = client.subscribe("MyOrders", &json!({}))?;
//! orders.changed().await?;
//! println!("{} orders", orders.rows::<Value>()?.len());
//!
//! let sent = client.command("AddToCart", &json!({"sku": "RICE", "quantity": 2}))?;
//! match sent.durable.await? {
//!     Outcome::Accepted { position, .. } => println!("recorded at {position}"),
//!     Outcome::Refused { refusal, .. } => println!("{}", refusal.message),
//! }
//! sent.visible.await?; // `orders` shows what became of it
//! # Ok(())
//! # }
//! ```
//!
//! In reading order:
//! - [`error`]: refusals and errors;
//! - [`message`]: what travels;
//! - [`shown`]: what a subscription shows;
//! - [`connection`]: what to do when, as a state machine without sockets, clocks or randomness;
//!   [`step`] has what goes in and comes out,
//!   [`subscriptions`], [`asks`] and [`commands`] are its parts, [`backoff`] says how long to wait;
//! - [`client`]: the thin shell around it, and `link`, its socket.
//!
//! It speaks `ws`, not `wss`: encryption is the business of what stands before the server, and of a
//! tunnel on this side.
#![forbid(unsafe_code)]

pub mod asks;
pub mod backoff;
pub mod client;
pub mod commands;
pub mod connection;
pub mod error;
mod link;
pub mod message;
pub mod shown;
pub mod step;
pub mod subscriptions;

pub use asks::Answer;
pub use client::{Client, Durable, Live, Sent, Visible};
pub use commands::Outcome;
pub use error::{Error, Kind, Refusal};
pub use link::TokenError;
pub use shown::{Rows, Shown};
