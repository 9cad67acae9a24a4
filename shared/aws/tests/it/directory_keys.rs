//! Keys: every change whole, recorded, and only from the state that it was meant for.

use engine_aws::Error;
use engine_aws::directory::{DirectoryError, KeyQuery, MAX_KEYS_PER_CLIENT, NewClient, NewKey};
use engine_core::access::{ClientId, KeyId, KeyState, TickerScope};
use engine_test_support::dynamo::tables;
use engine_test_support::wire::cancelled;
use jiff::SignedDuration;

use crate::desk::{conflict, days, is_conflict, refused_fields};
use crate::fixture::{Fixture, at, bytes, client_id, new_client, new_key, terms};

#[tokio::test]
async fn a_key_is_made_only_for_a_client_that_exists_and_is_active() {
    let fixture = Fixture::empty().await;
    let missing = fixture.create_key(&new_key()).await.err();
    assert!(matches!(missing, Some(DirectoryError::Store(Error::NotFound(_)))), "{missing:?}");
    fixture.create_client(&new_client()).await.unwrap();
    fixture.terminate().await.unwrap();
    let closed = conflict(fixture.create_key(&new_key()).await);
    assert!(closed.contains("is TERMINATED, not ACTIVE"), "{closed}");
    assert_eq!(fixture.sizes().await, [0, 3, 2]);
}

#[tokio::test]
async fn a_key_and_its_entry_come_in_one_transaction_or_not_at_all() {
    let fixture = Fixture::with_client().await;
    fixture.dynamo.wire().fail("TransactWriteItems", 100);
    assert!(fixture.create_key(&new_key()).await.is_err());
    assert_eq!(fixture.sizes().await, [0, 3, 1]);
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids.len(), 0);
    fixture.dynamo.wire().fail("TransactWriteItems", 0);
    let issued = fixture.create_key(&new_key()).await.unwrap();
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids, [issued.record.id.as_str()]);
    let (header, body) = fixture.entries("api_key.create").await.remove(0);
    assert_eq!(header["client_ref"], issued.record.client_ref.as_str());
    assert_eq!(body["details"]["key_id"], issued.record.id.as_str());
    assert_eq!((&body["details"]["version"], fixture.details(&issued.record.id).await.version), (&1.into(), 1));
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
    assert_eq!(refused_fields(fixture.create_key(&bad).await), all);
    for (bad, field) in [
        (NewKey { rate_limit: 0, ..new_key() }, "rate_limit"),
        (NewKey { rate_limit: u64::MAX, ..new_key() }, "rate_limit"),
        (NewKey { expiry_days: 0, ..new_key() }, "expiry_days"),
        (NewKey { expiry_days: u64::MAX, ..new_key() }, "expiry_days"),
        (NewKey { permissions: Some(vec![]), ..new_key() }, "permissions"),
        (NewKey { tickers: Some(vec![]), ..new_key() }, "tickers"),
        (NewKey { tickers: Some(vec!["<script>".to_owned()]), ..new_key() }, "tickers"),
    ] {
        assert_eq!(refused_fields(fixture.create_key(&bad).await), [field], "{bad:?}");
    }
    assert_eq!(fixture.sizes().await, [0, 3, 1]);
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
    assert_eq!(fixture.sizes().await, [40, 43, 41]);
    assert_eq!(fixture.add_terms(&terms("6")).await.unwrap(), 2, "40 keys fit the transaction");
    fixture.revoke(&last.unwrap()).await.unwrap();
    fixture.create_key(&new_key()).await.unwrap();
    assert!(is_conflict(&fixture.create_key(&new_key()).await));
}

#[tokio::test]
async fn a_keys_secret_is_nowhere_in_the_tables() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, _) = fixture.gate();
    let take = engine_aws::key_gate::Take { tokens: 1, owes_entry: true };
    gate.take(&key, take, fixture.now).await.unwrap().unwrap();
    fixture.revoke(key.id()).await.unwrap();
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
    let revoke = || fixture.revoke(key.id());
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
    let details = fixture.details(key.id()).await;
    assert_eq!((&entries[0].1["details"]["version"], details.version), (&2.into(), 2));
    assert_eq!(details.revoked_at, Some(at("2026-01-15T21:30:00.123Z")));
    let unknown = KeyId::parse("000000000000").unwrap();
    let missing = fixture.revoke(&unknown).await;
    assert!(matches!(missing, Err(Error::NotFound(_))), "{missing:?}");
}

#[tokio::test]
async fn a_transaction_that_meets_another_is_repeated_up_to_four_times_and_then_unavailable() {
    let fixture = Fixture::with_client().await;
    let wire = fixture.dynamo.wire();
    wire.reset();
    wire.refuse("TransactWriteItems", 4, &cancelled(&["None", "TransactionConflict", "None"]));
    fixture.create_key(&new_key()).await.unwrap();
    assert_eq!(wire.sent()["TransactWriteItems"], 5);
    assert_eq!(fixture.sizes().await, [1, 4, 2]);
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
    let revoke = || fixture.revoke(key.id());
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
    let create = async |after| fixture.later(after).create_key(&short).await;
    let full = conflict(create(days(1) - SignedDuration::from_millis(1)).await);
    assert!(full.contains("holds 40 live keys"), "{full}");
    let issued = create(days(1)).await.unwrap().record.id;
    let keys = fixture.directory.client(&client_id()).await.unwrap().key_ids;
    assert_eq!((keys.len(), keys.contains(&issued.to_string())), (MAX_KEYS_PER_CLIENT, true));
    assert!(conflict(create(days(1)).await).contains("holds 40 live keys"));

    let lost = cancelled(&["None", "None", "ConditionalCheckFailed", "None"]);
    fixture.dynamo.wire().refuse("TransactWriteItems", 1, &lost);
    assert!(conflict(create(days(31)).await).contains("changed meanwhile"));
    let issued = create(days(31)).await.unwrap().record.id;
    let keys = fixture.directory.client(&client_id()).await.unwrap().key_ids;
    assert_eq!(keys, [issued.as_str()]);
}

#[tokio::test]
async fn use_of_a_key_is_no_change_of_it() {
    let (fixture, key) = Fixture::with_key(60).await;
    let (gate, _) = fixture.gate();
    let take = engine_aws::key_gate::Take { tokens: 1, owes_entry: true };
    let revoked = {
        let prepared = fixture.directory.revoke_key(key.id(), None, &fixture.author, fixture.now).await.unwrap();
        gate.take(&key, take, fixture.now).await.unwrap().unwrap();
        fixture.directory.commit(prepared).await.unwrap()
    };
    assert_eq!((revoked.version, revoked.record.state), (2, KeyState::Revoked));
    let stored = fixture.details(key.id()).await;
    assert_eq!((stored.version, stored.used.seq, stored.rotation), (2, 1, revoked.rotation));
    assert!(fixture.entries("api_key.revoke").await[0].1.get("reason").is_none(), "no reason was given");
}

/// Ids of the listed keys, page by page.
async fn listed(fixture: &Fixture, query: &KeyQuery, limit: usize) -> Vec<Vec<String>> {
    let (mut query, mut pages) = (query.clone(), Vec::new());
    loop {
        let page = fixture.directory.keys(&query, limit).await.unwrap();
        pages.push(page.items.iter().map(|key| key.record.id.to_string()).collect());
        match page.next {
            Some(next) => query.after = Some(next),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn keys_are_listed_by_client_and_id_page_by_page_with_what_holds_of_them_now() {
    let fixture = Fixture::with_client().await;
    for client_id in ["another", "demo-2"] {
        fixture.create_client(&NewClient { client_id: client_id.to_owned(), ..new_client() }).await.unwrap();
    }
    let mut expected = Vec::new();
    for client_id in ["another", "demo", "demo", "demo", "demo-2"] {
        let new = NewKey { client_id: client_id.to_owned(), ..new_key() };
        expected.push((client_id, fixture.create_key(&new).await.unwrap().record.id.to_string()));
    }
    // `#` goes before `-`, so the client's keys go before those of a client whose id goes on.
    expected.sort();
    let all: Vec<_> = expected.iter().map(|(_, id)| id.clone()).collect();
    assert_eq!(listed(&fixture, &KeyQuery::default(), 100).await, std::slice::from_ref(&all));
    assert_eq!(listed(&fixture, &KeyQuery::default(), 2).await, [&all[..2], &all[2..4], &all[4..]]);
    let demo = KeyQuery { client_id: Some(client_id()), ..KeyQuery::default() };
    assert_eq!(listed(&fixture, &demo, 2).await.concat(), all[1..4]);
    assert_eq!(listed(&fixture, &demo, 3).await.concat(), all[1..4]);

    fixture.revoke(&KeyId::parse(&all[2]).unwrap()).await.unwrap();
    let with = |state| KeyQuery { state: Some(state), ..KeyQuery::default() };
    assert_eq!(listed(&fixture, &with(KeyState::Revoked), 100).await.concat(), [all[2].clone()]);
    let active = [&all[..2], &all[3..]].concat();
    assert_eq!(listed(&fixture, &with(KeyState::Active), 1).await.concat(), active);
    let nobody = KeyQuery { client_id: Some(ClientId::parse("nobody").unwrap()), ..KeyQuery::default() };
    assert_eq!(listed(&fixture, &nobody, 10).await, [Vec::<String>::new()]);
}

#[tokio::test]
async fn a_page_of_keys_takes_a_query_and_a_batch_and_never_a_scan_of_the_hot_table() {
    let (fixture, _) = Fixture::with_key(60).await;
    fixture.directory.keys(&KeyQuery::default(), 100).await.unwrap();
    let sent = fixture.dynamo.wire().sent();
    assert_eq!(sent, [("Query".to_owned(), 1), ("BatchGetItem".to_owned(), 1)].into());
}
