//! A token for a service account: RFC 6749 section 4.4, both ways of authenticating.

use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER, TokenError};
use jiff::SignedDuration;
use serde_json::json;

use crate::fixture::{ACCOUNT, Call, Rig};

#[tokio::test]
async fn a_token_is_given_by_basic_and_by_body_and_verifies_with_the_public_half_of_the_kms_key() {
    let rig = Rig::start().await;
    for call in [Call::basic(ACCOUNT, &rig.secret), Call::in_body(ACCOUNT, &rig.secret)] {
        let answer = rig.call(&call).await;
        let claims = rig.verify(&answer.token(), OUR_ISSUER).await.unwrap();
        assert_eq!((claims.subject.as_str(), claims.issued_at), (ACCOUNT, rig.now()));
        assert_eq!(claims.expires_at.duration_since(claims.issued_at), SignedDuration::from_mins(15));
        assert_eq!(claims.roles.into_iter().collect::<Vec<_>>(), ["system"]);
        assert_eq!(claims.scopes.into_iter().collect::<Vec<_>>(), ["keys:read", "rates:view"]);
    }
}

#[tokio::test]
async fn beside_basic_the_body_may_repeat_the_client_s_id() {
    let rig = Rig::start().await;
    rig.call(&Call::basic(ACCOUNT, &rig.secret).and(&format!("&client_id={ACCOUNT}"))).await.token();
}

#[tokio::test]
async fn the_answer_is_rfc_6749_s_and_is_never_cached() {
    let rig = Rig::start().await;
    let answer = rig.call(&Call::basic(ACCOUNT, &rig.secret)).await;
    let mut body = answer.json();
    assert!(body.as_object_mut().unwrap().remove("access_token").is_some_and(|token| token.is_string()));
    assert_eq!(body, json!({ "token_type": "Bearer", "expires_in": 900, "scope": "rates:view keys:read" }));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert_eq!((answer.header("cache-control"), answer.header("pragma")), (Some("no-store"), Some("no-cache")));
}

#[tokio::test]
async fn a_token_has_the_scopes_that_are_asked_for_and_no_other() {
    let rig = Rig::start().await;
    for (asked, given) in [
        ("&scope=rates:view", "rates:view"),
        ("&scope=keys%3Aread", "keys:read"),
        ("&scope=keys:read+rates:view", "rates:view keys:read"),
        ("&scope=keys:read%20keys:read", "keys:read"),
        ("&scope=", "rates:view keys:read"),
    ] {
        let answer = rig.call(&Call::in_body(ACCOUNT, &rig.secret).and(asked)).await;
        assert_eq!(answer.json()["scope"], given, "{asked}");
        let claims = rig.verify(&answer.token(), OUR_ISSUER).await.unwrap();
        assert_eq!(claims.scopes, given.split(' ').map(str::to_owned).collect(), "{asked}");
    }
}

#[tokio::test]
async fn no_scope_beyond_the_role_of_services_is_given_whatever_was_approved() {
    let rig = Rig::start().await;
    let mut account = crate::fixture::account(ACCOUNT);
    account.scopes.insert("keys:write".into());
    rig.put_account(&account, &rig.secret, None).await;
    let answer = rig.call(&Call::in_body(ACCOUNT, &rig.secret)).await;
    assert_eq!(answer.json()["scope"], "rates:view keys:read");
    rig.call(&Call::in_body(ACCOUNT, &rig.secret).and("&scope=keys:write")).await.error(400, "invalid_scope");
}

#[tokio::test]
async fn a_token_is_not_the_bootstrap_administrator_s_and_ends_after_15_minutes() {
    let rig = Rig::start().await;
    let token = rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.token();
    assert_eq!(rig.verify(&token, BOOTSTRAP_ISSUER).await, Err(TokenError::Issuer));
    rig.clock.advance(SignedDuration::from_secs(900 + 30));
    assert_eq!(rig.verify(&token, OUR_ISSUER).await, Err(TokenError::Expired));
}

#[tokio::test]
async fn basic_credentials_are_decoded_as_a_form_is() {
    let rig = Rig::start().await;
    let escaped = rig.secret.replace('_', "%5F");
    rig.call(&Call::basic(&ACCOUNT.replace('-', "%2d"), &escaped)).await.token();
    let lower = Call::basic(ACCOUNT, &rig.secret);
    let lower = lower.clone().header("Authorization", &basic_header(&lower).replace("Basic", "basic"));
    rig.call(&lower).await.token();
}

fn basic_header(call: &Call) -> String {
    let text = format!("{call:?}");
    let (_, rest) = text.split_once("Basic ").unwrap();
    format!("Basic {}", rest.split_once('"').unwrap().0)
}

#[tokio::test]
async fn the_account_s_last_use_is_noted() {
    let rig = Rig::start().await;
    assert_eq!(rig.last_used_at().await, None);
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.token();
    assert_eq!(rig.last_used_at().await, Some(rig.now()));
}

#[tokio::test]
async fn a_body_may_be_base64_and_its_type_may_name_a_charset() {
    let rig = Rig::start().await;
    let typed =
        Call::in_body(ACCOUNT, &rig.secret).header("Content-Type", "Application/X-WWW-Form-Urlencoded; charset=UTF-8");
    rig.call(&typed).await.token();
    rig.call(&typed.base64()).await.token();
}

#[tokio::test]
async fn each_token_has_an_id_of_its_own() {
    let rig = Rig::start().await;
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..3 {
        let token = rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.token();
        ids.insert(rig.verify(&token, OUR_ISSUER).await.unwrap().token_id);
    }
    assert_eq!(ids.len(), 3);
}
