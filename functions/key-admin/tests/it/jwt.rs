//! Tokens: what makes one good, and that whatever is wrong with another is answered alike.

use aws_lc_rs::hmac;
use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER};
use engine_core::access::{Elevation, PrincipalState, Role};
use engine_test_support::issuer::{Issuer, encode, message};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arranged::KEYS;
use crate::fixture::{Admin, Answer, CLIENT, STAFF_ISSUER};

const ALICE: &str = "alice@example.com";

async fn list(admin: &Admin, token: &str) -> Answer {
    admin.call("GET", KEYS).bearer(token).send().await
}

/// Has Alice's account approved so long ago that no token of hers is older.
async fn approved_long_ago(admin: &Admin) {
    let long_ago = admin.now() - SignedDuration::from_hours(24);
    admin.change_account(ALICE, |account| account.approved_at = Some(long_ago)).await;
}

/// The claims with one of them changed, or taken away where the value is null.
fn with(mut claims: Value, name: &str, value: Value) -> Value {
    match value {
        Value::Null => claims.as_object_mut().unwrap().remove(name),
        value => claims.as_object_mut().unwrap().insert(name.to_owned(), value),
    };
    claims
}

/// A token that an attacker made of a public key: HS256, with the key's bytes for the secret.
fn hs256(secret: &[u8], claims: &Value) -> String {
    let message = message(&json!({"alg": "HS256", "typ": "JWT", "kid": "staff-1"}), claims);
    let tag = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, secret), message.as_bytes());
    format!("{message}.{}", encode(tag.as_ref()))
}

/// Tokens that must be refused, with the rule that each breaks.
fn attacks(admin: &Admin) -> Vec<(&'static str, String)> {
    let good = || admin.claims(STAFF_ISSUER, ALICE, &["admin"]);
    let (staff, ours, now) = (&admin.staff, &admin.ours, admin.now().as_second());
    let signed = |name: &str, value: Value| staff.sign(&with(good(), name, value));
    let header = |header: Value| staff.sign_with(&header, &good());
    let stranger = Issuer::new(STAFF_ISSUER, "staff-1");
    let token = staff.sign(&good());
    let [head, payload, signature]: [&str; 3] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
    let forged = encode(with(good(), "sub", json!("mallory@example.com")).to_string());
    let none = message(&json!({"alg": "none", "typ": "JWT", "kid": "staff-1"}), &good());
    vec![
        ("alg none without a signature", format!("{none}.")),
        ("alg none with a signature", format!("{none}.{signature}")),
        ("alg None", header(json!({"alg": "None", "kid": "staff-1"}))),
        ("HS256 with the public key's bytes", hs256(staff.public_key(), &good())),
        ("HS256 with the key set's text", hs256(staff.jwks().as_bytes(), &good())),
        ("HS256 in the header of a good signature", header(json!({"alg": "HS256", "kid": "staff-1"}))),
        ("another algorithm than the key's", header(json!({"alg": "RS256", "kid": "staff-1"}))),
        ("no algorithm", header(json!({"kid": "staff-1"}))),
        ("an unknown key id", header(json!({"alg": "ES256", "kid": "staff-2"}))),
        ("another issuer's key id", header(json!({"alg": "ES256", "kid": "ours-1"}))),
        ("no key id", header(json!({"alg": "ES256"}))),
        (
            "a key of its own in the header",
            header(json!({"alg": "ES256", "kid": "staff-1", "jwk": {}, "crit": ["jwk"]})),
        ),
        ("another kind of token", header(json!({"alg": "ES256", "kid": "staff-1", "typ": "logout+jwt"}))),
        ("signed by a stranger under a known key id", stranger.sign(&good())),
        ("signed by our own key for the staff issuer", ours.sign(&good())),
        ("claims exchanged under a good signature", format!("{head}.{forged}.{signature}")),
        ("signature cut short", format!("{head}.{payload}.{}", &signature[..signature.len() - 4])),
        ("no signature", format!("{head}.{payload}")),
        ("not a token", "nonsense".into()),
        ("too long", format!("{token}{}", "A".repeat(9000))),
        ("an unknown issuer", signed("iss", json!("https://evil.example/"))),
        ("our issuer under the staff key", signed("iss", json!(OUR_ISSUER))),
        ("the bootstrap issuer under the staff key", signed("iss", json!(BOOTSTRAP_ISSUER))),
        ("no issuer", signed("iss", Value::Null)),
        ("another audience", signed("aud", json!("borrow-rate-engine:other"))),
        ("no audience", signed("aud", Value::Null)),
        ("no end", signed("exp", Value::Null)),
        ("no subject", signed("sub", Value::Null)),
        ("an empty subject", signed("sub", json!(""))),
        ("no issue time", signed("iat", Value::Null)),
        ("no id", signed("jti", Value::Null)),
        ("expired beyond the leeway", staff.sign(&with(with(good(), "iat", json!(now - 600)), "exp", json!(now - 30)))),
        ("not yet valid", signed("nbf", json!(now + 31))),
        ("issued in the future", signed("iat", json!(now + 31))),
        ("a life of more than twelve hours", signed("exp", json!(now + 12 * 3600 + 1))),
        ("an end that is no number", signed("exp", json!("tomorrow"))),
        ("a subject without an account", signed("sub", json!("nobody@example.com"))),
        ("a subject that is no account's", signed("sub", json!("a/b"))),
        ("a service account's name from the staff issuer", signed("sub", json!("svc-desk-reader"))),
        ("the bootstrap administrator from the staff issuer", signed("sub", json!("bootstrap"))),
        ("a person from our issuer", ours.sign(&admin.claims(OUR_ISSUER, ALICE, &["admin"]))),
        ("a person from the bootstrap issuer", ours.sign(&admin.claims(BOOTSTRAP_ISSUER, ALICE, &["admin"]))),
        ("an unknown service account", ours.sign(&admin.claims(OUR_ISSUER, "svc-no-such", &["system"]))),
        (
            "our own with a long life",
            ours.sign(&with(admin.claims(BOOTSTRAP_ISSUER, "bootstrap", &["admin"]), "exp", json!(now + 901))),
        ),
        ("disabled", admin.token("left@example.com", &["admin"])),
        ("not approved", admin.token("new@example.com", &["admin"])),
    ]
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_the_answer_is_one_and_the_same_401() {
    let admin = Admin::with_client().await;
    admin.person(ALICE, "p-alice", &["admin"]).await;
    approved_long_ago(&admin).await;
    for (id, state) in [("left@example.com", PrincipalState::Disabled), ("new@example.com", PrincipalState::Requested)]
    {
        admin.unenrolled(id, "p-other", &["admin"]).await;
        admin.change_account(id, |account| account.state = state).await;
    }
    list(&admin, &admin.token(ALICE, &["admin"])).await.expect(200);
    let nobody = admin.call("GET", KEYS).send().await;
    nobody.problem(401, "not_authenticated");
    for process in [&admin.app, &admin.process()] {
        for (number, (rule, token)) in attacks(&admin).into_iter().enumerate() {
            let call = admin.call("GET", KEYS).bearer(&token).from(&format!("192.0.2.{number}"));
            let answer = call.send_to(process).await;
            assert_eq!((answer.status, answer.alike()), (401, nobody.alike()), "{rule}");
            let names = |answer: &Answer| answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&answer), names(&nobody), "{rule}");
        }
    }
    assert!(admin.entries().await.is_empty(), "nobody is named for it");
}

#[tokio::test]
async fn a_credential_of_another_kind_or_in_another_place_is_none() {
    let admin = Admin::with_client().await;
    admin.person(ALICE, "p-alice", &["admin"]).await;
    let token = admin.token(ALICE, &["admin"]);
    let key = admin.issue_key(CLIENT).await;
    let nobody = admin.call("GET", KEYS).send().await.alike();
    let call = || admin.call("GET", KEYS);
    for (number, call) in [
        call().key(&key),
        call().key(&token),
        call().bearer(&key),
        call().header("Authorization", &token),
        call().header("Authorization", &format!("Basic {token}")),
        call().header("Authorization", ""),
        call().bearer(&token).bearer(&token),
        call().query("access_token", &token),
        call().header("Cookie", &format!("token={token}")),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = call.from(&format!("192.0.2.{number}")).send().await;
        assert_eq!((answer.status, answer.alike()), (401, nobody.clone()), "{number}");
    }
    call().header("authorization", &format!("bearer {token}")).send().await.expect(200);
}

#[tokio::test]
async fn what_is_merely_unusual_is_good() {
    let admin = Admin::with_client().await;
    admin.person(ALICE, "p-alice", &["admin"]).await;
    approved_long_ago(&admin).await;
    let (good, now) = (|| admin.claims(STAFF_ISSUER, ALICE, &["admin"]), admin.now().as_second());
    for (rule, claims) in [
        ("expired within the leeway", with(with(good(), "iat", json!(now - 600)), "exp", json!(now - 29))),
        ("issued within the leeway", with(good(), "iat", json!(now + 30))),
        ("one of several audiences", with(good(), "aud", json!(["x", crate::fixture::AUDIENCE]))),
        ("roles in one string", with(good(), "roles", json!("auditor admin"))),
        ("a scope for a role", with(with(good(), "roles", Value::Null), "scope", json!("keys:read"))),
        ("a life of twelve hours", with(good(), "exp", json!(now + 12 * 3600))),
    ] {
        let answer = list(&admin, &admin.staff.sign(&claims)).await;
        assert_eq!(answer.status, 200, "{rule}: {}", answer.text);
    }
}

#[tokio::test]
async fn a_role_removed_after_the_token_was_issued_is_403_and_a_disabled_account_401() {
    let admin = Admin::with_client().await;
    admin.person(ALICE, "p-alice", &["admin"]).await;
    let token = admin.token(ALICE, &["admin"]);
    list(&admin, &token).await.expect(200);
    admin.change_account(ALICE, |account| account.roles.clear()).await;
    list(&admin, &token).await.problem(403, "not_permitted");
    admin.change_account(ALICE, |account| account.roles = [Role::Admin].into()).await;
    list(&admin, &token).await.expect(200);
    admin.change_account(ALICE, |account| account.state = PrincipalState::Disabled).await;
    list(&admin, &token).await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_token_is_good_from_its_accounts_approval_on_give_or_take_the_leeway() {
    let admin = Admin::with_client().await;
    admin.person(ALICE, "p-alice", &["admin"]).await;
    let token = admin.token(ALICE, &["admin"]);
    for (seconds, status) in [(0, 200), (30, 200), (31, 401), (3600, 401)] {
        let approved_at = admin.now() + SignedDuration::from_secs(seconds);
        admin.change_account(ALICE, |account| account.approved_at = Some(approved_at)).await;
        assert_eq!(list(&admin, &token).await.status, status, "approved {seconds} s after the token was issued");
    }
    admin.change_account(ALICE, |account| account.approved_at = None).await;
    list(&admin, &token).await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn an_elevation_counts_until_its_end_whatever_the_token_says() {
    let admin = Admin::with_client().await;
    admin.person(ALICE, "p-alice", &["auditor"]).await;
    let until = admin.now() + SignedDuration::from_secs(60);
    let elevation = Elevation { roles: [Role::Admin].into(), until, request_id: "r".into() };
    admin.change_account(ALICE, |account| account.elevation = Some(elevation)).await;
    let token = admin.token(ALICE, &["admin", "auditor"]);
    let clients = || admin.call("GET", "/admin/clients").bearer(&token);
    clients().send().await.expect(200);
    admin.clock.advance(SignedDuration::from_secs(60));
    clients().send().await.problem(403, "not_permitted");
    list(&admin, &token).await.expect(200);
}

#[tokio::test]
async fn the_bootstrap_path_dies_with_the_second_administrator() {
    let admin = Admin::with_client().await;
    let list = async |admin: &Admin, token: &str| admin.call("GET", "/admin/requests").bearer(token).send().await;
    list(&admin, &admin.bootstrap_token()).await.expect(200);
    admin.person(ALICE, "p-alice", &["admin"]).await;
    admin.person("alice-2@example.com", "p-alice", &["admin"]).await;
    list(&admin, &admin.bootstrap_token()).await.expect(200);
    admin.person("bob@example.com", "p-bob", &["admin"]).await;
    list(&admin, &admin.bootstrap_token()).await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn where_keys_or_accounts_cannot_be_read_nobody_is_let_in() {
    let admin = Admin::with_client().await;
    admin.person(ALICE, "p-alice", &["admin"]).await;
    let token = admin.token(ALICE, &["admin"]);
    for _ in 0..2 {
        admin.dynamo.wire().fail("GetItem", 1000);
        list(&admin, &token).await.problem(503, "unavailable");
        admin.dynamo.wire().fail("GetItem", 0);
        list(&admin, &token).await.expect(200);
    }
}
