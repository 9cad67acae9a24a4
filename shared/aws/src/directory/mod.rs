//! Clients, their terms and their keys: every change in one transaction with its audit entry.

mod clients;
mod keys;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{TransactWriteItem, Update};
use engine_core::access::ClientId;
use engine_core::audit::{Entry, SecretKey};
use engine_core::field::FieldError;

use crate::audit_log::AuditLog;
use crate::item::{Item, s};
use crate::terms::TermsStore;
use crate::{Error, transact};

pub use clients::{ClientRecord, NewClient};
pub use keys::{IssuedKey, KeyDetails, NewKey};

/// Keys a client may hold: revoking them all fits one transaction.
pub const MAX_KEYS_PER_CLIENT: usize = 40;

/// Names of the directory's tables.
#[derive(Clone, Debug)]
pub struct DirectoryTables {
    /// API keys.
    pub keys: String,
    /// Clients and terms.
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

/// Creates and changes clients and keys.
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

    /// Makes `changes` and appends `entry`, all or nothing. `lost` says what the failed condition of a change means.
    async fn commit(
        &self,
        mut changes: Vec<TransactWriteItem>,
        entry: &Entry,
        lost: impl Fn(usize) -> String,
    ) -> Result<(), Error> {
        changes.extend(self.audit.transact_items(entry)?);
        transact::write(&self.client, changes, lost).await
    }

    async fn get(&self, table: &str, key: Item) -> Result<Option<Item>, Error> {
        let got = self.client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send().await;
        got.map(|got| got.item).map_err(|error| Error::unavailable("dynamodb:GetItem", &error))
    }
}

/// The put of an item that must not exist.
fn put_new(table: &str, item: Item) -> Result<TransactWriteItem, Error> {
    transact::put(table, item, transact::ABSENT, [])
}

/// A conditional update.
fn update(
    table: &str,
    key: Item,
    expression: &str,
    condition: &str,
    values: impl IntoIterator<Item = (&'static str, aws_sdk_dynamodb::types::AttributeValue)>,
) -> Result<TransactWriteItem, Error> {
    let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let update = Update::builder()
        .table_name(table)
        .set_key(Some(key))
        .update_expression(expression)
        .condition_expression(condition)
        .set_expression_attribute_values(Some(values))
        .build();
    Ok(TransactWriteItem::builder().update(update.map_err(|error| Error::corrupt("update", error))?).build())
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
