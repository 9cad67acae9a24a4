//! Issuers' keys: kept for a minute, looked for again where one is missing, never guessed.

use aws_sdk_dynamodb::types::AttributeValue;
use engine_aws::Error;
use engine_aws::issuers::IssuerKeys;
use engine_core::access::token::jwk_from_spki;
use engine_test_support::dynamo::{Dynamo, tables};
use engine_test_support::kms::Kms;
use engine_test_support::wire::Wire;
use jiff::{SignedDuration, Timestamp};

use crate::fixture::at;

const ISSUER: &str = "https://login.example.com/";

/// A key set with keys of those ids.
async fn jwks(key_ids: &[&str]) -> String {
    let kms = Kms::new();
    let mut keys = Vec::new();
    for key_id in key_ids {
        let (_, spki) = engine_aws::kms::public_key(&kms.client(), &kms.signing_key()).await.unwrap();
        keys.push(jwk_from_spki(key_id, &spki).unwrap());
    }
    format!(r#"{{"keys":[{}]}}"#, keys.join(","))
}

async fn publish(dynamo: &Dynamo, jwks: &str) {
    publish_at(dynamo, jwks, at("2026-01-15T21:30:00Z")).await;
}

async fn publish_at(dynamo: &Dynamo, jwks: &str, fetched_at: Timestamp) {
    let fetched_at = AttributeValue::N(fetched_at.as_millisecond().to_string());
    let client = dynamo.client_on(&Wire::default());
    let put = client.put_item().table_name(tables::ISSUERS).item("pk", string(ISSUER)).item("jwks", string(jwks));
    put.item("fetched_at", fetched_at).send().await.unwrap();
}

async fn knows(keys: &IssuerKeys, key_id: &str, now: Timestamp) -> bool {
    let set = keys.key_set(ISSUER, key_id, now).await.unwrap();
    set.is_some_and(|set| set.contains(key_id))
}

#[tokio::test]
async fn what_was_read_is_used_for_a_minute() {
    let dynamo = Dynamo::start().await;
    publish(&dynamo, &jwks(&["a"]).await).await;
    let keys = IssuerKeys::new(dynamo.client(), tables::ISSUERS);
    let start = at("2026-01-15T21:30:00Z");
    for (seconds, reads) in [(0, 1), (1, 1), (59, 1), (60, 2), (119, 2), (120, 3)] {
        assert!(knows(&keys, "a", start + SignedDuration::from_secs(seconds)).await);
        assert_eq!(dynamo.wire().total(), reads, "after {seconds} s");
    }
}

#[tokio::test]
async fn an_unknown_key_makes_it_read_again_every_ten_seconds_at_most() {
    let dynamo = Dynamo::start().await;
    publish(&dynamo, &jwks(&["a"]).await).await;
    let keys = IssuerKeys::new(dynamo.client(), tables::ISSUERS);
    let start = at("2026-01-15T21:30:00Z");
    for tenths in 0..99 {
        assert!(!knows(&keys, "b", start + SignedDuration::from_millis(tenths * 100)).await);
    }
    assert_eq!(dynamo.wire().total(), 1);
    publish(&dynamo, &jwks(&["a", "b"]).await).await;
    assert!(knows(&keys, "a", start + SignedDuration::from_secs(20)).await);
    assert_eq!(dynamo.wire().total(), 1, "a key that is known waits for its minute");
    assert!(knows(&keys, "b", start + SignedDuration::from_secs(20)).await);
    assert_eq!(dynamo.wire().total(), 2);
}

#[tokio::test]
async fn an_issuer_without_keys_is_none_and_is_looked_for_no_more_often() {
    let dynamo = Dynamo::start().await;
    let keys = IssuerKeys::new(dynamo.client(), tables::ISSUERS);
    let start = at("2026-01-15T21:30:00Z");
    for _ in 0..5 {
        assert!(keys.key_set(ISSUER, "a", start).await.unwrap().is_none());
    }
    assert_eq!(dynamo.wire().total(), 1);
    publish(&dynamo, &jwks(&["a"]).await).await;
    assert!(knows(&keys, "a", start + SignedDuration::from_secs(10)).await);
}

#[tokio::test]
async fn a_key_that_was_taken_away_is_gone_within_a_minute() {
    let dynamo = Dynamo::start().await;
    publish(&dynamo, &jwks(&["a"]).await).await;
    let keys = IssuerKeys::new(dynamo.client(), tables::ISSUERS);
    let start = at("2026-01-15T21:30:00Z");
    assert!(knows(&keys, "a", start).await);
    publish(&dynamo, &jwks(&["b"]).await).await;
    assert!(!knows(&keys, "a", start + SignedDuration::from_secs(60)).await);
}

#[tokio::test]
async fn keys_of_which_the_issuer_was_not_heard_for_an_hour_are_trusted_no_more() {
    let dynamo = Dynamo::start().await;
    let (set, start) = (jwks(&["a"]).await, at("2026-01-15T21:30:00Z"));
    publish_at(&dynamo, &set, start).await;
    let keys = IssuerKeys::new(dynamo.client(), tables::ISSUERS);
    let hour = start + SignedDuration::from_hours(1);
    assert!(knows(&keys, "a", hour).await);
    let stale = hour + SignedDuration::from_millis(1);
    assert!(!knows(&keys, "a", stale).await, "though it was read a moment ago");
    assert!(keys.key_set(ISSUER, "a", hour + SignedDuration::from_secs(61)).await.unwrap().is_none());
    publish_at(&dynamo, &set, hour).await;
    assert!(knows(&keys, "a", hour + SignedDuration::from_secs(80)).await, "the mirror works again");
}

#[tokio::test]
async fn an_issuer_that_withdrew_every_key_has_none_that_verifies() {
    let dynamo = Dynamo::start().await;
    publish(&dynamo, r#"{"keys":[]}"#).await;
    let keys = IssuerKeys::new(dynamo.client(), tables::ISSUERS);
    let set = keys.key_set(ISSUER, "a", at("2026-01-15T21:30:00Z")).await.unwrap();
    assert!(set.is_some_and(|set| set.is_empty()));
}

#[tokio::test]
async fn without_the_table_no_key_is_known() {
    let dynamo = Dynamo::start().await;
    publish(&dynamo, &jwks(&["a"]).await).await;
    let keys = IssuerKeys::new(dynamo.client(), tables::ISSUERS);
    let start = at("2026-01-15T21:30:00Z");
    assert!(knows(&keys, "a", start).await);
    dynamo.wire().fail("GetItem", 1000);
    let failed = keys.key_set(ISSUER, "a", start + SignedDuration::from_secs(60)).await;
    assert!(matches!(failed, Err(Error::Unavailable { .. })));
    dynamo.wire().fail("GetItem", 0);
    publish(&dynamo, "{}").await;
    let failed = keys.key_set(ISSUER, "a", start + SignedDuration::from_secs(60)).await;
    assert!(matches!(failed, Err(Error::Corrupt { .. })));
}

fn string(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}
