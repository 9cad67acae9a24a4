//! `/admin/requests`: what waits for others, who decides, and for how long.

use jiff::SignedDuration;
use serde_json::json;

use crate::asked::{PRINCIPALS, at, newcomer};
use crate::fixture::Admin;

#[tokio::test]
async fn requests_are_listed_latest_first_and_by_state() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let mut ids = Vec::new();
    for person in ["dana", "eve", "finn"] {
        ids.push(admin.ask(&alice, PRINCIPALS, &newcomer(person, &["operations"])).await);
        admin.clock.advance(SignedDuration::from_secs(1));
    }
    let reject = format!("/admin/requests/{}/reject", ids[1]);
    admin.call("POST", &reject).by(&alice).body(&json!({ "reason": "a mistake" })).send().await.expect(200);
    let list = |name: &'static str, value: String| {
        let call = admin.call("GET", "/admin/requests").by(&alice).query(name, &value);
        async move { call.send().await.expect(200) }
    };
    let listed = |page: &serde_json::Value| {
        let items = page["items"].as_array().unwrap().iter();
        items.map(|item| item["request_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(listed(&list("state", "OPEN".into()).await), [ids[2].clone(), ids[0].clone()]);
    assert_eq!(listed(&list("state", "REJECTED".into()).await), [ids[1].clone()]);
    let first = list("limit", "2".into()).await;
    assert_eq!(listed(&first), [ids[2].clone(), ids[1].clone()]);
    let rest = list("cursor", first["next_cursor"].as_str().unwrap().into()).await;
    assert_eq!((listed(&rest), &rest["next_cursor"]), (vec![ids[0].clone()], &json!(null)));
    let bad = admin.call("GET", "/admin/requests").by(&alice).query("state", "open").send().await;
    assert_eq!(bad.bad_fields(), ["state"]);
}

#[tokio::test]
async fn a_request_is_shown_with_what_is_missing_and_who_asked() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    let shown = admin.call("GET", &format!("/admin/requests/{id}")).by(&alice).send().await.expect(200);
    assert_eq!((&shown["kind"], &shown["state"]), (&"onboarding".into(), &"OPEN".into()));
    assert_eq!(shown["missing"], json!(["manager", "system_owner"]));
    assert_eq!(shown["maker"]["person_id"], "p-alice");
    assert_eq!(shown["expires_at"], "2026-01-29T22:00:00.000Z");
    for id in ["nonsense", "0198c8d4-0000-7000-8000-000000000000"] {
        let missing = admin.call("GET", &format!("/admin/requests/{id}")).by(&alice).send().await;
        missing.problem(404, "resource_not_found");
    }
}

#[tokio::test]
async fn a_request_is_rejected_by_whom_it_concerns_and_stays_so() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let stranger = admin.named("eve", &["operations"]).await;
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    let reject = format!("/admin/requests/{id}/reject");
    let body = json!({ "reason": "not needed" });
    admin.call("POST", &reject).by(&stranger).body(&body).send().await.problem(403, "approval_not_allowed");
    assert_eq!(admin.call("POST", &reject).by(&bob).body(&json!({})).send().await.bad_fields(), ["reason"]);
    let rejected = admin.call("POST", &reject).by(&bob).body(&body).send().await.expect(200);
    assert_eq!(rejected["state"], "REJECTED");
    admin.approve(&bob, &id).await.problem(409, "conflict");
    admin.call("POST", &reject).by(&bob).body(&body).send().await.problem(409, "conflict");
    let shown = admin.call("GET", &at("dana", "")).by(&alice).send().await.expect(200);
    assert_eq!(shown["state"], "DISABLED");
}

#[tokio::test]
async fn a_request_can_be_approved_for_14_days() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    admin.clock.advance(SignedDuration::from_hours(14 * 24));
    admin.approve(&bob, &id).await.problem(409, "conflict");
    let shown = admin.call("GET", &format!("/admin/requests/{id}")).by(&alice).send().await.expect(200);
    assert_eq!((&shown["state"], &shown["expired"]), (&"OPEN".into(), &true.into()));
}

#[tokio::test]
async fn of_two_last_approvals_at_once_one_counts() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let (bob, cyd) = (admin.named("bob", &["admin"]).await, admin.named("cyd", &["admin"]).await);
    admin.named("dana", &["operations"]).await;
    let body = json!({ "roles": ["security"], "justification": "joins the security team" });
    let id = admin.ask(&alice, &at("dana", "/roles"), &body).await;
    let (first, second) = tokio::join!(admin.approve(&bob, &id), admin.approve(&cyd, &id));
    let mut statuses = [first.status, second.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 409], "{first:?} {second:?}");
    let granted = admin.entries_of("principal.role.grant").await;
    assert_eq!(granted.len(), 1);
    assert_eq!(granted[0].body["details"]["approvals"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn a_repeated_approval_shows_no_ticket_again() {
    let admin = Admin::start().await;
    let (mia, max) = (admin.named("mia", &["admin"]).await, admin.named("max", &["operations"]).await);
    let olga = admin.named("olga", &["admin"]).await;
    let id = admin.ask(&mia, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    admin.approve(&max, &id).await.expect(200);
    let path = format!("/admin/requests/{id}/approve");
    let call = admin.call("POST", &path).by(&olga).idempotency_key("once").body(&json!({}));
    assert!(call.send().await.expect(200)["ticket"].is_string());
    let again = call.send().await.expect(200);
    assert_eq!((&again["ticket"], &again["code"]), (&json!(null), &"already_issued".into()));
}

#[tokio::test]
async fn who_approves_has_the_roles_that_the_account_holds_and_the_token_claims() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let otto = admin.named("otto", &["operations"]).await;
    let bob = admin.named("bob", &["admin", "operations"]).await;
    admin.named("dana", &["operations"]).await;
    let body = json!({ "roles": ["security"], "justification": "joins the security team" });
    let id = admin.ask(&alice, &at("dana", "/roles"), &body).await;
    let path = format!("/admin/requests/{id}/approve");
    let more = admin.token(&otto.id, &["admin", "operations"]);
    let claimed = admin.call("POST", &path).bearer(&more).body(&json!({})).send().await;
    claimed.problem(403, "approval_not_allowed");
    let less = admin.token(&bob.id, &["operations"]);
    let unclaimed = admin.call("POST", &path).bearer(&less).body(&json!({})).send().await;
    unclaimed.problem(403, "approval_not_allowed");
    admin.approve(&bob, &id).await.expect(200);
}
