//! The work of an export: done once whoever is woken for it and however often, the same bytes each time, and never less than what
//! was asked for.

use std::io::{Cursor, Read};

use engine_aws::evidence::LEASE;
use engine_core::evidence::Verdict;
use engine_test_support::audit::{START, client_ref, subject_ref};
use engine_test_support::dynamo::tables;
use engine_test_support::life::Life;
use jiff::SignedDuration;
use serde_json::{Value, json};
use zip::ZipArchive;

use crate::fixture::{GROUP, Office, RECORDS, Someone, WORK, time};

/// The hour of the quotes.
fn hour() -> Value {
    json!({ "from": "2026-11-22T03:00:00Z", "to": "2026-11-22T04:00:00Z" })
}

fn member(bundle: &[u8], name: &str) -> String {
    let mut text = String::new();
    ZipArchive::new(Cursor::new(bundle)).unwrap().by_name(name).unwrap().read_to_string(&mut text).unwrap();
    text
}

/// The one entry about an export's end.
async fn ended(office: &Office, id: &str) -> crate::fixture::Stored {
    let mut entries = office.entries_of("evidence.export").await;
    entries.retain(|entry| entry.body["details"]["evidence_id"] == id);
    assert_eq!(entries.len(), 1);
    entries.remove(0)
}

/// Lets the lease of whoever had the export run out.
fn wait_for_lease(office: &Office) {
    office.clock.advance(LEASE + SignedDuration::from_secs(1));
}

async fn asked(office: &Office, by: &Someone) -> String {
    let mut body = hour();
    body["client"] = json!("beta");
    body["ticker"] = json!("GME");
    office.ask(by, &body).await
}

#[tokio::test]
async fn a_bundle_verifies_with_the_keys_of_the_register_and_holds_what_was_asked_for() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.work(&office.app, &id).await.unwrap();
    let (state, bundle) = (office.state(&erin, &id).await, office.bundle(&id).unwrap());
    let report = office.verify(&bundle).await;
    assert_eq!(report.verdict, Verdict::Complete, "{report:?}");
    let (client, ticker) = (client_ref("beta").to_string(), subject_ref("GME").to_string());
    let headers = office.headers().await;
    let matching = headers.iter().filter(|(_, header)| {
        header.client_ref.as_ref() == Some(&client) && header.subject_ref.as_ref() == Some(&ticker)
    });
    let matching: Vec<_> = matching.map(|(index, _)| *index).collect();
    assert_eq!((state["matched"].as_u64().unwrap(), &state["completeness"]), (matching.len() as u64, &json!("range")));
    let lines = member(&bundle, "entries.jsonl");
    let indices: Vec<_> =
        lines.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["index"].as_u64().unwrap()).collect();
    assert_eq!(indices, matching);
    let manifest: Value = serde_json::from_str(&member(&bundle, "manifest.json")).unwrap();
    assert_eq!(manifest["filter"]["client_ref"], json!([client]));
}

#[tokio::test]
async fn the_end_of_an_export_is_recorded_with_the_digest_of_its_bundle() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.work(&office.app, &id).await.unwrap();
    let (state, entry) = (office.state(&erin, &id).await, ended(&office, &id).await);
    assert_eq!(entry.header["outcome"], "success");
    assert_eq!(entry.header["client_ref"], client_ref("beta").as_str());
    assert_eq!(entry.header["subject_ref"], subject_ref("GME").as_str());
    let request = office.entry_of("evidence.request").await;
    assert_eq!(entry.header["request_id"], request.header["request_id"], "found by the request that asked");
    assert_eq!(entry.body["actor"]["type"], "system");
    let details = &entry.body["details"];
    assert_eq!(details["requested_by"], erin.id);
    for name in ["sha256", "bytes", "matched", "completeness"] {
        assert_eq!(details[name], state[name], "{name}");
    }
}

#[tokio::test]
async fn the_same_request_at_the_same_size_gives_the_same_bytes() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let mut body = hour();
    body["size"] = json!(605);
    body["client"] = json!("beta");
    let (first, one) = office.export(&erin, &body).await;
    office.seal((2..9).map(crate::fixture::late).collect(), "2026-11-22T06:20:00Z").await;
    let id = office.ask(&erin, &body).await;
    office.work(&office.process(), &id).await.unwrap();
    assert_eq!(office.bundle(&id), one);
    assert_eq!(office.state(&erin, &id).await["sha256"], first["sha256"]);
}

#[tokio::test]
async fn an_export_that_is_done_is_not_done_again() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.work(&office.app, &id).await.unwrap();
    office.s3.control().reset();
    office.work(&office.process(), &id).await.unwrap();
    assert_eq!(office.s3.control().calls().len(), 0);
    assert_eq!(office.s3.versions(WORK, &format!("exports/{id}.zip")), 1);
    ended(&office, &id).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_are_woken_at_once_make_one_bundle_and_one_entry() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    let (one, other) = (office.process(), office.process());
    let (one, other) = tokio::join!(office.work(&one, &id), office.work(&other, &id));
    assert!(one.is_ok() || other.is_ok());
    office.work(&office.process(), &id).await.unwrap();
    assert_eq!(office.s3.versions(WORK, &format!("exports/{id}.zip")), 1);
    assert_eq!(ended(&office, &id).await.header["outcome"], "success");
}

#[tokio::test]
async fn while_a_worker_holds_it_another_is_sent_away_and_takes_over_when_that_one_is_gone() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    let life = Life::new();
    let mortal = office.mortal(&life);
    life.die_after(20);
    office.work(&mortal, &id).await.unwrap_err();
    office.work(&office.process(), &id).await.unwrap_err();
    assert_eq!(office.state(&erin, &id).await["state"], "running");
    wait_for_lease(&office);
    office.work(&office.process(), &id).await.unwrap();
    assert_eq!(office.state(&erin, &id).await["state"], "done");
}

#[tokio::test]
async fn killed_anywhere_and_begun_again_it_gives_the_same_bytes_and_one_entry() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let mut body = hour();
    body["size"] = json!(605);
    body["client"] = json!("beta");
    let life = Life::new();
    let id = office.ask(&erin, &body).await;
    office.work(&office.mortal(&life), &id).await.unwrap();
    let (calls, expected) = (life.calls(), office.bundle(&id).unwrap());
    assert!(calls > 15, "{calls}");
    // Points all along the way, and each one near the end, where bundle, state and entry come about.
    for survived in (0..calls).step_by(20).chain(calls.saturating_sub(6)..calls) {
        let id = office.ask(&erin, &body).await;
        let life = Life::new();
        let mortal = office.mortal(&life);
        life.die_after(survived);
        let first = office.work(&mortal, &id).await;
        assert!(first.is_err() || office.state(&erin, &id).await["state"] == "done", "killed after {survived} calls");
        wait_for_lease(&office);
        office.work(&office.process(), &id).await.unwrap();
        let state = office.state(&erin, &id).await;
        assert_eq!(state["state"], "done", "killed after {survived} calls: {state}");
        assert_eq!(office.bundle(&id).as_ref(), Some(&expected), "killed after {survived} calls");
        ended(&office, &id).await;
    }
}

#[tokio::test]
async fn what_is_missing_fails_the_export_with_its_name_and_leaves_no_bundle() {
    for (bucket, key) in [(RECORDS, "tile/entries/000"), (RECORDS, "tile/bodies/001"), (RECORDS, "tile/0/000")] {
        let office = Office::start().await;
        let erin = office.auditor().await;
        let id = asked(&office, &erin).await;
        office.s3.remove(bucket, key);
        office.work(&office.process(), &id).await.unwrap();
        let state = office.state(&erin, &id).await;
        assert_eq!(state["state"], "failed", "{state}");
        assert!(state["cause"].as_str().unwrap().contains(key), "{state}");
        assert_eq!(office.bundle(&id), None);
        assert_eq!(office.s3.open_uploads(WORK), 0);
        let entry = ended(&office, &id).await;
        assert_eq!((&entry.header["outcome"], &entry.body["details"]["cause"]), (&json!("refused"), &state["cause"]));
    }
}

#[tokio::test]
async fn what_was_changed_fails_the_export_and_leaves_no_bundle() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    let key = "tile/entries/000";
    let text = String::from_utf8_lossy(&office.s3.object(RECORDS, key).unwrap()).replacen("success", "refused", 1);
    office.s3.corrupt(RECORDS, key, text.as_bytes());
    office.work(&office.process(), &id).await.unwrap();
    assert_eq!(office.state(&erin, &id).await["state"], "failed");
    assert_eq!(office.bundle(&id), None);
}

#[tokio::test]
async fn log_lines_of_the_requests_are_in_the_bundle_where_they_are_asked_for() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let at = time(START).as_millisecond();
    office.logs.log(GROUP, "stream", at + 100, r#"{"request_id":"request-1","message":"quoted"}"#);
    office.logs.log(GROUP, "stream", at + 200, r#"{"request_id":"request-2","message":"another's"}"#);
    let mut body = hour();
    body["request_id"] = json!("request-1");
    body["include_logs"] = json!(true);
    let (state, bundle) = office.export(&erin, &body).await;
    assert_eq!(state["state"], "done", "{state}");
    let lines = member(&bundle.unwrap(), "log-events.jsonl");
    assert_eq!(lines.lines().count(), 1);
    assert!(lines.contains("quoted"), "{lines}");
}

#[tokio::test]
async fn a_log_group_that_cannot_be_read_fails_the_export_and_never_gives_a_shorter_bundle() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let mut body = hour();
    body["include_logs"] = json!(true);
    office.logs.control().deny("FilterLogEvents");
    let (state, bundle) = office.export(&erin, &body).await;
    assert_eq!((&state["state"], bundle), (&json!("failed"), None));
    assert_eq!(state["cause"], format!("log group {GROUP} cannot be read"));
    office.logs.control().allow("FilterLogEvents");
    body["include_logs"] = json!(false);
    assert_eq!(office.export(&erin, &body).await.0["state"], "done");
}

#[tokio::test]
async fn what_fails_for_want_of_a_service_is_begun_again_and_given_up_after_five_beginnings() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.kms.control().fail("Sign", 1000);
    for attempt in 1..=evidence_export::MOST_ATTEMPTS {
        let worked = office.work(&office.process(), &id).await;
        assert_eq!(worked.is_err(), attempt < evidence_export::MOST_ATTEMPTS, "attempt {attempt}");
        wait_for_lease(&office);
    }
    let state = office.state(&erin, &id).await;
    assert_eq!(state["cause"], "kms:Sign failed, each time it was tried");
    assert_eq!(office.scan(tables::EXPORTS).await.len(), 1);
    assert_eq!(ended(&office, &id).await.header["outcome"], "refused");
}
