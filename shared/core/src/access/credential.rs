//! The one form of the engine's own credentials: `<prefix>_<env>_<id>_<secret><checksum>`.
//!
//! The prefix tells the kinds apart, the id (12 base62 characters) finds the record, the secret (43 characters, 256 random
//! bits) proves possession, the checksum (6 characters) lets a typo or a secret scanner be told from a credential without a
//! look-up. Stored as SHA-256 of the whole text: the secret is random, so a slow hash would buy nothing.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::hex;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;

/// A credential in clear, of a kind that its owner knows.
pub(super) struct Credential {
    pub(super) text: Zeroizing<String>,
    pub(super) id: KeyId,
}

impl Credential {
    pub(super) fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.text.as_bytes()).into())
    }
}

/// The text does not have a credential's form or checksum. It says nothing about whether such a one exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a credential of this kind and environment")]
pub struct CredentialError;

/// Writes a credential of the kind `prefix` for `environment` (2 to 10 lower-case letters or digits).
pub(super) fn compose(
    prefix: &str,
    environment: &str,
    id: KeyId,
    secret: &[u8; 32],
) -> Result<Credential, CredentialError> {
    let valid = (2..=10).contains(&environment.len())
        && environment.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
    if !valid {
        return Err(CredentialError);
    }
    let head = format!("{prefix}_{environment}_{id}_");
    // Its whole length at once: a string that grows leaves copies of the secret behind.
    let mut text = Zeroizing::new(String::with_capacity(head.len() + SECRET_LENGTH + CHECKSUM_LENGTH));
    text.push_str(&head);
    text.push_str(&Zeroizing::new(base62(secret, SECRET_LENGTH)));
    let checksum = checksum(&text);
    text.push_str(&checksum);
    Ok(Credential { text, id })
}

/// Reads a presented credential of the kind `prefix` and of `environment`.
pub(super) fn read(prefix: &str, text: &str, environment: &str) -> Result<Credential, CredentialError> {
    let rest = text.strip_prefix(prefix).and_then(|rest| rest.strip_prefix('_')).ok_or(CredentialError)?;
    let rest = rest.strip_prefix(environment).and_then(|rest| rest.strip_prefix('_')).ok_or(CredentialError)?;
    let (id, secret) = rest.split_once('_').ok_or(CredentialError)?;
    if !is_base62(id, ID_LENGTH) || !is_base62(secret, SECRET_LENGTH + CHECKSUM_LENGTH) {
        return Err(CredentialError);
    }
    let (body, presented) = text.split_at(text.len() - CHECKSUM_LENGTH);
    if checksum(body) != presented {
        return Err(CredentialError);
    }
    Ok(Credential { id: KeyId(id.to_owned()), text: Zeroizing::new(text.to_owned()) })
}

/// The public part of a key or of another credential, by which it is listed, revoked and recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Makes an id from random bytes.
    #[must_use]
    pub fn from_random(bytes: [u8; 9]) -> Self {
        Self(base62(&bytes, ID_LENGTH))
    }

    /// Reads an id: 12 base62 characters.
    pub fn parse(text: &str) -> Result<Self, CredentialError> {
        if is_base62(text, ID_LENGTH) { Ok(Self(text.to_owned())) } else { Err(CredentialError) }
    }

    /// The id's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// SHA-256 of a credential's text. Compared in constant time.
#[derive(Clone, Copy)]
pub struct KeyHash([u8; 32]);

impl KeyHash {
    /// Takes a stored hash; `None` unless it is 32 bytes.
    #[must_use]
    pub fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The hash's bytes, for storage and for the condition of the update.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl PartialEq for KeyHash {
    fn eq(&self, other: &Self) -> bool {
        self.0.ct_eq(&other.0).into()
    }
}

impl Eq for KeyHash {}

impl fmt::Debug for KeyHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Enough to tell two apart in a failed test, not enough to attack.
        write!(f, "KeyHash({}…)", &hex::encode(&self.0[..4]))
    }
}

fn is_base62(text: &str, length: usize) -> bool {
    text.len() == length && text.bytes().all(|byte| byte.is_ascii_alphanumeric())
}

/// The last `length` base62 digits of `bytes` as a big-endian number.
fn base62(bytes: &[u8], length: usize) -> String {
    let mut number = Zeroizing::new(bytes.to_vec());
    let mut digits = Zeroizing::new(vec![0u8; length]);
    for digit in digits.iter_mut().rev() {
        let mut remainder = 0u16;
        for byte in number.iter_mut() {
            let value = remainder << 8 | u16::from(*byte);
            // The remainder is below 62, so the quotient of a value below 62 × 256 is a byte: its low one.
            *byte = (value / 62).to_le_bytes()[0];
            remainder = value % 62;
        }
        *digit = ALPHABET[usize::from(remainder)];
    }
    digits.iter().copied().map(char::from).collect()
}

/// Six base62 digits of SHA-256 over the text before it.
fn checksum(body: &str) -> String {
    base62(&Sha256::digest(body.as_bytes())[..8], CHECKSUM_LENGTH)
}
