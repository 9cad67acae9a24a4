//! `DELETE /admin/api-keys/{key_id}`: at once, for good, and recorded.

use engine_aws::key_gate::{Denial, KeyGate, Take};
use engine_core::access::{ApiKey, Refusal};
use engine_test_support::dynamo::tables;
use serde_json::json;

use crate::arranged::{at, id_of};
use crate::fixture::{Admin, CLIENT, ENVIRONMENT};

#[tokio::test]
async fn the_seeds_call_ends_a_key_for_the_next_request_of_every_process() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = ApiKey::parse(&admin.key(&alice).await, ENVIRONMENT).unwrap();
    let gate = KeyGate::new(admin.dynamodb(), tables::KEYS);
    let take = Take { tokens: 1, owes_entry: true };
    gate.take(&key, take, admin.now()).await.unwrap().unwrap();
    let answer = admin.call("DELETE", &at(key.id().as_str(), "")).by(&alice).send().await.expect(200);
    let expected = json!({ "key_id": key.id().as_str(), "state": "REVOKED", "revoked_at": "2026-01-15T22:00:00.000Z" });
    assert_eq!(answer, expected);
    let denied = gate.take(&key, take, admin.now()).await.unwrap();
    assert!(matches!(denied, Err(Denial::Refused(Refusal::Revoked))), "{denied:?}");
}

#[tokio::test]
async fn a_reason_may_be_given_in_the_query_or_in_a_body_and_is_recorded() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let keys = [admin.issue_key(CLIENT).await, admin.issue_key(CLIENT).await].map(|key| id_of(&key));
    admin.call("DELETE", &at(&keys[0], "")).by(&alice).query("reason", "leaked").send().await.expect(200);
    let body = json!({ "reason": "left" });
    admin.call("DELETE", &at(&keys[1], "")).by(&alice).body(&body).send().await.expect(200);
    let entries = admin.entries_of("api_key.revoke").await;
    let mut reasons: Vec<_> = entries.iter().map(|entry| entry.body["reason"].as_str().unwrap()).collect();
    reasons.sort_unstable();
    assert_eq!(reasons, ["leaked", "left"]);
}

#[tokio::test]
async fn a_second_revocation_is_a_conflict_and_a_bad_one_is_named() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = id_of(&admin.issue_key(CLIENT).await);
    let call = || admin.call("DELETE", &at(&key, "")).by(&alice);
    let both = call().query("reason", "leaked").body(&json!({ "reason": "left" })).send().await;
    assert_eq!(both.bad_fields(), ["reason"]);
    assert_eq!(call().query("reason", " ").send().await.bad_fields(), ["reason"]);
    assert_eq!(call().query("why", "leaked").send().await.bad_fields(), ["why"]);
    call().send().await.expect(200);
    call().send().await.problem(409, "conflict");
    let unknown = admin.call("DELETE", &at("000000000000", "")).by(&alice).send().await;
    unknown.problem(404, "resource_not_found");
    let outcomes: Vec<_> =
        admin.entries_of("api_key.revoke").await.iter().map(|e| e.header["outcome"].clone()).collect();
    assert_eq!(outcomes.iter().filter(|outcome| **outcome == "success").count(), 1);
    assert_eq!(outcomes.len(), 6, "each refusal is recorded");
}

#[tokio::test]
async fn a_repeat_with_its_idempotency_key_is_told_the_first_answer() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = id_of(&admin.issue_key(CLIENT).await);
    let call = admin.call("DELETE", &at(&key, "")).by(&alice).idempotency_key("once");
    let first = call.send().await.expect(200);
    assert_eq!(call.send().await.expect(200), first);
}
