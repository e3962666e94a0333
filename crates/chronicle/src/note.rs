//! Signed notes (C2SP `signed-note`): text, and who signed it, in a form that people can read and
//! mail. Checkpoints are such notes.
//!
//! ```text
//! text, one or more lines
//!                                      an empty line
//! — NAME BASE64(key id, signature)     a line per signature
//! ```
//!
//! What is signed is the text with its last newline. A key has a name and 32 bytes of Ed25519; its
//! id is the first four bytes of SHA-256 over name, newline, 1 and the 32 bytes. Written down as
//! `NAME+ID+BASE64`, id in hexadecimal, it is what others need to check a note: a *verifier key*.
//!
//! Signatures of keys that one does not know are passed over, so that keys can overlap and witnesses
//! can add their own. One bad signature of a known key spoils the note.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The most signatures of a note that is looked at: what the specification asks for at least.
pub const SIGNATURES_MAX: usize = 16;
/// The longest note that is looked at: 16 signatures of the largest kind there is (5 kB each), and
/// text.
pub const NOTE_BYTES_MAX: usize = 128 << 10;

/// The specification's number for Ed25519.
const ED25519: u8 = 1;
/// What every line of a signature starts with.
const SIGNATURE_MARK: &str = "\u{2014} ";

/// The four bytes that tell apart the keys of one name.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(pub [u8; 4]);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyId({self})")
    }
}

/// What the signatures of one key are checked with. Its text is `NAME+ID+BASE64`.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    id: KeyId,
    key: VerifyingKey,
}

impl VerifierKey {
    /// The key's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The key's id.
    pub fn id(&self) -> KeyId {
        self.id
    }

    fn new(name: &str, key: VerifyingKey) -> Self {
        Self { name: name.to_owned(), id: key_id(name, &key), key }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = [&[ED25519][..], self.key.as_bytes()].concat();
        write!(f, "{}+{}+{}", self.name, self.id, STANDARD.encode(key))
    }
}

impl fmt::Debug for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifierKey({self})")
    }
}

/// A text that is no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    /// Not of the form.
    #[error("a verifier key is NAME+ID+BASE64, the id of 8 hexadecimal digits")]
    Form,
    /// Another algorithm.
    #[error("the key is not of Ed25519")]
    Algorithm,
    /// Not a point, or a weak one.
    #[error("the key's 32 bytes are no sound Ed25519 key")]
    Key,
    /// The parts do not belong together.
    #[error("the key's id is {stated}, but its name and bytes make {found}")]
    Id {
        /// What the text says.
        stated: KeyId,
        /// What follows from name and bytes.
        found: KeyId,
    },
}

impl FromStr for VerifierKey {
    type Err = KeyError;

    fn from_str(text: &str) -> Result<Self, KeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(id), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(KeyError::Form);
        };
        if !is_key_name(name) || id.len() != 8 || !id.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(KeyError::Form);
        }
        let stated = u32::from_str_radix(id, 16).expect("8 hexadecimal digits are a u32");
        let stated = KeyId(stated.to_be_bytes());
        let bytes = STANDARD.decode(key).map_err(|_| KeyError::Form)?;
        let (algorithm, bytes) = bytes.split_first().ok_or(KeyError::Form)?;
        if *algorithm != ED25519 {
            return Err(KeyError::Algorithm);
        }
        let bytes: &[u8; 32] = bytes.try_into().map_err(|_| KeyError::Key)?;
        let key = VerifyingKey::from_bytes(bytes).map_err(|_| KeyError::Key)?;
        if key.is_weak() {
            return Err(KeyError::Key);
        }
        let key = Self::new(name, key);
        if key.id != stated {
            return Err(KeyError::Id { stated, found: key.id });
        }
        Ok(key)
    }
}

/// A name with the secret half of a key.
pub struct NoteSigner {
    name: String,
    id: KeyId,
    key: SigningKey,
}

impl NoteSigner {
    /// A key of this name.
    ///
    /// # Panics
    /// When the name is empty or has a space, a control character or a plus.
    pub fn new(name: &str, secret: &SecretKey) -> Self {
        assert!(is_key_name(name), "`{name}` can name a key");
        let key = SigningKey::from_bytes(&secret.0);
        Self { name: name.to_owned(), id: key_id(name, &key.verifying_key()), key }
    }

    /// What others check its signatures with.
    pub fn verifier(&self) -> VerifierKey {
        VerifierKey::new(&self.name, self.key.verifying_key())
    }
}

impl fmt::Debug for NoteSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NoteSigner({}+{})", self.name, self.id)
    }
}

/// The 32 secret bytes of a key; never shown.
#[derive(Clone)]
pub struct SecretKey(pub [u8; 32]);

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretKey(…)")
    }
}

/// Signs a text with each of the keys.
///
/// # Panics
/// When the text is not one or more whole lines without control characters.
pub fn sign(text: &str, signers: &[&NoteSigner]) -> String {
    assert!(is_text(text), "a note's text is whole lines without control characters");
    assert!((1..=SIGNATURES_MAX).contains(&signers.len()), "a note has 1 to 16 signatures");
    let mut note = format!("{text}\n");
    for signer in signers {
        let signature = signer.key.sign(text.as_bytes()).to_bytes();
        let signature = STANDARD.encode([&signer.id.0[..], &signature].concat());
        note.push_str(&format!("{SIGNATURE_MARK}{} {signature}\n", signer.name));
    }
    note
}

/// A note that is well-formed; its text is worth nothing before it is [verified](Self::verify).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    text: String,
    signatures: Vec<NoteSignature>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct NoteSignature {
    name: String,
    id: KeyId,
    bytes: Vec<u8>,
}

/// Why a note does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note.
    #[error("it is no signed note: {0}")]
    Malformed(&'static str),
    /// A known key has not signed this text.
    #[error("the signature of the key {name}+{id} does not hold")]
    Invalid {
        /// The key's name.
        name: String,
        /// The key's id.
        id: KeyId,
    },
    /// None of the signatures is by a known key.
    #[error("it is signed by no known key, but by {}", .signed_by.join(" and "))]
    UnknownKeys {
        /// `NAME+ID` of each signature.
        signed_by: Vec<String>,
    },
}

impl Note {
    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        use NoteError::Malformed;
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(Malformed("it is longer than any"));
        }
        let note = std::str::from_utf8(bytes).map_err(|_| Malformed("it is not UTF-8"))?;
        let split = note.rfind("\n\n").ok_or(Malformed("no empty line ends the text"))?;
        let (text, lines) = (&note[..=split], &note[split + 2..]);
        if !is_text(text) {
            return Err(Malformed("its text is empty or has control characters"));
        }
        let lines = lines.strip_suffix('\n').ok_or(Malformed("its last line does not end"))?;
        let mut signatures = Vec::new();
        for line in lines.split('\n') {
            if signatures.len() == SIGNATURES_MAX {
                return Err(Malformed("it has more than 16 signatures"));
            }
            signatures.push(NoteSignature::parse(line).ok_or(Malformed(
                "a line of a signature is not `— NAME BASE64`, the base64 of more than 4 bytes",
            ))?);
        }
        Ok(Self { text: text.to_owned(), signatures })
    }

    /// The text, if at least one of the keys signed it and no signature of one is bad; with it the
    /// keys that did, in the order of their signatures.
    pub fn verify<'a>(
        &self,
        keys: &'a [VerifierKey],
    ) -> Result<(&str, Vec<&'a VerifierKey>), NoteError> {
        let mut signed: Vec<&VerifierKey> = Vec::new();
        for signature in &self.signatures {
            // Two keys of one name and id can only be made on purpose: both have to agree.
            for key in keys.iter().filter(|key| signature.is_by(key)) {
                let whole = Signature::from_slice(&signature.bytes).ok();
                // Strict: one signature has one meaning, and keys of small order have none.
                whole
                    .and_then(|whole| key.key.verify_strict(self.text.as_bytes(), &whole).ok())
                    .ok_or_else(|| NoteError::Invalid { name: key.name.clone(), id: key.id })?;
                if !signed.contains(&key) {
                    signed.push(key);
                }
            }
        }
        if signed.is_empty() {
            return Err(NoteError::UnknownKeys { signed_by: self.signed_by() });
        }
        Ok((&self.text, signed))
    }

    /// The text, whoever signed it.
    pub(crate) fn unverified_text(&self) -> &str {
        &self.text
    }

    /// `NAME+ID` of each signature, unchecked.
    fn signed_by(&self) -> Vec<String> {
        self.signatures.iter().map(|by| format!("{}+{}", by.name, by.id)).collect()
    }
}

impl NoteSignature {
    fn parse(line: &str) -> Option<Self> {
        let (name, encoded) = line.strip_prefix(SIGNATURE_MARK)?.split_once(' ')?;
        let bytes = STANDARD.decode(encoded).ok()?;
        let (id, bytes) = bytes.split_first_chunk::<4>()?;
        (is_key_name(name) && !bytes.is_empty()).then(|| Self {
            name: name.to_owned(),
            id: KeyId(*id),
            bytes: bytes.to_vec(),
        })
    }

    fn is_by(&self, key: &VerifierKey) -> bool {
        self.name == key.name && self.id == key.id
    }
}

fn key_id(name: &str, key: &VerifyingKey) -> KeyId {
    let hash = Sha256::new().chain_update(name).chain_update([b'\n', ED25519]);
    let hash: [u8; 32] = hash.chain_update(key.as_bytes()).finalize().into();
    KeyId(*hash.first_chunk().expect("32 bytes begin with 4"))
}

fn is_key_name(name: &str) -> bool {
    let fits = |c: char| !c.is_whitespace() && c >= ' ' && c != '+';
    !name.is_empty() && name.chars().all(fits)
}

fn is_text(text: &str) -> bool {
    text.ends_with('\n') && text.len() > 1 && text.chars().all(|c| c >= ' ' || c == '\n')
}
