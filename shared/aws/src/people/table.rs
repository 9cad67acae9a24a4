//! Records in the table: where each is, how it is written, and how lists are read.

use aws_sdk_dynamodb::types::AttributeValue;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{People, Versioned};
use crate::change::Change;
use crate::directory::Page;
use crate::item::{Item, n, number, s, string};
use crate::{Error, read, transact};

/// Partitions of the table.
pub(super) const PRINCIPALS: &str = "principals";
pub(super) const PERSONS: &str = "persons";
pub(super) const REQUESTS: &str = "requests";
pub(super) const SERVICE_ACCOUNTS: &str = "service_accounts";
pub(super) const RESERVATIONS: &str = "reservations";
pub(super) const ROLES: &str = "roles";
pub(super) const BOOTSTRAP: &str = "bootstrap";
/// Records in a page at most.
const MOST: usize = 100;
/// Queries that one page takes at most, where a filter passes over many.
const MOST_QUERIES: usize = 10;
/// Least time between two records of an account's use, in milliseconds.
const HOUR_MS: i64 = 3_600_000;

/// Where a record is.
pub(super) fn key(pk: &str, sk: &str) -> Item {
    Item::from([("pk".into(), s(pk)), ("sk".into(), s(sk))])
}

/// A whole record, of that version.
pub(super) fn item<T: Serialize>(pk: &str, sk: &str, record: &T, version: u64) -> Result<Item, Error> {
    let mut item = key(pk, sk);
    item.insert("document".into(), s(document(record)?));
    item.insert("version".into(), n(version));
    Ok(item)
}

/// Reads a record.
pub(super) fn read<T: DeserializeOwned>(item: &Item) -> Result<Versioned<T>, Error> {
    let document = string(item, "document")?;
    let value = serde_json::from_str(document).map_err(|error| Error::corrupt("record of people", error))?;
    Ok(Versioned { value, version: number(item, "version")? })
}

fn document<T: Serialize>(record: &T) -> Result<String, Error> {
    serde_json::to_string(record).map_err(|error| Error::corrupt("record of people", error))
}

/// What is said of a record that something else changed between its read and its write.
pub(super) fn changed(what: &str) -> String {
    format!("{what} was changed meanwhile: try again")
}

/// Which records of a partition.
pub(super) struct Listing<'a> {
    pub(super) partition: &'a str,
    /// Only after this sort key.
    pub(super) after: Option<&'a str>,
    /// Latest sort key first.
    pub(super) descending: bool,
    /// A condition on the records, and the value `:filter` in it.
    pub(super) filter: Option<(&'static str, &'a str)>,
    pub(super) limit: usize,
}

impl People {
    /// The item at that place, as of everything written before.
    pub(super) async fn item(&self, pk: &str, sk: &str) -> Result<Option<Item>, Error> {
        read::get(&self.client, &self.table, key(pk, sk)).await
    }

    /// The items at those places of one partition, at most 100, in no order. One that does not exist is not among them.
    pub(super) async fn items<'a>(&self, pk: &str, sks: impl IntoIterator<Item = &'a str>) -> Result<Vec<Item>, Error> {
        let keys = sks.into_iter().map(|sk| key(pk, sk)).collect();
        read::get_all(&self.client, &self.table, keys).await
    }

    /// One page of a partition. The next one goes on after its last sort key.
    pub(super) async fn page(&self, listing: &Listing<'_>) -> Result<Page<Item, String>, Error> {
        let limit = listing.limit.clamp(1, MOST);
        let mut after = listing.after.map(|sk| key(listing.partition, sk));
        let mut items = Vec::new();
        for _ in 0..MOST_QUERIES {
            let mut query = self
                .client
                .query()
                .table_name(&self.table)
                .key_condition_expression("pk = :partition")
                .expression_attribute_values(":partition", s(listing.partition))
                .scan_index_forward(!listing.descending)
                .consistent_read(true)
                .limit(i32::try_from(limit - items.len()).unwrap_or(1))
                .set_exclusive_start_key(after.take());
            if let Some((condition, value)) = listing.filter {
                query = query.filter_expression(condition).expression_attribute_values(":filter", s(value));
            }
            let got = query.send().await.map_err(|error| Error::unavailable("dynamodb:Query", &error))?;
            items.extend(got.items.unwrap_or_default());
            after = got.last_evaluated_key;
            if after.is_none() || items.len() >= limit {
                break;
            }
        }
        let next = after.as_ref().map(|key| string(key, "sk").map(str::to_owned)).transpose()?;
        Ok(Page { items, next })
    }

    /// Adds the next version of a record, lost where it is no longer as it was read. Other attributes stay.
    pub(super) fn save<T: Serialize>(
        &self,
        change: &mut Change,
        (pk, sk): (&str, &str),
        read: u64,
        next: &T,
        what: &str,
    ) -> Result<(), Error> {
        let set = "SET document = :document, version = :next";
        self.save_with(change, (pk, sk), read, next, (set, []), what)
    }

    /// The same with more attributes than the document and its version; the expression sets all of them.
    pub(super) fn save_with<T: Serialize, const N: usize>(
        &self,
        change: &mut Change,
        (pk, sk): (&str, &str),
        read: u64,
        next: &T,
        (expression, more): (&str, [(&'static str, AttributeValue); N]),
        what: &str,
    ) -> Result<(), Error> {
        let mut values = vec![(":document", s(document(next)?)), (":next", n(read + 1))];
        values.extend(more);
        let condition = as_read(read, &mut values);
        change.update(&self.table, key(pk, sk), expression, condition, values, changed(what))
    }

    /// Adds a whole record in the place of what was read there, which leaves nothing of it.
    pub(super) fn put(&self, change: &mut Change, item: Item, read: u64, what: &str) -> Result<(), Error> {
        let mut values = Vec::new();
        let condition = as_read(read, &mut values);
        change.put(&self.table, item, condition, values, changed(what))
    }

    /// Adds the condition that a record, which the change leaves alone, is as it was read.
    pub(super) fn unchanged(
        &self,
        change: &mut Change,
        (pk, sk): (&str, &str),
        read: u64,
        lost: &str,
    ) -> Result<(), Error> {
        let mut values = Vec::new();
        let condition = as_read(read, &mut values);
        change.check(&self.table, key(pk, sk), condition, values, lost)
    }

    /// Sets `last_used_at` of an account, at most once an hour. One that does not exist is not made.
    pub(super) async fn touch(&self, (pk, sk): (&str, &str), now: jiff::Timestamp) -> Result<(), Error> {
        let now = now.as_millisecond();
        let update = self
            .client
            .update_item()
            .table_name(&self.table)
            .set_key(Some(key(pk, sk)))
            .update_expression("SET last_used_at = :now")
            .condition_expression(
                "attribute_exists(pk) AND (attribute_not_exists(last_used_at) OR last_used_at <= :before)",
            )
            .expression_attribute_values(":now", n(now))
            .expression_attribute_values(":before", n(now - HOUR_MS))
            .send()
            .await;
        transact::updated(update).map(|_| ())
    }
}

/// The condition that a record is of the version read, and what it compares with.
fn as_read(read: u64, values: &mut Vec<(&'static str, AttributeValue)>) -> &'static str {
    if read == 0 {
        return transact::ABSENT;
    }
    values.push((":read", n(read)));
    "version = :read"
}
