//! Who asks: signed tokens, made here or by others, and what they say about an actor.
//!
//! A token is a JWT signed with Ed25519: `iss` and `aud` as configured, `exp` required, `nbf`
//! honoured, `sub` the actor, `roles` a list of names. Nothing else in it counts; its header may name
//! no key and no algorithm but ours. The roles of the state are added when a command is decided.
//!
//! Checking a signature takes tens of microseconds, so tokens that passed are remembered until they
//! expire, a bounded number of them.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deeds_engine::actor::Roles;
use deeds_pipeline::reply::Caller;
use deeds_values::ActorId;
use ed25519_dalek::SigningKey;
use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use serde::{Deserialize, Serialize};

use crate::eddsa;
use crate::key_file::{self, KeyFileError, PublicKey};

/// The issuer of the tokens made here.
pub const OWN_ISSUER: &str = "deeds";

/// How far the clocks of an issuer and of this server may be apart: they are kept by time servers,
/// and an expired token should not live on.
pub(crate) const LEEWAY_SECONDS: u64 = 30;

/// The longest token that is looked at: ours have 300 bytes, those of identity providers rarely 4 KiB.
const TOKEN_BYTES_MAX: usize = 8 * 1024;

/// How many roles a token may name, and how long a name may be: both end up in the chronicle.
const ROLES_MAX: usize = 32;
const ROLE_BYTES_MAX: usize = 64;

/// How many checked tokens are remembered: at 1 KiB each, 10 MiB. When it is full, all are forgotten
/// and checked again; that costs half a second once.
const REMEMBERED_MAX: usize = 10_000;

/// How many keys may be trusted: each is tried on each new token.
const KEYS_MAX: usize = 16;

/// What is in a token.
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: Audiences,
    sub: String,
    exp: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    iat: Option<u64>,
    #[serde(default)]
    roles: Vec<String>,
}

/// One audience or several; `jsonwebtoken` has checked that ours is among them.
#[derive(Serialize, Deserialize)]
#[serde(untagged)]
enum Audiences {
    One(String),
    Several(Vec<String>),
}

/// Why a token does not count. Says nothing of what is in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Not a JWT, or longer than any.
    #[error("the token is not a JWT")]
    Malformed,
    /// Another algorithm than EdDSA.
    #[error("the token is not signed with EdDSA")]
    Algorithm,
    /// Signed by nobody who is trusted here, or changed since.
    #[error("the token is not signed by a trusted key")]
    Signature,
    /// Expired.
    #[error("the token has expired")]
    Expired,
    /// Not valid yet.
    #[error("the token is not valid yet")]
    Early,
    /// Another issuer than the key's, or none.
    #[error("the token has not the issuer that its key is trusted for")]
    Issuer,
    /// Made for somebody else, or for nobody.
    #[error("the token is made for another audience")]
    Audience,
    /// A claim is missing or of another type: `exp`, `sub`, `roles`.
    #[error("the token lacks a claim, or has it in another form: iss, aud, exp, sub, roles")]
    Claims,
}

/// Whose tokens count, and for what.
#[derive(Clone, Debug)]
pub struct TrustedIssuer {
    /// What `iss` has to be.
    pub issuer: String,
    /// What `aud` has to contain.
    pub audience: String,
    /// The keys that may have signed.
    pub keys: Vec<PublicKey>,
}

/// Checks tokens.
pub struct TokenVerifier {
    keys: Vec<TrustedKey>,
    remembered: Mutex<HashMap<String, Verified>>,
}

/// What a token that counts says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Verified {
    /// Who is asking.
    pub(crate) caller: Caller,
    /// When the token ends, in seconds since 1970.
    pub(crate) expires: u64,
    /// When it was issued, if it says so.
    pub(crate) issued: Option<u64>,
}

struct TrustedKey {
    key: DecodingKey,
    credential: String,
    validation: Validation,
}

impl TokenVerifier {
    /// Trusts these issuers and their keys.
    ///
    /// # Panics
    /// With more than [`KEYS_MAX`] keys.
    pub fn trusting(issuers: impl IntoIterator<Item = TrustedIssuer>) -> Self {
        eddsa::install();
        let mut keys = Vec::new();
        for trusted in issuers {
            let mut validation = Validation::new(Algorithm::EdDSA);
            validation.set_issuer(&[&trusted.issuer]);
            validation.set_audience(&[&trusted.audience]);
            validation.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
            validation.leeway = LEEWAY_SECONDS;
            validation.validate_nbf = true;
            keys.extend(trusted.keys.iter().map(|key| TrustedKey {
                key: DecodingKey::from_ed_der(key.as_bytes()),
                credential: format!("jwt:{}", key.id()),
                validation: validation.clone(),
            }));
        }
        assert!(keys.len() <= KEYS_MAX, "at most {KEYS_MAX} keys can be trusted");
        Self { keys, remembered: Mutex::default() }
    }

    /// Trusts one issuer with these keys.
    pub fn from_public_keys(
        issuer: &str,
        audience: &str,
        keys: impl IntoIterator<Item = PublicKey>,
    ) -> Self {
        let keys = keys.into_iter().collect();
        Self::trusting([TrustedIssuer { issuer: issuer.into(), audience: audience.into(), keys }])
    }

    /// Whether any key is trusted.
    pub fn trusts_anybody(&self) -> bool {
        !self.keys.is_empty()
    }

    /// Who the token says is asking, if it counts now.
    pub fn verify(&self, token: &str) -> Result<Caller, TokenError> {
        self.verify_whole(token).map(|verified| verified.caller)
    }

    /// Everything that the token says, if it counts now.
    pub(crate) fn verify_whole(&self, token: &str) -> Result<Verified, TokenError> {
        let now = unix_seconds();
        if let Some(verified) = self.remembered(token, now) {
            return Ok(verified);
        }
        if token.len() > TOKEN_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let header = jsonwebtoken::decode_header(token).map_err(|error| token_error(&error))?;
        if header.alg != Algorithm::EdDSA {
            return Err(TokenError::Algorithm);
        }
        let (claims, credential) = self.signed_claims(token)?;
        let caller = caller(&claims, credential)?;
        let mut remembered = self.lock();
        if remembered.len() >= REMEMBERED_MAX {
            remembered.clear();
        }
        let verified = Verified { caller, expires: claims.exp, issued: claims.iat };
        remembered.insert(token.to_owned(), verified.clone());
        Ok(verified)
    }

    /// Tries every key: which one a token names in its header is not to be trusted before it is
    /// checked, and there are few.
    fn signed_claims(&self, token: &str) -> Result<(Claims, &str), TokenError> {
        let mut reason = TokenError::Signature;
        for trusted in &self.keys {
            match jsonwebtoken::decode::<Claims>(token, &trusted.key, &trusted.validation) {
                Ok(data) => return Ok((data.claims, &trusted.credential)),
                Err(error) => match (error.kind(), token_error(&error)) {
                    (_, TokenError::Signature) => {}
                    // The key has signed it, and it does not count: that is the reason to tell.
                    (ErrorKind::Json(_), _) => reason = TokenError::Claims,
                    (_, other) => reason = other,
                },
            }
        }
        Err(reason)
    }

    fn remembered(&self, token: &str, now: u64) -> Option<Verified> {
        let mut remembered = self.lock();
        let verified = remembered.get(token)?;
        if now <= verified.expires.saturating_add(LEEWAY_SECONDS) {
            return Some(verified.clone());
        }
        remembered.remove(token);
        None
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Verified>> {
        self.remembered.lock().expect("nothing panics while it is held")
    }
}

fn caller(claims: &Claims, credential: &str) -> Result<Caller, TokenError> {
    let actor = ActorId::new(&claims.sub).map_err(|_| TokenError::Claims)?;
    if claims.roles.len() > ROLES_MAX || !claims.roles.iter().all(|role| is_role(role)) {
        return Err(TokenError::Claims);
    }
    let roles = Roles::named(claims.roles.iter().cloned());
    Ok(Caller { actor, roles, credential: credential.to_owned() })
}

/// Whether the text can be a role's name.
pub(crate) fn is_role(name: &str) -> bool {
    (1..=ROLE_BYTES_MAX).contains(&name.len()) && name.bytes().all(|byte| byte.is_ascii_graphic())
}

fn token_error(error: &jsonwebtoken::errors::Error) -> TokenError {
    match error.kind() {
        ErrorKind::InvalidSignature => TokenError::Signature,
        ErrorKind::ExpiredSignature => TokenError::Expired,
        ErrorKind::ImmatureSignature => TokenError::Early,
        ErrorKind::InvalidIssuer => TokenError::Issuer,
        ErrorKind::InvalidAudience => TokenError::Audience,
        ErrorKind::InvalidAlgorithm | ErrorKind::UnsupportedAlgorithm => TokenError::Algorithm,
        ErrorKind::MissingRequiredClaim(_) | ErrorKind::InvalidClaimFormat(_) => TokenError::Claims,
        // Among them a header with an algorithm that does not exist, like `none`.
        _ => TokenError::Malformed,
    }
}

pub(crate) fn unix_seconds() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// Makes tokens, with a key of our own.
pub struct TokenIssuer {
    key: EncodingKey,
    public: PublicKey,
    audience: String,
}

impl TokenIssuer {
    /// Opens the key file, or makes it; the audience is the app's name.
    pub fn open(path: &Path, audience: &str) -> Result<Self, KeyFileError> {
        Ok(Self::with_key(&key_file::open_or_make(path)?, audience))
    }

    /// With a key that is forgotten when the process ends: for `--dev` and tests.
    pub fn ephemeral(audience: &str) -> Self {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).expect("the system gives random bytes");
        Self::with_key(&SigningKey::from_bytes(&secret), audience)
    }

    fn with_key(key: &SigningKey, audience: &str) -> Self {
        eddsa::install();
        let der = [&eddsa::PRIVATE_KEY_PREFIX[..], key.as_bytes()].concat();
        let public = PublicKey::from_bytes(key.verifying_key().to_bytes());
        Self {
            key: EncodingKey::from_ed_der(&der),
            public: public.expect("a key of 32 random bytes is sound"),
            audience: audience.to_owned(),
        }
    }

    /// A token for this actor with these roles, from now on for this long.
    pub fn issue(&self, actor: &ActorId, roles: &Roles, lifetime: Duration) -> String {
        let now = unix_seconds();
        let claims = Claims {
            iss: OWN_ISSUER.to_owned(),
            aud: Audiences::One(self.audience.clone()),
            sub: actor.as_str().to_owned(),
            exp: now.saturating_add(lifetime.as_secs()),
            iat: Some(now),
            roles: roles.names().map(str::to_owned).collect(),
        };
        let header = Header::new(Algorithm::EdDSA);
        jsonwebtoken::encode(&header, &claims, &self.key).expect("our key and claims are sound")
    }

    /// The public key: what others need to check these tokens.
    pub fn public_key(&self) -> PublicKey {
        self.public
    }

    /// Who to trust in order to take these tokens.
    pub fn trusted(&self) -> TrustedIssuer {
        TrustedIssuer {
            issuer: OWN_ISSUER.to_owned(),
            audience: self.audience.clone(),
            keys: vec![self.public],
        }
    }

    /// A verifier that takes these tokens and no others.
    pub fn verifier(&self) -> TokenVerifier {
        TokenVerifier::trusting([self.trusted()])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_token_is_forgotten_when_it_expires() {
        let issuer = TokenIssuer::ephemeral("bank");
        let verifier = issuer.verifier();
        let actor = ActorId::new("ada").unwrap();
        let token = issuer.issue(&actor, &Roles::none(), Duration::from_secs(600));
        let now = unix_seconds();
        assert_eq!(verifier.remembered(&token, now), None);
        verifier.verify(&token).unwrap();
        assert_eq!(verifier.remembered(&token, now).unwrap().caller.actor, actor);
        assert_eq!(verifier.remembered(&token, now + 600 + LEEWAY_SECONDS + 2), None);
        assert_eq!(verifier.remembered(&token, now), None, "forgotten for good");
    }
}
