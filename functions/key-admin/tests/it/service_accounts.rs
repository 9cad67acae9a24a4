//! `/admin/service-accounts`: approved by security, with a credential that only Secrets Manager holds.

use engine_aws::people::ServiceAccountHeld;
use engine_aws::secrets::Replica;
use engine_core::access::token::OUR_ISSUER;
use engine_core::access::{CodeKind, OneTimeCode, ServiceAccountName};
use serde_json::{Value, json};

use crate::fixture::{Admin, ENVIRONMENT};

const PATH: &str = "/admin/service-accounts";
const NAME: &str = "svc-risk-batch";
const SECRET: &str = "test/service-accounts/svc-risk-batch";

fn new() -> Value {
    json!({
        "name": NAME, "purpose": "nightly risk figures", "scopes": ["rates:view", "keys:read"], "owner": "p-owner",
        "justification": "the batch reads rates",
    })
}

impl Admin {
    async fn service(&self) -> Option<ServiceAccountHeld> {
        let audit = engine_aws::audit_log::AuditLog::new(self.dynamodb(), "audit");
        let people = engine_aws::people::People::new(self.dynamodb(), "people", audit);
        people.service_account(&ServiceAccountName::parse(NAME).unwrap()).await.unwrap()
    }

    fn credential(&self) -> OneTimeCode {
        let document: Value = serde_json::from_str(&self.secrets.current(SECRET).expect("a secret")).unwrap();
        assert_eq!(document["client_id"], NAME);
        let secret = document["client_secret"].as_str().unwrap();
        OneTimeCode::parse(CodeKind::ServiceAccount, secret, ENVIRONMENT).unwrap()
    }
}

#[tokio::test]
async fn a_service_account_is_created_by_security_and_its_credential_is_in_secrets_manager_only() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let officer = admin.named("sam", &["security"]).await;
    let id = admin.ask(&alice, PATH, &new()).await;
    admin.approve(&bob, &id).await.problem(403, "approval_not_allowed");
    assert!(admin.service().await.is_none() && admin.secrets.current(SECRET).is_none());
    let answer = admin.approve(&officer, &id).await;
    assert_eq!(answer.expect(200)["secret_name"], SECRET);
    let credential = admin.credential();
    assert!(!answer.text.contains(credential.expose()), "{}", answer.text);
    assert!(admin.service().await.unwrap().hashes.admit(&credential.hash()));
    admin.assert_nowhere(credential.expose()).await;
    let shown = admin.call("GET", &format!("{PATH}/{NAME}")).by(&alice).send().await;
    assert_eq!(shown.expect(200)["scopes"], json!(["keys:read", "rates:view"]));
    assert!(!shown.text.contains("hash") && !shown.text.contains("brs_"), "{}", shown.text);
    let listed = admin.call("GET", PATH).by(&officer).send().await.expect(200);
    assert_eq!(listed["items"][0]["name"], NAME);
}

#[tokio::test]
async fn the_secret_is_made_in_the_second_region_too_where_there_is_one() {
    let (region, key_arn) = ("us-west-2".to_owned(), "arn:aws:kms:us-west-2:123456789012:key/1".to_owned());
    let admin = Admin::with_replica(Replica { region: region.clone(), key_arn: key_arn.clone() }).await;
    let (alice, officer) = (admin.named("alice", &["admin"]).await, admin.named("sam", &["security"]).await);
    let id = admin.ask(&alice, PATH, &new()).await;
    admin.approve(&officer, &id).await.expect(200);
    let described = admin.secrets.client().describe_secret().secret_id(SECRET).send().await.unwrap();
    let [replica] = described.replication_status() else { panic!("one replica") };
    assert_eq!((replica.region(), replica.kms_key_id()), (Some(region.as_str()), Some(key_arn.as_str())));
}

#[tokio::test]
async fn of_two_approvals_at_once_one_counts_and_the_secret_is_the_one_whose_hash_is_kept() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let (sam, sue) = (admin.named("sam", &["security"]).await, admin.named("sue", &["security"]).await);
    let id = admin.ask(&alice, PATH, &new()).await;
    let (first, second) = tokio::join!(admin.approve(&sam, &id), admin.approve(&sue, &id));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{first:?} {second:?}");
    assert!(admin.service().await.unwrap().hashes.admit(&admin.credential().hash()));
}

#[tokio::test]
async fn of_two_requests_for_a_name_approved_at_once_the_secret_is_the_one_whose_hash_is_kept() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let (sam, sue) = (admin.named("sam", &["security"]).await, admin.named("sue", &["security"]).await);
    let (one, other) = (admin.ask(&alice, PATH, &new()).await, admin.ask(&alice, PATH, &new()).await);
    let (first, second) = tokio::join!(admin.approve(&sam, &one), admin.approve(&sue, &other));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{first:?} {second:?}");
    assert!(admin.service().await.unwrap().hashes.admit(&admin.credential().hash()));
}

#[tokio::test]
async fn a_second_request_for_the_same_name_does_not_replace_the_credential() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let first = admin.ask(&alice, PATH, &new()).await;
    let second = admin.ask(&alice, PATH, &new()).await;
    admin.approve(&officer, &first).await.expect(200);
    let credential = admin.credential();
    admin.approve(&officer, &second).await.problem(409, "conflict");
    assert_eq!(admin.credential().hash(), credential.hash());
    admin.call("POST", PATH).by(&alice).body(&new()).send().await.problem(409, "conflict");
}

#[tokio::test]
async fn an_approval_that_was_cut_off_after_the_secret_is_made_good_later() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let id = admin.ask(&alice, PATH, &new()).await;
    admin.dynamo.wire().fail("TransactWriteItems", 100);
    admin.approve(&officer, &id).await.problem(503, "unavailable");
    admin.dynamo.wire().fail("TransactWriteItems", 0);
    assert!(admin.service().await.is_none());
    admin.approve(&officer, &id).await.problem(409, "conflict");
    admin.clock.advance(jiff::SignedDuration::from_mins(2));
    admin.approve(&officer, &id).await.expect(200);
    assert!(admin.service().await.unwrap().hashes.admit(&admin.credential().hash()));
}

#[tokio::test]
async fn every_bad_field_is_named() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    for (field, value) in [
        ("name", json!("risk-batch")),
        ("name", json!("svc-risk")),
        ("name", json!("svc-Risk-Batch")),
        ("purpose", json!("short")),
        ("scopes[0]", json!(["keys:write"])),
        ("scopes[1]", json!(["rates:view", "fees:calculate"])),
        ("scopes", json!([])),
        ("owner", json!("?")),
        ("justification", json!("short")),
    ] {
        let mut body = new();
        body[field.split('[').next().unwrap()] = value;
        let refused = admin.call("POST", PATH).by(&alice).body(&body).send().await;
        assert_eq!(refused.bad_fields(), [field]);
    }
}

#[tokio::test]
async fn a_disabled_service_account_is_refused_from_the_next_request_on() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let id = admin.ask(&alice, PATH, &new()).await;
    admin.approve(&officer, &id).await.expect(200);
    let token = admin.ours.sign(&admin.claims(OUR_ISSUER, NAME, &["system"]));
    let read = || async { admin.call("GET", "/admin/api-keys").bearer(&token).send().await };
    read().await.expect(200);
    let path = format!("{PATH}/{NAME}/disable");
    let body = json!({ "reason": "replaced" });
    let disabled = admin.call("POST", &path).by(&officer).body(&body).send().await.expect(200);
    assert_eq!(disabled["state"], "DISABLED");
    read().await.problem(401, "not_authenticated");
    admin.call("POST", &path).by(&officer).body(&body).send().await.problem(409, "conflict");
    let unknown = admin.call("POST", &format!("{PATH}/svc-a-b/disable")).by(&officer).body(&body).send().await;
    unknown.problem(404, "resource_not_found");
}

#[tokio::test]
async fn a_review_is_recorded_and_shown() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let id = admin.ask(&alice, PATH, &new()).await;
    admin.approve(&officer, &id).await.expect(200);
    let path = format!("{PATH}/{NAME}/review");
    let body = json!({ "decision": "reduce", "note": "keys:read is not used" });
    admin.call("POST", &path).by(&officer).body(&body).send().await.expect(200);
    let bad = admin.call("POST", &path).by(&officer).body(&json!({ "decision": "maybe" })).send().await;
    assert_eq!(bad.bad_fields(), ["decision", "note"]);
    let shown = admin.call("GET", &format!("{PATH}/{NAME}")).by(&alice).send().await.expect(200);
    assert_eq!(
        (&shown["last_review"]["decision"], &shown["last_review"]["by"]),
        (&"reduce".into(), &"sam@example.com".into())
    );
    let entry = admin.done("service_account.review").await;
    assert_eq!(entry.body["reason"], "keys:read is not used");
}
