//! Who may look at the log: whoever holds `evidence:read` at that moment and by a good token, and nobody else.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER};
use engine_core::access::{Permission, PersonId, PrincipalState, Role, ServiceAccount, ServiceAccountName};
use engine_core::audit::ActorType;
use engine_http::route::Route;
use engine_test_support::issuer::Issuer;
use engine_test_support::keys::actor_key;
use engine_test_support::staff::STAFF_ISSUER;
use evidence_export::routes::{ROUTES, Target};
use serde_json::{Value, json};

use crate::fixture::{Answer, Office};

/// A path of the route, on which nothing exists.
pub(crate) fn path_of(route: &Route<Target>) -> String {
    route.path.replace("{id}", "019bc3ac-2f00-7989-bdd9-14e14da269cf")
}

/// A call of the route with that token, and a body where it takes one.
async fn call(office: &Office, route: &Route<Target>, token: &str) -> Answer {
    let call = office.call(route.method, &path_of(route)).bearer(token);
    if route.method == "POST" { call.body(&json!({})).send().await } else { call.send().await }
}

/// Makes the call of every route, and compares each answer with whether evidence may be read.
async fn check(office: &Office, who: &str, token: &str, may: bool) {
    for route in ROUTES.0 {
        let answer = call(office, route, token).await;
        if may {
            assert!(!matches!(answer.status, 401 | 429 | 500 | 503), "{who}: {answer:?}");
            assert_ne!(answer.json()["code"], "not_permitted", "{who}: {answer:?}");
        } else {
            answer.problem(403, "not_permitted");
        }
    }
}

#[tokio::test]
async fn auditors_read_evidence_and_no_other_role_does() {
    let office = Office::empty().await;
    for role in Role::OF_PEOPLE {
        let someone = office.person(&format!("{}@example.com", role.as_str()), "p-100", &[role.as_str()]).await;
        check(&office, role.as_str(), &office.token_of(&someone), role == Role::Auditor).await;
        // A role that the token does not claim, and one that the account does not hold, are none.
        check(&office, "nothing claimed", &office.token(&someone.id, &[]), false).await;
        let claims_it = office.token(&someone.id, &["auditor"]);
        check(&office, "auditor claimed", &claims_it, role == Role::Auditor).await;
        let mut scoped = office.claims(STAFF_ISSUER, &someone.id, &[]);
        scoped["scope"] = json!("evidence:read");
        check(&office, "the scope claimed", &office.staff.sign(&scoped), role == Role::Auditor).await;
    }
}

#[tokio::test]
async fn no_service_account_and_not_the_bootstrap_administrator() {
    let office = Office::empty().await;
    let name = "svc-desk-reader";
    let account = ServiceAccount {
        name: ServiceAccountName::parse(name).unwrap(),
        purpose: "reads what the desk shows".into(),
        owner: PersonId::parse("p-100").unwrap(),
        scopes: Permission::ALL.iter().map(|permission| permission.as_str().to_owned()).collect(),
        state: ServiceAccountState::Active,
        created_at: office.now(),
        disabled_at: None,
        review: None,
        actor_ref: actor_key().actor_ref(ActorType::ServiceAccount, name),
    };
    let hash = AttributeValue::B(Blob::new([0; 32]));
    office.write("service_accounts", name, &account, 1, &[("current_hash", hash)]).await;
    check(&office, "a service account", &office.ours.sign(&office.claims(OUR_ISSUER, name, &["system"])), false).await;
    for route in ROUTES.0 {
        let bootstrap = office.ours.sign(&office.claims(BOOTSTRAP_ISSUER, "bootstrap", &["admin", "auditor"]));
        let answer = call(&office, route, &bootstrap).await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
    }
}

#[tokio::test]
async fn whatever_is_wrong_with_a_token_is_answered_alike() {
    let office = Office::empty().await;
    let erin = office.auditor().await;
    let good = || office.claims(STAFF_ISSUER, &erin.id, &["auditor"]);
    let with = |name: &str, value: Value| {
        let mut claims = good();
        claims[name] = value;
        office.staff.sign(&claims)
    };
    let now = office.now().as_second();
    let stranger = Issuer::new(STAFF_ISSUER, "staff-1");
    let whole = office.staff.sign(&good());
    let mut answers = BTreeSet::new();
    for token in [
        "nonsense".to_owned(),
        stranger.sign(&good()),
        office.staff.sign_with(&json!({"alg": "none", "kid": "staff-1"}), &good()),
        office.staff.sign_with(&json!({"alg": "ES256", "kid": "staff-2"}), &good()),
        whole[..whole.len() - 4].to_owned(),
        with("aud", json!("borrow-rate-engine:other")),
        with("iss", json!("https://evil.example/")),
        with("sub", json!("nobody@example.com")),
        with("nbf", json!(now + 31)),
        with("exp", Value::Null),
        with("jti", Value::Null),
    ] {
        let answer = office.call("GET", "/api/v1/audit").bearer(&token).send_to(&office.process()).await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
        if answer.status == 401 {
            answers.insert(answer.alike().to_string());
        }
    }
    assert_eq!(answers.len(), 1);
    office.call("GET", "/api/v1/audit").bearer(&whole).send().await.expect(200);
    office.call("GET", "/api/v1/audit").header("X-API-Key", "bre_test_x").send_to(&office.process()).await;
}

#[tokio::test]
async fn a_disabled_auditor_and_one_whose_role_was_taken_are_refused_at_once() {
    let office = Office::empty().await;
    let erin = office.auditor().await;
    let token = office.token_of(&erin);
    office.call("GET", "/api/v1/audit").bearer(&token).send().await.expect(200);
    office.change_account(&erin.id, |account| account.roles.clear()).await;
    office.call("GET", "/api/v1/audit").bearer(&token).send().await.problem(403, "not_permitted");
    office.change_account(&erin.id, |account| account.state = PrincipalState::Disabled).await;
    office.call("GET", "/api/v1/audit").bearer(&token).send().await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn after_five_failures_an_address_is_told_to_wait_and_one_entry_tells_of_them() {
    let office = Office::empty().await;
    for number in 0..8 {
        let answer = office.call("GET", "/api/v1/audit").bearer("nonsense").send().await;
        answer.problem(
            if number < 5 { 401 } else { 429 },
            if number < 5 { "not_authenticated" } else { "too_many_failures" },
        );
    }
    assert!(office.entries().await.is_empty());
    office.clock.advance(jiff::SignedDuration::from_mins(6));
    office.call("GET", "/api/v1/audit").send_to(&office.process()).await.problem(401, "not_authenticated");
    let entry = office.entry_of("authentication.refuse").await;
    assert_eq!(entry.header["function"], "evidence-export");
}
