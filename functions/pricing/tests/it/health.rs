//! Health, readiness, liveness and configuration: open to anyone, and honest.

use jiff::SignedDuration;
use serde_json::json;

use crate::fixture::{Api, Call};

const HEALTH: &str = "/api/v1/health";
const READINESS: &str = "/api/v1/health/readiness";
const LIVENESS: &str = "/api/v1/health/liveness";
const CONFIG: &str = "/api/v1/config";

#[tokio::test]
async fn none_of_them_needs_a_key_or_leaves_an_entry() {
    let api = Api::start().await;
    for path in [HEALTH, READINESS, LIVENESS, CONFIG] {
        api.send(&Call::get(path)).await.expect(200);
        api.send(&Call::get(path).key("nonsense")).await.expect(200);
    }
    assert!(api.entries().await.is_empty());
}

#[tokio::test]
async fn health_names_the_state_of_every_source() {
    let api = Api::start().await;
    let body = api.send(&Call::get(HEALTH)).await.expect(200);
    assert_eq!(body["status"], "healthy");
    assert_eq!(body["timestamp"], "2026-01-15T22:00:00.000Z");
    let names = ["short-stock", "volatility", "event-risk", "minimum-rates"];
    for (source, name) in body["market_data"].as_array().unwrap().iter().zip(names) {
        assert_eq!(*source, json!({ "source": name, "status": "current", "as_of": "2026-01-15T21:30:00.000Z" }));
    }
    api.clock.advance(SignedDuration::from_hours(24));
    let body = api.send(&Call::get(HEALTH)).await.expect(200);
    assert_eq!((&body["status"], &body["market_data"][0]["status"]), (&json!("degraded"), &json!("stale")));
}

#[tokio::test]
async fn partial_data_are_degraded_and_none_is_unhealthy() {
    let api = Api::without_documents().await;
    let body = api.send(&Call::get(HEALTH)).await.expect(200);
    assert_eq!(body["status"], "degraded");
    assert_eq!(body["market_data"][1], json!({ "source": "volatility", "status": "missing" }));
    api.send(&Call::get(READINESS)).await.expect(200);
    let empty = Api::without_market().await;
    assert_eq!(empty.send(&Call::get(HEALTH)).await.expect(200)["status"], "unhealthy");
    empty.send(&Call::get(READINESS)).await.problem(503, "unavailable");
    empty.send(&Call::get(LIVENESS)).await.expect(200);
}

#[tokio::test]
async fn a_process_that_cannot_read_its_book_is_alive_but_not_ready() {
    let api = Api::start().await;
    api.wire().fail("Query", 1000);
    api.send(&Call::get(READINESS)).await.problem(503, "unavailable");
    assert_eq!(api.send(&Call::get(HEALTH)).await.expect(200)["status"], "unhealthy");
    api.send(&Call::get(LIVENESS)).await.expect(200);
    api.wire().fail("Query", 0);
    api.send(&Call::get(READINESS)).await.expect(200);
}

#[tokio::test]
async fn config_states_limits_tiers_and_coefficients() {
    let api = Api::without_market().await;
    let body = api.send(&Call::get(CONFIG)).await.expect(200);
    assert_eq!(
        body["rate_limits"],
        json!([
            { "requests_per_minute": 60, "burst": 60 },
            { "requests_per_minute": 300, "burst": 150 },
            { "requests_per_minute": 1000, "burst": 500 },
        ])
    );
    assert_eq!(body["max_batch_positions"], 1000);
    assert_eq!(body["quote_validity_minutes"], 15);
    assert_eq!(body["rate_max_age_hours"], 24);
    assert_eq!((&body["volatility_per_point"], &body["event_risk_at_ten"]), (&json!("0.01"), &json!("0.05")));
}
