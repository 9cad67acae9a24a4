//! What the function sends to DynamoDB, counted on the wire, and what it does when that fails.

use std::collections::BTreeMap;

use engine_core::market::Snapshot;
use engine_test_support::wire::Wire;
use jiff::SignedDuration;

use crate::fixture::market::{LATEST, file, short_stock};
use crate::fixture::{Api, BATCH, CALCULATE, Call, batch, market, new_key, position};

fn sent(wire: &Wire) -> Vec<(String, usize)> {
    wire.sent().into_iter().collect()
}

fn calls(expected: &[(&str, usize)]) -> Vec<(String, usize)> {
    expected
        .iter()
        .map(|(action, count)| ((*action).to_owned(), *count))
        .collect::<BTreeMap<_, _>>()
        .into_iter()
        .collect()
}

/// A file of the next day with another rate for AAPL.
fn next_day() -> Snapshot {
    let rows = LATEST.replace("2.0700|0.2500", "1.8200|0.5000");
    short_stock(&file("2026.01.15", "16:45:00", &rows), Some(&market::latest()))
}

#[tokio::test]
async fn a_warm_quote_makes_two_calls() {
    let api = Api::start().await;
    api.quote("AAPL").await.expect(200);
    for seconds in [0, 1, 2, 1] {
        api.clock.advance(SignedDuration::from_secs(seconds));
        api.wire().reset();
        api.quote("GME").await.expect(200);
        assert_eq!(sent(api.wire()), calls(&[("PutItem", 1), ("UpdateItem", 1)]));
    }
    let query = Call::get(CALCULATE).query("ticker", "GME").query("position_value", "1").query("loan_days", "1");
    api.wire().reset();
    api.call(query).await.expect(200);
    assert_eq!(sent(api.wire()), calls(&[("PutItem", 1), ("UpdateItem", 1)]));
}

#[tokio::test]
async fn a_refused_quote_makes_two_calls_too_and_a_rate_one() {
    let api = Api::start().await;
    api.quote("AAPL").await.expect(200);
    api.wire().reset();
    api.quote("NOSUCH").await.problem(404, "ticker_not_found");
    api.post(CALCULATE, "{").await.problem(400, "malformed_body");
    assert_eq!(sent(api.wire()), calls(&[("PutItem", 2), ("UpdateItem", 2)]));
    api.wire().reset();
    api.get("/api/v1/rates/AAPL").await.expect(200);
    api.get("/api/v1/rates").await.expect(200);
    assert_eq!(sent(api.wire()), calls(&[("UpdateItem", 2)]));
}

#[tokio::test]
async fn a_warm_batch_of_a_thousand_makes_one_update_and_stores_its_record() {
    let api = Api::start().await;
    api.quote("AAPL").await.expect(200);
    for tickers in [vec!["AAPL"; 1000], market::TICKERS.repeat(125)] {
        api.wire().reset();
        let body = api.post(BATCH, batch(tickers)).await.expect(200);
        let sent = api.wire().sent();
        assert_eq!(sent.get("UpdateItem"), Some(&1));
        assert_eq!(api.wire().total(), 2, "the record is one put, or one transaction: {sent:?}");
        api.entry(body["batch_id"].as_str().unwrap()).await;
    }
}

/// A cold process takes a key for one of the slowest tier: for another tier the first update is refused and made again.
#[tokio::test]
async fn warming_up_leaves_the_terms_to_be_read_and_a_key_s_tier_to_be_learnt() {
    let api = Api::start().await;
    let mut new = new_key();
    new.rate_limit = 60;
    let slow = api.issue(new).await;
    for (key, updates) in [(&slow, 1), (&api.key, 2)] {
        let process = api.process();
        process.warm_up().await;
        api.wire().reset();
        let call = Call::post(CALCULATE, position("AAPL")).key(key);
        api.send_to(&process, &call).await.expect(200);
        assert_eq!(sent(api.wire()), calls(&[("PutItem", 1), ("Query", 1), ("UpdateItem", updates)]));
        api.wire().reset();
        api.send_to(&process, &call).await.expect(200);
        assert_eq!(sent(api.wire()), calls(&[("PutItem", 1), ("UpdateItem", 1)]));
    }
}

#[tokio::test]
async fn the_pointers_are_read_every_five_seconds_and_a_new_snapshot_is_used_by_then() {
    let api = Api::start().await;
    assert_eq!(api.quote("AAPL").await.expect(200)["base_rate"], "0.0025");
    let id = api.publish(&next_day()).await;
    api.clock.advance(SignedDuration::from_millis(4_999));
    assert_eq!(api.quote("AAPL").await.expect(200)["base_rate"], "0.0025");
    api.wire().reset();
    api.clock.advance(SignedDuration::from_millis(1));
    let body = api.quote("AAPL").await.expect(200);
    assert_eq!(body["base_rate"], "0.005");
    assert_eq!(body["data_sources"]["borrow_rate"]["snapshot_id"], id);
    assert_eq!(sent(api.wire()), calls(&[("PutItem", 1), ("Query", 2), ("UpdateItem", 1)]));
    api.wire().reset();
    api.clock.advance(SignedDuration::from_secs(5));
    api.quote("AAPL").await.expect(200);
    assert_eq!(sent(api.wire()), calls(&[("PutItem", 1), ("Query", 1), ("UpdateItem", 1)]), "nothing new to load");
}

#[tokio::test]
async fn a_quote_whose_record_cannot_be_written_is_not_answered() {
    let api = Api::start().await;
    api.quote("AAPL").await.expect(200);
    for (path, body) in [(CALCULATE, position("GME")), (BATCH, batch(["GME"])), (CALCULATE, position("NOSUCH"))] {
        api.wire().fail("PutItem", 1000);
        let answer = api.post(path, body.clone()).await;
        answer.problem(503, "unavailable");
        assert!(answer.header("retry-after").is_some());
        for secret in ["total_fee", "quote_id", "PutItem", "injected"] {
            assert!(!answer.text.contains(secret), "{}", answer.text);
        }
        api.wire().fail("PutItem", 0);
    }
    assert_eq!(api.entries().await.len(), 1, "only the first quote's");
    api.quote("GME").await.expect(200);
    let counts: Vec<_> = api.entries().await.iter().map(crate::fixture::Stored::key_seq).collect();
    assert_eq!(counts, [1, 5], "what could not be recorded shows as a gap");
}

#[tokio::test]
async fn when_market_data_cannot_be_read_the_refusal_is_recorded() {
    let api = Api::start().await;
    let cold = api.process();
    api.quote("AAPL").await.expect(200);
    api.wire().fail("Query", 1000);
    let call = Call::post(CALCULATE, position("AAPL")).key(&api.key);
    api.send_to(&cold, &call).await.problem(503, "unavailable");
    // A warm process serves what it holds for five minutes, and then no more.
    api.clock.advance(SignedDuration::from_mins(5));
    api.quote("AAPL").await.expect(200);
    api.clock.advance(SignedDuration::from_secs(5));
    api.quote("AAPL").await.problem(503, "unavailable");
    api.post(BATCH, batch(["AAPL"])).await.problem(503, "unavailable");
    let entries = api.entries().await;
    let told: Vec<_> = entries.iter().map(|stored| stored.body["details"]["refusal"]["code"].as_str()).collect();
    let unavailable = Some("unavailable");
    assert_eq!(told, [None, unavailable, None, unavailable, unavailable]);
    api.wire().fail("Query", 0);
    api.quote("AAPL").await.expect(200);
}
