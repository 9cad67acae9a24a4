//! Clients and terms: every change whole, recorded, and only from the state that it was meant for.

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::directory::{ClientStatus, DirectoryError, MAX_KEYS_PER_CLIENT, NewClient};
use engine_core::access::{KeyId, KeyState, terms_in_force};
use engine_core::audit::Commitment;
use engine_core::field::Fields;
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;

use crate::desk::{conflict, days, is_conflict, refused_fields};
use crate::fixture::{CLIENT, Fixture, client_id, meanwhile, new_client, new_key, terms};

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
    let (client, terms) = fixture.create_client(&new_client()).await.unwrap();
    assert_eq!(fixture.dynamo.wire().sent(), [("TransactWriteItems".to_owned(), 1)].into());
    assert_eq!(fixture.sizes().await, [0, 3, 1]);
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
    let failed = fixture.create_client(&new_client()).await;
    assert!(matches!(failed, Err(DirectoryError::Store(Error::Unavailable { .. }))), "{failed:?}");
    assert_eq!(fixture.sizes().await, [0, 0, 0]);
}

#[tokio::test]
async fn a_second_client_of_the_same_id_is_a_conflict_and_changes_nothing() {
    let fixture = Fixture::with_client().await;
    let before = (fixture.scan(tables::CLIENTS).await, fixture.scan(tables::AUDIT).await);
    let other = NewClient { name: "Another Ltd".to_owned(), terms: terms("50"), ..new_client() };
    assert!(is_conflict(&fixture.create_client(&other).await));
    assert_eq!((fixture.scan(tables::CLIENTS).await, fixture.scan(tables::AUDIT).await), before);
}

#[tokio::test]
async fn every_bad_field_of_a_client_is_named_and_nothing_written() {
    let fixture = Fixture::empty().await;
    for name in [String::new(), " ".to_owned(), "a\u{7}b".to_owned(), "x".repeat(201)] {
        let terms = Fields::from_pairs([("markup_percentage", "101"), ("fee_type", "NONE"), ("fee_amount", "-1")]);
        let bad = NewClient { client_id: "a b".to_owned(), name, terms };
        let fields = refused_fields(fixture.create_client(&bad).await);
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
    assert_eq!(refused_fields(fixture.add_terms(&dated("2026-01-01T00:00:00Z")).await), ["effective_from"]);
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

#[tokio::test(flavor = "multi_thread")]
async fn a_key_made_while_terms_are_added_never_keeps_the_old_version() {
    let fixture = Fixture::with_client().await;
    // Terms are added between the key's read of the client and its write.
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.add_terms(&terms("6"))).unwrap();
    });
    assert!(is_conflict(&fixture.create_key(&new_key()).await));
    let first = fixture.create_key(&new_key()).await.unwrap().record.id;
    assert_eq!(fixture.terms_version(&first).await, 2);
    // A key is made between the terms' read of the client and their write.
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.create_key(&new_key())).unwrap();
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
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.add_terms(&terms("6"))).unwrap();
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

#[tokio::test]
async fn a_proposed_client_has_no_terms_and_no_keys_until_its_first_terms_are_added() {
    let fixture = Fixture::empty().await;
    let bad = NewClient { terms: terms("101"), ..new_client() };
    assert_eq!(refused_fields(fixture.propose_client(&bad).await), ["markup_percentage"]);
    let proposed = fixture.propose_client(&new_client()).await.unwrap();
    assert_eq!((proposed.status, proposed.terms_version, proposed.version), (ClientStatus::Pending, 0, 1));
    assert_eq!(fixture.terms_versions().await, [0; 0]);
    let pending = conflict(fixture.create_key(&new_key()).await);
    assert!(pending.contains("is PENDING, not ACTIVE"), "{pending}");
    let (_, body) = fixture.entries("client.create").await.remove(0);
    assert_eq!((&body["details"]["status"], &body["details"]["opening"]["value"]), (&"PENDING".into(), &CLIENT.into()));
    assert_eq!((&body["reason"], &body["details"]["request_id"]), (&"contract of January".into(), &"r-1".into()));
    assert_eq!(body["details"]["proposed_terms"]["markup_percentage"], "5");

    assert_eq!(fixture.later(days(1)).add_terms(&terms("6")).await.unwrap(), 1);
    let client = fixture.directory.client(&client_id()).await.unwrap();
    assert_eq!((client.status, client.terms_version, client.version), (ClientStatus::Active, 1, 2));
    fixture.create_key(&new_key()).await.unwrap();
}

#[tokio::test]
async fn who_asked_and_who_agreed_stand_in_the_entry_of_new_terms() {
    let fixture = Fixture::with_client().await;
    let more = serde_json::Map::from_iter([("request_id".to_owned(), "r-1".into())]);
    let prepared = fixture.directory.add_terms(&client_id(), &terms("6"), more, &fixture.author, fixture.now).await;
    fixture.directory.commit(prepared.unwrap()).await.unwrap();
    let (_, body) = fixture.entries("client.terms.add").await.remove(0);
    assert_eq!((&body["details"]["request_id"], &body["details"]["version"]), (&"r-1".into(), &2.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn proposed_terms_are_recorded_and_change_nothing() {
    let fixture = Fixture::with_client().await;
    let before = fixture.scan(tables::CLIENTS).await;
    assert_eq!(refused_fields(fixture.propose_terms(&terms("101")).await), ["markup_percentage"]);
    fixture.propose_terms(&terms("6")).await.unwrap();
    assert_eq!(fixture.scan(tables::CLIENTS).await, before);
    let (_, body) = fixture.entries("client.terms.propose").await.remove(0);
    assert_eq!(body["details"]["proposed_terms"]["markup_percentage"], "6");
    assert!(body["details"]["proposed_terms"].get("version").is_none());
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.terminate()).unwrap();
    });
    assert!(conflict(fixture.propose_terms(&terms("6")).await).contains("changed meanwhile"));
    assert!(conflict(fixture.propose_terms(&terms("6")).await).contains("is TERMINATED"));
}

#[tokio::test]
async fn termination_revokes_every_key_in_the_same_breath_and_is_final() {
    let fixture = Fixture::with_client().await;
    let mut keys = Vec::new();
    for _ in 0..MAX_KEYS_PER_CLIENT {
        keys.push(fixture.create_key(&new_key()).await.unwrap().record.id);
    }
    fixture.dynamo.wire().reset();
    let ended = fixture.terminate().await.unwrap();
    assert_eq!(fixture.dynamo.wire().sent()["TransactWriteItems"], 1);
    let stored = fixture.directory.client(&client_id()).await.unwrap();
    assert_eq!((stored.status, stored.version, stored.key_ids.len()), (ClientStatus::Terminated, 2, 0));
    assert_eq!((ended.status, ended.version, ended.terminated_at), (stored.status, 2, stored.terminated_at));
    let (_, body) = fixture.entries("client.terminate").await.remove(0);
    assert_eq!((&body["reason"], &body["details"]["version"]), (&"left".into(), &2.into()));
    for key in &keys {
        let details = fixture.details(key).await;
        assert_eq!((details.record.state, details.revoked_at), (KeyState::Revoked, Some(fixture.now)));
        assert_eq!(body["details"]["versions"][key.as_str()], details.version);
    }
    assert!(conflict(fixture.terminate().await).contains("is TERMINATED"));
    assert!(conflict(fixture.add_terms(&terms("6")).await).contains("TERMINATED"));
    assert!(conflict(fixture.add_contact().await).contains("TERMINATED"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_issued_while_the_client_is_terminated_is_not_left_behind() {
    let (fixture, first) = Fixture::with_key(60).await;
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.create_key(&new_key())).unwrap();
    });
    assert!(conflict(fixture.terminate().await).contains("changed meanwhile"));
    assert_eq!(fixture.details(first.id()).await.record.state, KeyState::Active, "all or nothing");
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.terminate()).unwrap();
    });
    assert!(conflict(fixture.create_key(&new_key()).await).contains("changed meanwhile"));
    let live = fixture.scan(tables::KEYS).await.into_iter().filter(|key| key["key_state"].as_s().unwrap() != "REVOKED");
    assert_eq!(live.count(), 0);
}

#[tokio::test]
async fn clients_are_listed_by_id_page_by_page() {
    let fixture = Fixture::empty().await;
    for client_id in ["zeta", "Acme", "beta_1", "beta"] {
        fixture.create_client(&NewClient { client_id: client_id.to_owned(), ..new_client() }).await.unwrap();
    }
    for limit in 1..=5 {
        let (mut after, mut listed) = (None, Vec::new());
        loop {
            let page = fixture.directory.clients(after.as_ref(), limit).await.unwrap();
            assert!(page.items.len() <= limit);
            listed.extend(page.items.iter().map(|client| client.client_id.to_string()));
            match page.next {
                Some(next) => after = Some(next),
                None => break,
            }
        }
        assert_eq!(listed, ["Acme", "beta", "beta_1", "zeta"], "{limit} a page");
    }
}
