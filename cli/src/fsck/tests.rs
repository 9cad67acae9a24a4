use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::author::Author;
use engine_core::audit::{Actor, ActorType, Entry, EntryId, Event};
use engine_core::merkle::{StoredBody, encode_bodies, encode_entries, encode_tile, leaf_hash};
use engine_test_support::audit::{entries, items};
use engine_test_support::dynamo::tables;
use engine_test_support::keys::actor_key;
use jiff::Timestamp;
use serde_json::json;

use super::report::Report;
use super::{Lost, check, restore};
use crate::sealed::{Log, RECORDS, time};

fn now() -> Timestamp {
    time("2026-11-22T07:00:00Z")
}

async fn look(log: &Log) -> (Report, Vec<Lost>) {
    check(&log.parts(), now()).await.unwrap()
}

/// The only difference there is.
async fn difference(log: &Log) -> String {
    let (report, _) = look(log).await;
    assert_eq!(report.differences.len(), 1, "{:#?}", report.differences);
    report.differences[0].clone()
}

async fn put(log: &Log, item: std::collections::HashMap<String, AttributeValue>) {
    log.dynamo.client().put_item().table_name(tables::AUDIT).set_item(Some(item)).send().await.unwrap();
}

async fn delete(log: &Log, table: &str, pk: &str, sk: &str) {
    let delete = log.dynamo.client().delete_item().table_name(table).key("pk", AttributeValue::S(pk.to_owned()));
    delete.key("sk", AttributeValue::S(sk.to_owned())).send().await.unwrap();
}

async fn stored(log: &Log, id: EntryId) -> Option<Entry> {
    log.parts().audit().read(id).await.unwrap()
}

#[tokio::test]
async fn a_sound_log_has_no_difference() {
    let log = Log::of(&entries(300)).await;
    let (report, lost) = look(&log).await;
    assert_eq!((report.differences.as_slice(), lost.as_slice()), (&[][..], &[][..]));
    assert_eq!((report.entries, report.audit_entries, report.checkpoints, report.keys), (304, 304, 2, 2));
    assert_eq!((report.tiles, report.anchors, report.unsealed), (1, 4, 0));
}

#[tokio::test]
async fn whatever_is_altered_in_the_bucket_is_named() {
    let all = entries(300);
    let log = Log::of(&all).await;
    let client = format!("anchors/clients/{}", engine_test_support::audit::client_ref("beta"));
    for (key, told) in [
        ("tile/0/000", "tile/0/000: its hashes are not those of the entries"),
        ("checkpoints/0000000000000304", "the checkpoint of 304: "),
        (client.as_str(), "it is of entry 3, not 1"),
        ("references/0123456789abcdef.jsonl", "it is not the list that entry 3 records"),
        ("keys/log/0001", "the key register: "),
    ] {
        let kept = log.s3.object(RECORDS, key).unwrap_or_else(|| panic!("{key}: {:?}", log.s3.keys(RECORDS)));
        let mut altered = kept.clone();
        match key {
            "checkpoints/0000000000000304" => {
                let text = String::from_utf8(kept.clone()).unwrap().replace("T06:00:00.000Z", "T06:00:00.001Z");
                altered = text.into_bytes();
            }
            key if key == client => altered = json!({ "index": 3 }).to_string().into_bytes(),
            _ => *altered.last_mut().unwrap() ^= 1,
        }
        assert_ne!(altered, kept, "{key}");
        log.s3.corrupt(RECORDS, key, &altered);
        let (report, _) = look(&log).await;
        assert!(
            report.differences.iter().any(|difference| difference.contains(told)),
            "{key}: {:#?}",
            report.differences
        );
        log.s3.corrupt(RECORDS, key, &kept);
    }
    assert!(look(&log).await.0.differences.is_empty());
    // Another version on top is not what is read.
    log.s3.put_version(RECORDS, "tile/0/000", b"other");
    assert!(look(&log).await.0.differences.is_empty());
}

#[tokio::test]
async fn an_altered_entry_has_another_tile_and_another_root() {
    let log = Log::of(&entries(300)).await;
    let kept = log.s3.object(RECORDS, "tile/entries/000").unwrap();
    let at = kept.windows(10).position(|window| window == b"request-7\"").unwrap();
    let mut altered = kept.clone();
    altered[at + 8] = b'8';
    log.s3.corrupt(RECORDS, "tile/entries/000", &altered);
    let (report, _) = look(&log).await;
    for told in [
        "tile/0/000: its hashes",
        "the checkpoint of 304: its root",
        "not what the log has as entry 11, which no checkpoint proves",
    ] {
        assert!(
            report.differences.iter().any(|difference| difference.contains(told)),
            "{told}: {:#?}",
            report.differences
        );
    }
}

#[tokio::test]
async fn what_is_missing_in_the_bucket_is_named_and_ends_what_follows() {
    let log = Log::of(&entries(300)).await;
    log.s3.remove(RECORDS, "tile/bodies/000");
    assert!(look(&log).await.0.differences[0].contains("tile/bodies/000"));
    log.s3.remove(RECORDS, "tile/entries/000");
    let (report, _) = look(&log).await;
    assert!(report.differences.iter().any(|difference| difference == "what follows entry 0 of 304 cannot be derived"));
}

#[tokio::test]
async fn the_tables_are_compared_with_the_log() {
    let all = entries(20);
    let log = Log::of(&all).await;
    let id = all[5].id();
    delete(&log, tables::LOG, &format!("entry#{id}"), "index").await;
    assert_eq!(difference(&log).await, format!("item entry#{id}: missing, of entry 9"));
    log.dynamo
        .client()
        .put_item()
        .table_name(tables::LOG)
        .item("pk", AttributeValue::S(format!("entry#{id}")))
        .item("sk", AttributeValue::S("index".to_owned()))
        .item("index", AttributeValue::N("8".to_owned()))
        .send()
        .await
        .unwrap();
    assert_eq!(difference(&log).await, format!("item entry#{id}: its index is 8, not 9"));

    let log = Log::of(&all).await;
    delete(&log, tables::LOG, "newest", "checkpoint").await;
    assert_eq!(difference(&log).await, "item newest: missing");

    let log = Log::of(&all).await;
    for (seconds, told) in [(-3600, Some("it was never sealed")), (-60, None)] {
        let at = now() + jiff::SignedDuration::from_secs(seconds);
        let fresh = engine_test_support::audit::entry(90, Event::QuoteCreate, at, None, None);
        log.parts().audit().append(&fresh).await.unwrap();
        let (report, _) = look(&log).await;
        assert_eq!((report.differences.len(), report.unsealed), if told.is_some() { (1, 0) } else { (0, 1) });
        assert!(told.is_none_or(|told| report.differences[0].contains(told)));
        delete(&log, tables::AUDIT, &fresh.id().partition(), &fresh.id().to_string()).await;
    }
    let mut foreign = items(&all[0]).remove(0);
    foreign.insert("sk".to_owned(), AttributeValue::S("note".to_owned()));
    put(&log, foreign).await;
    assert!(difference(&log).await.ends_with("it is no entry"));
}

#[tokio::test]
async fn items_that_are_gone_or_written_over_are_put_back_with_a_record() {
    let mut all = entries(60);
    // One whose body takes two items, and one that a piece is added to.
    let mut in_pieces = engine_test_support::audit::draft(70, Event::QuoteBatchCreate, time("2026-11-22T03:00:30Z"));
    in_pieces.body.details = json!({ "text": "x".repeat(500_000) });
    all.push(engine_test_support::audit::finish(in_pieces));
    let log = Log::of(&all).await;
    let (gone, changed, halved) = (all[3].clone(), all[4].clone(), all[60].clone());
    delete(&log, tables::AUDIT, &gone.id().partition(), &gone.id().to_string()).await;
    let mut item = items(&changed).remove(0);
    item.insert("body".to_owned(), AttributeValue::S(changed.body().replace("client", "nobody")));
    put(&log, item).await;
    delete(&log, tables::AUDIT, &halved.id().partition(), &format!("{}#01", halved.id())).await;

    let (report, lost) = look(&log).await;
    assert_eq!((report.differences.len(), lost.len()), (3, 3), "{:#?}", report.differences);
    assert_eq!(
        report.differences[0],
        format!("audit item {} in {}: missing, entry 7", gone.id(), gone.id().partition())
    );
    assert!(report.differences[1].ends_with("written over, entry 8"));

    restore::restore(&log.parts(), &report, &lost, &author(), now()).await.unwrap();
    for entry in [&gone, &changed, &halved] {
        assert_eq!(stored(&log, entry.id()).await.as_ref(), Some(entry));
    }
    let (report, _) = look(&log).await;
    assert_eq!((report.differences.as_slice(), report.unsealed), (&[][..], 1), "the record waits to be sealed");
    let scan = log.dynamo.client().scan().table_name(tables::AUDIT).send().await.unwrap();
    let record = scan.items().iter().find_map(|item| {
        let body = item.get("body")?.as_s().ok()?;
        item.get("header")?.as_s().ok()?.contains("audit.restore").then(|| body.clone())
    });
    let record: serde_json::Value = serde_json::from_str(&record.unwrap()).unwrap();
    assert_eq!(record["actor"]["id"], "olive");
    let ids: Vec<_> =
        record["details"]["entries"].as_array().unwrap().iter().map(|entry| entry["index"].clone()).collect();
    assert_eq!(ids, [json!(7), json!(8), json!(64)]);
}

#[tokio::test]
async fn a_consistent_forgery_at_the_end_of_the_log_is_named_and_nothing_is_put_back() {
    let all = entries(300);
    let log = Log::of(&all).await;
    // The last entry of the day, with another body, in the bucket that is not locked: headers, bodies and tile agree.
    let genuine = all[299].clone();
    let reader = log.parts().reader();
    let mut headers = reader.headers(1, 304).await.unwrap().to_vec();
    let mut bodies = reader.bodies(1, 304).await.unwrap().to_vec();
    let body = genuine.body().replace("client", "nobody");
    assert_eq!(headers[47], genuine.header());
    headers[47] = genuine
        .header()
        .replace(&engine_core::hex::sha256(genuine.body().as_bytes()), &engine_core::hex::sha256(body.as_bytes()));
    bodies[47] = StoredBody::Inline(body);
    let hashes: Vec<_> = headers.iter().map(|header| leaf_hash(header.as_bytes())).collect();
    let headers: Vec<&str> = headers.iter().map(String::as_str).collect();
    log.s3.put_version("work", "tile/entries/001.p/48", &encode_entries(&headers).unwrap());
    log.s3.put_version("work", "tile/bodies/001.p/48", &encode_bodies(&bodies).unwrap());
    log.s3.put_version("work", "tile/0/001.p/48", &encode_tile(&hashes));
    // A real loss beside it, under an older checkpoint, which must wait.
    let gone = reader.entry(0, 304).await.unwrap().id();
    delete(&log, tables::AUDIT, &gone.partition(), &gone.to_string()).await;

    let (report, lost) = look(&log).await;
    for told in ["the checkpoint of 304: its root", "as entry 303, which no checkpoint proves"] {
        assert!(
            report.differences.iter().any(|difference| difference.contains(told)),
            "{told}: {:#?}",
            report.differences
        );
    }
    assert!(!report.differences.iter().any(|difference| difference.contains("written over")));
    assert_eq!(lost.iter().map(|lost| lost.index).collect::<Vec<_>>(), [0]);
    let refused = restore::restore(&log.parts(), &report, &lost, &author(), now()).await.unwrap_err();
    assert!(refused.to_string().starts_with("nothing was put back: "), "{refused}");
    assert_eq!(stored(&log, genuine.id()).await, Some(genuine));
    assert_eq!(stored(&log, gone).await, None);
}

#[tokio::test]
async fn what_was_exchanged_since_it_was_proven_is_not_put_back() {
    let all = entries(60);
    let log = Log::of(&all).await;
    delete(&log, tables::AUDIT, &all[3].id().partition(), &all[3].id().to_string()).await;
    let (report, mut lost) = look(&log).await;
    lost[0].leaf = leaf_hash(all[4].header().as_bytes());
    restore::restore(&log.parts(), &report, &lost, &author(), now()).await.unwrap_err();
    assert_eq!(stored(&log, all[3].id()).await, None);
}

#[tokio::test]
async fn a_piece_too_many_is_named() {
    let all = entries(10);
    let log = Log::of(&all).await;
    let mut piece = items(&all[2]).remove(0);
    piece.insert("sk".to_owned(), AttributeValue::S(format!("{}#01", all[2].id())));
    put(&log, piece).await;
    assert!(difference(&log).await.ends_with("it is no part of its entry"));
}

fn author() -> Author {
    Author {
        actor: Actor { kind: ActorType::Operator, id: "olive".to_owned(), roles: vec!["operator".to_owned()] },
        actor_ref: actor_key().actor_ref(ActorType::Operator, "olive"),
        request_id: "request".to_owned(),
        function: "engine",
        source_address: None,
    }
}
