//! Every way not to get a token, and what is said of it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use engine_core::access::service_account::ServiceAccountState;
use jiff::SignedDuration;

use crate::fixture::{ACCOUNT, Call, Rig, account, new_secret};

#[tokio::test]
async fn a_request_that_is_not_well_formed_is_refused_with_invalid_request() {
    let rig = Rig::start().await;
    let good = || Call::in_body(ACCOUNT, &rig.secret);
    for (rule, call) in [
        ("another type", good().header("Content-Type", "application/json")),
        ("no type", good().without_header("Content-Type")),
        ("a content encoding", good().header("Content-Encoding", "gzip")),
        ("a parameter twice", good().and("&scope=rates:view&scope=keys:read")),
        ("the grant twice", good().and("&grant_type=client_credentials")),
        ("the secret twice", good().and("&client_secret=x")),
        ("an escape cut short", good().and("&scope=%4")),
        ("too long", good().and(&format!("&padding={}", "x".repeat(8192)))),
        ("parameters in the address", good().query("scope", "rates:view")),
        ("the secret in the address", Call::form("grant_type=client_credentials").query("client_secret", "x")),
        ("both ways at once", Call::basic(ACCOUNT, &rig.secret).and("&client_secret=x")),
        ("both ways, with different ids", Call::basic(ACCOUNT, &rig.secret).and("&client_id=svc-other")),
        ("no grant", Call::form(format!("client_id={ACCOUNT}&client_secret={}", rig.secret))),
        (
            "a grant without a value",
            Call::form(format!("grant_type=&client_id={ACCOUNT}&client_secret={}", rig.secret)),
        ),
    ] {
        println!("{rule}");
        rig.call(&call).await.error(400, "invalid_request");
    }
}

#[tokio::test]
async fn another_grant_is_refused_with_unsupported_grant_type() {
    let rig = Rig::start().await;
    for grant in ["password", "authorization_code", "refresh_token", "CLIENT_CREDENTIALS", "client_credentials%20"] {
        let call = Call::form(format!("grant_type={grant}&client_id={ACCOUNT}&client_secret={}", rig.secret));
        rig.call(&call).await.error(400, "unsupported_grant_type");
    }
}

#[tokio::test]
async fn more_than_was_approved_is_refused_with_invalid_scope() {
    let rig = Rig::start().await;
    for scope in [
        "clients:read",
        "rates:view+clients:read",
        "keys:write",
        "fees:calculate",
        "release:execute",
        "nothing",
        "RATES:VIEW",
        "rates:view++keys:read",
        "+rates:view",
        "rates:view,keys:read",
        "rates:view%09keys:read",
        "rates:view%22",
    ] {
        println!("{scope}");
        let call = Call::in_body(ACCOUNT, &rig.secret).and(&format!("&scope={scope}"));
        rig.call(&call).await.error(400, "invalid_scope");
    }
}

#[tokio::test]
async fn an_account_without_any_scope_is_refused_with_unauthorized_client() {
    let rig = Rig::start().await;
    let mut bare = account(ACCOUNT);
    bare.scopes.clear();
    rig.put_account(&bare, &rig.secret, None).await;
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.error(400, "unauthorized_client");
}

#[tokio::test]
async fn whoever_does_not_prove_to_be_an_account_that_may_ask_is_refused_with_one_answer() {
    let rig = Rig::start().await;
    let other_kind = rig.secret.replacen("brs_", "bre_", 1);
    let basic = |text: &str| Call::form("grant_type=client_credentials").header("Authorization", text);
    let disabled = account("svc-was-disabled");
    rig.put_account(
        &engine_core::access::ServiceAccount { state: ServiceAccountState::Disabled, ..disabled },
        &rig.secret,
        None,
    )
    .await;
    let mut idle = account("svc-is-idle");
    idle.created_at = rig.now() - SignedDuration::from_hours(90 * 24) - SignedDuration::from_millis(1);
    rig.put_account(&idle, &rig.secret, None).await;
    let cases = [
        ("no credential", Call::form("grant_type=client_credentials")),
        ("no secret", Call::form(format!("grant_type=client_credentials&client_id={ACCOUNT}"))),
        ("an empty secret", Call::in_body(ACCOUNT, "")),
        ("no id", Call::form(format!("grant_type=client_credentials&client_secret={}", rig.secret))),
        ("another secret", Call::basic(ACCOUNT, &new_secret("test"))),
        ("another environment's", Call::basic(ACCOUNT, &new_secret("live"))),
        ("another kind of secret", Call::basic(ACCOUNT, &other_kind)),
        ("a typo", Call::basic(ACCOUNT, &rig.secret[..rig.secret.len() - 1])),
        ("no such account", Call::basic("svc-no-body", &rig.secret)),
        ("no name of an account", Call::basic("alice", &rig.secret)),
        ("disabled", Call::basic("svc-was-disabled", &rig.secret)),
        ("idle", Call::basic("svc-is-idle", &rig.secret)),
        ("another scheme", basic(&format!("Bearer {}", rig.secret))),
        ("no scheme", basic(&STANDARD.encode(format!("{ACCOUNT}:{}", rig.secret)))),
        ("not base64", basic(&format!("Basic {ACCOUNT}:{}", rig.secret))),
        ("without a colon", basic(&format!("Basic {}", STANDARD.encode(ACCOUNT)))),
        ("not a form inside", basic(&format!("Basic {}", STANDARD.encode(format!("{ACCOUNT}:%zz"))))),
        ("not UTF-8", basic(&format!("Basic {}", STANDARD.encode([0xff, b':', 0xfe])))),
    ];
    let mut bodies = std::collections::BTreeSet::new();
    for (number, (rule, call)) in cases.into_iter().enumerate() {
        println!("{rule}");
        let answer = rig.call(&call.from(&format!("192.0.2.{number}"))).await;
        answer.error(401, "invalid_client");
        assert_eq!(answer.header("www-authenticate"), Some(r#"Basic realm="borrow-rate-engine", charset="UTF-8""#));
        bodies.insert(answer.json().to_string());
    }
    assert_eq!(bodies.len(), 1, "{bodies:?}");
    assert_eq!(rig.kms.control().count("Sign"), 0);
}

#[tokio::test]
async fn an_account_is_idle_after_90_days_without_a_token_and_not_before() {
    let rig = Rig::start().await;
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.token();
    rig.clock.advance(SignedDuration::from_hours(90 * 24));
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.token();
    rig.clock.advance(SignedDuration::from_hours(90 * 24) + SignedDuration::from_secs(1));
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_store_that_does_not_answer_is_temporarily_unavailable() {
    let rig = Rig::start().await;
    rig.dynamo.wire().fail("GetItem", 100);
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.error(503, "temporarily_unavailable");
}

#[tokio::test]
async fn an_account_s_record_that_cannot_be_read_is_our_own_fault() {
    let rig = Rig::start().await;
    rig.tear_account().await;
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.error(500, "server_error");
}
