//! `POST /admin/api-keys`: the key is shown once, apart from its metadata, and made once.

use engine_core::access::ApiKey;
use engine_test_support::dynamo::tables;
use serde_json::{Value, json};

use crate::arranged::{KEYS, at, new_key};
use crate::fixture::{Admin, CLIENT, ENVIRONMENT};

#[tokio::test]
async fn the_seeds_call_makes_a_key_and_shows_it_apart_from_its_metadata() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let answer = admin.call("POST", KEYS).stepped_up(&alice).body(&new_key()).send().await;
    let made = answer.expect(201);
    assert_eq!(made.as_object().unwrap().keys().collect::<Vec<_>>(), ["api_key", "key_id"]);
    let key = ApiKey::parse(made["api_key"].as_str().unwrap(), ENVIRONMENT).unwrap();
    assert_eq!(key.id().as_str(), made["key_id"]);
    assert!(key.expose().len() >= 32);
    assert_eq!(answer.header("location"), Some(at(key.id().as_str(), "").as_str()));
    let shown = admin.shown(&alice, key.id().as_str()).await;
    assert_eq!(
        (&shown["client_id"], &shown["rate_limit"], &shown["state"]),
        (&CLIENT.into(), &60.into(), &"ACTIVE".into())
    );
    assert_eq!(shown["permissions"], json!(["fees:calculate", "rates:view"]));
    assert_eq!(shown["expires_at"], "2026-04-15T22:00:00.000Z");
    admin.assert_nowhere(&key.expose()[key.expose().len() - 49..]).await;
}

#[tokio::test]
async fn the_record_names_who_made_it_and_what_it_may_do() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let body = json!({
        "client_id": CLIENT, "rate_limit": 300, "expiry_days": 1, "permissions": ["rates:view"], "tickers": ["AAPL", "GME"],
    });
    let made = admin.call("POST", KEYS).stepped_up(&alice).body(&body).send().await.expect(201);
    let entries = admin.entries_of("api_key.create").await;
    let [entry] = &entries[..] else { panic!("{} entries", entries.len()) };
    assert_eq!((&entry.body["actor"]["type"], &entry.body["actor"]["id"]), (&"staff".into(), &json!(alice.id)));
    let details = &entry.body["details"];
    assert_eq!((&details["key_id"], &details["version"]), (&made["key_id"], &1.into()));
    assert_eq!((&details["permissions"], &details["tickers"]), (&json!(["rates:view"]), &json!(["AAPL", "GME"])));
}

#[tokio::test]
async fn a_repeat_makes_no_second_key_and_shows_no_secret() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let call = admin.call("POST", KEYS).body(&new_key()).idempotency_key("once");
    let first = call.clone().stepped_up(&alice).send().await.expect(201);
    let again = call.by(&alice).send().await.expect(201);
    assert_eq!(again, json!({ "key_id": first["key_id"], "api_key": null, "code": "already_issued" }));
    assert_eq!(admin.scan(tables::KEYS).await.len(), 1);
    let secret = first["api_key"].as_str().unwrap().rsplit('_').next().unwrap();
    admin.assert_nowhere(secret).await;
}

#[tokio::test]
async fn every_bad_field_is_named_at_once_and_so_is_one_that_nobody_reads() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let bad = json!({
        "client_id": "?", "rate_limit": 61, "expiry_days": 91, "permissions": ["release:execute"], "tickers": [],
        "owner": "me",
    });
    let answer = admin.call("POST", KEYS).stepped_up(&alice).body(&bad).send().await;
    let fields = ["client_id", "rate_limit", "expiry_days", "permissions[0]", "tickers", "owner"];
    assert_eq!(answer.bad_fields(), fields);
    for (field, value) in [
        ("client_id", json!(7)),
        ("rate_limit", json!("60")),
        ("rate_limit", json!(0)),
        ("expiry_days", json!(0)),
        ("expiry_days", json!(1.5)),
        ("permissions", json!([])),
        ("permissions", json!(null)),
        ("permissions", json!("rates:view")),
        ("tickers", json!(vec!["AAPL"; 51])),
    ] {
        let mut body = new_key();
        body[field] = value;
        let answer = admin.call("POST", KEYS).stepped_up(&alice).body(&body).send().await;
        assert_eq!(answer.bad_fields(), [field], "{body}");
    }
    let missing = admin.call("POST", KEYS).stepped_up(&alice).body(&json!({})).send().await;
    assert_eq!(missing.bad_fields(), ["client_id", "rate_limit", "expiry_days"]);
    assert_eq!(admin.scan(tables::KEYS).await, []);
    let refused = admin.entries_of("api_key.create").await;
    assert!(refused.iter().all(|entry| entry.header["outcome"] == "refused"));
    assert_eq!(refused.len(), 11, "each refusal is recorded");
}

#[tokio::test]
async fn a_key_is_bound_to_a_client_that_exists_and_is_active() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    let mut nobody = new_key();
    nobody["client_id"] = Value::from("nobody");
    admin.call("POST", KEYS).stepped_up(&alice).body(&nobody).send().await.problem(404, "resource_not_found");
    let terminate = admin.call("POST", &format!("/admin/clients/{CLIENT}/terminate")).stepped_up(&alice);
    terminate.body(&json!({ "reason": "left" })).send().await.expect(200);
    admin.call("POST", KEYS).stepped_up(&alice).body(&new_key()).send().await.problem(409, "conflict");
}

#[tokio::test]
async fn making_a_key_takes_a_current_code_and_a_code_makes_one() {
    let admin = Admin::with_client().await;
    let alice = admin.administrator().await;
    admin.call("POST", KEYS).by(&alice).body(&new_key()).send().await.problem(403, "step_up_required");
    let code = admin.code(&alice.person_id);
    let mut in_body = new_key();
    in_body["mfaTotp"] = Value::from(code.as_str());
    admin.call("POST", KEYS).by(&alice).body(&in_body).send().await.expect(201);
    admin.call("POST", KEYS).by(&alice).totp(&code).body(&new_key()).send().await.problem(403, "step_up_failed");
    assert_eq!(admin.scan(tables::KEYS).await.len(), 1);
}
