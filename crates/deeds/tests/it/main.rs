//! What an author may count on, as the documentation shows it.
//!
//! - [`stored_types`]: which changes of a stored type still read what was written before;
//! - [`todo_renamed`]: the step that the tutorial adds to its app.

mod stored_types;
mod todo_renamed;
