//! The references of a snapshot are in the locked bucket before it is in force.

use engine_core::hex;
use engine_core::market::{Snapshot, Source, references_jsonl};
use market_data::{ImportError, ImportStatus};

use crate::rig::{Rig, file};

#[tokio::test]
async fn what_the_entry_anchors_is_kept_under_the_snapshot_s_id() {
    let rig = Rig::new().await;
    rig.importer.import(&rig.short_stock("v1", &file(15, 10, "0.2500")), "request").await.unwrap();
    let pointer = rig.pointer(Source::ShortStock).await.unwrap();
    let Snapshot::ShortStock(snapshot) = rig.store().load(&pointer).await.unwrap() else { panic!("short stock") };
    let kept = rig.objects.kept();
    let references = &kept[&format!("references/{}.jsonl", pointer.snapshot_id)];
    assert_eq!((kept.len(), references.as_slice()), (1, references_jsonl(&snapshot).as_bytes()));
    assert_eq!(rig.entries("snapshot.import").await[0]["details"]["references_sha256"], hex::sha256(references));
}

#[tokio::test]
async fn only_a_source_whose_subjects_have_references_keeps_any() {
    let rig = Rig::new().await;
    let document = r#"{"value": 18.5, "stocks": [{"ticker": "AMC", "volatility": 71.2}]}"#;
    let upload = rig.objects.put("volatility/usa.json", "v1", document, "2026-01-16T00:00:00Z");
    assert_eq!(rig.importer.import(&upload, "request").await.unwrap().status, ImportStatus::Published);
    assert!(rig.objects.kept().is_empty());
}

#[tokio::test]
async fn a_file_that_is_not_put_in_force_keeps_nothing() {
    let rig = Rig::new().await;
    rig.importer.import(&rig.short_stock("v1", &file(14, 10, "0.2500")), "request").await.unwrap();
    let held = rig.importer.import(&rig.short_stock("v2", &file(15, 5, "0.2500")), "request").await.unwrap();
    assert_eq!(held.status, ImportStatus::Quarantined);
    let refused = rig.importer.import(&rig.short_stock("v3", "no file"), "request").await.unwrap();
    assert_eq!(refused.status, ImportStatus::Refused);
    assert_eq!(rig.objects.kept().len(), 1);
}

#[tokio::test]
async fn nothing_is_in_force_whose_references_could_not_be_kept() {
    let rig = Rig::new().await;
    let upload = rig.short_stock("v1", &file(15, 10, "0.2500"));
    rig.objects.fail(true);
    let failed = rig.importer.import(&upload, "request").await;
    assert!(matches!(failed, Err(ImportError::Store(engine_aws::Error::Unavailable { .. }))), "{failed:?}");
    assert_eq!(rig.pointer(Source::ShortStock).await, None);
    assert!(rig.entries("snapshot.import").await.is_empty());
    assert!(rig.store().imports().await.unwrap().is_empty(), "it can be tried again");

    rig.objects.fail(false);
    assert_eq!(rig.importer.import(&upload, "request").await.unwrap().status, ImportStatus::Published);
}

#[tokio::test]
async fn an_import_that_is_repeated_finds_its_own_references() {
    let rig = Rig::new().await;
    let upload = rig.short_stock("v1", &file(15, 10, "0.2500"));
    rig.dynamo.wire().fail("TransactWriteItems", 100);
    rig.importer.import(&upload, "request").await.unwrap_err();
    let kept = rig.objects.kept();
    assert_eq!(kept.len(), 1);

    rig.dynamo.wire().fail("TransactWriteItems", 0);
    assert_eq!(rig.importer.import(&upload, "request").await.unwrap().status, ImportStatus::Published);
    assert_eq!(rig.objects.kept(), kept);
}

#[tokio::test]
async fn other_references_under_the_snapshot_s_id_stop_it() {
    let rig = Rig::new().await;
    let upload = rig.short_stock("v1", &file(15, 10, "0.2500"));
    rig.dynamo.wire().fail("TransactWriteItems", 100);
    rig.importer.import(&upload, "request").await.unwrap_err();
    rig.dynamo.wire().fail("TransactWriteItems", 0);
    rig.objects.forge();
    let stopped = rig.importer.import(&upload, "request").await;
    assert!(matches!(stopped, Err(ImportError::References(engine_aws::Error::Conflict(_)))), "{stopped:?}");
    assert_eq!(rig.pointer(Source::ShortStock).await, None);
    assert!(rig.entries("snapshot.import").await.is_empty());
}
