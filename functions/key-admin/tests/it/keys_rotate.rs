//! `POST /admin/api-keys/{key_id}/rotate`: a successor is offered, and both keys work until the old one's end.

use engine_aws::key_gate::{Denial, KeyGate, Take};
use engine_core::access::{ApiKey, Refusal};
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::arranged::{CONFIRM, at, id_of};
use crate::fixture::{Admin, CLIENT, ENVIRONMENT};

const ONE: Take = Take { tokens: 1, owes_entry: true };

async fn used(admin: &Admin, gate: &KeyGate, key: &str) -> Result<(), Refusal> {
    let key = ApiKey::parse(key, ENVIRONMENT).unwrap();
    match gate.take(&key, ONE, admin.now()).await.unwrap() {
        Ok(_) => Ok(()),
        Err(Denial::Refused(refusal)) => Err(refusal),
        Err(limited) => panic!("{limited:?}"),
    }
}

#[tokio::test]
async fn both_keys_work_during_the_overlap_and_only_the_successor_after_it() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.verified_contact(&alice).await;
    let gate = KeyGate::new(admin.dynamodb(), tables::KEYS);
    let old = admin.key(&alice).await;
    let offered = admin.rotate(&alice, &old).await;
    let ends_at = admin.shown(&alice, &id_of(&old)).await["expires_at"].clone();
    assert_eq!(offered, json!({ "key_id": id_of(&old), "successor_state": "OFFERED", "ends_at": ends_at }));
    let new = admin.claim(&old).await;
    assert_eq!(used(&admin, &gate, &new).await, Err(Refusal::NotConfirmed));
    admin.clock.advance(SignedDuration::from_mins(1));
    admin.call("POST", CONFIRM).key(&new).send().await.expect(200);
    assert_eq!((used(&admin, &gate, &old).await, used(&admin, &gate, &new).await), (Ok(()), Ok(())));
    admin.clock.set(ends_at.as_str().unwrap().parse().unwrap());
    assert_eq!((used(&admin, &gate, &old).await, used(&admin, &gate, &new).await), (Err(Refusal::Expired), Ok(())));
}

#[tokio::test]
async fn the_metadata_of_both_keys_say_where_the_rotation_stands() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.verified_contact(&alice).await;
    let old = admin.key(&alice).await;
    admin.rotate(&alice, &old).await;
    let new = admin.claim(&old).await;
    let shown = admin.shown(&alice, &id_of(&old)).await;
    assert_eq!((&shown["successor_state"], &shown["successor_id"]), (&"CLAIMED".into(), &json!(id_of(&new))));
    admin.clock.advance(SignedDuration::from_mins(1));
    admin.call("POST", CONFIRM).key(&new).send().await.expect(200);
    let shown = admin.shown(&alice, &id_of(&old)).await;
    assert_eq!(shown["successor_state"], "CONFIRMED");
    let shown = admin.shown(&alice, &id_of(&new)).await;
    assert_eq!((&shown["predecessor_id"], &shown["state"]), (&json!(id_of(&old)), &"ACTIVE".into()));
    assert!(shown["claimed_at"].as_str().unwrap() < shown["confirmed_at"].as_str().unwrap());
}

#[tokio::test]
async fn an_overlap_is_1_to_14_days_and_a_reason_is_needed() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = id_of(&admin.issue_key(CLIENT).await);
    let rotate = async |body| admin.call("POST", &at(&key, "/rotate")).stepped_up(&alice).body(&body).send().await;
    assert_eq!(rotate(json!({})).await.bad_fields(), ["reason"]);
    for overlap in [json!(0), json!(15), json!("7")] {
        let answer = rotate(json!({ "reason": "due", "overlap_days": overlap })).await;
        assert_eq!(answer.bad_fields(), ["overlap_days"]);
    }
    let offered = rotate(json!({ "reason": "due", "overlap_days": 1 })).await.expect(200);
    assert_eq!(offered["ends_at"], format!("{:.3}", admin.now() + SignedDuration::from_hours(24)));
    rotate(json!({ "reason": "due" })).await.problem(409, "conflict");
}

#[tokio::test]
async fn rotating_takes_a_second_factor() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = id_of(&admin.issue_key(CLIENT).await);
    for action in ["/rotate", "/emergency-rotate", "/claim-code", "/unfreeze"] {
        let answer = admin.call("POST", &at(&key, action)).by(&alice).body(&json!({ "reason": "due" })).send().await;
        answer.problem(403, "step_up_required");
    }
    assert_eq!(admin.shown(&alice, &key).await["version"], 1);
}
