//! Reads that may take long, on threads of their own: first results of row queries, and value queries.
//! They run the author's code; a panic there is a bug of one query and hurts nobody else.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use deeds_engine::app::QueryError;
use deeds_engine::live::{Question, View};
use deeds_engine::query::Asker;
use deeds_engine::reads::{ReadSet, recording};
use deeds_engine::select::Picked;
use deeds_engine::window::Pane;

use crate::gateway::new_reference;
use crate::live::group::GroupId;
use crate::problem::Problem;

/// How many threads read. Live reading is to leave the cores to the engine and the sockets.
const THREADS: usize = 2;

/// The longest value that is told: a dashboard, not an export.
pub(crate) const VALUE_BYTES_MAX: usize = 8 * 1024 * 1024;

/// What is to be read.
pub(crate) struct Job {
    pub(crate) view: View,
    /// Whether these are value queries that run again, which is not hurried.
    pub(crate) again: bool,
    pub(crate) reads: Vec<(GroupId, Arc<dyn Question>, Asker)>,
}

/// What was read.
pub(crate) struct Finished {
    pub(crate) view: View,
    pub(crate) again: bool,
    pub(crate) reads: Vec<(GroupId, Asker, Result<Read, Failure>)>,
    /// When the first began, and how long all took.
    pub(crate) began: Instant,
    pub(crate) took: Duration,
}

/// One query's result.
#[derive(Debug)]
pub(crate) enum Read {
    Rows(Picked),
    Window(Pane),
    Value { json: Vec<u8>, reads: ReadSet, began: Instant, took: Duration },
}

/// Why a subscription ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Failure {
    /// The actor may not, or may no longer.
    Denied(String),
    /// More rows than are told.
    TooManyRows(usize),
    /// A longer value than is told.
    TooLarge,
    /// The number is in use, or there are too many.
    Malformed(String),
    /// The query's code failed.
    Bug(String),
}

impl Failure {
    pub(crate) fn problem(&self) -> Problem {
        match self.clone() {
            Self::Denied(reason) => Problem::Denied { reason },
            Self::TooManyRows(limit) => Problem::TooManyRows { limit },
            Self::TooLarge => Problem::TooLarge { limit: VALUE_BYTES_MAX },
            Self::Malformed(detail) => Problem::Malformed { detail },
            Self::Bug(reference) => Problem::Bug { reference, recorded: None },
        }
    }

    /// A bug of this query, written to the log.
    fn bug(query: &str, what: &str) -> Self {
        let reference = new_reference();
        tracing::error!(%reference, query, "{what}");
        Self::Bug(reference)
    }

    fn of(query: &str, error: QueryError) -> Self {
        match error {
            QueryError::Denied(reason) => Self::Denied(reason),
            QueryError::Excess { limit } => Self::TooManyRows(limit),
            QueryError::Arguments(error) => Self::Malformed(error.to_string()),
            QueryError::Unbounded => Self::Malformed(error.to_string()),
            QueryError::Inexact { .. } => {
                Self::bug(query, &format!("the answer cannot be told: {error}"))
            }
        }
    }
}

/// Runs the author's code of a query; a panic is a failure of the query.
pub(crate) fn guarded<T>(
    question: &dyn Question,
    run: impl FnOnce() -> Result<T, QueryError>,
) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => result.map_err(|error| Failure::of(question.name(), error)),
        Err(_) => Err(Failure::bug(question.name(), "a live query panicked")),
    }
}

fn read(question: &dyn Question, view: &View, asker: &Asker) -> Result<Read, Failure> {
    if question.window().is_some() {
        return guarded(question, || Ok(Read::Window(question.pane(view, asker)?)));
    }
    if question.is_rows() {
        return guarded(question, || Ok(Read::Rows(picked(question, view, asker)?)));
    }
    let began = Instant::now();
    let (json, reads) = recording(|| guarded(question, || question.answer(view, asker)));
    let json = json?;
    if json.len() > VALUE_BYTES_MAX {
        return Err(Failure::TooLarge);
    }
    Ok(Read::Value { json, reads, began, took: began.elapsed() })
}

/// The rows of a query that is followed without a window.
pub(crate) fn picked(
    question: &dyn Question,
    view: &View,
    asker: &Asker,
) -> Result<Picked, QueryError> {
    let picked = question.pick(view, asker)?;
    let is_bounded = question.limit().is_some() || !picked.has_joins;
    if is_bounded { Ok(picked) } else { Err(QueryError::Unbounded) }
}

/// Threads that take jobs until the sender is gone.
pub(crate) fn start(done: &(impl Fn(Finished) + Clone + Send + 'static)) -> Sender<Job> {
    let (jobs, waiting) = channel::<Job>();
    let waiting = Arc::new(Mutex::new(waiting));
    for number in 0..THREADS {
        let (waiting, done) = (Arc::clone(&waiting), done.clone());
        thread::Builder::new()
            .name(format!("deeds-read-{number}"))
            .spawn(move || work(&waiting, &done))
            .expect("the system gives a thread");
    }
    jobs
}

fn work(waiting: &Mutex<Receiver<Job>>, done: &impl Fn(Finished)) {
    loop {
        let job = waiting.lock().expect("receiving does not panic").recv();
        let Ok(Job { view, again, reads }) = job else { return };
        let began = Instant::now();
        // Who has gone meanwhile is not read for: a closed group has let go of its question.
        let reads = reads
            .into_iter()
            .filter(|(_, question, _)| Arc::strong_count(question) > 1)
            .map(|(group, question, asker)| {
                let result = read(&*question, &view, &asker);
                (group, asker, result)
            })
            .collect();
        done(Finished { view, again, reads, began, took: began.elapsed() });
    }
}
