//! What the tables hold, read beside the functions.

use aws_sdk_dynamodb::Client;
use engine_aws::audit_log::AuditLog;
use engine_core::audit::{Entry, EntryId};
use serde_json::Value;

use crate::dynamo::tables;
use crate::stream::Item;

/// An audit entry and its two texts as JSON.
#[derive(Clone, Debug)]
pub struct Stored {
    /// The entry.
    pub entry: Entry,
    /// Its header.
    pub header: Value,
    /// Its body.
    pub body: Value,
}

/// Every item of a table.
pub async fn scan(client: &Client, table: &str) -> Vec<Item> {
    let items = client.scan().table_name(table).into_paginator().items().send();
    items.try_collect().await.unwrap()
}

/// Every entry of the audit table, in the order of their ids.
pub async fn entries(client: &Client) -> Vec<Stored> {
    let log = AuditLog::new(client.clone(), tables::AUDIT);
    let mut entries = Vec::new();
    for item in scan(client, tables::AUDIT).await {
        // The further items of a long entry have no id of their own.
        let Some(id) = EntryId::parse(item["sk"].as_s().unwrap()) else { continue };
        let entry = log.read(id).await.unwrap().expect("an entry");
        entries.push(Stored {
            header: serde_json::from_str(entry.header()).unwrap(),
            body: serde_json::from_str(entry.body()).unwrap(),
            entry,
        });
    }
    entries.sort_by_key(|stored| stored.entry.id());
    entries
}
