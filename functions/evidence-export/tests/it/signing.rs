//! The key of manifests is in the register before anything is signed with it, and its successor is vouched for.

use engine_core::evidence::Verdict;
use engine_core::merkle::{KeyPurpose, KeyRegister};
use jiff::SignedDuration;
use serde_json::json;

use crate::fixture::{ORIGIN, Office, RECORDS, Someone};

async fn register(office: &Office) -> KeyRegister {
    office.reader().register().await.unwrap()
}

async fn asked(office: &Office, by: &Someone) -> String {
    office.ask(by, &json!({ "client": "beta", "to": "2026-11-22T04:00:00Z", "size": 605 })).await
}

#[tokio::test]
async fn the_first_export_registers_the_key_and_records_it_once() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    assert!(register(&office).await.records(KeyPurpose::Evidence).is_empty());
    let id = asked(&office, &erin).await;
    assert!(register(&office).await.records(KeyPurpose::Evidence).is_empty(), "asking signs nothing");
    office.work(&office.app, &id).await.unwrap();
    for _ in 0..2 {
        let id = asked(&office, &erin).await;
        office.work(&office.process(), &id).await.unwrap();
    }
    let register = register(&office).await;
    let [record] = register.records(KeyPurpose::Evidence) else { panic!("one key") };
    assert_eq!((record.ordinal, record.name.as_str()), (1, format!("{ORIGIN}/evidence").as_str()));
    assert_eq!(record.kms_key, office.settings.evidence_key);
    let entry = office.entry_of("key.register").await;
    assert_eq!(
        (&entry.body["resource"], &entry.body["details"]["key"]),
        (&json!("keys/evidence/0001"), &json!(record.key))
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn two_that_register_at_once_register_it_once() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let (one, other) = (asked(&office, &erin).await, asked(&office, &erin).await);
    let processes = [office.process(), office.process()];
    let (first, second) = tokio::join!(office.work(&processes[0], &one), office.work(&processes[1], &other));
    first.unwrap();
    second.unwrap();
    assert_eq!(register(&office).await.records(KeyPurpose::Evidence).len(), 1);
    office.entry_of("key.register").await;
}

#[tokio::test]
async fn an_entry_that_was_cut_off_from_its_record_is_written_by_the_next_process() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    office.dynamo.wire().fail("PutItem", 1000);
    office.work(&office.app, &id).await.unwrap_err();
    assert_eq!(register(&office).await.records(KeyPurpose::Evidence).len(), 1);
    office.dynamo.wire().fail("PutItem", 0);
    office.clock.advance(SignedDuration::from_mins(3));
    office.work(&office.process(), &id).await.unwrap();
    office.entry_of("key.register").await;
}

#[tokio::test]
async fn a_successor_is_signed_by_the_key_before_it_and_old_bundles_come_out_the_same() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let first = asked(&office, &erin).await;
    office.work(&office.app, &first).await.unwrap();
    let mut settings = office.settings.clone();
    settings.evidence_key_predecessor = Some(settings.evidence_key.clone());
    settings.evidence_key = office.kms.ed25519_key();
    let process = office.process_with(&settings);
    let again = asked(&office, &erin).await;
    office.work(&process, &again).await.unwrap();
    assert_eq!(office.bundle(&again).await, office.bundle(&first).await, "the note that was kept is the note");
    let register = register(&office).await;
    let [old, new] = register.records(KeyPurpose::Evidence) else { panic!("two keys") };
    assert_eq!(new.predecessor.as_ref(), Some(&old.key));
    assert_eq!(office.entries_of("key.register").await.len(), 2);
    let other = office.ask(&erin, &json!({ "client": "alpha", "to": "2026-11-22T04:00:00Z" })).await;
    office.work(&process, &other).await.unwrap();
    for id in [&first, &other] {
        assert_eq!(office.verify(&office.bundle(id).await.unwrap()).await.verdict, Verdict::Complete);
    }
}

#[tokio::test]
async fn a_key_that_nobody_vouches_for_signs_nothing() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let first = asked(&office, &erin).await;
    office.work(&office.app, &first).await.unwrap();
    let mut settings = office.settings.clone();
    settings.evidence_key = office.kms.ed25519_key();
    let stranger = office.kms.ed25519_key();
    for predecessor in [None, Some(stranger)] {
        settings.evidence_key_predecessor = predecessor;
        let id = office.ask(&erin, &json!({ "client": "gamma" })).await;
        office.work(&office.process_with(&settings), &id).await.unwrap();
        let state = office.state(&erin, &id).await;
        assert_eq!(state["state"], "failed", "{state}");
        assert!(state["cause"].as_str().unwrap().contains("vouch for the evidence key"), "{state}");
        assert_eq!(office.bundle(&id).await, None);
    }
    assert_eq!(register(&office).await.records(KeyPurpose::Evidence).len(), 1);
}

#[tokio::test]
async fn without_the_logs_own_key_in_the_register_an_export_waits() {
    let office = Office::start().await;
    let erin = office.auditor().await;
    let id = asked(&office, &erin).await;
    let record = office.s3.object(RECORDS, "keys/log/0001").unwrap();
    office.s3.remove(RECORDS, "keys/log/0001");
    office.work(&office.process(), &id).await.unwrap_err();
    office.s3.put_version(RECORDS, "keys/log/0001", &record);
    office.clock.advance(SignedDuration::from_mins(3));
    office.work(&office.process(), &id).await.unwrap();
    assert_eq!(office.state(&erin, &id).await["state"], "done");
}
