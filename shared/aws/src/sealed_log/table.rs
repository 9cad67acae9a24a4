//! The log's table: its head, which entry has which index, its batches, its newest checkpoint.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{AttributeValue, PutRequest, TransactWriteItem, Update, WriteRequest};
use engine_core::audit::EntryId;
use engine_core::merkle::Hash;
use jiff::Timestamp;

use super::names::sortable;
use crate::item::{Item, n, number, parsed, s, string, time};
use crate::transact::{ABSENT, Failed};
use crate::{Error, read, transact};

/// Items that DynamoDB reads at once.
const MOST_READ: usize = 100;
/// Items that DynamoDB writes at once without a transaction.
pub(super) const MOST_WRITTEN: usize = 25;

const HEAD: &str = "head";
const BATCH: &str = "batch";
const SWEPT: &str = "swept";
const REACHED: &str = "reached";
const INDEX: &str = "index";
const LEAF: &str = "leaf";

/// The newest checkpoint, as the table has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Newest {
    /// Entries that it covers.
    pub size: u64,
    /// Root of their tree.
    pub root: Hash,
    /// The time that it states, to the millisecond.
    pub time: Timestamp,
    /// What the clock said when it was signed, which is later where the sweep was behind.
    pub signed: Timestamp,
    /// The signed note.
    pub note: String,
    /// Hex SHA-256 of the bundle of bodies that is not full yet, by which its working copy is known.
    pub bodies: Option<String>,
}

/// How far the log has come in tiles and bundles, be it under a checkpoint or not yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Reached {
    /// Entries in there.
    pub(super) size: u64,
    /// Root of their tree.
    pub(super) root: Hash,
    /// As [`Newest::bodies`].
    pub(super) bodies: Option<String>,
    /// The latest time that one of them states.
    pub(super) latest: Timestamp,
}

/// A run of entries that were given their indices in one transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SequencedBatch {
    /// Index of the first.
    pub start: u64,
    /// How many they are, at least 1.
    pub count: u64,
    /// Key of the object that holds them.
    pub object: String,
}

impl SequencedBatch {
    /// The index after the last.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start + self.count
    }
}

/// What became of a transaction that moves the head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moved {
    /// It was made.
    Done,
    /// The head was elsewhere, or an entry had an index already.
    Lost,
}

/// The log's table.
#[derive(Clone, Debug)]
pub struct LogTable {
    client: Client,
    table: String,
}

impl LogTable {
    /// The table of that name.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// How many entries have an index.
    pub async fn head(&self) -> Result<u64, Error> {
        let item = read::get(&self.client, &self.table, key(HEAD, HEAD)).await?;
        item.map_or(Ok(0), |item| number(&item, "size"))
    }

    /// The newest checkpoint; `None` before the first.
    pub async fn newest(&self) -> Result<Option<Newest>, Error> {
        let item = read::get(&self.client, &self.table, key("newest", "checkpoint")).await?;
        item.as_ref().map(read_newest).transpose()
    }

    /// Makes `newest` the newest checkpoint where it covers more than the one that is, and is later.
    pub(super) async fn advance(&self, newest: &Newest) -> Result<Moved, Error> {
        let mut item = key("newest", "checkpoint");
        item.extend([
            ("size".to_owned(), n(newest.size)),
            ("root".to_owned(), s(newest.root.to_string())),
            ("time".to_owned(), n(newest.time.as_millisecond())),
            ("signed".to_owned(), n(newest.signed.as_millisecond())),
            ("note".to_owned(), s(&newest.note)),
        ]);
        item.extend(newest.bodies.as_ref().map(|bodies| ("bodies".to_owned(), s(bodies))));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR (#size < :size AND #time < :time)")
            .expression_attribute_names("#size", "size")
            .expression_attribute_names("#time", "time")
            .expression_attribute_values(":size", n(newest.size))
            .expression_attribute_values(":time", n(newest.time.as_millisecond()))
            .send()
            .await;
        match put {
            Ok(_) => Ok(Moved::Done),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(Moved::Lost),
                _ => Err(Error::unavailable("dynamodb:PutItem", &error)),
            },
        }
    }

    /// How far the log has come beyond its newest checkpoint; `None` where it never went on without one.
    pub(super) async fn reached(&self) -> Result<Option<Reached>, Error> {
        let item = read::get(&self.client, &self.table, key(REACHED, REACHED)).await?;
        item.as_ref().map(read_reached).transpose()
    }

    /// Notes how far the log has come. Only forward: a slower run changes nothing.
    pub(super) async fn set_reached(&self, reached: &Reached) -> Result<(), Error> {
        let mut item = key(REACHED, REACHED);
        item.extend([
            ("size".to_owned(), n(reached.size)),
            ("root".to_owned(), s(reached.root.to_string())),
            ("latest".to_owned(), n(reached.latest.as_millisecond())),
        ]);
        item.extend(reached.bodies.as_ref().map(|bodies| ("bodies".to_owned(), s(bodies))));
        let put = self
            .client
            .put_item()
            .table_name(&self.table)
            .set_item(Some(item))
            .condition_expression("attribute_not_exists(pk) OR #size < :size")
            .expression_attribute_names("#size", "size")
            .expression_attribute_values(":size", n(reached.size))
            .send()
            .await;
        match put {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(PutItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(Error::unavailable("dynamodb:PutItem", &error)),
            },
        }
    }

    /// The indices of those of `ids` that have one.
    pub async fn indices(&self, ids: &[EntryId]) -> Result<HashMap<EntryId, u64>, Error> {
        self.of_entries(ids, |item| number(item, INDEX)).await
    }

    /// The leaf hashes of those of `ids` that have an index.
    pub(super) async fn leaves(&self, ids: &[EntryId]) -> Result<HashMap<EntryId, Hash>, Error> {
        self.of_entries(ids, |item| parsed(item, LEAF, str::parse)).await
    }

    async fn of_entries<T>(
        &self,
        ids: &[EntryId],
        value: impl Fn(&Item) -> Result<T, Error>,
    ) -> Result<HashMap<EntryId, T>, Error> {
        let mut found = HashMap::new();
        for ids in ids.chunks(MOST_READ) {
            let by_key: HashMap<String, EntryId> = ids.iter().map(|id| (entry(*id), *id)).collect();
            // The keys of a map: DynamoDB refuses to be asked for the same item twice.
            let keys = by_key.keys().map(|pk| key(pk, INDEX)).collect();
            for item in read::get_all(&self.client, &self.table, keys).await? {
                if let Some(id) = by_key.get(string(&item, "pk")?) {
                    found.insert(*id, value(&item)?);
                }
            }
        }
        Ok(found)
    }

    /// Gives entries, by id and leaf hash, the indices from `batch.start` on, in one transaction: the head moves from there
    /// to the batch's end.
    pub(super) async fn commit(&self, batch: &SequencedBatch, entries: &[(EntryId, Hash)]) -> Result<Moved, Error> {
        let mut writes = vec![self.move_head(batch)?];
        let mut item = key(BATCH, &sortable(batch.start));
        item.extend([("count".to_owned(), n(batch.count)), ("object".to_owned(), s(&batch.object))]);
        writes.push(transact::put(&self.table, item, ABSENT, [])?);
        for (index, (id, leaf)) in (batch.start..).zip(entries) {
            let mut item = key(&entry(*id), INDEX);
            item.extend([(INDEX.to_owned(), n(index)), (LEAF.to_owned(), s(leaf.to_string()))]);
            writes.push(transact::put(&self.table, item, ABSENT, [])?);
        }
        match transact::send(&self.client, writes).await {
            Ok(()) => Ok(Moved::Done),
            Err(Failed::Condition { .. }) => Ok(Moved::Lost),
            Err(Failed::Error(error)) => Err(error),
        }
    }

    fn move_head(&self, batch: &SequencedBatch) -> Result<TransactWriteItem, Error> {
        let mut update = Update::builder()
            .table_name(&self.table)
            .set_key(Some(key(HEAD, HEAD)))
            .update_expression("SET #size = :new")
            .expression_attribute_names("#size", "size")
            .expression_attribute_values(":new", n(batch.end()));
        update = if batch.start == 0 {
            update.condition_expression(ABSENT)
        } else {
            update.condition_expression("#size = :old").expression_attribute_values(":old", n(batch.start))
        };
        let update = update.build().map_err(|error| Error::corrupt("update", error))?;
        Ok(TransactWriteItem::builder().update(update).build())
    }

    /// The batches that start in `[from, to)`, in index order.
    pub async fn batches(&self, from: u64, to: u64) -> Result<Vec<SequencedBatch>, Error> {
        let Some(last) = to.checked_sub(1).filter(|last| *last >= from) else { return Ok(Vec::new()) };
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND sk BETWEEN :from AND :last")
            .expression_attribute_values(":pk", s(BATCH))
            .expression_attribute_values(":from", s(sortable(from)))
            .expression_attribute_values(":last", s(sortable(last)))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut batches = Vec::new();
        while let Some(item) = pages.next().await {
            let item = item.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
            batches.push(SequencedBatch {
                start: parsed(&item, "sk", str::parse)?,
                count: number(&item, "count")?,
                object: string(&item, "object")?.to_owned(),
            });
        }
        Ok(batches)
    }

    /// Writes items that say the same whoever writes them, at most [`MOST_WRITTEN`].
    pub(super) async fn write(&self, items: Vec<Item>) -> Result<(), Error> {
        let mut requests = Vec::with_capacity(items.len());
        for item in items {
            let put = PutRequest::builder().set_item(Some(item)).build();
            let put = put.map_err(|error| Error::corrupt("put", error))?;
            requests.push(WriteRequest::builder().put_request(put).build());
        }
        let mut retry = 0;
        while !requests.is_empty() {
            if retry > transact::RETRIES {
                let cause = format!("{} items were left unwritten", requests.len());
                return Err(Error::Unavailable { operation: "dynamodb:BatchWriteItem", cause });
            }
            if retry > 0 {
                transact::pause(retry - 1).await;
            }
            retry += 1;
            let written = self.client.batch_write_item().request_items(&self.table, requests).send().await;
            let written = written.map_err(|error| Error::unavailable("dynamodb:BatchWriteItem", &error))?;
            requests = written.unprocessed_items.unwrap_or_default().remove(&self.table).unwrap_or_default();
        }
        Ok(())
    }

    /// The minute up to which every entry of the audit table was found sealed; `None` before the first sweep.
    pub async fn swept(&self) -> Result<Option<Timestamp>, Error> {
        let item = read::get(&self.client, &self.table, key(SWEPT, SWEPT)).await?;
        item.as_ref().map(|item| time(item, "minute")).transpose()
    }

    /// Records how far the sweep has come. Only forward: a slower run changes nothing.
    pub async fn set_swept(&self, minute: Timestamp) -> Result<(), Error> {
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(SWEPT, SWEPT)))
            .update_expression("SET #minute = :minute")
            .condition_expression("attribute_not_exists(pk) OR #minute < :minute")
            .expression_attribute_names("#minute", "minute")
            .expression_attribute_values(":minute", n(minute.as_millisecond()))
            .send()
            .await;
        match update {
            Ok(_) => Ok(()),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(()),
                _ => Err(Error::unavailable("dynamodb:UpdateItem", &error)),
            },
        }
    }
}

/// Partition of an entry's index.
fn entry(id: EntryId) -> String {
    format!("entry#{id}")
}

fn key(pk: &str, sk: &str) -> Item {
    Item::from([
        ("pk".to_owned(), AttributeValue::S(pk.to_owned())),
        ("sk".to_owned(), AttributeValue::S(sk.to_owned())),
    ])
}

fn read_newest(item: &Item) -> Result<Newest, Error> {
    Ok(Newest {
        size: number(item, "size")?,
        root: parsed(item, "root", str::parse)?,
        time: time(item, "time")?,
        signed: time(item, "signed")?,
        note: string(item, "note")?.to_owned(),
        bodies: read_bodies(item)?,
    })
}

fn read_reached(item: &Item) -> Result<Reached, Error> {
    Ok(Reached {
        size: number(item, "size")?,
        root: parsed(item, "root", str::parse)?,
        bodies: read_bodies(item)?,
        latest: time(item, "latest")?,
    })
}

fn read_bodies(item: &Item) -> Result<Option<String>, Error> {
    item.contains_key("bodies").then(|| string(item, "bodies").map(str::to_owned)).transpose()
}
