//! `GET /v1/queries/{name}`: a query on the published state.
//!
//! Arguments come as JSON in `args`, or as plain parameters ([`crate::parameters`]). `at_least` is a
//! position the answer has to know of, as a command's answer gave it; `lineage` goes with it.
//! Queries run on threads of their own, a bounded number at once: the app's code may compute for long.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, header};
use axum::response::{IntoResponse, Response};
use deeds_engine::app::QueryError;
use deeds_pipeline::host::{QueryAnswer, QueryFailure};
use deeds_pipeline::pipeline::ARGUMENT_BYTES_MAX;
use deeds_values::{Lineage, Position};

use crate::body::JSON;
use crate::commands::no_such_name;
use crate::gateway::{Asker, Gateway, Named, Parameters, Told, bug};
use crate::parameters::to_arguments;
use crate::problem::Problem;

/// How many queries may run at once. More wait; they would only slow each other down.
pub(crate) const RUNNING_MAX: usize = 64;

/// How long a query waits for its turn and runs. Its thread goes on, but nobody waits for it.
const QUERY_TIME_MAX: Duration = Duration::from_secs(30);

/// How long `at_least` waits. The position comes from an answer, which leaves after publication: it
/// is there at once, unless it is another server's.
const AT_LEAST_TIME_MAX: Duration = Duration::from_secs(5);

/// The parameters that are not arguments. An argument with one of these names goes through `args`.
const ARGS: &str = "args";
const AT_LEAST: &str = "at_least";
const LINEAGE: &str = "lineage";

/// What is asked for besides the arguments.
#[derive(Default)]
struct Asked {
    args: Option<String>,
    at_least: Option<Position>,
    lineage: Option<Lineage>,
    plain: Vec<(String, String)>,
}

pub(crate) async fn ask(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    name: Result<Named, Problem>,
    parameters: Result<Parameters, Problem>,
) -> Result<Response, Problem> {
    let (Named(name), Parameters(parameters)) = (name?, parameters?);
    let asked = asked(parameters)?;
    let arguments = gateway.arguments(&name, &asked)?;
    asker.notes.name.set(name.clone()).expect("a request has one query");
    gateway.reach(asked.at_least, asked.lineage).await?;
    let answering = gateway.answer(&asker, name, arguments);
    let answer = tokio::time::timeout(QUERY_TIME_MAX, answering)
        .await
        .unwrap_or_else(|_| Err(Problem::Busy { detail: "the query takes too long".to_owned() }))?;
    Ok(gateway.answered(&answer))
}

fn asked(parameters: Vec<(String, String)>) -> Result<Asked, Problem> {
    let mut asked = Asked::default();
    let wrong = |field: &str, reason: &str| {
        Err(Problem::Arguments { field: field.to_owned(), reason: reason.to_owned() })
    };
    for (name, text) in parameters {
        match name.as_str() {
            ARGS if asked.args.is_none() => asked.args = Some(text),
            AT_LEAST if asked.at_least.is_none() => match text.parse() {
                Ok(number) => asked.at_least = Some(Position(number)),
                Err(_) => return wrong(&name, "a position is a whole number from 0"),
            },
            LINEAGE if asked.lineage.is_none() => match text.parse() {
                Ok(lineage) => asked.lineage = Some(lineage),
                Err(_) => return wrong(&name, "a lineage is 16 hexadecimal digits"),
            },
            ARGS | AT_LEAST | LINEAGE => return wrong(&name, "it is given more than once"),
            _ => asked.plain.push((name, text)),
        }
    }
    if asked.args.is_some() && !asked.plain.is_empty() {
        return wrong(&asked.plain[0].0, "arguments are given in `args` or singly, not both");
    }
    Ok(asked)
}

impl Gateway {
    /// The query's arguments as JSON.
    fn arguments(&self, name: &str, asked: &Asked) -> Result<Vec<u8>, Problem> {
        let full = if name.contains('/') { name.to_owned() } else { self.full_name(name) };
        let Some(query) = self.schema.queries.get(&full) else {
            return Err(no_such_name("query", name, self.schema.queries.keys().map(|n| &**n)));
        };
        let arguments = match &asked.args {
            Some(args) => args.clone().into_bytes(),
            None => to_arguments(&asked.plain, &query.arguments, &self.schema.definitions)?
                .to_string()
                .into_bytes(),
        };
        if arguments.len() > ARGUMENT_BYTES_MAX {
            return Err(Problem::TooLarge { limit: ARGUMENT_BYTES_MAX });
        }
        Ok(arguments)
    }

    fn full_name(&self, name: &str) -> String {
        format!("{}/{name}", self.schema.app)
    }

    /// Refuses positions of another lineage: here they stand for other records, or none.
    pub(crate) fn is_of(&self, lineage: Option<Lineage>) -> Result<(), Problem> {
        let ours = self.host.lineage();
        match lineage {
            Some(lineage) if lineage != ours => Err(Problem::OtherLineage { lineage: ours }),
            _ => Ok(()),
        }
    }

    /// Waits until the position is published here.
    async fn reach(
        &self,
        at_least: Option<Position>,
        lineage: Option<Lineage>,
    ) -> Result<(), Problem> {
        self.is_of(lineage)?;
        let ours = self.host.lineage();
        let Some(at_least) = at_least else { return Ok(()) };
        let mut published = self.published.clone();
        let reaching = published.wait_for(|published| *published >= at_least);
        match tokio::time::timeout(AT_LEAST_TIME_MAX, reaching).await {
            Ok(Ok(_)) => Ok(()),
            Ok(Err(_)) => Err(Problem::Stopping),
            Err(_) => Err(Problem::NotYet { lineage: ours, published: self.host.published() }),
        }
    }

    pub(crate) async fn answer(
        self: &Arc<Self>,
        asker: &Asker,
        name: String,
        arguments: Vec<u8>,
    ) -> Result<QueryAnswer, Problem> {
        // Held until the thread is done, also when nobody waits for it any more.
        let slot = Arc::clone(&self.query_slots).acquire_owned().await;
        let slot = slot.expect("the slots are never closed");
        let (gateway, caller) = (Arc::clone(self), asker.caller.clone());
        let at = name.clone();
        let running = tokio::task::spawn_blocking(move || {
            let _slot = slot;
            catch_unwind(AssertUnwindSafe(|| gateway.host.query(&caller, &name, &arguments)))
        });
        match running.await {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(failure))) => Err(self.query_problem(asker, &at, failure)),
            Ok(Err(_)) | Err(_) => Err(bug("a query panicked")),
        }
    }

    fn query_problem(&self, asker: &Asker, name: &str, failure: QueryFailure) -> Problem {
        if let QueryFailure::Query(QueryError::Denied(reason)) = &failure {
            self.note_denied(&asker.caller, asker.peer, name, reason);
        }
        self.failure(name, failure)
    }

    /// What the client is told of a query that was not answered.
    pub(crate) fn failure(&self, name: &str, failure: QueryFailure) -> Problem {
        match failure {
            QueryFailure::Unknown(name) => {
                no_such_name("query", &name, self.schema.queries.keys().map(|name| &**name))
            }
            QueryFailure::Query(QueryError::Arguments(error)) => {
                Problem::Arguments { field: error.field, reason: error.reason }
            }
            QueryFailure::Query(QueryError::Denied(reason)) => Problem::Denied { reason },
            QueryFailure::Query(QueryError::Excess { limit }) => Problem::TooManyRows { limit },
            QueryFailure::Query(error @ QueryError::Unbounded) => {
                Problem::Malformed { detail: error.to_string() }
            }
            QueryFailure::Query(error @ QueryError::Inexact { .. }) => {
                bug(&format!("the answer of {name} cannot be told: {error}"))
            }
        }
    }

    fn answered(&self, answer: &QueryAnswer) -> Response {
        let (lineage, position) = (self.host.lineage(), answer.position);
        let time = serde_json::to_string(&answer.time).expect("a time is a text");
        let head = format!(
            "{{\"lineage\":\"{lineage}\",\"position\":{position},\"time\":{time},\"answer\":"
        );
        let json = [head.as_bytes(), &answer.json, b"}"].concat();
        let mut response = Body::from(json).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static(JSON));
        response.extensions_mut().insert(Told { position: Some(position), problem: None });
        response
    }
}
