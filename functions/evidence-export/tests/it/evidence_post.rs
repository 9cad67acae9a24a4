//! `POST /api/v1/evidence`: what can be told at once is told at once; what is taken is a job, an entry and an answer together.

use std::collections::BTreeSet;

use engine_test_support::audit::{client_ref, subject_ref};
use engine_test_support::dynamo::tables;
use serde_json::{Value, json};

use crate::fixture::{NOW, Office, RECORDS, Someone, late, redacted};

const EVIDENCE: &str = "/api/v1/evidence";

async fn refused(office: &Office, by: &Someone, body: &Value) -> Vec<String> {
    office.call("POST", EVIDENCE).stepped_up(by).body(body).send().await.bad_fields()
}

#[tokio::test]
async fn a_request_is_accepted_with_its_tree_pinned_and_says_where_to_look() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let body = json!({
        "from": "2026-11-22T03:00:00Z", "to": "2026-11-22T04:00:00Z", "event": ["quote.create", "quote.batch.create"],
        "client": "beta", "ticker": "brk b", "include_logs": true,
    });
    let answer = office.call("POST", EVIDENCE).stepped_up(&erin).body(&body).send().await;
    let asked = answer.expect(202);
    let location = format!("{EVIDENCE}/{}", asked["evidence_id"].as_str().unwrap());
    assert_eq!(answer.header("location"), Some(location.as_str()));
    insta::assert_json_snapshot!(redacted(asked));
    assert_eq!(office.scan(tables::EXPORTS).await.len(), 1);
}

#[tokio::test]
async fn the_request_is_recorded_in_clear_in_the_body_and_by_reference_in_the_header() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = office.ask(&erin, &json!({ "client": "beta", "ticker": "GME", "actor": "client:beta" })).await;
    let stored = office.entry_of("evidence.request").await;
    assert_eq!(stored.header["client_ref"], client_ref("beta").as_str());
    assert_eq!(stored.header["subject_ref"], subject_ref("GME").as_str());
    let expected = json!({
        "evidence_id": id, "filter": {"actor": ["client:beta"], "client": ["beta"], "ticker": ["GME"]}, "size": 605,
        "consistent_with": null, "include_logs": false,
    });
    assert_eq!(stored.body["details"], expected);
    let two = office.ask(&erin, &json!({ "client": ["beta", "alpha"] })).await;
    let stored = office.entries_of("evidence.request").await;
    let stored = stored.iter().find(|entry| entry.body["details"]["evidence_id"] == *two).unwrap();
    assert_eq!(stored.header.get("client_ref"), None, "of two clients neither stands for the request");
}

#[tokio::test]
async fn every_field_that_is_wrong_is_named() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let body = json!({
        "from": 1, "to": "x", "event": ["quote.create", "x"], "outcome": "x", "actor": "x", "client": [], "ticker": "?",
        "request_id": [""], "include_logs": "yes", "size": 0, "consistent_with": "1", "reason": "curiosity",
    });
    let named: BTreeSet<_> = refused(&office, &erin, &body).await.into_iter().collect();
    let expected = [
        "from",
        "to",
        "event[1]",
        "outcome",
        "actor",
        "client",
        "ticker",
        "request_id[0]",
        "include_logs",
        "size",
        "consistent_with",
        "reason",
    ];
    assert_eq!(named, expected.map(str::to_owned).into());
    assert!(office.scan(tables::EXPORTS).await.is_empty());
}

#[tokio::test]
async fn an_end_that_the_log_has_not_settled_up_to_is_refused_and_the_latest_is_named() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let ask = |to: &str| office.call("POST", EVIDENCE).stepped_up(&erin).body(&json!({ "to": to }));
    for to in ["2026-11-22T05:55:00.001Z", NOW, "2030-01-01T00:00:00Z"] {
        let answer = ask(to).send().await;
        assert_eq!(answer.bad_fields(), ["to"]);
        let message = &answer.json()["errors"][0]["message"];
        assert_eq!(message, "must not be later than 2026-11-22T05:55:00.000Z", "five minutes before the checkpoint");
    }
    ask("2026-11-22T05:55:00.000Z").send().await.expect(202);
}

#[tokio::test]
async fn a_time_that_holds_nothing_is_refused() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let same = json!({ "from": "2026-11-22T03:00:00Z", "to": "2026-11-22T03:00:00Z" });
    assert_eq!(refused(&office, &erin, &same).await, ["to"]);
    assert_eq!(refused(&office, &erin, &json!({ "from": "2026-11-22T05:56:00Z" })).await, ["from"]);
}

#[tokio::test]
async fn a_size_is_that_of_a_signed_checkpoint() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    for size in [1, 303, 606, 1_000_000] {
        assert_eq!(refused(&office, &erin, &json!({ "size": size })).await, ["size"], "{size}");
    }
    // At 304 the log was of 03:01.
    let older = json!({ "size": 304, "to": "2026-11-22T02:56:00Z" });
    let asked = office.call("POST", EVIDENCE).stepped_up(&erin).body(&older).send().await.expect(202);
    assert_eq!(asked["size"], 304);
    assert_eq!(refused(&office, &erin, &json!({ "size": 304, "to": "2026-11-22T03:00:00Z" })).await, ["to"]);
}

#[tokio::test]
async fn a_tree_is_consistent_with_an_older_one_that_was_signed_and_no_other() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    for older in [303, 606] {
        let body = json!({ "consistent_with": older });
        assert_eq!(refused(&office, &erin, &body).await, ["consistent_with"], "{older}");
    }
    let newer = json!({ "size": 304, "consistent_with": 604, "to": "2026-11-22T02:00:00Z" });
    assert_eq!(refused(&office, &erin, &newer).await, ["consistent_with"]);
    let asked = office.call("POST", EVIDENCE).stepped_up(&erin).body(&json!({ "consistent_with": 304 })).send().await;
    assert_eq!(asked.expect(202)["consistent_with"], 304);
}

#[tokio::test]
async fn a_client_or_a_ticker_that_was_never_there_is_named() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    assert_eq!(refused(&office, &erin, &json!({ "client": ["beta", "delta"] })).await, ["client"]);
    assert_eq!(refused(&office, &erin, &json!({ "ticker": ["GME", "NOSUCH"] })).await, ["ticker"]);
}

#[tokio::test]
async fn a_client_that_came_after_the_tree_is_not_in_it() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    office.s3.put_version(
        RECORDS,
        &format!("anchors/clients/{}", client_ref("delta")),
        json!({ "index": 605 }).to_string().as_bytes(),
    );
    assert_eq!(refused(&office, &erin, &json!({ "client": "delta" })).await, ["client"]);
}

#[tokio::test]
async fn a_range_that_one_run_cannot_look_through_is_refused() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let process = office.process().scanning(400);
    let ask = |body: Value| office.call("POST", EVIDENCE).stepped_up(&erin).body(&body);
    let answer = ask(json!({})).send_to(&process).await;
    assert_eq!(answer.bad_fields(), ["from"]);
    assert!(answer.text.contains("more than 400 entries"), "{}", answer.text);
    ask(json!({ "from": "2026-11-22T03:01:00Z" })).send_to(&process).await.expect(202);
}

#[tokio::test]
async fn nothing_can_be_exported_before_anything_is_sealed() {
    let office = Office::empty().await;
    let erin = office.auditor().await;
    office.call("POST", EVIDENCE).stepped_up(&erin).body(&json!({})).send().await.problem(409, "conflict");
}

#[tokio::test]
async fn a_repeat_under_its_key_is_one_job_without_another_code() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let call = office.call("POST", EVIDENCE).body(&json!({ "client": "beta" })).header("Idempotency-Key", "june");
    let first = call.clone().stepped_up(&erin).send().await;
    office.seal(vec![late(5)], "2026-11-22T06:20:00Z").await;
    let again = call.clone().by(&erin).send().await;
    assert_eq!(again.expect(202), first.expect(202), "of the same tree, though the log has grown");
    assert!(again.header("location").is_some());
    assert_eq!(again.header("location"), first.header("location"));
    assert_eq!(office.scan(tables::EXPORTS).await.len(), 1);
    let other = office.call("POST", EVIDENCE).body(&json!({})).header("Idempotency-Key", "june").by(&erin);
    other.send().await.problem(422, "idempotency_mismatch");
}

#[tokio::test]
async fn a_repeat_is_answered_once_it_is_recorded_as_one() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let call = office.call("POST", EVIDENCE).body(&json!({})).header("Idempotency-Key", "june");
    let id = call.clone().stepped_up(&erin).send().await.expect(202)["evidence_id"].clone();
    let repeat = call.by(&erin);
    office.dynamo.wire().fail("PutItem", 1000);
    repeat.send().await.problem(503, "unavailable");
    office.dynamo.wire().fail("PutItem", 0);
    let answer = repeat.send().await;
    answer.expect(202);
    let mut recorded = office.entries_of("evidence.request").await;
    recorded.retain(|entry| Some(entry.header["request_id"].as_str().unwrap()) == answer.header("x-request-id"));
    assert_eq!(recorded.len(), 1);
    assert_eq!(recorded[0].body["details"], json!({ "evidence_id": id, "repeat": true }));
    assert_eq!(recorded[0].header["outcome"], "success");
    assert_eq!(office.entries_of("evidence.request").await.len(), 2);
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_with_one_key_at_once_one_asks_and_the_other_is_recorded_as_its_repeat() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let call = || office.call("POST", EVIDENCE).body(&json!({})).header("Idempotency-Key", "june").by(&erin);
    let (one, other) =
        (call().totp(&office.code_at(&erin.person_id, 0)), call().totp(&office.code_at(&erin.person_id, 1)));
    let process = office.process();
    let (one, other) = tokio::join!(one.send(), other.send_to(&process));
    if (one.status, other.status) == (202, 202) {
        assert_eq!(one.json(), other.json());
        let recorded = office.entries_of("evidence.request").await;
        let repeats = recorded.iter().filter(|entry| entry.body["details"]["repeat"] == true);
        assert_eq!((recorded.len(), repeats.count()), (2, 1));
    }
    assert_eq!(office.scan(tables::EXPORTS).await.len(), 1);
}

#[tokio::test]
async fn a_ticker_that_only_an_old_list_has_can_be_exported_and_one_that_no_list_has_cannot() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    office.seal_lists(&["KO"], 4, "2026-11-22T06:05:00Z").await;
    let old = json!({ "ticker": "GME", "to": "2026-11-22T04:00:00Z" });
    let (state, bundle) = office.export(&erin, &old).await;
    assert_eq!(state["state"], "done", "{state}");
    assert_eq!(office.verify(&bundle.unwrap()).await.verdict, engine_core::evidence::Verdict::Complete);
    let answer = office.call("POST", EVIDENCE).stepped_up(&erin).body(&json!({ "ticker": "NOSUCH" })).send().await;
    assert_eq!(answer.bad_fields(), ["ticker"]);
    assert_eq!(answer.json()["errors"][0]["message"], "is in no list of the market that the log has");
}

#[tokio::test]
async fn job_and_entry_are_there_together_or_not_at_all() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    office.dynamo.wire().fail("TransactWriteItems", 1000);
    let call = office.call("POST", EVIDENCE).stepped_up(&erin).body(&json!({}));
    call.send().await.problem(503, "unavailable");
    assert!(office.scan(tables::EXPORTS).await.is_empty());
    assert!(office.entries_of("evidence.request").await.is_empty());
}

#[tokio::test]
async fn a_body_that_is_no_json_object_is_refused() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let post = || office.call("POST", EVIDENCE).by(&erin);
    post().text("[]").send().await.problem(400, "malformed_body");
    post().text(&"x".repeat(70_000)).send().await.problem(413, "body_too_large");
    post().send().await.problem(415, "unsupported_media_type");
}
