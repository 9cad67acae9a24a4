//! Reading items by their keys, as of everything written before.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::item::Item;
use crate::{Error, transact};

/// The item with that key.
pub(crate) async fn get(client: &Client, table: &str, key: Item) -> Result<Option<Item>, Error> {
    let got = client.get_item().table_name(table).set_key(Some(key)).consistent_read(true).send().await;
    got.map(|got| got.item).map_err(|error| Error::unavailable("dynamodb:GetItem", &error))
}

/// The items with these keys, at most 100, in no order. One that does not exist is not among them.
pub(crate) async fn get_all(client: &Client, table: &str, mut keys: Vec<Item>) -> Result<Vec<Item>, Error> {
    let (mut items, mut retry) = (Vec::new(), 0);
    while !keys.is_empty() {
        if retry > transact::RETRIES {
            let cause = format!("{} items were left unread", keys.len());
            return Err(Error::Unavailable { operation: "dynamodb:BatchGetItem", cause });
        }
        if retry > 0 {
            transact::pause(retry - 1).await;
        }
        retry += 1;
        let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
        let wanted = wanted.map_err(|error| Error::corrupt("keys to read", error))?;
        let got = client.batch_get_item().request_items(table, wanted).send().await;
        let got = got.map_err(|error| Error::unavailable("dynamodb:BatchGetItem", &error))?;
        items.extend(got.responses.unwrap_or_default().remove(table).unwrap_or_default());
        let unread = got.unprocessed_keys.unwrap_or_default().remove(table);
        keys = unread.map(|unread| unread.keys).unwrap_or_default();
    }
    Ok(items)
}
