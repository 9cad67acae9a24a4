//! `GET /admin/rotations`: every credential in use, with when it rotated, by whom and why, and when it is due next.

use std::collections::BTreeSet;

use engine_aws::rotations::{RegisterRow, RegisterStore};
use engine_core::rotation::CredentialKind;
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::arranged::{at, id_of};
use crate::fixture::{Admin, CLIENT, NOW, Someone};

const PATH: &str = "/admin/rotations";
const SERVICE: &str = "svc-risk-batch";

const fn days(days: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * days)
}

impl Admin {
    /// Notes a credential that is kept elsewhere, due in so many days.
    async fn observed(&self, kind: CredentialKind, name: &str, due_in: Option<i64>) {
        let row = RegisterRow {
            kind,
            credential: name.to_owned(),
            last_rotated_at: self.now(),
            rotated_by: "credential-sweep".to_owned(),
            because: "observed".to_owned(),
            next_due_at: due_in.map(|due| self.now() + days(due)),
            observed_at: self.now(),
        };
        assert!(RegisterStore::new(self.dynamodb(), tables::ROTATIONS).observe(&row).await.unwrap());
    }

    async fn service_account(&self, by: &Someone, officer: &Someone) {
        let new = json!({
            "name": SERVICE, "purpose": "nightly risk figures", "scopes": ["rates:view"], "owner": "p-owner",
            "justification": "the batch reads rates",
        });
        let id = self.ask(by, "/admin/service-accounts", &new).await;
        self.approve(officer, &id).await.expect(200);
    }

    async fn listed(&self, by: &Someone, query: &[(&'static str, &str)]) -> Vec<Value> {
        let call = query.iter().fold(self.call("GET", PATH).by(by), |call, (name, value)| call.query(name, value));
        let page = call.send().await.expect(200);
        assert_eq!(page["next_cursor"], Value::Null);
        page["items"].as_array().unwrap().clone()
    }
}

fn names(rows: &[Value]) -> Vec<(&str, &str)> {
    rows.iter().map(|row| (row["kind"].as_str().unwrap(), row["credential"].as_str().unwrap())).collect()
}

#[tokio::test]
async fn each_row_says_what_rotated_when_by_whom_why_and_what_is_due_next() {
    let admin = Admin::with_client().await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    admin.unenrolled("dana@example.com", "p-dana", &["operations"]).await;
    let key = id_of(&admin.key(&alice).await);
    admin.service_account(&alice, &officer).await;
    admin.observed(CredentialKind::Secret, "bootstrap-totp", Some(90)).await;
    admin.observed(CredentialKind::Secret, "actor-key", None).await;
    admin.observed(CredentialKind::KmsKey, "tables", Some(365)).await;
    let rows = admin.listed(&officer, &[]).await;
    let people = [alice.person_id.as_str(), officer.person_id.as_str()];
    assert_eq!(
        names(&rows),
        [
            ("api_key", key.as_str()),
            ("service_account", SERVICE),
            ("totp", people[0]),
            ("totp", people[1]),
            ("secret", "actor-key"),
            ("secret", "bootstrap-totp"),
            ("kms_key", "tables"),
        ]
    );
    let [then, month, quarter] = ["2026-01-15", "2026-02-14", "2026-04-15"].map(|day| format!("{day}T22:00:00.000Z"));
    assert!(then.starts_with(&NOW[..NOW.len() - 1]));
    for (place, expected) in [
        (
            0,
            json!({
                "kind": "api_key", "credential": key, "client_id": CLIENT, "owner": null, "state": "ACTIVE",
                "last_rotated_at": then, "rotated_by": alice.id, "because": "created", "next_due_at": quarter,
                "overdue": false,
            }),
        ),
        (
            1,
            json!({
                "kind": "service_account", "credential": SERVICE, "client_id": null, "owner": "p-owner", "state": "ACTIVE",
                "last_rotated_at": then, "rotated_by": officer.id, "because": "created", "next_due_at": month,
                "overdue": false,
            }),
        ),
        (
            2,
            json!({
                "kind": "totp", "credential": people[0], "client_id": null, "owner": people[0], "state": "ENROLLED",
                "last_rotated_at": then, "rotated_by": people[0], "because": "enrolled", "next_due_at": quarter,
                "overdue": false,
            }),
        ),
        (
            4,
            json!({
                "kind": "secret", "credential": "actor-key", "client_id": null, "owner": null, "state": "ACTIVE",
                "last_rotated_at": then, "rotated_by": "credential-sweep", "because": "observed", "next_due_at": null,
                "overdue": false,
            }),
        ),
    ] {
        assert_eq!(rows[place], expected);
    }
}

#[tokio::test]
async fn what_has_ended_is_not_in_it() {
    let admin = Admin::with_client().await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    let [kept, revoked] = [admin.key(&alice).await, admin.key(&alice).await].map(|key| id_of(&key));
    admin.service_account(&alice, &officer).await;
    admin.call("DELETE", &at(&revoked, "")).by(&alice).send().await.expect(200);
    let disable = admin.call("POST", &format!("/admin/service-accounts/{SERVICE}/disable")).by(&officer);
    disable.body(&json!({ "reason": "no longer needed" })).send().await.expect(200);
    let rows = admin.listed(&officer, &[]).await;
    assert_eq!(names(&rows)[..1], [("api_key", kept.as_str())]);
    assert!(rows[1..].iter().all(|row| row["kind"] == "totp"), "{rows:?}");
}

#[tokio::test]
async fn it_is_of_one_kind_or_of_what_is_overdue_at_the_time_of_asking() {
    let admin = Admin::with_client().await;
    let officer = admin.named("sam", &["security"]).await;
    let key = id_of(&admin.issue_key(CLIENT).await);
    for (name, due) in [("tables", 10), ("logs", 365)] {
        admin.observed(CredentialKind::KmsKey, name, Some(due)).await;
    }
    admin.observed(CredentialKind::Secret, "actor-key", None).await;
    let logs_and_tables = [("kms_key", "logs"), ("kms_key", "tables")];
    assert_eq!(names(&admin.listed(&officer, &[("kind", "kms_key")]).await), logs_and_tables);
    assert!(admin.listed(&officer, &[("overdue", "true")]).await.is_empty());
    assert_eq!(admin.listed(&officer, &[("overdue", "false")]).await.len(), 5);
    admin.clock.advance(days(10) - SignedDuration::from_secs(1));
    assert!(admin.listed(&officer, &[("overdue", "true")]).await.is_empty());
    admin.clock.advance(SignedDuration::from_secs(1));
    let overdue = admin.listed(&officer, &[("overdue", "true")]).await;
    assert_eq!(names(&overdue), [("kms_key", "tables")]);
    assert_eq!(overdue[0]["overdue"], true);
    assert!(admin.listed(&officer, &[("overdue", "true"), ("kind", "api_key")]).await.is_empty());
    admin.clock.advance(days(80));
    let overdue = admin.listed(&officer, &[("overdue", "true")]).await;
    let person = officer.person_id.as_str();
    assert_eq!(names(&overdue), [("api_key", key.as_str()), ("totp", person), ("kms_key", "tables")]);
}

#[tokio::test]
async fn pages_follow_each_other_through_the_kinds_without_gap_or_repeat() {
    let admin = Admin::with_client().await;
    admin.create_client("acme").await;
    let alice = admin.named("alice", &["admin"]).await;
    let officer = admin.named("sam", &["security"]).await;
    for client in [CLIENT, "acme", CLIENT] {
        admin.issue_key(client).await;
    }
    admin.service_account(&alice, &officer).await;
    for name in ["a#b", "logs", "tables"] {
        admin.observed(CredentialKind::KmsKey, name, Some(365)).await;
    }
    admin.observed(CredentialKind::Certificate, "api.example.com", Some(30)).await;
    let whole = admin.listed(&officer, &[]).await;
    assert_eq!(whole.len(), 10);
    assert_eq!(names(&whole).into_iter().collect::<BTreeSet<_>>().len(), whole.len());
    for limit in ["1", "3", "10"] {
        let (mut seen, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let mut call = admin.call("GET", PATH).by(&officer).query("limit", limit);
            if let Some(cursor) = &cursor {
                call = call.query("cursor", cursor);
            }
            let page = call.send().await.expect(200);
            let items = page["items"].as_array().unwrap().clone();
            assert!(items.len() <= limit.parse().unwrap(), "{items:?}");
            seen.extend(items);
            match page["next_cursor"].as_str() {
                Some(next) => cursor = Some(next.to_owned()),
                None => break,
            }
        }
        assert_eq!(seen, whole, "pages of {limit}");
    }
}

#[tokio::test]
async fn bad_parameters_and_another_kinds_cursor_are_refused_by_name() {
    let admin = Admin::with_client().await;
    let officer = admin.named("sam", &["security"]).await;
    for _ in 0..2 {
        admin.issue_key(CLIENT).await;
    }
    let page = admin.call("GET", PATH).by(&officer).query("limit", "1").send().await.expect(200);
    let cursor = page["next_cursor"].as_str().unwrap();
    let elsewhere = admin.call("GET", PATH).by(&officer).query("kind", "totp").query("cursor", cursor);
    assert_eq!(elsewhere.send().await.bad_fields(), ["cursor"]);
    for (name, value) in [
        ("kind", "password"),
        ("kind", "API_KEY"),
        ("overdue", "yes"),
        ("limit", "0"),
        ("limit", "101"),
        ("cursor", "!"),
        ("cursor", "YXBpX2tleSNhY21l"),
        ("state", "ACTIVE"),
    ] {
        let answer = admin.call("GET", PATH).by(&officer).query(name, value).send().await;
        assert_eq!(answer.bad_fields(), [name], "{value}");
    }
}
