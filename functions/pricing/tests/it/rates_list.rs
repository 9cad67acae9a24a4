//! `GET /api/v1/rates`: pages in ticker order, each visible ticker once.

use serde_json::Value;

use crate::fixture::market::TICKERS;
use crate::fixture::{Api, Call, RATES, new_key};

/// The tickers of every page, following the cursors.
async fn all(api: &Api, key: &str, limit: &str, status: Option<&str>) -> Vec<String> {
    let mut tickers = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let mut call = Call::get(RATES).key(key).query("limit", limit);
        if let Some(status) = status {
            call = call.query("status", status);
        }
        if let Some(cursor) = &cursor {
            call = call.query("cursor", cursor);
        }
        let page = api.call(call).await.expect(200);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= limit.parse().unwrap());
        tickers.extend(items.iter().map(|rate| rate["ticker"].as_str().unwrap().to_owned()));
        match page.get("next_cursor") {
            Some(Value::String(next)) => cursor = Some(next.clone()),
            _ => return tickers,
        }
    }
}

#[tokio::test]
async fn every_ticker_comes_exactly_once_in_order_whatever_the_limit() {
    let api = Api::start().await;
    for limit in ["1", "2", "3", "7", "8", "9", "100"] {
        assert_eq!(all(&api, &api.key, limit, None).await, TICKERS, "limit {limit}");
    }
}

#[tokio::test]
async fn a_page_is_20_unless_asked_otherwise_and_the_last_has_no_cursor() {
    let api = Api::start().await;
    let page = api.get(RATES).await.expect(200);
    assert_eq!(page["items"].as_array().unwrap().len(), TICKERS.len());
    assert_eq!(page.get("next_cursor"), None);
    let page = api.call(Call::get(RATES).query("limit", "8")).await.expect(200);
    assert_eq!(page.get("next_cursor"), None, "nothing follows");
}

#[tokio::test]
async fn a_status_filters_and_pages_stay_whole() {
    let api = Api::start().await;
    let easy = ["AAPL", "BRK.B"];
    let hard = ["CARH", "CARL", "GME", "NAKN", "NANO"];
    for limit in ["1", "2", "100"] {
        assert_eq!(all(&api, &api.key, limit, Some("EASY")).await, easy);
        assert_eq!(all(&api, &api.key, limit, Some("MEDIUM")).await, ["MEDI"]);
        assert_eq!(all(&api, &api.key, limit, Some("HARD")).await, hard);
    }
}

#[tokio::test]
async fn only_the_key_s_tickers_are_listed() {
    let api = Api::start().await;
    let mut new = new_key();
    new.tickers = Some(vec!["GME".into(), "BRK B".into(), "ZZZZ".into()]);
    let key = api.issue(new).await;
    for limit in ["1", "100"] {
        assert_eq!(all(&api, &key, limit, None).await, ["BRK.B", "GME"]);
    }
}

#[tokio::test]
async fn bad_parameters_are_all_named() {
    let api = Api::start().await;
    for cursor in ["", "!", "AAPL", "QUFQTA==", "Li4v", "%00", "'; DROP TABLE--"] {
        assert_eq!(api.call(Call::get(RATES).query("cursor", cursor)).await.bad_fields(), ["cursor"], "{cursor}");
    }
    for limit in ["0", "101", "-1", "1e1", "ten", "1.0", "01", "99999999999999999999"] {
        assert_eq!(api.call(Call::get(RATES).query("limit", limit)).await.bad_fields(), ["limit"], "{limit}");
    }
    let call = Call::get(RATES).query("status", "easy").query("limit", "x").query("cursor", "?");
    assert_eq!(api.call(call).await.bad_fields(), ["status", "limit", "cursor"]);
    let call = Call::get(RATES).query("status", "EASY").query("status", "HARD");
    assert_eq!(api.call(call).await.bad_fields(), ["status"]);
}

#[tokio::test]
async fn without_market_data_there_is_no_list_rather_than_an_empty_one() {
    let api = Api::without_market().await;
    api.get(RATES).await.problem(503, "unavailable");
}
