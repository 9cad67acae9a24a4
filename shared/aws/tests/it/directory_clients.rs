//! Clients, terms and keys: every change whole, recorded, and only from the state that it was meant for.

use std::sync::Arc;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::Error;
use engine_aws::directory::{DirectoryError, MAX_KEYS_PER_CLIENT, NewClient, NewKey};
use engine_core::access::{KeyId, KeyState, TickerScope, terms_in_force};
use engine_core::audit::Commitment;
use engine_core::field::Fields;
use engine_test_support::dynamo::tables;
use engine_test_support::wire::{Wire, cancelled};
use jiff::SignedDuration;

use crate::fixture::{CLIENT, Fixture, client_id, directory, meanwhile, new_client, new_key, terms};

fn is_conflict<T>(result: &Result<T, DirectoryError>) -> bool {
    matches!(result, Err(DirectoryError::Store(Error::Conflict(_))))
}

/// Names of the fields that were refused.
fn refused<T>(result: Result<T, DirectoryError>) -> Vec<String> {
    match result {
        Err(DirectoryError::Invalid(errors)) => errors.into_iter().map(|error| error.field).collect(),
        Err(other) => panic!("{other:?}"),
        Ok(_) => vec![],
    }
}

/// Calls `change` until it does not lose to another.
async fn until_done<T, F: Future<Output = Result<T, DirectoryError>>>(mut change: impl FnMut() -> F) -> T {
    loop {
        let done = change().await;
        if !is_conflict(&done) {
            return done.unwrap();
        }
        tokio::task::yield_now().await;
    }
}

impl Fixture {
    async fn add_terms(&self, fields: &Fields) -> Result<u32, DirectoryError> {
        let added = self.directory.add_terms(&client_id(), fields, &self.author, self.now).await;
        added.map(|terms| terms.version)
    }

    async fn terms_version(&self, key_id: &KeyId) -> u32 {
        self.directory.key(key_id).await.unwrap().record.terms_version
    }

    async fn terms_versions(&self) -> Vec<u32> {
        self.directory.terms(&client_id()).await.unwrap().iter().map(|terms| terms.version).collect()
    }
}

#[tokio::test]
async fn a_client_its_terms_and_the_entry_that_anchors_its_reference_come_in_one_transaction() {
    let fixture = Fixture::empty().await;
    let (client, terms) = fixture.directory.create_client(&new_client(), &fixture.author, fixture.now).await.unwrap();
    assert_eq!(fixture.dynamo.wire().sent(), [("TransactWriteItems".to_owned(), 1)].into());
    assert_eq!(fixture.sizes().await, [0, 2, 1]);
    assert_eq!(fixture.directory.terms(&client_id()).await.unwrap(), [terms]);
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().client_ref, client.client_ref);
    let (header, body) = fixture.entries("client.create").await.remove(0);
    let opening = &body["details"]["opening"];
    let text = |name: &str| opening[name].as_str().unwrap();
    let opened = Commitment::from_stored(text("value").to_owned(), text("salt")).unwrap();
    assert_eq!((opened.value(), opened.reference()), (CLIENT, client.client_ref));
    assert_eq!(header["client_ref"], opened.reference().as_str());
}

#[tokio::test]
async fn a_client_that_could_not_be_written_whole_does_not_exist() {
    let fixture = Fixture::empty().await;
    fixture.dynamo.wire().fail("TransactWriteItems", 100);
    let failed = fixture.directory.create_client(&new_client(), &fixture.author, fixture.now).await;
    assert!(matches!(failed, Err(DirectoryError::Store(Error::Unavailable { .. }))), "{failed:?}");
    assert_eq!(fixture.sizes().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_second_client_of_the_same_id_is_a_conflict_and_changes_nothing() {
    let fixture = Fixture::with_client().await;
    let before = (fixture.scan(tables::CLIENTS).await, fixture.scan(tables::AUDIT).await);
    let other = NewClient { name: "Another Ltd".to_owned(), terms: terms("50"), ..new_client() };
    assert!(is_conflict(&fixture.directory.create_client(&other, &fixture.author, fixture.now).await));
    assert_eq!((fixture.scan(tables::CLIENTS).await, fixture.scan(tables::AUDIT).await), before);
}

#[tokio::test]
async fn every_bad_field_of_a_client_is_named_and_nothing_written() {
    let fixture = Fixture::empty().await;
    for name in [String::new(), " ".to_owned(), "a\u{7}b".to_owned(), "x".repeat(201)] {
        let terms = Fields::from_pairs([("markup_percentage", "101"), ("fee_type", "NONE"), ("fee_amount", "-1")]);
        let bad = NewClient { client_id: "a b".to_owned(), name, terms };
        let fields = refused(fixture.directory.create_client(&bad, &fixture.author, fixture.now).await);
        assert_eq!(fields, ["client_id", "name", "markup_percentage", "fee_type", "fee_amount"]);
    }
    assert_eq!(fixture.sizes().await, [0, 0, 0]);
}

#[tokio::test]
async fn terms_are_added_never_changed_and_apply_from_their_date() {
    let fixture = Fixture::with_client().await;
    let first = fixture.directory.terms(&client_id()).await.unwrap().remove(0);
    let later = fixture.now + SignedDuration::from_hours(24);
    let dated = |from: &str| {
        let fields = [("markup_percentage", "7"), ("fee_type", "FLAT"), ("fee_amount", "1"), ("effective_from", from)];
        Fields::from_pairs(fields)
    };
    assert_eq!(fixture.add_terms(&dated(&later.to_string())).await.unwrap(), 2);
    assert_eq!(refused(fixture.add_terms(&dated("2026-01-01T00:00:00Z")).await), ["effective_from"]);
    let all = fixture.directory.terms(&client_id()).await.unwrap();
    assert_eq!((all.len(), &all[0]), (2, &first));
    let version = |now| terms_in_force(&all, now).map(|terms| terms.version);
    assert_eq!(version(later - SignedDuration::from_nanos(1)), Some(1));
    assert_eq!(version(later), Some(2));
    assert_eq!(fixture.entries("client.terms.add").await.len(), 1);
}

#[tokio::test]
async fn new_terms_reach_every_key_of_the_client_in_one_transaction() {
    let (fixture, key) = Fixture::with_key(60).await;
    let other = fixture.create_key(&new_key()).await.unwrap().api_key;
    let (gate, _) = fixture.gate();
    let take = engine_aws::key_gate::Take { tokens: 1, owes_entry: true };
    gate.take(&key, take, fixture.now).await.unwrap().unwrap();
    fixture.dynamo.wire().fail("TransactWriteItems", 100);
    fixture.add_terms(&terms("6")).await.unwrap_err();
    assert_eq!((fixture.terms_versions().await, fixture.terms_version(key.id()).await), (vec![1], 1));
    fixture.dynamo.wire().fail("TransactWriteItems", 0);
    fixture.dynamo.wire().reset();
    fixture.add_terms(&terms("6")).await.unwrap();
    assert_eq!(fixture.dynamo.wire().sent()["TransactWriteItems"], 1);
    for key in [key, other] {
        assert_eq!(gate.take(&key, take, fixture.now).await.unwrap().unwrap().key.terms_version, 2);
    }
}

#[tokio::test]
async fn a_key_is_made_only_for_a_client_that_exists_and_is_active() {
    let fixture = Fixture::empty().await;
    let missing = fixture.create_key(&new_key()).await.err();
    assert!(matches!(missing, Some(DirectoryError::Store(Error::NotFound(_)))), "{missing:?}");
    fixture.directory.create_client(&new_client(), &fixture.author, fixture.now).await.unwrap();
    let client = fixture.dynamo.client();
    let update = client.update_item().table_name(tables::CLIENTS).update_expression("SET client_status = :status");
    let update =
        update.key("pk", AttributeValue::S(CLIENT.to_owned())).key("sk", AttributeValue::S("client".to_owned()));
    update.expression_attribute_values(":status", AttributeValue::S("CLOSED".to_owned())).send().await.unwrap();
    let closed = conflict(fixture.create_key(&new_key()).await);
    assert!(closed.contains("is CLOSED, not ACTIVE"), "{closed}");
    assert_eq!(fixture.sizes().await, [0, 2, 1]);
}

#[tokio::test]
async fn a_key_and_its_entry_come_in_one_transaction_or_not_at_all() {
    let fixture = Fixture::with_client().await;
    fixture.dynamo.wire().fail("TransactWriteItems", 100);
    assert!(fixture.create_key(&new_key()).await.is_err());
    assert_eq!(fixture.sizes().await, [0, 2, 1]);
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids.len(), 0);
    fixture.dynamo.wire().fail("TransactWriteItems", 0);
    let issued = fixture.create_key(&new_key()).await.unwrap();
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids, [issued.record.id.as_str()]);
    let (header, body) = fixture.entries("api_key.create").await.remove(0);
    assert_eq!(header["client_ref"], issued.record.client_ref.as_str());
    assert_eq!(body["details"]["key_id"], issued.record.id.as_str());
}

#[tokio::test]
async fn every_bad_field_of_a_key_is_named_and_limits_are_inclusive() {
    let fixture = Fixture::with_client().await;
    let tickers = |count: usize| Some((0..count).map(|number| format!("T{number}")).collect::<Vec<_>>());
    let bad = NewKey {
        client_id: "?".to_owned(),
        rate_limit: 61,
        expiry_days: 91,
        permissions: Some(vec!["release:execute".to_owned()]),
        tickers: tickers(51),
        environment: "test".to_owned(),
    };
    let all = ["client_id", "rate_limit", "expiry_days", "permissions", "tickers"];
    assert_eq!(refused(fixture.create_key(&bad).await), all);
    for (bad, field) in [
        (NewKey { rate_limit: 0, ..new_key() }, "rate_limit"),
        (NewKey { rate_limit: u64::MAX, ..new_key() }, "rate_limit"),
        (NewKey { expiry_days: 0, ..new_key() }, "expiry_days"),
        (NewKey { expiry_days: u64::MAX, ..new_key() }, "expiry_days"),
        (NewKey { permissions: Some(vec![]), ..new_key() }, "permissions"),
        (NewKey { tickers: Some(vec![]), ..new_key() }, "tickers"),
        (NewKey { tickers: Some(vec!["<script>".to_owned()]), ..new_key() }, "tickers"),
    ] {
        assert_eq!(refused(fixture.create_key(&bad).await), [field], "{bad:?}");
    }
    assert_eq!(fixture.sizes().await, [0, 2, 1]);
    for rate_limit in [60, 300, 1000] {
        let most = NewKey { rate_limit, expiry_days: 90, tickers: tickers(50), ..new_key() };
        let issued = fixture.create_key(&most).await.unwrap();
        let stored = fixture.directory.key(&issued.record.id).await.unwrap().record;
        assert_eq!(u64::from(stored.tier.per_minute()), rate_limit);
        assert_eq!(stored.expires_at, fixture.now + SignedDuration::from_hours(90 * 24));
        assert!(matches!(stored.tickers, TickerScope::Listed(tickers) if tickers.len() == 50));
    }
}

#[tokio::test]
async fn a_client_holds_at_most_40_keys_and_a_revoked_one_makes_room() {
    let fixture = Fixture::with_client().await;
    let mut last = None;
    for _ in 0..MAX_KEYS_PER_CLIENT {
        last = Some(fixture.create_key(&new_key()).await.unwrap().record.id);
    }
    assert!(is_conflict(&fixture.create_key(&new_key()).await));
    assert_eq!(fixture.sizes().await, [40, 2, 41]);
    assert_eq!(fixture.add_terms(&terms("6")).await.unwrap(), 2, "40 keys fit the transaction");
    fixture.directory.revoke_key(&last.unwrap(), "unused", &fixture.author, fixture.now).await.unwrap();
    fixture.create_key(&new_key()).await.unwrap();
    assert!(is_conflict(&fixture.create_key(&new_key()).await));
}

/// Everything that a value holds, as bytes.
fn bytes(value: &AttributeValue) -> Vec<u8> {
    match value {
        AttributeValue::S(text) | AttributeValue::N(text) => text.clone().into_bytes(),
        AttributeValue::B(blob) => blob.as_ref().to_vec(),
        AttributeValue::Ss(texts) => texts.join("\n").into_bytes(),
        other => panic!("a type that no table uses: {other:?}"),
    }
}

#[tokio::test]
async fn a_keys_secret_is_nowhere_in_the_tables() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, _) = fixture.gate();
    let take = engine_aws::key_gate::Take { tokens: 1, owes_entry: true };
    gate.take(&key, take, fixture.now).await.unwrap().unwrap();
    fixture.directory.revoke_key(key.id(), "leaked", &fixture.author, fixture.now).await.unwrap();
    let secret = key.expose().rsplit('_').next().unwrap();
    assert_eq!(secret.len(), 43 + 6);
    let (mut scanned, mut ids) = (0, 0);
    for table in [tables::KEYS, tables::CLIENTS, tables::MARKET, tables::AUDIT] {
        for value in fixture.scan(table).await.iter().flat_map(|item| item.values()) {
            let bytes = bytes(value);
            let holds = |needle: &str| bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
            assert!(!holds(key.expose()) && !holds(secret) && !holds(&secret[..43]), "{table}: {value:?}");
            (scanned, ids) = (scanned + 1, ids + usize::from(holds(key.id().as_str())));
        }
    }
    assert!(scanned > 20 && ids > 2, "the scan finds the key's id: {ids} times in {scanned} values");
}

#[tokio::test]
async fn revocation_is_final_recorded_and_done_once() {
    let (fixture, key) = Fixture::with_key(60).await;
    let revoke = || fixture.directory.revoke_key(key.id(), "leaked", &fixture.author, fixture.now);
    fixture.dynamo.wire().fail("TransactWriteItems", 100);
    assert!(matches!(revoke().await, Err(Error::Unavailable { .. })));
    assert_eq!(fixture.directory.key(key.id()).await.unwrap().record.state, KeyState::Active);
    fixture.dynamo.wire().fail("TransactWriteItems", 0);
    revoke().await.unwrap();
    assert!(matches!(revoke().await, Err(Error::Conflict(_))));
    assert_eq!(fixture.directory.key(key.id()).await.unwrap().record.state, KeyState::Revoked);
    fixture.add_terms(&terms("6")).await.unwrap();
    assert_eq!(fixture.directory.key(key.id()).await.unwrap().record.state, KeyState::Revoked);
    let entries = fixture.entries("api_key.revoke").await;
    assert_eq!((entries.len(), &entries[0].1["reason"]), (1, &"leaked".into()));
    let unknown = KeyId::parse("000000000000").unwrap();
    let missing = fixture.directory.revoke_key(&unknown, "leaked", &fixture.author, fixture.now).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_while_terms_are_added_never_keeps_the_old_version() {
    let fixture = Fixture::with_client().await;
    let other = Arc::new(directory(fixture.dynamo.client_on(&Wire::default())));
    // Terms are added between the key's read of the client and its write.
    let (rival, author, now) = (Arc::clone(&other), fixture.author.clone(), fixture.now);
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.add_terms(&client_id(), &terms("6"), &author, now)).unwrap();
    });
    assert!(is_conflict(&fixture.create_key(&new_key()).await));
    let first = fixture.create_key(&new_key()).await.unwrap().record.id;
    assert_eq!(fixture.terms_version(&first).await, 2);
    // A key is made between the terms' read of the client and their write.
    let (rival, author) = (Arc::clone(&other), fixture.author.clone());
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.create_key(&new_key(), &author, now)).unwrap();
    });
    assert!(is_conflict(&fixture.add_terms(&terms("7")).await));
    assert_eq!(fixture.add_terms(&terms("7")).await.unwrap(), 3);
    let keys = fixture.directory.client(&client_id()).await.unwrap().key_ids;
    assert_eq!(keys.len(), 2);
    for key in keys {
        assert_eq!(fixture.terms_version(&KeyId::parse(&key).unwrap()).await, 3);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_concurrent_additions_of_terms_one_wins() {
    let fixture = Fixture::with_client().await;
    let rival = directory(fixture.dynamo.client_on(&Wire::default()));
    let (author, now) = (fixture.author.clone(), fixture.now);
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.add_terms(&client_id(), &terms("6"), &author, now)).unwrap();
    });
    assert!(is_conflict(&fixture.add_terms(&terms("7")).await));
    let all = fixture.directory.terms(&client_id()).await.unwrap();
    assert_eq!((all.len(), all[1].markup_percentage.to_string().as_str()), (2, "6"));
    assert_eq!(fixture.entries("client.terms.add").await.len(), 1, "the loser left no entry");
}

#[tokio::test(flavor = "multi_thread")]
async fn terms_and_keys_made_all_at_once_end_with_contiguous_versions_and_the_latest_on_every_key() {
    let fixture = Arc::new(Fixture::with_client().await);
    let mut running = tokio::task::JoinSet::new();
    for number in 0..12 {
        let fixture = Arc::clone(&fixture);
        running.spawn(async move {
            if number % 2 == 0 {
                until_done(|| async { fixture.create_key(&new_key()).await.map(drop) }).await;
            } else {
                until_done(|| async { fixture.add_terms(&terms("6")).await.map(drop) }).await;
            }
        });
    }
    running.join_all().await;
    assert_eq!(fixture.terms_versions().await, (1..=7).collect::<Vec<_>>());
    let keys = fixture.directory.client(&client_id()).await.unwrap().key_ids;
    assert_eq!(keys.len(), 6);
    for key in keys {
        assert_eq!(fixture.terms_version(&KeyId::parse(&key).unwrap()).await, 7);
    }
}

/// What a change was refused for.
fn conflict<T>(result: Result<T, impl Into<DirectoryError>>) -> String {
    match result.map(drop).map_err(Into::into) {
        Err(DirectoryError::Store(Error::Conflict(text))) => text,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_transaction_that_meets_another_is_repeated_up_to_four_times_and_then_unavailable() {
    let fixture = Fixture::with_client().await;
    let wire = fixture.dynamo.wire();
    wire.reset();
    wire.refuse("TransactWriteItems", 4, &cancelled(&["None", "TransactionConflict", "None"]));
    fixture.create_key(&new_key()).await.unwrap();
    assert_eq!(wire.sent()["TransactWriteItems"], 5);
    assert_eq!(fixture.sizes().await, [1, 2, 2]);
    wire.reset();
    wire.refuse("TransactWriteItems", 5, &cancelled(&["None", "TransactionConflict", "None"]));
    let failed = fixture.create_key(&new_key()).await.err();
    assert!(matches!(failed, Some(DirectoryError::Store(Error::Unavailable { .. }))), "{failed:?}");
    assert_eq!(wire.sent()["TransactWriteItems"], 5);
    wire.reset();
    wire.refuse("TransactWriteItems", 1, &cancelled(&["TransactionConflict", "ConditionalCheckFailed", "None"]));
    assert!(is_conflict(&fixture.create_key(&new_key()).await), "what failed its condition is not repeated");
    assert_eq!(wire.sent()["TransactWriteItems"], 1);
}

#[tokio::test]
async fn a_key_is_called_revoked_only_where_its_own_condition_failed() {
    let (fixture, key) = Fixture::with_key(60).await;
    let revoke = || fixture.directory.revoke_key(key.id(), "leaked", &fixture.author, fixture.now);
    let wire = fixture.dynamo.wire();
    wire.refuse("TransactWriteItems", 1, &cancelled(&["None", "ConditionalCheckFailed", "None"]));
    let changed = conflict(revoke().await);
    assert!(changed.contains("changed meanwhile"), "{changed}");
    revoke().await.unwrap();
    let revoked = conflict(revoke().await);
    assert!(revoked.contains("is revoked already"), "{revoked}");
}

#[tokio::test]
async fn expired_keys_of_a_full_client_make_room_and_what_stands_in_the_way_is_said() {
    let fixture = Fixture::with_client().await;
    let short = NewKey { expiry_days: 1, ..new_key() };
    for number in 0..MAX_KEYS_PER_CLIENT {
        let expiry_days = if number == 0 { 1 } else { 30 };
        fixture.create_key(&NewKey { expiry_days, ..new_key() }).await.unwrap();
    }
    let create = |now| fixture.directory.create_key(&short, &fixture.author, now);
    let day = SignedDuration::from_hours(24);
    let full = conflict(create(fixture.now + day - SignedDuration::from_millis(1)).await);
    assert!(full.contains("holds 40 live keys"), "{full}");
    let issued = create(fixture.now + day).await.unwrap().record.id;
    let keys = fixture.directory.client(&client_id()).await.unwrap().key_ids;
    assert_eq!((keys.len(), keys.contains(&issued.to_string())), (MAX_KEYS_PER_CLIENT, true));
    assert!(conflict(create(fixture.now + day).await).contains("holds 40 live keys"));

    let later = fixture.now + SignedDuration::from_hours(24 * 31);
    fixture.dynamo.wire().refuse("TransactWriteItems", 1, &cancelled(&["None", "ConditionalCheckFailed", "None"]));
    assert!(conflict(create(later).await).contains("changed meanwhile"));
    let issued = create(later).await.unwrap().record.id;
    let keys = fixture.directory.client(&client_id()).await.unwrap().key_ids;
    assert_eq!(keys, [issued.as_str()]);
}
