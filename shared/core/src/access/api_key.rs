//! API keys: `bre_<env>_<key id>_<secret><checksum>`.
//!
//! The key id (12 base62 characters) finds the record, the secret (43 characters, 256 random bits) proves possession,
//! the checksum (6 characters) lets a typo or a secret scanner be told from a key without a look-up. Stored as SHA-256 of
//! the whole text: the secret is random, so a slow hash would buy nothing.

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::hex;

const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const PREFIX: &str = "bre";
const ID_LENGTH: usize = 12;
const SECRET_LENGTH: usize = 43;
const CHECKSUM_LENGTH: usize = 6;

/// An API key in clear. Shown once, to who created it; holds a secret, so it has no `Debug`, `Display` or `Serialize`.
pub struct ApiKey {
    text: Zeroizing<String>,
    id: KeyId,
}

/// The text does not have a key's form or checksum. It says nothing about whether such a key exists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an API key")]
pub struct ApiKeyError;

impl ApiKey {
    /// Makes a key for `environment` (2 to 10 lower-case letters or digits) from random bytes: 9 for the id, 32 for the secret.
    pub fn generate(environment: &str, id: [u8; 9], secret: &[u8; 32]) -> Result<Self, ApiKeyError> {
        let valid = (2..=10).contains(&environment.len())
            && environment.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit());
        if !valid {
            return Err(ApiKeyError);
        }
        let id = KeyId(base62(&id, ID_LENGTH));
        let mut text = Zeroizing::new(format!("{PREFIX}_{environment}_{id}_"));
        text.push_str(&Zeroizing::new(base62(secret, SECRET_LENGTH)));
        let checksum = checksum(&text);
        text.push_str(&checksum);
        Ok(Self { text, id })
    }

    /// Reads a presented key of `environment`; refuses wrong forms and checksums without a look-up.
    pub fn parse(text: &str, environment: &str) -> Result<Self, ApiKeyError> {
        let rest = text.strip_prefix(PREFIX).and_then(|rest| rest.strip_prefix('_')).ok_or(ApiKeyError)?;
        let rest = rest.strip_prefix(environment).and_then(|rest| rest.strip_prefix('_')).ok_or(ApiKeyError)?;
        let (id, secret) = rest.split_once('_').ok_or(ApiKeyError)?;
        let base62 =
            |part: &str, length: usize| part.len() == length && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !base62(id, ID_LENGTH) || !base62(secret, SECRET_LENGTH + CHECKSUM_LENGTH) {
            return Err(ApiKeyError);
        }
        let (body, presented) = text.split_at(text.len() - CHECKSUM_LENGTH);
        if checksum(body) != presented {
            return Err(ApiKeyError);
        }
        Ok(Self { id: KeyId(id.to_owned()), text: Zeroizing::new(text.to_owned()) })
    }

    /// The part that names the key and may be shown.
    #[must_use]
    pub fn id(&self) -> &KeyId {
        &self.id
    }

    /// What is stored of the key.
    #[must_use]
    pub fn hash(&self) -> KeyHash {
        KeyHash(Sha256::digest(self.text.as_bytes()).into())
    }

    /// The key in clear, for the one answer that shows it.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.text
    }
}

/// The public part of a key, by which it is listed, revoked and recorded.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct KeyId(String);

impl KeyId {
    /// Reads a key id: 12 base62 characters.
    pub fn parse(text: &str) -> Result<Self, ApiKeyError> {
        if text.len() == ID_LENGTH && text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ApiKeyError)
        }
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

/// SHA-256 of a key's text. Compared in constant time.
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

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> ApiKey {
        ApiKey::generate("test", [0xab; 9], &[0xcd; 32]).unwrap()
    }

    #[test]
    fn a_generated_key_reads_back() {
        let key = key();
        let read = ApiKey::parse(key.expose(), "test").unwrap();
        assert_eq!(read.id(), key.id());
        assert_eq!(read.hash(), key.hash());
        assert_eq!(key.expose().len(), "bre_test_".len() + 12 + 1 + 43 + 6);
        assert_eq!(KeyId::parse(key.id().as_str()).as_ref(), Ok(key.id()));
    }

    #[test]
    fn the_secret_carries_all_256_bits() {
        let text = |secret: &[u8; 32]| ApiKey::generate("test", [0; 9], secret).unwrap().expose().to_owned();
        let (low, high) = (text(&[0; 32]), text(&[0xff; 32]));
        assert_eq!(&low[22..65], "0".repeat(43));
        assert_ne!(&high[22..23], "0", "43 digits are needed for 2^256 - 1");
        let mut flipped = [0; 32];
        flipped[0] = 0x80;
        assert_ne!(text(&flipped), low, "the highest bit is part of the secret");
    }

    #[test]
    fn any_one_changed_character_is_refused_without_a_lookup() {
        let text = key().expose().to_owned();
        for position in 0..text.len() {
            let mut bytes = text.clone().into_bytes();
            bytes[position] = if bytes[position] == b'x' { b'y' } else { b'x' };
            let changed = String::from_utf8(bytes).unwrap();
            assert!(ApiKey::parse(&changed, "test").is_err(), "position {position}: {changed}");
        }
    }

    #[test]
    fn other_environments_and_forms_are_refused() {
        let text = key().expose().to_owned();
        assert!(ApiKey::parse(&text, "live").is_err());
        for bad in
            ["", "bre", "bre_test_", "bre_test__", &text[..text.len() - 1], &format!("{text}0"), &format!(" {text}")]
        {
            assert!(ApiKey::parse(bad, "test").is_err(), "{bad}");
        }
        for environment in ["", "a", "UPPER", "a_b", "elevenchars"] {
            assert!(ApiKey::generate(environment, [0; 9], &[0; 32]).is_err(), "{environment}");
        }
    }
}
