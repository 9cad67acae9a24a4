//! Failing costs who fails, and nobody else: neither the holder of a good key, nor the record, nor the owner of a key that is
//! guessed at.

use engine_aws::audit_log::AuditLog;
use engine_aws::guard::{Guard, nobody};
use engine_core::access::ApiKey;
use engine_test_support::dynamo::tables;
use engine_test_support::keys::actor_key;
use engine_test_support::wire::Wire;
use jiff::SignedDuration;
use serde_json::Value;

use crate::fixture::{Answer, Api, CALCULATE, Call, ENVIRONMENT, RATES, new_key, position};

/// Failures that are answered as such.
const LIMIT: usize = 5;

async fn fail_from(api: &Api, address: &str) -> Answer {
    api.send(&Call::get(RATES).from(address)).await
}

/// The refusals' entries, after closing every window that is over.
async fn refusals(api: &Api) -> Vec<Value> {
    let client = api.dynamo.client_on(&Wire::default());
    let author = nobody(&actor_key(), "issuer-keys", "request");
    let audit = AuditLog::new(client.clone(), tables::AUDIT);
    Guard::new(client.clone(), tables::GUARD).close_refusals(&audit, &author, api.now()).await.unwrap();
    let items = client.scan().table_name(tables::AUDIT).send().await.unwrap();
    let bodies = items.items().iter().filter(|item| item["header"].as_s().unwrap().contains("authentication.refuse"));
    bodies.map(|item| serde_json::from_str(item["body"].as_s().unwrap()).unwrap()).collect()
}

#[tokio::test]
async fn after_five_failures_an_address_is_told_to_wait_and_a_good_key_is_taken_all_the_same() {
    let api = Api::start().await;
    api.quote("AAPL").await.expect(200);
    let attacker = "192.0.2.66";
    for _ in 0..LIMIT {
        fail_from(&api, attacker).await.problem(401, "not_authenticated");
    }
    for process in [&api.pricing, &api.process()] {
        let answer = api.send_to(process, &Call::get(RATES).from(attacker)).await;
        answer.problem(429, "too_many_failures");
        assert_eq!(answer.header("retry-after"), Some("300"));
    }
    fail_from(&api, "192.0.2.67").await.problem(401, "not_authenticated");
    api.wire().reset();
    let good = Call::post(CALCULATE, position("AAPL")).key(&api.key).from(attacker);
    api.send(&good).await.expect(200);
    let sent: Vec<_> = api.wire().sent().into_iter().collect();
    assert_eq!(sent, [("PutItem".to_owned(), 1), ("UpdateItem".to_owned(), 1)], "success is never looked at first");
    api.clock.advance(SignedDuration::from_secs(300));
    fail_from(&api, attacker).await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_hundred_thousand_refusals_are_few_writes_and_one_entry_a_window() {
    let api = Api::start().await;
    let requests: u64 = 100_000;
    api.wire().reset();
    for _ in 0..requests {
        let status = api.pricing.handle(Call::get(RATES).request()).await.status();
        assert!(status == 401 || status == 429);
    }
    let sent = api.wire().sent();
    assert!(sent["PutItem"] <= LIMIT + 1 && sent["GetItem"] <= LIMIT + 1, "counted as far as it matters: {sent:?}");
    assert!(sent["UpdateItem"] <= 1 + 100_000 / 100, "and added up by the hundred: {sent:?}");
    assert_eq!(sent.len(), 3, "{sent:?}");
    assert!(refusals(&api).await.is_empty(), "the window is open");
    api.clock.advance(SignedDuration::from_mins(6));
    fail_from(&api, "192.0.2.7").await;
    let entries = refusals(&api).await;
    assert_eq!(entries.len(), 1);
    let count = entries[0]["details"]["count"].as_u64().unwrap();
    assert!((requests - 99..=requests).contains(&count), "{count}");
    assert_eq!(entries[0]["details"]["addresses"], serde_json::json!(["192.0.2.10"]));
    assert_eq!(refusals(&api).await.len(), 1, "once");
}

#[tokio::test]
async fn guessing_at_a_known_key_id_writes_nothing_to_its_owner_s_item_and_slows_the_guesser_only() {
    let api = Api::start().await;
    let held = ApiKey::generate(ENVIRONMENT, [7; 9], &[1; 32]).unwrap();
    api.plant(&api.key, &held).await;
    let owner = Call::post(CALCULATE, position("AAPL")).key(held.expose());
    api.send(&owner).await.expect(200);
    let item = |api: &Api| {
        let client = api.dynamo.client_on(&Wire::default());
        let key = aws_sdk_dynamodb::types::AttributeValue::S(held.id().to_string());
        async move { client.get_item().table_name(tables::KEYS).key("pk", key).send().await.unwrap().item.unwrap() }
    };
    let before = item(&api).await;
    api.wire().reset();
    let mut told = Vec::new();
    for secret in 2..=51 {
        let guess = ApiKey::generate(ENVIRONMENT, [7; 9], &[secret; 32]).unwrap();
        // Each guess from another address.
        told.push(api.send(&Call::get(RATES).key(guess.expose()).from(&format!("192.0.2.{secret}"))).await.status);
    }
    assert_eq!(item(&api).await, before, "not even its last use");
    assert_eq!(api.wire().sent()["UpdateItem"], 1, "of the refusals' own count");
    assert!(told[..LIMIT].iter().all(|status| *status == 401) && told[LIMIT..].iter().all(|status| *status == 429));
    api.send(&owner).await.expect(200);
}

#[tokio::test]
async fn what_a_caller_may_not_do_is_counted_in_its_name_and_stays_403() {
    let api = Api::start().await;
    let mut new = new_key();
    new.permissions = Some(vec!["rates:view".into()]);
    let viewer = api.issue(new).await;
    for _ in 0..3 * LIMIT {
        api.send(&Call::post(CALCULATE, position("AAPL")).key(&viewer)).await.problem(403, "not_permitted");
    }
    api.send(&Call::get(RATES).key(&viewer)).await.expect(200);
    fail_from(&api, "192.0.2.10").await.problem(401, "not_authenticated");
}

#[tokio::test]
async fn a_refusal_stands_whether_it_can_be_counted_or_not() {
    let api = Api::start().await;
    for action in ["GetItem", "PutItem", "UpdateItem"] {
        api.wire().fail(action, 1000);
    }
    for _ in 0..2 * LIMIT {
        fail_from(&api, "192.0.2.66").await.problem(401, "not_authenticated");
    }
}
