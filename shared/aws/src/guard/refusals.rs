use std::collections::BTreeMap;

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::operation::update_item::builders::UpdateItemFluentBuilder;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::failures::{LISTED_ADDRESSES, RefusalWindow};
use engine_core::audit::{Actor, ActorType, Event, Outcome, SecretKey};
use engine_core::time::rfc3339;
use jiff::{SignedDuration, Timestamp};
use serde_json::json;

use super::Guard;
use crate::Error;
use crate::audit_log::AuditLog;
use crate::author::{Act, Author};
use crate::change::Change;
use crate::item::{Item, n, s};

const ITEM: &str = "refusals";
/// Before a window's start, in seconds since the epoch, in the names of its count and of its addresses.
const COUNT: &str = "count_";
const ADDRESSES: &str = "addresses_";
/// How long after its end a window is still added to, by a process whose clock is behind.
pub const GRACE: SignedDuration = SignedDuration::from_secs(30);
/// Who is named where nobody is known.
const NOBODY: &str = "unauthenticated";

/// The author of what nobody known did.
#[must_use]
pub fn nobody(actor_key: &SecretKey, function: &'static str, request_id: &str) -> Author {
    Author {
        actor: Actor { kind: ActorType::Anonymous, id: NOBODY.to_owned(), roles: Vec::new() },
        actor_ref: actor_key.actor_ref(ActorType::Anonymous, NOBODY),
        request_id: request_id.to_owned(),
        function,
        source_address: None,
    }
}

impl Guard {
    /// Adds refusals of callers who proved nothing to their window, however many they were: one update, or two once the
    /// window has as many addresses as its entry lists. The count is exact; the item does not grow with who calls.
    pub async fn add_refusals(&self, refused: &RefusalWindow) -> Result<(), Error> {
        if !refused.addresses.is_empty() && self.add_with_addresses(refused).await? {
            return Ok(());
        }
        let update = self.adding(refused).update_expression("ADD #count :count");
        update.send().await.map_err(|error| Error::unavailable("dynamodb:UpdateItem", &error))?;
        Ok(())
    }

    /// Adds count and addresses; `false`, and nothing is added, where the window has addresses enough.
    async fn add_with_addresses(&self, refused: &RefusalWindow) -> Result<bool, Error> {
        let update = self
            .adding(refused)
            .update_expression("ADD #count :count, #addresses :addresses")
            .condition_expression("attribute_not_exists(#addresses) OR size(#addresses) < :most")
            .expression_attribute_names("#addresses", format!("{ADDRESSES}{}", refused.window_start.as_second()))
            .expression_attribute_values(":addresses", AttributeValue::Ss(refused.addresses.iter().cloned().collect()))
            .expression_attribute_values(":most", n(LISTED_ADDRESSES));
        match update.send().await {
            Ok(_) => Ok(true),
            Err(error) => match error.as_service_error() {
                Some(UpdateItemError::ConditionalCheckFailedException(_)) => Ok(false),
                _ => Err(Error::unavailable("dynamodb:UpdateItem", &error)),
            },
        }
    }

    fn adding(&self, refused: &RefusalWindow) -> UpdateItemFluentBuilder {
        self.client
            .update_item()
            .table_name(&self.table)
            .key("pk", s(ITEM))
            .expression_attribute_names("#count", format!("{COUNT}{}", refused.window_start.as_second()))
            .expression_attribute_values(":count", n(refused.count))
    }

    /// Closes every window that is over: one entry each, written in the transaction that takes the window away, so by exactly
    /// one of all who try. Answers how many it closed.
    pub async fn close_refusals(&self, audit: &AuditLog, author: &Author, now: Timestamp) -> Result<usize, Error> {
        let Some(item) = self.item(ITEM).await? else { return Ok(0) };
        let mut closed = 0;
        for (start, count) in windows(&item) {
            let over = Timestamp::from_second(start).is_ok_and(|start| {
                RefusalWindow { window_start: start, ..RefusalWindow::open(now) }.is_over(now - GRACE)
            });
            if over {
                closed += usize::from(self.close(&item, start, &count, audit, author, now).await?);
            }
        }
        Ok(closed)
    }

    /// Closes one window; `false` where it was closed or added to meanwhile, which the next one to come by sees to.
    async fn close(
        &self,
        item: &Item,
        start: i64,
        count: &str,
        audit: &AuditLog,
        author: &Author,
        now: Timestamp,
    ) -> Result<bool, Error> {
        let (count_name, addresses_name) = (format!("{COUNT}{start}"), format!("{ADDRESSES}{start}"));
        let addresses = item.get(&addresses_name).and_then(|addresses| addresses.as_ss().ok());
        let mut addresses = addresses.cloned().unwrap_or_default();
        addresses.sort_unstable();
        addresses.truncate(LISTED_ADDRESSES);
        let start = Timestamp::from_second(start).map_err(|error| Error::corrupt("refusals", error))?;
        let total: u64 = count.parse().map_err(|error| Error::corrupt("refusals", error))?;
        let act = Act {
            event: Event::AuthenticationRefuse,
            outcome: Outcome::Refused,
            resource: ITEM.to_owned(),
            reason: None,
            client_ref: None,
            subject_ref: None,
            details: json!({ "window_start": rfc3339(start), "count": total, "addresses": addresses }),
        };
        let mut change = Change::default();
        change.remove_window(&self.table, [&count_name, &addresses_name], count)?;
        change.record(audit, &author.entry(act, now)?)?;
        match change.commit(&self.client).await {
            Ok(()) => Ok(true),
            Err(Error::Conflict(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }
}

impl Change {
    /// Takes a window out of the item if its count is still `count`.
    fn remove_window(&mut self, table: &str, names: [&String; 2], count: &str) -> Result<(), Error> {
        let update = aws_sdk_dynamodb::types::Update::builder()
            .table_name(table)
            .key("pk", s(ITEM))
            .update_expression("REMOVE #count, #addresses")
            .condition_expression("#count = :count")
            .expression_attribute_names("#count", names[0])
            .expression_attribute_names("#addresses", names[1])
            .expression_attribute_values(":count", AttributeValue::N(count.to_owned()))
            .build()
            .map_err(|error| Error::corrupt("update", error))?;
        let write = aws_sdk_dynamodb::types::TransactWriteItem::builder().update(update).build();
        self.push(write, "the window was closed or added to meanwhile");
        Ok(())
    }
}

/// Start and count of every window in the item, earliest first.
fn windows(item: &Item) -> BTreeMap<i64, String> {
    let windows = item
        .iter()
        .filter_map(|(name, value)| Some((name.strip_prefix(COUNT)?.parse().ok()?, value.as_n().ok()?.clone())));
    windows.collect()
}
