//! Changes in one transaction, and what it means when the transaction is cancelled.

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::SdkError;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::operation::update_item::{UpdateItemError, UpdateItemOutput};
use aws_sdk_dynamodb::types::{AttributeValue, CancellationReason, Put, TransactWriteItem};

use crate::Error;
use crate::clock::random_bytes;
use crate::item::Item;

/// The condition that an item does not exist.
pub(crate) const ABSENT: &str = "attribute_not_exists(pk)";
/// Times that a request is repeated that another one, at work on the same item, kept from being carried out.
pub(crate) const RETRIES: u32 = 4;

/// Whether a conditional update was made. That its condition did not hold is no failure of the store.
pub(crate) fn updated(sent: Result<UpdateItemOutput, SdkError<UpdateItemError, HttpResponse>>) -> Result<bool, Error> {
    match sent {
        Ok(_) => Ok(true),
        Err(error) if error.as_service_error().is_some_and(UpdateItemError::is_conditional_check_failed_exception) => {
            Ok(false)
        }
        Err(error) => Err(Error::unavailable("dynamodb:UpdateItem", &error)),
    }
}

/// A conditional put.
pub(crate) fn put(
    table: &str,
    item: Item,
    condition: &str,
    values: impl IntoIterator<Item = (&'static str, AttributeValue)>,
) -> Result<TransactWriteItem, Error> {
    let mut put = Put::builder().table_name(table).set_item(Some(item)).condition_expression(condition);
    for (name, value) in values {
        put = put.expression_attribute_values(name, value);
    }
    Ok(TransactWriteItem::builder().put(put.build().map_err(|error| Error::corrupt("put", error))?).build())
}

/// Why changes were not made. None of them was.
#[derive(Debug)]
pub(crate) enum Failed {
    /// The condition of the change at `index` did not hold, the first such one.
    Condition {
        /// Where the change is among the changes.
        index: usize,
        /// The item as it stands, where the change asks for it.
        item: Option<Item>,
    },
    /// Anything else.
    Error(Error),
}

/// Makes the changes, all or nothing. [`Error::Conflict`] where a condition did not hold, with `lost` of its index as text.
pub(crate) async fn write(
    client: &Client,
    changes: Vec<TransactWriteItem>,
    lost: impl Fn(usize) -> String,
) -> Result<(), Error> {
    send(client, changes).await.map_err(|failed| match failed {
        Failed::Condition { index, .. } => Error::Conflict(lost(index)),
        Failed::Error(error) => error,
    })
}

/// Makes the changes, all or nothing, again where all that stood in the way was another request at work on an item.
pub(crate) async fn send(client: &Client, changes: Vec<TransactWriteItem>) -> Result<(), Failed> {
    let mut retry = 0;
    loop {
        let sent = client.transact_write_items().set_transact_items(Some(changes.clone())).send().await;
        let Err(error) = sent else { return Ok(()) };
        let reasons = match error.as_service_error() {
            Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => cancelled.cancellation_reasons(),
            _ => &[],
        };
        match obstacle(reasons) {
            Some(Obstacle::Condition(index)) => {
                let item = reasons.get(index).and_then(|reason| reason.item()).cloned();
                return Err(Failed::Condition { index, item });
            }
            Some(Obstacle::Busy) if retry < RETRIES => {
                pause(retry).await;
                retry += 1;
            }
            _ => return Err(Failed::Error(Error::unavailable("dynamodb:TransactWriteItems", &error))),
        }
    }
}

/// What stood in the way of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    /// The condition of the change at this index, which will not hold next time either.
    Condition(usize),
    /// Another request was changing one of the items, and nothing else.
    Busy,
}

/// `None` where the reasons name anything that neither the caller nor another try within milliseconds can change.
fn obstacle(reasons: &[CancellationReason]) -> Option<Obstacle> {
    let mut codes = reasons.iter().map(|reason| reason.code().unwrap_or("None"));
    if let Some(index) = codes.clone().position(|code| code == "ConditionalCheckFailed") {
        return Some(Obstacle::Condition(index));
    }
    let busy = |code| code == "TransactionConflict";
    (codes.clone().any(busy) && codes.all(|code| busy(code) || code == "None")).then_some(Obstacle::Busy)
}

/// Waits before a repetition, twice as long each time: 10 to 20 ms before the first, numbered 0.
pub(crate) async fn pause(retry: u32) {
    let jitter = random_bytes::<1>().map_or(0, |[byte]| u64::from(byte) * 10 / 255);
    tokio::time::sleep(Duration::from_millis((10 + jitter) << retry.min(RETRIES))).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reasons(codes: &[&str]) -> Vec<CancellationReason> {
        codes.iter().map(|code| CancellationReason::builder().code(*code).build()).collect()
    }

    #[test]
    fn a_failed_condition_goes_before_a_conflict_and_both_before_nothing() {
        let told = |codes: &[&str]| obstacle(&reasons(codes));
        assert_eq!(told(&["None", "ConditionalCheckFailed"]), Some(Obstacle::Condition(1)));
        assert_eq!(told(&["TransactionConflict", "None", "ConditionalCheckFailed"]), Some(Obstacle::Condition(2)));
        assert_eq!(told(&["None", "TransactionConflict"]), Some(Obstacle::Busy));
        assert_eq!(told(&["TransactionConflict", "ValidationError"]), None);
        assert_eq!(told(&["ThrottlingError", "None"]), None);
        assert_eq!(told(&[]), None);
    }
}
