//! `POST /api/v1/keys/claim`, `/confirm` and `/freeze`: who holds the right secret, and who is told.

use engine_core::access::{ApiKey, CodeKind, KeyId, OneTimeCode};
use engine_test_support::dynamo::tables;
use serde_json::json;

use crate::arranged::{ADDRESS, CLAIM, CONFIRM, FREEZE, at, code_in, id_of};
use crate::fixture::{Admin, CLIENT, Someone};

/// A client with a verified contact and a key to which a successor was offered.
async fn offered() -> (Admin, Someone, String) {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.verified_contact(&alice).await;
    let key = admin.key(&alice).await;
    admin.rotate(&alice, &key).await;
    (admin, alice, key)
}

#[tokio::test]
async fn the_contact_is_told_of_a_claim_with_a_code_that_stops_it() {
    let (admin, alice, old) = offered().await;
    let new = admin.claim(&old).await;
    let (to, text) = admin.last_notice("key.claimed");
    assert_eq!(to, json!([ADDRESS]));
    assert!(text.contains(&id_of(&new)) && text.contains(&id_of(&old)) && !text.contains(&new), "{text}");
    let code = code_in(&text);
    admin.assert_nowhere(&code[code.len() - 49..]).await;
    admin.assert_nowhere(&new[new.len() - 49..]).await;

    let frozen = admin.call("POST", FREEZE).body(&json!({ "freeze_code": code })).send().await.expect(200);
    assert_eq!(frozen, json!({ "key_id": id_of(&new), "state": "FROZEN" }));
    admin.call("POST", CONFIRM).key(&new).send().await.problem(401, "key_frozen");
    admin.call("POST", CLAIM).key(&old).send().await.problem(409, "conflict");
    let entry = &admin.entries_of("api_key.freeze").await[0];
    assert_eq!((&entry.body["actor"]["type"], &entry.body["actor"]["id"]), (&"contact".into(), &CLIENT.into()));

    let path = at(&id_of(&new), "/unfreeze");
    let unfrozen = admin.call("POST", &path).stepped_up(&alice).send().await.expect(200);
    assert_eq!(unfrozen, json!({ "key_id": id_of(&new), "state": "CLAIMED" }));
    let spent = admin.call("POST", FREEZE).body(&json!({ "freeze_code": code })).send().await;
    spent.problem(401, "not_authenticated");
    admin.call("POST", CONFIRM).key(&new).send().await.expect(200);
}

#[tokio::test]
async fn a_claim_that_nobody_could_be_told_of_hands_out_nothing_and_can_be_made_again() {
    let (admin, alice, old) = offered().await;
    admin.sns.control().fail("Publish", 1);
    let failed = admin.call("POST", CLAIM).key(&old).send().await;
    failed.problem(503, "unavailable");
    assert!(!failed.text.contains("bre_"), "{}", failed.text);
    let first = admin.shown(&alice, &id_of(&old)).await["successor_id"].clone();
    let new = admin.claim(&old).await;
    assert_ne!(first, id_of(&new));
    assert_eq!(admin.shown(&alice, first.as_str().unwrap()).await["state"], "REVOKED");
    admin.call("POST", CONFIRM).key(&new).send().await.expect(200);
}

#[tokio::test]
async fn addresses_that_cannot_be_opened_keep_a_successor_from_being_made() {
    let (admin, _, old) = offered().await;
    admin.kms.control().fail("Decrypt", 10);
    admin.call("POST", CLAIM).key(&old).send().await.problem(503, "unavailable");
    assert_eq!(admin.scan(tables::KEYS).await.len(), 1);
}

#[tokio::test]
async fn claiming_twice_leaves_one_successor_and_after_the_confirmation_none_more() {
    let (admin, _, old) = offered().await;
    let first = admin.claim(&old).await;
    let second = admin.claim(&old).await;
    admin.call("POST", CONFIRM).key(&first).send().await.problem(401, "key_revoked");
    let confirmed = admin.call("POST", CONFIRM).key(&second).send().await.expect(200);
    assert_eq!((&confirmed["key_id"], &confirmed["state"]), (&json!(id_of(&second)), &"ACTIVE".into()));
    assert!(confirmed["confirmed_at"].is_string());
    admin.call("POST", CLAIM).key(&old).send().await.problem(409, "conflict");
    admin.call("POST", CONFIRM).key(&second).send().await.problem(409, "conflict");
}

#[tokio::test]
async fn what_proves_nothing_is_refused_alike_and_writes_no_key() {
    let (admin, _, old) = offered().await;
    let id = KeyId::parse(&id_of(&old)).unwrap();
    let forged = OneTimeCode::generate(CodeKind::Claim, "test", id.clone(), &[7; 32]).unwrap();
    let freeze = OneTimeCode::generate(CodeKind::Freeze, "test", id, &[7; 32]).unwrap();
    let unknown = ApiKey::generate("test", [1; 9], &[1; 32]).unwrap();
    let live = ApiKey::generate("live", [1; 9], &[1; 32]).unwrap();
    let calls = [
        admin.call("POST", CLAIM),
        admin.call("POST", CLAIM).key("nonsense"),
        admin.call("POST", CLAIM).key(unknown.expose()),
        admin.call("POST", CONFIRM).key(live.expose()),
        admin.call("POST", CONFIRM),
        admin.call("POST", CLAIM).body(&json!({ "claim_code": forged.expose() })),
        admin.call("POST", CLAIM).body(&json!({ "claim_code": freeze.expose() })),
        admin.call("POST", FREEZE).body(&json!({ "freeze_code": freeze.expose() })),
        admin.call("POST", FREEZE).body(&json!({ "freeze_code": old })),
        admin.call("POST", FREEZE).body(&json!({})),
    ];
    let mut bodies = Vec::new();
    for (number, call) in calls.into_iter().enumerate() {
        // Each from an address of its own: so many from one would be told to wait.
        let answer = call.from(&format!("198.51.100.{number}")).send().await;
        answer.problem(401, "not_authenticated");
        bodies.push(answer.alike());
    }
    bodies.dedup();
    assert_eq!(bodies.len(), 1, "one 401 body");
    assert_eq!(admin.scan(tables::KEYS).await.len(), 1);
    assert_eq!(admin.entries_of("api_key.claim").await.len(), 0, "nobody writes our log by guessing");
}

#[tokio::test]
async fn guessing_turns_into_429_and_a_right_key_is_still_taken() {
    let (admin, _, old) = offered().await;
    let mut last = 0;
    for _ in 0..8 {
        last = admin.call("POST", CLAIM).key("nonsense").send().await.status;
    }
    assert_eq!(last, 429);
    admin.claim(&old).await;
}

#[tokio::test]
async fn a_key_to_which_nothing_is_offered_claims_nothing_and_the_record_says_who_tried() {
    let (admin, alice, _) = offered().await;
    let foreign = admin.key(&alice).await;
    admin.call("POST", CLAIM).key(&foreign).send().await.problem(409, "conflict");
    admin.call("POST", CONFIRM).key(&foreign).send().await.problem(409, "conflict");
    let entry = &admin.entries_of("api_key.claim").await[0];
    assert_eq!(entry.header["outcome"], "refused");
    assert_eq!((&entry.body["actor"]["type"], &entry.body["actor"]["id"]), (&"client".into(), &CLIENT.into()));
}

#[tokio::test]
async fn a_claim_needs_a_verified_contact() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let key = admin.key(&alice).await;
    admin.rotate(&alice, &key).await;
    let refused = admin.call("POST", CLAIM).key(&key).send().await.problem(409, "conflict");
    assert!(refused["detail"].as_str().unwrap().contains("no verified contact"), "{refused}");
}

#[tokio::test]
async fn a_claim_is_by_key_or_by_code_and_nothing_else_is_read() {
    let (admin, _, old) = offered().await;
    let both = admin.call("POST", CLAIM).key(&old).body(&json!({ "claim_code": "brc_test_x" })).send().await;
    assert_eq!(both.bad_fields(), ["claim_code"]);
    let number = admin.call("POST", CLAIM).body(&json!({ "claim_code": 7 })).send().await;
    assert_eq!(number.bad_fields(), ["claim_code"]);
    let more = admin.call("POST", CLAIM).key(&old).body(&json!({ "client_id": CLIENT })).send().await;
    assert_eq!(more.bad_fields(), ["client_id"]);
    let more = admin.call("POST", CONFIRM).key(&old).body(&json!({ "client_id": CLIENT })).send().await;
    assert_eq!(more.bad_fields(), ["client_id"]);
    admin.call("POST", CLAIM).key(&old).body(&json!({})).send().await.expect(201);
}
