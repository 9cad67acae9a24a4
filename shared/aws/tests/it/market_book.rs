//! The book in memory: how often it asks, and how long it does without an answer.

use std::sync::Arc;

use engine_aws::Error;
use engine_aws::market::{MarketBook, MarketStore};
use engine_core::market::Source;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};

use crate::market::{publish, snapshot};

const SECOND: SignedDuration = SignedDuration::from_secs(1);

fn start() -> Timestamp {
    "2026-01-15T22:00:00Z".parse().unwrap()
}

/// A book over the wire that is watched, and a store on another.
async fn rig() -> (Dynamo, MarketBook, MarketStore) {
    let dynamo = Dynamo::start().await;
    let book = MarketBook::new(MarketStore::new(dynamo.client(), tables::MARKET));
    let store = MarketStore::new(dynamo.client_on(&Wire::default()), tables::MARKET);
    (dynamo, book, store)
}

fn queries(dynamo: &Dynamo) -> usize {
    assert_eq!(dynamo.wire().total(), dynamo.wire().sent().get("Query").copied().unwrap_or(0), "queries only");
    let sent = dynamo.wire().total();
    dynamo.wire().reset();
    sent
}

#[tokio::test]
async fn pointers_are_read_every_five_seconds_and_only_changed_snapshots_are_loaded() {
    let (dynamo, market, store) = rig().await;
    publish(&store, "a", 1).await.unwrap();
    let first = market.current(start()).await.unwrap();
    assert_eq!(first.snapshot_id(Source::Volatility), Some(snapshot("a").1.id.as_str()));
    assert_eq!(queries(&dynamo), 2, "pointers and one snapshot");

    publish(&store, "b", 2).await.unwrap();
    let held = market.current(start() + SECOND * 4).await.unwrap();
    assert!(Arc::ptr_eq(&held, &first));
    assert_eq!(queries(&dynamo), 0);

    let second = market.current(start() + SECOND * 5).await.unwrap();
    assert_eq!(second.snapshot_id(Source::Volatility), Some(snapshot("b").1.id.as_str()));
    assert_eq!(first.snapshot_id(Source::Volatility), Some(snapshot("a").1.id.as_str()), "a held book never changes");
    assert_eq!(queries(&dynamo), 2);

    let third = market.current(start() + SECOND * 10).await.unwrap();
    assert!(Arc::ptr_eq(&third, &second));
    assert_eq!(queries(&dynamo), 1, "pointers only");
}

#[tokio::test]
async fn an_empty_table_is_an_empty_book() {
    let (_dynamo, market, _) = rig().await;
    assert!(market.current(start()).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_book_that_was_never_read_is_an_error() {
    let (dynamo, market, _) = rig().await;
    dynamo.wire().fail("Query", 100);
    assert!(matches!(market.current(start()).await, Err(Error::Unavailable { .. })));
}

#[tokio::test]
async fn a_failing_store_is_survived_for_five_minutes() {
    let (dynamo, market, store) = rig().await;
    publish(&store, "a", 1).await.unwrap();
    let held = market.current(start()).await.unwrap();
    dynamo.wire().fail("Query", usize::MAX);

    let at = start() + SECOND * 300;
    assert!(Arc::ptr_eq(&market.current(at).await.unwrap(), &held));
    dynamo.wire().reset();
    assert!(matches!(market.current(at + SECOND).await, Err(Error::Unavailable { .. })));

    dynamo.wire().fail("Query", 0);
    assert!(Arc::ptr_eq(&market.current(at + SECOND).await.unwrap(), &held));
}

#[tokio::test]
async fn a_failing_store_is_not_asked_by_every_caller() {
    let (dynamo, market, store) = rig().await;
    publish(&store, "a", 1).await.unwrap();
    market.current(start()).await.unwrap();
    dynamo.wire().fail("Query", usize::MAX);
    market.current(start() + SECOND * 5).await.unwrap();
    dynamo.wire().reset();
    market.current(start() + SECOND * 9).await.unwrap();
    assert_eq!(queries(&dynamo), 0);
    market.current(start() + SECOND * 10).await.unwrap();
    assert!(queries(&dynamo) > 0);
}

#[tokio::test]
async fn callers_at_once_make_one_query() {
    let (dynamo, market, store) = rig().await;
    publish(&store, "a", 1).await.unwrap();
    let now = start();
    let (a, b, c) = tokio::join!(market.current(now), market.current(now), market.current(now));
    let (a, b, c) = (a.unwrap(), b.unwrap(), c.unwrap());
    assert!(Arc::ptr_eq(&a, &b) && Arc::ptr_eq(&a, &c), "those that hold nothing wait for the first");
    assert_eq!(queries(&dynamo), 2, "pointers and one snapshot");
    let later = now + SECOND * 5;
    let (a, b, c) = tokio::join!(market.current(later), market.current(later), market.current(later));
    assert!(a.is_ok() && b.is_ok() && c.is_ok());
    assert_eq!(queries(&dynamo), 1, "the others go on with what is held");
}
