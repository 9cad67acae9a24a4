//! The audit table: `pk` = partition (minute and shard), `sk` = entry id, one put per entry and never a second.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use engine_core::audit::{Entry, EntryId};

use crate::Error;
use crate::item::Item;
use crate::transact::{self, Failed};

/// Longest body piece in one item, in bytes. An item may have 400 KB (409,600 bytes) with its names and header.
const CHUNK_BYTES: usize = 380_000;
const NEVER_WRITTEN: &str = "attribute_not_exists(pk)";

/// Appends entries and reads them back.
#[derive(Clone, Debug)]
pub struct AuditLog {
    client: Client,
    table: String,
}

impl AuditLog {
    /// The log in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// Appends one entry: one put, or one transaction where the body needs several items.
    ///
    /// Succeeds also where an earlier attempt of the same append had written it, which a lost answer leaves unknown.
    pub async fn append(&self, entry: &Entry) -> Result<(), Error> {
        let mut items = self.transact_items(entry)?;
        if items.len() > 1 {
            return self.append_chunked(entry, items).await;
        }
        let Some(put) = items.pop().and_then(|item| item.put) else {
            return Err(Error::corrupt("audit entry", "an entry has at least one item"));
        };
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(put.item))
            .condition_expression(NEVER_WRITTEN)
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(failed)) => own_bytes(entry, failed.item()),
                _ => Err(Error::unavailable("dynamodb:PutItem", &error)),
            },
        }
    }

    async fn append_chunked(&self, entry: &Entry, items: Vec<TransactWriteItem>) -> Result<(), Error> {
        match transact::send(&self.client, items).await {
            Ok(()) => Ok(()),
            Err(Failed::Condition { item, .. }) => own_bytes(entry, item.as_ref()),
            Err(Failed::Error(error)) => Err(error),
        }
    }

    /// The puts of an entry, to be made in the transaction of the change that it records.
    pub fn transact_items(&self, entry: &Entry) -> Result<Vec<TransactWriteItem>, Error> {
        let chunks = entry.chunks(CHUNK_BYTES);
        let count = chunks.len();
        chunks
            .into_iter()
            .map(|chunk| {
                let mut put = Put::builder()
                    .table_name(&self.table)
                    .item("pk", AttributeValue::S(entry.id().partition()))
                    .item("sk", AttributeValue::S(sort_key(entry.id(), chunk.ordinal)))
                    .item("body", AttributeValue::S(chunk.text.to_owned()))
                    .condition_expression(NEVER_WRITTEN);
                if chunk.ordinal == 0 {
                    // The item that is there already says whose it is: who may append need not be able to read.
                    put = put
                        .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld)
                        .item("header", AttributeValue::S(entry.header().to_owned()))
                        .item("chunks", AttributeValue::N(count.to_string()));
                }
                let put = put.build().map_err(|error| Error::corrupt("audit entry", error))?;
                Ok(TransactWriteItem::builder().put(put).build())
            })
            .collect()
    }

    /// The entry with that id, checked against its own digest.
    pub async fn read(&self, id: EntryId) -> Result<Option<Entry>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :partition AND begins_with(sk, :id)")
            .expression_attribute_values(":partition", AttributeValue::S(id.partition()))
            .expression_attribute_values(":id", AttributeValue::S(id.to_string()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut found = false;
        let mut header = None;
        let mut body = String::new();
        while let Some(item) = pages.next().await {
            found = true;
            let item = item.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
            let text = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
            header = header.or_else(|| text("header"));
            body.push_str(&text("body").unwrap_or_default());
        }
        if !found {
            return Ok(None);
        }
        // What is there without its header is no entry, but neither is it nothing.
        let entry = header.and_then(|header| Entry::from_stored(id, header, body));
        entry.map(Some).ok_or_else(|| Error::corrupt("audit entry", format_args!("{id} does not match its digest")))
    }
}

/// A put that finds its own bytes has succeeded; other bytes under the same id are never overwritten.
fn own_bytes(entry: &Entry, stored: Option<&Item>) -> Result<(), Error> {
    let header = stored.and_then(|item| item.get("header")).and_then(|header| header.as_s().ok());
    if header.map(String::as_str) == Some(entry.header()) {
        Ok(())
    } else {
        Err(Error::Conflict(format!("another entry has the id {}", entry.id())))
    }
}

/// The id itself for the first item, so that one key finds it; the id and an ordinal for the rest.
fn sort_key(id: EntryId, ordinal: usize) -> String {
    if ordinal == 0 { id.to_string() } else { format!("{id}#{ordinal:02}") }
}
