//! Key files: the Ed25519 key pair that signs our own tokens, and the public keys of other issuers.
//!
//! PEM, as OpenSSL writes and reads it: a private key is `PRIVATE KEY` (PKCS #8), a public one
//! `PUBLIC KEY` (SubjectPublicKeyInfo). `openssl genpkey -algorithm ed25519` makes the one,
//! `openssl pkey -pubout` the other. A private key is readable by its owner alone.

use std::fmt;
use std::fs::{File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{SigningKey, VerifyingKey};
use sha2::{Digest as _, Sha256};

use crate::eddsa::{PRIVATE_KEY_PREFIX, PUBLIC_KEY_PREFIX};

/// A public key of somebody whose tokens count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct PublicKey([u8; 32]);

/// A key file could not be used.
#[derive(Debug, thiserror::Error)]
pub enum KeyFileError {
    /// The file could not be read or made.
    #[error("cannot {what} the key file {}", .path.display())]
    Io {
        /// What was attempted.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The cause.
        source: io::Error,
    },
    /// The file is not a key.
    #[error("{} is not an Ed25519 {kind} in PEM", .path.display())]
    NotAKey {
        /// The kind that was expected.
        kind: &'static str,
        /// The file.
        path: PathBuf,
    },
    /// Others than its owner can read a private key.
    #[error("others can read the private key {}: chmod 600 it", .path.display())]
    Exposed {
        /// The file.
        path: PathBuf,
    },
}

/// The longest key file that is read: a PEM of 48 bytes has 119, and comments may stand around it.
const KEY_FILE_BYTES_MAX: u64 = 16 * 1024;

const PRIVATE: &str = "PRIVATE KEY";
const PUBLIC: &str = "PUBLIC KEY";

impl PublicKey {
    /// Takes the 32 bytes of a key; none if they are no key or a weak one.
    pub fn from_bytes(bytes: [u8; 32]) -> Option<Self> {
        VerifyingKey::from_bytes(&bytes).ok().filter(|key| !key.is_weak()).map(|_| Self(bytes))
    }

    /// Reads a key in PEM.
    pub fn from_file(path: &Path) -> Result<Self, KeyFileError> {
        let io = |source| KeyFileError::Io { what: "read", path: path.to_owned(), source };
        let text = read_text(&mut File::open(path).map_err(io)?).map_err(io)?;
        pem_content(&text, PUBLIC, &PUBLIC_KEY_PREFIX)
            .and_then(Self::from_bytes)
            .ok_or_else(|| KeyFileError::NotAKey { kind: PUBLIC, path: path.to_owned() })
    }

    /// The 32 bytes.
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first 16 hexadecimal digits of its SHA-256: what records and logs call it.
    pub fn id(&self) -> String {
        Sha256::digest(self.0).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
    }

    /// The key in PEM.
    pub fn to_pem(&self) -> String {
        pem(PUBLIC, &PUBLIC_KEY_PREFIX, &self.0)
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.id())
    }
}

/// The private key of a file; a new one, and the file, if it is absent.
pub(crate) fn open_or_make(path: &Path) -> Result<SigningKey, KeyFileError> {
    match File::open(path) {
        Ok(mut file) => read_private(&mut file, path),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make(path),
        Err(source) => Err(KeyFileError::Io { what: "open", path: path.to_owned(), source }),
    }
}

fn read_private(file: &mut File, path: &Path) -> Result<SigningKey, KeyFileError> {
    let io = |source| KeyFileError::Io { what: "read", path: path.to_owned(), source };
    if is_exposed(file).map_err(io)? {
        return Err(KeyFileError::Exposed { path: path.to_owned() });
    }
    let text = read_text(file).map_err(io)?;
    pem_content(&text, PRIVATE, &PRIVATE_KEY_PREFIX)
        .map(|secret| SigningKey::from_bytes(&secret))
        .ok_or_else(|| KeyFileError::NotAKey { kind: PRIVATE, path: path.to_owned() })
}

/// Writes the new key under another name and links it into place, so that of two processes that
/// start at once one makes the key and the other reads it; a crash leaves no half of a key.
fn make(path: &Path) -> Result<SigningKey, KeyFileError> {
    let io = |what| {
        let path = path.to_owned();
        move |source| KeyFileError::Io { what, path, source }
    };
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the system gives random bytes");
    let key = SigningKey::from_bytes(&secret);
    if let Some(directory) = path.parent() {
        std::fs::create_dir_all(directory).map_err(io("make the directory of"))?;
    }
    let draft = path.with_extension(format!("draft-{}", std::process::id()));
    let mut options = OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let written = options.open(&draft).and_then(|mut file| {
        file.write_all(pem(PRIVATE, &PRIVATE_KEY_PREFIX, &secret).as_bytes())?;
        file.sync_all()
    });
    let linked = written.and_then(|()| std::fs::hard_link(&draft, path));
    drop(std::fs::remove_file(&draft));
    match linked {
        Ok(()) => Ok(key),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            read_private(&mut File::open(path).map_err(io("open"))?, path)
        }
        Err(source) => Err(io("write")(source)),
    }
}

#[cfg(unix)]
fn is_exposed(file: &File) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt as _;
    Ok(file.metadata()?.permissions().mode() & 0o077 != 0)
}

#[cfg(not(unix))]
fn is_exposed(_: &File) -> io::Result<bool> {
    Ok(false)
}

fn read_text(file: &mut File) -> io::Result<String> {
    let mut text = String::new();
    file.take(KEY_FILE_BYTES_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn pem(label: &str, prefix: &[u8], key: &[u8; 32]) -> String {
    let content = STANDARD.encode([prefix, key].concat());
    assert!(content.len() <= 64, "an Ed25519 key is one line of PEM");
    format!("-----BEGIN {label}-----\n{content}\n-----END {label}-----\n")
}

fn pem_content(text: &str, label: &str, prefix: &[u8]) -> Option<[u8; 32]> {
    let (_, rest) = text.split_once(&format!("-----BEGIN {label}-----"))?;
    let (content, _) = rest.split_once(&format!("-----END {label}-----"))?;
    let content: String = content.split_ascii_whitespace().collect();
    STANDARD.decode(content).ok()?.strip_prefix(prefix)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_file_is_made_once_and_read_from_then_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("keys/token.pem");
        let made = open_or_make(&path).unwrap();
        let read = open_or_make(&path).unwrap();
        assert_eq!(made.to_bytes(), read.to_bytes());
        assert_eq!(std::fs::read_dir(path.parent().unwrap()).unwrap().count(), 1, "no draft left");
    }

    #[cfg(unix)]
    #[test]
    fn a_private_key_that_others_can_read_is_not_used() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("token.pem");
        open_or_make(&path).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(open_or_make(&path), Err(KeyFileError::Exposed { .. })));
    }

    #[test]
    fn keys_are_read_as_openssl_writes_them() {
        // openssl genpkey -algorithm ed25519 | tee private.pem | openssl pkey -pubout
        // The key pair of RFC 8410, section 10.
        let private = "-----BEGIN PRIVATE KEY-----\n\
            MC4CAQAwBQYDK2VwBCIEINTuctv5E1hK1bbY8fdp+K06/nwoy/HU++CXqI9EdVhC\n\
            -----END PRIVATE KEY-----\n";
        let public = "-----BEGIN PUBLIC KEY-----\n\
            MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n\
            -----END PUBLIC KEY-----\n";
        let secret = pem_content(private, PRIVATE, &PRIVATE_KEY_PREFIX).unwrap();
        let key = SigningKey::from_bytes(&secret);
        let expected = PublicKey::from_bytes(key.verifying_key().to_bytes()).unwrap();
        assert_eq!(expected.to_pem(), public);
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("public.pem");
        std::fs::write(&path, format!("a comment\n{public}")).unwrap();
        assert_eq!(PublicKey::from_file(&path).unwrap(), expected);
        std::fs::write(&path, private).unwrap();
        assert!(matches!(PublicKey::from_file(&path), Err(KeyFileError::NotAKey { .. })));
    }
}
