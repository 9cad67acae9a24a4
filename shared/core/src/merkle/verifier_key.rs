//! C2SP `signed-note` verifier keys.

use std::fmt;
use std::str::FromStr;

use aws_lc_rs::signature::{ED25519, UnparsedPublicKey};
use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use crate::hex;

/// The signature type of Ed25519 in signed notes.
const ED25519_TYPE: u8 = 1;
/// DER of an Ed25519 `SubjectPublicKeyInfo` up to its 32 bytes of key (RFC 8410).
const SPKI_HEAD: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// A named Ed25519 public key; its text is `<name>+<8 hex digits>+<base64(0x01 ‖ key)>`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct VerifierKey {
    name: String,
    public_key: [u8; 32],
}

/// Why a text or key makes no verifier key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum VerifierKeyError {
    /// The name is empty or holds a space, a plus sign or a control character.
    #[error("the key's name is empty or holds a space, a plus sign or a control character")]
    Name,
    /// The text is not `<name>+<8 hex digits>+<base64>` of an Ed25519 key, written the one right way.
    #[error("not a verifier key of an Ed25519 key")]
    Form,
    /// The eight digits are another key's.
    #[error("the verifier key's digits do not belong to its name and key")]
    KeyHash,
    /// The DER is no Ed25519 public key.
    #[error("not the SubjectPublicKeyInfo of an Ed25519 key")]
    Spki,
}

/// True for what may name a key: not empty, no space, plus sign or control character.
pub(super) fn is_key_name(name: &str) -> bool {
    !name.is_empty() && !name.contains(|c: char| c == '+' || c.is_whitespace() || c.is_control())
}

/// First four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key).
pub(super) fn key_hash(name: &str, public_key: &[u8; 32]) -> [u8; 4] {
    let digest = Sha256::new()
        .chain_update(name.as_bytes())
        .chain_update([b'\n', ED25519_TYPE])
        .chain_update(public_key)
        .finalize();
    [digest[0], digest[1], digest[2], digest[3]]
}

impl VerifierKey {
    /// Names a raw Ed25519 public key.
    pub fn new(name: &str, public_key: [u8; 32]) -> Result<Self, VerifierKeyError> {
        if is_key_name(name) { Ok(Self { name: name.to_owned(), public_key }) } else { Err(VerifierKeyError::Name) }
    }

    /// Names a public key in the DER that KMS answers with.
    pub fn from_spki(name: &str, der: &[u8]) -> Result<Self, VerifierKeyError> {
        let key = der.strip_prefix(&SPKI_HEAD).and_then(|key| key.try_into().ok()).ok_or(VerifierKeyError::Spki)?;
        Self::new(name, key)
    }

    /// Reads the text form.
    pub fn parse(text: &str) -> Result<Self, VerifierKeyError> {
        let mut parts = text.splitn(3, '+');
        let (Some(name), Some(digits), Some(key)) = (parts.next(), parts.next(), parts.next()) else {
            return Err(VerifierKeyError::Form);
        };
        let key = STANDARD.decode(key).map_err(|_| VerifierKeyError::Form)?;
        let [ED25519_TYPE, key @ ..] = key.as_slice() else { return Err(VerifierKeyError::Form) };
        let key = Self::new(name, key.try_into().map_err(|_| VerifierKeyError::Form)?)?;
        if digits.len() != 8 || !digits.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(VerifierKeyError::Form);
        }
        if hex::encode(&key.key_hash()) == digits { Ok(key) } else { Err(VerifierKeyError::KeyHash) }
    }

    /// The key's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The raw Ed25519 public key.
    #[must_use]
    pub fn public_key(&self) -> &[u8; 32] {
        &self.public_key
    }

    /// The first bytes of a digest over name and key, by which a signature line names its key.
    #[must_use]
    pub fn key_hash(&self) -> [u8; 4] {
        key_hash(&self.name, &self.public_key)
    }

    /// True if `signature` is this key's over `message` (RFC 8032).
    #[must_use]
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        UnparsedPublicKey::new(&ED25519, &self.public_key).verify(message, signature).is_ok()
    }
}

impl FromStr for VerifierKey {
    type Err = VerifierKeyError;

    fn from_str(text: &str) -> Result<Self, VerifierKeyError> {
        Self::parse(text)
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![ED25519_TYPE];
        key.extend(self.public_key);
        write!(f, "{}+{}+{}", self.name, hex::encode(&self.key_hash()), STANDARD.encode(key))
    }
}
