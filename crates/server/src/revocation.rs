//! Tokens that no longer count although they have not expired: signed out by their bearer, or revoked
//! by an operator with all that an actor had.
//!
//! They are kept in `revocations.json` beside the data, rewritten whole and synced before the answer
//! leaves, so that a restart does not forget. What has expired anyway is dropped.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use deeds_engine::command::parse_json;
use deeds_values::ActorId;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::access::{LEEWAY_SECONDS, Verified, unix_seconds};
use crate::body;
use crate::gateway::{Asker, Gateway, bearer, bug};
use crate::problem::Problem;

/// The file's name in the data directory.
const FILE: &str = "revocations.json";

/// The longest body that names an actor.
const REQUEST_BYTES_MAX: usize = 16 * 1024;

/// A token without the token: what is remembered of one that was signed out.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct TokenDigest(String);

impl TokenDigest {
    pub(crate) fn of(token: &str) -> Self {
        Self(Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect())
    }
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Revocations {
    file: Option<PathBuf>,
    kept: Mutex<Kept>,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct Kept {
    /// Signed out, and when each would have expired.
    tokens: BTreeMap<TokenDigest, u64>,
    /// Tokens of this actor count only if they were issued after this second. Kept for good: nobody
    /// knows how long other issuers' tokens live.
    actors: BTreeMap<ActorId, u64>,
}

impl Kept {
    /// Without what has expired by itself.
    fn drop_expired(&mut self, now: u64) {
        self.tokens.retain(|_, expires| expires.saturating_add(LEEWAY_SECONDS) >= now);
    }
}

impl Revocations {
    /// Those of a data directory; without one they are kept until the process ends.
    pub(crate) fn open(directory: Option<&Path>) -> io::Result<Self> {
        let file = directory.map(|directory| directory.join(FILE));
        let kept = match file.as_deref().map(fs::read) {
            None => Kept::default(),
            Some(Ok(json)) => serde_json::from_slice(&json)?,
            Some(Err(error)) if error.kind() == io::ErrorKind::NotFound => Kept::default(),
            Some(Err(error)) => return Err(error),
        };
        Ok(Self { file, kept: Mutex::new(kept) })
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().expect("nobody panics holding it")
    }

    /// Whether a token that is genuine counts no more.
    pub(crate) fn has(&self, token: &str, verified: &Verified) -> bool {
        let kept = self.lock();
        let is_old = |since: &u64| verified.issued.is_none_or(|issued| issued <= *since);
        kept.actors.get(&verified.caller.actor).is_some_and(is_old)
            || (!kept.tokens.is_empty() && kept.tokens.contains_key(&TokenDigest::of(token)))
    }

    /// This token counts no more.
    fn sign_out(&self, token: TokenDigest, expires: u64) -> io::Result<()> {
        self.change(|kept| {
            kept.tokens.insert(token, expires);
        })
    }

    /// No token that this actor has now counts any more.
    fn revoke(&self, actor: ActorId) -> io::Result<()> {
        self.change(|kept| {
            kept.actors.insert(actor, unix_seconds());
        })
    }

    /// Changes what is kept, once it is on the disk.
    fn change(&self, change: impl FnOnce(&mut Kept)) -> io::Result<()> {
        let mut kept = self.lock();
        let mut changed = kept.clone();
        change(&mut changed);
        changed.drop_expired(unix_seconds());
        if let Some(file) = &self.file {
            let new = file.with_extension("new");
            let mut to = File::create(&new)?;
            to.write_all(&serde_json::to_vec_pretty(&changed)?)?;
            to.sync_all()?;
            fs::rename(&new, file)?;
            let directory = file.parent().expect("a file in a directory");
            File::open(directory)?.sync_all()?;
        }
        *kept = changed;
        Ok(())
    }
}

/// `POST /v1/sign-out`: the token that this is asked with counts no more.
pub(crate) async fn sign_out(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let token = bearer(&headers).expect("whoever asks has a token").to_owned();
    let verified = gateway.verifier.verify_whole(&token).expect("it was verified a moment ago");
    let digest = TokenDigest::of(&token);
    let told = Arc::clone(&gateway);
    let kept = digest.clone();
    on_disk(move || told.revocations.sign_out(kept, verified.expires)).await?;
    gateway.sockets.cut_token(&digest);
    tracing::info!(actor = asker.caller.actor.as_str(), "signed out");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Whose tokens are revoked.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Whose {
    actor: ActorId,
}

/// `POST /v1/operations/revoke`: no token that this actor has now counts any more.
pub(crate) async fn revoke(
    State(gateway): State<Arc<Gateway>>,
    asker: Asker,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, Problem> {
    gateway.requires_operator(&asker, "/v1/operations/revoke")?;
    let body = body::read_json(&headers, body, REQUEST_BYTES_MAX).await?;
    let Whose { actor } = parse_json(&body)
        .map_err(|error| Problem::Arguments { field: error.field, reason: error.reason })?;
    let (told, whose) = (Arc::clone(&gateway), actor.clone());
    on_disk(move || told.revocations.revoke(whose)).await?;
    gateway.sockets.cut_actor(&actor);
    let by = asker.caller.actor.as_str();
    tracing::warn!(actor = actor.as_str(), by, "all tokens of an actor were revoked");
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Writes where writing may take its time.
async fn on_disk(write: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Problem> {
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(bug(&format!("a revocation cannot be kept: {error}"))),
        Err(_) => Err(bug("keeping a revocation panicked")),
    }
}
