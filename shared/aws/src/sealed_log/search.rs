//! Search rows: which entries name a request, a client, a ticker or an actor. They are derived, and prove nothing.

use aws_sdk_dynamodb::Client;
use engine_core::audit::{EntryId, Header};

use super::names::sortable;
use super::table::LogTable;
use crate::Error;
use crate::item::{Item, parsed, s, string};

/// What entries are searched by: values of members of their headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SearchKey {
    /// The request's id.
    Request(String),
    /// The commitment to the client.
    Client(String),
    /// The commitment to the ticker.
    Subject(String),
    /// The actor's keyed reference.
    Actor(String),
}

impl SearchKey {
    fn partition(&self) -> String {
        let (family, value) = match self {
            Self::Request(value) => ("request", value),
            Self::Client(value) => ("client", value),
            Self::Subject(value) => ("subject", value),
            Self::Actor(value) => ("actor", value),
        };
        format!("{family}#{value}")
    }
}

/// An entry that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SearchRow {
    /// Its index in the log.
    pub index: u64,
    /// Its header's exact text.
    pub header: String,
}

/// Finds entries in the log's table.
#[derive(Clone, Debug)]
pub struct Search {
    client: Client,
    table: String,
    log: LogTable,
}

impl Search {
    /// In the log's table.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        let table = table.into();
        Self { log: LogTable::new(client.clone(), &table), client, table }
    }

    /// At most `limit` entries under `key` with indices below `before`, newest first. A full page may have more behind it.
    pub async fn page(&self, key: &SearchKey, before: Option<u64>, limit: usize) -> Result<Vec<SearchRow>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk < :before")
            .expression_attribute_values(":pk", s(key.partition()))
            // Every index is written in digits, before a colon in ASCII.
            .expression_attribute_values(":before", s(before.map_or_else(|| ":".to_owned(), sortable)))
            .scan_index_forward(false)
            .limit(i32::try_from(limit).unwrap_or(i32::MAX).max(1))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut rows = Vec::new();
        while rows.len() < limit
            && let Some(item) = pages.next().await
        {
            let item = item.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
            rows.push(SearchRow {
                index: parsed(&item, "sk", str::parse)?,
                header: string(&item, "header")?.to_owned(),
            });
        }
        Ok(rows)
    }

    /// The index of an entry; `None` where it has none yet.
    pub async fn index_of(&self, id: EntryId) -> Result<Option<u64>, Error> {
        Ok(self.log.indices(&[id]).await?.remove(&id))
    }
}

/// The rows of one entry.
pub(super) fn rows(index: u64, text: &str, header: &Header) -> Vec<Item> {
    let keys = [
        Some(SearchKey::Request(header.request_id.clone())).filter(|_| !header.request_id.is_empty()),
        header.client_ref.clone().map(SearchKey::Client),
        header.subject_ref.clone().map(SearchKey::Subject),
        Some(SearchKey::Actor(header.actor_ref.clone())),
    ];
    let row = |key: SearchKey| {
        Item::from([
            ("pk".to_owned(), s(key.partition())),
            ("sk".to_owned(), s(sortable(index))),
            ("header".to_owned(), s(text)),
        ])
    };
    keys.into_iter().flatten().map(row).collect()
}
