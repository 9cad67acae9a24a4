//! The audit entry of a call: complete, exact, and enough to compute the quote again.

use engine_core::audit::Entry;
use engine_core::quote::{QuoteId, ReplayError, replay};
use engine_test_support::keys::{actor_key, reference_key};
use serde_json::{Value, json};

use crate::fixture::{Api, BATCH, CALCULATE, CLIENT, Call, Stored, batch, market, new_key, position, replayed};

fn text<'a>(value: &'a Value, name: &str) -> &'a str {
    value[name].as_str().unwrap_or_else(|| panic!("{name} of {value}"))
}

#[tokio::test]
async fn the_header_names_nobody_and_the_body_everything() {
    let api = Api::start().await;
    let answer = api.call(Call::post(CALCULATE, position("aapl")).header("X-Correlation-ID", "order-42")).await;
    let quote = answer.expect(200);
    let stored = api.entry(text(&quote, "quote_id")).await;
    let header = &stored.header;
    assert_eq!(header["id"], quote["quote_id"]);
    assert_eq!((&header["event"], &header["outcome"]), (&json!("quote.create"), &json!("success")));
    assert_eq!((&header["time"], &header["function"]), (&json!("2026-01-15T22:00:00.000Z"), &json!("pricing")));
    assert_eq!(header["request_id"], answer.header("x-request-id").unwrap());
    let actor = actor_key().actor_ref(engine_core::audit::ActorType::Client, CLIENT);
    assert_eq!(header["actor_ref"], actor.as_str());
    assert_eq!(header["client_ref"], reference_key().commitment("client", CLIENT).reference().as_str());
    assert_eq!(header["subject_ref"], reference_key().commitment("ticker", "AAPL").reference().as_str());
    assert_eq!(header.as_object().unwrap().len(), 11);
    for secret in [CLIENT, "AAPL", "192.0.2.10", "order-42", "100000"] {
        assert!(!stored.entry.header().contains(secret), "{secret}");
    }
    let body = &stored.body;
    assert_eq!(body["actor"], json!({ "type": "client", "id": CLIENT, "roles": ["client"] }));
    assert_eq!((&body["source_address"], &body["resource"]), (&json!("192.0.2.10"), &json!(CALCULATE)));
    assert!(body["salt"].is_string());
    let details = &body["details"];
    assert_eq!((&details["key_seq"], &details["method"]), (&json!(1), &json!("POST")));
    assert_eq!(details["correlation_id"], "order-42");
    assert!(api.key.contains(text(details, "key_id")));
    assert!(!stored.entry.body().contains(&api.key), "never the key itself");
}

#[tokio::test]
async fn the_body_holds_every_input_by_value_and_every_figure() {
    let api = Api::start().await;
    let quote = api.quote("GME").await.expect(200);
    let stored = api.entry(text(&quote, "quote_id")).await;
    let record = &stored.body["details"]["quote"];
    let position = &record["positions"][0];
    for input in [
        "ticker",
        "currency",
        "borrow_status",
        "position_value",
        "loan_days",
        "base_rate",
        "volatility_index",
        "event_risk_factor",
        "minimum_rate",
    ] {
        assert_eq!(position[input], quote[input], "{input}");
    }
    assert_eq!(record["data_sources"][0], quote["data_sources"]);
    let common = &record["common"];
    assert_eq!(common["valid_until"], quote["valid_until"]);
    assert_eq!(common["terms"]["version"], quote["terms_version"]);
    assert_eq!(common["terms"]["markup_percentage"], quote["markup_percentage"]);
    assert_eq!(common["coefficients"]["volatility_per_point"], "0.01");
    let price = &position["price"];
    assert_eq!((&price["total_fee"], &price["borrow_rate_used"]), (&quote["total_fee"], &quote["borrow_rate_used"]));
    let lines = &quote["breakdown"];
    for line in ["borrow_cost", "markup", "transaction_fees"] {
        assert_eq!(price[line], lines[line]);
    }
}

#[tokio::test]
async fn a_quote_is_computed_again_from_its_entry_alone() {
    let api = Api::start().await;
    for ticker in market::TICKERS {
        let quote = api.quote(ticker).await.expect(200);
        let id = text(&quote, "quote_id");
        let replay = replayed(&api.entry(id).await, id);
        assert!(replay.matches(), "{ticker}");
        assert_eq!(replay.recomputed.total_fee.to_string(), text(&quote, "total_fee"));
        assert_eq!(replay.recomputed.borrow_rate_used.to_string(), text(&quote, "borrow_rate_used"));
    }
}

#[tokio::test]
async fn so_is_each_position_of_a_batch() {
    let api = Api::start().await;
    let tickers = [market::TICKERS.as_slice(), &["NOSUCH"]].concat();
    let answer = api.post(BATCH, batch(tickers.iter().copied())).await.expect(200);
    let stored = api.entry(text(&answer, "batch_id")).await;
    assert_eq!(stored.header["event"], "quote.batch.create");
    assert_eq!(stored.header.get("subject_ref"), None, "a batch has no one ticker");
    for position in answer["positions"].as_array().unwrap() {
        let id = text(position, "quote_id");
        if position.get("code").is_some() {
            let id = QuoteId::parse(id).unwrap();
            assert_eq!(replay(&stored.entry, id), Err(ReplayError::NoSuchPosition(id)));
            continue;
        }
        let replay = replayed(&stored, id);
        assert!(replay.matches(), "{id}");
        assert_eq!(replay.recomputed.total_fee.to_string(), text(position, "total_fee"));
    }
    let whole = QuoteId::parse(text(&answer, "batch_id")).unwrap();
    assert!(matches!(replay(&stored.entry, whole), Err(ReplayError::NotAQuote(_))), "a batch is not one quote");
    let beyond = QuoteId::parse(&format!("{}-99", text(&answer, "batch_id"))).unwrap();
    assert_eq!(replay(&stored.entry, beyond), Err(ReplayError::NoSuchPosition(beyond)));
}

#[tokio::test]
async fn a_body_that_was_changed_is_caught_by_its_digest_and_a_header_changed_with_it_by_the_replay() {
    let api = Api::start().await;
    let quote = api.quote("AAPL").await.expect(200);
    let id = QuoteId::parse(text(&quote, "quote_id")).unwrap();
    let Stored { entry, header, .. } = api.entry(text(&quote, "quote_id")).await;
    for (from, to) in [("\"51.9691\"", "\"51.9690\""), ("\"100000\"", "\"200000\""), ("\"0.0025\"", "\"0.0026\"")] {
        let body = entry.body().replace(from, to);
        assert_ne!(body, entry.body(), "{from} is there to be changed");
        assert_eq!(Entry::from_stored(entry.id(), entry.header().into(), body.clone()), None);
        let digest = engine_core::hex::sha256(body.as_bytes());
        let forged = entry.header().replace(text(&header, "body_sha256"), &digest);
        let forged = Entry::from_stored(entry.id(), forged, body).expect("it fits again");
        assert!(!replay(&forged, id).unwrap().matches(), "{from}");
    }
}

#[tokio::test]
async fn refusals_are_recorded_with_what_only_the_record_says() {
    let api = Api::start().await;
    let mut new = new_key();
    new.tickers = Some(vec!["GME".into()]);
    let key = api.issue(new).await;
    let post = |body: String| api.call(Call::post(CALCULATE, body).key(&key));
    post(position("AAPL")).await.problem(404, "ticker_not_found");
    post(position("NOSUCH")).await.problem(404, "ticker_not_found");
    post(position("A/B")).await.problem(400, "invalid_request");
    post("{".into()).await.problem(400, "malformed_body");
    let mut refusals = Vec::new();
    for stored in api.entries().await {
        assert_eq!(stored.header["outcome"], "refused");
        assert_eq!(stored.body["actor"]["id"], CLIENT);
        let refusal = stored.body["details"]["refusal"].clone();
        // A withheld stock can be selected by its commitment; what does not exist has none.
        assert_eq!(stored.header.get("subject_ref").is_some(), refusal["withheld"] == true);
        refusals.push(refusal);
    }
    assert_eq!(refusals[0]["request"]["ticker"], "AAPL");
    assert_eq!(refusals[0]["withheld"], true);
    assert_eq!(refusals[1]["request"]["ticker"], "NOSUCH");
    assert_eq!(refusals[1]["withheld"], false);
    assert_eq!(refusals[2]["errors"][0]["field"], "ticker");
    assert_eq!(refusals[3]["code"], "malformed_body");
}

#[tokio::test]
async fn the_record_of_a_foreign_client_id_names_it() {
    let api = Api::start().await;
    let body = r#"{"ticker": "AAPL", "position_value": 7, "loan_days": 1, "client_id": "somebody-else"}"#;
    api.post(CALCULATE, body).await.problem(403, "client_mismatch");
    let refusal = api.entries().await[0].body["details"]["refusal"].clone();
    let asked = json!({ "ticker": "AAPL", "position_value": "7", "loan_days": 1, "client_id": "somebody-else" });
    assert_eq!(refusal["request"], asked);
}

#[tokio::test]
async fn a_batch_records_which_tickers_were_withheld() {
    let api = Api::start().await;
    let mut new = new_key();
    new.tickers = Some(vec!["GME".into()]);
    let key = api.issue(new).await;
    let answer = api.call(Call::post(BATCH, batch(["AAPL", "GME", "NOSUCH"])).key(&key)).await.expect(200);
    let stored = api.entry(text(&answer, "batch_id")).await;
    let positions = &stored.body["details"]["quote"]["positions"];
    assert_eq!(positions[0], json!({ "ticker": "AAPL", "withheld": true }));
    assert_eq!(positions[2], json!({ "ticker": "NOSUCH", "withheld": false }));
}

#[tokio::test]
async fn a_key_s_count_has_no_gaps_over_a_mixed_run_and_the_unauthenticated_leave_nothing() {
    let api = Api::start().await;
    let mut new = new_key();
    new.permissions = Some(vec!["fees:calculate".into()]);
    new.rate_limit = 60;
    let key = api.issue(new).await;
    let post = |body: String| Call::post(CALCULATE, body).key(&key);
    let other = r#"{"ticker":"AAPL","position_value":1,"loan_days":1,"client_id":"somebody-else"}"#;
    let owing = [
        (post(position("AAPL")), 200),
        (post(position("NOSUCH")), 404),
        (post("[]".into()), 400),
        (post(position("AAPL")).header("content-type", "text/plain"), 415),
        (post("x".repeat(65 * 1024)), 413),
        (post(other.into()), 403),
        (Call::post(BATCH, batch(["AAPL", "GME"])).key(&key), 200),
        (Call::post(BATCH, "{}").key(&key), 400),
        (Call::get(CALCULATE).key(&key), 400),
    ];
    let owing_nothing = [
        (Call::get("/api/v1/rates/AAPL").key(&key), 403),
        (post(position("AAPL")).without_header("x-api-key"), 401),
        (post(position("AAPL")).key("bre_test_nonsense"), 401),
        (Call::new("DELETE", CALCULATE).key(&key), 405),
        (Call::get("/api/v1/nothing").key(&key), 404),
        (Call::get("/api/v1/health").key(&key), 200),
    ];
    for address in ["192.0.2.1", "192.0.2.2", "192.0.2.3"] {
        for (call, status) in owing.iter().chain(&owing_nothing) {
            api.send(&call.clone().from(address)).await.expect(*status);
        }
    }
    let full = post(position("AAPL"));
    while api.send(&full).await.status == 200 {}
    api.send(&full).await.problem(429, "rate_limited");
    let entries = api.entries().await;
    let counts: Vec<_> = entries.iter().map(Stored::key_seq).collect();
    // 60 tokens, of which 3 went to rates.
    assert_eq!(counts, (1..=57).collect::<Vec<_>>());
    let refused = entries.iter().filter(|stored| stored.header["outcome"] == "refused").count();
    assert_eq!(refused, 3 * 7);
}
