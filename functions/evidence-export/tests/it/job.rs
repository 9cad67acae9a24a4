//! The work of an export: done once whoever is woken for it and however often, the same bytes each time, and never less than what
//! was asked for.

use std::io::{Cursor, Read};
use std::sync::mpsc;
use std::time::Duration;

use engine_aws::evidence::{ABANDONED, GIVEN_UP, LEASE, MOST_ATTEMPTS};
use engine_core::evidence::Verdict;
use engine_core::hex;
use engine_test_support::audit::{START, client_ref, subject_ref};
use engine_test_support::dynamo::tables;
use engine_test_support::life::Life;
use engine_test_support::service::Control;
use jiff::SignedDuration;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use zip::ZipArchive;

use crate::fixture::{GROUP, Lines, Office, RECORDS, Someone, WORK, time};

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
    let (state, bundle) = (office.state(&erin, &id).await, office.bundle(&id).await.unwrap());
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
    assert_eq!(office.bundle(&id).await, one);
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
    assert_eq!(office.s3.versions(WORK, &format!("exports/{id}-1.zip")), 1);
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
    assert_eq!(office.s3.versions(WORK, &format!("exports/{id}-1.zip")), 1);
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
    let (calls, expected) = (life.calls(), office.bundle(&id).await.unwrap());
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
        assert_eq!(office.bundle(&id).await.as_ref(), Some(&expected), "killed after {survived} calls");
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
        assert_eq!(office.bundle(&id).await, None);
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
    assert_eq!(office.bundle(&id).await, None);
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
    for attempt in 1..=MOST_ATTEMPTS {
        let worked = office.work(&office.process(), &id).await;
        assert_eq!(worked.is_err(), attempt < MOST_ATTEMPTS, "attempt {attempt}");
        wait_for_lease(&office);
    }
    let state = office.state(&erin, &id).await;
    assert_eq!(state["cause"], "kms:Sign failed, each time it was tried");
    assert_eq!(office.scan(tables::EXPORTS).await.len(), 1);
    assert_eq!(ended(&office, &id).await.header["outcome"], "refused");
}

#[tokio::test]
async fn a_worker_that_is_cut_off_each_time_is_ended_once_and_recorded_and_what_is_told_before_and_after_is_the_same() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    let brought = office.brought(&id).await;
    for _ in 0..MOST_ATTEMPTS {
        let life = Life::new();
        let mortal = office.mortal(&life);
        life.die_after(20);
        mortal.invoke(brought.clone(), "a-lambda-request").await.unwrap_err();
        assert_eq!(office.state(&erin, &id).await["state"], "running");
        wait_for_lease(&office);
    }
    let items = office.scan(tables::EXPORTS).await;
    office.process().invoke(brought.clone(), "a-lambda-request").await.unwrap();
    let told = office.state(&erin, &id).await;
    assert_eq!((&told["state"], &told["cause"]), (&json!("failed"), &json!(ABANDONED)));
    let entry = ended(&office, &id).await;
    assert_eq!((&entry.header["outcome"], &entry.body["details"]["cause"]), (&json!("refused"), &json!(ABANDONED)));
    assert_eq!(entry.header["client_ref"], client_ref("beta").as_str());
    // Brought once more, and told of before it was ended by anybody.
    office.process().invoke(brought.clone(), "a-lambda-request").await.unwrap();
    ended(&office, &id).await;
    let before = office.dynamodb().put_item().table_name(tables::EXPORTS).set_item(Some(items[0].clone()));
    before.send().await.unwrap();
    assert_eq!(office.state(&erin, &id).await, told);
    office.process().invoke(brought, "a-lambda-request").await.unwrap();
    assert_eq!(office.state(&erin, &id).await, told);
    assert_eq!(office.bundle(&id).await, None);
}

#[tokio::test]
async fn what_is_brought_too_late_is_ended_as_it_was_told_and_not_begun() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.clock.advance(GIVEN_UP + SignedDuration::from_secs(1));
    office.work(&office.process(), &id).await.unwrap();
    assert_eq!(office.state(&erin, &id).await["cause"], ABANDONED);
    assert_eq!(ended(&office, &id).await.body["details"]["cause"], ABANDONED);
    assert_eq!(office.bundle(&id).await, None);
}

#[tokio::test]
async fn who_looks_at_an_export_that_nobody_ends_ends_it() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.clock.advance(GIVEN_UP + SignedDuration::from_secs(1));
    office.dynamo.wire().fail("TransactWriteItems", 1000);
    let look = office.call("GET", &format!("/api/v1/evidence/{id}")).by(&erin);
    look.send().await.problem(503, "unavailable");
    office.dynamo.wire().fail("TransactWriteItems", 0);
    for _ in 0..2 {
        assert_eq!(look.send().await.expect(200)["state"], "failed");
        assert_eq!(ended(&office, &id).await.header["outcome"], "refused");
    }
}

#[tokio::test]
async fn a_bundle_is_made_with_clients_of_its_own_which_wait_longer_than_those_of_requests() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    let gone = Control::default();
    gone.die_after(0);
    let clients = office.clients();
    let process = office.process_on(evidence_export::Clients {
        kms: office.kms.client_on(&gone),
        s3: office.s3.client_on(&gone),
        ..clients
    });
    office.work(&process, &id).await.unwrap();
    assert_eq!(office.state(&erin, &id).await["state"], "done");
    assert_eq!(gone.calls().len(), 0);
}

#[tokio::test]
async fn what_takes_longer_than_an_attempt_may_fails_in_words_and_leaves_nothing() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.work(&office.process().within(Duration::ZERO), &id).await.unwrap();
    let state = office.state(&erin, &id).await;
    let cause = "the bundle was not made within 0 minutes: narrow the range, or ask for less of it";
    assert_eq!((&state["state"], &state["cause"]), (&json!("failed"), &json!(cause)));
    assert_eq!(ended(&office, &id).await.body["details"]["cause"], cause);
    assert_eq!((office.objects(&id).len(), office.s3.open_uploads(WORK)), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_worker_that_comes_back_late_does_not_replace_the_bundle_whose_digest_another_recorded() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let mut body = hour();
    body["request_id"] = json!("request-1");
    body["include_logs"] = json!(true);
    let id = office.ask(&erin, &body).await;
    let brought = office.brought(&id).await;
    // The first worker stands still when its bundle is about to become visible.
    let control = Control::default();
    let (standing, stands) = oneshot::channel();
    let (go_on, goes_on) = mpsc::channel::<()>();
    control.before("CompleteMultipartUpload", move || {
        standing.send(()).unwrap();
        goes_on.recv().unwrap();
    });
    let mut clients = office.clients();
    clients.work.s3 = office.s3.client_on(&control);
    let late = office.process_on(clients);
    let late = tokio::spawn(async move { late.invoke(brought, "a-lambda-request").await });
    stands.await.unwrap();
    wait_for_lease(&office);
    // What the second one makes is not what the first one made.
    office.logs.log(GROUP, "stream", time(START).as_millisecond(), r#"{"request_id":"request-1","message":"quoted"}"#);
    office.work(&office.process(), &id).await.unwrap();
    let told = office.state(&erin, &id).await;
    go_on.send(()).unwrap();
    late.await.unwrap().unwrap_err();
    assert_eq!(office.objects(&id).len(), 2, "both have put their own");
    assert_eq!(told["sha256"], hex::sha256(&office.bundle(&id).await.unwrap()));
    assert_eq!(office.state(&erin, &id).await["sha256"], told["sha256"]);
    assert_eq!(ended(&office, &id).await.body["details"]["sha256"], told["sha256"]);
}

#[tokio::test]
async fn the_lines_of_an_export_bear_the_id_of_the_request_that_asked_and_that_of_lambda() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    let lines = Lines::default();
    let listening = lines.listen();
    office.work(&office.process(), &id).await.unwrap();
    drop(listening);
    let asked = office.entry_of("evidence.request").await;
    let lines = lines.of_action("evidence.export");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["request_id"], asked.header["request_id"]);
    let details = json!({ "lambda_request_id": "a-lambda-request", "evidence_id": id });
    assert_eq!(lines[0]["details"], details);
}
