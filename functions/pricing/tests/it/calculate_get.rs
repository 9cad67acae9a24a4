//! `GET /api/v1/calculate-locate`: the same quote, its inputs in the query.

use serde_json::Value;

use crate::fixture::{Api, CALCULATE, CLIENT, Call};

fn call(parameters: &[(&str, &str)]) -> Call {
    parameters.iter().fold(Call::get(CALCULATE), |call, (name, value)| call.query(name, value))
}

/// A quote without its id.
fn figures(mut quote: Value) -> Value {
    assert!(quote.as_object_mut().unwrap().remove("quote_id").is_some());
    quote
}

#[tokio::test]
async fn it_equals_the_post() {
    let api = Api::start().await;
    let posted = r#"{"ticker": "BRK B", "position_value": 100000.07, "loan_days": 14, "client_id": "meridian-fund"}"#;
    let posted = api.post(CALCULATE, posted).await.expect(200);
    let query = [("ticker", "BRK B"), ("position_value", "100000.07"), ("loan_days", "14"), ("client_id", CLIENT)];
    assert_eq!(figures(api.call(call(&query)).await.expect(200)), figures(posted));
    let posted = r#"{"ticker": "GME", "quantity": 500, "price": "23.45", "loan_days": 7}"#;
    let posted = api.post(CALCULATE, posted).await.expect(200);
    let query = [("ticker", "gme"), ("quantity", "500"), ("price", "23.45"), ("loan_days", "7")];
    assert_eq!(figures(api.call(call(&query)).await.expect(200)), figures(posted));
}

#[tokio::test]
async fn it_names_every_bad_parameter() {
    let api = Api::start().await;
    assert_eq!(api.get(CALCULATE).await.bad_fields(), ["ticker", "position_value", "loan_days"]);
    let query = [("ticker", "A/B"), ("position_value", "1e3"), ("loan_days", "30.5"), ("client_id", "no")];
    assert_eq!(api.call(call(&query)).await.bad_fields(), ["ticker", "position_value", "loan_days", "client_id"]);
}

#[tokio::test]
async fn a_parameter_given_twice_is_refused() {
    let api = Api::start().await;
    let query =
        [("ticker", "AAPL"), ("ticker", "GME"), ("position_value", "1"), ("loan_days", "1"), ("loan_days", "1")];
    assert_eq!(api.call(call(&query)).await.bad_fields(), ["ticker", "loan_days"]);
}

#[tokio::test]
async fn unknown_parameters_are_ignored() {
    let api = Api::start().await;
    let query = [("ticker", "AAPL"), ("position_value", "1"), ("loan_days", "1"), ("colour", "blue")];
    api.call(call(&query)).await.expect(200);
}
