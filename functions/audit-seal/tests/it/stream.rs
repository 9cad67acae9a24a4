//! What a batch of the stream comes to.

use engine_aws::sealed_log::{Search, SearchKey};
use engine_core::audit::{Entry, Event};
use engine_test_support::audit::{self, entries};
use engine_test_support::dynamo::tables;
use engine_test_support::life::Life;
use engine_test_support::stream;
use engine_test_support::wire::cancelled;
use jiff::SignedDuration;
use serde_json::json;

use crate::rig::{Logged, Rig, at, inserts};

/// An entry of three items.
fn long() -> Entry {
    let mut draft = audit::draft(7, Event::QuoteBatchCreate, at("2026-11-22T03:05:00Z"));
    draft.body.details = json!({ "text": "€".repeat(300_000) });
    audit::finish(draft)
}

fn sorted(mut entries: Vec<Entry>) -> Vec<Entry> {
    entries.sort_by_key(Entry::id);
    entries
}

#[tokio::test]
async fn entries_are_in_the_log_under_a_checkpoint_and_search_rows_name_them() {
    let rig = Rig::start().await;
    let entries = entries(300);
    let done = rig.stream(inserts(&entries)).await.unwrap();
    assert_eq!((done.sealed, done.checkpoint, done.tampered), (300, Some(300), 0));
    assert_eq!(rig.log().await, entries);
    let checkpoint = rig.checkpoint().await.unwrap();
    assert_eq!((checkpoint.size, checkpoint.time), (300, at("2026-11-22T03:10:00Z")));
    let search = Search::new(rig.dynamo.client(), tables::LOG);
    let found = search.page(&SearchKey::Request(audit::request_id(299)), None, 10).await.unwrap();
    assert_eq!(
        found.iter().map(|row| (row.index, row.header.as_str())).collect::<Vec<_>>(),
        [(299, entries[299].header())]
    );
}

#[tokio::test]
async fn what_the_stream_repeats_is_in_the_log_once() {
    let rig = Rig::start().await;
    let entries = entries(10);
    let records = inserts(&entries);
    let batch = [&records[..], &records[..5]].concat();
    assert_eq!(rig.stream(batch).await.unwrap().sealed, 10);
    rig.clock.advance(SignedDuration::from_secs(6));
    let again = rig.stream(records).await.unwrap();
    assert_eq!((again.sealed, again.checkpoint), (0, None));
    assert_eq!(rig.log().await, entries);
}

#[tokio::test]
async fn an_entry_of_several_items_is_sealed_whole_wherever_the_stream_cuts_it() {
    let entry = long();
    let records = inserts(std::slice::from_ref(&entry));
    assert_eq!(records.len(), 3);
    for (rule, batch) in [
        ("all", records.clone()),
        ("the first", records[..1].to_vec()),
        ("a later one alone", records[2..].to_vec()),
        ("later ones before the first", records.iter().rev().cloned().collect()),
    ] {
        let rig = Rig::start().await;
        rig.append(std::slice::from_ref(&entry)).await;
        let logged = Logged::listen();
        assert_eq!(rig.stream(batch).await.unwrap().sealed, 1, "{rule}");
        assert_eq!(rig.log().await, std::slice::from_ref(&entry), "{rule}");
        assert_eq!(logged.security_events(), [], "{rule}");
    }
}

#[tokio::test]
async fn a_run_that_fails_is_made_again_by_the_same_event() {
    let entries = entries(120);
    for action in ["TransactWriteItems", "BatchGetItem"] {
        let rig = Rig::start().await;
        let event = inserts(&entries);
        rig.dynamo.wire().fail(action, 100);
        rig.stream(event.clone()).await.unwrap_err();
        rig.dynamo.wire().fail(action, 0);
        rig.stream(event).await.unwrap();
        assert_eq!(rig.log().await, entries, "{action}");
    }
    let rig = Rig::start().await;
    rig.s3.control().fail("PutObject", 5);
    rig.stream(inserts(&entries)).await.unwrap_err();
    rig.s3.control().fail("PutObject", 0);
    rig.stream(inserts(&entries)).await.unwrap();
    assert_eq!(rig.log().await, entries, "a batch could not be put");
}

#[tokio::test]
async fn a_checkpoint_that_could_not_be_made_is_reported_and_the_stream_is_read_on() {
    let entries = entries(120);
    for action in ["BatchWriteItem", "ListObjectVersions", "Sign", "GetPublicKey"] {
        let rig = Rig::start().await;
        rig.dynamo.wire().fail(action, 100);
        for control in [rig.s3.control(), rig.kms.control()] {
            control.fail(action, 5);
        }
        let logged = Logged::listen();
        let done = rig.stream(inserts(&entries)).await.unwrap();
        assert_eq!((done.sealed, done.checkpoint), (120, None), "{action}");
        assert!(logged.text().contains("audit.checkpoint"), "{action}: {}", logged.text());
        for control in [rig.s3.control(), rig.kms.control()] {
            control.fail(action, 0);
        }
        rig.dynamo.wire().fail(action, 0);
        assert_eq!(rig.stream(Vec::new()).await.unwrap().checkpoint, Some(120), "{action}");
        assert_eq!(rig.log().await, entries, "{action}");
    }
}

#[tokio::test]
async fn a_log_that_contradicts_itself_does_not_keep_the_stream_from_being_read() {
    let rig = Rig::start().await;
    let entries = entries(6);
    rig.stream(inserts(&entries[..3])).await.unwrap();
    rig.clock.advance(SignedDuration::from_mins(-2));
    let logged = Logged::listen();
    let removed = stream::remove(&audit::items(&entries[0]).remove(0));
    let done = rig.stream([inserts(&entries[3..]), vec![removed]].concat()).await.unwrap();
    assert_eq!((done.sealed, done.tampered, done.checkpoint), (4, 1, None));
    let reasons: Vec<_> = logged.security_events().into_iter().map(|(reason, _)| reason).collect();
    assert_eq!(reasons, ["audit_entry_removed", "sealed_log_contradiction"]);
    rig.schedule().await.unwrap_err();
}

#[tokio::test]
async fn transactions_that_meet_others_are_tried_again() {
    let rig = Rig::start().await;
    let entries = entries(20);
    let reasons = vec!["TransactionConflict"; 22];
    rig.dynamo.wire().refuse("TransactWriteItems", 3, &cancelled(&reasons));
    assert_eq!(rig.stream(inserts(&entries)).await.unwrap().sealed, 20);
    assert_eq!(rig.log().await, entries);
}

#[tokio::test]
async fn two_runs_at_once_over_the_same_batch_seal_each_entry_once() {
    let rig = Rig::start().await;
    let entries = entries(150);
    let (one, other) = (rig.function(), rig.mortal(&Life::new()).0);
    let event = || stream::event(inserts(&entries));
    let (one, other) = tokio::join!(one.handle(event(), "one"), other.handle(event(), "other"));
    assert_eq!(one.unwrap().sealed + other.unwrap().sealed, 150);
    rig.schedule().await.unwrap();
    let log: Vec<_> = rig.log().await.into_iter().filter(|entry| entries.contains(entry)).collect();
    assert_eq!(sorted(log), entries);
}

#[tokio::test]
async fn a_batch_without_entries_still_moves_the_checkpoint_on() {
    let rig = Rig::start().await;
    let entries = entries(30);
    rig.stream(inserts(&entries[..10])).await.unwrap();
    let soon = rig.stream(inserts(&entries[10..])).await.unwrap();
    assert_eq!((soon.sealed, soon.checkpoint), (20, None), "checkpoints keep their distance");
    rig.clock.advance(SignedDuration::from_secs(6));
    assert_eq!(rig.stream(Vec::new()).await.unwrap().checkpoint, Some(30));
}

#[tokio::test]
async fn an_event_that_is_not_the_function_s_is_refused_and_nothing_is_called() {
    let rig = Rig::start().await;
    for event in [json!({}), json!({ "source": "aws.s3" }), stream::event_of("people", inserts(&entries(1)))] {
        let refused = rig.function().handle(event, "run").await.unwrap_err();
        assert_eq!(refused.0.len(), 1, "{refused}");
    }
    assert_eq!(rig.dynamo.wire().total(), 0);
}
