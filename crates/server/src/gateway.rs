//! The gateway: every route, and what happens to each request before and after its handler.
//!
//! 1. The request names this server, or is turned away ([`crate::host_names`]).
//! 2. The handler runs: it asks first who is calling ([`Asker`]), then looks at anything else.
//! 3. A panic becomes a 500 with a reference; the process and other requests go on.
//! 4. The answer is marked as private to its caller, counted, and logged: method, route, status,
//!    actor, position, time taken; never what was sent or answered.

use std::net::IpAddr;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{FromRequestParts, MatchedPath, Path, Query, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use deeds_engine::schema::AppSchema;
use deeds_pipeline::host::Host;
use deeds_pipeline::reply::Caller;
use deeds_values::{ActorId, Position};
use futures_util::FutureExt as _;
use tokio::sync::{Semaphore, watch};
use uuid::Uuid;

use crate::access::{TokenVerifier, Verified};
use crate::dev::Dev;
use crate::host_names::HostNames;
use crate::live::sockets::Sockets;
use crate::live::{socket, stream};
use crate::metrics::{Metrics, NO_ROUTE};
use crate::pages::Page;
use crate::problem::Problem;
use crate::replies::Replies;
use crate::revocation::{self, Revocations};
use crate::security_journal::{Incident, SecurityJournal, Turned};
use crate::{batch, checkpoints, commands, dev, operations, pages, queries, records};

/// Every route: what metrics and logs call them.
pub(crate) const ROUTES: [&str; 26] = [
    "/v1/commands",
    "/v1/commands/{name}",
    "/v1/commands/{app}/{name}",
    "/v1/queries/{name}",
    "/v1/queries/{app}/{name}",
    "/v1/records",
    "/v1/checkpoint",
    "/v1/consistency",
    "/v1/tile/{*path}",
    "/v1/schema",
    "/openapi.json",
    "/v1/position",
    "/v1/live",
    "/v1/live/events",
    "/v1/live/send",
    "/v1/sign-out",
    "/v1/operations/confirm-clock",
    "/v1/operations/revoke",
    "/v1/dev/people",
    "/v1/dev/token",
    "/healthz",
    "/metrics",
    "/",
    "/page/{file}",
    "/front-door",
    "/assets/{file}",
];

/// What handlers work with.
pub(crate) struct Gateway {
    pub(crate) host: Arc<dyn Host>,
    pub(crate) schema: Arc<AppSchema>,
    pub(crate) schema_json: Bytes,
    /// Another one when the interface is.
    pub(crate) schema_hash: String,
    pub(crate) openapi_json: Bytes,
    /// The front door.
    pub(crate) page: Bytes,
    /// The app's own pages.
    pub(crate) pages: &'static [Page],
    pub(crate) verifier: TokenVerifier,
    pub(crate) revocations: Revocations,
    pub(crate) sockets: Arc<Sockets>,
    pub(crate) replies: Arc<Replies>,
    /// Only in development.
    pub(crate) dev: Option<Dev>,
    /// Whether `/metrics` is for everybody who reaches the server.
    pub(crate) open_metrics: bool,
    pub(crate) host_names: HostNames,
    pub(crate) journal: SecurityJournal,
    pub(crate) metrics: Metrics,
    /// The published position, changed after each publication.
    pub(crate) published: watch::Receiver<Position>,
    /// Becomes true when the server is asked to stop.
    pub(crate) stopping: watch::Receiver<bool>,
    /// How many queries may run at once.
    pub(crate) query_slots: Arc<Semaphore>,
}

/// Every route, with what surrounds it.
pub(crate) fn router(gateway: Arc<Gateway>) -> Router {
    let [
        batch,
        name,
        app_name,
        query,
        app_query,
        records,
        checkpoint,
        consistency,
        tile,
        schema,
        openapi,
        position,
        live,
        events,
        say,
        sign_out,
        clock,
        revoke,
        people,
        token,
        health,
        metrics,
        home,
        page,
        front_door,
        asset,
    ] = ROUTES;
    let mut router = Router::new()
        .route(batch, post(batch::send))
        .route(name, post(commands::send))
        .route(app_name, post(commands::send))
        .route(query, get(queries::ask))
        .route(app_query, get(queries::ask))
        .route(records, get(records::read))
        .route(checkpoint, get(checkpoints::checkpoint))
        .route(consistency, get(checkpoints::consistency))
        .route(tile, get(checkpoints::tile))
        .route(schema, get(operations::schema))
        .route(openapi, get(operations::openapi))
        .route(position, get(operations::position))
        .route(live, get(socket::open))
        .route(events, get(stream::open))
        .route(say, post(stream::say))
        .route(sign_out, post(revocation::sign_out))
        .route(clock, post(operations::confirm_clock))
        .route(revoke, post(revocation::revoke))
        .route(health, get(operations::health))
        .route(metrics, get(operations::metrics))
        .route(home, get(pages::home))
        .route(page, get(pages::file))
        .route(front_door, get(pages::front_door))
        .route(asset, get(pages::asset));
    if gateway.dev.is_some() {
        router = router.route(people, get(dev::people)).route(token, post(dev::token));
    }
    router
        .fallback(async || Problem::NoSuchPath)
        .method_not_allowed_fallback(async || Problem::Method)
        .layer(middleware::from_fn_with_state(Arc::clone(&gateway), surround))
        .with_state(gateway)
}

/// Where the request came from; put there by the server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// What the log says of a request besides its status: filled in on the way.
#[derive(Default)]
pub(crate) struct Notes {
    pub(crate) actor: OnceLock<ActorId>,
    /// The command or query, once it is known to exist.
    pub(crate) name: OnceLock<String>,
}

/// What the log says of an answer.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Told {
    pub(crate) problem: Option<&'static str>,
    pub(crate) position: Option<Position>,
}

async fn surround(
    State(gateway): State<Arc<Gateway>>,
    mut request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().cloned();
    let notes = Arc::new(Notes::default());
    request.extensions_mut().insert(Arc::clone(&notes));

    let mut response = match gateway.host_names.check(request.uri(), request.headers()) {
        Err(problem) => problem.into_response(),
        Ok(()) => {
            let answered = AssertUnwindSafe(next.run(request)).catch_unwind().await;
            answered.unwrap_or_else(|_| bug("a request's handler panicked").into_response())
        }
    };
    let headers = response.headers_mut();
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));

    let route = route.as_ref().map_or(NO_ROUTE, MatchedPath::as_str);
    let took = started.elapsed();
    gateway.metrics.answered(route, response.status().as_u16(), took);
    log(&method, route, &response, &notes, took.as_micros());
    response
}

/// A line per answer: quiet for what went well, loud for what is ours to mend.
fn log(method: &Method, route: &str, response: &Response, notes: &Notes, took_us: u128) {
    let told = response.extensions().get::<Told>().copied().unwrap_or_default();
    let status = response.status().as_u16();
    let actor = notes.actor.get().map(ActorId::as_str);
    let name = notes.name.get().map(String::as_str);
    let position = told.position.map(|position| position.0);
    let problem = told.problem;
    macro_rules! at_level {
        ($level:ident) => {
            tracing::$level!(
                target: "deeds::http",
                %method, route, status, actor, name, position, problem, took_us,
                "answered"
            )
        };
    }
    match status {
        500 => at_level!(error),
        501..=599 => at_level!(warn),
        400..=499 => at_level!(info),
        _ => at_level!(debug),
    }
}

/// The token of `Authorization: Bearer TOKEN`.
pub(crate) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// A problem of our own making, with a reference that the log has as well.
pub(crate) fn bug(what: &str) -> Problem {
    let reference = new_reference();
    tracing::error!(%reference, "{what}");
    Problem::Bug { reference, recorded: None }
}

/// A short name for an incident, to find it in the log by.
pub(crate) fn new_reference() -> String {
    let digits = Uuid::now_v7().simple().to_string();
    // The last digits are random, the first ones the time.
    format!("gateway-{}", &digits[digits.len() - 12..])
}

impl Gateway {
    /// Who the request's token says is calling.
    fn authenticate(&self, parts: &Parts) -> Result<Caller, Problem> {
        let mut given = parts.headers.get_all(header::AUTHORIZATION).iter();
        let unauthenticated = |detail: String, token_given| {
            self.journal.record(&Incident {
                turned: Turned::Unauthenticated,
                actor: None,
                peer: peer(parts),
                at: parts.extensions.get::<MatchedPath>().map_or(NO_ROUTE, MatchedPath::as_str),
                reason: &detail,
            });
            Err(Problem::Unauthenticated { detail, token_given })
        };
        let (Some(_), None) = (given.next(), given.next()) else {
            return unauthenticated(
                "The header `Authorization: Bearer TOKEN` is needed, once.".to_owned(),
                false,
            );
        };
        let Some(token) = bearer(&parts.headers) else {
            return unauthenticated(
                "The header Authorization is not `Bearer TOKEN`.".into(),
                false,
            );
        };
        match self.admit(token) {
            Ok(verified) => Ok(verified.caller),
            Err(reason) => unauthenticated(reason, true),
        }
    }

    /// What a token says, if it is genuine, has not expired and was not revoked.
    pub(crate) fn admit(&self, token: &str) -> Result<Verified, String> {
        let verified = self.verifier.verify_whole(token).map_err(|error| error.to_string())?;
        if self.revocations.has(token, &verified) {
            return Err("the token was signed out or revoked".to_owned());
        }
        Ok(verified)
    }

    /// Notes in the security journal that an authorizer said no.
    pub(crate) fn note_denied(
        &self,
        caller: &Caller,
        peer: Option<IpAddr>,
        at: &str,
        reason: &str,
    ) {
        let actor = Some(caller.actor.as_str());
        self.journal.record(&Incident { turned: Turned::Denied, actor, peer, at, reason });
    }

    /// Lets those with the role `operator` pass, by token or by state.
    pub(crate) fn requires_operator(&self, asker: &Asker, at: &str) -> Result<(), Problem> {
        if self.host.has_role(&asker.caller, "operator") {
            return Ok(());
        }
        let reason = "this needs the role `operator`";
        self.note_denied(&asker.caller, asker.peer, at, reason);
        Err(Problem::Denied { reason: reason.to_owned() })
    }
}

/// Who is asking, authenticated. A handler that takes one runs for nobody else.
pub(crate) struct Asker {
    pub(crate) caller: Caller,
    pub(crate) peer: Option<IpAddr>,
    pub(crate) notes: Arc<Notes>,
}

fn peer(parts: &Parts) -> Option<IpAddr> {
    parts.extensions.get::<Peer>().map(|peer| peer.0)
}

impl FromRequestParts<Arc<Gateway>> for Asker {
    type Rejection = Problem;

    async fn from_request_parts(
        parts: &mut Parts,
        gateway: &Arc<Gateway>,
    ) -> Result<Self, Problem> {
        let caller = gateway.authenticate(parts)?;
        let notes = parts.extensions.get::<Arc<Notes>>().cloned().unwrap_or_default();
        notes.actor.set(caller.actor.clone()).expect("a request is authenticated once");
        Ok(Self { caller, peer: peer(parts), notes })
    }
}

/// The name in the path: `Name` or `app/Name`.
pub(crate) struct Named(pub(crate) String);

impl<S: Send + Sync> FromRequestParts<S> for Named {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let path = Path::<Vec<String>>::from_request_parts(parts, state).await;
        let Path(segments) = path.map_err(|_| Problem::Malformed {
            detail: "The path is not UTF-8, percent-encoded.".to_owned(),
        })?;
        Ok(Self(segments.join("/")))
    }
}

/// The parameters after `?`, decoded, in the order given.
pub(crate) struct Parameters(pub(crate) Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Parameters {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let parameters = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(parameters) = parameters.map_err(|_| Problem::Malformed {
            detail: "The parameters are not `name=value`, percent-encoded.".to_owned(),
        })?;
        Ok(Self(parameters))
    }
}
