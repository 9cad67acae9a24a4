//! Clients, their terms, contacts and keys: every change in one transaction with its audit entry.
//!
//! Whoever changes something reads it, judges it, and conditions the write on its being as it was read: a key and a client
//! have a `version` each, counted up by every change and named in its entry.

mod claims;
mod client_item;
mod clients;
mod contact_item;
mod contacts;
mod emergency;
mod keys;
mod listing;
mod new_key;
mod possession;
mod rotation;
mod sweep;

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use engine_core::access::{ClientId, KeyId};
use engine_core::audit::SecretKey;
use engine_core::field::FieldError;

use crate::audit_log::AuditLog;
use crate::change::Prepared;
use crate::item::{Item, s};
use crate::key_item::{self, Held};
use crate::terms::TermsStore;
use crate::{Error, read};

pub use claims::Claimed;
pub use client_item::{ClientRecord, ClientStatus};
pub use clients::{NewClient, Proposal};
pub use contact_item::{Contact, ContactState};
pub use contacts::{AddedContact, CODE_LIFE, NewContact, RemovedContact};
pub use emergency::{KeysEnded, KeysOffered, Occasion};
pub use keys::IssuedKey;
pub use listing::{KeyPosition, KeyQuery, Page};
pub use new_key::{MAX_EXPIRY_DAYS, NewKey};
pub use possession::{Origin, PossessionError};
pub use rotation::{ClaimCode, Offered};
pub use sweep::{DuePosition, Swept};

pub use crate::key_item::{DUE_SHARDS, KeyDetails, Offer, Rotation, SuccessorState};

/// Keys a client may hold: revoking them all fits one transaction.
pub const MAX_KEYS_PER_CLIENT: usize = 40;

/// Names of the directory's tables.
#[derive(Clone, Debug)]
pub struct DirectoryTables {
    /// API keys.
    pub keys: String,
    /// Clients, terms and contacts.
    pub clients: String,
    /// The audit log.
    pub audit: String,
}

/// Why a change of the directory was not made.
#[derive(Debug, thiserror::Error)]
pub enum DirectoryError {
    /// Fields that do not hold what they must.
    #[error("invalid request")]
    Invalid(Vec<FieldError>),
    /// The store could not do it.
    #[error(transparent)]
    Store(#[from] Error),
}

/// Creates and changes clients, contacts and keys.
pub struct Directory {
    client: Client,
    tables: DirectoryTables,
    audit: AuditLog,
    terms: TermsStore,
    actor_key: SecretKey,
    reference_key: SecretKey,
}

impl Directory {
    /// The directory over these tables. The keys make actor references and client commitments.
    #[must_use]
    pub fn new(client: Client, tables: DirectoryTables, actor_key: SecretKey, reference_key: SecretKey) -> Self {
        let audit = AuditLog::new(client.clone(), &tables.audit);
        let terms = TermsStore::new(client.clone(), &tables.clients);
        Self { client, tables, audit, terms, actor_key, reference_key }
    }

    /// The key under which the actors of entries are named.
    #[must_use]
    pub fn actor_key(&self) -> &SecretKey {
        &self.actor_key
    }

    /// Makes a prepared change, all or nothing.
    pub async fn commit<T>(&self, prepared: Prepared<T>) -> Result<T, Error> {
        prepared.commit(&self.client).await
    }

    async fn get(&self, table: &str, key: Item) -> Result<Option<Item>, Error> {
        read::get(&self.client, table, key).await
    }

    async fn get_all(&self, table: &str, keys: Vec<Item>) -> Result<Vec<Item>, Error> {
        read::get_all(&self.client, table, keys).await
    }

    /// The key with that id, and what it is conditioned on.
    async fn held(&self, key_id: &KeyId) -> Result<Held, Error> {
        let item = self.get(&self.tables.keys, key_key(key_id.as_str())).await?;
        key_item::read_held(&item.ok_or_else(|| Error::NotFound(format!("API key {key_id}")))?)
    }

    /// The keys with these ids, at most 100, by id.
    async fn all_held<'a>(&self, ids: impl IntoIterator<Item = &'a str>) -> Result<HashMap<String, Held>, Error> {
        let items = self.get_all(&self.tables.keys, ids.into_iter().map(key_key).collect()).await?;
        let held = items.iter().map(key_item::read_held);
        held.map(|held| held.map(|held| (held.id().to_string(), held))).collect()
    }
}

/// What is said of a client that something else changed between its read and its write.
fn changed(client_id: &ClientId) -> String {
    format!("client {client_id} was changed meanwhile: try again")
}

/// The key of a client's own item.
fn client_key(client_id: &str) -> Item {
    Item::from([("pk".into(), s(client_id)), ("sk".into(), s("client"))])
}

/// The key of a key's item.
fn key_key(key_id: &str) -> Item {
    Item::from([("pk".into(), s(key_id))])
}
