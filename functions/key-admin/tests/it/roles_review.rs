//! `/admin/roles`: what each role permits, and its yearly review.

use engine_core::access::Role;
use serde_json::{Value, json};

use crate::fixture::Admin;

#[tokio::test]
async fn every_role_is_listed_with_what_it_permits() {
    let admin = Admin::start().await;
    let auditor = admin.named("audrey", &["auditor"]).await;
    let listed = admin.call("GET", "/admin/roles").by(&auditor).send().await.expect(200);
    let items = listed["items"].as_array().unwrap();
    assert_eq!(items.len(), Role::ALL.len());
    for (item, role) in items.iter().zip(Role::ALL) {
        let permissions: Vec<_> = role.permissions().iter().map(|permission| permission.as_str()).collect();
        assert_eq!((&item["role"], &item["permissions"]), (&role.as_str().into(), &json!(permissions)));
        assert_eq!((&item["last_review"], &item["overdue"]), (&Value::Null, &false.into()));
    }
}

#[tokio::test]
async fn a_review_moves_the_date_by_which_the_next_is_due() {
    let admin = Admin::start().await;
    let officer = admin.named("sam", &["security"]).await;
    let due = |body: &Value| body["review_due"].as_str().unwrap().to_owned();
    let role = || async { admin.call("GET", "/admin/roles").by(&officer).send().await.expect(200)["items"][1].clone() };
    let before = due(&role().await);
    admin.clock.set(before.parse().unwrap());
    assert_eq!(role().await["overdue"], false);
    admin.clock.advance(jiff::SignedDuration::from_millis(1));
    assert_eq!(role().await["overdue"], true);
    let body = json!({ "decision": "keep", "note": "still right" });
    let reviewed = admin.call("POST", "/admin/roles/admin/review").by(&officer).body(&body).send().await.expect(200);
    assert!(due(&reviewed) > before);
    assert_eq!(role().await["last_review"]["by"], "sam@example.com");
    assert_eq!(admin.entries_of("role.review").await.len(), 1);
}

#[tokio::test]
async fn an_auditor_reviews_nothing_and_no_other_role_is_reviewed() {
    let admin = Admin::start().await;
    let (auditor, officer) = (admin.named("audrey", &["auditor"]).await, admin.named("sam", &["security"]).await);
    let body = json!({ "decision": "keep", "note": "still right" });
    let refused = admin.call("POST", "/admin/roles/admin/review").by(&auditor).body(&body).send().await;
    refused.problem(403, "not_permitted");
    let unknown = admin.call("POST", "/admin/roles/owner/review").by(&officer).body(&body).send().await;
    unknown.problem(404, "resource_not_found");
}
