//! What bad input gets: 400 naming every bad field at once, 413, 415, and never a 500.

use proptest::prelude::{any, prop_oneof};
use proptest::strategy::{Just, Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use serde_json::{Value, json};

use crate::fixture::{Api, BATCH, CALCULATE, Call, batch, position};

/// Never a number, a name or a client, as JSON text.
const NEVER: [&str; 17] = [
    "true",
    "[]",
    "{}",
    "[1]",
    r#""""#,
    r#"" ""#,
    r#""1 000 000 000 000""#,
    r#""100,000.00""#,
    r#""1\u0000""#,
    r#""1\n""#,
    r#""' OR '1'='1' --""#,
    r#""1; DROP TABLE keys""#,
    r#""<script>alert(1)</script>""#,
    r#""${jndi:ldap://x}""#,
    r#""٣٠!""#,
    r#""\ud83d\ude00""#,
    r#""../../etc/passwd""#,
];
/// Never a number, beside those.
const NOT_A_NUMBER: [&str; 14] = [
    r#""NaN""#,
    r#""Infinity""#,
    r#""-Infinity""#,
    "1e3",
    "1E3",
    r#""1e3""#,
    r#""0x10""#,
    r#""+1""#,
    "-1",
    r#""-1""#,
    r#""1_000""#,
    r#"".5""#,
    r#""5.""#,
    r#""01""#,
];

/// The body of a good request with one field as given, or left out.
fn with(field: &str, value: Option<&str>) -> String {
    let shares = matches!(field, "quantity" | "price");
    let mut fields = vec![("ticker", "\"AAPL\""), ("loan_days", "30"), ("client_id", "\"meridian-fund\"")];
    if shares {
        fields.extend([("quantity", "10"), ("price", "\"5\"")]);
    } else {
        fields.push(("position_value", "\"1000\""));
    }
    fields.retain(|(name, _)| *name != field);
    fields.extend(value.map(|value| (field, value)));
    let members: Vec<_> = fields.iter().map(|(name, value)| format!("\"{name}\": {value}")).collect();
    format!("{{{}}}", members.join(", "))
}

async fn assert_refused(api: &Api, field: &str, value: &str) {
    let answer = api.post(CALCULATE, with(field, Some(value))).await;
    assert_eq!(answer.bad_fields(), [field], "{field}: {value:.80}");
    for fragment in ["DROP", "script", "jndi", "passwd", "OR '1'"] {
        assert!(!answer.text.contains(fragment), "a value is never repeated: {}", answer.text);
    }
}

#[tokio::test]
async fn every_field_refuses_what_it_cannot_be() {
    let api = Api::start().await;
    let digits = "9".repeat(5000);
    let letters = format!("\"{}\"", "x".repeat(5000));
    for field in ["ticker", "position_value", "loan_days", "quantity", "price", "client_id"] {
        for value in NEVER.iter().copied().chain([letters.as_str()]) {
            assert_refused(&api, field, value).await;
        }
    }
    for field in ["position_value", "loan_days", "quantity", "price"] {
        for value in NOT_A_NUMBER.iter().copied().chain([digits.as_str()]) {
            assert_refused(&api, field, value).await;
        }
    }
}

#[tokio::test]
async fn a_query_parameter_is_refused_like_a_field_of_a_body() {
    let api = Api::start().await;
    for field in ["ticker", "position_value", "loan_days", "quantity", "price", "client_id"] {
        let numbers = if matches!(field, "ticker" | "client_id") { &[][..] } else { &NOT_A_NUMBER };
        for value in NEVER.iter().chain(numbers) {
            let Ok(Value::String(text)) = serde_json::from_str(value) else { continue };
            let good = [("ticker", "AAPL"), ("loan_days", "30"), ("client_id", "meridian-fund")];
            let size = match field {
                "quantity" | "price" => vec![("quantity", "10"), ("price", "5")],
                _ => vec![("position_value", "1000")],
            };
            let others = good.into_iter().chain(size).filter(|(name, _)| *name != field);
            let call = others.fold(Call::get(CALCULATE), |call, (name, value)| call.query(name, value));
            assert_eq!(api.call(call.query(field, &text)).await.bad_fields(), [field], "{field}: {text:?}");
        }
    }
}

/// Bodies with anything in any field: some are good, none is a server's error, and every answer is documented.
#[tokio::test]
async fn no_body_makes_the_function_fail() {
    let api = Api::start().await;
    let value = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (1..400_i64).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<String>().prop_map(Value::from),
        "[A-Z]{1,5}([ .-][A-Z])?".prop_map(Value::from),
        "[0-9]{1,12}(\\.[0-9]{1,7})?".prop_map(Value::from),
        Just(json!(["AAPL", { "a": [1] }])),
    ];
    let name = prop_oneof!["ticker", "position_value", "loan_days", "quantity", "price", "client_id", "positions"];
    let fields = proptest::collection::btree_map(name, value, 0..7);
    let mut runner = TestRunner::deterministic();
    for turn in 0..400 {
        let fields = fields.new_tree(&mut runner).unwrap().current();
        let body = serde_json::to_string(&fields).unwrap();
        let (path, body) =
            if turn % 2 == 0 { (CALCULATE, body) } else { (BATCH, format!(r#"{{"positions": [{body}]}}"#)) };
        let answer = api.post(path, body.clone()).await;
        assert!(matches!(answer.status, 200 | 400 | 403 | 404), "{} to {body}", answer.status);
    }
}

#[tokio::test]
async fn a_required_field_is_missed_and_null_is_refused_everywhere() {
    let api = Api::start().await;
    for field in ["ticker", "position_value", "loan_days", "quantity", "price"] {
        assert_eq!(api.post(CALCULATE, with(field, None)).await.bad_fields(), [field], "without {field}");
        assert_eq!(api.post(CALCULATE, with(field, Some("null"))).await.bad_fields(), [field], "{field} null");
    }
    api.post(CALCULATE, with("client_id", None)).await.expect(200);
    assert_eq!(api.post(CALCULATE, with("client_id", Some("null"))).await.bad_fields(), ["client_id"]);
}

#[tokio::test]
async fn every_field_has_its_own_bounds() {
    let api = Api::start().await;
    for (field, refused, accepted) in [
        ("ticker", &["5", "null", "\"A B C\"", "\"TOOLONGNAME\"", "\"AAPL\\t\"", "\"ÄPFEL\""][..], &["\"aapl\""][..]),
        (
            "position_value",
            &["0", "0.001", "1000000000.01", "1.005", "\"0.00\""][..],
            &["0.01", "1000000000", "\"1.50\""],
        ),
        ("loan_days", &["0", "366", "30.0", "30.5", "\"30\"", "1e1", "18446744073709551617"], &["1", "365"]),
        ("quantity", &["0", "1.5", "1.0", "\"5\"", "100000000001", "18446744073709551617"], &["1", "200000000"]),
        ("price", &["0", "0.0000001", "1.1234567", "1000000000.01"], &["0.001", "\"100000000\""]),
        ("client_id", &["5", "\"ab\"", "\"a b c\"", "\"a.b.c\""], &["\"meridian-fund\""]),
    ] {
        for value in refused {
            assert_refused(&api, field, value).await;
        }
        for value in accepted {
            api.post(CALCULATE, with(field, Some(value))).await.expect(200);
        }
    }
}

#[tokio::test]
async fn shares_whose_value_is_out_of_range_are_refused_and_so_is_giving_both() {
    let api = Api::start().await;
    for (quantity, price) in [("1", "0.001"), ("100000000000", "1"), ("2", "1000000000")] {
        let body = format!(r#"{{"ticker": "AAPL", "loan_days": 1, "quantity": {quantity}, "price": {price}}}"#);
        assert_eq!(api.post(CALCULATE, body).await.bad_fields(), ["quantity"], "{quantity} at {price}");
    }
    let body = r#"{"ticker": "AAPL", "loan_days": 1, "quantity": 1, "price": 1, "position_value": 1}"#;
    assert_eq!(api.post(CALCULATE, body).await.bad_fields(), ["position_value"]);
}

#[tokio::test]
async fn all_bad_fields_are_named_at_once() {
    let api = Api::start().await;
    assert_eq!(api.post(CALCULATE, "{}").await.bad_fields(), ["ticker", "position_value", "loan_days"]);
    let body = r#"{"ticker": 5, "position_value": "1e3", "loan_days": null, "client_id": "<b>"}"#;
    let expected = ["ticker", "position_value", "loan_days", "client_id"];
    assert_eq!(api.post(CALCULATE, body).await.bad_fields(), expected);
    let body = r#"{"ticker": "", "quantity": 0, "price": "x", "loan_days": 0, "client_id": 1}"#;
    let expected = ["ticker", "quantity", "price", "loan_days", "client_id"];
    assert_eq!(api.post(CALCULATE, body).await.bad_fields(), expected);
}

#[tokio::test]
async fn a_field_given_twice_is_refused_not_guessed() {
    let api = Api::start().await;
    let body = r#"{"ticker": "AAPL", "ticker": "AAPL", "position_value": 1, "loan_days": 1, "loan_days": 2}"#;
    assert_eq!(api.post(CALCULATE, body).await.bad_fields(), ["ticker", "loan_days"]);
    let body = r#"{"positions": [], "positions": [{"ticker": "AAPL", "position_value": 1, "loan_days": 1}]}"#;
    assert_eq!(api.post(BATCH, body).await.bad_fields(), ["positions"]);
}

#[tokio::test]
async fn what_is_not_one_json_object_is_malformed() {
    let api = Api::start().await;
    for body in [
        "",
        " ",
        "{",
        "}",
        "{]",
        "null",
        "true",
        "5",
        "\"text\"",
        "[]",
        "[{}]",
        "{\"a\": NaN}",
        "{\"a\": Infinity}",
        "{'a': 1}",
        "{\"a\": 1,}",
        "{\"a\": 01}",
        "{\"a\": 1} {}",
        "{\"a\": \"\u{1}\"}",
        "{\"a\": \"\\ud800\"}",
        "ticker=AAPL",
        "<xml/>",
        "\u{feff}{}",
    ] {
        for path in [CALCULATE, BATCH] {
            let answer = api.post(path, body).await;
            assert_eq!(answer.problem(400, "malformed_body").get("errors"), None, "{path} {body:.80}");
        }
    }
}

#[tokio::test]
async fn deep_nesting_is_a_bad_field_like_any_other() {
    let api = Api::start().await;
    let deep = |open: &str, close: &str| format!("{}{}", open.repeat(10_000), close.repeat(10_000));
    for value in [deep("[", "]"), deep("{\"a\":", "}").replace(":}", ":1}")] {
        assert_eq!(api.post(CALCULATE, with("ticker", Some(&value))).await.bad_fields(), ["ticker"]);
        let positions = format!(r#"{{"positions": {value}}}"#);
        assert_eq!(api.post(BATCH, positions).await.bad_fields(), ["positions"]);
    }
}

#[tokio::test]
async fn only_plain_json_in_utf_8_is_taken() {
    let api = Api::start().await;
    for taken in [
        "application/json",
        "Application/JSON",
        "application/json; charset=utf-8",
        "application/json;charset=\"UTF-8\"",
    ] {
        api.call(Call::post(CALCULATE, position("AAPL")).header("content-type", taken)).await.expect(200);
    }
    for refused in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/json; charset=latin1",
        "application/jsonp",
        "json",
        "",
    ] {
        let call = Call::post(CALCULATE, position("AAPL")).header("content-type", refused);
        api.call(call).await.problem(415, "unsupported_media_type");
    }
    let call = Call::post(CALCULATE, position("AAPL"));
    api.call(call.clone().without_header("content-type")).await.problem(415, "unsupported_media_type");
    api.call(call.header("content-encoding", "gzip")).await.problem(415, "unsupported_media_type");
}

#[tokio::test]
async fn bodies_are_taken_up_to_their_limit_and_not_a_byte_more() {
    let api = Api::start().await;
    let padded = |body: String, length: usize| format!("{body}{}", " ".repeat(length - body.len()));
    for (path, body, limit) in [(CALCULATE, position("AAPL"), 64 * 1024), (BATCH, batch(["AAPL"]), 1024 * 1024)] {
        api.post(path, padded(body.clone(), limit)).await.expect(200);
        api.post(path, padded(body, limit + 1)).await.problem(413, "body_too_large");
    }
}

#[tokio::test]
async fn without_market_data_a_ticker_is_not_called_unknown() {
    let api = Api::without_market().await;
    api.quote("AAPL").await.problem(503, "unavailable");
}
