//! Emergency rotation of a client's keys: everything ends at once, and what is owed is offered later.

use std::collections::{BTreeMap, BTreeSet};

use engine_aws::Error;
use engine_aws::directory::{KeysEnded, KeysOffered, Occasion, PossessionError, SuccessorState};
use engine_core::access::{ApiKey, KeyId, KeyState, Refusal};
use engine_test_support::dynamo::tables;

use crate::desk::{Desk, conflict, days};
use crate::fixture::{Fixture, client_id, meanwhile, new_key};

const OCCASION: Occasion<'_> =
    Occasion { rotation_id: "019a1b2c-3d4e-7f50-8a6b-7c8d9e0f1a2b", requested_by: "sam", reason: "the vault leaked" };

impl Desk {
    async fn end_all(&self, only: Option<&KeyId>) -> Result<KeysEnded, Error> {
        let ended = self.directory.revoke_client_keys(&client_id(), only, OCCASION, &self.author, self.now).await;
        self.directory.commit(ended?).await
    }

    async fn offer_all(&self, owed: &BTreeMap<String, u32>) -> Result<KeysOffered, Error> {
        let offered = self.directory.offer_after_emergency(&client_id(), owed, OCCASION, &self.author, self.now).await;
        self.directory.commit(offered?).await
    }
}

async fn another_key(fixture: &Fixture) -> ApiKey {
    fixture.create_key(&new_key()).await.unwrap().api_key
}

fn ids<'a>(keys: impl IntoIterator<Item = &'a ApiKey>) -> BTreeSet<String> {
    keys.into_iter().map(|key| key.id().to_string()).collect()
}

fn owed(ended: &KeysEnded) -> BTreeSet<String> {
    ended.owed.keys().cloned().collect()
}

/// A client with a verified contact and a key.
async fn with_contact() -> (Fixture, ApiKey) {
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.verified_contact().await;
    (fixture, key)
}

#[tokio::test]
async fn all_that_a_client_holds_ends_in_one_transaction_with_one_entry_and_nothing_is_offered_yet() {
    let (fixture, first) = with_contact().await;
    let (second, frozen) = (another_key(&fixture).await, another_key(&fixture).await);
    fixture.rotate(frozen.id(), 14).await.unwrap();
    let claimed = fixture.claim(&frozen).await.unwrap();
    fixture.freeze(&claimed.freeze_code).await.unwrap();
    let successor = claimed.issued.api_key;
    let before = fixture.directory.client(&client_id()).await.unwrap().version;

    fixture.dynamo.wire().reset();
    let ended = fixture.end_all(None).await.unwrap();
    assert_eq!(fixture.dynamo.wire().sent()["TransactWriteItems"], 1);
    assert_eq!(ended.revoked, ids([&first, &second, &frozen, &successor]));
    assert_eq!(owed(&ended), ids([&first, &second, &frozen]), "the successor was never taken into use");
    assert!(ended.owed.values().all(|days| *days == 30));
    for key in [&first, &second, &frozen, &successor] {
        let details = fixture.details(key.id()).await;
        assert_eq!((details.record.state, details.rotation.offer), (KeyState::Revoked, None));
        assert_eq!(details.revoked_at, Some(fixture.now));
    }
    let client = fixture.directory.client(&client_id()).await.unwrap();
    assert_eq!((client.key_ids, client.version), (Vec::new(), before));

    let entries = fixture.entries("api_key.emergency_rotate").await;
    let [(header, body)] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!((&body["resource"], &body["reason"]), (&"client:demo".into(), &"the vault leaked".into()));
    assert_eq!(header["client_ref"], client.client_ref.as_str());
    let details = &body["details"];
    assert_eq!((&details["rotation_id"], &details["requested_by"]), (&OCCASION.rotation_id.into(), &"sam".into()));
    let versions = details["versions"].as_object().unwrap();
    assert_eq!(versions.keys().cloned().collect::<BTreeSet<_>>(), ended.revoked);
    assert_eq!((&versions[first.id().as_str()], &versions[frozen.id().as_str()]), (&2.into(), &4.into()));
}

#[tokio::test]
async fn one_key_ends_with_a_successor_that_waits_for_its_confirmation_and_no_other() {
    let (fixture, key) = with_contact().await;
    let other = another_key(&fixture).await;
    fixture.rotate(key.id(), 14).await.unwrap();
    let successor = fixture.claim(&key).await.unwrap().issued.api_key;
    let ended = fixture.end_all(Some(key.id())).await.unwrap();
    assert_eq!((&ended.revoked, owed(&ended)), (&ids([&key, &successor]), ids([&key])));
    assert_eq!(fixture.details(other.id()).await.record.state, KeyState::Active);
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids, [other.id().as_str()]);
}

#[tokio::test]
async fn a_client_in_the_overlap_is_owed_one_successor_and_it_is_the_younger_key_s() {
    let (fixture, old) = with_contact().await;
    fixture.rotate(old.id(), 14).await.unwrap();
    let young = fixture.claim(&old).await.unwrap().issued.api_key;
    fixture.confirm(&young).await.unwrap();
    let ended = fixture.end_all(None).await.unwrap();
    assert_eq!((&ended.revoked, owed(&ended)), (&ids([&old, &young]), ids([&young])));

    // Where the younger one was revoked before, the older is all that the client had.
    let (fixture, old) = with_contact().await;
    fixture.rotate(old.id(), 14).await.unwrap();
    let young = fixture.claim(&old).await.unwrap().issued.api_key;
    fixture.confirm(&young).await.unwrap();
    fixture.revoke(young.id()).await.unwrap();
    assert_eq!(owed(&fixture.end_all(None).await.unwrap()), ids([&old]));
}

#[tokio::test]
async fn a_key_that_had_ended_by_itself_is_revoked_and_owed_nothing() {
    let (fixture, key) = Fixture::with_key(60).await;
    let ended = fixture.later(days(30)).end_all(None).await.unwrap();
    assert_eq!((ended.revoked, ended.owed), (ids([&key]), BTreeMap::new()));
}

#[tokio::test]
async fn a_successor_of_a_key_that_ended_before_leaves_what_is_owed_to_that_key_s_offer() {
    let (fixture, old) = with_contact().await;
    let code = fixture.emergency_rotate(old.id()).await.unwrap().claim_code.unwrap().code;
    let successor = fixture.claim_with(&code).await.unwrap().issued.api_key;
    let ended = fixture.end_all(None).await.unwrap();
    assert_eq!((ended.revoked, ended.owed), (ids([&successor]), BTreeMap::new()));
    assert!(fixture.claim_code(old.id()).await.is_ok(), "it can be claimed anew");
}

#[tokio::test]
async fn a_claim_code_that_was_handed_out_is_good_for_nothing_after_it_and_a_new_one_only_once_it_is_owed() {
    let (fixture, key) = with_contact().await;
    let end = fixture.now + days(30);
    fixture.rotate(key.id(), 14).await.unwrap();
    let late = Desk { now: end, ..fixture.later(days(0)) };
    let code = late.claim_code(key.id()).await.unwrap().claim_code.unwrap().code;
    let ended = late.end_all(None).await.unwrap();
    assert!(late.claim_with(&code).await.is_err());
    assert!(conflict(late.claim_code(key.id()).await).contains("no successor"));
    assert!(ended.owed.is_empty());

    let (fixture, key) = with_contact().await;
    let ended = fixture.end_all(None).await.unwrap();
    assert!(conflict(fixture.claim_code(key.id()).await).contains("no successor"), "nothing is issued yet");
    let offered = fixture.offer_all(&ended.owed).await.unwrap();
    assert_eq!((offered.offered, offered.note), (ids([&key]), None));
    let details = fixture.details(key.id()).await;
    let offer = details.rotation.offer.unwrap();
    assert_eq!((offer.state, offer.expiry_days, offer.claims), (SuccessorState::Offered, 30, 0));
    assert_eq!((details.record.state, details.version), (KeyState::Revoked, 3));
    let entries = fixture.entries("api_key.rotate").await;
    let [(_, body)] = &entries[..] else { panic!("{entries:?}") };
    assert_eq!(
        (&body["resource"], &body["details"]["versions"][key.id().as_str()]),
        (&"client:demo".into(), &3.into())
    );
    let later = fixture.later(jiff::SignedDuration::from_mins(1));
    let code = later.claim_code(key.id()).await.unwrap().claim_code.unwrap().code;
    let successor = later.claim_with(&code).await.unwrap().issued.api_key;
    later.confirm(&successor).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_successor_that_a_stolen_key_claims_meanwhile_is_not_missed() {
    let (fixture, stolen) = with_contact().await;
    fixture.rotate(stolen.id(), 14).await.unwrap();
    let (rival, thief) = (fixture.rival(), stolen.expose().to_owned());
    let claimed = std::sync::Arc::new(std::sync::Mutex::new(None));
    let told = claimed.clone();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        let stolen = ApiKey::parse(&thief, "test").unwrap();
        let successor = meanwhile(async move { rival.claim(&stolen).await.unwrap().issued.api_key });
        *told.lock().unwrap() = Some(successor);
    });
    assert!(conflict(fixture.end_all(None).await).contains("changed meanwhile"));
    let successor = claimed.lock().unwrap().take().unwrap();
    let ended = fixture.end_all(None).await.unwrap();
    assert_eq!((&ended.revoked, owed(&ended)), (&ids([&stolen, &successor]), ids([&stolen])));
    let refused = fixture.confirm(&successor).await;
    assert!(matches!(refused, Err(engine_aws::directory::PossessionError::Refused(Refusal::Revoked))));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_made_meanwhile_is_not_missed_either() {
    let (fixture, key) = Fixture::with_key(60).await;
    for only in [None, Some(key.id())] {
        let rival = fixture.rival();
        fixture.dynamo.wire().before("TransactWriteItems", move || {
            meanwhile(async move { rival.create_key(&new_key()).await.unwrap() });
        });
        assert!(conflict(fixture.end_all(only).await).contains("changed meanwhile"));
    }
    assert_eq!(fixture.end_all(None).await.unwrap().revoked.len(), 3);
    let empty = fixture.end_all(None).await.unwrap();
    assert_eq!(empty, KeysEnded::default(), "there is nothing left");
    assert_eq!(fixture.entries("api_key.emergency_rotate").await.len(), 1);
}

#[tokio::test]
async fn a_client_that_has_left_is_owed_nothing_whenever_it_left() {
    let (fixture, key) = Fixture::with_key(60).await;
    let ended = fixture.end_all(None).await.unwrap();
    fixture.terminate().await.unwrap();
    let (desk, id) = (&fixture.author, client_id());
    let offered = fixture.directory.offer_after_emergency(&id, &ended.owed, OCCASION, desk, fixture.now).await;
    assert_eq!(
        offered.unwrap().value,
        KeysOffered { note: Some("the client is terminated"), ..KeysOffered::default() }
    );
    let again = fixture.directory.revoke_client_keys(&client_id(), None, OCCASION, &fixture.author, fixture.now).await;
    assert_eq!(again.unwrap().value.note, Some("the client is terminated"));
    assert_eq!(fixture.details(key.id()).await.rotation.offer, None);
}

#[tokio::test]
async fn forty_keys_end_at_once() {
    let fixture = Fixture::with_client().await;
    for _ in 0..engine_aws::directory::MAX_KEYS_PER_CLIENT {
        another_key(&fixture).await;
    }
    let ended = fixture.end_all(None).await.unwrap();
    assert_eq!((ended.revoked.len(), ended.owed.len()), (40, 40));
    assert_eq!(fixture.offer_all(&ended.owed).await.unwrap().offered.len(), 40);
    let keys = fixture.scan(tables::KEYS).await;
    assert!(keys.iter().all(|key| key["key_state"].as_s().unwrap() == "REVOKED" && key.contains_key("offered_at")));
}

/// A key that has ended with a code for its successor, made an hour before the fixture's desk looks again.
async fn ended_with_code() -> (Fixture, ApiKey, engine_core::access::OneTimeCode) {
    let (fixture, key) = with_contact().await;
    let offered = fixture.emergency_rotate(key.id()).await.unwrap();
    (fixture, key, offered.claim_code.unwrap().code)
}

#[tokio::test]
async fn claim_codes_that_were_out_when_a_clients_keys_ended_claim_nothing_and_later_ones_do() {
    let (fixture, key, code) = ended_with_code().await;
    let desk = fixture.later(jiff::SignedDuration::from_hours(1));
    desk.end_all(None).await.unwrap();
    assert!(matches!(desk.claim_with(&code).await, Err(PossessionError::Refused(Refusal::Revoked))));
    let later = desk.later(jiff::SignedDuration::from_mins(1));
    let code = later.claim_code(key.id()).await.unwrap().claim_code.unwrap().code;
    later.claim_with(&code).await.unwrap();
}

#[tokio::test]
async fn a_claim_code_of_another_key_outlives_the_end_of_one() {
    let (fixture, _, code) = ended_with_code().await;
    let other = another_key(&fixture).await;
    fixture.later(days(0)).end_all(Some(other.id())).await.unwrap();
    fixture.claim_with(&code).await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_claim_by_code_that_meets_the_end_of_all_keys_makes_none() {
    let (fixture, _, code) = ended_with_code().await;
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(async { rival.end_all(None).await.unwrap() });
    });
    assert!(fixture.claim_with(&code).await.is_err());
    assert!(fixture.directory.client(&client_id()).await.unwrap().key_ids.is_empty());
}

#[tokio::test]
async fn a_successor_that_was_collected_with_a_stolen_key_ends_with_it_confirmed_or_not() {
    let (fixture, stolen) = with_contact().await;
    let other = another_key(&fixture).await;
    fixture.rotate(stolen.id(), 14).await.unwrap();
    let successor = fixture.claim(&stolen).await.unwrap().issued.api_key;
    fixture.confirm(&successor).await.unwrap();
    let ended = fixture.end_all(Some(stolen.id())).await.unwrap();
    assert_eq!(ended.revoked, ids([&stolen, &successor]));
    assert_eq!(owed(&ended), ids([&successor]), "one for the line, not one for each key of it");
    assert_eq!(fixture.details(other.id()).await.record.state, KeyState::Active);
}
