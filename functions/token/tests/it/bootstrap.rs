//! The bootstrap administrator: a token for a code, as long as nobody else administers.

use engine_core::access::token::{BOOTSTRAP_ISSUER, OUR_ISSUER, TokenError};
use engine_core::access::totp::step_at;
use jiff::SignedDuration;
use serde_json::{Value, json};
use token::EventError;

use crate::fixture::{INVOCATION, Logged, Rig};

fn code(answer: &Value) -> &str {
    assert!(answer.get("access_token").is_none(), "{answer}");
    assert!(answer["problem"]["detail"].is_string(), "{answer}");
    answer["problem"]["code"].as_str().unwrap()
}

#[tokio::test]
async fn a_right_code_is_worth_an_administrator_s_token_of_15_minutes() {
    let rig = Rig::start().await;
    let answer = rig.bootstrap(&rig.code(0)).await;
    let token = answer["access_token"].as_str().unwrap();
    let claims = rig.verify(token, BOOTSTRAP_ISSUER).await.unwrap();
    assert_eq!((claims.subject.as_str(), claims.scopes.len()), ("bootstrap", 0));
    assert_eq!(claims.roles.into_iter().collect::<Vec<_>>(), ["admin"]);
    assert_eq!(claims.expires_at.duration_since(claims.issued_at), SignedDuration::from_mins(15));
    assert_eq!((&answer["token_type"], &answer["expires_in"]), (&json!("Bearer"), &json!(900)));
    assert_eq!(rig.verify(token, OUR_ISSUER).await, Err(TokenError::Issuer), "no service account's");
}

#[tokio::test]
async fn one_other_administrator_does_not_close_the_path() {
    let rig = Rig::start().await;
    rig.administrators(1).await;
    assert!(rig.bootstrap(&rig.code(0)).await["access_token"].is_string());
}

#[tokio::test]
async fn the_second_administrator_closes_the_path_for_good_and_whoever_tries_it_is_seen() {
    let rig = Rig::start().await;
    rig.administrators(2).await;
    let logged = Logged::listen();
    assert_eq!(code(&rig.bootstrap(&rig.code(0)).await), "bootstrap_closed");
    assert_eq!(logged.security_events("bootstrap_closed"), 1);
    assert_eq!(rig.kms.control().count("Sign"), 0);
    assert_eq!(rig.secrets.control().count("GetSecretValue"), 0, "the code is not even judged");
}

#[tokio::test]
async fn a_wrong_code_is_refused_and_so_are_those_of_two_steps_away() {
    let rig = Rig::start().await;
    for wrong in [rig.wrong_code(), rig.code(-2), rig.code(2)] {
        assert_eq!(code(&rig.bootstrap(&wrong).await), "step_up_failed");
    }
    assert!(rig.bootstrap(&rig.code(-1)).await["access_token"].is_string());
}

#[tokio::test]
async fn a_code_works_once_here_and_nowhere_else_again() {
    let rig = Rig::start().await;
    let used = rig.code(0);
    assert!(rig.bootstrap(&used).await["access_token"].is_string());
    assert_eq!(code(&rig.bootstrap(&used).await), "step_up_failed");
    let other = rig.process().invoke(json!({ "bootstrap": { "totp": used } }), INVOCATION).await.unwrap();
    assert_eq!(code(&other), "step_up_failed", "nor in another process");
    let (guard, now) = (rig.guard(), rig.now());
    let counted = guard.count_attempt("bootstrap", now).await.unwrap().unwrap();
    let accepted = guard.accept_attempt("bootstrap", counted.attempt, step_at(now), now).await.unwrap();
    assert!(accepted.is_err(), "nor for step-up on an administrator's route");
    assert_eq!(code(&rig.bootstrap(&rig.code(-1)).await), "step_up_failed", "nor the code before it");
    rig.next_step();
    assert!(rig.bootstrap(&rig.code(0)).await["access_token"].is_string());
}

#[tokio::test]
async fn five_wrong_codes_lock_for_15_minutes_and_then_no_longer() {
    let rig = Rig::start().await;
    let logged = Logged::listen();
    for _ in 0..5 {
        assert_eq!(code(&rig.bootstrap(&rig.wrong_code()).await), "step_up_failed");
    }
    assert_eq!(logged.security_events("step_up_locked"), 1);
    let locked = rig.bootstrap(&rig.code(0)).await;
    assert_eq!((code(&locked), &locked["problem"]["retry_after_seconds"]), ("step_up_locked", &json!(900)));
    rig.clock.advance(SignedDuration::from_secs(899));
    assert_eq!(code(&rig.bootstrap(&rig.code(0)).await), "step_up_locked");
    rig.clock.advance(SignedDuration::from_secs(1));
    assert!(rig.bootstrap(&rig.code(0)).await["access_token"].is_string());
}

#[tokio::test]
async fn a_code_that_is_none_is_refused_without_being_counted() {
    let rig = Rig::start().await;
    for text in ["", "12345", "1234567", "abcdef", "12-456"] {
        assert_eq!(code(&rig.bootstrap(text).await), "invalid_request", "{text}");
    }
    for _ in 0..10 {
        rig.bootstrap("none").await;
    }
    assert!(rig.bootstrap(&rig.code(0)).await["access_token"].is_string());
}

#[tokio::test]
async fn an_event_of_another_shape_is_not_answered_and_not_quoted() {
    let rig = Rig::start().await;
    for event in [
        json!({}),
        json!(null),
        json!("bootstrap"),
        json!({ "bootstrap": {} }),
        json!({ "bootstrap": { "totp": 123_456 } }),
        json!({ "bootstrap": { "totp": "123456", "roles": ["admin"] } }),
        json!({ "bootstrap": { "totp": "123456" }, "httpMethod": "POST" }),
        json!({ "boot": { "totp": "123456" } }),
    ] {
        let refused = rig.function.invoke(event.clone(), INVOCATION).await;
        assert_eq!(refused, Err(EventError::Unknown), "{event}");
    }
    assert!(!EventError::Unknown.to_string().contains("123456"));
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_gives_no_token() {
    let rig = Rig::start().await;
    rig.secrets.control().deny("GetSecretValue");
    assert_eq!(code(&rig.bootstrap(&rig.code(0)).await), "unavailable");
    assert!(rig.entries().await.is_empty(), "no refusal: it was our own fault");
}
