//! Market data in DynamoDB: what conditions keep whole.

use engine_aws::Error;
use engine_aws::market::{ImportDocument, MarketStore, Pointer, RecordCondition};
use engine_core::market::{EncodedSnapshot, Snapshot, Source, VolatilitySnapshot, encode};
use engine_test_support::dynamo::{Dynamo, tables};

/// A snapshot that differs by its digest.
pub(crate) fn snapshot(name: &str) -> (Snapshot, EncodedSnapshot) {
    let snapshot = Snapshot::Volatility(VolatilitySnapshot {
        as_of: "2026-01-15T21:30:00Z".parse().unwrap(),
        file_sha256: name.to_owned(),
        market: None,
        stocks: std::collections::BTreeMap::new(),
    });
    let encoded = encode(&snapshot).unwrap();
    (snapshot, encoded)
}

pub(crate) fn pointer(encoded: &EncodedSnapshot, version: u64) -> Pointer {
    Pointer {
        source: Source::Volatility,
        snapshot_id: encoded.id.clone(),
        as_of: "2026-01-15T21:30:00Z".parse().unwrap(),
        chunks: encoded.chunks.len(),
        file_sha256: "f".repeat(64),
        version,
    }
}

pub(crate) fn record(id: &str) -> ImportDocument {
    ImportDocument { import_id: id.to_owned(), status: "PUBLISHED".to_owned(), document: "{}".to_owned() }
}

/// Publishes a snapshot as that version of the source.
pub(crate) async fn publish(store: &MarketStore, name: &str, version: u64) -> Result<Snapshot, Error> {
    let (snapshot, encoded) = snapshot(name);
    store.put_chunks(&encoded).await?;
    let expected = (version > 1).then(|| version - 1);
    store.publish(&pointer(&encoded, version), expected, &record(name), RecordCondition::Absent, vec![]).await?;
    Ok(snapshot)
}

#[tokio::test]
async fn what_is_published_is_what_is_loaded() {
    let dynamo = Dynamo::start().await;
    let store = MarketStore::new(dynamo.client(), tables::MARKET);
    assert_eq!(store.pointers().await.unwrap(), []);
    let published = publish(&store, "a", 1).await.unwrap();
    let pointers = store.pointers().await.unwrap();
    assert_eq!(pointers, [pointer(&snapshot("a").1, 1)]);
    assert_eq!(store.load(&pointers[0]).await.unwrap(), published);
    assert_eq!(store.import("a").await.unwrap(), Some(record("a")));
    assert_eq!(store.import("b").await.unwrap(), None);
}

#[tokio::test]
async fn a_pointer_that_has_moved_is_not_overwritten_and_no_record_is_left() {
    let dynamo = Dynamo::start().await;
    let store = MarketStore::new(dynamo.client(), tables::MARKET);
    publish(&store, "a", 1).await.unwrap();
    publish(&store, "b", 2).await.unwrap();
    for stale in [1, 2] {
        let lost = publish(&store, "c", stale).await;
        assert!(matches!(lost, Err(Error::Conflict(_))), "{lost:?}");
    }
    assert_eq!(store.pointers().await.unwrap(), [pointer(&snapshot("b").1, 2)]);
    let ids: Vec<_> = store.imports().await.unwrap().into_iter().map(|record| record.import_id).collect();
    assert_eq!(ids, ["a", "b"]);
}

#[tokio::test]
async fn a_record_is_written_once_and_changed_only_from_the_status_it_stands_at() {
    let dynamo = Dynamo::start().await;
    let store = MarketStore::new(dynamo.client(), tables::MARKET);
    store.record_import(&record("a"), RecordCondition::Absent, vec![]).await.unwrap();
    for condition in [RecordCondition::Absent, RecordCondition::Status("QUARANTINED")] {
        let lost = store.record_import(&record("a"), condition, vec![]).await;
        assert!(matches!(lost, Err(Error::Conflict(_))), "{condition:?} {lost:?}");
    }
    store.record_import(&record("a"), RecordCondition::Status("PUBLISHED"), vec![]).await.unwrap();
}

#[tokio::test]
async fn a_snapshot_without_all_its_chunks_is_an_error() {
    let dynamo = Dynamo::start().await;
    let store = MarketStore::new(dynamo.client(), tables::MARKET);
    let missing = store.load(&pointer(&snapshot("a").1, 1)).await;
    assert!(matches!(missing, Err(Error::Corrupt { .. })), "{missing:?}");
}

#[tokio::test]
async fn a_store_that_cannot_be_reached_is_not_a_conflict() {
    let dynamo = Dynamo::start().await;
    let store = MarketStore::new(dynamo.client(), tables::MARKET);
    dynamo.wire().fail("TransactWriteItems", 100);
    let failed = publish(&store, "a", 1).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
}

#[tokio::test]
async fn a_chunk_that_is_there_counts_as_written_and_is_never_written_over() {
    let dynamo = Dynamo::start().await;
    let store = MarketStore::new(dynamo.client(), tables::MARKET);
    let (_, encoded) = snapshot("a");
    store.put_chunks(&encoded).await.unwrap();
    let mut other = encoded.clone();
    other.chunks[0].push(0);
    store.put_chunks(&other).await.unwrap();
    store.load(&pointer(&encoded, 1)).await.unwrap();
}

#[tokio::test]
async fn an_error_says_what_failed_and_never_what_the_service_answered() {
    let dynamo = Dynamo::start().await;
    let store = MarketStore::new(dynamo.client(), tables::MARKET);
    let refused =
        r#"{"__type":"com.amazonaws.dynamodb#ResourceNotFoundException","message":"no table","Item":"secret"}"#;
    for (body, told) in [(refused, "ResourceNotFoundException, no table"), ("secret", "")] {
        dynamo.wire().refuse("GetItem", 100, body);
        let Err(error @ Error::Unavailable { .. }) = store.import("a").await else { panic!("it was refused") };
        for text in [error.to_string(), format!("{error:?}")] {
            assert!(text.contains("dynamodb:GetItem") && text.contains(told), "{text}");
            assert!(!text.contains("secret") && !text.contains("body"), "{text}");
        }
    }
}
