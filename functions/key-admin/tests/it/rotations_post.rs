//! `POST /admin/rotations`: an emergency rotation is asked for, with a reason, by who may; another function carries it out.

use engine_aws::directory::{Directory, DirectoryTables};
use engine_core::access::service_account::ServiceAccountState;
use engine_core::access::{ClientId, PersonId, ServiceAccount, ServiceAccountName};
use engine_core::audit::ActorType;
use engine_test_support::dynamo::tables;
use engine_test_support::keys::{actor_key, reference_key};
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arranged::{at, id_of};
use crate::fixture::{Admin, CLIENT, Someone, hash, operator};

pub(crate) const ROTATIONS: &str = "/admin/rotations";
const REASON: &str = "the vault of the desk leaked";

/// The body that asks for a rotation of everything that `target` says.
pub(crate) fn body(mut target: Value) -> Value {
    target["reason"] = REASON.into();
    target
}

pub(crate) fn all_keys() -> Value {
    body(json!({ "kind": "api_key", "all": true }))
}

impl Admin {
    pub(crate) async fn security(&self) -> Someone {
        self.person("sam@example.com", "p-sam", &["security"]).await
    }

    async fn has_account(&self, name: &str, state: ServiceAccountState) {
        let account = ServiceAccount {
            name: ServiceAccountName::parse(name).unwrap(),
            purpose: "reads what the desk shows".into(),
            owner: PersonId::parse("p-100").unwrap(),
            scopes: ["rates:view".to_owned()].into(),
            state,
            created_at: self.now(),
            disabled_at: None,
            review: None,
            actor_ref: actor_key().actor_ref(ActorType::ServiceAccount, name),
        };
        self.write("service_accounts", name, &account, 1, &[("current_hash", hash())]).await;
    }

    async fn terminate(&self, client_id: &str) {
        let names =
            DirectoryTables { keys: tables::KEYS.into(), clients: tables::CLIENTS.into(), audit: tables::AUDIT.into() };
        let directory = Directory::new(self.dynamodb(), names, actor_key(), reference_key());
        let client_id = ClientId::parse(client_id).unwrap();
        let ended = directory.terminate_client(&client_id, "left", &operator(), self.now()).await.unwrap();
        directory.commit(ended).await.unwrap();
    }
}

#[tokio::test]
async fn what_is_asked_for_waits_to_be_carried_out_and_nothing_has_ended_yet() {
    let admin = Admin::with_client().await;
    let sam = admin.security().await;
    let key = admin.issue_key(CLIENT).await;
    let answer = admin.call("POST", ROTATIONS).stepped_up(&sam).body(&all_keys()).send().await;
    let asked = answer.clone().expect(202);
    let id = asked["rotation_id"].as_str().unwrap();
    assert_eq!(answer.header("location"), Some(format!("{ROTATIONS}/{id}").as_str()));
    let nothing = json!({ "clients": 0, "revoked": 0, "issued": 0, "notified": 0 });
    assert_eq!((&asked["state"], &asked["counts"]), (&json!("PENDING"), &nothing));
    assert_eq!(asked["target"], json!({ "credential": null, "client_id": null, "all": true }));
    assert_eq!((&asked["kind"], &asked["reason"]), (&json!("api_key"), &json!(REASON)));
    assert_eq!((&asked["requested_by"], &asked["completed_at"]), (&json!(sam.id), &json!(null)));
    assert_eq!(admin.shown(&sam, &id_of(&key)).await["state"], "ACTIVE");

    let entry = &admin.entries_of("rotation.request").await[0];
    assert_eq!((&entry.body["resource"], &entry.body["reason"]), (&json!(format!("rotation:{id}")), &json!(REASON)));
    assert_eq!(entry.body["actor"]["id"], sam.id);
    let details = &entry.body["details"];
    assert_eq!((&details["kind"], &details["target"]["all"]), (&json!("api_key"), &json!(true)));
    let items = admin.scan(tables::ROTATIONS).await;
    assert_eq!(items.iter().filter(|item| item["pk"].as_s().unwrap() == "emergency").count(), 1);
}

#[tokio::test]
async fn each_target_is_named_in_the_answer_and_in_the_record() {
    let admin = Admin::with_client().await;
    let sam = admin.security().await;
    let key = id_of(&admin.issue_key(CLIENT).await);
    admin.has_account("svc-risk-batch", ServiceAccountState::Active).await;
    for (target, expected) in [
        (
            json!({ "kind": "api_key", "credential": key }),
            json!({ "credential": key, "client_id": CLIENT, "all": false }),
        ),
        (
            json!({ "kind": "api_key", "client_id": CLIENT }),
            json!({ "credential": null, "client_id": CLIENT, "all": false }),
        ),
        (
            json!({ "kind": "service_account", "credential": "svc-risk-batch" }),
            json!({ "credential": "svc-risk-batch", "client_id": null, "all": false }),
        ),
        (
            json!({ "kind": "service_account", "all": true }),
            json!({ "credential": null, "client_id": null, "all": true }),
        ),
    ] {
        let call = admin.call("POST", ROTATIONS).stepped_up(&sam).body(&body(target.clone()));
        let asked = call.send().await.expect(202);
        assert_eq!((&asked["target"], &asked["kind"]), (&expected, &target["kind"]));
        let entries = admin.entries_of("rotation.request").await;
        let told = |entry: &&crate::fixture::Stored| entry.body["details"]["rotation_id"] == asked["rotation_id"];
        let entry = entries.iter().find(told).unwrap();
        assert_eq!(entry.body["details"]["target"], expected);
        let concerns_client = !expected["client_id"].is_null();
        assert_eq!(entry.header["client_ref"].is_string(), concerns_client, "{expected}");
        // A code is good once.
        admin.clock.advance(SignedDuration::from_secs(30));
    }
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let admin = Admin::with_client().await;
    let sam = admin.security().await;
    for (sent, fields) in [
        (json!({}), &["kind", "credential", "reason"][..]),
        (json!({ "kind": "totp", "all": true, "reason": REASON }), &["kind"]),
        (json!({ "kind": "api_key", "reason": REASON }), &["credential"]),
        (json!({ "kind": "api_key", "client_id": CLIENT, "all": true, "reason": REASON }), &["client_id", "all"]),
        (json!({ "kind": "api_key", "all": false, "reason": REASON }), &["all"]),
        (json!({ "kind": "api_key", "all": "true", "reason": REASON }), &["all"]),
        (json!({ "kind": "service_account", "client_id": CLIENT, "reason": REASON }), &["client_id"]),
        (json!({ "kind": "service_account", "credential": "risk", "reason": REASON }), &["credential"]),
        (json!({ "kind": "api_key", "credential": "short", "reason": REASON }), &["credential"]),
        (json!({ "kind": "api_key", "all": true, "reason": "leaked" }), &["reason"]),
        (json!({ "kind": "api_key", "all": true }), &["reason"]),
        (json!({ "kind": "api_key", "all": true, "reason": REASON, "force": true }), &["force"]),
    ] {
        let refused = admin.call("POST", ROTATIONS).stepped_up(&sam).body(&sent).send().await;
        let named: Vec<_> = refused.json()["errors"].as_array().unwrap().iter().map(|e| e["field"].clone()).collect();
        assert_eq!((refused.status, json!(named)), (400, json!(fields)), "{sent}");
        admin.clock.advance(SignedDuration::from_secs(30));
    }
    assert!(admin.scan(tables::ROTATIONS).await.is_empty());
}

#[tokio::test]
async fn what_is_not_there_is_not_found_and_what_has_ended_is_a_conflict() {
    let admin = Admin::with_client().await;
    let (alice, sam) = (admin.administrator().await, admin.security().await);
    let revoked = id_of(&admin.issue_key(CLIENT).await);
    admin.call("DELETE", &at(&revoked, "")).by(&alice).send().await.expect(200);
    admin.create_client("empty").await;
    admin.create_client("gone").await;
    admin.issue_key("gone").await;
    admin.terminate("gone").await;
    admin.has_account("svc-old-batch", ServiceAccountState::Disabled).await;
    for (target, status, code) in [
        (json!({ "kind": "api_key", "credential": "AAAAAAAAAAAA" }), 404, "resource_not_found"),
        (json!({ "kind": "api_key", "client_id": "nobody" }), 404, "resource_not_found"),
        (json!({ "kind": "service_account", "credential": "svc-no-such" }), 404, "resource_not_found"),
        (json!({ "kind": "api_key", "credential": revoked }), 409, "conflict"),
        (json!({ "kind": "api_key", "client_id": "empty" }), 409, "conflict"),
        (json!({ "kind": "api_key", "client_id": "gone" }), 409, "conflict"),
        (json!({ "kind": "service_account", "credential": "svc-old-batch" }), 409, "conflict"),
    ] {
        let refused = admin.call("POST", ROTATIONS).stepped_up(&sam).body(&body(target)).send().await;
        refused.problem(status, code);
        admin.clock.advance(SignedDuration::from_secs(30));
    }
    let expired = id_of(&admin.issue_key(CLIENT).await);
    admin.clock.advance(SignedDuration::from_hours(24 * 90));
    let body = body(json!({ "kind": "api_key", "credential": expired }));
    let refused = admin.call("POST", ROTATIONS).stepped_up(&sam).body(&body).send().await;
    assert!(matches!(refused.status, 403 | 409), "{refused:?}");
    assert!(admin.scan(tables::ROTATIONS).await.is_empty());
}

#[tokio::test]
async fn one_of_a_target_is_unfinished_at_a_time_and_a_repeat_is_the_same_one() {
    let admin = Admin::with_client().await;
    let sam = admin.security().await;
    admin.issue_key(CLIENT).await;
    let call = admin.call("POST", ROTATIONS).body(&all_keys());
    let first = call.clone().stepped_up(&sam).idempotency_key("once").send().await.expect(202);
    let again = call.clone().by(&sam).idempotency_key("once").send().await.expect(202);
    assert_eq!(again["rotation_id"], first["rotation_id"]);
    admin.clock.advance(SignedDuration::from_secs(30));
    let refused = call.stepped_up(&sam).send().await;
    refused.problem(409, "conflict");
    assert!(refused.text.contains("not complete yet"), "{}", refused.text);
    admin.clock.advance(SignedDuration::from_secs(30));
    // Of something else it is another one.
    let one = body(json!({ "kind": "api_key", "client_id": CLIENT }));
    admin.call("POST", ROTATIONS).stepped_up(&sam).body(&one).send().await.expect(202);
}

#[tokio::test]
async fn administrators_and_security_may_with_a_code_and_nobody_else() {
    let admin = Admin::with_client().await;
    for (name, role, may) in
        [("ada", "admin", true), ("sam", "security", true), ("otto", "operations", false), ("carol", "auditor", false)]
    {
        let someone = admin.named(name, &[role]).await;
        let call = admin.call("POST", ROTATIONS).body(&body(json!({ "kind": "api_key", "client_id": "nobody" })));
        if may {
            call.clone().by(&someone).send().await.problem(403, "step_up_required");
            call.stepped_up(&someone).send().await.problem(404, "resource_not_found");
        } else {
            call.stepped_up(&someone).send().await.problem(403, "not_permitted");
        }
    }
    let refused = admin.entries_of("rotation.request").await;
    assert_eq!(refused.len(), 6);
    assert!(refused.iter().all(|entry| entry.header["outcome"] == "refused"));
}
