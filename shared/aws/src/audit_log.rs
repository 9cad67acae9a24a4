//! The audit table: `pk` = partition (minute and shard), `sk` = entry id, one put per entry and never a second.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem};
use engine_core::audit::{Entry, EntryId, partition};
use jiff::Timestamp;

use crate::item::{self, Item};
use crate::transact::{self, Failed};
use crate::{Error, read};

/// Longest body piece in one item, in bytes. An item may have 400 KB (409,600 bytes) with its names and header.
const CHUNK_BYTES: usize = 380_000;
/// Most items that DynamoDB reads by key in one request.
const READ_BATCH: usize = 100;
const NEVER_WRITTEN: &str = "attribute_not_exists(pk)";

/// What an item of the table is, by its keys alone.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// An entry, or the first piece of one.
    Entry(EntryId),
    /// A later piece of an entry whose body is longer than one item may be.
    Piece(EntryId),
    /// Nothing that the engine writes.
    Foreign,
}

impl Place {
    /// Reads an item's keys. An entry outside its own partition is foreign: nobody would find it there.
    #[must_use]
    pub fn of(partition: &str, sort_key: &str) -> Self {
        let (id, ordinal) = sort_key.split_once('#').map_or((sort_key, None), |(id, ordinal)| (id, Some(ordinal)));
        let id = EntryId::parse(id).filter(|read| read.to_string() == id && read.partition() == partition);
        match (id, ordinal) {
            (Some(id), None) => Self::Entry(id),
            (Some(id), Some(ordinal)) if is_ordinal(ordinal) => Self::Piece(id),
            _ => Self::Foreign,
        }
    }
}

/// What one partition holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionIds {
    /// Ids of entries, in order.
    pub entries: Vec<EntryId>,
    /// Sort keys of items that are no part of any entry.
    pub foreign: Vec<String>,
}

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

    /// When the table was created: it holds nothing older.
    pub async fn created(&self) -> Result<Timestamp, Error> {
        let described = self.client.describe_table().table_name(&self.table).send().await;
        let described = described.map_err(|error| Error::unavailable("dynamodb:DescribeTable", &error))?;
        let created = described.table.and_then(|table| table.creation_date_time).map(|time| time.secs());
        let created = created.and_then(|seconds| Timestamp::from_second(seconds).ok());
        created.ok_or_else(|| Error::corrupt("audit table", "it has no time of creation"))
    }

    /// The ids in one shard (of [`engine_core::audit::SHARDS`]) of a minute, as of everything written before.
    pub async fn partition_ids(&self, minute: Timestamp, shard: u8) -> Result<PartitionIds, Error> {
        let partition = partition(minute, shard);
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :partition")
            .expression_attribute_values(":partition", item::s(&partition))
            .projection_expression("sk")
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut found = PartitionIds::default();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
            let sort_key = item::string(&item, "sk")?;
            match Place::of(&partition, sort_key) {
                Place::Entry(id) => found.entries.push(id),
                Place::Piece(_) => {}
                Place::Foreign => found.foreign.push(sort_key.to_owned()),
            }
        }
        Ok(found)
    }

    /// The entries with these ids, however many, in no order; `None` for an id whose items are not what was appended.
    /// An id without items is left out.
    pub async fn read_all(&self, ids: &[EntryId]) -> Result<Vec<(EntryId, Option<Entry>)>, Error> {
        let mut entries = Vec::with_capacity(ids.len());
        for ids in ids.chunks(READ_BATCH) {
            let keys = ids.iter().map(|id| {
                Item::from([("pk".to_owned(), item::s(id.partition())), ("sk".to_owned(), item::s(sort_key(*id, 0)))])
            });
            for item in read::get_all(&self.client, &self.table, keys.collect()).await? {
                let id = item::parsed(&item, "sk", |text| EntryId::parse(text).ok_or("no entry id"))?;
                let text = |name| item::string(&item, name).map(str::to_owned);
                let entry = match (item::number::<usize>(&item, "chunks"), text("header"), text("body")) {
                    (Ok(1), Ok(header), Ok(body)) => Entry::from_stored(id, header, body),
                    (Ok(_), Ok(_), Ok(_)) => self.read_if_whole(id).await?,
                    _ => None,
                };
                entries.push((id, entry));
            }
        }
        Ok(entries)
    }

    /// The entry with that id; `None` where its items are not what was appended, or are gone.
    pub async fn read_if_whole(&self, id: EntryId) -> Result<Option<Entry>, Error> {
        match self.read(id).await {
            Err(Error::Corrupt { .. }) => Ok(None),
            read => read,
        }
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

fn is_ordinal(text: &str) -> bool {
    text.len() == 2 && text != "00" && text.bytes().all(|byte| byte.is_ascii_digit())
}
