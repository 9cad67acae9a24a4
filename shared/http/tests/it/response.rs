use engine_core::access::Tier;
use engine_http::response::with_allowance;
use engine_http::{Answer, Problem, Reply, into_response};
use lambda_http::http::HeaderMap;
use lambda_http::{Body, Response};
use serde_json::{Value, json};

use crate::{context, problem::examples};

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name).map(|value| value.to_str().unwrap())
}

fn respond(answer: Answer) -> Response<Body> {
    into_response(answer, &context())
}

#[test]
fn every_answer_carries_the_security_headers_and_ids_once() {
    let answers = examples().into_iter().map(Err).chain([Reply::ok(&json!({"a": "1"}))]);
    for answer in answers {
        let response = respond(answer);
        let headers = response.headers();
        for (name, value) in [
            ("strict-transport-security", "max-age=63072000; includeSubDomains"),
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
            ("cache-control", "no-store"),
            ("x-request-id", "019a9f60-0000-7000-8000-000000000000"),
            ("x-correlation-id", "desk-7"),
        ] {
            assert_eq!(header(headers, name), Some(value));
            assert_eq!(headers.get_all(name).iter().count(), 1);
        }
    }
}

#[test]
fn replies_are_json_with_their_status() {
    for (answer, status) in [(Reply::ok(&json!({"a": "1"})), 200), (Reply::with_status(503, &json!({"a": "1"})), 503)] {
        let response = respond(answer);
        assert_eq!(response.status(), status);
        assert_eq!(header(response.headers(), "content-type"), Some("application/json"));
        assert_eq!(response.body().as_ref(), br#"{"a":"1"}"#);
        assert_eq!(header(response.headers(), "ratelimit"), None);
    }
}

#[test]
fn problems_carry_what_their_status_asks_for() {
    for problem in examples() {
        let (code, status) = (problem.code.as_str(), problem.code.status());
        let response = respond(Err(problem));
        let headers = response.headers();
        assert_eq!(response.status(), status, "{code}");
        assert_eq!(header(headers, "content-type"), Some("application/problem+json"));
        let body: Value = serde_json::from_slice(response.body()).unwrap();
        assert_eq!(body["status"], status);
        let challenge = r#"ApiKey realm="borrow-rate-engine", Bearer realm="borrow-rate-engine""#;
        let challenge = (status == 401).then_some(challenge);
        assert_eq!(header(headers, "www-authenticate"), challenge, "{code}");
        assert_eq!(header(headers, "allow"), (status == 405).then_some("GET, POST"), "{code}");
        let retry = match code {
            "step_up_locked" => Some("900"),
            "too_many_failures" => Some("300"),
            "rate_limited" => Some("3"),
            "unavailable" => Some("1"),
            _ => None,
        };
        assert_eq!(header(headers, "retry-after"), retry, "{code}");
        assert_eq!(header(headers, "ratelimit").is_some(), code == "rate_limited", "{code}");
    }
}

#[test]
fn what_was_created_is_201_and_says_where_it_is() {
    let response = respond(Reply::created("/admin/api-keys/k", &json!({"key_id": "k"})));
    assert_eq!(response.status(), 201);
    assert_eq!(header(response.headers(), "location"), Some("/admin/api-keys/k"));
    assert_eq!(header(respond(Reply::ok(&1)).headers(), "location"), None);
}

#[test]
fn a_known_allowance_is_told_on_any_answer() {
    let tier = Tier::ALL[1];
    let allowance = tier.allowance(tier.interval(50), 0);
    for answer in [Reply::ok(&1), Err(Problem::ticker_not_found())] {
        let response = respond(with_allowance(answer, tier, allowance));
        assert_eq!(header(response.headers(), "ratelimit-policy"), Some(r#""key";q=300;w=60"#));
        assert_eq!(header(response.headers(), "ratelimit"), Some(r#""key";r=100;t=10"#));
    }
}

#[test]
fn an_allowance_of_its_own_stays() {
    let tier = Tier::ALL[1];
    let (empty, full) = (tier.allowance(tier.interval(150), 0), tier.allowance(0, 0));
    let answer = with_allowance(Err(Problem::ticker_not_found().with_allowance(tier, empty)), tier, full);
    assert_eq!(answer.unwrap_err().allowance, Some((tier, empty)));
}

#[test]
fn without_a_correlation_id_none_is_made_up() {
    let context = engine_http::RequestContext { correlation_id: None, ..context() };
    let response = into_response(Reply::ok(&1), &context);
    assert_eq!(header(response.headers(), "x-correlation-id"), None);
}

#[test]
fn what_cannot_be_written_is_an_internal_error() {
    let unwritable = std::collections::BTreeMap::from([((1, 2), 3)]);
    assert_eq!(Reply::ok(&unwritable).unwrap_err().code, engine_http::Code::InternalError);
}
