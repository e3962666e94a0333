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
use crate::security_journal::{Incident, Turned};

/// The file's name in the data directory.
const FILE: &str = "revocations.json";

/// What logs call it.
const REVOKE: &str = "/v1/operations/revoke";

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
    /// Who changes it writes the file first. Requests that only look do not wait for the disk.
    writing: Mutex<()>,
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
        Ok(Self { file, kept: Mutex::new(kept), writing: Mutex::new(()) })
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
        let _writing = self.writing.lock().expect("nobody panics holding it");
        let mut changed = self.lock().clone();
        change(&mut changed);
        changed.drop_expired(unix_seconds());
        if let Some(file) = &self.file {
            let new = file.with_extension("new");
            let mut to = create_private(&new)?;
            to.write_all(&serde_json::to_vec_pretty(&changed)?)?;
            to.sync_all()?;
            fs::rename(&new, file)?;
            let directory = file.parent().expect("a file in a directory");
            File::open(directory)?.sync_all()?;
        }
        *self.lock() = changed;
        Ok(())
    }
}

/// A new file that nobody else may read: it says who is not trusted any more.
fn create_private(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
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
    note(&gateway, &asker, Turned::SignedOut, "/v1/sign-out", "signed out");
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
    gateway.requires_operator(&asker, REVOKE)?;
    let body = body::read_json(&headers, body, REQUEST_BYTES_MAX).await?;
    let Whose { actor } = parse_json(&body)
        .map_err(|error| Problem::Arguments { field: error.field, reason: error.reason })?;
    let (told, whose) = (Arc::clone(&gateway), actor.clone());
    on_disk(move || told.revocations.revoke(whose)).await?;
    gateway.sockets.cut_actor(&actor);
    let reason = format!("all tokens of {actor} were revoked");
    note(&gateway, &asker, Turned::Revoked, REVOKE, &reason);
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Notes in the security journal whose tokens count no more.
fn note(gateway: &Gateway, asker: &Asker, turned: Turned, at: &str, reason: &str) {
    let actor = Some(asker.caller.actor.as_str());
    gateway.journal.record(&Incident { turned, actor, peer: asker.peer, at, reason });
}

/// Writes where writing may take its time.
async fn on_disk(write: impl FnOnce() -> io::Result<()> + Send + 'static) -> Result<(), Problem> {
    match tokio::task::spawn_blocking(write).await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(bug(&format!("a revocation cannot be kept: {error}"))),
        Err(_) => Err(bug("keeping a revocation panicked")),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use deeds_engine::actor::Roles;

    use super::*;
    use crate::access::TokenIssuer;

    #[test]
    fn what_was_revoked_stays_revoked_after_a_restart_until_it_has_expired() {
        let directory = tempfile::tempdir().unwrap();
        let issuer = TokenIssuer::ephemeral("bank");
        let token = |actor: &str| {
            let actor = ActorId::new(actor).unwrap();
            let token = issuer.issue(&actor, &Roles::none(), Duration::from_secs(600));
            let verified = issuer.verifier().verify_whole(&token).unwrap();
            (token, verified)
        };
        let (ada, ben, cleo) = (token("ada"), token("ben"), token("cleo"));
        let revocations = Revocations::open(Some(directory.path())).unwrap();
        revocations.sign_out(TokenDigest::of("long ago"), 1).unwrap();
        revocations.sign_out(TokenDigest::of(&ada.0), ada.1.expires).unwrap();
        revocations.revoke(ActorId::new("ben").unwrap()).unwrap();
        for revocations in [revocations, Revocations::open(Some(directory.path())).unwrap()] {
            let has = |(token, verified): &(String, Verified)| revocations.has(token, verified);
            assert_eq!((has(&ada), has(&ben), has(&cleo)), (true, true, false));
            assert_eq!(revocations.lock().tokens.len(), 1, "what has expired is forgotten");
            // A later token counts, one that does not say when it was issued never does.
            let mut later = ben.clone();
            later.1.issued = later.1.issued.map(|issued| issued + 2);
            assert!(!has(&later));
            later.1.issued = None;
            assert!(has(&later));
        }
        let kept = fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert!(!kept.contains(&ada.0), "a digest is kept, not the token");
    }

    #[test]
    fn a_file_that_cannot_be_read_is_an_error_and_not_an_empty_list() {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join(FILE), "{").unwrap();
        Revocations::open(Some(directory.path())).unwrap_err();
    }
}
