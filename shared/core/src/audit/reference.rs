//! References that link entries without saying to whom: keyed actor references and openable commitments.

use std::collections::BTreeMap;
use std::fmt;

use base64::{Engine, engine::general_purpose::STANDARD};
use hmac::{Hmac, KeyInit, Mac};
use serde::{Deserialize, Serialize, Serializer};
use serde_json::Value;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::hex;

/// The kind of a client's commitment. Changing one would part what is made from what was made.
pub const CLIENT_KIND: &str = "client";
/// The kind of a ticker's commitment.
pub const TICKER_KIND: &str = "ticker";

/// Bytes of a commitment's salt.
const SALT_LENGTH: usize = 16;
/// Fewest bytes of secret text accepted as a key: 43 characters of base62 are 256 bits.
const MIN_KEY_LENGTH: usize = 43;

/// A versioned secret from Secrets Manager: `{"current": "k1", "k1": "<secret text>", …}`.
///
/// Old versions stay in the document as long as records made under them are kept. Holds a secret: no `Debug`,
/// `Display` or `Serialize`.
pub struct SecretKey {
    version: String,
    secret: Zeroizing<String>,
}

/// The document is not a versioned secret. It never quotes the document.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the secret is not a versioned key document with a current version of at least 256 bits")]
pub struct SecretKeyError;

impl SecretKey {
    /// Reads the current version out of the secret's document.
    pub fn from_document(document: &str) -> Result<Self, SecretKeyError> {
        Self::versions_from_document(document).map(|(current, _)| current)
    }

    /// Reads every version out of the secret's document: the current one, and the others by name. Records made under an old one
    /// are found by it alone.
    pub fn versions_from_document(document: &str) -> Result<(Self, Vec<Self>), SecretKeyError> {
        let mut members = read_members(document)?;
        let current = members.remove("current").ok_or(SecretKeyError)?.to_string();
        let secret = members.remove(&current).ok_or(SecretKeyError)?;
        let long_enough = |(version, secret): (String, Zeroizing<String>)| {
            if secret.len() >= MIN_KEY_LENGTH { Ok(Self { version, secret }) } else { Err(SecretKeyError) }
        };
        let others = members.into_iter().map(long_enough).collect::<Result<_, _>>()?;
        Ok((long_enough((current, secret))?, others))
    }

    /// The document with one version more, of `secret`, which becomes the current one; every other version stays as it is.
    /// The new version is numbered after the last one numbered (`k2` after `k1`). `secret` is text of at least 43 characters.
    pub fn next_document(document: &str, secret: &str) -> Result<Zeroizing<String>, SecretKeyError> {
        let members = read_members(document)?;
        let last = members.keys().filter_map(|name| name.strip_prefix('k')?.parse::<u32>().ok()).max().unwrap_or(0);
        let version = format!("k{}", last.checked_add(1).ok_or(SecretKeyError)?);
        let mut next = vec![("current", version.as_str())];
        next.extend(
            members.iter().filter(|(name, _)| *name != "current").map(|(name, text)| (name.as_str(), text.as_str())),
        );
        next.push((&version, secret));
        // Its whole length at once: a string that grows leaves copies of the secrets behind. JSON escapes a byte to six at most.
        let most = 2 + next.iter().map(|(name, text)| 6 * (name.len() + text.len()) + 6).sum::<usize>();
        let mut written = Zeroizing::new(Vec::with_capacity(most));
        let mut serializer = serde_json::Serializer::new(&mut *written);
        serializer.collect_map(next).map_err(|_| SecretKeyError)?;
        let text = std::str::from_utf8(&written).map_err(|_| SecretKeyError)?;
        Self::from_document(text)?;
        Ok(Zeroizing::new(text.to_owned()))
    }

    /// Whether the document `next` says everything that `document` says of its versions, and names a current one of its own.
    #[must_use]
    pub fn succeeds(document: &str, next: &str) -> bool {
        let (Ok(held), Ok(next)) = (read_members(document), read_members(next)) else { return false };
        let kept = |(name, text): (&String, &Zeroizing<String>)| {
            name == "current" || next.get(name).is_some_and(|same| same.as_bytes().ct_eq(text.as_bytes()).into())
        };
        // All are compared, whichever differs.
        let kept = held.iter().filter(|&member| !kept(member)).count() == 0;
        kept && next.get("current").is_some_and(|current| !held.contains_key(current.as_str()))
    }

    /// HMAC-SHA256 under this key over `kind`, a zero byte and `value`.
    fn mac(&self, kind: &str, value: &str) -> [u8; 32] {
        // HMAC takes keys of any length, so the constructor cannot fail; an empty tag would be caught by the tests.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(self.secret.as_bytes()) else { return [0; 32] };
        mac.update(kind.as_bytes());
        mac.update(&[0]);
        mac.update(value.as_bytes());
        mac.finalize().into_bytes().into()
    }

    /// The reference under which an actor appears in headers and logs, with the key's version before it.
    #[must_use]
    pub fn actor_ref(&self, actor_type: super::ActorType, id: &str) -> ActorRef {
        ActorRef(format!("{}:{}", self.version, hex::encode(&self.mac(actor_type.as_str(), id))))
    }

    /// The commitment to a value, its salt derived per value from this key. `kind` keeps a client `AAPL` apart from a ticker.
    #[must_use]
    pub fn commitment(&self, kind: &str, value: &str) -> Commitment {
        let mut salt = [0; SALT_LENGTH];
        salt.copy_from_slice(&self.mac(kind, value)[..SALT_LENGTH]);
        Commitment { value: value.to_owned(), salt: Salt(salt) }
    }
}

/// The members of a versioned secret's document.
fn read_members(document: &str) -> Result<BTreeMap<String, Zeroizing<String>>, SecretKeyError> {
    serde_json::from_str(document).map_err(|_| SecretKeyError)
}

/// A keyed actor reference, `k1:<64 hex digits>`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ActorRef(String);

impl ActorRef {
    /// Takes a reference that was made by [`SecretKey::actor_ref`] and stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The reference's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Salt([u8; SALT_LENGTH]);

/// A value and the salt that opens the reference to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    value: String,
    salt: Salt,
}

impl Commitment {
    /// Takes a value and its salt in base64, as stored; `None` where the salt is not 16 bytes.
    #[must_use]
    pub fn from_stored(value: String, salt: &str) -> Option<Self> {
        let salt = STANDARD.decode(salt).ok()?.try_into().ok()?;
        Some(Self { value, salt: Salt(salt) })
    }

    /// The committed value.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }

    /// The salt in base64.
    #[must_use]
    pub fn salt(&self) -> String {
        STANDARD.encode(self.salt.0)
    }

    /// Hex SHA-256(salt ‖ value).
    #[must_use]
    pub fn reference(&self) -> Reference {
        let digest = Sha256::new().chain_update(self.salt.0).chain_update(self.value.as_bytes()).finalize();
        Reference(hex::encode(&digest))
    }

    /// What opens the reference: `{"value", "salt"}`.
    #[must_use]
    pub fn opening(&self) -> Value {
        serde_json::json!({ "value": self.value, "salt": self.salt() })
    }
}

/// A commitment's digest, as it stands in a header.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Reference(String);

impl Reference {
    /// Takes a reference that was made by [`Commitment::reference`] and stored.
    #[must_use]
    pub fn from_stored(text: String) -> Self {
        Self(text)
    }

    /// The reference's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::super::ActorType;
    use super::*;

    const DOCUMENT: &str = r#"{"current":"k2","k1":"0000000000000000000000000000000000000000000","k2":"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01"}"#;

    #[test]
    fn an_actor_reference_names_its_key_version_and_hides_the_actor() {
        let key = SecretKey::from_document(DOCUMENT).unwrap();
        let reference = key.actor_ref(ActorType::Client, "demo");
        assert!(reference.as_str().starts_with("k2:"), "{reference:?}");
        assert_eq!(reference.as_str().len(), 3 + 64);
        assert_ne!(reference, key.actor_ref(ActorType::Operator, "demo"));
        assert_ne!(reference.as_str()[3..], hex::sha256(b"demo"));
    }

    #[test]
    fn under_another_key_the_same_actor_has_another_reference() {
        let key = |letter: &str| {
            SecretKey::from_document(&format!(r#"{{"current":"k1","k1":"{}"}}"#, letter.repeat(64))).unwrap()
        };
        let reference = |letter| key(letter).actor_ref(ActorType::Staff, "dana@example.com");
        assert_ne!(reference("a"), reference("b"));
        assert_eq!(reference("a"), reference("a"));
    }

    #[test]
    fn a_commitment_opens_with_its_salt_alone() {
        let key = SecretKey::from_document(DOCUMENT).unwrap();
        let commitment = key.commitment("ticker", "AAPL");
        let salt = STANDARD.decode(commitment.salt()).unwrap();
        assert_eq!(commitment.reference().as_str(), hex::sha256(&[&salt, b"AAPL".as_slice()].concat()));
        assert_eq!(Commitment::from_stored("AAPL".into(), &commitment.salt()), Some(commitment.clone()));
        assert_ne!(commitment.reference(), key.commitment("client", "AAPL").reference());
        assert_eq!(Commitment::from_stored("AAPL".into(), "c2hvcnQ="), None);
    }

    #[test]
    fn every_version_can_be_read_and_the_current_one_is_told_apart() {
        let (current, others) = SecretKey::versions_from_document(DOCUMENT).unwrap();
        let names: Vec<_> = others.iter().map(|key| key.version.as_str()).collect();
        assert_eq!((current.version.as_str(), names), ("k2", vec!["k1"]));
        let old = SecretKey::from_document(r#"{"current":"k1","k1":"0000000000000000000000000000000000000000000"}"#);
        assert_eq!(others[0].commitment("client", "demo"), old.unwrap().commitment("client", "demo"));
        assert_ne!(others[0].commitment("client", "demo"), current.commitment("client", "demo"));
    }

    #[test]
    fn the_next_document_has_one_version_more_and_every_other_as_it_was() {
        let (next, secret) = (SecretKey::next_document(DOCUMENT, &"n".repeat(43)).unwrap(), "n".repeat(43));
        let read: BTreeMap<String, String> = serde_json::from_str(&next).unwrap();
        let before: BTreeMap<String, String> = serde_json::from_str(DOCUMENT).unwrap();
        assert_eq!((read["current"].as_str(), &read["k3"]), ("k3", &secret));
        assert_eq!(read.len(), before.len() + 1);
        assert!(before.iter().all(|(name, text)| name == "current" || read[name] == *text));
        assert!(SecretKey::succeeds(DOCUMENT, &next));
        let (current, others) = SecretKey::versions_from_document(&next).unwrap();
        assert_eq!((current.version.as_str(), others.len()), ("k3", 2));
    }

    #[test]
    fn the_number_of_a_version_is_given_out_once() {
        let document = format!(r#"{{"current":"k2","k10":"{0}","k2":"{0}","old":"{0}"}}"#, "0".repeat(43));
        let next = SecretKey::next_document(&document, &"n".repeat(43)).unwrap();
        assert!(SecretKey::from_document(&next).is_ok_and(|key| key.version == "k11"));
        assert!(SecretKey::next_document(DOCUMENT, "short").is_err());
        assert!(SecretKey::next_document("{}", &"n".repeat(42)).is_err());
        for secret in ["\"".repeat(43), "\u{1}é".repeat(43)] {
            let next = SecretKey::next_document(DOCUMENT, &secret).unwrap();
            assert_eq!(serde_json::from_str::<BTreeMap<String, String>>(&next).unwrap()["k3"], secret);
        }
    }

    #[test]
    fn a_document_that_lost_or_changed_a_version_succeeds_none() {
        let next = SecretKey::next_document(DOCUMENT, &"n".repeat(43)).unwrap();
        let changed = next.replace("0123456789abc", "1123456789abc");
        let lost = format!(r#"{{"current":"k3","k2":"{0}","k3":"{0}"}}"#, "0".repeat(43));
        let back = next.replace(r#""current":"k3""#, r#""current":"k1""#);
        for wrong in [changed.as_str(), &lost, &back, DOCUMENT, "", "[]"] {
            assert!(!SecretKey::succeeds(DOCUMENT, wrong), "{wrong}");
        }
    }

    #[test]
    fn a_short_or_missing_key_is_refused() {
        for document in ["", "[]", "{}", r#"{"current":"k1"}"#, r#"{"current":"k1","k1":"short"}"#] {
            assert!(SecretKey::from_document(document).is_err(), "{document}");
        }
    }
}
