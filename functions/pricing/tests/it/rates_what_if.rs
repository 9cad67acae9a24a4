//! `GET /api/v1/rates/{ticker}/calculate`: the rate under given conditions, really using what was given.

use serde_json::{Value, json};

use crate::fixture::{Answer, Api, Call};

const PATH: &str = "/api/v1/rates/GME/calculate";

async fn what_if(api: &Api, parameters: &[(&str, &str)]) -> Answer {
    api.call(parameters.iter().fold(Call::get(PATH), |call, (name, value)| call.query(name, value))).await
}

fn rate(body: &Value) -> &str {
    body["current_rate"].as_str().unwrap()
}

#[tokio::test]
async fn given_values_are_used_and_zero_is_a_value() {
    let api = Api::start().await;
    let nothing = what_if(&api, &[]).await.expect(200);
    assert_eq!(nothing, api.get("/api/v1/rates/GME").await.expect(200));
    assert_eq!(rate(&nothing), "0.511378");
    // 0.303849 × each of 1 + 0.40 + 0.025, 1 + 0.035, 1 + 0.648, 1, 1 + 10 + 0.05.
    for (index, factor, expected) in [
        (Some("40"), Some("5"), "0.432985"),
        (Some("0"), None, "0.314484"),
        (None, Some("0"), "0.500743"),
        (Some("0"), Some("0"), "0.303849"),
        (Some("1000"), Some("10"), "3.357531"),
    ] {
        let index = index.map(|value| ("volatility_index", value));
        let factor = factor.map(|value| ("event_risk_factor", value));
        let given: Vec<_> = index.into_iter().chain(factor).collect();
        assert_eq!(rate(&what_if(&api, &given).await.expect(200)), expected, "{given:?}");
    }
}

#[tokio::test]
async fn given_values_are_said_to_be_given_and_the_others_keep_their_source() {
    let api = Api::start().await;
    let body = what_if(&api, &[("volatility_index", "12.5")]).await.expect(200);
    assert_eq!((&body["volatility_index"], &body["event_risk_factor"]), (&json!("12.5"), &json!(7)));
    assert_ne!(body["data_sources"]["volatility"]["source"], "volatility");
    assert_eq!(body["data_sources"]["volatility"]["fallback"], Value::Null);
    assert_eq!(body["data_sources"]["event_risk"]["source"], "event-risk");
}

#[tokio::test]
async fn it_changes_nothing_for_the_next_caller() {
    let api = Api::start().await;
    what_if(&api, &[("volatility_index", "900"), ("event_risk_factor", "10")]).await.expect(200);
    assert_eq!(rate(&api.get("/api/v1/rates/GME").await.expect(200)), "0.511378");
    assert_eq!(api.quote("GME").await.expect(200)["borrow_rate_used"], "0.511378");
}

#[tokio::test]
async fn bad_parameters_are_all_named() {
    let api = Api::start().await;
    for bad in ["", "-1", "1000.01", "1e2", "NaN", "1,5", "ten", "0.0000001", "Infinity"] {
        assert_eq!(what_if(&api, &[("volatility_index", bad)]).await.bad_fields(), ["volatility_index"], "{bad}");
    }
    for bad in ["", "-1", "11", "5.5", "1e0", "NaN", "05"] {
        assert_eq!(what_if(&api, &[("event_risk_factor", bad)]).await.bad_fields(), ["event_risk_factor"], "{bad}");
    }
    let both = [("volatility_index", "x"), ("event_risk_factor", "x")];
    assert_eq!(what_if(&api, &both).await.bad_fields(), ["volatility_index", "event_risk_factor"]);
}
