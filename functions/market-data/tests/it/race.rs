//! Two imports at once, and one that dies half-way.

use engine_core::market::Source;
use market_data::event::Upload;
use market_data::{ImportError, ImportStatus};

use crate::rig::{Rig, file};

/// Runs `inner` in another process when the import of `outer` is about to write what it decided.
async fn interleave(rig: &Rig, outer: &Upload, inner: Upload) -> ImportStatus {
    let second = rig.second();
    rig.dynamo.wire().before("TransactWriteItems", move || {
        let run = move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(second.import(&inner, "inner")).unwrap();
        };
        std::thread::spawn(run).join().unwrap();
    });
    rig.importer.import(outer, "outer").await.unwrap().status
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_file_that_comes_second_is_held_back() {
    let rig = Rig::new().await;
    rig.importer.import(&rig.short_stock("v1", &file(13, 10, "0.2000")), "request").await.unwrap();
    let older = rig.short_stock("v2", &file(14, 10, "0.2500"));
    let newer = rig.short_stock("v3", &file(15, 10, "0.3000"));
    assert_eq!(interleave(&rig, &older, newer).await, ImportStatus::Quarantined);
    let pointer = rig.pointer(Source::ShortStock).await.unwrap();
    assert_eq!((pointer.as_of.to_string().as_str(), pointer.version), ("2026-01-15T14:30:00Z", 2));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_newer_file_that_comes_second_is_made_anew_over_the_older() {
    let rig = Rig::new().await;
    rig.importer.import(&rig.short_stock("v1", &file(13, 10, "0.2000")), "request").await.unwrap();
    let older = rig.short_stock("v2", &file(14, 10, "0.2500"));
    let newer = rig.short_stock("v3", &file(15, 10, "0.3000"));
    assert_eq!(interleave(&rig, &newer, older).await, ImportStatus::Published);
    let pointer = rig.pointer(Source::ShortStock).await.unwrap();
    assert_eq!((pointer.as_of.to_string().as_str(), pointer.version), ("2026-01-15T14:30:00Z", 3));
    assert_eq!(rig.entries("snapshot.import").await.len(), 3);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_first_files_at_once_end_in_the_newer() {
    let rig = Rig::new().await;
    let older = rig.short_stock("v1", &file(14, 10, "0.2500"));
    let newer = rig.short_stock("v2", &file(15, 10, "0.3000"));
    assert_eq!(interleave(&rig, &older, newer).await, ImportStatus::Quarantined);
    assert_eq!(rig.pointer(Source::ShortStock).await.unwrap().as_of.to_string(), "2026-01-15T14:30:00Z");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_deliveries_at_once_publish_once() {
    let rig = Rig::new().await;
    let upload = rig.short_stock("v1", &file(15, 10, "0.2500"));
    assert_eq!(interleave(&rig, &upload, upload.clone()).await, ImportStatus::Published);
    assert_eq!(rig.pointer(Source::ShortStock).await.unwrap().version, 1);
    assert_eq!(rig.entries("snapshot.import").await.len(), 1);
}

#[tokio::test]
async fn an_import_that_dies_before_the_pointer_moves_leaves_the_old_book_and_can_be_repeated() {
    let rig = Rig::new().await;
    rig.importer.import(&rig.short_stock("v1", &file(14, 10, "0.2500")), "request").await.unwrap();
    let before = rig.pointer(Source::ShortStock).await.unwrap();
    let upload = rig.short_stock("v2", &file(15, 10, "0.3000"));

    rig.dynamo.wire().fail("TransactWriteItems", 100);
    let failed = rig.importer.import(&upload, "request").await;
    assert!(matches!(failed, Err(ImportError::Store(engine_aws::Error::Unavailable { .. }))), "{failed:?}");
    assert!(rig.dynamo.wire().sent().contains_key("PutItem"), "the chunks were written");
    assert_eq!(rig.pointer(Source::ShortStock).await.as_ref(), Some(&before));
    rig.store().load(&before).await.unwrap();
    assert_eq!(rig.entries("snapshot.import").await.len(), 1);

    rig.dynamo.wire().fail("TransactWriteItems", 0);
    assert_eq!(rig.importer.import(&upload, "request").await.unwrap().status, ImportStatus::Published);
    assert_eq!(rig.pointer(Source::ShortStock).await.unwrap().version, 2);
}
