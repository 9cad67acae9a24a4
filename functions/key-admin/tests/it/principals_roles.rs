//! Roles of an account: more by another's approval, less at once.

use serde_json::json;

use crate::asked::at;
use crate::fixture::Admin;

#[tokio::test]
async fn a_role_is_held_once_another_person_has_approved_it() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    admin.named("dana", &["operations"]).await;
    let revoking = admin.token("dana@example.com", &["operations", "security"]);
    let read = || async { admin.call("GET", "/admin/access-review").bearer(&revoking).send().await };
    read().await.problem(403, "not_permitted");
    let body = json!({ "roles": ["security"], "justification": "joins the security team" });
    let id = admin.ask(&alice, &at("dana", "/roles"), &body).await;
    admin.approve(&alice, &id).await.problem(403, "approval_not_allowed");
    read().await.problem(403, "not_permitted");
    let approved = admin.approve(&bob, &id).await.expect(200);
    assert!(approved.get("ticket").is_none());
    read().await.expect(200);
    assert_eq!(admin.done("principal.role.grant").await.body["details"]["granted"], json!(["security"]));
    let again = admin.call("POST", &at("dana", "/roles")).by(&alice).body(&body).send().await;
    again.problem(409, "conflict");
}

#[tokio::test]
async fn a_role_removed_after_the_token_was_issued_permits_nothing() {
    let admin = Admin::start().await;
    let officer = admin.named("sam", &["security"]).await;
    let dana = admin.named("dana", &["operations", "auditor"]).await;
    let token = admin.token_of(&dana);
    let read = || async { admin.call("GET", "/admin/access-review").bearer(&token).send().await };
    read().await.expect(200);
    let path = at("dana", "/roles/auditor");
    let removed = admin.call("DELETE", &path).by(&officer).query("reason", "changes teams").send().await.expect(200);
    assert_eq!(removed["roles"], json!(["operations"]));
    read().await.problem(403, "not_permitted");
    admin.call("DELETE", &path).by(&officer).query("reason", "again").send().await.problem(409, "conflict");
    let entry = admin.done("principal.role.remove").await;
    assert_eq!((&entry.body["reason"], &entry.body["details"]["role"]), (&"changes teams".into(), &"auditor".into()));
}

#[tokio::test]
async fn a_role_is_taken_away_with_a_reason_and_only_one_that_people_hold() {
    let admin = Admin::start().await;
    let officer = admin.named("sam", &["security"]).await;
    admin.named("dana", &["operations"]).await;
    let remove = |role: &str| admin.call("DELETE", &at("dana", &format!("/roles/{role}"))).by(&officer);
    assert_eq!(remove("operations").send().await.bad_fields(), ["reason"]);
    for role in ["system", "client", "nonsense"] {
        remove(role).query("reason", "why not").send().await.problem(404, "resource_not_found");
    }
    remove("operations").body(&json!({ "reason": "in a body" })).send().await.expect(200);
}

#[tokio::test]
async fn the_last_administrator_keeps_the_role() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin", "security"]).await;
    let last = admin.call("DELETE", &at("alice", "/roles/admin")).by(&alice).query("reason", "tired").send().await;
    last.problem(409, "conflict");
}

#[tokio::test]
async fn no_role_beyond_those_of_people_is_asked_for() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    for role in ["client", "system", "owner"] {
        let body = json!({ "roles": [role], "justification": "joins another team" });
        let refused = admin.call("POST", &at("alice", "/roles")).by(&alice).body(&body).send().await;
        assert_eq!(refused.bad_fields(), ["roles[0]"], "{role}");
    }
}
