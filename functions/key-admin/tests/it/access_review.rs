//! `/admin/access-review`: every active account, what must be looked at, and what was decided.

use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::asked::account;
use crate::fixture::Admin;

const PATH: &str = "/admin/access-review";

impl Admin {
    /// All rows of the review, read page by page.
    async fn rows(&self, by: &crate::fixture::Someone) -> Vec<Value> {
        let (mut rows, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let call = self.call("GET", PATH).by(by).query("limit", "2");
            let call = if let Some(cursor) = &cursor { call.query("cursor", cursor) } else { call };
            let page = call.send().await.expect(200);
            rows.extend(page["items"].as_array().unwrap().clone());
            let Some(next) = page["next_cursor"].as_str() else { return rows };
            cursor = Some(next.to_owned());
        }
    }
}

fn row<'a>(rows: &'a [Value], id: &str) -> &'a Value {
    rows.iter().find(|row| row["principal_id"] == id).unwrap_or_else(|| panic!("no row of {id}"))
}

#[tokio::test]
async fn people_and_service_accounts_are_reported_with_what_must_be_looked_at() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let (officer, auditor) = (admin.named("sam", &["security"]).await, admin.named("audrey", &["auditor"]).await);
    let service = json!({
        "name": "svc-risk-batch", "purpose": "nightly risk figures", "scopes": ["rates:view"], "owner": "p-alice",
        "justification": "the batch reads rates",
    });
    let id = admin.ask(&alice, "/admin/service-accounts", &service).await;
    admin.approve(&officer, &id).await.expect(200);
    let rows = admin.rows(&auditor).await;
    assert_eq!(rows.len(), 4);
    let sam = row(&rows, &account("sam"));
    assert_eq!((&sam["kind"], &sam["roles"]), (&"staff".into(), &json!(["security"])));
    assert_eq!(sam["flags"], json!(["orphaned"]), "p-manager has no account");
    let batch = row(&rows, "svc-risk-batch");
    assert_eq!((&batch["kind"], &batch["permissions"]), (&"service_account".into(), &json!(["rates:view"])));
    assert_eq!(batch["flags"], json!([]), "its owner has an account");

    admin.clock.advance(SignedDuration::from_hours(93 * 24));
    let rows = admin.rows(&auditor).await;
    assert_eq!(row(&rows, "svc-risk-batch")["flags"], json!(["unreviewed", "idle"]));
    assert_eq!(row(&rows, &account("alice"))["flags"], json!(["unreviewed", "idle", "orphaned"]));
    assert_eq!(row(&rows, &account("audrey"))["flags"], json!(["unreviewed", "orphaned"]), "it was used right now");
}

#[tokio::test]
async fn a_decision_is_recorded_and_nobody_decides_on_their_own() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let second = admin.person("alice.second@example.com", "p-alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let path = format!("{PATH}/{}", alice.id);
    let body = json!({ "decision": "remove", "note": "left the team" });
    for someone in [&alice, &second] {
        admin.call("POST", &path).by(someone).body(&body).send().await.problem(403, "approval_not_allowed");
    }
    let decided = admin.call("POST", &path).by(&officer).body(&body).send().await.expect(200);
    assert_eq!(decided["last_review"]["decision"], "remove");
    let rows = admin.rows(&officer).await;
    assert_eq!(row(&rows, &alice.id)["flags"], json!(["orphaned", "decision_open"]));
    let entries = admin.entries_of("access.review").await;
    let done: Vec<_> = entries.iter().filter(|entry| entry.header["outcome"] == "success").collect();
    assert_eq!((entries.len(), done.len()), (3, 1));
    assert_eq!(done[0].body["details"]["version"], 2);
}

#[tokio::test]
async fn a_service_account_is_decided_on_in_the_same_place() {
    let admin = Admin::start().await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let service = json!({
        "name": "svc-risk-batch", "purpose": "nightly risk figures", "scopes": ["rates:view"], "owner": "p-alice",
        "justification": "the batch reads rates",
    });
    let id = admin.ask(&alice, "/admin/service-accounts", &service).await;
    admin.approve(&officer, &id).await.expect(200);
    let body = json!({ "decision": "keep", "note": "runs every night" });
    let path = format!("{PATH}/svc-risk-batch");
    let own = "/admin/service-accounts/svc-risk-batch/review";
    for path in [&path[..], own] {
        let owner = admin.call("POST", path).by(&alice).body(&body).send().await;
        owner.problem(403, "approval_not_allowed");
    }
    admin.call("POST", &path).by(&officer).body(&body).send().await.expect(200);
    assert_eq!(row(&admin.rows(&officer).await, "svc-risk-batch")["last_review"]["decision"], "keep");
}

#[tokio::test]
async fn an_auditor_reads_the_review_and_decides_nothing() {
    let admin = Admin::start().await;
    let (alice, auditor) = (admin.named("alice", &["admin"]).await, admin.named("audrey", &["auditor"]).await);
    let body = json!({ "decision": "keep", "note": "fine" });
    let path = format!("{PATH}/{}", alice.id);
    admin.call("POST", &path).by(&auditor).body(&body).send().await.problem(403, "not_permitted");
    for cursor in ["?", "eHl6", "eCB5", "cCA", "cCBhL2I", "cyByaXNr"] {
        let bad = admin.call("GET", PATH).by(&auditor).query("cursor", cursor).send().await;
        assert_eq!(bad.bad_fields(), ["cursor"], "{cursor}");
    }
}
