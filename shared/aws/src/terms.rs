//! Client terms, held in memory by version: terms are never changed in place, so what was read stays right.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_dynamodb::Client;
use engine_core::access::{ClientId, ClientTerms};

use crate::Error;
use crate::item::{Item, s, string};

/// Prefix of a terms item's sort key; the version follows in six digits.
pub(crate) const TERMS_PREFIX: &str = "terms#";
/// Clients whose terms one process holds.
const HELD_CLIENTS: usize = 10_000;

/// A client's terms as read, and the latest version among them.
type Held = (u32, Arc<Vec<ClientTerms>>);

/// Reads terms.
#[derive(Debug)]
pub struct TermsStore {
    client: Client,
    table: String,
    held: Mutex<HashMap<ClientId, Held>>,
}

impl TermsStore {
    /// The terms in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into(), held: Mutex::default() }
    }

    /// All terms of a client up to at least `version`, which the key's item names: from memory if that version was read.
    pub async fn at_version(&self, client_id: &ClientId, version: u32) -> Result<Arc<Vec<ClientTerms>>, Error> {
        if let Some((held, terms)) = self.held.lock().unwrap_or_else(PoisonError::into_inner).get(client_id)
            && *held >= version
        {
            return Ok(Arc::clone(terms));
        }
        let terms = Arc::new(self.read(client_id).await?);
        let latest = terms.iter().map(|terms| terms.version).max().unwrap_or(0);
        if latest < version {
            return Err(Error::corrupt(
                "client terms",
                format_args!("the latest version is {latest}, the key names {version}"),
            ));
        }
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        if held.len() >= HELD_CLIENTS {
            held.clear();
        }
        held.insert(client_id.clone(), (latest, Arc::clone(&terms)));
        Ok(terms)
    }

    /// All terms of a client, oldest version first.
    pub async fn read(&self, client_id: &ClientId) -> Result<Vec<ClientTerms>, Error> {
        let mut items = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :client AND begins_with(sk, :terms)")
            .expression_attribute_values(":client", s(client_id.as_str()))
            .expression_attribute_values(":terms", s(TERMS_PREFIX))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut terms = Vec::new();
        while let Some(item) = items.next().await {
            terms.push(read_item(&item.map_err(|error| Error::unavailable("dynamodb:Query", &error))?)?);
        }
        Ok(terms)
    }
}

pub(crate) fn write_item(client_id: &ClientId, terms: &ClientTerms) -> Result<Item, Error> {
    let document = serde_json::to_string(terms).map_err(|error| Error::corrupt("client terms", error))?;
    Ok(Item::from([
        ("pk".into(), s(client_id.as_str())),
        ("sk".into(), s(format!("{TERMS_PREFIX}{:06}", terms.version))),
        ("document".into(), s(document)),
    ]))
}

fn read_item(item: &Item) -> Result<ClientTerms, Error> {
    serde_json::from_str(string(item, "document")?).map_err(|error| Error::corrupt("client terms", error))
}
