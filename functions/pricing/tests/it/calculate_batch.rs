//! `POST /api/v1/calculate-locate/batch`: many quotes under one authentication and one record.

use serde_json::{Value, json};

use crate::fixture::{Api, BATCH, Call, batch, new_key};

#[tokio::test]
async fn positions_come_in_order_with_ids_of_their_own_and_the_figures_of_a_single_quote() {
    let api = Api::start().await;
    let body = api.post(BATCH, batch(["GME", "AAPL", "nosuch", "AAPL"])).await.expect(200);
    let batch_id = body["batch_id"].as_str().unwrap();
    assert_eq!((&body["priced"], &body["unpriced"]), (&json!(3), &json!(1)));
    let positions = body["positions"].as_array().unwrap();
    for (ordinal, (position, ticker)) in positions.iter().zip(["GME", "AAPL", "NOSUCH", "AAPL"]).enumerate() {
        assert_eq!(position["quote_id"], format!("{batch_id}-{ordinal}"));
        assert_eq!(position["ticker"], ticker);
    }
    assert_eq!(positions[2]["code"], "ticker_not_found");
    let mut single = api.quote("AAPL").await.expect(200);
    single["quote_id"] = positions[1]["quote_id"].clone();
    assert_eq!(positions[1], single);
}

#[tokio::test]
async fn unknown_and_hidden_tickers_are_alike() {
    let api = Api::start().await;
    let mut new = new_key();
    new.tickers = Some(vec!["GME".into()]);
    let key = api.issue(new).await;
    let body = api.call(Call::post(BATCH, batch(["AAPL", "NOSUCH"])).key(&key)).await.expect(200);
    let without_names =
        |position: &Value| (position["code"].clone(), position["detail"].clone(), position.as_object().unwrap().len());
    assert_eq!(without_names(&body["positions"][0]), without_names(&body["positions"][1]));
    assert_eq!(body["priced"], 0);
}

#[tokio::test]
async fn a_batch_holds_one_to_a_thousand_positions() {
    let api = Api::start().await;
    for count in [1, 1000] {
        let body = api.post(BATCH, batch(vec!["AAPL"; count])).await.expect(200);
        assert_eq!(body["positions"].as_array().unwrap().len(), count);
    }
    for count in [0, 1001] {
        assert_eq!(api.post(BATCH, batch(vec!["AAPL"; count])).await.bad_fields(), ["positions"]);
    }
    for bad in
        ["{}", r#"{"positions": null}"#, r#"{"positions": {}}"#, r#"{"positions": [1]}"#, r#"{"positions": "x"}"#]
    {
        assert_eq!(api.post(BATCH, bad).await.bad_fields(), ["positions"], "{bad}");
    }
}

#[tokio::test]
async fn every_bad_field_of_every_position_is_named() {
    let api = Api::start().await;
    let body = r#"{"positions": [{"ticker": "AAPL", "position_value": 1, "loan_days": 1},
        {"ticker": "A/B", "position_value": "1,000", "loan_days": 0}, {"ticker": "GME", "position_value": 1}]}"#;
    let expected =
        ["positions[1].ticker", "positions[1].position_value", "positions[1].loan_days", "positions[2].loan_days"];
    assert_eq!(api.post(BATCH, body).await.bad_fields(), expected);
}

#[tokio::test]
async fn a_thousand_bad_positions_do_not_make_a_book_of_an_answer() {
    let api = Api::start().await;
    let answer = api.post(BATCH, batch(vec!["A/B"; 1000])).await;
    let fields = answer.bad_fields();
    assert_eq!((fields.len(), fields[0].as_str()), (101, "positions[0].ticker"));
    assert_eq!(answer.json()["errors"][100]["message"], "has 900 further bad fields");
}

#[tokio::test]
async fn another_client_s_position_refuses_the_whole_batch() {
    let api = Api::start().await;
    let body = r#"{"positions": [{"ticker": "AAPL", "position_value": 1, "loan_days": 1},
        {"ticker": "AAPL", "position_value": 1, "loan_days": 1, "client_id": "somebody-else"}]}"#;
    api.post(BATCH, body).await.problem(403, "client_mismatch");
}

#[tokio::test]
async fn a_batch_costs_one_token_per_hundred_positions() {
    let api = Api::start().await;
    let mut new = new_key();
    new.rate_limit = 60;
    let key = api.issue(new).await;
    let mut left = 60;
    for (count, tokens) in [(1, 1), (100, 1), (101, 2), (1000, 10)] {
        left -= tokens;
        let answer = api.call(Call::post(BATCH, batch(vec!["AAPL"; count])).key(&key)).await;
        answer.expect(200);
        let shown = format!("\"key\";r={left};t={}", 60 - left);
        assert_eq!(answer.header("ratelimit"), Some(shown.as_str()), "{count} positions");
    }
    for _ in 0..4 {
        api.call(Call::post(BATCH, batch(vec!["AAPL"; 1000])).key(&key)).await.expect(200);
    }
    let answer = api.call(Call::post(BATCH, batch(vec!["AAPL"; 1000])).key(&key)).await;
    answer.problem(429, "rate_limited");
    assert_eq!(answer.header("retry-after"), Some("4"), "6 tokens are left and 10 are asked for");
    api.call(Call::post(BATCH, batch(vec!["AAPL"; 600])).key(&key)).await.expect(200);
}
