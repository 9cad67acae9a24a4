//! `POST /admin/api-keys/{key_id}/emergency-rotate` and `/claim-code`: the old key is dead at once, and a code takes its place.

use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::arranged::{CLAIM, CONFIRM, at, id_of};
use crate::fixture::Admin;

#[tokio::test]
async fn the_old_key_is_dead_at_once_and_the_code_claims_its_successor_once() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.verified_contact(&alice).await;
    let old = admin.key(&alice).await;
    let path = at(&id_of(&old), "/emergency-rotate");
    let ended = admin.call("POST", &path).stepped_up(&alice).body(&json!({ "reason": "leaked" })).send().await;
    let ended = ended.expect(201);
    let code = ended["claim_code"].as_str().unwrap();
    assert_eq!((&ended["key_id"], &ended["state"]), (&json!(id_of(&old)), &"REVOKED".into()));
    let end = admin.now() + SignedDuration::from_hours(24);
    assert_eq!(ended["claim_code_expires_at"], format!("{end:.3}"));
    admin.assert_nowhere(&code[code.len() - 49..]).await;

    admin.call("POST", CLAIM).key(&old).send().await.problem(401, "key_revoked");
    let body = json!({ "claim_code": code });
    let claimed = admin.call("POST", CLAIM).body(&body).send().await.expect(201);
    let second = admin.call("POST", CLAIM).body(&body).send().await;
    second.problem(401, "not_authenticated");
    admin.call("POST", CONFIRM).key(claimed["api_key"].as_str().unwrap()).send().await.expect(200);
}

#[tokio::test]
async fn a_code_that_ran_out_is_refused_like_a_wrong_one_and_another_can_be_made() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.verified_contact(&alice).await;
    let old = admin.key(&alice).await;
    let path = at(&id_of(&old), "/emergency-rotate");
    let ended =
        admin.call("POST", &path).stepped_up(&alice).body(&json!({ "reason": "leaked" })).send().await.expect(201);
    admin.clock.advance(SignedDuration::from_hours(24));
    let late = admin.call("POST", CLAIM).body(&json!({ "claim_code": ended["claim_code"] })).send().await;
    let wrong = admin.call("POST", CLAIM).body(&json!({ "claim_code": "brc_test_nonsense" })).send().await;
    assert_eq!((late.status, late.alike()), (401, wrong.alike()));
    let path = at(&id_of(&old), "/claim-code");
    let made = admin.call("POST", &path).stepped_up(&alice).send().await.expect(201);
    admin.call("POST", CLAIM).body(&json!({ "claim_code": made["claim_code"] })).send().await.expect(201);
}

#[tokio::test]
async fn a_claim_code_is_not_for_a_key_that_can_claim_itself() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = admin.key(&alice).await;
    admin.rotate(&alice, &key).await;
    let path = at(&id_of(&key), "/claim-code");
    admin.call("POST", &path).stepped_up(&alice).send().await.problem(409, "conflict");
}

#[tokio::test]
async fn a_repeat_shows_no_code_again() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = admin.key(&alice).await;
    let path = at(&id_of(&key), "/emergency-rotate");
    let call = admin.call("POST", &path).body(&json!({ "reason": "leaked" })).idempotency_key("once");
    let first = call.clone().stepped_up(&alice).send().await.expect(201);
    let again = call.by(&alice).send().await.expect(201);
    assert_eq!((&again["claim_code"], &again["code"]), (&json!(null), &"already_issued".into()));
    assert_eq!(again["claim_code_expires_at"], first["claim_code_expires_at"]);
}

#[tokio::test]
async fn security_may_end_a_key_at_once_and_gets_neither_a_key_nor_a_code_for_one() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let sam = admin.person("sam@example.com", "p-sam", &["security"]).await;
    let key = id_of(&admin.key(&alice).await);
    let rotate = admin.call("POST", &at(&key, "/rotate")).stepped_up(&sam).body(&json!({ "reason": "leaked" }));
    rotate.send().await.problem(403, "not_permitted");
    let emergency = admin.call("POST", &at(&key, "/emergency-rotate")).stepped_up(&sam);
    let emergency = emergency.body(&json!({ "reason": "leaked" })).idempotency_key("once");
    let ended = emergency.send().await.expect(201);
    let expected = json!({ "key_id": key, "state": "REVOKED", "claim_code": null, "claim_code_expires_at": null });
    assert_eq!(ended, expected, "a claim code would be a key");
    let held = &admin.scan(tables::KEYS).await[0];
    assert!(!held.contains_key("claim_code_hash"), "{held:?}");
    let again = admin.call("POST", &at(&key, "/emergency-rotate")).by(&sam).body(&json!({ "reason": "leaked" }));
    assert_eq!(again.idempotency_key("once").send().await.expect(201), expected);
    let code = admin.call("POST", &at(&key, "/claim-code")).stepped_up(&sam);
    code.send().await.problem(403, "not_permitted");
    assert_eq!(admin.scan(tables::KEYS).await.len(), 1);

    admin.verified_contact(&alice).await;
    let made = admin.call("POST", &at(&key, "/claim-code")).stepped_up(&alice).send().await.expect(201);
    admin.call("POST", CLAIM).body(&json!({ "claim_code": made["claim_code"] })).send().await.expect(201);
}

#[tokio::test]
async fn a_token_that_claims_ending_keys_alone_gets_no_code_from_it_whoever_holds_it() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = id_of(&admin.key(&alice).await);
    let mut claims = admin.claims(admin.staff.name, &alice.id, &[]);
    claims["scope"] = "keys:emergency_rotate".into();
    let call = admin.call("POST", &at(&key, "/emergency-rotate")).bearer(&admin.staff.sign(&claims));
    let call = call.totp(&admin.code(&alice.person_id)).body(&json!({ "reason": "leaked" }));
    assert_eq!(call.send().await.expect(201)["claim_code"], json!(null));
}
