//! Rotation: a successor is offered, claimed, confirmed; and what stops it.

use std::sync::Arc;

use engine_aws::directory::{KeyDetails, Offered, PossessionError, SuccessorState};
use engine_aws::key_gate::{Denial, KeyGate, Take};
use engine_core::access::{ApiKey, CodeKind, KeyId, KeyState, OneTimeCode, Refusal};
use engine_test_support::dynamo::tables;
use jiff::{SignedDuration, Timestamp};

use crate::desk::{Desk, conflict, days, refused_fields};
use crate::fixture::{Fixture, bytes, client_id, forged, meanwhile, new_key};

const ONE: Take = Take { tokens: 1, owes_entry: true };

/// What a request with that key comes to.
async fn used(gate: &KeyGate, key: &ApiKey, now: Timestamp) -> Result<(), Refusal> {
    match gate.take(key, ONE, now).await.unwrap() {
        Ok(_) => Ok(()),
        Err(Denial::Refused(refusal)) => Err(refusal),
        Err(limited) => panic!("{limited:?}"),
    }
}

fn refusal<T>(result: Result<T, PossessionError>) -> Refusal {
    match result {
        Err(PossessionError::Refused(refusal)) => refusal,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was done"),
    }
}

fn code_of(offered: &Offered) -> &OneTimeCode {
    &offered.claim_code.as_ref().expect("a code").code
}

/// A client with a verified contact and a key to which a successor was offered.
async fn offered() -> (Fixture, ApiKey, Arc<KeyGate>) {
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.verified_contact().await;
    fixture.rotate(key.id(), 14).await.unwrap();
    let (gate, _) = fixture.gate();
    (fixture, key, gate)
}

/// The version that an entry says its key has after it, and the versions of the others that it names.
async fn recorded(fixture: &Fixture, event: &str) -> serde_json::Value {
    fixture.entries(event).await.pop().unwrap().1["details"].clone()
}

/// The details of the entry of an event that names other keys.
async fn naming_others(fixture: &Fixture, event: &str) -> serde_json::Value {
    let mut entries = fixture.entries(event).await;
    entries.retain(|(_, body)| body["details"].get("versions").is_some());
    entries.pop().unwrap().1["details"].clone()
}

async fn state(desk: &Desk, key: &KeyId) -> KeyState {
    desk.details(key).await.record.state
}

fn successor(details: &KeyDetails) -> Option<SuccessorState> {
    details.rotation.offer.as_ref().map(|offer| offer.state)
}

#[tokio::test]
async fn both_keys_work_during_the_overlap_and_only_the_successor_after_it() {
    let (fixture, key, gate) = offered().await;
    let end = fixture.now + days(14);
    assert_eq!(fixture.details(key.id()).await.record.expires_at, end);
    let claimed = fixture.later(days(2)).claim(&key).await.unwrap();
    let next = &claimed.issued.api_key;
    assert_eq!(used(&gate, next, fixture.now + days(2)).await, Err(Refusal::NotConfirmed));
    let confirmed = fixture.later(days(3)).confirm(next).await.unwrap();
    assert_eq!(confirmed.rotation.predecessor_id.as_ref(), Some(key.id()));
    assert_eq!(confirmed.rotation.claimed_at, Some(fixture.now + days(2)));
    assert_eq!(confirmed.rotation.confirmed_at, Some(fixture.now + days(3)));
    for now in [fixture.now + days(3), end - SignedDuration::from_millis(1)] {
        assert_eq!((used(&gate, &key, now).await, used(&gate, next, now).await), (Ok(()), Ok(())));
    }
    assert_eq!((used(&gate, &key, end).await, used(&gate, next, end).await), (Err(Refusal::Expired), Ok(())));
    // The key was made for 30 days, and so is its successor, from its claim on.
    let last = fixture.now + days(32) - SignedDuration::from_millis(1);
    assert_eq!(used(&gate, next, last).await, Ok(()));
    assert_eq!(used(&gate, next, fixture.now + days(32)).await, Err(Refusal::Expired));
}

#[tokio::test]
async fn a_successor_may_do_what_its_predecessor_may() {
    let fixture = Fixture::with_client().await;
    fixture.verified_contact().await;
    let new = engine_aws::directory::NewKey {
        rate_limit: 300,
        tickers: Some(vec!["AAPL".to_owned()]),
        permissions: Some(vec!["rates:view".to_owned()]),
        ..new_key()
    };
    let key = fixture.create_key(&new).await.unwrap();
    fixture.rotate(key.api_key.id(), 1).await.unwrap();
    let next = fixture.claim(&key.api_key).await.unwrap().issued.record;
    assert_ne!(next.id, key.record.id);
    assert_eq!((next.tier, next.tickers), (key.record.tier, key.record.tickers));
    assert_eq!((next.permissions, next.client_id), (key.record.permissions, key.record.client_id));
}

#[tokio::test]
async fn an_overlap_is_1_to_14_days_and_never_lengthens_a_life() {
    let (fixture, key) = Fixture::with_key(60).await;
    for bad in [0, 15, u64::MAX] {
        assert_eq!(refused_fields(fixture.rotate(key.id(), bad).await), ["overlap_days"], "{bad}");
    }
    let almost = fixture.later(days(29));
    let rotated = almost.rotate(key.id(), 14).await.unwrap();
    assert_eq!(rotated.record.expires_at, fixture.now + days(30));
    assert!(conflict(almost.rotate(key.id(), 14).await).contains("offered already"));
    let other = fixture.create_key(&new_key()).await.unwrap().record.id;
    assert!(conflict(fixture.later(days(30)).rotate(&other, 14).await).contains("has expired"));
    fixture.revoke(&other).await.unwrap();
    assert!(conflict(fixture.rotate(&other, 14).await).contains("cannot be rotated"));
}

#[tokio::test]
async fn claiming_again_before_the_confirmation_replaces_what_was_claimed() {
    let (fixture, key, gate) = offered().await;
    let first = fixture.claim(&key).await.unwrap().issued.api_key;
    let second = fixture.claim(&key).await.unwrap().issued.api_key;
    assert_ne!(first.id(), second.id());
    assert_eq!(state(&fixture, first.id()).await, KeyState::Revoked);
    assert_eq!(refusal(fixture.confirm(&first).await), Refusal::Revoked);
    let claim = fixture.entries("api_key.claim").await;
    assert_eq!(claim.len(), 2);
    let replaced = claim.iter().find(|(_, body)| body["details"]["key_id"] == second.id().as_str()).unwrap();
    assert_eq!(replaced.1["details"]["versions"][first.id().as_str()], 2);
    assert_eq!(replaced.1["actor"]["type"], "client");
    fixture.confirm(&second).await.unwrap();
    assert_eq!(used(&gate, &second, fixture.now).await, Ok(()));
    let keys = fixture.directory.client(&client_id()).await.unwrap().key_ids;
    assert_eq!(keys.len(), 2, "the predecessor and its one successor: {keys:?}");
    assert!(conflict(fixture.claim(&key).await).contains("no successor"), "confirmed is done");
}

#[tokio::test]
async fn a_claim_with_a_foreign_key_or_a_wrong_secret_is_refused_and_writes_nothing() {
    let (fixture, key, _) = offered().await;
    let foreign = fixture.create_key(&new_key()).await.unwrap().api_key;
    let before = (fixture.scan(tables::KEYS).await, fixture.scan(tables::AUDIT).await.len());
    assert!(conflict(fixture.claim(&foreign).await).contains("no successor"));
    assert_eq!(refusal(fixture.claim(&forged(&key)).await), Refusal::NotAuthenticated);
    let unknown = ApiKey::generate("test", [1; 9], &[1; 32]).unwrap();
    assert_eq!(refusal(fixture.claim(&unknown).await), Refusal::NotAuthenticated);
    assert_eq!(refusal(fixture.later(days(14)).claim(&key).await), Refusal::Expired);
    assert_eq!((fixture.scan(tables::KEYS).await, fixture.scan(tables::AUDIT).await.len()), before);
}

#[tokio::test]
async fn confirming_takes_the_claimed_key_itself_and_happens_once() {
    let (fixture, key, _) = offered().await;
    assert!(conflict(fixture.confirm(&key).await).contains("cannot be confirmed"), "nothing is claimed yet");
    let next = fixture.claim(&key).await.unwrap().issued.api_key;
    assert!(conflict(fixture.confirm(&key).await).contains("cannot be confirmed"), "the predecessor is not it");
    assert_eq!(refusal(fixture.confirm(&forged(&next)).await), Refusal::NotAuthenticated);
    fixture.confirm(&next).await.unwrap();
    assert!(conflict(fixture.confirm(&next).await).contains("cannot be confirmed"));
    let entries = fixture.entries("api_key.confirm").await;
    assert_eq!((entries.len(), &entries[0].1["details"]["version"]), (1, &2.into()));
    let predecessor = fixture.details(key.id()).await;
    assert_eq!(successor(&predecessor), Some(SuccessorState::Confirmed));
    assert_eq!(entries[0].1["details"]["versions"][key.id().as_str()], predecessor.version);
    assert_eq!(entries[0].0["actor_ref"], predecessor.record.actor_ref.as_str());
}

#[tokio::test]
async fn nothing_is_claimed_unless_somebody_verified_can_be_told() {
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.rotate(key.id(), 14).await.unwrap();
    fixture.add_contact().await.unwrap();
    assert!(conflict(fixture.claim(&key).await).contains("no verified contact"));
    let contact = fixture.verified_contact().await;
    let told = fixture.claim(&key).await.unwrap().contacts;
    assert_eq!(told, [contact]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_contact_removed_during_a_claim_is_not_the_one_told() {
    let (fixture, key) = Fixture::with_key(60).await;
    let contact = fixture.verified_contact().await;
    fixture.rotate(key.id(), 14).await.unwrap();
    let rival = fixture.rival();
    fixture.dynamo.wire().before("TransactWriteItems", move || {
        meanwhile(rival.remove_contact(&contact.id)).unwrap();
    });
    assert!(conflict(fixture.claim(&key).await).contains("changed meanwhile"));
}

#[tokio::test]
async fn a_contact_freezes_what_it_did_not_recognise_and_an_administrator_decides() {
    let (fixture, key, gate) = offered().await;
    let claimed = fixture.claim(&key).await.unwrap();
    let next = &claimed.issued.api_key;
    let forged = OneTimeCode::generate(CodeKind::Freeze, "test", next.id().clone(), &[7; 32]).unwrap();
    assert_eq!(refusal(fixture.freeze(&forged).await), Refusal::NotAuthenticated);
    fixture.freeze(&claimed.freeze_code).await.unwrap();
    assert_eq!(fixture.entries("api_key.freeze").await[0].1["actor"]["type"], "contact");
    assert_eq!(used(&gate, next, fixture.now).await, Err(Refusal::Frozen));
    assert_eq!(refusal(fixture.confirm(next).await), Refusal::Frozen);
    assert!(conflict(fixture.claim(&key).await).contains("frozen"), "nobody claims past the contact");
    assert!(conflict(fixture.freeze(&claimed.freeze_code).await).contains("cannot be frozen"));
    assert_eq!(used(&gate, &key, fixture.now).await, Ok(()), "the predecessor goes on");

    let unfrozen = fixture.unfreeze(next.id()).await.unwrap();
    assert_eq!((unfrozen.record.state, unfrozen.version), (KeyState::Claimed, 3));
    assert_eq!(used(&gate, next, fixture.now).await, Err(Refusal::NotConfirmed), "receipt is confirmed again");
    fixture.confirm(next).await.unwrap();
    assert_eq!(used(&gate, next, fixture.now).await, Ok(()));
    assert!(conflict(fixture.unfreeze(next.id()).await).contains("cannot be unfrozen"));
}

#[tokio::test]
async fn the_contacts_code_freezes_a_key_again_that_an_administrator_let_go_on() {
    let (fixture, key, gate) = offered().await;
    let claimed = fixture.claim(&key).await.unwrap();
    let next = &claimed.issued.api_key;
    for confirmed in [false, true] {
        fixture.freeze(&claimed.freeze_code).await.unwrap();
        assert_eq!(used(&gate, next, fixture.now).await, Err(Refusal::Frozen), "confirmed: {confirmed}");
        fixture.unfreeze(next.id()).await.unwrap();
        fixture.confirm(next).await.unwrap();
    }
    fixture.freeze(&claimed.freeze_code).await.unwrap();
    assert_eq!(state(&fixture, next.id()).await, KeyState::Frozen);
}

/// Claims as often as one offer allows; what was claimed last.
async fn claimed_out(fixture: &Fixture, key: &ApiKey) -> ApiKey {
    let mut last = None;
    for _ in 0..5 {
        last = Some(fixture.claim(key).await.unwrap().issued.api_key);
    }
    assert!(conflict(fixture.claim(key).await).contains("an administrator must offer it anew"));
    last.unwrap()
}

#[tokio::test]
async fn an_offer_is_claimed_five_times_and_then_an_administrator_must_offer_it_anew() {
    let (fixture, key, gate) = offered().await;
    let last = claimed_out(&fixture, &key).await;
    let offered = fixture.rotate(key.id(), 14).await.unwrap();
    assert_eq!(successor(&offered), Some(SuccessorState::Offered));
    assert_eq!(offered.rotation.offer.unwrap().expiry_days, 30, "the life that was offered first");
    assert_eq!(state(&fixture, last.id()).await, KeyState::Revoked, "what was claimed last is not left behind");
    assert_eq!(naming_others(&fixture, "api_key.rotate").await["versions"][last.id().as_str()], 2);
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids, [key.id().to_string()]);
    let last = claimed_out(&fixture, &key).await;
    fixture.confirm(&last).await.unwrap();
    assert_eq!(used(&gate, &last, fixture.now).await, Ok(()), "the fifth is as good as the first");
}

#[tokio::test]
async fn each_claim_code_is_an_offer_of_its_own_so_a_dead_key_is_never_claimed_out() {
    let (fixture, key, _) = offered().await;
    claimed_out(&fixture, &key).await;
    let late = fixture.later(days(14));
    for _ in 0..6 {
        let offered = late.claim_code(key.id()).await.unwrap();
        late.claim_with(code_of(&offered)).await.unwrap();
    }
}

#[tokio::test]
async fn an_emergency_without_a_code_ends_the_key_and_nothing_claims_until_a_code_is_made() {
    let (fixture, key, gate) = offered().await;
    let ended = fixture.end_at_once(key.id()).await.unwrap();
    assert!(ended.claim_code.is_none());
    assert_eq!(ended.key.rotation.claim_code_expires_at, None);
    assert_eq!(used(&gate, &key, fixture.now).await, Err(Refusal::Revoked));
    let held = fixture.scan(tables::KEYS).await.remove(0);
    assert!(!held.contains_key("claim_code_hash") && !held.contains_key("claim_code_expires_at"), "{held:?}");
    let made = fixture.claim_code(key.id()).await.unwrap();
    fixture.claim_with(code_of(&made)).await.unwrap();
}

#[tokio::test]
async fn a_confirmed_key_is_frozen_too_and_confirmed_again() {
    let (fixture, key, gate) = offered().await;
    let claimed = fixture.claim(&key).await.unwrap();
    let next = &claimed.issued.api_key;
    fixture.confirm(next).await.unwrap();
    fixture.freeze(&claimed.freeze_code).await.unwrap();
    assert_eq!(used(&gate, next, fixture.now).await, Err(Refusal::Frozen));
    fixture.unfreeze(next.id()).await.unwrap();
    assert!(conflict(fixture.claim(&key).await).contains("no successor"), "it was collected once");
    fixture.confirm(next).await.unwrap();
    assert_eq!(used(&gate, next, fixture.now).await, Ok(()));
}

#[tokio::test]
async fn in_an_emergency_the_key_is_dead_at_once_and_a_code_claims_its_successor_once() {
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.verified_contact().await;
    let (gate, _) = fixture.gate();
    assert_eq!(used(&gate, &key, fixture.now).await, Ok(()));
    let offered = fixture.emergency_rotate(key.id()).await.unwrap();
    assert_eq!(used(&gate, &key, fixture.now).await, Err(Refusal::Revoked));
    assert_eq!(refusal(fixture.claim(&key).await), Refusal::Revoked, "the dead key claims nothing");
    let forged = OneTimeCode::generate(CodeKind::Claim, "test", key.id().clone(), &[7; 32]).unwrap();
    assert_eq!(refusal(fixture.claim_with(&forged).await), Refusal::NotAuthenticated);
    assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids.len(), 0);

    let claimed = fixture.claim_with(code_of(&offered)).await.unwrap();
    assert_eq!(refusal(fixture.claim_with(code_of(&offered)).await), Refusal::NotAuthenticated, "once");
    let entry = recorded(&fixture, "api_key.claim").await;
    assert_eq!((&entry["claimed_by"], &entry["predecessor_id"]), (&"claim_code".into(), &key.id().as_str().into()));
    fixture.confirm(&claimed.issued.api_key).await.unwrap();
    assert_eq!(used(&gate, &claimed.issued.api_key, fixture.now).await, Ok(()));
    assert!(conflict(fixture.claim_code(key.id()).await).contains("no successor"));
}

#[tokio::test]
async fn a_claim_code_ends_after_a_day_and_another_takes_its_place() {
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.verified_contact().await;
    let first = fixture.emergency_rotate(key.id()).await.unwrap();
    assert_eq!(first.claim_code.as_ref().unwrap().expires_at, fixture.now + days(1));
    assert_eq!(refusal(fixture.later(days(1)).claim_with(code_of(&first)).await), Refusal::Expired);
    let second = fixture.claim_code(key.id()).await.unwrap();
    assert_eq!(refusal(fixture.claim_with(code_of(&first)).await), Refusal::NotAuthenticated);
    let claimed = fixture.claim_with(code_of(&second)).await.unwrap().issued.api_key;
    // The answer was lost: what was claimed is replaced with a further code.
    let third = fixture.claim_code(key.id()).await.unwrap();
    let again = fixture.claim_with(code_of(&third)).await.unwrap().issued.api_key;
    assert_eq!(state(&fixture, claimed.id()).await, KeyState::Revoked);
    fixture.confirm(&again).await.unwrap();
}

#[tokio::test]
async fn a_claim_code_is_for_a_key_that_has_ended_and_was_offered_a_successor() {
    let (fixture, key, _) = offered().await;
    assert!(conflict(fixture.claim_code(key.id()).await).contains("has not ended"));
    let late = fixture.later(days(14));
    let code = late.claim_code(key.id()).await.unwrap().claim_code.unwrap().code;
    late.claim_with(&code).await.unwrap();
    let other = fixture.create_key(&new_key()).await.unwrap().record.id;
    assert!(conflict(fixture.claim_code(&other).await).contains("no successor"));
    fixture.revoke(&other).await.unwrap();
    assert!(conflict(fixture.claim_code(&other).await).contains("no successor"), "revoked is for good");
}

#[tokio::test]
async fn what_a_thief_claimed_and_did_not_confirm_dies_with_the_stolen_key() {
    for emergency in [false, true] {
        let (fixture, key, gate) = offered().await;
        let next = fixture.claim(&key).await.unwrap().issued.api_key;
        if emergency {
            fixture.emergency_rotate(key.id()).await.unwrap();
        } else {
            fixture.revoke(key.id()).await.unwrap();
        }
        let dead = fixture.details(next.id()).await;
        assert_eq!((dead.record.state, dead.version), (KeyState::Revoked, 2), "emergency: {emergency}");
        assert_eq!(refusal(fixture.confirm(&next).await), Refusal::Revoked);
        assert_eq!(used(&gate, &next, fixture.now).await, Err(Refusal::Revoked));
        assert_eq!(fixture.directory.client(&client_id()).await.unwrap().key_ids.len(), 0);
        let event = if emergency { "api_key.emergency_rotate" } else { "api_key.revoke" };
        assert_eq!(recorded(&fixture, event).await["versions"][next.id().as_str()], 2);
        let offer = successor(&fixture.details(key.id()).await);
        assert_eq!(offer, emergency.then_some(SuccessorState::Offered));
    }
}

#[tokio::test]
async fn a_key_whose_successor_is_confirmed_is_not_rotated_again() {
    let (fixture, key, gate) = offered().await;
    let next = fixture.claim(&key).await.unwrap().issued.api_key;
    fixture.confirm(&next).await.unwrap();
    assert!(conflict(fixture.rotate(key.id(), 14).await).contains("is confirmed"));
    assert!(conflict(fixture.emergency_rotate(key.id()).await).contains("is confirmed"));
    fixture.revoke(key.id()).await.unwrap();
    assert_eq!(used(&gate, &next, fixture.now).await, Ok(()), "the confirmed successor outlives it");
    fixture.rotate(next.id(), 7).await.unwrap();
    fixture.claim(&next).await.unwrap();
}

#[tokio::test]
async fn an_emergency_after_an_offer_keeps_the_life_that_was_offered() {
    let (fixture, key, _) = offered().await;
    let late = fixture.later(days(5));
    let code = late.emergency_rotate(key.id()).await.unwrap().claim_code.unwrap().code;
    let next = late.claim_with(&code).await.unwrap().issued.record;
    assert_eq!(next.expires_at, late.now + days(30));
}

#[tokio::test]
async fn no_code_and_no_successors_secret_is_in_the_tables() {
    let (fixture, key, _) = offered().await;
    let claimed = fixture.claim(&key).await.unwrap();
    let offered = fixture.emergency_rotate(key.id()).await.unwrap();
    let secrets =
        [claimed.issued.api_key.expose(), claimed.freeze_code.expose(), code_of(&offered).expose()].map(|text| {
            let secret = text.rsplit('_').next().unwrap();
            assert_eq!(secret.len(), 43 + 6);
            &secret[..43]
        });
    for table in [tables::KEYS, tables::CLIENTS, tables::AUDIT] {
        for value in fixture.scan(table).await.iter().flat_map(|item| item.values()) {
            let held = String::from_utf8_lossy(&bytes(value)).into_owned();
            assert!(!secrets.iter().any(|secret| held.contains(secret)), "{table}: {held}");
        }
    }
}

#[tokio::test]
async fn unfreezing_and_a_claim_code_have_their_entries() {
    let (fixture, key, _) = offered().await;
    let claimed = fixture.claim(&key).await.unwrap();
    fixture.freeze(&claimed.freeze_code).await.unwrap();
    fixture.unfreeze(claimed.issued.api_key.id()).await.unwrap();
    let entries = fixture.entries("api_key.unfreeze").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(
        (&entries[0].1["details"]["state"], &entries[0].1["details"]["version"]),
        (&"CLAIMED".into(), &3.into())
    );
    let (fixture, key) = Fixture::with_key(60).await;
    fixture.verified_contact().await;
    fixture.emergency_rotate(key.id()).await.unwrap();
    fixture.claim_code(key.id()).await.unwrap();
    let entries = fixture.entries("api_key.claim_code.create").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(&entries[0].1["details"]["key_id"], key.id().as_str());
}
