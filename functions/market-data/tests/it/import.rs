//! What becomes of a file.

use engine_core::market::{Snapshot, Source, references_jsonl};
use engine_core::{hex, market};
use market_data::{ImportError, ImportStatus};

use crate::rig::{Rig, file};

#[tokio::test]
async fn a_file_is_published_with_its_entry() {
    let rig = Rig::new().await;
    let bytes = file(15, 10, "0.2500");
    let record = rig.importer.import(&rig.short_stock("v1", &bytes), "request-1").await.unwrap();
    assert_eq!(record.status, ImportStatus::Published);

    let pointer = rig.pointer(Source::ShortStock).await.unwrap();
    assert_eq!((pointer.version, Some(&pointer.snapshot_id)), (1, record.snapshot_id.as_ref()));
    assert_eq!(pointer.as_of.to_string(), "2026-01-15T14:30:00Z", "New York's time");
    let Snapshot::ShortStock(snapshot) = rig.store().load(&pointer).await.unwrap() else { panic!("short stock") };

    let entries = rig.entries("snapshot.import").await;
    let [entry] = entries.as_slice() else { panic!("one entry") };
    let details = &entry["details"];
    assert_eq!(details["references_sha256"], hex::sha256(references_jsonl(&snapshot).as_bytes()));
    assert_eq!(details["snapshot_id"], pointer.snapshot_id.as_str());
    assert_eq!(details["file_sha256"], hex::sha256(bytes.as_bytes()));
    assert_eq!(details["uploader"], "AWS:AROAEXAMPLE:market-feed");
    assert_eq!(details["object"], "short-stock/usa.txt");
    assert_eq!(rig.importer.record(&record.import_id).await.unwrap(), Some(record));
}

#[tokio::test]
async fn every_source_can_be_imported_from_its_sample() {
    let rig = Rig::new().await;
    for (source, name) in [
        (Source::ShortStock, "short-stock.txt"),
        (Source::Volatility, "volatility.json"),
        (Source::EventRisk, "event-risk.json"),
        (Source::MinimumRates, "minimum-rates.json"),
    ] {
        let path = format!("{}/../../samples/{name}", env!("CARGO_MANIFEST_DIR"));
        let bytes = std::fs::read_to_string(path).unwrap();
        let upload = rig.objects.put(&format!("{source}/{name}"), "v1", &bytes, "2026-01-16T00:00:00Z");
        let record = rig.importer.import(&upload, "request").await.unwrap();
        assert_eq!(record.status, ImportStatus::Published, "{source}: {:?}", record.reasons);
        let pointer = rig.pointer(source).await.unwrap();
        rig.store().load(&pointer).await.unwrap();
    }
    assert_eq!(rig.entries("snapshot.import").await.len(), 4);
}

#[tokio::test]
async fn importing_the_same_bytes_again_changes_nothing() {
    let rig = Rig::new().await;
    let bytes = file(15, 10, "0.2500");
    rig.importer.import(&rig.short_stock("v1", &bytes), "request-1").await.unwrap();
    let before = rig.pointer(Source::ShortStock).await;

    let again = rig.objects.put("short-stock/usa-copy.txt", "v1", &bytes, "2026-01-19T00:00:00Z");
    let record = rig.importer.import(&again, "request-2").await.unwrap();
    assert_eq!(record.status, ImportStatus::Unchanged);
    assert_eq!(rig.pointer(Source::ShortStock).await, before);
    assert_eq!(rig.entries("snapshot.import").await.len(), 1);
    assert_eq!(rig.store().imports().await.unwrap().len(), 2);
}

#[tokio::test]
async fn content_that_comes_back_under_the_same_key_is_an_import_of_its_own() {
    let rig = Rig::new().await;
    let (a, b) = (file(14, 10, "0.2500"), file(15, 10, "0.2500"));
    let mut statuses = Vec::new();
    for (version, bytes) in [("v1", &a), ("v2", &b), ("v3", &a)] {
        statuses.push(rig.importer.import(&rig.short_stock(version, bytes), "request").await.unwrap().status);
    }
    assert_eq!(statuses, [ImportStatus::Published, ImportStatus::Published, ImportStatus::Quarantined]);
    assert_eq!(rig.store().imports().await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_document_without_a_time_put_again_is_published_with_the_new_time() {
    let rig = Rig::new().await;
    let put = |version: &str, at: &str| {
        let document = r#"{"value": 18.5, "stocks": [{"ticker": "AMC", "volatility": 71.2}]}"#;
        rig.objects.put("volatility/usa.json", version, document, at)
    };
    for (version, at, status) in [
        ("v1", "2026-01-16T00:00:00Z", ImportStatus::Published),
        ("v2", "2026-01-19T00:00:00Z", ImportStatus::Published),
        ("v3", "2026-01-19T00:00:00Z", ImportStatus::Unchanged),
    ] {
        let record = rig.importer.import(&put(version, at), "request").await.unwrap();
        assert_eq!(record.status, status, "{version}: {:?}", record.reasons);
        assert_eq!(rig.pointer(Source::Volatility).await.unwrap().as_of.to_string(), at);
    }
    assert_eq!(rig.pointer(Source::Volatility).await.unwrap().version, 2);
}

#[tokio::test]
async fn a_redelivered_event_does_nothing() {
    let rig = Rig::new().await;
    let upload = rig.short_stock("v1", &file(15, 10, "0.2500"));
    let first = rig.importer.import(&upload, "request-1").await.unwrap();
    rig.dynamo.wire().reset();
    let second = rig.importer.import(&upload, "request-2").await.unwrap();
    assert_eq!(second, first);
    assert_eq!(rig.dynamo.wire().total(), 1, "it reads its record: {:?}", rig.dynamo.wire().sent());
    assert_eq!(rig.entries("snapshot.import").await.len(), 1);
}

#[tokio::test]
async fn a_cut_file_is_refused_whole_and_recorded() {
    let rig = Rig::new().await;
    let bytes = file(15, 10, "0.2500");
    let cut = &bytes[..bytes.len() - 30];
    let record = rig.importer.import(&rig.short_stock("v1", cut), "request").await.unwrap();
    assert_eq!(record.status, ImportStatus::Refused);
    assert_eq!(record.reasons, [market::FileRefusal::NoEnd.to_string()]);
    assert_eq!(rig.pointer(Source::ShortStock).await, None);
    assert_eq!(rig.entries("import.refuse").await.len(), 1);
}

#[tokio::test]
async fn an_oversized_file_is_refused_unread() {
    let rig = Rig::new().await;
    let mut upload = rig.short_stock("v1", "");
    upload.size = Some(1 << 40);
    upload.version = Some("not to be read".into());
    let record = rig.importer.import(&upload, "request").await.unwrap();
    assert_eq!((record.status, record.file_sha256), (ImportStatus::Refused, None));
}

#[tokio::test]
async fn a_bad_row_is_left_out_alone() {
    let rig = Rig::new().await;
    let bytes = file(15, 10, "much");
    let record = rig.importer.import(&rig.short_stock("v1", &bytes), "request").await.unwrap();
    assert_eq!((record.status, record.rejected), (ImportStatus::Published, 1));
    assert_eq!(record.rejections[0].line, 3);
}

#[tokio::test]
async fn a_record_keeps_at_most_a_hundred_rejections() {
    let rig = Rig::new().await;
    let rows: String = (0..150).map(|_| "bad|\n").collect();
    let head = "#BOF|2026.01.15|09:30:00\n#SYM|CUR|NAME|CON|ISIN|REBATERATE|FEERATE|AVAILABLE|\n";
    let bytes = format!("{head}{rows}TA|USD|A|1|X|3.6|0.5|1000|\n#EOF|151\n");
    let record = rig.importer.import(&rig.short_stock("v1", &bytes), "request").await.unwrap();
    assert_eq!((record.rejected, record.rejections.len()), (150, 100));
}

#[tokio::test]
async fn events_about_something_else_fail() {
    let rig = Rig::new().await;
    let mut upload = rig.short_stock("v1", "");
    upload.bucket = "another".into();
    assert!(matches!(rig.importer.import(&upload, "r").await, Err(ImportError::OtherBucket)));
    let upload = rig.objects.put("notes/read.me", "v1", "", "2026-01-16T00:00:00Z");
    assert!(matches!(rig.importer.import(&upload, "r").await, Err(ImportError::UnknownFolder(_))));
}
