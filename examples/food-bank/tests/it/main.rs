//! The food bank's tests, in reading order. Each reads: given what happened, when somebody does
//! something, then this follows. After every command all invariants are checked.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

mod given;

// One day, from the donation to the bags.
mod story;

// Part by part: what each command does, and everything it refuses.
mod cart;
mod donations;
mod editing;
mod members;
mod orders;
mod picking;
mod products;
mod shelves;
mod shifts;
mod stock;
mod tallies;

// What people see.
mod queries;

// Whatever people do, in whatever order, the invariants hold.
mod anything_goes;

// What is written into the chronicle stays readable; the seed is in order.
mod schema_lock;
mod seed;

// The real program as a process: its command line, many clients at once, kill -9, strace.
mod server_process;

mod backups;
mod checkout_rush;
mod checkpoints;
mod cli;
mod durable_before_answered;
mod full_disk;
mod golden;
mod killed_under_load;
