//! What operators and their machines ask: how it is going, numbers, the schema, the clock.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use deeds_pipeline::host::Health;

use crate::body::{self, JSON};
use crate::gateway::{Asker, Gateway, Told, bug};
use crate::problem::Problem;

/// The longest body that an operation takes: it takes none, but `{}` does no harm.
const OPERATION_BYTES_MAX: usize = 1024;

/// The text format of Prometheus.
const PROMETHEUS: HeaderValue = HeaderValue::from_static("text/plain; version=0.0.4");

/// `GET /healthz`, for everybody who reaches the server: 200, or 503 and why. Says nothing else.
pub(crate) async fn health(State(gateway): State<Arc<Gateway>>) -> Response {
    let reason = match gateway.host.health() {
        Health::Serving if *gateway.stopping.borrow() => "the server is stopping".to_owned(),
        Health::Serving => return json(r#"{"health":"serving"}"#),
        Health::Stuck { command, since } => {
            format!("deciding `{command}` has not ended for {} s", since.as_secs())
        }
        Health::ClockStopped => {
            "the wall clock jumped ahead; commands wait until an operator confirms it".to_owned()
        }
        Health::NoRoom { free_bytes, keep_free_bytes } => format!(
            "the disk is almost full: {free_bytes} bytes are free, and {keep_free_bytes} are to stay \
             so; commands are refused until there is room"
        ),
        Health::Stopped { reason } => reason,
    };
    Problem::Unwell { reason }.into_response()
}

/// `GET /metrics`, for operators; for everybody who reaches the server where that was asked for.
pub(crate) async fn metrics(
    State(gateway): State<Arc<Gateway>>,
    request: Request,
) -> Result<Response, Problem> {
    if !gateway.open_metrics {
        let (mut parts, _) = request.into_parts();
        let asker = Asker::from_request_parts(&mut parts, &gateway).await?;
        gateway.requires_operator(&asker, "/metrics")?;
    }
    let page =
        tokio::task::spawn_blocking(move || gateway.metrics.page(&*gateway.host, &gateway.sockets))
            .await;
    let page = page.map_err(|_| bug("collecting metrics panicked"))?;
    Ok(([(header::CONTENT_TYPE, PROMETHEUS)], page).into_response())
}

/// `GET /v1/schema`, for everybody who is somebody.
pub(crate) async fn schema(State(gateway): State<Arc<Gateway>>, _: Asker) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))];
    (json, gateway.schema_json.clone()).into_response()
}

/// `GET /openapi.json`, for everybody who is somebody.
pub(crate) async fn openapi(State(gateway): State<Arc<Gateway>>, _: Asker) -> Response {
    let json = [(header::CONTENT_TYPE, HeaderValue::from_static(JSON))];
    (json, gateway.openapi_json.clone()).into_response()
}

/// `GET /v1/position`, for everybody who is somebody: what any query's answer says, without a query.
pub(crate) async fn position(State(gateway): State<Arc<Gateway>>, _: Asker) -> Response {
    let (lineage, position) = (gateway.host.lineage(), gateway.host.published());
    let told = format!("{{\"lineage\":\"{lineage}\",\"position\":{position}}}");
    let mut response =
        ([(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], told).into_response();
    response.extensions_mut().insert(Told { position: Some(position), problem: None });
    response
}

/// `POST /v1/operations/confirm-clock`, for operators: the server's clock is right as it is.
pub(crate) async fn confirm_clock(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    gateway.requires_operator(&asker, "/v1/operations/confirm-clock")?;
    body::read_json(&headers, body, OPERATION_BYTES_MAX).await?;
    tracing::warn!(actor = asker.caller.actor.as_str(), "the clock was confirmed");
    gateway.host.confirm_clock();
    Ok(StatusCode::NO_CONTENT.into_response())
}

fn json(text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(JSON))], text).into_response()
}
