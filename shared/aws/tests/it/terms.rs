//! Terms held in memory.

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::terms::TermsStore;
use engine_test_support::dynamo::tables;
use engine_test_support::wire::Wire;

use crate::fixture::{Fixture, client_id, terms};

fn versions(terms: &[engine_core::access::ClientTerms]) -> Vec<u32> {
    terms.iter().map(|terms| terms.version).collect()
}

#[tokio::test]
async fn a_version_that_was_read_is_served_without_a_call_and_a_newer_one_is_read() {
    let fixture = Fixture::with_client().await;
    let wire = Wire::default();
    let store = TermsStore::new(fixture.dynamo.client_on(&wire), tables::CLIENTS);
    for _ in 0..3 {
        assert_eq!(versions(&store.at_version(&client_id(), 1).await.unwrap()), [1]);
    }
    assert_eq!(wire.total(), 1);
    fixture.add_terms(&terms("6")).await.unwrap();
    assert_eq!(versions(&store.at_version(&client_id(), 1).await.unwrap()), [1]);
    assert_eq!(wire.total(), 1);
    for version in [2, 2, 1] {
        assert_eq!(versions(&store.at_version(&client_id(), version).await.unwrap()), [1, 2]);
    }
    assert_eq!(wire.total(), 2);
    let (first, again) = (store.at_version(&client_id(), 2).await, store.at_version(&client_id(), 2).await);
    assert!(Arc::ptr_eq(&first.unwrap(), &again.unwrap()));
}

#[tokio::test]
async fn a_version_that_does_not_exist_is_an_error_and_is_not_remembered() {
    let fixture = Fixture::with_client().await;
    let store = TermsStore::new(fixture.dynamo.client(), tables::CLIENTS);
    for _ in 0..2 {
        let missing = store.at_version(&client_id(), 2).await;
        assert!(matches!(missing, Err(Error::Corrupt { .. })), "{missing:?}");
    }
    fixture.add_terms(&terms("6")).await.unwrap();
    assert_eq!(versions(&store.at_version(&client_id(), 2).await.unwrap()), [1, 2]);
}

#[tokio::test]
async fn held_terms_outlast_a_store_that_cannot_be_reached() {
    let fixture = Fixture::with_client().await;
    let wire = Wire::default();
    let store = TermsStore::new(fixture.dynamo.client_on(&wire), tables::CLIENTS);
    wire.fail("Query", 100);
    let failed = store.at_version(&client_id(), 1).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })), "{failed:?}");
    wire.fail("Query", 0);
    store.at_version(&client_id(), 1).await.unwrap();
    wire.fail("Query", 100);
    assert_eq!(versions(&store.at_version(&client_id(), 1).await.unwrap()), [1]);
}
