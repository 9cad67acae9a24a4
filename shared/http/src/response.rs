//! An answer as an HTTP response.

use engine_core::access::{Allowance, Tier};
use lambda_http::http::StatusCode;
use lambda_http::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use lambda_http::{Body, Response};
use serde::Serialize;

use crate::context::RequestContext;
use crate::problem::Problem;

const JSON: &str = "application/json";
const PROBLEM_JSON: &str = "application/problem+json";
/// Every kind of credential that there is, whatever the route takes: a 401 tells nothing of the route either.
const CHALLENGE: &str = r#"ApiKey realm="borrow-rate-engine", Bearer realm="borrow-rate-engine""#;

/// On every answer: it is for one caller, it is not a page, and nothing may frame, guess or keep it.
const SECURITY_HEADERS: [(&str, &str); 6] = [
    ("strict-transport-security", "max-age=63072000; includeSubDomains"),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    ("referrer-policy", "no-referrer"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("cache-control", "no-store"),
];

/// What a route's handler ends with.
pub type Answer = Result<Reply, Problem>;

/// An answer that is not a problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// JSON text.
    pub body: String,
    /// What the caller can pace itself by.
    pub allowance: Option<(Tier, Allowance)>,
    /// The path of what was created.
    pub location: Option<String>,
}

impl Reply {
    /// 200 with `body` as JSON.
    pub fn ok(body: &impl Serialize) -> Answer {
        Self::with_status(200, body)
    }

    /// Another status with `body` as JSON: a readiness check that fails is an answer, not a problem.
    pub fn with_status(status: u16, body: &impl Serialize) -> Answer {
        match serde_json::to_string(body) {
            Ok(body) => Ok(Self { status, body, allowance: None, location: None }),
            Err(error) => Err(Problem::internal(format!("answer cannot be written: {error}"))),
        }
    }

    /// 201 with `body` as JSON, and where what was created is found.
    pub fn created(location: impl Into<String>, body: &impl Serialize) -> Answer {
        Self::with_status(201, body).map(|reply| Self { location: Some(location.into()), ..reply })
    }

    /// 202 with `body` as JSON, and where what comes of it is found.
    pub fn accepted(location: impl Into<String>, body: &impl Serialize) -> Answer {
        Self::with_status(202, body).map(|reply| Self { location: Some(location.into()), ..reply })
    }
}

/// The answer with what the caller can pace itself by. A problem that says so already keeps its own.
pub fn with_allowance(answer: Answer, tier: Tier, allowance: Allowance) -> Answer {
    match answer {
        Ok(reply) => Ok(Reply { allowance: Some((tier, allowance)), ..reply }),
        Err(problem) if problem.allowance.is_none() => Err(problem.with_allowance(tier, allowance)),
        Err(problem) => Err(problem),
    }
}

/// The HTTP status of an answer.
#[must_use]
pub fn status(answer: &Answer) -> u16 {
    match answer {
        Ok(reply) => reply.status,
        Err(problem) => problem.code.status(),
    }
}

/// The response: JSON or `application/problem+json`, with the headers that every answer carries.
#[must_use]
pub fn into_response(answer: Answer, context: &RequestContext) -> Response<Body> {
    let status = StatusCode::from_u16(status(&answer)).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    let mut headers = HeaderMap::new();
    for (name, value) in SECURITY_HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    insert(&mut headers, HeaderName::from_static("x-request-id"), &context.request_id);
    if let Some(id) = &context.correlation_id {
        insert(&mut headers, HeaderName::from_static("x-correlation-id"), id);
    }
    let (body, content_type, allowance) = match answer {
        Ok(reply) => {
            if let Some(location) = &reply.location {
                insert(&mut headers, header::LOCATION, location);
            }
            (reply.body, JSON, reply.allowance)
        }
        Err(problem) => {
            problem_headers(&mut headers, &problem, status);
            // Strings and numbers only: writing them cannot fail.
            let body = serde_json::to_string(&problem.body(context)).unwrap_or_default();
            (body, PROBLEM_JSON, problem.allowance)
        }
    };
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    if let Some((tier, allowance)) = allowance {
        allowance_headers(&mut headers, tier, allowance);
    }
    let mut response = Response::new(Body::Text(body));
    *response.status_mut() = status;
    *response.headers_mut() = headers;
    response
}

fn problem_headers(headers: &mut HeaderMap, problem: &Problem, status: StatusCode) {
    if status == StatusCode::UNAUTHORIZED {
        headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
    }
    if let Some(allow) = &problem.allow {
        insert(headers, header::ALLOW, allow);
    }
    if let Some(seconds) = problem.retry_after_seconds {
        headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    }
}

/// draft-ietf-httpapi-ratelimit-headers-11: a quota of so many a minute, and what is left of it.
fn allowance_headers(headers: &mut HeaderMap, tier: Tier, allowance: Allowance) {
    let policy = format!(r#""key";q={};w=60"#, tier.per_minute());
    let left = format!(r#""key";r={};t={}"#, allowance.remaining, allowance.reset_seconds);
    insert(headers, HeaderName::from_static("ratelimit-policy"), &policy);
    insert(headers, HeaderName::from_static("ratelimit"), &left);
}

/// Leaves out what cannot stand in a header; nothing that gets here can be so.
fn insert(headers: &mut HeaderMap, name: HeaderName, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        headers.insert(name, value);
    }
}
