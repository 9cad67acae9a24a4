//! Attempts, failures, refusals and repeated requests, over processes that share nothing but the table.

use std::sync::Arc;

use engine_aws::audit_log::AuditLog;
use engine_aws::change::Change;
use engine_aws::guard::{Failing, Guard, Once, nobody};
use engine_aws::{Error, guard::Counted};
use engine_core::access::failures::{LIMIT, LISTED_ADDRESSES, RefusalWindow};
use engine_core::access::step_up::{FAILURES, Locked};
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::keys::actor_key;
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use crate::fixture::{at, meanwhile};

const PERSON: &str = "p-100";
const NOW: &str = "2026-01-15T21:30:00Z";

/// A guard of one more process.
fn guard(dynamo: &Dynamo) -> Guard {
    Guard::new(dynamo.client_on(&Wire::default()), tables::GUARD)
}

async fn count(guard: &Guard, now: Timestamp) -> Result<Counted, Locked> {
    guard.count_attempt(PERSON, now).await.unwrap()
}

#[tokio::test]
async fn of_two_who_show_the_same_code_at_once_one_is_accepted() {
    let dynamo = Dynamo::start().await;
    let now = at(NOW);
    let (first, second) = (count(&guard(&dynamo), now).await.unwrap(), count(&guard(&dynamo), now).await.unwrap());
    let (one, other) = (guard(&dynamo), guard(&dynamo));
    let (one, other) = tokio::join!(
        one.accept_attempt(PERSON, first.attempt, 7, now),
        other.accept_attempt(PERSON, second.attempt, 7, now)
    );
    assert_ne!(one.unwrap().is_ok(), other.unwrap().is_ok());
    let third = count(&guard(&dynamo), now).await.unwrap();
    assert!(guard(&dynamo).accept_attempt(PERSON, third.attempt, 6, now).await.unwrap().is_err(), "the step before");
    assert!(guard(&dynamo).accept_attempt(PERSON, third.attempt, 8, now).await.unwrap().is_ok());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_accepted_step_is_not_lost_to_an_attempt_that_was_read_before_it() {
    let dynamo = Dynamo::start().await;
    let now = at(NOW);
    let (wire, other) = (Wire::default(), guard(&dynamo));
    let slow = Guard::new(dynamo.client_on(&wire), tables::GUARD);
    let attempt = count(&other, now).await.unwrap().attempt;
    // The slow one has read the state when the other accepts.
    wire.before("PutItem", move || meanwhile(other.accept_attempt(PERSON, attempt, 7, now)).map(|_| ()).unwrap());
    let late = count(&slow, now).await.unwrap();
    assert!(slow.accept_attempt(PERSON, late.attempt, 7, now).await.unwrap().is_err(), "the step was used");
    assert_eq!(wire.sent().get("PutItem"), Some(&2), "its first write lost");
}

#[tokio::test]
async fn attempts_of_all_processes_lock_together_and_the_lock_ends() {
    let dynamo = Dynamo::start().await;
    let now = at(NOW);
    for attempt in 1..=FAILURES {
        assert_eq!(count(&guard(&dynamo), now).await.unwrap().locks, attempt == FAILURES);
    }
    let locked = count(&guard(&dynamo), now).await.unwrap_err();
    assert_eq!(locked.retry_after_seconds(now), 900);
    assert!(guard(&dynamo).count_attempt("p-200", now).await.unwrap().is_ok(), "another person's are not counted");
    let almost = now + SignedDuration::from_secs(900) - SignedDuration::from_millis(1);
    assert!(count(&guard(&dynamo), almost).await.is_err());
    assert!(count(&guard(&dynamo), now + SignedDuration::from_secs(900)).await.is_ok());
}

#[tokio::test]
async fn failures_of_all_processes_are_counted_together_and_reported_once() {
    let dynamo = Dynamo::start().await;
    let now = at(NOW);
    let (mut exceeded, mut reported) = (0, 0);
    for _ in 0..3 * LIMIT {
        let verdict = guard(&dynamo).count_failure(Failing::Address("192.0.2.1"), now).await.unwrap();
        exceeded += usize::from(verdict.exceeded);
        reported += usize::from(verdict.report);
    }
    assert_eq!((exceeded, reported), (2 * LIMIT, 1));
    for other in [Failing::Address("192.0.2.2"), Failing::Actor("192.0.2.1")] {
        assert!(!guard(&dynamo).count_failure(other, now).await.unwrap().exceeded, "{other:?}");
    }
}

#[tokio::test]
async fn failures_at_once_are_each_counted_and_reported_once() {
    let dynamo = Dynamo::start().await;
    let now = at(NOW);
    let guards: Vec<_> = (0..=LIMIT).map(|_| guard(&dynamo)).collect();
    let tasks: Vec<_> = guards
        .into_iter()
        .map(|guard| tokio::spawn(async move { guard.count_failure(Failing::Actor("k"), now).await.unwrap() }))
        .collect();
    let mut verdicts = Vec::new();
    for task in tasks {
        verdicts.push(task.await.unwrap());
    }
    assert_eq!(verdicts.iter().filter(|verdict| verdict.report).count(), 1);
    assert_eq!(verdicts.iter().filter(|verdict| verdict.exceeded).count(), 1);
}

fn window(start: &str, count: u64, addresses: &[&str]) -> RefusalWindow {
    RefusalWindow {
        window_start: at(start),
        count,
        addresses: addresses.iter().map(|address| (*address).to_owned()).collect(),
    }
}

async fn refusals(dynamo: &Dynamo) -> Vec<Value> {
    let items = dynamo.client_on(&Wire::default()).scan().table_name(tables::AUDIT).send().await.unwrap();
    let mut bodies: Vec<Value> =
        items.items().iter().map(|item| serde_json::from_str(item["body"].as_s().unwrap()).unwrap()).collect();
    bodies.sort_by_key(|body| body["details"]["window_start"].to_string());
    bodies
}

async fn close(dynamo: &Dynamo, now: Timestamp) -> usize {
    let audit = AuditLog::new(dynamo.client_on(&Wire::default()), tables::AUDIT);
    let author = nobody(&actor_key(), "issuer-keys", "request");
    guard(dynamo).close_refusals(&audit, &author, now).await.unwrap()
}

#[tokio::test]
async fn each_window_that_is_over_is_closed_into_one_entry() {
    let dynamo = Dynamo::start().await;
    for (start, count, addresses) in [
        ("2026-01-15T21:30:00Z", 1, ["192.0.2.1"].as_slice()),
        ("2026-01-15T21:30:00Z", 99, &["192.0.2.2", "192.0.2.1"]),
        ("2026-01-15T21:35:00Z", 7, &["192.0.2.9"]),
        ("2026-01-15T21:40:00Z", 5, &[]),
    ] {
        guard(&dynamo).add_refusals(&window(start, count, addresses)).await.unwrap();
    }
    assert_eq!(close(&dynamo, at("2026-01-15T21:35:29Z")).await, 0, "clocks may differ by half a minute");
    assert_eq!(close(&dynamo, at("2026-01-15T21:41:00Z")).await, 2);
    assert_eq!(close(&dynamo, at("2026-01-15T21:41:00Z")).await, 0, "once");
    let entries = refusals(&dynamo).await;
    let details: Vec<_> = entries.iter().map(|body| body["details"].clone()).collect();
    assert_eq!(
        details,
        [
            json!({"window_start": "2026-01-15T21:30:00.000Z", "count": 100, "addresses": ["192.0.2.1", "192.0.2.2"]}),
            json!({"window_start": "2026-01-15T21:35:00.000Z", "count": 7, "addresses": ["192.0.2.9"]}),
        ]
    );
    assert_eq!(entries[0]["actor"], json!({"type": "anonymous", "id": "unauthenticated", "roles": []}));
    assert_eq!(close(&dynamo, at("2026-01-15T22:00:00Z")).await, 1, "the last one, which has no address");
}

#[tokio::test]
async fn an_entry_lists_no_more_addresses_than_it_may() {
    let dynamo = Dynamo::start().await;
    for process in 0..3 {
        let addresses: Vec<_> = (0..LISTED_ADDRESSES).map(|host| format!("192.0.{process}.{host}")).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        guard(&dynamo).add_refusals(&window(NOW, 20, &addresses)).await.unwrap();
    }
    close(&dynamo, at("2026-01-15T22:00:00Z")).await;
    let entry = refusals(&dynamo).await.remove(0);
    assert_eq!(entry["details"]["count"], 60);
    assert_eq!(entry["details"]["addresses"].as_array().unwrap().len(), LISTED_ADDRESSES);
}

#[tokio::test]
async fn the_item_of_refusals_does_not_grow_with_the_addresses_they_come_from_and_counts_them_all() {
    let dynamo = Dynamo::start().await;
    for flush in 0..100 {
        let addresses: Vec<_> = (0..LISTED_ADDRESSES).map(|host| format!("198.51.{flush}.{host}")).collect();
        let addresses: Vec<_> = addresses.iter().map(String::as_str).collect();
        guard(&dynamo).add_refusals(&window(NOW, 21, &addresses)).await.unwrap();
    }
    let items = dynamo.client_on(&Wire::default()).scan().table_name(tables::GUARD).send().await.unwrap();
    let sets = items.items().iter().flat_map(|item| item.values()).filter_map(|value| value.as_ss().ok());
    let held: usize = sets.map(Vec::len).sum();
    assert!((LISTED_ADDRESSES..2 * LISTED_ADDRESSES).contains(&held), "{held}");
    close(&dynamo, at("2026-01-15T22:00:00Z")).await;
    let entry = refusals(&dynamo).await.remove(0);
    assert_eq!(entry["details"]["count"], 2100);
    assert_eq!(entry["details"]["addresses"].as_array().unwrap().len(), LISTED_ADDRESSES);
}

#[tokio::test]
async fn whoever_closes_at_once_a_window_has_one_entry() {
    let dynamo = Arc::new(Dynamo::start().await);
    guard(&dynamo).add_refusals(&window(NOW, 3, &["192.0.2.1"])).await.unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|_| {
            let dynamo = Arc::clone(&dynamo);
            tokio::spawn(async move { close(&dynamo, at("2026-01-15T22:00:00Z")).await })
        })
        .collect();
    let mut closed = 0;
    for task in tasks {
        closed += task.await.unwrap();
    }
    assert_eq!((closed, refusals(&dynamo).await.len()), (1, 1));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_that_is_added_while_its_window_is_closed_is_not_lost() {
    let dynamo = Arc::new(Dynamo::start().await);
    guard(&dynamo).add_refusals(&window(NOW, 3, &["192.0.2.1"])).await.unwrap();
    let wire = Wire::default();
    let slow = Guard::new(dynamo.client_on(&wire), tables::GUARD);
    let late = guard(&dynamo);
    wire.before("TransactWriteItems", move || {
        meanwhile(late.add_refusals(&window(NOW, 1, &["192.0.2.2"]))).unwrap();
    });
    let audit = AuditLog::new(dynamo.client_on(&Wire::default()), tables::AUDIT);
    let author = nobody(&actor_key(), "issuer-keys", "request");
    let now = at("2026-01-15T22:00:00Z");
    assert_eq!(slow.close_refusals(&audit, &author, now).await.unwrap(), 0);
    assert_eq!(close(&dynamo, now).await, 1);
    assert_eq!(refusals(&dynamo).await[0]["details"]["count"], 4);
}

fn once() -> Once {
    Once { route: "POST /admin/api-keys".into(), body_sha256: "b".into(), status: 201, answer: "{}".into() }
}

async fn remember(dynamo: &Dynamo, once: &Once, now: Timestamp) -> Result<(), Error> {
    let mut change = Change::default();
    guard(dynamo).remember(&mut change, "digest", once, now)?;
    change.commit(&dynamo.client_on(&Wire::default())).await
}

#[tokio::test]
async fn a_request_is_remembered_once_and_for_a_day() {
    let dynamo = Dynamo::start().await;
    let now = at(NOW);
    assert_eq!(guard(&dynamo).once("digest", now).await.unwrap(), None);
    remember(&dynamo, &once(), now).await.unwrap();
    let other = Once { status: 200, ..once() };
    assert!(matches!(remember(&dynamo, &other, now).await, Err(Error::Conflict(_))));
    let last = now + SignedDuration::from_hours(24) - SignedDuration::from_secs(1);
    assert_eq!(guard(&dynamo).once("digest", last).await.unwrap(), Some(once()));
    assert!(matches!(remember(&dynamo, &other, last).await, Err(Error::Conflict(_))));
    // What is past its time may still be there.
    let after = now + SignedDuration::from_hours(24);
    assert_eq!(guard(&dynamo).once("digest", after).await.unwrap(), None);
    remember(&dynamo, &other, after).await.unwrap();
    assert_eq!(guard(&dynamo).once("digest", after).await.unwrap(), Some(other));
}

#[tokio::test]
async fn a_guard_that_does_not_answer_says_so() {
    let dynamo = Dynamo::start().await;
    let guard = Guard::new(dynamo.client(), tables::GUARD);
    for action in ["GetItem", "PutItem"] {
        dynamo.wire().fail(action, 1000);
        let counted = guard.count_attempt(PERSON, at(NOW)).await;
        assert!(matches!(counted, Err(Error::Unavailable { .. })), "{action}");
        dynamo.wire().fail(action, 0);
    }
    assert!(count(&guard, at(NOW)).await.is_ok());
}
