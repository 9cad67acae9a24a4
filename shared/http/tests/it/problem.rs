use engine_core::access::{Refusal, Tier};
use engine_core::field::FieldError;
use engine_http::{Code, Missing, Problem};

use crate::context;

/// One problem of each code, made as the functions make it.
pub(crate) fn examples() -> Vec<Problem> {
    let tier = Tier::ALL[0];
    let tat = tier.interval(60);
    let limited = tier.take(tat, 0, 3).unwrap_err();
    vec![
        Problem::invalid(vec![FieldError::new("positions[3].ticker", "is required")]),
        Problem::malformed_body(),
        Problem::not_authenticated(),
        Problem::key_expired(),
        Problem::key_revoked(),
        Problem::key_not_confirmed(),
        Problem::key_frozen(),
        Problem::not_permitted(),
        Problem::client_mismatch(),
        Problem::step_up_required(),
        Problem::step_up_failed(),
        Problem::step_up_not_enrolled(),
        Problem::approval_not_allowed("who asks cannot approve"),
        Problem::ticker_not_found(),
        Problem::resource_not_found(),
        Problem::route_not_found(),
        Problem::method_not_allowed("GET, POST".into()),
        Problem::conflict("the key is REVOKED"),
        Problem::body_too_large(65_536),
        Problem::unsupported_media_type(),
        Problem::idempotency_mismatch(),
        Problem::step_up_locked(900),
        Problem::too_many_failures(300),
        Problem::rate_limited(limited, tier, tier.allowance(tat, 0)),
        Problem::internal("table row 7"),
        Problem::unavailable("dynamodb:GetItem failed"),
    ]
}

#[test]
fn every_code_has_its_body() {
    let examples = examples();
    let codes: Vec<_> = examples.iter().map(|problem| problem.code).collect();
    assert_eq!(codes, Code::ALL, "an example for each, in order");
    for problem in examples {
        insta::assert_json_snapshot!(problem.code.as_str(), problem.body(&context()));
    }
}

#[test]
fn names_are_distinct_and_status_is_an_error() {
    for (index, code) in Code::ALL.iter().enumerate() {
        assert!((400..600).contains(&code.status()));
        assert!(Code::ALL[..index].iter().all(|other| other.as_str() != code.as_str()));
    }
}

#[test]
fn a_stores_error_is_told_to_the_log_only() {
    use engine_aws::Error;
    for (error, code, retry) in [
        (Error::Unavailable { operation: "dynamodb:GetItem", cause: "secret".into() }, Code::Unavailable, Some(1)),
        (Error::Conflict("secret".into()), Code::Unavailable, Some(1)),
        (Error::NotFound("secret".into()), Code::InternalError, None),
        (Error::Corrupt { what: "key", cause: "secret".into() }, Code::InternalError, None),
    ] {
        let problem = Problem::from(error);
        assert_eq!((problem.code, problem.retry_after_seconds), (code, retry));
        assert!(problem.internal.as_deref().unwrap().contains("secret"));
        assert!(!serde_json::to_string(&problem.body(&context())).unwrap().contains("secret"));
    }
}

#[test]
fn refusals_become_their_problems() {
    for (refusal, code) in [
        (Refusal::NotAuthenticated, Code::NotAuthenticated),
        (Refusal::Expired, Code::KeyExpired),
        (Refusal::Revoked, Code::KeyRevoked),
        (Refusal::NotConfirmed, Code::KeyNotConfirmed),
        (Refusal::Frozen, Code::KeyFrozen),
    ] {
        assert_eq!(Problem::from(refusal).code, code);
    }
    assert_eq!(Problem::from(Missing::NotFound).code, Code::RouteNotFound);
    assert_eq!(Problem::from(Missing::MethodNotAllowed { allow: "GET".into() }).allow.as_deref(), Some("GET"));
    assert_eq!(Problem::from(vec![FieldError::new("a", "b")]), Problem::invalid_field("a", "b"));
}
