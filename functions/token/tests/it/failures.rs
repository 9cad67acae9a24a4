//! What failing costs: nothing to who then shows the right secret, and never the account.

use engine_core::audit::ActorType;
use engine_test_support::keys::actor_key;
use jiff::SignedDuration;
use serde_json::json;

use crate::fixture::{ACCOUNT, ADDRESS, Call, Logged, Rig, new_secret};

fn wrong() -> Call {
    Call::basic(ACCOUNT, &new_secret("test"))
}

#[tokio::test]
async fn after_five_failures_of_an_address_the_sixth_is_told_to_wait_and_reported_once() {
    let rig = Rig::start().await;
    let logged = Logged::listen();
    for _ in 0..5 {
        rig.call(&Call::basic("svc-no-body", &new_secret("test"))).await.error(401, "invalid_client");
    }
    assert_eq!(logged.security_events("repeated_failures"), 0);
    for _ in 0..5 {
        let answer = rig.call(&Call::basic("svc-no-body", &new_secret("test"))).await;
        answer.error(429, "temporarily_unavailable");
        assert_eq!(answer.header("retry-after"), Some("300"));
    }
    assert_eq!(logged.security_events("repeated_failures"), 1);
    rig.clock.advance(SignedDuration::from_secs(301));
    rig.call(&wrong()).await.error(401, "invalid_client");
}

#[tokio::test]
async fn the_right_secret_works_from_an_address_that_others_fail_from() {
    let rig = Rig::start().await;
    for _ in 0..8 {
        rig.call(&wrong()).await;
    }
    rig.call(&Call::basic(ACCOUNT, &rig.secret).from(ADDRESS)).await.token();
}

#[tokio::test]
async fn guesses_at_one_account_from_many_addresses_are_counted_together_and_cost_it_no_write() {
    let rig = Rig::start().await;
    let logged = Logged::listen();
    for guess in 0..8 {
        let answer = rig.call(&wrong().from(&format!("198.51.100.{guess}"))).await;
        let (status, error) = if guess < 5 { (401, "invalid_client") } else { (429, "temporarily_unavailable") };
        answer.error(status, error);
    }
    assert_eq!(logged.security_events("repeated_failures"), 1);
    let actor = actor_key().actor_ref(ActorType::ServiceAccount, ACCOUNT);
    assert!(
        logged
            .lines()
            .iter()
            .any(|line| { line["details"]["reason"] == "repeated_failures" && line["actor"]["ref"] == actor.as_str() })
    );
    assert_eq!(rig.last_used_at().await, None);
    rig.call(&Call::basic(ACCOUNT, &rig.secret)).await.token();
}

#[tokio::test]
async fn guesses_at_a_name_tell_nobody_whether_there_is_such_an_account() {
    let mut seen = Vec::new();
    for name in [ACCOUNT, "svc-no-body"] {
        let rig = Rig::start().await;
        let logged = Logged::listen();
        rig.dynamo.wire().reset();
        let mut answers = Vec::new();
        for guess in 0..8 {
            let secret = if guess == 0 { "no secret at all".into() } else { new_secret("test") };
            let answer =
                rig.call(&Call::basic(name, &secret.replace(' ', "+")).from(&format!("198.51.100.{guess}"))).await;
            answers.push((answer.status(), answer.json().to_string()));
        }
        assert_eq!(answers.iter().filter(|(status, _)| *status == 429).count(), 3, "{name}: {answers:?}");
        let events: Vec<_> =
            logged.lines().into_iter().filter(|line| line["details"]["reason"] == "repeated_failures").collect();
        assert_eq!(events.len(), 1);
        assert_eq!(events[0]["actor"]["ref"].is_string(), name == ACCOUNT, "nobody is named who is not there");
        seen.push((answers, rig.dynamo.wire().sent()));
    }
    assert_eq!(seen[0], seen[1]);
}

#[tokio::test]
async fn refusals_of_nobody_known_become_one_entry_for_their_window() {
    let rig = Rig::start().await;
    for _ in 0..30 {
        rig.call(&wrong()).await;
    }
    assert!(rig.entries().await.is_empty());
    rig.clock.advance(SignedDuration::from_mins(10));
    rig.call(&wrong()).await.error(401, "invalid_client");
    let entries = rig.entries().await;
    let [(header, body)] = entries.as_slice() else { panic!("one entry: {entries:?}") };
    assert_eq!((&header["event"], &header["function"]), (&json!("authentication.refuse"), &json!("token")));
    assert_eq!(body["actor"]["type"], "anonymous");
}

#[tokio::test]
async fn a_request_that_is_only_malformed_is_no_failure_to_authenticate() {
    let rig = Rig::start().await;
    for _ in 0..8 {
        rig.call(&Call::form("a=1&a=2")).await.error(400, "invalid_request");
    }
    rig.call(&wrong()).await.error(401, "invalid_client");
}

#[tokio::test]
async fn a_failure_that_cannot_be_counted_is_refused_all_the_same() {
    let rig = Rig::start().await;
    rig.dynamo.wire().fail("UpdateItem", 1000);
    rig.dynamo.wire().fail("PutItem", 1000);
    rig.call(&wrong()).await.error(401, "invalid_client");
}
