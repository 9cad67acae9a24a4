//! The record: an entry before each token, and one for each refusal of an account that is known to ask.

use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER};
use engine_core::audit::ActorType;
use engine_test_support::keys::actor_key;
use serde_json::json;

use crate::fixture::{ACCOUNT, ADDRESS, Call, INVOCATION, PATH, Rig, account};

#[tokio::test]
async fn the_entry_says_who_got_which_token_and_not_the_token() {
    let rig = Rig::start().await;
    let call = Call::basic(ACCOUNT, &rig.secret).and("&scope=rates:view");
    let answer = rig.call(&call).await;
    let token = answer.token();
    let entries = rig.entries().await;
    let [(header, body)] = entries.as_slice() else { panic!("one entry: {entries:?}") };
    assert_eq!((&header["event"], &header["outcome"]), (&json!("token.issue"), &json!("success")));
    assert_eq!((&header["function"], &header["time"]), (&json!("token"), &json!("2026-01-15T22:00:00.000Z")));
    assert_eq!(header["request_id"], answer.header("x-request-id").unwrap());
    assert_eq!(header["actor_ref"], actor_key().actor_ref(ActorType::ServiceAccount, ACCOUNT).as_str());
    assert_eq!(body["actor"], json!({ "type": "service_account", "id": ACCOUNT, "roles": ["system"] }));
    assert_eq!((&body["source_address"], &body["resource"]), (&json!(ADDRESS), &json!(PATH)));
    let details = &body["details"];
    assert_eq!(details["scopes"], json!(["rates:view"]));
    assert_eq!(details["issuer"], OUR_ISSUER);
    let claims = rig.verify(&token, OUR_ISSUER).await.unwrap();
    assert_eq!((&details["jti"], &header["id"]), (&json!(claims.token_id), &json!(claims.token_id)), "one id for both");
    let signature = token.rsplit_once('.').unwrap().1;
    assert!(!body.to_string().contains(signature));
}

#[tokio::test]
async fn without_an_entry_there_is_no_token() {
    let rig = Rig::start().await;
    rig.dynamo.wire().fail("PutItem", 100);
    let answer = rig.call(&Call::basic(ACCOUNT, &rig.secret)).await;
    answer.error(503, "temporarily_unavailable");
    assert_eq!(rig.kms.control().count("Sign"), 1, "it was the entry that failed");
    assert!(rig.entries().await.is_empty());
    assert_eq!(rig.last_used_at().await, None);
}

#[tokio::test]
async fn nor_is_there_one_for_the_bootstrap_administrator() {
    let rig = Rig::start().await;
    // Two puts are the guard's, of an attempt and of its acceptance; the third is the entry's.
    let [first, second, third] = [(); 3].map(|()| rig.dynamo.wire().clone());
    rig.dynamo.wire().before("PutItem", move || {
        first.before("PutItem", move || second.before("PutItem", move || third.fail("PutItem", 100)));
    });
    assert_eq!(rig.bootstrap(&rig.code(0)).await["problem"]["code"], "unavailable");
    assert_eq!(rig.kms.control().count("Sign"), 1, "it was the entry that failed");
    assert!(rig.entries().await.is_empty());
}

#[tokio::test]
async fn without_a_signature_there_is_neither_token_nor_entry() {
    let rig = Rig::start().await;
    rig.kms.control().deny("Sign");
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.error(503, "temporarily_unavailable");
    assert!(rig.entries().await.is_empty());
}

#[tokio::test]
async fn a_last_use_that_cannot_be_noted_keeps_nobody_from_a_recorded_token() {
    let rig = Rig::start().await;
    rig.dynamo.wire().fail("UpdateItem", 100);
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.token();
    assert_eq!(rig.entries().await.len(), 1);
}

#[tokio::test]
async fn nor_does_a_note_of_the_last_use_that_is_not_answered() {
    let rig = Rig::start().await;
    rig.dynamo.wire().silence("UpdateItem");
    let call = Call::basic(ACCOUNT, &rig.secret);
    let answer = tokio::time::timeout(std::time::Duration::from_secs(10), rig.call(&call)).await;
    answer.expect("an answer").token();
    assert_eq!((rig.entries().await.len(), rig.last_used_at().await), (1, None));
}

#[tokio::test]
async fn what_a_known_account_is_refused_is_recorded_and_what_anybody_is_refused_is_not() {
    let rig = Rig::start().await;
    let known = [
        (Call::basic(ACCOUNT, &rig.secret).and("&scope=keys:write"), "invalid_scope"),
        (
            Call::form(format!("grant_type=password&client_id={ACCOUNT}&client_secret={}", rig.secret)),
            "unsupported_grant_type",
        ),
        (Call::form(format!("client_id={ACCOUNT}&client_secret={}", rig.secret)), "invalid_request"),
    ];
    for (call, error) in &known {
        rig.call(call).await.error(400, error);
    }
    rig.call(&Call::basic(ACCOUNT, "x").and("&scope=keys:write")).await.error(401, "invalid_client");
    rig.call(&Call::form("a=1&a=2")).await.error(400, "invalid_request");
    let entries = rig.entries().await;
    assert_eq!(entries.len(), known.len());
    for (header, body) in &entries {
        assert_eq!((&header["event"], &header["outcome"]), (&json!("token.issue"), &json!("refused")));
        assert_eq!(body["actor"]["id"], ACCOUNT);
    }
    let codes: std::collections::BTreeSet<_> =
        entries.iter().map(|(_, body)| body["details"]["code"].as_str().unwrap()).collect();
    assert_eq!(codes, known.iter().map(|(_, error)| *error).collect());
}

#[tokio::test]
async fn an_account_that_may_not_ask_any_more_is_recorded_when_it_proves_who_it_is() {
    let rig = Rig::start().await;
    let mut ended = account(ACCOUNT);
    ended.state = ServiceAccountState::Disabled;
    rig.put_account(&ended, &rig.secret, None).await;
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.error(401, "invalid_client");
    let entries = rig.entries().await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0].1["details"], json!({ "code": "invalid_client" }));
    assert_eq!(entries[0].1["actor"]["id"], ACCOUNT);
    // Over the limit nothing more is written, so that a job left running does not fill the log.
    for _ in 0..20 {
        rig.call(&Call::basic(ACCOUNT, &rig.secret)).await;
    }
    assert_eq!(rig.entries().await.len(), 5);
}

#[tokio::test]
async fn the_bootstrap_administrator_s_tokens_and_refusals_are_recorded_with_lambda_s_request_id() {
    let rig = Rig::start().await;
    rig.bootstrap(&rig.wrong_code()).await;
    let token = rig.bootstrap(&rig.code(0)).await["access_token"].as_str().unwrap().to_owned();
    let claims = rig.verify(&token, BOOTSTRAP_ISSUER).await.unwrap();
    rig.administrators(2).await;
    rig.next_step();
    rig.bootstrap(&rig.code(1)).await;
    let entries = rig.entries().await;
    assert_eq!(entries.len(), 3);
    for (header, body) in &entries {
        assert_eq!((&header["event"], &header["request_id"]), (&json!("token.issue"), &json!(INVOCATION)));
        assert_eq!(header["actor_ref"], actor_key().actor_ref(ActorType::Bootstrap, "bootstrap").as_str());
        assert_eq!(body["actor"], json!({ "type": "bootstrap", "id": "bootstrap", "roles": ["admin"] }));
        assert_eq!(body["resource"], "bootstrap");
    }
    let told: Vec<_> = entries.iter().map(|(header, body)| (&header["outcome"], &body["details"]["code"])).collect();
    assert!(told.contains(&(&json!("refused"), &json!("step_up_failed"))), "{told:?}");
    assert!(told.contains(&(&json!("refused"), &json!("bootstrap_closed"))), "{told:?}");
    assert!(entries.iter().any(|(header, body)| {
        header["outcome"] == "success"
            && header["id"] == claims.token_id
            && body["details"]["issuer"] == BOOTSTRAP_ISSUER
    }));
}
