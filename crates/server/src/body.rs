//! Taking in what a client sends: of the right media type, bounded in size and in time.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, header};
use futures_util::StreamExt as _;

use crate::problem::Problem;

/// How long a client may take between two pieces of a body: longer than a bad mobile network is
/// silent, shorter than somebody's patience who holds connections open to keep others out.
pub(crate) const BODY_PAUSE_MAX: Duration = Duration::from_secs(15);

/// How long a body of one command may take in all.
const BODY_TIME_MAX: Duration = Duration::from_secs(60);

/// The media type of a command.
pub(crate) const JSON: &str = "application/json";

/// The media types of many lines of JSON; the first is the one we use.
pub(crate) const NDJSON: [&str; 3] =
    ["application/x-ndjson", "application/ndjson", "application/jsonl"];

/// Lets only these media types pass, without a coding like gzip.
///
/// Because it is required, a page of another site cannot make a browser send a command: a form
/// cannot have this type, and for anything else the browser asks first and gets no permission.
pub(crate) fn check_media_type(
    headers: &HeaderMap,
    expected: &[&'static str],
) -> Result<(), Problem> {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let given = match (types.next(), types.next()) {
        (Some(given), None) => given.to_str().unwrap_or_default(),
        _ => "",
    };
    let essence = given.split(';').next().unwrap_or_default().trim();
    let plain = !headers.contains_key(header::CONTENT_ENCODING);
    if plain && expected.iter().any(|expected| essence.eq_ignore_ascii_case(expected)) {
        Ok(())
    } else {
        Err(Problem::MediaType { expected: expected[0] })
    }
}

/// Reads a whole body of JSON of at most `limit` bytes.
pub(crate) async fn read_json(
    headers: &HeaderMap,
    body: Body,
    limit: usize,
) -> Result<Bytes, Problem> {
    check_media_type(headers, &[JSON])?;
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok());
    if announced.and_then(|length| length.parse::<u64>().ok()).is_some_and(|n| n > limit as u64) {
        return Err(Problem::TooLarge { limit });
    }
    tokio::time::timeout(BODY_TIME_MAX, read_pieces(body, limit))
        .await
        .unwrap_or(Err(Problem::TooSlow))
}

async fn read_pieces(body: Body, limit: usize) -> Result<Bytes, Problem> {
    let mut pieces = body.into_data_stream();
    // Nearly every body comes in one piece, which then is not copied.
    let first = next_piece(&mut pieces).await?.unwrap_or_default();
    let mut rest = Vec::new();
    while let Some(piece) = next_piece(&mut pieces).await? {
        if rest.is_empty() {
            rest.extend_from_slice(&first);
        }
        if rest.len() + piece.len() > limit {
            return Err(Problem::TooLarge { limit });
        }
        rest.extend_from_slice(&piece);
    }
    let whole = if rest.is_empty() { first } else { rest.into() };
    if whole.len() > limit { Err(Problem::TooLarge { limit }) } else { Ok(whole) }
}

/// The next piece of a body, none at its end.
pub(crate) async fn next_piece(
    pieces: &mut axum::body::BodyDataStream,
) -> Result<Option<Bytes>, Problem> {
    match tokio::time::timeout(BODY_PAUSE_MAX, pieces.next()).await {
        Err(_) => Err(Problem::TooSlow),
        Ok(None) => Ok(None),
        Ok(Some(Ok(piece))) => Ok(Some(piece)),
        Ok(Some(Err(_))) => Err(Problem::Malformed { detail: "The body broke off.".to_owned() }),
    }
}
