//! `GET /api/v1/rates/{ticker}`.

use serde_json::json;

use crate::fixture::{Api, Call, RATES, new_key};

#[tokio::test]
async fn a_rate_is_what_a_quote_would_use() {
    let api = Api::start().await;
    let rate = api.get("/api/v1/rates/GME").await.expect(200);
    let quote = api.quote("GME").await.expect(200);
    assert_eq!(rate["current_rate"], "0.511378");
    assert_eq!(rate["current_rate"], quote["borrow_rate_used"]);
    for same in [
        "ticker",
        "currency",
        "borrow_status",
        "base_rate",
        "volatility_index",
        "event_risk_factor",
        "minimum_rate",
        "data_sources",
    ] {
        assert_eq!(rate[same], quote[same], "{same}");
    }
    assert_eq!((&rate["available"], &rate["rebate_rate"]), (&json!("45000"), &json!("-28.0649")));
    assert_eq!(rate["last_updated"], "2026-01-15T21:30:00.000Z");
    assert_eq!(api.get("/api/v1/rates/AAPL").await.expect(200)["available"], ">10000000");
}

#[tokio::test]
async fn the_ticker_may_be_spelt_and_encoded_in_any_way() {
    let api = Api::start().await;
    for spelling in ["BRK.B", "brk-b", "BRK%20B", "brk%2Eb"] {
        let body = api.get(&format!("{RATES}/{spelling}")).await.expect(200);
        assert_eq!(body["ticker"], "BRK.B");
    }
}

#[tokio::test]
async fn what_is_not_a_ticker_is_400_and_what_is_not_known_404() {
    let api = Api::start().await;
    for bad in ["TOOLONGTICKER", "A..B", "%27%20OR%201=1", "%3Cscript%3E", "A%00", "..%2Fhealth", "A%0AB"] {
        assert_eq!(api.get(&format!("{RATES}/{bad}")).await.bad_fields(), ["ticker"], "{bad}");
    }
    api.get("/api/v1/rates/NOSUCH").await.problem(404, "ticker_not_found");
}

#[tokio::test]
async fn a_ticker_that_the_key_may_not_see_does_not_exist() {
    let api = Api::start().await;
    let mut new = new_key();
    new.tickers = Some(vec!["GME".into()]);
    let key = api.issue(new).await;
    for suffix in ["", "/calculate"] {
        let get = |ticker: &str| api.call(Call::get(&format!("{RATES}/{ticker}{suffix}")).key(&key));
        get("GME").await.expect(200);
        let (hidden, unknown) = (get("AAPL").await, get("NOSUCH").await);
        hidden.problem(404, "ticker_not_found");
        assert_eq!(hidden.alike(), unknown.alike());
    }
}

#[tokio::test]
async fn reading_rates_leaves_no_entry_and_no_gap_in_the_count() {
    let api = Api::start().await;
    api.quote("AAPL").await.expect(200);
    api.get("/api/v1/rates/GME").await.expect(200);
    api.get(RATES).await.expect(200);
    api.quote("AAPL").await.expect(200);
    let counts: Vec<_> = api.entries().await.iter().map(crate::fixture::Stored::key_seq).collect();
    assert_eq!(counts, [1, 2]);
}
