//! A contact's item, beside its client's.

use std::fmt;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::{KeyHash, KeyId};
use jiff::Timestamp;

use crate::Error;
use crate::item::{Item, absent, n, number, parsed, s, string, time};

/// Prefix of a contact's sort key; its id follows.
pub(super) const CONTACT_PREFIX: &str = "contact#";

/// Where a contact stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ContactState {
    /// Added; it has not proved to be reached, and receives nothing but its verification code.
    Unverified,
    /// Proved to be reached.
    Verified,
    /// Removed, its address erased. Final.
    Removed,
}

impl ContactState {
    const ALL: [Self; 3] = [Self::Unverified, Self::Verified, Self::Removed];

    /// The state's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unverified => "UNVERIFIED",
            Self::Verified => "VERIFIED",
            Self::Removed => "REMOVED",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }
}

impl fmt::Display for ContactState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A client's contact.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// Its id.
    pub id: KeyId,
    /// Who it is. Empty once it is removed.
    pub name: String,
    /// What may be shown of the address, `d***@example.com`. Empty once it is removed.
    pub hint: String,
    /// The address as its cipher sealed it. Empty once it is removed.
    pub sealed: Vec<u8>,
    /// Where it stands.
    pub state: ContactState,
    /// When it was added.
    pub created_at: Timestamp,
    /// When it proved to be reached.
    pub verified_at: Option<Timestamp>,
    /// Counts its changes, from 1.
    pub version: u64,
}

/// A contact with what its verification is judged by.
#[derive(Clone, Debug)]
pub(super) struct HeldContact {
    pub(super) contact: Contact,
    pub(super) code_hash: Option<KeyHash>,
    pub(super) code_expires_at: Option<Timestamp>,
}

pub(super) fn contact_key(client_id: &str, contact_id: &KeyId) -> Item {
    Item::from([("pk".into(), s(client_id)), ("sk".into(), s(format!("{CONTACT_PREFIX}{contact_id}")))])
}

/// The item of a new contact, which waits for the code with that hash.
pub(super) fn write(client_id: &str, contact: &Contact, code: KeyHash, code_expires_at: Timestamp) -> Item {
    let mut item = contact_key(client_id, &contact.id);
    item.extend([
        ("contact_name".into(), s(&contact.name)),
        ("hint".into(), s(&contact.hint)),
        ("sealed".into(), AttributeValue::B(Blob::new(contact.sealed.as_slice()))),
        ("contact_state".into(), s(contact.state.as_str())),
        ("created_at".into(), n(contact.created_at.as_millisecond())),
        ("code_hash".into(), AttributeValue::B(Blob::new(code.as_bytes()))),
        ("code_expires_at".into(), n(code_expires_at.as_millisecond())),
        ("tries".into(), n(0)),
        ("version".into(), n(contact.version)),
    ]);
    item
}

pub(super) fn read(item: &Item) -> Result<HeldContact, Error> {
    let id = |key: &str| KeyId::parse(key.strip_prefix(CONTACT_PREFIX).unwrap_or_default());
    let bytes = |name: &str| item.get(name).and_then(|value| value.as_b().ok()).map(AsRef::as_ref);
    let text = |name| if item.contains_key(name) { string(item, name).map(str::to_owned) } else { Ok(String::new()) };
    let at = |name| item.contains_key(name).then(|| time(item, name)).transpose();
    let contact = Contact {
        id: parsed(item, "sk", id)?,
        name: text("contact_name")?,
        hint: text("hint")?,
        sealed: bytes("sealed").unwrap_or_default().to_vec(),
        state: ContactState::from_name(string(item, "contact_state")?).ok_or_else(|| absent("contact_state"))?,
        created_at: time(item, "created_at")?,
        verified_at: at("verified_at")?,
        version: number(item, "version")?,
    };
    let code_hash = bytes("code_hash").map(|bytes| KeyHash::from_stored(bytes).ok_or_else(|| absent("code_hash")));
    Ok(HeldContact { contact, code_hash: code_hash.transpose()?, code_expires_at: at("code_expires_at")? })
}
