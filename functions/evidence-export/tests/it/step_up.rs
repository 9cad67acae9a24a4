//! The second factor of an export: a code is good for one request, and only the request takes one.

use engine_test_support::dynamo::tables;
use serde_json::json;

use crate::fixture::{Answer, Office, Someone};

const EVIDENCE: &str = "/api/v1/evidence";

/// Asks for a bundle with that code, or none.
async fn ask(office: &Office, by: &Someone, code: Option<&str>) -> Answer {
    let call = office.call("POST", EVIDENCE).by(by).body(&json!({}));
    match code {
        Some(code) => call.totp(code).send().await,
        None => call.send().await,
    }
}

async fn jobs(office: &Office) -> usize {
    office.scan(tables::EXPORTS).await.len()
}

#[tokio::test]
async fn without_a_code_with_a_used_one_or_with_anothers_nothing_is_asked_for() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let otto = office.person("otto@example.com", "p-otto", &["auditor"]).await;
    ask(&office, &erin, None).await.problem(403, "step_up_required");
    ask(&office, &erin, Some(&office.code(&otto.person_id))).await.problem(403, "step_up_failed");
    let code = office.code(&erin.person_id);
    ask(&office, &erin, Some(&code)).await.expect(202);
    ask(&office, &erin, Some(&code)).await.problem(403, "step_up_failed");
    let new = office.unenrolled("new@example.com", "p-new", &["auditor"]).await;
    ask(&office, &new, Some("123456")).await.problem(403, "step_up_not_enrolled");
    assert_eq!(jobs(&office).await, 1);
}

#[tokio::test]
async fn a_code_is_no_credential() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let code = office.code(&erin.person_id);
    for path in ["/api/v1/audit", "/api/v1/evidence/019bc3ac-2f00-7989-bdd9-14e14da269cf"] {
        office.call("GET", path).totp(&code).send().await.problem(401, "not_authenticated");
    }
    ask(&office, &erin, Some(&code)).await.expect(202);
}

#[tokio::test]
async fn reading_takes_no_code_and_uses_none_up() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let code = office.code(&erin.person_id);
    office.call("GET", "/api/v1/audit").by(&erin).totp(&code).send().await.expect(200);
    ask(&office, &erin, Some(&code)).await.expect(202);
}

#[tokio::test]
async fn a_code_in_the_body_is_as_good_and_stands_nowhere_in_the_record() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let body = json!({ "mfaTotp": office.code(&erin.person_id) });
    office.call("POST", EVIDENCE).by(&erin).body(&body).send().await.expect(202);
    office.call("POST", EVIDENCE).by(&erin).body(&body).send().await.problem(403, "step_up_failed");
    for entry in office.entries().await {
        assert!(!entry.entry.body().contains("mfaTotp"), "{}", entry.body);
    }
}

#[tokio::test]
async fn five_wrong_codes_lock_and_a_right_one_is_not_heard() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let right: Vec<_> = (-2..=2).map(|step| office.code_at(&erin.person_id, step)).collect();
    let wrong = (0..10).map(|number| format!("{number:06}")).find(|code| !right.contains(code)).unwrap();
    for _ in 0..5 {
        ask(&office, &erin, Some(&wrong)).await.problem(403, "step_up_failed");
    }
    let right = office.code_at(&erin.person_id, 0);
    ask(&office, &erin, Some(&right)).await.problem(429, "step_up_locked");
    assert_eq!(jobs(&office).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_uses_of_a_code_at_once_one_wins() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let call = office.call("POST", EVIDENCE).stepped_up(&erin).body(&json!({}));
    let process = office.process();
    let (one, other) = tokio::join!(call.send(), call.send_to(&process));
    let mut statuses = [one.status, other.status];
    statuses.sort_unstable();
    assert_eq!(statuses, [202, 403]);
    assert_eq!(jobs(&office).await, 1);
}
