//! `POST /admin/principals/{principal_id}/elevations`: roles for a time, by another's approval, and over by themselves.

use jiff::SignedDuration;
use serde_json::json;

use crate::asked::at;
use crate::fixture::Admin;

#[tokio::test]
async fn an_elevation_is_approved_by_another_and_ends_by_itself() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    admin.named("dana", &["operations"]).await;
    let elevated = || admin.token("dana@example.com", &["operations", "security"]);
    let read = || async { admin.call("GET", "/admin/access-review").bearer(&elevated()).send().await };
    let body = json!({ "roles": ["security"], "hours": 2, "justification": "on call this night" });
    let id = admin.ask(&alice, &at("dana", "/elevations"), &body).await;
    read().await.problem(403, "not_permitted");
    admin.approve(&bob, &id).await.expect(200);
    read().await.expect(200);
    admin.clock.advance(SignedDuration::from_hours(2) - SignedDuration::from_secs(1));
    read().await.expect(200);
    admin.clock.advance(SignedDuration::from_secs(1));
    read().await.problem(403, "not_permitted");
    let shown = admin.call("GET", &at("dana", "")).by(&alice).send().await.expect(200);
    assert_eq!(shown["effective_roles"], json!(["operations"]));
}

#[tokio::test]
async fn nobody_elevates_themselves_nor_through_a_second_account() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let second = admin.person("alice.second@example.com", "p-alice", &["admin"]).await;
    let bob = admin.named("bob", &["admin"]).await;
    let body = json!({ "roles": ["security"], "hours": 1, "justification": "on call this night" });
    let own = admin.ask(&alice, &at("alice", "/elevations"), &body).await;
    let by_bob = admin.ask(&bob, &at("alice", "/elevations"), &body).await;
    for (someone, id) in [(&alice, &own), (&second, &own), (&alice, &by_bob), (&second, &by_bob), (&bob, &by_bob)] {
        admin.approve(someone, id).await.problem(403, "approval_not_allowed");
    }
    admin.approve(&bob, &own).await.expect(200);
}

#[tokio::test]
async fn an_elevation_lasts_at_most_a_day() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    for hours in [json!(0), json!(25), json!("2"), json!(1.5), json!(null)] {
        let body = json!({ "roles": ["security"], "hours": hours, "justification": "on call this night" });
        let refused = admin.call("POST", &at("alice", "/elevations")).by(&alice).body(&body).send().await;
        assert_eq!(refused.bad_fields(), ["hours"], "{hours}");
    }
}
