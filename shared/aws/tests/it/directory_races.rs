//! Two administrators at the same key at once: nothing is lost, and the versions in the record explain the end.

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::directory::{DirectoryError, PossessionError, SuccessorState};
use engine_core::access::{ApiKey, KeyState};
use engine_test_support::dynamo::tables;
use engine_test_support::wire::cancelled;
use serde_json::Value;

use crate::desk::{Desk, conflict};
use crate::fixture::{CLIENT, Fixture, meanwhile, new_key};

/// The version that an entry gives to a key, its own or one that it changed as well.
fn version(body: &Value, key_id: &str) -> Option<u64> {
    let details = &body["details"];
    let own = (details["key_id"] == key_id).then(|| details["version"].as_u64()).flatten();
    own.or_else(|| details["versions"][key_id].as_u64())
}

/// The events that changed a key, in the order of the versions that they say it had after them; each version once.
async fn history(fixture: &Fixture, key_id: &str) -> Vec<String> {
    let items = fixture.scan(tables::AUDIT).await;
    let read = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    let mut history: Vec<(u64, String)> = Vec::new();
    for item in &items {
        let header = read(item["header"].as_s().unwrap());
        if let Some(version) = version(&read(item["body"].as_s().unwrap()), key_id) {
            history.push((version, header["event"].as_str().unwrap().to_owned()));
        }
    }
    history.sort();
    let versions: Vec<_> = history.iter().map(|(version, _)| *version).collect();
    assert_eq!(versions, (1..=versions.len() as u64).collect::<Vec<_>>(), "{history:?}");
    history.into_iter().map(|(_, event)| event).collect()
}

/// With a client, its verified contact and a key.
async fn with_contact() -> (Fixture, ApiKey) {
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.verified_contact().await;
    (fixture, key)
}

/// Runs `other` between what the fixture's next change reads and what it writes.
fn between<T, F: Future<Output = T> + Send + 'static>(
    fixture: &Fixture,
    other: impl FnOnce(Desk) -> F + Send + 'static,
) {
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || drop(meanwhile(other(rival))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_meets_a_revocation_changes_nothing_and_the_other_way_round() {
    let (fixture, key) = with_contact().await;
    let id = key.id().clone();
    between(&fixture, async move |rival| rival.revoke(&id).await.unwrap());
    assert!(conflict(fixture.rotate(key.id(), 14).await).contains("changed meanwhile"));
    assert_eq!(history(&fixture, key.id().as_str()).await, ["api_key.create", "api_key.revoke"]);
    let details = fixture.details(key.id()).await;
    assert_eq!((details.record.state, details.version, details.rotation.offer), (KeyState::Revoked, 2, None));

    let (fixture, key) = with_contact().await;
    let id = key.id().clone();
    between(&fixture, async move |rival| rival.rotate(&id, 14).await.unwrap());
    assert!(conflict(fixture.revoke(key.id()).await).contains("changed meanwhile"));
    assert_eq!(fixture.details(key.id()).await.record.state, KeyState::Active);
    fixture.revoke(key.id()).await.unwrap();
    let history = history(&fixture, key.id().as_str()).await;
    assert_eq!(history, ["api_key.create", "api_key.rotate", "api_key.revoke"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_rotations_at_once_one_is_made() {
    let (fixture, key) = with_contact().await;
    let id = key.id().clone();
    between(&fixture, async move |rival| rival.rotate(&id, 14).await.unwrap());
    assert!(conflict(fixture.rotate(key.id(), 1).await).contains("changed meanwhile"));
    let details = fixture.details(key.id()).await;
    assert_eq!(details.record.expires_at, fixture.now + jiff::SignedDuration::from_hours(14 * 24));
    assert_eq!(fixture.entries("api_key.rotate").await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_confirmation_that_meets_a_second_claim_confirms_nothing() {
    let (fixture, key) = with_contact().await;
    fixture.rotate(key.id(), 14).await.unwrap();
    let first = fixture.claim(&key).await.unwrap().issued.api_key;
    let again = ApiKey::parse(key.expose(), "test").unwrap();
    between(&fixture, async move |rival| rival.claim(&again).await.map(drop).unwrap());
    assert!(conflict(fixture.confirm(&first).await).contains("changed meanwhile"));
    assert_eq!(fixture.details(first.id()).await.record.state, KeyState::Revoked);
    let offer = fixture.details(key.id()).await.rotation.offer.unwrap();
    assert_eq!(offer.state, SuccessorState::Claimed);
    assert_ne!(offer.successor_id.as_ref(), Some(first.id()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_code_used_twice_at_once_makes_one_key() {
    let (fixture, key) = with_contact().await;
    let code = fixture.emergency_rotate(key.id()).await.unwrap().claim_code.unwrap().code;
    let same = engine_core::access::OneTimeCode::parse(engine_core::access::CodeKind::Claim, code.expose(), "test");
    let same = same.unwrap();
    between(&fixture, async move |rival| rival.claim_with(&same).await.map(drop).unwrap());
    assert!(conflict(fixture.claim_with(&code).await).contains("changed meanwhile"));
    assert_eq!(fixture.entries("api_key.claim").await.len(), 1);
    assert_eq!(fixture.directory.client(&CLIENT.to_owned().try_into().unwrap()).await.unwrap().key_ids.len(), 1);
}

/// What one of several does to the key; a conflict is no failure, another got there first.
async fn act(desk: &Desk, key: &ApiKey, number: usize) {
    let stored = |error: DirectoryError| match error {
        DirectoryError::Store(error) => error,
        DirectoryError::Invalid(errors) => panic!("{errors:?}"),
    };
    let done = match number % 5 {
        0 => desk.rotate(key.id(), 14).await.map(drop).map_err(stored),
        1 => desk.emergency_rotate(key.id()).await.map(drop),
        2 => desk.revoke(key.id()).await.map(drop),
        3 => desk.create_key(&new_key()).await.map(drop).map_err(stored),
        _ => match desk.claim(key).await {
            Err(PossessionError::Store(error)) => Err(error),
            Ok(_) | Err(PossessionError::Refused(_)) => Ok(()),
        },
    };
    assert!(matches!(done, Ok(()) | Err(Error::Conflict(_) | Error::Unavailable { .. })), "{done:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn administrators_at_one_key_all_at_once_lose_no_update() {
    for _ in 0..5 {
        let (fixture, key) = with_contact().await;
        let key = Arc::new(key);
        let mut running = tokio::task::JoinSet::new();
        for number in 0..15 {
            let (desk, key) = (fixture.rival(), Arc::clone(&key));
            running.spawn(async move { act(&desk, &key, number).await });
        }
        running.join_all().await;
        for item in fixture.scan(tables::KEYS).await {
            let id = item["pk"].as_s().unwrap();
            let history = history(&fixture, id).await;
            assert_eq!(item["version"].as_n().unwrap(), &history.len().to_string(), "{history:?}");
            // The last event in the order of versions explains the key's state. A key that was claimed first ends with
            // the claim that replaces it.
            let ended = match history.last().map(String::as_str) {
                Some("api_key.revoke" | "api_key.emergency_rotate") => true,
                Some("api_key.claim") => history[0] == "api_key.claim" && history.len() > 1,
                _ => false,
            };
            assert_eq!(item["key_state"].as_s().unwrap() == "REVOKED", ended, "{history:?}");
        }
        let listed = fixture.directory.keys(&engine_aws::directory::KeyQuery::default(), 100).await.unwrap().items;
        let live = listed.iter().filter(|key| key.record.state != KeyState::Revoked);
        let mut live: Vec<_> = live.map(|key| key.record.id.to_string()).collect();
        let mut counted = fixture.directory.client(&CLIENT.to_owned().try_into().unwrap()).await.unwrap().key_ids;
        live.sort();
        counted.sort();
        assert_eq!(live, counted, "the client's keys are those that live");
    }
}

#[tokio::test]
async fn a_change_that_meets_another_transaction_is_made_all_the_same() {
    let (fixture, key) = with_contact().await;
    let busy = cancelled(&["TransactionConflict", "None"]);
    fixture.dynamo.wire().refuse("TransactWriteItems", 3, &busy);
    fixture.rotate(key.id(), 14).await.unwrap();
    fixture.dynamo.wire().refuse("TransactWriteItems", 3, &busy);
    fixture.claim(&key).await.unwrap();
    assert_eq!(fixture.entries("api_key.claim").await.len(), 1);
}
