//! `POST /api/v1/keys/claim`, `/confirm` and `/freeze`: who holds the right secret, and who is told.

use engine_aws::key_gate::{KeyGate, Take};
use engine_core::access::{ApiKey, CodeKind, KeyId, OneTimeCode};
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::arranged::{ADDRESS, CLAIM, CONFIRM, FREEZE, at, code_in, id_of};
use crate::fixture::{Admin, CLIENT, ENVIRONMENT, Someone};

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
    admin.call("POST", CONFIRM).key(&new).send().await.expect(200);
    let again = admin.call("POST", FREEZE).body(&json!({ "freeze_code": code })).send().await.expect(200);
    assert_eq!(again["state"], "FROZEN", "the code is the contact's for as long as the key lives");
}

#[tokio::test]
async fn a_claim_that_nobody_could_be_told_of_hands_out_nothing_and_can_be_made_again() {
    let (admin, alice, old) = offered().await;
    let before = (admin.scan(tables::CLIENTS).await, admin.shown(&alice, &id_of(&old)).await["version"].clone());
    admin.sns.control().fail("Publish", 1);
    let failed = admin.call("POST", CLAIM).key(&old).send().await;
    failed.problem(503, "unavailable");
    assert!(!failed.text.contains("bre_"), "{}", failed.text);
    let after = (admin.scan(tables::CLIENTS).await, admin.shown(&alice, &id_of(&old)).await["version"].clone());
    assert_eq!((after, admin.scan(tables::KEYS).await.len()), (before, 1), "nothing was made");
    assert_eq!(admin.entries_of("api_key.claim").await.len(), 0);
    let new = admin.claim(&old).await;
    admin.call("POST", CONFIRM).key(&new).send().await.expect(200);
}

#[tokio::test]
async fn claims_take_tokens_of_the_keys_own_limit_and_what_is_too_much_fills_no_record() {
    let (admin, _, old) = offered().await;
    let key = ApiKey::parse(&old, ENVIRONMENT).unwrap();
    let gate = KeyGate::new(admin.dynamodb(), tables::KEYS);
    let one = Take { tokens: 1, owes_entry: false };
    let mut left = 0;
    while gate.take(&key, one, admin.now()).await.unwrap().is_ok() {
        left += 1;
    }
    assert!(left > 1);
    for _ in 0..3 {
        let limited = admin.call("POST", CLAIM).key(&old).send().await;
        limited.problem(429, "rate_limited");
        assert!(limited.header("retry-after").is_some());
    }
    assert_eq!(admin.scan(tables::KEYS).await.len(), 1, "no successor was made");
    assert_eq!((admin.entries_of("api_key.claim").await.len(), admin.notice_kinds().len()), (0, 1));
    // A token comes back, a claim takes it, and there is none left.
    admin.clock.advance(SignedDuration::from_secs(1));
    admin.claim(&old).await;
    assert!(gate.take(&key, one, admin.now()).await.unwrap().is_err());
}

#[tokio::test]
async fn the_sixth_claim_of_an_offer_needs_an_administrator_to_offer_it_anew() {
    let (admin, alice, old) = offered().await;
    for _ in 0..5 {
        admin.claim(&old).await;
    }
    let sixth = admin.call("POST", CLAIM).key(&old).send().await.problem(409, "conflict");
    assert!(sixth["detail"].as_str().unwrap().contains("an administrator must offer it anew"), "{sixth}");
    admin.rotate(&alice, &old).await;
    let new = admin.claim(&old).await;
    admin.call("POST", CONFIRM).key(&new).send().await.expect(200);
}

/// A well-formed key with that id and another secret.
fn forged(key_id: &str) -> ApiKey {
    const ALPHABET: &str = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let digit = |character| u128::try_from(ALPHABET.find(character).unwrap()).unwrap();
    let number = key_id.chars().fold(0, |number, character| number * 62 + digit(character));
    let forged = ApiKey::generate("test", number.to_be_bytes()[7..].try_into().unwrap(), &[7; 32]).unwrap();
    assert_eq!(forged.id().as_str(), key_id);
    forged
}

#[tokio::test]
async fn who_presents_a_dead_key_is_named_in_the_record_and_told_what_anybody_is() {
    let (admin, alice, old) = offered().await;
    let new = admin.claim(&old).await;
    admin.claim(&old).await;
    admin.call("DELETE", &at(&id_of(&old), "")).by(&alice).send().await.expect(200);
    admin.call("POST", CLAIM).key(&old).send().await.problem(401, "key_revoked");
    admin.call("POST", CONFIRM).key(&new).send().await.problem(401, "key_revoked");
    let refused = async |event| {
        let mut entries = admin.entries_of(event).await;
        entries.retain(|entry| entry.header["outcome"] == "refused");
        entries
    };
    for (event, key) in [("api_key.claim", &old), ("api_key.confirm", &new)] {
        let entries = refused(event).await;
        let [entry] = &entries[..] else { panic!("{event}: {}", entries.len()) };
        assert_eq!((&entry.body["actor"]["type"], &entry.body["actor"]["id"]), (&"client".into(), &CLIENT.into()));
        let details = &entry.body["details"];
        assert_eq!((&details["code"], &details["key_id"]), (&"key_revoked".into(), &json!(id_of(key))));
    }
    // A secret that is not the key's proves nothing of the key's holder.
    let forged = forged(&id_of(&old));
    for path in [CLAIM, CONFIRM] {
        admin.call("POST", path).key(forged.expose()).send().await.problem(401, "not_authenticated");
    }
    assert_eq!((refused("api_key.claim").await.len(), refused("api_key.confirm").await.len()), (1, 1));
}

#[tokio::test]
async fn a_dead_key_that_is_presented_over_and_over_does_not_fill_the_record() {
    let (admin, alice, old) = offered().await;
    admin.call("DELETE", &at(&id_of(&old), "")).by(&alice).send().await.expect(200);
    for number in 0..20 {
        let call = admin.call("POST", CLAIM).key(&old).from(&format!("198.51.100.{number}"));
        assert!(matches!(call.send().await.status, 401 | 429));
    }
    let recorded = admin.entries_of("api_key.claim").await.len();
    assert!((1..20).contains(&recorded), "{recorded}");
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
