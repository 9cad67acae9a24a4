//! `POST /admin/principals/{principal_id}/disable`: at once, but never the last administrator.

use jiff::SignedDuration;
use serde_json::json;

use crate::asked::{PRINCIPALS, account, at, newcomer};
use crate::fixture::Admin;

#[tokio::test]
async fn a_disabled_account_is_refused_from_the_next_request_on() {
    let admin = Admin::start().await;
    let dana = admin.named("dana", &["operations"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let token = admin.token_of(&dana);
    admin.call("GET", "/admin/requests").bearer(&token).send().await.expect(200);
    let body = json!({ "reason": "left the company" });
    let disabled = admin.call("POST", &at("dana", "/disable")).by(&officer).body(&body).send().await.expect(200);
    assert_eq!((&disabled["state"], &disabled["principal_id"]), (&"DISABLED".into(), &account("dana").into()));
    admin.call("GET", "/admin/requests").bearer(&token).send().await.problem(401, "not_authenticated");
    let entry = admin.done("principal.disable").await;
    assert_eq!((&entry.body["reason"], &entry.body["details"]["version"]), (&"left the company".into(), &2.into()));
    let again = admin.call("POST", &at("dana", "/disable")).by(&officer).body(&body).send().await;
    again.problem(409, "conflict");
}

#[tokio::test]
async fn who_is_onboarded_anew_does_not_revive_a_token_of_the_account_before() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let max = admin.named("max", &["operations"]).await;
    let dana = admin.named("dana", &["operations"]).await;
    let old = admin.token_of(&dana);
    let body = json!({ "reason": "left the company" });
    admin.call("POST", &at("dana", "/disable")).by(&alice).body(&body).send().await.expect(200);
    admin.clock.advance(SignedDuration::from_mins(2));
    let id = admin.ask(&alice, PRINCIPALS, &newcomer("dana", &["operations"])).await;
    for approver in [&max, &bob] {
        admin.approve(approver, &id).await.expect(200);
    }
    admin.call("GET", "/admin/requests").bearer(&old).send().await.problem(401, "not_authenticated");
    admin.call("GET", "/admin/requests").by(&dana).send().await.expect(200);
}

#[tokio::test]
async fn only_who_may_disable_does_and_says_why() {
    let admin = Admin::start().await;
    admin.named("dana", &["operations"]).await;
    let (officer, eve) = (admin.named("sam", &["security"]).await, admin.named("eve", &["operations"]).await);
    let path = at("dana", "/disable");
    let body = json!({ "reason": "a grudge" });
    admin.call("POST", &path).by(&eve).body(&body).send().await.problem(403, "not_permitted");
    assert_eq!(admin.call("POST", &path).by(&officer).body(&json!({})).send().await.bad_fields(), ["reason"]);
    let nobody = admin.call("POST", &at("nobody", "/disable")).by(&officer).body(&body).send().await;
    nobody.problem(404, "resource_not_found");
    let refused = admin.entries_of("principal.disable").await;
    assert_eq!(refused.len(), 3);
    assert!(refused.iter().all(|entry| entry.header["outcome"] == "refused"));
}

#[tokio::test]
async fn the_last_administrator_is_not_disabled() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let body = json!({ "reason": "left the company" });
    admin.call("POST", &at("bob", "/disable")).by(&alice).body(&body).send().await.expect(200);
    let last = admin.call("POST", &at("alice", "/disable")).by(&alice).body(&body).send().await;
    last.problem(409, "conflict");
    admin.call("GET", "/admin/requests").by(&alice).send().await.expect(200);
    admin.call("GET", "/admin/requests").by(&bob).send().await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn two_administrators_who_disable_each_other_at_once_do_not_leave_nobody() {
    let admin = Admin::start().await;
    let (alice, bob) = (admin.named("alice", &["admin"]).await, admin.named("bob", &["admin"]).await);
    let body = json!({ "reason": "it is them" });
    let (of_bob, of_alice) = (
        admin.call("POST", &at("bob", "/disable")).by(&alice).body(&body),
        admin.call("POST", &at("alice", "/disable")).by(&bob).body(&body),
    );
    let (first, second) = tokio::join!(of_bob.send(), of_alice.send());
    let done = [first.status, second.status].iter().filter(|status| **status == 200).count();
    assert_eq!(done, 1, "{first:?} {second:?}");
}
