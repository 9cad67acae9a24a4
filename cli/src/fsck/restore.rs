//! Putting audit items back as they were sealed, each with the record of it in one transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::{AttributeValue, Delete, Put, TransactWriteItem};
use engine_aws::author::{Act, Author};
use engine_aws::change::Change;
use engine_core::audit::{Entry, Event, Outcome};
use engine_core::merkle::leaf_hash;
use jiff::Timestamp;
use serde_json::json;

use super::report::Report;
use super::{Lost, Parts};
use crate::error::Error;

/// Most entries in one transaction, of which DynamoDB takes 100 writes.
const MOST_ENTRIES: usize = 40;
/// Most bytes of entries in one transaction, of which DynamoDB takes 4 MB.
const MOST_BYTES: usize = 2 * 1024 * 1024;

/// Refuses where anything else differs: the log itself may be what was altered.
pub(crate) fn allowed(report: &Report, lost: &[Lost]) -> Result<(), Error> {
    match report.differences.len().saturating_sub(lost.len()) {
        0 => Ok(()),
        others => Err(Error::Argument {
            what: "nothing was put back".to_owned(),
            problem: format!("{others} of the differences are no items that can be; find out what those are first"),
        }),
    }
}

/// Puts the entries back, where nothing else differs.
pub(crate) async fn restore(
    parts: &Parts,
    report: &Report,
    lost: &[Lost],
    author: &Author,
    now: Timestamp,
) -> Result<(), Error> {
    allowed(report, lost)?;
    let reader = parts.reader();
    let (mut waiting, mut bytes) = (Vec::new(), 0);
    for place in lost {
        let entry = reader.entry(place.index, place.size).await?;
        // It is read again, out of a bucket that is not locked at the log's end.
        if leaf_hash(entry.header().as_bytes()) != place.leaf {
            return Err(Error::Corrupt {
                what: "audit entry".to_owned(),
                cause: format!("entry {} is another one than was proven", place.index),
            });
        }
        let length = entry.header().len() + entry.body().len();
        if waiting.len() >= MOST_ENTRIES || (bytes + length > MOST_BYTES && !waiting.is_empty()) {
            put(parts, std::mem::take(&mut waiting), author, now).await?;
            bytes = 0;
        }
        bytes += length;
        waiting.push((place.index, entry));
    }
    if waiting.is_empty() { Ok(()) } else { put(parts, waiting, author, now).await }
}

async fn put(parts: &Parts, entries: Vec<(u64, Entry)>, author: &Author, now: Timestamp) -> Result<(), Error> {
    let audit = parts.audit();
    let mut change = Change::default();
    for (_, entry) in &entries {
        let mut stray = items(parts, entry).await?;
        for write in audit.transact_items(entry)? {
            let Some(put) = write.put else { continue };
            stray.retain(|key| key.get("sk") != put.item.get("sk"));
            // What is there is what nobody vouches for: it is written over, whatever it is.
            let put = Put::builder().table_name(&parts.audit_table).set_item(Some(put.item)).build();
            let put = put.map_err(|error| engine_aws::Error::corrupt("put", error))?;
            change.push(TransactWriteItem::builder().put(put).build(), "");
        }
        for key in stray {
            let delete = Delete::builder().table_name(&parts.audit_table).set_key(Some(key)).build();
            let delete = delete.map_err(|error| engine_aws::Error::corrupt("delete", error))?;
            change.push(TransactWriteItem::builder().delete(delete).build(), "");
        }
    }
    let restored: Vec<_> =
        entries.iter().map(|(index, entry)| json!({ "id": entry.id().to_string(), "index": index })).collect();
    let act = Act {
        event: Event::AuditRestore,
        outcome: Outcome::Success,
        resource: parts.audit_table.clone(),
        reason: None,
        client_ref: None,
        subject_ref: None,
        details: json!({ "entries": restored }),
    };
    change.record(&audit, &author.entry(act, now)?)?;
    Ok(change.commit(&parts.dynamodb).await?)
}

/// The keys of every item that stands under the entry's id.
async fn items(parts: &Parts, entry: &Entry) -> Result<Vec<HashMap<String, AttributeValue>>, Error> {
    let mut pages = parts
        .dynamodb
        .query()
        .table_name(&parts.audit_table)
        .key_condition_expression("pk = :partition AND begins_with(sk, :id)")
        .expression_attribute_values(":partition", AttributeValue::S(entry.id().partition()))
        .expression_attribute_values(":id", AttributeValue::S(entry.id().to_string()))
        .projection_expression("pk, sk")
        .consistent_read(true)
        .into_paginator()
        .items()
        .send();
    let mut keys = Vec::new();
    while let Some(item) = pages.next().await {
        keys.push(item.map_err(|error| Error::aws("dynamodb:Query", &error))?);
    }
    Ok(keys)
}
