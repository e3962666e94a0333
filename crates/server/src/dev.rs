//! In development only: tokens for named people, without a password.
//!
//! These routes exist only when the server was started for development, which it can be on the
//! loopback address alone. `GET /v1/dev/people` lists those the app suggests, `POST /v1/dev/token`
//! makes a token for anybody.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse, Response};
use deeds_engine::actor::Roles;
use deeds_engine::command::parse_json;
use deeds_values::ActorId;
use serde::{Deserialize, Serialize};

use crate::access::{TokenIssuer, is_role};
use crate::body;
use crate::gateway::Gateway;
use crate::problem::Problem;

/// How long such a token lives: a working day.
const LIFETIME: Duration = Duration::from_secs(12 * 60 * 60);

/// The longest body that asks for one.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// Somebody to try the app as.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The actor.
    pub actor: ActorId,
    /// The roles of its token.
    pub roles: Vec<String>,
    /// Who this is, in a few words.
    pub about: String,
}

/// What these routes need.
pub(crate) struct Dev {
    pub(crate) issuer: TokenIssuer,
    pub(crate) people: Vec<Person>,
}

/// Who a token is wanted for.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    actor: ActorId,
    /// None are those that the app suggests for this actor.
    #[serde(default)]
    roles: Vec<String>,
}

#[derive(Serialize)]
struct Made {
    actor: ActorId,
    roles: Vec<String>,
    token: String,
    expires_in: u64,
}

/// `GET /v1/dev/people`.
pub(crate) async fn people(State(gateway): State<Arc<Gateway>>) -> Response {
    Json(&gateway.dev().people).into_response()
}

/// `POST /v1/dev/token`.
pub(crate) async fn token(
    State(gateway): State<Arc<Gateway>>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    let body = body::read_json(&headers, body, REQUEST_BYTES_MAX).await?;
    let wanted: Wanted = parse_json(&body)
        .map_err(|error| Problem::Arguments { field: error.field, reason: error.reason })?;
    let dev = gateway.dev();
    let person = dev.people.iter().find(|person| person.actor == wanted.actor);
    let roles = match person {
        Some(person) if wanted.roles.is_empty() => person.roles.clone(),
        _ => wanted.roles,
    };
    if !roles.iter().all(|role| is_role(role)) {
        let reason = "a role is a short word of visible ASCII".to_owned();
        return Err(Problem::Arguments { field: "roles".to_owned(), reason });
    }
    let token = dev.issuer.issue(&wanted.actor, &Roles::named(roles.iter().cloned()), LIFETIME);
    let expires_in = LIFETIME.as_secs();
    Ok(Json(Made { actor: wanted.actor, roles, token, expires_in }).into_response())
}

impl Gateway {
    fn dev(&self) -> &Dev {
        self.dev.as_ref().expect("the routes of development exist only in development")
    }
}
