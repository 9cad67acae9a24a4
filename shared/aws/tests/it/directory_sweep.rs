//! What time makes of keys: each act once, whoever sweeps, however often, and wherever one of them dies.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::directory::{DUE_SHARDS, KeyDetails, NewKey, SuccessorState, Swept};
use engine_aws::key_gate::{KeyGate, Take};
use engine_aws::rotations::Outbox;
use engine_core::access::{ApiKey, KeyId, KeyState};
use engine_test_support::dynamo::tables;
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};

use crate::desk::{Desk, days};
use crate::fixture::{CLIENT, Fixture, meanwhile, new_key};

const ONE: Take = Take { tokens: 1, owes_entry: true };

fn ninety_days() -> NewKey {
    NewKey { expiry_days: 90, ..new_key() }
}

/// A client with a key of 90 days.
async fn with_key() -> (Fixture, ApiKey) {
    let fixture = Fixture::with_client().await;
    let key = fixture.create_key(&ninety_days()).await.unwrap().api_key;
    (fixture, key)
}

/// Everything that has something due by the desk's time, swept; what was done, by key.
async fn sweep(desk: &Desk, outbox: &Outbox) -> Result<BTreeMap<String, Swept>, engine_aws::Error> {
    let mut done = BTreeMap::new();
    for shard in 0..DUE_SHARDS {
        let mut after = None;
        loop {
            let page = desk.directory.due_keys(shard, desk.now, after, 100).await?;
            for (id, swept) in desk.directory.sweep_keys(&page.items, outbox, &desk.author, desk.now).await {
                done.insert(id.to_string(), swept?);
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(done)
}

fn outbox(fixture: &Fixture, wire: &Wire) -> Outbox {
    Outbox::new(fixture.dynamo.client_on(wire), tables::ROTATIONS)
}

async fn swept(fixture: &Fixture, after: SignedDuration) -> Vec<Swept> {
    let outbox = outbox(fixture, &Wire::default());
    sweep(&fixture.later(after), &outbox).await.unwrap().into_values().collect()
}

/// The notices that wait, by kind.
async fn notices(fixture: &Fixture) -> Vec<String> {
    let waiting = outbox(fixture, &Wire::default()).waiting(100, None).await.unwrap();
    waiting.into_iter().map(|waiting| waiting.notice.kind.as_str().to_owned()).collect()
}

async fn used(fixture: &Fixture, key: &ApiKey, now: Timestamp) {
    fixture.gate().0.take(key, ONE, now).await.unwrap().unwrap();
}

/// What the index says of the key.
async fn due_at(fixture: &Fixture, key: &KeyId) -> Option<Timestamp> {
    let items = fixture.scan(tables::KEYS).await;
    let item = items.iter().find(|item| item["pk"].as_s().unwrap() == key.as_str()).unwrap();
    let due = item.get("due_at")?;
    Some(Timestamp::from_millisecond(due.as_n().unwrap().parse().unwrap()).unwrap())
}

#[tokio::test]
async fn a_successor_is_offered_fourteen_days_before_the_end_and_nothing_else_changes() {
    let (fixture, key) = with_key().await;
    used(&fixture, &key, fixture.now + days(75)).await;
    assert_eq!(swept(&fixture, days(75)).await, [Swept::Moved], "it was used, so it is not idle");
    assert_eq!(due_at(&fixture, key.id()).await, Some(fixture.now + days(76)));
    assert_eq!(swept(&fixture, days(76) - SignedDuration::from_millis(1)).await, []);
    assert_eq!(swept(&fixture, days(76)).await, [Swept::Offered]);
    let details = fixture.details(key.id()).await;
    let offer = details.rotation.offer.unwrap();
    assert_eq!((offer.state, offer.expiry_days), (SuccessorState::Offered, 90));
    assert_eq!(details.record.expires_at, fixture.now + days(90), "both work until the end of the former");
    assert_eq!(notices(&fixture).await, ["key.successor_offered"]);
    let entry = fixture.entries("api_key.rotate").await.pop().unwrap().1;
    assert_eq!(entry["reason"], "scheduled rotation");
    assert_eq!(swept(&fixture, days(77)).await, [], "once");
}

#[tokio::test]
async fn a_key_that_lives_no_longer_than_the_notice_is_offered_a_successor_at_once() {
    let fixture = Fixture::with_client().await;
    fixture.create_key(&NewKey { expiry_days: 10, ..new_key() }).await.unwrap();
    assert_eq!(swept(&fixture, SignedDuration::ZERO).await, [Swept::Offered]);
}

#[tokio::test]
async fn a_key_past_its_end_is_expired_and_leaves_its_client() {
    let (fixture, key) = with_key().await;
    used(&fixture, &key, fixture.now + days(80)).await;
    assert_eq!(swept(&fixture, days(90)).await, [Swept::Expired]);
    let details = fixture.details(key.id()).await;
    assert_eq!(details.record.state, KeyState::Expired);
    assert!(fixture.directory.client(&details.record.client_id).await.unwrap().key_ids.is_empty());
    assert_eq!(notices(&fixture).await, ["key.expired"]);
    assert_eq!(fixture.entries("api_key.expire").await.len(), 1);
    assert_eq!(due_at(&fixture, key.id()).await, None, "nothing is due any more");
    assert_eq!(swept(&fixture, days(400)).await, []);
}

#[tokio::test]
async fn a_key_that_nobody_used_for_thirty_days_is_revoked_and_one_in_use_is_not() {
    let (fixture, idle) = with_key().await;
    let busy = fixture.create_key(&ninety_days()).await.unwrap().api_key;
    used(&fixture, &busy, fixture.now + days(1)).await;
    let done = sweep(&fixture.later(days(30)), &outbox(&fixture, &Wire::default())).await.unwrap();
    assert_eq!(done[idle.id().as_str()], Swept::RevokedIdle);
    assert_eq!(done[busy.id().as_str()], Swept::Moved);
    assert_eq!(fixture.details(idle.id()).await.record.state, KeyState::Revoked);
    assert_eq!(fixture.entries("api_key.revoke").await[0].1["reason"], "not used for 30 days");
    assert_eq!(notices(&fixture).await, ["key.revoked_idle"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_used_while_it_is_being_revoked_for_want_of_use_lives_on() {
    let (fixture, key) = with_key().await;
    let (gate, then) = (fixture.gate().0, fixture.now + days(30));
    let id = key.id().clone();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(async { gate.take(&key, ONE, then).await.unwrap().unwrap() });
    });
    let done = sweep(&fixture.later(days(30)), &outbox(&fixture, &Wire::default())).await.unwrap();
    assert_eq!(done[id.as_str()], Swept::Gone);
    assert_eq!(fixture.details(&id).await.record.state, KeyState::Active);
    assert!(notices(&fixture).await.is_empty());
    assert_eq!(swept(&fixture, days(30)).await, [Swept::Moved]);
}

#[tokio::test]
async fn an_unconfirmed_successor_goes_with_an_idle_predecessor() {
    let (fixture, key) = with_key().await;
    fixture.verified_contact().await;
    let claiming = fixture.later(days(20));
    claiming.rotate(key.id(), 14).await.unwrap();
    // Claiming takes a token of the key's rate limit at the API, and so is a use; here nobody used it.
    let successor = claiming.claim(&key).await.unwrap().issued.record.id;
    let done = sweep(&fixture.later(days(30)), &outbox(&fixture, &Wire::default())).await.unwrap();
    assert_eq!(done, BTreeMap::from([(key.id().to_string(), Swept::RevokedIdle)]));
    let details = fixture.details(&successor).await;
    assert_eq!((details.record.state, details.revoked_at), (KeyState::Revoked, Some(fixture.now + days(30))));
    assert_eq!(due_at(&fixture, &successor).await, None);
    assert!(fixture.directory.client(&details.record.client_id).await.unwrap().key_ids.is_empty());
    let entry = fixture.entries("api_key.revoke").await.pop().unwrap().1;
    assert_eq!(entry["details"]["versions"][successor.as_str()], details.version);
    assert_eq!(notices(&fixture).await, ["key.revoked_idle"]);
}

#[tokio::test]
async fn an_unconfirmed_successor_outlives_the_end_of_its_predecessor_until_it_is_idle_itself() {
    let (fixture, key) = with_key().await;
    fixture.verified_contact().await;
    fixture.rotate(key.id(), 14).await.unwrap();
    let successor = fixture.claim(&key).await.unwrap().issued.record.id;
    assert_eq!(swept(&fixture, days(14)).await, [Swept::Expired], "its end was brought forward to 14 days");
    assert_eq!(fixture.details(&successor).await.record.state, KeyState::Claimed, "it may still be confirmed");
    assert_eq!(swept(&fixture, days(30)).await, [Swept::RevokedIdle]);
    assert_eq!(fixture.details(&successor).await.record.state, KeyState::Revoked);
}

#[tokio::test]
async fn a_frozen_key_is_offered_nothing_and_ends_as_others_do() {
    let (fixture, key) = with_key().await;
    fixture.verified_contact().await;
    fixture.rotate(key.id(), 14).await.unwrap();
    let claimed = fixture.claim(&key).await.unwrap();
    let frozen = claimed.issued.api_key;
    fixture.confirm(&frozen).await.unwrap();
    used(&fixture, &frozen, fixture.now + days(75)).await;
    fixture.later(days(75)).freeze(&claimed.freeze_code).await.unwrap();
    assert_eq!(due_at(&fixture, frozen.id()).await, Some(fixture.now + days(90)), "its end is the first thing due");
    assert_eq!(swept(&fixture, days(89)).await, [Swept::Expired], "the predecessor; the frozen key is offered nothing");
    assert_eq!(swept(&fixture, days(90)).await, [Swept::Expired]);
    assert_eq!(fixture.details(frozen.id()).await.record.state, KeyState::Expired);
    assert_eq!(notices(&fixture).await, ["key.expired", "key.expired"]);
}

#[tokio::test]
async fn a_key_says_who_made_it_and_why_and_one_that_does_not_is_swept_like_any_other() {
    let (fixture, key) = with_key().await;
    fixture.verified_contact().await;
    used(&fixture, &key, fixture.now + days(75)).await;
    assert_eq!(swept(&fixture, days(76)).await, [Swept::Offered]);
    let successor = fixture.later(days(77)).claim(&key).await.unwrap().issued.record.id;
    let said = |details: KeyDetails| (details.issued_by.unwrap(), details.issued_because.unwrap());
    let (by, because) = said(fixture.details(key.id()).await);
    assert_eq!((by, because.as_str()), (fixture.author.actor.id.clone(), "created"));
    let (by, because) = said(fixture.details(&successor).await);
    assert_eq!((by.as_str(), because), (CLIENT, format!("successor of {}: scheduled rotation", key.id())));

    let update = fixture.dynamo.client_on(&Wire::default()).update_item().table_name(tables::KEYS);
    let update = update.key("pk", AttributeValue::S(key.id().to_string()));
    update.update_expression("REMOVE issued_by, issued_because, offer_reason").send().await.unwrap();
    let details = fixture.details(key.id()).await;
    let reason = details.rotation.offer.unwrap().reason;
    assert_eq!((details.issued_by, details.issued_because, reason), (None, None, None));
    assert_eq!(swept(&fixture, days(90)).await, [Swept::Expired]);
}

#[tokio::test]
async fn a_key_that_a_client_left_behind_is_revoked() {
    let (fixture, key) = with_key().await;
    fixture.terminate().await.unwrap();
    // What cannot be by the rules, as after a restored backup: the key is live, and its client has left.
    let client = fixture.dynamo.client_on(&Wire::default());
    let update = client.update_item().table_name(tables::KEYS);
    let active = AttributeValue::S("ACTIVE".into());
    let id = AttributeValue::S(key.id().to_string());
    let update = update.key("pk", id).update_expression("SET key_state = :active REMOVE revoked_at");
    update.expression_attribute_values(":active", active).send().await.unwrap();
    let outbox = outbox(&fixture, &Wire::default());
    let done =
        fixture.directory.sweep_keys(std::slice::from_ref(key.id()), &outbox, &fixture.author, fixture.now).await;
    assert_eq!(done[0].1.as_ref().unwrap(), &Swept::RevokedTerminated);
    assert_eq!(notices(&fixture).await, ["key.revoked_terminated"]);
}

#[tokio::test]
async fn the_hot_path_leaves_the_index_alone() {
    let (fixture, key) = with_key().await;
    let before = due_at(&fixture, key.id()).await;
    let (gate, wire) = fixture.gate();
    gate.take(&key, ONE, fixture.now + days(3)).await.unwrap().unwrap();
    assert_eq!(due_at(&fixture, key.id()).await, before);
    assert_eq!(wire.total(), 1);
}

#[tokio::test]
async fn an_expired_key_hears_that_it_has_expired() {
    let (fixture, key) = with_key().await;
    used(&fixture, &key, fixture.now + days(80)).await;
    swept(&fixture, days(90)).await;
    let gate = KeyGate::new(fixture.dynamo.client_on(&Wire::default()), tables::KEYS);
    let refused = gate.take(&key, ONE, fixture.now + days(91)).await.unwrap().unwrap_err();
    assert!(format!("{refused:?}").contains("Expired"), "{refused:?}");
}

#[tokio::test]
async fn two_sweeps_at_once_do_each_thing_once() {
    let (fixture, _) = with_key().await;
    for each in 1..18 {
        let new = NewKey { expiry_days: if each < 6 { 60 } else { 90 }, ..new_key() };
        let key = fixture.create_key(&new).await.unwrap().api_key;
        if each < 12 {
            used(&fixture, &key, fixture.now + days(55)).await;
        }
    }
    let then = days(76);
    let (one, other) = (fixture.rival().later(then), fixture.rival().later(then));
    let (first, second) = (outbox(&fixture, &Wire::default()), outbox(&fixture, &Wire::default()));
    let (one, other) = tokio::join!(sweep(&one, &first), sweep(&other, &second));
    let done = [one.unwrap(), other.unwrap()];
    let times = |what| done.iter().flat_map(BTreeMap::values).filter(|swept| **swept == what).count();
    assert_eq!([times(Swept::Expired), times(Swept::Offered), times(Swept::RevokedIdle)], [5, 6, 7]);
    let notices = notices(&fixture).await;
    let told = |kind| notices.iter().filter(|notice| *notice == kind).count();
    assert_eq!([told("key.expired"), told("key.successor_offered"), told("key.revoked_idle")], [5, 6, 7]);
    for (event, times) in [("api_key.expire", 5), ("api_key.rotate", 6), ("api_key.revoke", 7)] {
        assert_eq!(fixture.entries(event).await.len(), times, "{event}");
    }
}

#[tokio::test]
async fn a_sweep_that_dies_anywhere_leaves_the_rest_to_the_next() {
    for calls in 0.. {
        let (fixture, key) = with_key().await;
        used(&fixture, &key, fixture.now + days(75)).await;
        fixture.create_key(&ninety_days()).await.unwrap();
        let ending = fixture.create_key(&NewKey { expiry_days: 60, ..new_key() }).await.unwrap().api_key;
        used(&fixture, &ending, fixture.now + days(55)).await;
        let wire = Wire::default();
        let dying = Desk { now: fixture.now + days(76), ..Desk::over(fixture.dynamo.client_on(&wire)) };
        wire.die_after(calls);
        let died = sweep(&dying, &outbox(&fixture, &wire)).await.is_err();
        swept(&fixture, days(76)).await;
        assert_eq!(swept(&fixture, days(76)).await, [], "after {calls} calls");
        let told = ["key.expired", "key.revoked_idle", "key.successor_offered"];
        assert_eq!(notices(&fixture).await, told, "after {calls} calls");
        for event in ["api_key.expire", "api_key.revoke", "api_key.rotate"] {
            assert_eq!(fixture.entries(event).await.len(), 1, "{event} after {calls} calls");
        }
        if !died {
            break;
        }
    }
}

#[tokio::test]
async fn a_key_that_a_restored_backup_brought_back_does_not_live_on_for_having_been_told_of() {
    let (fixture, key) = with_key().await;
    let items = fixture.scan(tables::KEYS).await;
    assert_eq!(swept(&fixture, days(30)).await, [Swept::RevokedIdle]);
    let client = fixture.dynamo.client_on(&Wire::default());
    for item in items {
        client.put_item().table_name(tables::KEYS).set_item(Some(item)).send().await.unwrap();
    }
    assert_eq!(swept(&fixture, days(31)).await, [Swept::RevokedIdle]);
    assert_eq!(fixture.details(key.id()).await.record.state, KeyState::Revoked);
    assert_eq!(notices(&fixture).await, ["key.revoked_idle"], "told once");
}
