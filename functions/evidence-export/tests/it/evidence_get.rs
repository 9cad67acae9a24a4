//! `GET /api/v1/evidence/{id}`: how far an export is, and where its bundle is, for who asked for it.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::clock::{Clock, SystemClock};
use engine_aws::evidence::{GIVEN_UP, KEPT, MOST_ATTEMPTS};
use engine_core::hex;
use engine_test_support::dynamo::tables;
use jiff::SignedDuration;
use serde_json::json;

use crate::fixture::{NOW, Office, redacted, time};

impl Office {
    /// Changes an export behind the function's back.
    async fn change_export(&self, id: &str, change: impl FnOnce(&mut HashMap<String, AttributeValue>)) {
        let mut items = self.scan(tables::EXPORTS).await;
        let item = items.iter_mut().find(|item| item["pk"].as_s().unwrap() == id).unwrap();
        change(item);
        let put = self.dynamodb().put_item().table_name(tables::EXPORTS).set_item(Some(item.clone()));
        put.send().await.unwrap();
    }
}

fn number(number: i64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

#[tokio::test]
async fn a_bundle_is_fetched_from_its_url_for_five_minutes_and_has_the_digest_that_is_told() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let (state, bundle) = office.export(&erin, &json!({ "client": "beta" })).await;
    let bundle = bundle.unwrap();
    assert_eq!(state["sha256"], hex::sha256(&bundle));
    assert_eq!(state["bytes"], bundle.len() as u64);
    let url = state["download_url"].as_str().unwrap();
    let now = SystemClock.now();
    assert_eq!(office.s3.download(url, now).unwrap(), bundle);
    assert_eq!(office.s3.download(url, now + SignedDuration::from_secs(301)), Err(403));
    let mut shown = redacted(state);
    shown["bytes"] = json!("[bytes]");
    insta::assert_json_snapshot!(shown);
}

#[tokio::test]
async fn anothers_export_does_not_exist_for_anybody_else() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let other = office.person("otto@example.com", "p-otto", &["auditor"]).await;
    // A second account of the same person is another subject too.
    let second = office.person("erin-2@example.com", "p-erin", &["auditor"]).await;
    let id = office.ask(&erin, &json!({})).await;
    let path = format!("/api/v1/evidence/{id}");
    let unknown = office.call("GET", "/api/v1/evidence/019bc3ac-2f00-7989-bdd9-14e14da269cf").by(&other).send().await;
    for someone in [&other, &second] {
        let hidden = office.call("GET", &path).by(someone).send().await;
        hidden.problem(404, "resource_not_found");
        assert_eq!(hidden.alike(), unknown.alike(), "it is not told apart from what is not there");
    }
    office.call("GET", "/api/v1/evidence/nonsense").by(&erin).send().await.problem(404, "resource_not_found");
    assert_eq!(office.state(&erin, &id).await["state"], "pending");
}

#[tokio::test]
async fn an_export_at_work_tells_how_far_it_is() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = office.ask(&erin, &json!({})).await;
    let lease = time(NOW).as_millisecond() + 60_000;
    office
        .change_export(&id, |item| {
            item.insert("job_state".into(), text("running"));
            item.insert("attempts".into(), number(1));
            item.insert("lease_until".into(), number(lease));
            item.insert("done_steps".into(), number(3));
            item.insert("all_steps".into(), number(9));
        })
        .await;
    let state = office.state(&erin, &id).await;
    assert_eq!((&state["state"], &state["progress"]), (&json!("running"), &json!({ "done": 3, "total": 9 })));
    assert_eq!(state.get("download_url"), None);
}

#[tokio::test]
async fn what_nobody_works_on_any_more_has_failed() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = office.ask(&erin, &json!({})).await;
    let running = |attempts: u32, lease: i64| {
        move |item: &mut HashMap<String, AttributeValue>| {
            item.insert("job_state".into(), text("running"));
            item.insert("attempts".into(), number(i64::from(attempts)));
            item.insert("lease_until".into(), number(lease));
            item.insert("done_steps".into(), number(1));
            item.insert("all_steps".into(), number(2));
        }
    };
    let now = office.now().as_millisecond();
    for (attempts, lease, expected) in
        [(1, now - 1, "running"), (MOST_ATTEMPTS, now + 1000, "running"), (MOST_ATTEMPTS, now - 1, "failed")]
    {
        office.change_export(&id, running(attempts, lease)).await;
        let state = office.state(&erin, &id).await;
        assert_eq!(state["state"], expected, "{attempts} attempts");
        assert_eq!(state["cause"].is_string(), expected == "failed");
    }
}

#[tokio::test]
async fn what_the_stream_never_brought_has_failed_when_it_brings_it_no_more() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = office.ask(&erin, &json!({})).await;
    office.clock.advance(GIVEN_UP);
    assert_eq!(office.state(&erin, &id).await["state"], "pending");
    office.clock.advance(SignedDuration::from_secs(1));
    assert_eq!(office.state(&erin, &id).await["state"], "failed");
}

#[tokio::test]
async fn a_bundle_that_is_kept_no_longer_has_expired_and_its_digest_is_still_told() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let (done, _) = office.export(&erin, &json!({})).await;
    let id = done["evidence_id"].as_str().unwrap();
    office.clock.advance(KEPT);
    assert_eq!(office.state(&erin, id).await["state"], "done");
    office.clock.advance(SignedDuration::from_secs(1));
    let mut expected = done.clone();
    expected["state"] = json!("expired");
    for name in ["download_url", "download_seconds"] {
        expected.as_object_mut().unwrap().remove(name);
    }
    assert_eq!(office.state(&erin, id).await, expected);
    let shown = office.entries_of("evidence.show").await;
    assert_eq!(shown.last().unwrap().body["details"]["download"], false);
}

#[tokio::test]
async fn each_look_is_recorded_and_the_url_stands_nowhere() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let (state, _) = office.export(&erin, &json!({})).await;
    let stored = office.entry_of("evidence.show").await;
    let expected = json!({ "evidence_id": state["evidence_id"], "state": "done", "download": true });
    assert_eq!(stored.body["details"], expected);
    for entry in office.entries().await {
        assert!(!entry.entry.body().contains("X-Amz-Signature"), "{}", entry.body);
    }
    let unknown = office.call("GET", "/api/v1/evidence/nonsense").by(&erin).query("x", "1").send().await;
    assert_eq!(unknown.bad_fields(), ["x"]);
}
