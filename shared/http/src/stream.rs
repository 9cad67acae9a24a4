//! Events of a DynamoDB stream, as far as functions take them that are started by what is new in a table.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A text attribute, as the stream has it: `{"S": "…"}`.
#[derive(Debug, Deserialize)]
pub struct Text {
    /// The text.
    #[serde(rename = "S")]
    pub text: String,
}

#[derive(Deserialize)]
struct Stream<K> {
    #[serde(rename = "Records")]
    records: Vec<Record<K>>,
}

#[derive(Deserialize)]
struct Record<K> {
    #[serde(rename = "eventName")]
    event_name: String,
    dynamodb: Images<K>,
}

#[derive(Deserialize)]
struct Images<K> {
    #[serde(rename = "Keys")]
    keys: K,
}

/// Whether an event has the shape of a stream's.
#[must_use]
pub fn has_records(event: &Value) -> bool {
    event.get("Records").is_some()
}

/// The keys of the items that are new, of a stream's event: what becomes of an item is no start of anything. The error is not to
/// be shown: it may quote the event.
pub fn inserted<K: DeserializeOwned>(event: Value) -> Result<Vec<K>, serde_json::Error> {
    let stream: Stream<K> = serde_json::from_value(event)?;
    let new = stream.records.into_iter().filter(|record| record.event_name == "INSERT");
    Ok(new.map(|record| record.dynamodb.keys).collect())
}
