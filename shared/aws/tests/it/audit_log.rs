//! The audit log: written once, and read back only whole.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::Error;
use engine_aws::audit_log::{AuditLog, PartitionIds};
use engine_core::audit::{Actor, ActorType, Body, Draft, Entry, EntryId, Event, Outcome};
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::wire::Wire;
use serde_json::json;

use crate::fixture::{Item, at};

/// An entry with that text in its body. All have the same id.
fn entry(text: &str) -> Entry {
    let now = at("2026-01-15T21:30:00.123Z");
    let draft = Draft {
        id: EntryId::new(now, [7; 10]),
        time: now,
        event: Event::QuoteCreate,
        outcome: Outcome::Success,
        request_id: "request".to_owned(),
        function: "pricing",
        actor_ref: actor_key().actor_ref(ActorType::Client, "demo"),
        client_ref: None,
        subject_ref: None,
        body: Body {
            actor: Actor { kind: ActorType::Client, id: "demo".to_owned(), roles: vec![] },
            source_address: None,
            resource: "/api/v1/calculate-locate".to_owned(),
            reason: None,
            details: json!({ "text": text }),
            salt: [9; 16],
        },
    };
    draft.finish().unwrap()
}

/// An entry of three items, whose first cut would fall inside a character.
fn long(letter: &str) -> Entry {
    entry(&format!("{letter}{}", "€".repeat(300_000)))
}

struct Log {
    dynamo: Dynamo,
    log: AuditLog,
}

impl Log {
    async fn start() -> Self {
        let dynamo = Dynamo::start().await;
        let log = AuditLog::new(dynamo.client(), tables::AUDIT);
        Self { dynamo, log }
    }

    async fn items(&self) -> Vec<Item> {
        let client = self.dynamo.client_on(&Wire::default());
        let mut pages = client.scan().table_name(tables::AUDIT).into_paginator().items().send();
        let mut items = Vec::new();
        while let Some(item) = pages.next().await {
            items.push(item.unwrap());
        }
        items.sort_by_key(|item| item["sk"].as_s().unwrap().clone());
        items
    }

    async fn overwrite(&self, item: &Item) {
        let client = self.dynamo.client_on(&Wire::default());
        client.put_item().table_name(tables::AUDIT).set_item(Some(item.clone())).send().await.unwrap();
    }

    /// Reads the entry, which must be recognised as altered.
    async fn assert_altered(&self, what: &str) {
        let read = self.log.read(entry("").id()).await;
        assert!(matches!(read, Err(Error::Corrupt { .. })), "{what}: {read:?}");
    }
}

#[tokio::test]
async fn an_entry_is_one_put_of_its_exact_texts() {
    let log = Log::start().await;
    let entry = entry("a");
    assert_eq!(log.log.read(entry.id()).await.unwrap(), None);
    log.dynamo.wire().reset();
    log.log.append(&entry).await.unwrap();
    assert_eq!(log.dynamo.wire().sent(), [("PutItem".to_owned(), 1)].into());
    let items = log.items().await;
    let text = |name: &str| items[0][name].as_s().unwrap().as_str();
    assert_eq!((items.len(), text("header"), text("body")), (1, entry.header(), entry.body()));
    assert_eq!((text("pk"), text("sk")), (entry.id().partition().as_str(), entry.id().to_string().as_str()));
    assert_eq!(log.log.read(entry.id()).await.unwrap(), Some(entry));
}

#[tokio::test]
async fn a_retry_that_finds_its_own_bytes_has_succeeded_and_other_bytes_never_replace_them() {
    for (first, others, action) in
        [(entry("a"), [entry("b"), long("a")], "PutItem"), (long("a"), [entry("a"), long("b")], "TransactWriteItems")]
    {
        let log = Log::start().await;
        log.log.append(&first).await.unwrap();
        log.log.append(&first).await.unwrap();
        assert_eq!(log.dynamo.wire().sent(), [(action.to_owned(), 2)].into(), "who appends needs not read");
        for other in &others {
            let lost = log.log.append(other).await;
            assert!(matches!(lost, Err(Error::Conflict(_))), "{lost:?}");
        }
        assert_eq!(log.log.read(first.id()).await.unwrap(), Some(first));
    }
}

#[tokio::test]
async fn an_entry_longer_than_an_item_is_appended_in_one_transaction_and_reads_back_identical() {
    let log = Log::start().await;
    let entry = long("a");
    log.log.append(&entry).await.unwrap();
    assert_eq!(log.dynamo.wire().sent(), [("TransactWriteItems".to_owned(), 1)].into());
    let items = log.items().await;
    let bodies: Vec<_> = items.iter().map(|item| item["body"].as_s().unwrap().as_str()).collect();
    assert_eq!(bodies.len(), 3);
    assert!(bodies[0].len() < 380_000, "the cut was moved to before a character");
    assert_eq!(bodies.concat(), entry.body());
    assert_eq!(items[0]["chunks"], AttributeValue::N("3".to_owned()));
    assert_eq!(log.log.read(entry.id()).await.unwrap(), Some(entry));
}

#[tokio::test]
async fn an_entry_whose_append_failed_is_not_there_in_part() {
    let log = Log::start().await;
    for (entry, action) in [(entry("a"), "PutItem"), (long("a"), "TransactWriteItems")] {
        log.dynamo.wire().fail(action, 100);
        let failed = log.log.append(&entry).await;
        assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
        assert_eq!(log.items().await, []);
    }
}

#[tokio::test]
async fn an_altered_entry_is_not_read_as_an_entry() {
    let log = Log::start().await;
    log.log.append(&entry("original")).await.unwrap();
    let item = log.items().await.remove(0);
    let alterations =
        [("body", "original", "altered"), ("header", "body_sha256", "digest"), ("header", r#""id":"0"#, r#""id":"1"#)];
    for (name, from, to) in alterations {
        let mut altered = item.clone();
        altered.insert(name.to_owned(), AttributeValue::S(item[name].as_s().unwrap().replacen(from, to, 1)));
        assert_ne!(altered, item);
        log.overwrite(&altered).await;
        log.assert_altered(from).await;
    }
    let mut headless = item.clone();
    headless.remove("header");
    log.overwrite(&headless).await;
    log.assert_altered("no header").await;
    log.overwrite(&item).await;
    assert_eq!(log.log.read(entry("").id()).await.unwrap(), Some(entry("original")));
}

#[tokio::test]
async fn a_long_entry_that_lost_an_item_is_not_read_as_an_entry() {
    for lost in 0..3 {
        let log = Log::start().await;
        log.log.append(&long("a")).await.unwrap();
        let mut key = log.items().await.remove(lost);
        key.retain(|name, _| name == "pk" || name == "sk");
        let client = log.dynamo.client();
        client.delete_item().table_name(tables::AUDIT).set_key(Some(key)).send().await.unwrap();
        log.assert_altered(&format!("without item {lost}")).await;
    }
}

/// An entry of that moment, whose id ends with `last`, which says its shard.
fn entry_at(time: &str, last: u8, text: &str) -> Entry {
    let header = entry(text).read_header().unwrap();
    let id = EntryId::new(at(time), [7, 7, 7, 7, 7, 7, 7, 7, 7, last]);
    let header = serde_json::to_value(engine_core::audit::Header { id: id.to_string(), ..header }).unwrap();
    let header = engine_core::audit::canonical_json(&header).unwrap();
    Entry::from_stored(id, header, entry(text).body().to_owned()).unwrap()
}

#[tokio::test]
async fn a_partition_tells_its_entries_once_each_and_what_is_none() {
    let log = Log::start().await;
    let minute = at("2026-01-15T21:30:00Z");
    let one = entry_at("2026-01-15T21:30:01Z", 5, "a");
    let three_items = entry_at("2026-01-15T21:30:59.999Z", 69, &"€".repeat(300_000));
    let elsewhere = [entry_at("2026-01-15T21:30:01Z", 6, "b"), entry_at("2026-01-15T21:31:00Z", 5, "c")];
    for entry in elsewhere.iter().chain([&one, &three_items]) {
        log.log.append(entry).await.unwrap();
    }
    let (first, other) = (one.id(), elsewhere[0].id());
    let foreign =
        ["note".to_owned(), other.to_string(), format!("{first}#00"), format!("{first}#1"), format!("{first}#x1")];
    for sort_key in &foreign {
        let key = |text: &str| AttributeValue::S(text.to_owned());
        log.overwrite(&[("pk".to_owned(), key("2026-01-15T21:30#05")), ("sk".to_owned(), key(sort_key))].into()).await;
    }
    let mut found = log.log.partition_ids(minute, 5).await.unwrap();
    assert_eq!(found.entries, [one.id(), three_items.id()]);
    found.foreign.sort();
    let mut expected = foreign.to_vec();
    expected.sort();
    assert_eq!(found.foreign, expected);
    assert_eq!(log.log.partition_ids(minute, 7).await.unwrap(), PartitionIds::default());
}

#[tokio::test]
async fn many_entries_are_read_at_once_and_one_that_was_altered_hides_none_of_the_others() {
    let log = Log::start().await;
    let mut entries: Vec<_> = (0..150).map(|last| entry_at("2026-01-15T21:30:01Z", last, "a")).collect();
    entries.push(entry_at("2026-01-15T21:30:02Z", 0, &"€".repeat(300_000)));
    for entry in &entries {
        log.log.append(entry).await.unwrap();
    }
    let mut altered = log.items().await.remove(3);
    altered.insert("body".to_owned(), AttributeValue::S("{}".to_owned()));
    log.overwrite(&altered).await;
    let mut ids: Vec<_> = entries.iter().map(Entry::id).collect();
    ids.push(entry_at("2026-01-15T21:30:03Z", 0, "never appended").id());
    log.dynamo.wire().reset();
    let mut read = log.log.read_all(&ids).await.unwrap();
    assert_eq!(log.dynamo.wire().sent(), [("BatchGetItem".to_owned(), 2), ("Query".to_owned(), 1)].into());
    read.sort_by_key(|(id, _)| *id);
    let expected = entries.into_iter().enumerate().map(|(index, entry)| (entry.id(), (index != 3).then_some(entry)));
    assert_eq!(read, expected.collect::<Vec<_>>());
}
