//! Conditional puts in one transaction, and what it means when the transaction is cancelled.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use aws_sdk_dynamodb::types::{AttributeValue, Put, TransactWriteItem};

use crate::Error;
use crate::item::Item;

/// The condition that an item does not exist.
pub(crate) const ABSENT: &str = "attribute_not_exists(pk)";
/// Why a part was cancelled: its condition did not hold, or another transaction was changing the same item.
const LOST: [&str; 2] = ["ConditionalCheckFailed", "TransactionConflict"];

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

/// Makes the changes, all or nothing. [`Error::Conflict`], with `lost` as its text, where something else got there first.
pub(crate) async fn write(client: &Client, changes: Vec<TransactWriteItem>, lost: &str) -> Result<(), Error> {
    let sent = client.transact_write_items().set_transact_items(Some(changes)).send().await;
    sent.map(drop).map_err(|error| match error.as_service_error() {
        Some(TransactWriteItemsError::TransactionCanceledException(cancelled))
            if cancelled
                .cancellation_reasons()
                .iter()
                .any(|reason| reason.code().is_some_and(|code| LOST.contains(&code))) =>
        {
            Error::Conflict(lost.to_owned())
        }
        _ => Error::unavailable("dynamodb:TransactWriteItems", &error),
    })
}
