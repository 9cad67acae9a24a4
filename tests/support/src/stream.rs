//! What Lambda is given of a DynamoDB stream (`NEW_AND_OLD_IMAGES`).

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

use aws_sdk_dynamodb::types::AttributeValue;
use serde_json::{Map, Value, json};

use crate::dynamo::tables;
use crate::service::blob;

/// An item as the SDK gives it.
pub type Item = HashMap<String, AttributeValue>;

/// When every record says that it happened: 2026-11-22T03:27:43Z, in seconds since the epoch.
pub const CREATED: i64 = 1_795_318_063;

/// Records made so far by this process: each has an id and a sequence number of its own.
static RECORDS: AtomicU64 = AtomicU64::new(1);

/// The record of a new item. A clone is the same record delivered once more.
pub fn insert(item: &Item) -> Value {
    record("INSERT", None, Some(item))
}

/// The record of an item that was written over.
pub fn modify(old: &Item, new: &Item) -> Value {
    record("MODIFY", Some(old), Some(new))
}

/// The record of an item that was removed.
pub fn remove(old: &Item) -> Value {
    record("REMOVE", Some(old), None)
}

/// What Lambda is handed: a batch of records of the audit table's stream.
pub fn event(records: Vec<Value>) -> Value {
    event_of(tables::AUDIT, records)
}

/// What Lambda is handed: a batch of records of that table's stream.
pub fn event_of(table: &str, mut records: Vec<Value>) -> Value {
    let source = format!("arn:aws:dynamodb:us-east-1:123456789012:table/{table}/stream/2026-11-22T00:00:00.000");
    for record in &mut records {
        record["eventSourceARN"] = Value::String(source.clone());
    }
    json!({ "Records": records })
}

fn record(name: &str, old: Option<&Item>, new: Option<&Item>) -> Value {
    let number = RECORDS.fetch_add(1, Ordering::Relaxed);
    let item = new.or(old).expect("a record is of an item");
    let keys: Item =
        ["pk", "sk"].iter().filter_map(|key| item.get_key_value(*key)).map(|(k, v)| (k.clone(), v.clone())).collect();
    let mut change = json!({
        "ApproximateCreationDateTime": CREATED,
        "Keys": image(&keys),
        "SequenceNumber": format!("{:024}", 100_000_000_000_u64 + number),
        "SizeBytes": 1024,
        "StreamViewType": "NEW_AND_OLD_IMAGES",
    });
    for (image_name, item) in [("OldImage", old), ("NewImage", new)] {
        if let Some(item) = item {
            change[image_name] = image(item);
        }
    }
    json!({
        "eventID": format!("{number:032x}"),
        "eventName": name,
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "us-east-1",
        "dynamodb": change,
    })
}

/// An item in DynamoDB's JSON.
pub fn image(item: &Item) -> Value {
    Value::Object(item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
}

fn attribute(value: &AttributeValue) -> Value {
    let (kind, value) = match value {
        AttributeValue::S(text) => ("S", json!(text)),
        AttributeValue::N(number) => ("N", json!(number)),
        AttributeValue::B(bytes) => ("B", blob(bytes.as_ref())),
        AttributeValue::Bool(flag) => ("BOOL", json!(flag)),
        AttributeValue::Null(flag) => ("NULL", json!(flag)),
        AttributeValue::L(list) => ("L", list.iter().map(attribute).collect()),
        AttributeValue::M(map) => ("M", image(map)),
        AttributeValue::Ss(texts) => ("SS", json!(texts)),
        AttributeValue::Ns(numbers) => ("NS", json!(numbers)),
        AttributeValue::Bs(all) => ("BS", all.iter().map(|bytes| blob(bytes.as_ref())).collect()),
        other => panic!("this double knows no {other:?}"),
    };
    Value::Object(Map::from_iter([(kind.to_owned(), value)]))
}
