//! What invokes the function: changes of the audit table, or the clock. Nothing else.

use std::collections::HashMap;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::{Number, Value};

/// Why the function runs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Trigger {
    /// The audit table changed.
    Changes(Vec<Change>),
    /// It is time again.
    Schedule,
}

/// A change of one item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Change {
    /// The change's id in the stream. Delivered again, it has the same.
    pub(crate) id: String,
    /// What became of the item.
    pub(crate) kind: ChangeKind,
    /// The item's partition.
    pub(crate) partition: String,
    /// The item's sort key.
    pub(crate) sort_key: String,
    /// When it was changed, to the second.
    pub(crate) time: Timestamp,
}

/// What became of an item.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangeKind {
    /// It was put where there was none.
    Inserted(Image),
    /// It was put, or updated, where there was one.
    Modified,
    /// It was deleted.
    Removed,
}

/// A new item's attributes, as far as they can be an entry's.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Image {
    /// The header's text.
    pub(crate) header: Option<String>,
    /// The body's text, or its first piece.
    pub(crate) body: Option<String>,
    /// In how many items the entry is stored.
    pub(crate) chunks: Option<String>,
}

/// An event that this function is not for, or that lacks what it must have. Nothing of it is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EventError {
    /// Neither changes of a table nor a schedule.
    #[error("the event is neither a table's stream nor a schedule")]
    Unknown,
    /// Changes of another table.
    #[error("the stream is not the audit table's")]
    OtherTable,
    /// A record of the stream lacks something.
    #[error("a record of the stream has no usable {0}")]
    Record(&'static str),
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "eventID")]
    id: String,
    #[serde(rename = "eventName")]
    name: String,
    #[serde(rename = "eventSource")]
    source: String,
    #[serde(rename = "eventSourceARN")]
    stream: String,
    dynamodb: Stored,
}

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "ApproximateCreationDateTime")]
    time: Number,
    #[serde(rename = "Keys")]
    keys: Attributes,
    #[serde(rename = "NewImage", default)]
    new: Attributes,
}

/// Attributes in DynamoDB's JSON: `{"name": {"<type>": value}}`.
type Attributes = HashMap<String, HashMap<String, Value>>;

impl Trigger {
    /// Reads an event; changes must be of the table with that name.
    pub(crate) fn read(event: Value, audit_table: &str) -> Result<Self, EventError> {
        let Value::Object(mut members) = event else { return Err(EventError::Unknown) };
        if let Some(Value::Array(records)) = members.remove("Records") {
            let changes = records.into_iter().map(|record| change(record, audit_table));
            return changes.collect::<Result<_, _>>().map(Self::Changes);
        }
        let is = |name: &str, value: &str| members.get(name).and_then(Value::as_str) == Some(value);
        if is("source", "aws.events") && is("detail-type", "Scheduled Event") {
            return Ok(Self::Schedule);
        }
        Err(EventError::Unknown)
    }
}

fn change(record: Value, audit_table: &str) -> Result<Change, EventError> {
    if record.get("eventSource").and_then(Value::as_str) != Some("aws:dynamodb") {
        return Err(EventError::Unknown);
    }
    let record = Record::deserialize(record).map_err(|_| EventError::Record("members"))?;
    let table = record.stream.split_once(":table/").and_then(|(_, rest)| rest.split('/').next());
    if record.source != "aws:dynamodb" || table != Some(audit_table) {
        return Err(EventError::OtherTable);
    }
    let Stored { time, mut keys, mut new } = record.dynamodb;
    let kind = match record.name.as_str() {
        "INSERT" => ChangeKind::Inserted(Image {
            header: take(&mut new, "header", "S"),
            body: take(&mut new, "body", "S"),
            chunks: take(&mut new, "chunks", "N"),
        }),
        "MODIFY" => ChangeKind::Modified,
        "REMOVE" => ChangeKind::Removed,
        _ => return Err(EventError::Record("name")),
    };
    Ok(Change {
        id: record.id,
        kind,
        partition: take(&mut keys, "pk", "S").ok_or(EventError::Record("keys"))?,
        sort_key: take(&mut keys, "sk", "S").ok_or(EventError::Record("keys"))?,
        time: seconds(&time).ok_or(EventError::Record("time"))?,
    })
}

/// A text of that type, out of the attributes.
fn take(attributes: &mut Attributes, name: &str, kind: &str) -> Option<String> {
    match attributes.remove(name)?.remove(kind)? {
        Value::String(text) => Some(text),
        _ => None,
    }
}

/// A time in seconds since the epoch, which some senders write with a fraction.
fn seconds(number: &Number) -> Option<Timestamp> {
    let text = number.to_string();
    let whole = text.split('.').next()?;
    whole.parse().ok().and_then(|seconds| Timestamp::from_second(seconds).ok())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn record(name: &str) -> Value {
        json!({
            "eventID": "c4ca4238a0b923820dcc509a6f75849b",
            "eventName": name,
            "eventVersion": "1.1",
            "eventSource": "aws:dynamodb",
            "awsRegion": "us-east-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_768_514_400,
                "Keys": { "pk": { "S": "p" }, "sk": { "S": "s" } },
                "NewImage": {
                    "pk": { "S": "p" }, "sk": { "S": "s" },
                    "header": { "S": "h" }, "body": { "S": "b" }, "chunks": { "N": "1" },
                },
                "OldImage": { "pk": { "S": "p" } },
                "SequenceNumber": "111",
                "SizeBytes": 26,
                "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
            "eventSourceARN": "arn:aws:dynamodb:us-east-1:123456789012:table/audit/stream/2026-01-15T00:00:00.000",
        })
    }

    fn read(records: &[Value]) -> Result<Trigger, EventError> {
        Trigger::read(json!({ "Records": records }), "audit")
    }

    #[test]
    fn every_kind_of_change_is_read() {
        let image = Image { header: Some("h".into()), body: Some("b".into()), chunks: Some("1".into()) };
        for (name, kind) in
            [("INSERT", ChangeKind::Inserted(image)), ("MODIFY", ChangeKind::Modified), ("REMOVE", ChangeKind::Removed)]
        {
            let change = Change {
                id: "c4ca4238a0b923820dcc509a6f75849b".into(),
                kind,
                partition: "p".into(),
                sort_key: "s".into(),
                time: "2026-01-15T22:00:00Z".parse().unwrap(),
            };
            assert_eq!(read(&[record(name)]), Ok(Trigger::Changes(vec![change])), "{name}");
        }
    }

    #[test]
    fn an_item_of_other_attributes_is_read_as_an_image_without_them() {
        let mut other = record("INSERT");
        other["dynamodb"]["NewImage"] = json!({ "header": { "N": "1" }, "body": { "M": {} }, "chunks": { "S": "1" } });
        let Ok(Trigger::Changes(changes)) = read(&[other]) else { panic!("changes") };
        assert_eq!(changes[0].kind, ChangeKind::Inserted(Image::default()));
    }

    #[test]
    fn times_with_a_fraction_are_cut_to_the_second() {
        let mut record = record("REMOVE");
        record["dynamodb"]["ApproximateCreationDateTime"] = json!(1_768_514_400.987_654);
        let Ok(Trigger::Changes(changes)) = read(&[record]) else { panic!("changes") };
        assert_eq!(changes[0].time, "2026-01-15T22:00:00Z".parse().unwrap());
    }

    #[test]
    fn anything_else_than_the_audit_table_s_changes_and_the_schedule_is_refused() {
        let with = |pointer: &str, value: Value| {
            let mut record = record("INSERT");
            *record.pointer_mut(pointer).unwrap() = value;
            record
        };
        for (rule, broken, expected) in [
            ("another source", with("/eventSource", json!("aws:s3")), EventError::Unknown),
            (
                "another table",
                with("/eventSourceARN", json!("arn:aws:dynamodb:r:a:table/audit2/stream/t")),
                EventError::OtherTable,
            ),
            ("no table", with("/eventSourceARN", json!("arn:aws:dynamodb")), EventError::OtherTable),
            ("another name", with("/eventName", json!("UPSERT")), EventError::Record("name")),
            ("no keys", with("/dynamodb/Keys", json!({})), EventError::Record("keys")),
            ("no time", with("/dynamodb/ApproximateCreationDateTime", Value::Null), EventError::Record("members")),
            (
                "a time of no calendar",
                with("/dynamodb/ApproximateCreationDateTime", json!(1e300)),
                EventError::Record("time"),
            ),
        ] {
            assert_eq!(read(&[record("INSERT"), broken]), Err(expected), "{rule}: nothing of the batch is done");
        }
        let schedule = json!({ "source": "aws.events", "detail-type": "Scheduled Event" });
        assert_eq!(Trigger::read(schedule, "audit"), Ok(Trigger::Schedule));
        for event in [
            json!({}),
            json!([]),
            json!("schedule"),
            Value::Null,
            json!({ "source": "aws.events" }),
            json!({ "source": "aws.s3", "detail-type": "Scheduled Event" }),
            json!({ "Records": {} }),
        ] {
            assert_eq!(Trigger::read(event.clone(), "audit"), Err(EventError::Unknown), "{event}");
        }
    }
}
