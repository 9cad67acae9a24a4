//! A client's item in the `clients` table.

use std::fmt;

use engine_core::access::ClientId;
use engine_core::audit::{ActorRef, Reference};
use jiff::Timestamp;

use super::client_key;
use crate::Error;
use crate::item::{Item, absent, n, number, parsed, s, string, strings, time};

/// Where a client stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ClientStatus {
    /// Its first terms wait for a second person. It may not hold keys.
    Pending,
    /// It may hold keys.
    Active,
    /// The relationship ended. Final.
    Terminated,
}

impl ClientStatus {
    const ALL: [Self; 3] = [Self::Pending, Self::Active, Self::Terminated];

    /// The status's name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "PENDING",
            Self::Active => "ACTIVE",
            Self::Terminated => "TERMINATED",
        }
    }

    fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for ClientStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A client as stored.
#[derive(Clone, Debug)]
pub struct ClientRecord {
    /// The id.
    pub client_id: ClientId,
    /// The legal name.
    pub name: String,
    /// Where it stands.
    pub status: ClientStatus,
    /// When it was created.
    pub created_at: Timestamp,
    /// When it was terminated.
    pub terminated_at: Option<Timestamp>,
    /// Latest version of its terms; 0 before the first.
    pub terms_version: u32,
    /// Its keys that were not revoked.
    pub key_ids: Vec<String>,
    /// The reference under which its acts are recorded.
    pub actor_ref: ActorRef,
    /// Commitment to its id.
    pub client_ref: Reference,
    /// Claim codes that were made until then claim nothing: an emergency rotation ended what they stand for.
    pub codes_void_until: Option<Timestamp>,
    /// Counts changes of status, terms and contacts, from 1. Keys have versions of their own.
    pub version: u64,
}

pub(super) fn write(record: &ClientRecord) -> Item {
    let mut item = client_key(record.client_id.as_str());
    item.extend([
        ("client_name".into(), s(&record.name)),
        ("client_status".into(), s(record.status.as_str())),
        ("created_at".into(), n(record.created_at.as_millisecond())),
        ("terms_version".into(), n(record.terms_version)),
        ("actor_ref".into(), s(record.actor_ref.as_str())),
        ("client_ref".into(), s(record.client_ref.as_str())),
        ("version".into(), n(record.version)),
    ]);
    item
}

pub(super) fn read(item: &Item) -> Result<ClientRecord, Error> {
    Ok(ClientRecord {
        client_id: parsed(item, "pk", ClientId::parse)?,
        name: string(item, "client_name")?.to_owned(),
        status: ClientStatus::from_name(string(item, "client_status")?).ok_or_else(|| absent("client_status"))?,
        created_at: time(item, "created_at")?,
        terminated_at: item.contains_key("terminated_at").then(|| time(item, "terminated_at")).transpose()?,
        terms_version: number(item, "terms_version")?,
        key_ids: strings(item, "key_ids").to_vec(),
        actor_ref: ActorRef::from_stored(string(item, "actor_ref")?.to_owned()),
        client_ref: Reference::from_stored(string(item, "client_ref")?.to_owned()),
        codes_void_until: item.contains_key("codes_void_until").then(|| time(item, "codes_void_until")).transpose()?,
        version: number(item, "version")?,
    })
}
