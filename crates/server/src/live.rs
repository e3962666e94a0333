//! Live queries: every reader is a view of the chronicle and moves when it moves (docs/protocol.md).
//!
//! ```text
//!                                 ┌─ groups: one diff for all who see the same ─┐
//! publication ──▶ hub (a thread) ─┤                                             ├─▶ outbox of each
//!                                 └─ workers: first reads, value queries ───────┘   socket ──▶ socket
//! ```
//!
//! The chronicle's thread only hands publications over; nothing here is waited for by it, and no
//! socket is waited for by the hub. In reading order: [`hub`] is the thread and what it is told,
//! [`gathered`] what was published meanwhile, [`group`] what is shared, [`subscribing`] how readers come
//! and go, [`stepping`] what a publication does to both, [`reading`] what comes of reads that take long
//! ([`jobs`]); [`ring`] is the recent past; [`outbox`] is where diffs wait for one socket, [`tick`] how
//! they are written; [`socket`] is that socket ([`stream`], where none gets through), [`session`] the
//! client on it, [`wanted`] what it wants to see, [`results`] what its commands came to, [`message`] what
//! is said, [`sockets`] all of them.

mod gathered;
pub(crate) mod group;
pub(crate) mod hub;
pub(crate) mod jobs;
pub(crate) mod message;
pub(crate) mod outbox;
mod reading;
pub(crate) mod results;
pub(crate) mod ring;
mod session;
pub(crate) mod socket;
pub(crate) mod sockets;
mod stepping;
pub(crate) mod stream;
mod subscribing;
pub(crate) mod tick;
mod wanted;
