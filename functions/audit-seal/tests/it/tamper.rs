//! What is not an appending of an entry is said at once, and recorded once.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::audit::{ActorRef, Draft, Entry, Event, Reference, SecretKey, canonical_json};
use engine_core::hex;
use engine_test_support::audit::{self, entries};
use engine_test_support::stream::{self, Item};
use serde_json::{Value, json};

use crate::rig::{Logged, Rig, at, inserts};

fn item(entry: &Entry) -> Item {
    audit::items(entry).remove(0)
}

fn with(item: &Item, name: &str, value: &str) -> Item {
    let mut item = item.clone();
    item.insert(name.to_owned(), AttributeValue::S(value.to_owned()));
    item
}

fn place(item: &Item) -> String {
    format!("{}/{}", item["pk"].as_s().unwrap(), item["sk"].as_s().unwrap())
}

#[tokio::test]
async fn an_entry_that_was_written_over_or_removed_is_reported_and_recorded_without_its_text() {
    let entry = &entries(1)[0];
    let altered = with(&item(entry), "body", "{\"hunter2\":1}");
    for (reason, record) in [
        ("audit_entry_rewritten", stream::modify(&item(entry), &altered)),
        ("audit_entry_rewritten", stream::modify(&item(entry), &item(entry))),
        ("audit_entry_removed", stream::remove(&item(entry))),
    ] {
        let rig = Rig::start().await;
        let logged = Logged::listen();
        let done = rig.stream(vec![record.clone()]).await.unwrap();
        assert_eq!((done.tampered, done.sealed), (1, 1));
        assert_eq!(logged.security_events(), [(reason.to_owned(), place(&altered))]);
        let recorded = rig.log_of("audit.tamper").await;
        let [(header, body)] = recorded.as_slice() else { panic!("one entry: {recorded:?}") };
        let change = &record["eventID"];
        let details = json!({
            "reason": reason, "partition": altered["pk"].as_s().unwrap(), "sort_key": altered["sk"].as_s().unwrap(),
            "change": change,
        });
        assert_eq!((&body["details"], &body["resource"]), (&details, &json!(place(&altered))));
        assert_eq!((&header["time"], &header["request_id"]), (&json!("2026-11-22T03:27:43.000Z"), change));
        for text in [logged.text(), body.to_string()] {
            assert!(!text.contains("hunter2") && !text.contains("calculate-locate"), "{text}");
        }
    }
}

#[tokio::test]
async fn a_change_that_is_told_again_is_recorded_once_and_two_changes_of_one_item_twice() {
    let rig = Rig::start().await;
    let entry = &entries(1)[0];
    let record = stream::remove(&item(entry));
    for _ in 0..2 {
        rig.stream(vec![record.clone()]).await.unwrap();
    }
    rig.stream(vec![record.clone(), stream::remove(&item(entry)), record]).await.unwrap();
    rig.schedule().await.unwrap();
    assert_eq!(rig.log_of("audit.tamper").await.len(), 2);
}

#[tokio::test]
async fn a_record_made_under_a_former_actor_key_stands() {
    let rig = Rig::start().await;
    let record = stream::remove(&item(&entries(1)[0]));
    rig.stream(vec![record.clone()]).await.unwrap();
    let first = rig.log_of("audit.tamper").await;
    let other = r#"{"current":"k2","k2":"0000000000000000000000000000000000000000000"}"#;
    let function = rig.function_with(SecretKey::from_document(other).unwrap());
    assert_eq!(function.handle(stream::event(vec![record]), "run").await.unwrap().sealed, 0);
    rig.schedule().await.unwrap();
    assert_eq!(rig.log_of("audit.tamper").await, first);
}

#[tokio::test]
async fn an_item_that_is_no_entry_is_reported_and_the_rest_of_the_batch_is_sealed() {
    let good = entries(3);
    let entry = item(&good[1]);
    let mut headless = entry.clone();
    headless.remove("header");
    let mut uncounted = entry.clone();
    uncounted.remove("chunks");
    let mut counted_in_text = entry.clone();
    counted_in_text.insert("chunks".into(), AttributeValue::S("1".into()));
    let rewrapped = |header: &str| with(&entry, "header", header);
    let header = good[1].header();
    let spaced = header.replacen(':', ": ", 1);
    let mut members: Value = serde_json::from_str(header).unwrap();
    members["more"] = json!("x".repeat(70_000));
    let endless = canonical_json(&members).unwrap();
    members["more"] = json!(1);
    members["time"] = json!("22 November");
    let timeless = canonical_json(&members).unwrap();
    members["time"] = json!("2026-11-22T03:00:00.100Z");
    members["body_sha256"] = json!(hex::sha256(b""));
    let bodiless = with(&rewrapped(&canonical_json(&members).unwrap()), "body", "");
    for (rule, item) in [
        ("an altered body", with(&entry, "body", "{}")),
        ("no header", headless),
        ("no count of items", uncounted),
        ("a count that is no number", counted_in_text),
        ("another entry's key", with(&entry, "sk", &good[0].id().to_string())),
        ("another partition", with(&entry, "pk", "2026-11-22T03:00#63")),
        ("a key that is no id", with(&entry, "sk", "note")),
        ("a piece of nothing", with(&entry, "sk", &format!("{}#01", good[1].id()))),
        ("a header that is not canonical", rewrapped(&spaced)),
        ("a header of two lines", rewrapped(&header.replacen(':', ":\n", 1))),
        ("a header longer than a bundle holds", rewrapped(&endless)),
        ("a time of no calendar", rewrapped(&timeless)),
        ("no body", bodiless),
    ] {
        let rig = Rig::start().await;
        let logged = Logged::listen();
        let mut records = inserts(&[good[0].clone(), good[2].clone()]);
        records.insert(1, stream::insert(&item));
        let done = rig.stream(records).await.unwrap();
        assert_eq!((done.tampered, done.sealed), (1, 3), "{rule}");
        assert_eq!(logged.security_events(), [("foreign_audit_item".to_owned(), place(&item))], "{rule}");
        let log = rig.log().await;
        assert!(log.contains(&good[0]) && log.contains(&good[2]), "{rule}");
        assert_eq!(rig.log_of("audit.tamper").await[0].1["details"]["reason"], "foreign_audit_item", "{rule}");
    }
}

#[tokio::test]
async fn an_entry_that_a_store_could_not_hold_or_a_range_not_find_is_no_entry() {
    let made = |time: &str, change: &dyn Fn(&mut Draft)| {
        let mut draft = audit::draft(1, Event::ClientCreate, at(time));
        change(&mut draft);
        audit::finish(draft)
    };
    let now = "2026-11-22T03:10:00Z";
    let reference = |text: &str| Some(Reference::from_stored(text.to_owned()));
    let long = "r".repeat(257);
    for (rule, entry) in [
        ("a long request id", made(now, &|draft| draft.request_id.clone_from(&long))),
        ("a request id that is not ASCII", made(now, &|draft| draft.request_id = "é".to_owned())),
        ("a request id of two lines", made(now, &|draft| draft.request_id = "a\nb".to_owned())),
        ("a long actor", made(now, &|draft| draft.actor_ref = ActorRef::from_stored(long.clone()))),
        ("a function that is not ASCII", made(now, &|draft| draft.function = "é")),
        ("a client's reference that is longer", made(now, &|draft| draft.client_ref = reference(&"a".repeat(2000)))),
        ("a client's reference in capitals", made(now, &|draft| draft.client_ref = reference(&"A".repeat(64)))),
        ("a ticker's reference that is a path", made(now, &|draft| draft.subject_ref = reference(&"../".repeat(21)))),
        ("a time before the engine's", made("1999-12-31T23:59:59.999Z", &|_| {})),
        ("a time far from the id's", made(now, &|draft| draft.time = at("2026-11-22T03:04:59.999Z"))),
        ("a later time than the id's", made("2026-11-22T03:00:00Z", &|draft| draft.time = at(now))),
        ("a time to come", made("2026-11-22T03:15:00.001Z", &|_| {})),
    ] {
        let rig = Rig::start().await;
        rig.append(std::slice::from_ref(&entry)).await;
        let logged = Logged::listen();
        let records = [inserts(&entries(1)), inserts(std::slice::from_ref(&entry))].concat();
        let done = rig.stream(records).await.unwrap();
        assert_eq!((done.tampered, done.sealed, done.checkpoint), (1, 2, Some(2)), "{rule}");
        let told = [("foreign_audit_item".to_owned(), place(&item(&entry)))];
        assert_eq!(logged.security_events(), told, "{rule}");
        rig.clock.set(at("2026-11-22T03:14:59Z"));
        rig.schedule().await.unwrap();
        assert_eq!(rig.table().indices(&[entry.id()]).await.unwrap().len(), 0, "{rule}: nor does the sweep seal it");
    }
}

#[tokio::test]
async fn an_entry_at_every_limit_is_sealed() {
    let rig = Rig::start().await;
    let mut draft = audit::draft(1, Event::ClientCreate, at("2026-11-22T03:10:00Z"));
    draft.request_id = "~".repeat(256);
    draft.actor_ref = ActorRef::from_stored(" ".repeat(256));
    draft.time = at("2026-11-22T03:15:00Z");
    let entry = audit::finish(draft);
    assert_eq!(rig.stream(inserts(std::slice::from_ref(&entry))).await.unwrap().checkpoint, Some(1));
    assert_eq!(rig.log().await, [entry]);
}

#[tokio::test]
async fn an_entry_that_the_sweep_sealed_as_it_was_rewritten_is_told_of_when_the_stream_has_what_was_appended() {
    let rig = Rig::start().await;
    let entry = audit::entry(1, Event::ClientCreate, at("2026-11-22T03:07:00Z"), Some("alpha"), None);
    let altered = audit::entry(1, Event::ClientCreate, at("2026-11-22T03:07:00Z"), Some("beta"), None);
    assert_eq!(entry.id(), altered.id());
    rig.put(&item(&altered)).await;
    rig.clock.set(at("2026-11-22T03:11:00Z"));
    assert_eq!(rig.schedule().await.unwrap().swept, 1);
    let logged = Logged::listen();
    let record = stream::insert(&item(&entry));
    rig.clock.set(at("2026-11-22T03:11:30Z"));
    for tampered in [1, 1] {
        assert_eq!(rig.stream(vec![record.clone()]).await.unwrap().tampered, tampered);
    }
    assert_eq!(logged.security_events()[0], ("audit_entry_rewritten".to_owned(), place(&item(&entry))));
    rig.schedule().await.unwrap();
    let recorded = rig.log_of("audit.tamper").await;
    let [(_, body)] = recorded.as_slice() else { panic!("one entry: {recorded:?}") };
    assert_eq!(
        (&body["details"]["reason"], &body["details"]["change"]),
        (&json!("audit_entry_rewritten"), &record["eventID"])
    );
}

#[tokio::test]
async fn two_entries_under_one_id_in_a_batch_are_no_repetition() {
    let rig = Rig::start().await;
    let made = |client| audit::entry(1, Event::ClientCreate, at("2026-11-22T03:07:00Z"), Some(client), None);
    let (entry, other) = (made("alpha"), made("beta"));
    let logged = Logged::listen();
    let done = rig.stream(inserts(&[entry.clone(), other])).await.unwrap();
    assert_eq!((done.sealed, done.tampered), (2, 1));
    assert_eq!(logged.security_events(), [("audit_entry_rewritten".to_owned(), place(&item(&entry)))]);
    assert!(rig.log().await.contains(&entry));
}

#[tokio::test]
async fn an_entry_of_several_items_is_sealed_as_it_was_appended_where_all_of_them_are_told() {
    let rig = Rig::start().await;
    let mut draft = audit::draft(7, Event::QuoteBatchCreate, at("2026-11-22T03:05:00Z"));
    draft.body.details = json!({ "text": "€".repeat(300_000) });
    let entry = audit::finish(draft);
    rig.put(&with(&item(&entry), "body", "{}")).await;
    let logged = Logged::listen();
    assert_eq!(rig.stream(inserts(std::slice::from_ref(&entry))).await.unwrap().sealed, 1);
    assert_eq!(rig.log().await, [entry]);
    assert_eq!(logged.security_events(), []);
}

#[tokio::test]
async fn a_piece_put_beside_a_whole_entry_is_foreign() {
    let rig = Rig::start().await;
    let entries = entries(1);
    rig.append(&entries).await;
    let mut piece = with(&item(&entries[0]), "sk", &format!("{}#01", entries[0].id()));
    piece.remove("header");
    rig.put(&piece).await;
    let logged = Logged::listen();
    let mut records = inserts(&entries);
    records.push(stream::insert(&piece));
    let done = rig.stream(records).await.unwrap();
    assert_eq!((done.tampered, done.sealed), (1, 2));
    assert_eq!(logged.security_events(), [("foreign_audit_item".to_owned(), place(&piece))]);
    assert!(rig.log().await.contains(&entries[0]));
}

#[tokio::test]
async fn an_entry_that_was_written_over_before_it_was_sealed_is_sealed_as_it_was_appended() {
    let rig = Rig::start().await;
    let entry = audit::entry(1, Event::ClientCreate, at("2026-11-22T03:05:00Z"), Some("alpha"), None);
    let altered = with(&item(&entry), "body", "{}");
    rig.put(&altered).await;
    let records = vec![stream::insert(&item(&entry)), stream::modify(&item(&entry), &altered)];
    rig.stream(records).await.unwrap();
    assert!(rig.log().await.contains(&entry));
}

#[tokio::test]
async fn what_cannot_be_recorded_is_reported_all_the_same_and_told_again() {
    let rig = Rig::start().await;
    let record = stream::remove(&item(&entries(1)[0]));
    rig.dynamo.wire().fail("PutItem", 100);
    let logged = Logged::listen();
    rig.stream(vec![record.clone()]).await.unwrap_err();
    assert_eq!(logged.security_events().len(), 1);
    rig.dynamo.wire().fail("PutItem", 0);
    assert_eq!(rig.stream(vec![record]).await.unwrap().sealed, 1);
}
