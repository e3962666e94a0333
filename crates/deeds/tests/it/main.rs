//! What an author may count on, as the documentation shows it.
//!
//! - [`stored_types`]: which changes of a stored type still read what was written before.

mod stored_types;
