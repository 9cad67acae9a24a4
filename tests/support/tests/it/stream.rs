//! Events of a DynamoDB stream.

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::audit::{Entry, EntryId};
use engine_test_support::{audit, stream};
use serde_json::json;

#[test]
fn a_record_has_the_images_and_keys_of_its_change() {
    let item = |body: &str| {
        stream::Item::from([
            ("pk".to_owned(), AttributeValue::S("minute".to_owned())),
            ("sk".to_owned(), AttributeValue::S("id".to_owned())),
            ("body".to_owned(), AttributeValue::S(body.to_owned())),
        ])
    };
    let (old, new) = (item("old"), item("new"));
    let event = stream::event(vec![stream::insert(&new), stream::modify(&old, &new), stream::remove(&old)]);
    let images = [("INSERT", None, Some("new")), ("MODIFY", Some("old"), Some("new")), ("REMOVE", Some("old"), None)];
    for (record, (name, old, new)) in event["Records"].as_array().unwrap().iter().zip(images) {
        assert_eq!(record["eventName"], name);
        let change = &record["dynamodb"];
        assert_eq!(change["Keys"], json!({"pk": {"S": "minute"}, "sk": {"S": "id"}}));
        assert_eq!(change["OldImage"]["body"]["S"].as_str(), old);
        assert_eq!(change["NewImage"]["body"]["S"].as_str(), new);
        assert!(record["eventSourceARN"].as_str().unwrap().contains(":table/audit/stream/"));
    }
}

#[test]
fn records_have_ids_and_sequence_numbers_of_their_own() {
    let item = audit::items(&audit::entries(1)[0]).remove(0);
    let (a, b) = (stream::insert(&item), stream::insert(&item));
    assert_ne!(a["eventID"], b["eventID"]);
    let number = |record: &serde_json::Value| record["dynamodb"]["SequenceNumber"].as_str().unwrap().to_owned();
    assert_ne!(number(&a), number(&b));
}

#[test]
fn every_type_of_attribute_is_in_dynamodbs_json() {
    for (value, expected) in [
        (AttributeValue::N("1".into()), json!({"N": "1"})),
        (AttributeValue::B(Blob::new(b"hi")), json!({"B": "aGk="})),
        (AttributeValue::Bool(true), json!({"BOOL": true})),
        (AttributeValue::Null(true), json!({"NULL": true})),
        (AttributeValue::Ss(vec!["a".into()]), json!({"SS": ["a"]})),
        (AttributeValue::L(vec![AttributeValue::S("a".into())]), json!({"L": [{"S": "a"}]})),
        (AttributeValue::M([("a".into(), AttributeValue::S("b".into()))].into()), json!({"M": {"a": {"S": "b"}}})),
    ] {
        assert_eq!(stream::image(&[("x".to_owned(), value)].into()), json!({ "x": expected }));
    }
}

#[test]
fn a_stored_entry_comes_back_out_of_its_record() {
    let entry = &audit::entries(3)[2];
    let record = stream::insert(&audit::items(entry)[0]);
    let image = &record["dynamodb"]["NewImage"];
    let text = |name: &str| image[name]["S"].as_str().unwrap().to_owned();
    let id = EntryId::parse(&text("sk")).unwrap();
    assert_eq!(id.partition(), text("pk"));
    assert_eq!(Entry::from_stored(id, text("header"), text("body")).as_ref(), Some(entry));
}
