//! The one signature algorithm there is: Ed25519, for `jsonwebtoken`.
//!
//! `jsonwebtoken` comes with RSA, ECDSA and HMAC of one library or another. Here it is given a
//! provider that knows nothing but EdDSA: a token of another algorithm meets no code that could
//! accept it, and forty crates, or a C compiler, are not needed. Keys have the forms that its own
//! providers take too (PKCS #8 to sign, 32 bytes to verify), so that a process in which somebody
//! installed another provider first works the same.

use std::sync::Once;

use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use jsonwebtoken::crypto::{CryptoProvider, JwtSigner, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{ErrorKind, Result};
use jsonwebtoken::signature;
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, EncodingKey};

/// What comes before the 32 bytes of an Ed25519 private key in PKCS #8 (RFC 8410, version 1).
pub(crate) const PRIVATE_KEY_PREFIX: [u8; 16] =
    [0x30, 0x2e, 2, 1, 0, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 4, 0x22, 4, 0x20];

/// What comes before the 32 bytes of an Ed25519 public key in SubjectPublicKeyInfo (RFC 8410).
pub(crate) const PUBLIC_KEY_PREFIX: [u8; 12] =
    [0x30, 0x2a, 0x30, 5, 6, 3, 0x2b, 0x65, 0x70, 3, 0x21, 0];

static EDDSA_ALONE: CryptoProvider = CryptoProvider {
    signer_factory: |algorithm, key| Ok(Box::new(Ed25519Signer::new(algorithm, key)?)),
    verifier_factory: |algorithm, key| Ok(Box::new(Ed25519Verifier::new(algorithm, key)?)),
    key_utils: KeyUtils::new_unimplemented(),
};

/// Makes this the process's provider, unless it has one.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    // A provider that is there already knows EdDSA as well, and takes our keys.
    ONCE.call_once(|| {
        let _ = EDDSA_ALONE.install_default();
    });
}

struct Ed25519Signer(SigningKey);

impl Ed25519Signer {
    fn new(algorithm: &Algorithm, key: &EncodingKey) -> Result<Self> {
        only_eddsa(*algorithm, key.family())?;
        let secret = key.as_bytes().strip_prefix(&PRIVATE_KEY_PREFIX);
        let secret = secret.and_then(|secret| <&[u8; 32]>::try_from(secret).ok());
        Ok(Self(SigningKey::from_bytes(secret.ok_or(ErrorKind::InvalidEddsaKey)?)))
    }
}

impl signature::Signer<Vec<u8>> for Ed25519Signer {
    fn try_sign(&self, message: &[u8]) -> std::result::Result<Vec<u8>, signature::Error> {
        Ok(self.0.sign(message).to_bytes().to_vec())
    }
}

impl JwtSigner for Ed25519Signer {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

struct Ed25519Verifier(VerifyingKey);

impl Ed25519Verifier {
    fn new(algorithm: &Algorithm, key: &DecodingKey) -> Result<Self> {
        only_eddsa(*algorithm, key.family())?;
        let bytes = <&[u8; 32]>::try_from(key.try_get_as_bytes()?);
        let bytes = bytes.map_err(|_| ErrorKind::InvalidEddsaKey)?;
        Ok(Self(VerifyingKey::from_bytes(bytes).map_err(|_| ErrorKind::InvalidEddsaKey)?))
    }
}

impl signature::Verifier<Vec<u8>> for Ed25519Verifier {
    fn verify(
        &self,
        message: &[u8],
        signature: &Vec<u8>,
    ) -> std::result::Result<(), signature::Error> {
        let invalid = |_| signature::Error::new();
        let signature = Signature::from_slice(signature).map_err(invalid)?;
        // Strict: one signature has one meaning, and keys of small order have none.
        self.0.verify_strict(message, &signature).map_err(invalid)
    }
}

impl JwtVerifier for Ed25519Verifier {
    fn algorithm(&self) -> Algorithm {
        Algorithm::EdDSA
    }
}

fn only_eddsa(algorithm: Algorithm, family: AlgorithmFamily) -> Result<()> {
    if algorithm == Algorithm::EdDSA && family == AlgorithmFamily::Ed {
        Ok(())
    } else {
        Err(ErrorKind::InvalidAlgorithm.into())
    }
}
