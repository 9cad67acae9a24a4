//! Market data: immutable snapshots, the pointers to those in force, and the record of every import.
//!
//! Table `market`: `pk` = `pointer`, `sk` = source; `pk` = `snapshot#<id>`, `sk` = chunk ordinal in five digits;
//! `pk` = `import`, `sk` = import id. Readers go from a pointer to chunks that never change, so they never see a mix.

mod book;
mod imports;
mod pointer;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::put_item::PutItemError;
use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::{AttributeValue, TransactWriteItem};
use engine_core::market::{EncodedSnapshot, Snapshot, decode};

use crate::item::{Item, absent, s};
use crate::{Error, transact};

pub use book::MarketBook;
pub use imports::{ImportDocument, RecordCondition};
pub use pointer::Pointer;

/// Partition of the pointers.
const POINTERS: &str = "pointer";

/// Reads and writes market data.
#[derive(Clone, Debug)]
pub struct MarketStore {
    client: Client,
    table: String,
}

impl MarketStore {
    /// The market data in `table`.
    #[must_use]
    pub fn new(client: Client, table: impl Into<String>) -> Self {
        Self { client, table: table.into() }
    }

    /// The pointers to the snapshots in force, at most one a source: one consistent query.
    pub async fn pointers(&self) -> Result<Vec<Pointer>, Error> {
        self.partition(POINTERS).await?.iter().map(pointer::read).collect()
    }

    /// The snapshot that a pointer names.
    pub async fn load(&self, pointer: &Pointer) -> Result<Snapshot, Error> {
        let items = self.partition(&snapshot_key(&pointer.snapshot_id)).await?;
        if items.len() != pointer.chunks {
            return Err(Error::corrupt("snapshot", format_args!("{} of {} chunks", items.len(), pointer.chunks)));
        }
        let chunks: Result<Vec<Vec<u8>>, Error> = items.into_iter().map(chunk).collect();
        decode(pointer.source, &pointer.snapshot_id, &chunks?).map_err(|error| Error::corrupt("snapshot", error))
    }

    /// Writes a snapshot's chunks. Nothing refers to them yet. A chunk that is there already is never written over: its
    /// key is the digest of the whole, so that an earlier try wrote the same bytes.
    pub async fn put_chunks(&self, snapshot: &EncodedSnapshot) -> Result<(), Error> {
        for (ordinal, bytes) in snapshot.chunks.iter().enumerate() {
            let put = self
                .client
                .put_item()
                .table_name(&self.table)
                .item("pk", s(snapshot_key(&snapshot.id)))
                .item("sk", s(format!("{ordinal:05}")))
                .item("data", AttributeValue::B(Blob::new(bytes.clone())))
                .condition_expression(transact::ABSENT);
            match put.send().await {
                Err(error)
                    if !error.as_service_error().is_some_and(PutItemError::is_conditional_check_failed_exception) =>
                {
                    return Err(Error::unavailable("dynamodb:PutItem", &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Puts a snapshot in force, with the import's record and its audit entry, all or nothing.
    ///
    /// `expected` is the version of the source's pointer that the snapshot was judged against, `None` where there was
    /// none. [`Error::Conflict`] where the pointer has moved since, or the record is not as `condition` has it.
    pub async fn publish(
        &self,
        pointer: &Pointer,
        expected: Option<u64>,
        record: &ImportDocument,
        condition: RecordCondition,
        audit: Vec<TransactWriteItem>,
    ) -> Result<(), Error> {
        let pointer = pointer::put(&self.table, pointer, expected)?;
        self.commit(Some(pointer), record, condition, audit).await
    }

    /// Records an import that puts nothing in force, with its audit entry if it has one, all or nothing.
    pub async fn record_import(
        &self,
        record: &ImportDocument,
        condition: RecordCondition,
        audit: Vec<TransactWriteItem>,
    ) -> Result<(), Error> {
        self.commit(None, record, condition, audit).await
    }

    async fn commit(
        &self,
        pointer: Option<TransactWriteItem>,
        record: &ImportDocument,
        condition: RecordCondition,
        audit: Vec<TransactWriteItem>,
    ) -> Result<(), Error> {
        let mut changes: Vec<_> = pointer.into_iter().collect();
        changes.push(imports::put(&self.table, record, condition)?);
        changes.extend(audit);
        transact::write(&self.client, changes, |_| "another import of this source or file came first".to_owned()).await
    }

    /// All items of a partition, by sort key.
    async fn partition(&self, key: &str) -> Result<Vec<Item>, Error> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk")
            .expression_attribute_values(":pk", s(key))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.map_err(|error| Error::unavailable("dynamodb:Query", &error))?);
        }
        Ok(items)
    }
}

fn snapshot_key(id: &str) -> String {
    format!("snapshot#{id}")
}

fn chunk(mut item: Item) -> Result<Vec<u8>, Error> {
    match item.remove("data") {
        Some(AttributeValue::B(bytes)) => Ok(bytes.into_inner()),
        _ => Err(absent("data")),
    }
}
