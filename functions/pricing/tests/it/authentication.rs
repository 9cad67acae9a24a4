//! Who gets in, and what the others are told: nothing, unless they hold the secret.

use engine_core::access::ApiKey;
use jiff::SignedDuration;

use crate::fixture::{Answer, Api, BATCH, CALCULATE, Call, ENVIRONMENT, RATES, batch, new_key, position};

const ID: [u8; 9] = [7; 9];

fn key(environment: &str, id: [u8; 9], secret: u8) -> ApiKey {
    ApiKey::generate(environment, id, &[secret; 32]).unwrap()
}

async fn quote_with(api: &Api, key: &str) -> Answer {
    api.send(&Call::post(CALCULATE, position("AAPL")).key(key)).await
}

/// The key with its last character changed.
fn mistyped(key: &str) -> String {
    let (rest, last) = key.split_at(key.len() - 1);
    format!("{rest}{}", if last == "0" { "1" } else { "0" })
}

#[tokio::test]
async fn whatever_is_wrong_with_a_key_the_answer_is_one_and_the_same() {
    let api = Api::start().await;
    let held = key(ENVIRONMENT, ID, 1);
    api.plant(&api.key, &held).await;
    quote_with(&api, held.expose()).await.expect(200);
    let expected = api.send(&Call::post(CALCULATE, position("AAPL"))).await;
    expected.problem(401, "not_authenticated");
    let wrong_secret = key(ENVIRONMENT, ID, 2);
    let other_environment = key("prod", ID, 1);
    let unknown = key(ENVIRONMENT, [9; 9], 1);
    let long = "x".repeat(5000);
    for (number, presented) in [
        "",
        " ",
        "x",
        "bre_test_",
        "null",
        "' OR 1=1 --",
        "REPLACE_WITH_API_KEY",
        long.as_str(),
        &mistyped(held.expose()),
        &format!("{} ", held.expose()),
        &held.expose().to_uppercase(),
        &format!("{},{}", held.expose(), held.expose()),
        wrong_secret.expose(),
        other_environment.expose(),
        unknown.expose(),
    ]
    .into_iter()
    .enumerate()
    {
        for process in [&api.pricing, &api.process()] {
            let call = Call::post(CALCULATE, position("AAPL")).key(presented).from(&format!("192.0.2.{number}"));
            let answer = api.send_to(process, &call).await;
            assert_eq!((answer.status, answer.alike()), (401, expected.alike()), "{presented:.80}");
            let names = |answer: &Answer| answer.headers.iter().map(|(name, _)| name.clone()).collect::<Vec<_>>();
            assert_eq!(names(&answer), names(&expected));
        }
    }
    let elsewhere = "198.51.100.1";
    for header in ["Authorization", "X-Api-Token", "Cookie"] {
        let answer = api.send(&Call::get(RATES).header(header, held.expose()).from(elsewhere)).await;
        assert_eq!(answer.alike(), expected.alike(), "{header} is no place for a key");
    }
    let in_query = api.send(&Call::get(RATES).query("api_key", held.expose()).from(elsewhere)).await;
    assert_eq!(in_query.alike(), expected.alike());
}

#[tokio::test]
async fn a_caller_without_a_key_learns_nothing_of_the_request_s_other_faults() {
    let api = Api::start().await;
    let expected = api.send(&Call::get(RATES)).await.alike();
    for (number, call) in [
        Call::post(CALCULATE, "{"),
        Call::post(CALCULATE, "x".repeat(70_000)),
        Call::post(CALCULATE, position("AAPL")).header("content-type", "text/plain"),
        Call::post(BATCH, batch([])),
        Call::get("/api/v1/rates/NOSUCH"),
        Call::get("/api/v1/rates/A..B"),
        Call::get(RATES).query("limit", "x"),
    ]
    .into_iter()
    .enumerate()
    {
        let answer = api.send(&call.clone().from(&format!("192.0.2.{number}"))).await;
        assert_eq!((answer.status, answer.alike()), (401, expected.clone()), "{call:?}");
    }
}

#[tokio::test]
async fn malformed_and_mistyped_keys_cost_no_look_up_and_a_wrong_secret_only_the_first() {
    let api = Api::start().await;
    let held = key(ENVIRONMENT, ID, 1);
    api.plant(&api.key, &held).await;
    quote_with(&api, held.expose()).await.expect(200);
    api.wire().reset();
    let guess = |presented: &str, address: &str| Call::get(RATES).key(presented).from(address);
    for presented in ["", "x", &mistyped(held.expose()), key("prod", ID, 1).expose()] {
        api.send(&guess(presented, "192.0.2.1")).await.problem(401, "not_authenticated");
    }
    for secret in 2..20 {
        let presented = key(ENVIRONMENT, ID, secret);
        let answer = api.send(&guess(presented.expose(), &format!("192.0.2.{secret}"))).await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
    }
    assert_eq!(api.wire().sent().get("UpdateItem"), Some(&1), "the refusals, counted together: the hash was known");
    api.wire().reset();
    let cold = api.process();
    for secret in 2..20 {
        let presented = key(ENVIRONMENT, ID, secret);
        let answer = api.send_to(&cold, &guess(presented.expose(), &format!("192.0.2.{secret}"))).await;
        assert!(matches!(answer.status, 401 | 429), "{answer:?}");
    }
    assert_eq!(api.wire().sent().get("UpdateItem"), Some(&2), "and the first one, whose refusal told the hash");
    quote_with(&api, held.expose()).await.expect(200);
}

#[tokio::test]
async fn a_revoked_key_is_refused_on_the_next_request_of_every_warm_process() {
    let api = Api::start().await;
    let held = key(ENVIRONMENT, ID, 1);
    api.plant(&api.key, &held).await;
    let second = api.process();
    let call = Call::post(CALCULATE, position("AAPL")).key(&api.key);
    api.send(&call).await.expect(200);
    api.send_to(&second, &call).await.expect(200);
    api.revoke(&api.key).await;
    api.send(&call).await.problem(401, "key_revoked");
    api.send_to(&second, &call).await.problem(401, "key_revoked");
    api.send_to(&api.process(), &call).await.problem(401, "key_revoked");
    quote_with(&api, held.expose()).await.expect(200);
}

#[tokio::test]
async fn only_the_holder_hears_that_a_key_ended() {
    let api = Api::start().await;
    let nobody = api.send(&Call::get(RATES)).await.alike();
    let revoked = api.issue(new_key()).await;
    api.revoke(&revoked).await;
    // A revoked record under an id to which two secrets exist.
    let (right, wrong) = (key(ENVIRONMENT, ID, 1), key(ENVIRONMENT, ID, 2));
    api.plant(&revoked, &right).await;
    for process in [&api.pricing, &api.process()] {
        let refused = api.send_to(process, &Call::get(RATES).key(wrong.expose())).await;
        assert_eq!(refused.alike(), nobody);
        api.send_to(process, &Call::get(RATES).key(right.expose())).await.problem(401, "key_revoked");
    }
    let expiring = key(ENVIRONMENT, [8; 9], 1);
    api.plant(&api.key, &expiring).await;
    api.clock.advance(SignedDuration::from_hours(90 * 24) - SignedDuration::from_millis(1));
    quote_with(&api, expiring.expose()).await.expect(200);
    api.clock.advance(SignedDuration::from_millis(1));
    quote_with(&api, expiring.expose()).await.problem(401, "key_expired");
    let refused = quote_with(&api, key(ENVIRONMENT, [8; 9], 2).expose()).await;
    assert_eq!(refused.alike(), nobody);
}

#[tokio::test]
async fn a_key_does_only_what_it_permits() {
    let api = Api::start().await;
    let mut new = new_key();
    new.permissions = Some(vec!["rates:view".into()]);
    let viewer = api.issue(new.clone()).await;
    new.permissions = Some(vec!["fees:calculate".into()]);
    let calculator = api.issue(new).await;
    let calculating = [
        Call::post(CALCULATE, position("AAPL")),
        Call::get(CALCULATE).query("ticker", "AAPL").query("position_value", "1").query("loan_days", "1"),
        Call::post(BATCH, batch(["AAPL"])),
    ];
    let viewing = [Call::get(RATES), Call::get("/api/v1/rates/GME"), Call::get("/api/v1/rates/GME/calculate")];
    for (calls, may, may_not) in [(&calculating, &calculator, &viewer), (&viewing, &viewer, &calculator)] {
        for call in calls {
            api.send(&call.clone().key(may)).await.expect(200);
            api.send(&call.clone().key(may_not)).await.problem(403, "not_permitted");
        }
    }
    // Not being permitted comes before what is wrong with the request.
    api.send(&Call::post(CALCULATE, "{").key(&viewer)).await.problem(403, "not_permitted");
    api.send(&Call::get("/api/v1/rates/NOSUCH").key(&calculator)).await.problem(403, "not_permitted");
}

#[tokio::test]
async fn a_store_that_does_not_answer_lets_nobody_in() {
    let api = Api::start().await;
    api.quote("AAPL").await.expect(200);
    api.wire().fail("UpdateItem", 1000);
    let answer = api.quote("AAPL").await;
    answer.problem(503, "unavailable");
    assert!(!answer.text.contains("dynamodb"), "what failed is for the log only");
    api.wire().fail("UpdateItem", 0);
    api.quote("AAPL").await.expect(200);
    assert_eq!(api.entries().await.len(), 2);
}
