//! What belongs to one person, through whichever account they act.

use std::collections::BTreeSet;

use aws_smithy_types::base64;
use engine_core::access::{KeyHash, PersonId, PrincipalId};
use jiff::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Where a person's second factor stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FactorState {
    /// There is none; a ticket lets the person have one.
    AwaitingTicket,
    /// One was handed out and waits for its first code; an earlier one works until then.
    Issued,
    /// It was proved with its first code.
    Enrolled,
}

impl FactorState {
    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AwaitingTicket => "AWAITING_TICKET",
            Self::Issued => "ISSUED",
            Self::Enrolled => "ENROLLED",
        }
    }
}

/// A person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Person {
    /// Who.
    pub id: PersonId,
    /// Their active accounts.
    pub accounts: BTreeSet<PrincipalId>,
    /// Those of them that hold the role admin until it is taken away.
    pub administers: BTreeSet<PrincipalId>,
    /// What lets them have a second factor.
    pub ticket: Option<Ticket>,
    /// The second factor that was proved.
    pub enrolled: Option<Factor>,
    /// The one that was handed out and is not proved yet.
    pub issued: Option<Factor>,
}

/// A ticket, good for one second factor.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ticket {
    /// SHA-256 of it.
    #[serde(serialize_with = "write_hash", deserialize_with = "read_hash")]
    pub hash: KeyHash,
    /// Its end.
    #[serde(with = "engine_core::time::text")]
    pub expires_at: Timestamp,
}

/// A second factor, sealed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Factor {
    /// What KMS made of the secret.
    #[serde(serialize_with = "write_bytes", deserialize_with = "read_bytes")]
    pub sealed: Vec<u8>,
    /// When it was handed out.
    #[serde(with = "engine_core::time::text")]
    pub issued_at: Timestamp,
    /// When it was proved.
    #[serde(with = "engine_core::time::text::option")]
    pub enrolled_at: Option<Timestamp>,
}

impl Person {
    /// Somebody of whom nothing is known.
    #[must_use]
    pub fn new(id: PersonId) -> Self {
        Self { id, accounts: BTreeSet::new(), administers: BTreeSet::new(), ticket: None, enrolled: None, issued: None }
    }

    /// Where the second factor stands.
    #[must_use]
    pub fn factor_state(&self) -> FactorState {
        match (&self.issued, &self.enrolled) {
            (Some(_), _) => FactorState::Issued,
            (None, Some(_)) => FactorState::Enrolled,
            (None, None) => FactorState::AwaitingTicket,
        }
    }

    /// Without an account. With the last one goes the second factor: who comes back starts anew.
    pub(super) fn without_account(&self, account: &PrincipalId) -> Self {
        let mut next = self.clone();
        next.accounts.remove(account);
        next.administers.remove(account);
        if next.accounts.is_empty() { Self::new(next.id) } else { next }
    }
}

fn write_bytes<S: Serializer>(bytes: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&base64::encode(bytes))
}

fn read_bytes<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u8>, D::Error> {
    base64::decode(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
}

fn write_hash<S: Serializer>(hash: &KeyHash, serializer: S) -> Result<S::Ok, S::Error> {
    write_bytes(hash.as_bytes(), serializer)
}

fn read_hash<'de, D: Deserializer<'de>>(deserializer: D) -> Result<KeyHash, D::Error> {
    let bytes = read_bytes(deserializer)?;
    KeyHash::from_stored(&bytes).ok_or_else(|| serde::de::Error::custom("a hash is 32 bytes"))
}
