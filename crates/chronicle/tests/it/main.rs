//! The chronicle's tests, one binary.

mod append;
mod histories;
