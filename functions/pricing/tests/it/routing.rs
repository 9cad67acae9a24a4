//! What is reached, what is not, and what every answer carries.

use std::collections::BTreeSet;

use engine_core::audit::EntryId;
use pricing::routes::ROUTES;

use crate::fixture::{Api, BATCH, CALCULATE, Call, RATES, position};

#[tokio::test]
async fn unknown_routes_are_404_with_and_without_a_key() {
    let api = Api::start().await;
    for path in [
        "/",
        "/api",
        "/api/v1",
        "/api/v2/rates",
        "/api/v1/rates/",
        "/api/v1/rates/AAPL/",
        "/api/v1/rates//calculate",
        "/API/V1/RATES",
        "/api/v1/calculate-locate/",
        "/api/v1/rates/AAPL/calculate/x",
        "/admin/api-keys",
        "/api/v1/rates/%ZZ",
        "/api/v1/../v1/health",
    ] {
        let with = api.get(path).await;
        with.problem(404, "route_not_found");
        assert_eq!(api.send(&Call::get(path)).await.alike(), with.alike(), "{path}");
    }
}

#[tokio::test]
async fn wrong_methods_are_405_and_say_which_are_right() {
    let api = Api::start().await;
    for (path, allowed) in [
        (CALCULATE, "GET, POST"),
        (BATCH, "POST"),
        (RATES, "GET"),
        ("/api/v1/rates/AAPL", "GET"),
        ("/api/v1/rates/AAPL/calculate", "GET"),
        ("/api/v1/health", "GET"),
        ("/api/v1/config", "GET"),
    ] {
        for method in ["DELETE", "PUT", "PATCH", "HEAD", "OPTIONS", "TRACE"] {
            let answer = api.send(&Call::new(method, path)).await;
            answer.problem(405, "method_not_allowed");
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn every_route_is_reached() {
    let api = Api::start().await;
    let mut seen = BTreeSet::new();
    for route in ROUTES.0 {
        let path = route.path.replace("{ticker}", "AAPL");
        let call = match route.path {
            CALCULATE if route.method == "GET" => {
                Call::get(&path).query("ticker", "AAPL").query("position_value", "1").query("loan_days", "1")
            }
            CALCULATE => Call::post(&path, position("AAPL")),
            BATCH => Call::post(&path, crate::fixture::batch(["AAPL"])),
            _ => Call::get(&path),
        };
        api.call(call).await.expect(200);
        assert!(seen.insert((route.method, route.path)));
    }
}

#[tokio::test]
async fn a_valid_correlation_id_is_echoed_and_recorded_and_any_other_dropped() {
    let api = Api::start().await;
    let longest = "x".repeat(64);
    for id in ["order-42", "A.b_c-9", "0", longest.as_str()] {
        let answer = api.call(Call::post(CALCULATE, position("AAPL")).header("X-Correlation-ID", id)).await;
        assert_eq!(answer.header("x-correlation-id"), Some(id));
        let stored = api.entry(answer.expect(200)["quote_id"].as_str().unwrap()).await;
        assert_eq!(stored.body["details"]["correlation_id"], id);
    }
    let too_long = "x".repeat(65);
    for id in ["", " ", "a b", "a,b", "<script>", "ünicode", "a\tb", "' OR 1=1", too_long.as_str()] {
        let answer = api.call(Call::get(RATES).header("X-Correlation-ID", id)).await;
        answer.expect(200);
        assert_eq!(answer.header("x-correlation-id"), None, "{id}");
    }
}

#[tokio::test]
async fn the_request_id_is_ours_and_never_the_same_twice() {
    let api = Api::start().await;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        let call = Call::get("/api/v1/health").header("X-Request-ID", "mine").header("X-Amzn-Trace-Id", "Root=1-2-3");
        let answer = api.send(&call).await;
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert!(EntryId::parse(&id).is_some(), "{id} is a UUIDv7");
        assert!(seen.insert(id));
    }
}
