//! A change before it is made: its writes, what a failed condition of each means, and the audit entries that go with it.
//!
//! Whoever prepares a change reads and judges; committing it is one transaction, so the change, its entries and whatever else
//! must not be parted from it (an idempotency record) are there together or not at all.

use std::fmt;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, TransactWriteItem, Update};
use engine_core::audit::Entry;

use crate::audit_log::AuditLog;
use crate::item::Item;
use crate::{Error, transact};

/// Writes of a transaction that DynamoDB takes at most.
const MOST_WRITES: usize = 100;

/// A prepared change and what comes of it.
#[must_use = "nothing is changed until it is committed"]
pub struct Prepared<T> {
    /// The writes.
    pub change: Change,
    /// What the caller gets once they are made.
    pub value: T,
}

/// Writes that are made all or not at all.
#[derive(Debug, Default)]
pub struct Change {
    writes: Vec<(TransactWriteItem, String)>,
}

impl<T> Prepared<T> {
    /// Makes the change: [`Error::Conflict`] where a condition did not hold, in the words of that write.
    pub async fn commit(self, client: &Client) -> Result<T, Error> {
        self.change.commit(client).await.map(|()| self.value)
    }

    /// The same change with another result.
    pub fn map<U>(self, to: impl FnOnce(T) -> U) -> Prepared<U> {
        Prepared { change: self.change, value: to(self.value) }
    }
}

impl Change {
    /// Adds a write; `lost` is what is said where its condition does not hold.
    pub fn push(&mut self, write: TransactWriteItem, lost: impl fmt::Display) {
        self.writes.push((write, lost.to_string()));
    }

    /// Adds the put of an item that must not exist.
    pub fn put_new(&mut self, table: &str, item: Item, lost: impl fmt::Display) -> Result<(), Error> {
        self.push(transact::put(table, item, transact::ABSENT, [])?, lost);
        Ok(())
    }

    /// Adds a conditional put.
    pub fn put(
        &mut self,
        table: &str,
        item: Item,
        condition: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
        lost: impl fmt::Display,
    ) -> Result<(), Error> {
        self.push(transact::put(table, item, condition, values)?, lost);
        Ok(())
    }

    /// Adds a conditional update.
    pub fn update(
        &mut self,
        table: &str,
        key: Item,
        expression: &str,
        condition: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
        lost: impl fmt::Display,
    ) -> Result<(), Error> {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let update = Update::builder()
            .table_name(table)
            .set_key(Some(key))
            .update_expression(expression)
            .condition_expression(condition)
            .set_expression_attribute_values(Some(values))
            .build()
            .map_err(|error| Error::corrupt("update", error))?;
        self.push(TransactWriteItem::builder().update(update).build(), lost);
        Ok(())
    }

    /// Adds a conditional deletion.
    pub fn delete(&mut self, table: &str, key: Item, condition: &str, lost: impl fmt::Display) -> Result<(), Error> {
        let delete = Delete::builder().table_name(table).set_key(Some(key)).condition_expression(condition).build();
        let delete = delete.map_err(|error| Error::corrupt("deletion", error))?;
        self.push(TransactWriteItem::builder().delete(delete).build(), lost);
        Ok(())
    }

    /// Adds a condition on an item that the change leaves as it is.
    pub fn check(
        &mut self,
        table: &str,
        key: Item,
        condition: &str,
        values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
        lost: impl fmt::Display,
    ) -> Result<(), Error> {
        let mut check = ConditionCheck::builder().table_name(table).set_key(Some(key)).condition_expression(condition);
        for (name, value) in values {
            check = check.expression_attribute_values(name, value);
        }
        let check = check.build().map_err(|error| Error::corrupt("condition check", error))?;
        self.push(TransactWriteItem::builder().condition_check(check).build(), lost);
        Ok(())
    }

    /// Adds an audit entry.
    pub fn record(&mut self, audit: &AuditLog, entry: &Entry) -> Result<(), Error> {
        for item in audit.transact_items(entry)? {
            self.push(item, format_args!("another entry has the id {}", entry.id()));
        }
        Ok(())
    }

    /// Makes the writes, all or nothing.
    pub async fn commit(self, client: &Client) -> Result<(), Error> {
        if self.writes.len() > MOST_WRITES {
            return Err(Error::corrupt("change", format_args!("{} writes are too many for one", self.writes.len())));
        }
        let (writes, lost): (Vec<_>, Vec<_>) = self.writes.into_iter().unzip();
        transact::write(client, writes, |index| lost.get(index).cloned().unwrap_or_default()).await
    }
}
