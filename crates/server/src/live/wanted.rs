//! What a client wants to see: a query with its arguments, or a window of its rows.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use deeds_engine::live::Question;
use deeds_engine::window::{WINDOW_ROWS_MAX, Window};
use deeds_values::key::from_ordered_text;
use serde::Deserialize;

use crate::gateway::{Gateway, bug};
use crate::problem::Problem;

/// How many subscriptions a socket has at once.
pub(crate) const SUBS_MAX: usize = 256;

/// A query that a client wants to see.
#[derive(Debug)]
pub(crate) struct Subscribing {
    pub(crate) sub: u32,
    pub(crate) query: String,
    pub(crate) args: Vec<u8>,
    pub(crate) window: Option<WindowMembers>,
}

/// Which part of a row query's rows a client wants to see.
#[derive(Debug, Deserialize)]
pub(crate) struct WindowMembers {
    size: usize,
    after: Option<String>,
    sort: Option<String>,
    #[serde(default)]
    reverse: bool,
}

impl WindowMembers {
    fn window(self) -> Result<Window, Problem> {
        let wrong = |field: &str, reason: String| Problem::Arguments {
            field: format!("window.{field}"),
            reason,
        };
        let Self { size, after, sort, reverse } = self;
        if size == 0 || size > WINDOW_ROWS_MAX {
            return Err(wrong("size", format!("a window has 1 to {WINDOW_ROWS_MAX} rows")));
        }
        let after = after.map(|text| {
            let bytes = from_ordered_text(&text);
            bytes.ok_or_else(|| wrong("after", "it is the order or the key of a row".to_owned()))
        });
        Ok(Window { size, after: after.transpose()?, sort, reverse })
    }
}

/// What a subscription follows: a query, or a part of its rows.
pub(crate) fn followed(
    gateway: &Gateway,
    wanted: Subscribing,
) -> Result<Arc<dyn Question>, Problem> {
    let question = question(gateway, &wanted.query, &wanted.args)?;
    let Some(window) = wanted.window else { return Ok(question) };
    let window = window.window()?;
    if !question.is_rows() {
        let reason = format!("{} picks no rows: it answers a value", wanted.query);
        return Err(Problem::Arguments { field: "window".to_owned(), reason });
    }
    Ok(question.through(window))
}

/// A query with its arguments; parsing runs the app's own code.
fn question(gateway: &Gateway, query: &str, args: &[u8]) -> Result<Arc<dyn Question>, Problem> {
    match catch_unwind(AssertUnwindSafe(|| gateway.host.question(query, args))) {
        Ok(found) => found.map_err(|failure| gateway.failure(query, failure)),
        Err(_) => Err(bug("parsing a query panicked")),
    }
}

/// The numbers of subscriptions rise, so that none means two things.
pub(crate) fn check_numbers(subs: &[Subscribing], last: &mut Option<u32>) -> Result<(), String> {
    for Subscribing { sub, .. } in subs {
        if last.is_some_and(|last| *sub <= last) {
            return Err("The numbers of subscriptions rise on a socket.".to_owned());
        }
        *last = Some(*sub);
    }
    if subs.len() > SUBS_MAX {
        return Err(format!("{SUBS_MAX} subscriptions are the most a socket has."));
    }
    Ok(())
}
