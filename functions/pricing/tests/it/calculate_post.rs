//! `POST /api/v1/calculate-locate`: exact figures, honest data sources, and only for whom it is meant.

use engine_core::field::Fields;
use jiff::SignedDuration;
use serde_json::{Value, json};

use crate::fixture::{Api, CALCULATE, CLIENT, Call, new_key, operator, position};

/// A quote without the ids that differ from run to run.
fn redacted(mut body: Value) -> Value {
    body["quote_id"] = json!("[quote id]");
    for (_, source) in body["data_sources"].as_object_mut().unwrap() {
        if source["snapshot_id"].is_string() {
            source["snapshot_id"] = json!("[snapshot id]");
        }
    }
    body
}

/// 0.0025 × (1 + 0.25) = 0.003125; 100000 × 0.003125 × 30 / 365 = 25.68493… → 25.6849; 5 % of it 1.284245 → 1.2842;
/// and 25 flat: 51.9691.
#[tokio::test]
async fn a_quote_is_the_sum_done_by_hand() {
    let api = Api::start().await;
    insta::assert_json_snapshot!(redacted(api.quote("aapl").await.expect(200)));
}

/// 0.303849 × (1 + 0.648 + 0.05 × 7 / 10) = 0.511377867 → 0.511378; 11725 × 0.511378 × 7 / 365 = 114.98999… → 114.9900;
/// 5 % of it 5.7495; and 25: 145.7395. The past event at 9 does not count.
#[tokio::test]
async fn a_hard_to_borrow_quote_in_shares_is_the_sum_done_by_hand() {
    let api = Api::start().await;
    let body = r#"{"ticker": "GME", "quantity": 500, "price": 23.45, "loan_days": 7}"#;
    insta::assert_json_snapshot!(redacted(api.post(CALCULATE, body).await.expect(200)));
}

#[tokio::test]
async fn a_minimum_rate_is_a_floor() {
    let api = Api::start().await;
    let body = api.quote("MEDI").await.expect(200);
    assert_eq!((&body["borrow_rate_used"], &body["minimum_rate"]), (&json!("0.150000"), &json!("0.15")));
    assert_eq!(body["data_sources"]["minimum_rate"]["source"], "minimum-rates");
    assert_eq!(body["borrow_status"], "MEDIUM");
}

#[tokio::test]
async fn money_sent_as_json_numbers_comes_back_exact() {
    let api = Api::start().await;
    for value in ["100000.07", "0.1", "999999999.99", "0.01", "1000000000", "4503599627.37", "0.30"] {
        for literal in [value.to_owned(), format!("\"{value}\"")] {
            let body = format!(r#"{{"ticker": "AAPL", "position_value": {literal}, "loan_days": 365}}"#);
            let answer = api.post(CALCULATE, body).await;
            if value.len() > 12 {
                assert_eq!(answer.bad_fields(), ["position_value"]);
                continue;
            }
            let quote = answer.expect(200);
            assert_eq!(quote["position_value"], value);
            let stored = api.entry(quote["quote_id"].as_str().unwrap()).await;
            assert_eq!(stored.body["details"]["quote"]["positions"][0]["position_value"], value);
        }
    }
}

#[tokio::test]
async fn a_position_in_shares_is_worth_the_exact_product() {
    let api = Api::start().await;
    let body = r#"{"ticker": "AAPL", "quantity": 333, "price": 12.3456, "loan_days": 30}"#;
    let shares = api.post(CALCULATE, body).await.expect(200);
    assert_eq!((&shares["position_value"], &shares["price"]), (&json!("4111.0848"), &json!("12.3456")));
    assert_eq!(shares["quantity"], 333);
    let body = r#"{"ticker": "AAPL", "quantity": 100, "price": "1000", "loan_days": 30}"#;
    let shares = api.post(CALCULATE, body).await.expect(200);
    let value = api.quote("AAPL").await.expect(200);
    for figure in ["total_fee", "breakdown", "borrow_rate_used", "due_on_locate", "estimated_carry"] {
        assert_eq!(shares[figure], value[figure], "{figure}");
    }
}

#[tokio::test]
async fn every_spelling_of_a_ticker_is_the_same_stock() {
    let api = Api::start().await;
    for spelling in ["BRK B", "brk.b", "Brk-B"] {
        assert_eq!(api.quote(spelling).await.expect(200)["ticker"], "BRK.B");
    }
}

#[tokio::test]
async fn a_client_may_name_only_itself() {
    let api = Api::start().await;
    let body =
        |client: &str| format!(r#"{{"ticker": "AAPL", "position_value": 1, "loan_days": 1, "client_id": "{client}"}}"#);
    api.post(CALCULATE, body(CLIENT)).await.expect(200);
    api.post(CALCULATE, body("somebody-else")).await.problem(403, "client_mismatch");
    api.create_client("somebody-else", r#"{"markup_percentage": 0, "fee_type": "FLAT", "fee_amount": 0}"#).await;
    api.post(CALCULATE, body("somebody-else")).await.problem(403, "client_mismatch");
}

#[tokio::test]
async fn a_ticker_that_the_key_may_not_see_does_not_exist() {
    let api = Api::start().await;
    let mut new = new_key();
    new.tickers = Some(vec!["GME".into(), "BRK B".into()]);
    let key = api.issue(new).await;
    let quote = |ticker: &'static str| api.call(Call::post(CALCULATE, position(ticker)).key(&key));
    quote("GME").await.expect(200);
    quote("brk-b").await.expect(200);
    let (hidden, unknown) = (quote("AAPL").await, quote("NOSUCH").await);
    hidden.problem(404, "ticker_not_found");
    assert_eq!(hidden.alike(), unknown.alike());
    api.quote("AAPL").await.expect(200);
}

#[tokio::test]
async fn the_terms_in_force_are_used_and_new_ones_from_the_next_quote() {
    let api = Api::start().await;
    assert_eq!(api.quote("AAPL").await.expect(200)["terms_version"], 1);
    let fields = r#"{"markup_percentage": "2.5", "fee_type": "PERCENTAGE", "fee_amount": "0.1", "day_count": "ACT/360",
        "effective_from": "2026-01-15T23:00:00Z"}"#;
    let fields = Fields::from_json(fields).unwrap();
    let client_id = CLIENT.to_owned().try_into().unwrap();
    let more = serde_json::Map::new();
    let prepared = api.directory.add_terms(&client_id, &fields, more, &operator(), api.now()).await.unwrap();
    api.directory.commit(prepared).await.unwrap();
    assert_eq!(api.quote("AAPL").await.expect(200)["terms_version"], 1, "not in effect yet");
    api.clock.advance(SignedDuration::from_hours(1));
    let body = api.quote("AAPL").await.expect(200);
    assert_eq!((&body["terms_version"], &body["day_count"]), (&json!(2), &json!("ACT/360")));
    // 100000 × 0.003125 × 30 / 360 = 26.041666… ; 2.5 % of 26.0417 = 0.6510425; 0.1 % of 100000 = 100.
    let lines = json!({ "borrow_cost": "26.0417", "markup": "0.6510", "transaction_fees": "100.0000" });
    assert_eq!((&body["breakdown"], &body["total_fee"]), (&lines, &json!("126.6927")));
}

#[tokio::test]
async fn unpublished_and_carried_rates_are_the_greater_of_known_and_default_and_say_so() {
    let api = Api::start().await;
    let before = "2026-01-14T21:30:00.000Z";
    let today = "2026-01-15T21:30:00.000Z";
    for (ticker, base, reason, as_of) in [
        ("NANO", "0.10", "rate_not_published", today),
        ("NAKN", "0.12", "rate_not_published", before),
        ("CARH", "0.225", "not_in_latest_file", before),
        ("CARL", "0.10", "not_in_latest_file", before),
    ] {
        let body = api.quote(ticker).await.expect(200);
        let source = &body["data_sources"]["borrow_rate"];
        assert_eq!((&body["base_rate"], &body["borrow_status"]), (&json!(base), &json!("HARD")), "{ticker}");
        assert_eq!((&source["fallback"], &source["as_of"]), (&json!(reason), &json!(as_of)), "{ticker}");
        assert_eq!(source["source"], "short-stock");
    }
    // Adjusted like any other: 0.225 × 1.25.
    assert_eq!(api.quote("CARH").await.expect(200)["borrow_rate_used"], "0.281250");
}

#[tokio::test]
async fn old_data_are_used_and_flagged() {
    let api = Api::start().await;
    let stale = |body: &Value| {
        ["borrow_rate", "volatility", "event_risk"].map(|name| body["data_sources"][name]["stale"] == true)
    };
    api.clock.set("2026-01-16T21:30:00Z".parse().unwrap());
    assert_eq!(stale(&api.quote("AAPL").await.expect(200)), [false; 3], "24 hours are allowed");
    api.clock.advance(SignedDuration::from_millis(1));
    let body = api.quote("AAPL").await.expect(200);
    assert_eq!(stale(&body), [true; 3]);
    assert_eq!(body["total_fee"], "51.9691");
}

#[tokio::test]
async fn without_volatility_or_events_the_defaults_apply_and_say_so() {
    let api = Api::without_documents().await;
    let body = api.quote("GME").await.expect(200);
    assert_eq!((&body["volatility_index"], &body["event_risk_factor"]), (&json!("20"), &json!(0)));
    assert_eq!(body["minimum_rate"], "0.0001");
    let fallback = |name: &str| body["data_sources"][name]["fallback"].clone();
    assert_eq!(fallback("volatility"), "no_volatility_index");
    assert_eq!(fallback("event_risk"), "no_event_data");
    assert_eq!(fallback("minimum_rate"), "default_minimum_rate");
    assert_eq!(fallback("borrow_rate"), Value::Null);
    // 0.303849 × 1.2
    assert_eq!(body["borrow_rate_used"], "0.364619");
}
